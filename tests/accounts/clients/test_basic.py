"""Basic credentials read back as they were written, and nothing breaks their reader."""

import base64
from urllib.parse import quote_plus

from hypothesis import example, given
from hypothesis import strategies as st

from token_server.accounts.clients.basic import is_basic, read_basic

texts = st.text(st.characters(codec="utf-8"))


def header(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


@given(texts, texts)
@example("a:b", "c:d+%20 ä\x00")
def test_what_is_encoded_reads_back_as_the_same(client_id: str, secret: str) -> None:
    written = header(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode())
    assert is_basic(written)
    assert read_basic(written) == (client_id, secret)


@given(st.text(st.characters(codec="utf-8", exclude_characters=":%+")), texts)
def test_whoever_does_not_encode_is_read_as_long_as_nothing_needs_it(
    client_id: str, secret: str
) -> None:
    secret = secret.replace("%", "").replace("+", "")
    assert read_basic(header(f"{client_id}:{secret}".encode())) == (client_id, secret)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"%C3:x")
@example(b"x:%ff")
def test_any_bytes_are_credentials_or_a_value_error(credentials: bytes) -> None:
    try:
        read = read_basic(header(credentials))
    except ValueError:
        return
    assert b":" in credentials
    for part in read:
        part.encode("utf-8")


@given(st.text())
@example("Basic")
@example("Basic \u00e4")
def test_any_header_is_read_or_a_value_error(authorization: str) -> None:
    for each in (authorization, f"Basic {authorization}"):
        try:
            read_basic(each)
        except ValueError:
            continue


@given(st.binary(min_size=1))
def test_no_credentials_have_two_spellings(credentials: bytes) -> None:
    """Only canonical base64 counts (RFC 4648 §3.5)."""
    written = base64.b64encode(b"a:" + credentials).decode()
    if not written.endswith("="):
        return
    last = written.rstrip("=")[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(last) ^ 1]
    stem = written.rstrip("=")[:-1]
    try:
        read_basic(f"Basic {stem}{other}{'=' * written.count('=')}")
    except ValueError:
        return
    raise AssertionError(written)
