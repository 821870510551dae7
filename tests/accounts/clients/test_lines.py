"""Each member is found on the line on which it begins, however the file is written."""

import tomllib
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from token_server.accounts.clients.lines import Where, lines_of, nearest_line

TEXT = '''# a comment, and [[no.table]]
title = "x"

[[clients]]
client_id = """
[[clients]]
x = 1"""
"quoted name" = 1
jwks.keys = [
  { kty = "EC", y = 1 },
  { kty = "RSA" },
]

  [clients.jwks2]
  a = { b = 1 }

[[clients]]  # the second
[[clients.jwks.keys]]
kty = "EC"
[[clients.jwks.keys]]
kty = \'\'\'
a\'\'\'
[other."a.b".c]
d.e = 1
'''
FOUND: dict[Where, int] = {
    ("title",): 2,
    ("clients",): 4,
    ("clients", 0): 4,
    ("clients", 0, "client_id"): 5,
    ("clients", 0, "quoted name"): 8,
    ("clients", 0, "jwks"): 9,
    ("clients", 0, "jwks", "keys", 1, "kty"): 9,
    ("clients", 0, "jwks2"): 14,
    ("clients", 0, "jwks2", "a", "b"): 15,
    ("clients", 1): 17,
    ("clients", 1, "jwks", "keys", 0): 18,
    ("clients", 1, "jwks", "keys", 0, "kty"): 19,
    ("clients", 1, "jwks", "keys", 1): 20,
    ("clients", 1, "jwks", "keys", 1, "kty"): 21,
    ("other", "a.b", "c", "d", "e"): 24,
}


def test_every_way_of_writing_is_found() -> None:
    for text in (TEXT, TEXT.replace("\n", "\r\n")):
        lines = lines_of(text)
        assert {where: lines[where] for where in FOUND} == FOUND


def test_what_is_missing_is_looked_for_where_it_belongs() -> None:
    lines = lines_of(TEXT)
    assert nearest_line(lines, ("clients", 1, "scope")) == 17
    assert nearest_line(lines, ("scope",)) == 1


def ways(value: object) -> Iterator[Where]:
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in entries:
            yield (name,)
            yield from ((name, *way) for way in ways(inner))


STATEMENTS = (
    *("[[clients]]\n", "[[clients.jwks.keys]]\n", "[[trusted_issuers]]\n", "# c\n", "\n"),
    *("a = 1\n", "b = [\n1,\n{ c = 2 }]\n", 'd = """\n[[clients]]\n"""\n', "e.f = { g = [] }\n"),
)


@given(st.lists(st.sampled_from(STATEMENTS)).map("".join))
def test_every_member_of_a_file_has_its_line(text: str) -> None:
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines_of(text)) == set(ways(read))
