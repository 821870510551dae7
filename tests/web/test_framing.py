"""What a request is for, read as the parser of the HTTP server would read it."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.web.framing import path_and_query

# What the parser lets into the first line of a request.
_IN_A_TARGET = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


def _as_the_parser_has_it(url: bytes) -> tuple[bytes, bytes]:
    parsed = httptools.parse_url(url)
    return parsed.path, parsed.query or b""


@given(st.text(_IN_A_TARGET, max_size=30) | st.text("/?#%a.:@", max_size=12))
def test_a_target_is_read_as_the_parser_reads_it(rest: str) -> None:
    url = f"/{rest}".encode("ascii")
    assert path_and_query(url) == _as_the_parser_has_it(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (b"http://host/path?query", (b"/path", b"query")),
        (b"http://host?query", (b"/", b"query")),
        (b"*", (b"*", b"")),
        (b"/path?a?b", (b"/path", b"a?b")),
        (b"/path#fragment", (b"/path", b"")),
        (b"//host/path", (b"//host/path", b"")),
    ],
)
def test_every_form_of_a_target_that_is_served_has_its_path_and_query(
    url: bytes, expected: tuple[bytes, bytes]
) -> None:
    assert path_and_query(url) == expected


@pytest.mark.parametrize("url", [b"host", b"/caf\xc3\xa9", b"http://host:99999/"])
def test_what_is_no_target_is_refused(url: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        path_and_query(url)
