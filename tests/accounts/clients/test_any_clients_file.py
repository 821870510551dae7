"""Whatever stands in a clients file: it is read, or told as a problem, and nothing else comes."""

from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.desk import DEFAULTS, FILE, read
from support.profiles import often

from token_server.accounts.clients.entries import read_client, read_issuer
from token_server.accounts.clients.file import read_clients
from token_server.accounts.clients.tables import Faults, Table
from token_server.problems import Problem


def members_of_a_client() -> list[str]:
    table = Table({}, (), Faults())
    read_client(table, DEFAULTS)
    return table.known


def members_of_an_issuer() -> list[str]:
    table = Table({}, (), Faults())
    read_issuer(table, {})
    return table.known


VALUES = (
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "inf", "nan", "-1", "1e400", "true", "0"),
    *(
        '""',
        '"\\u0000"',
        '"\\U0001F600"',
        '" "',
        '"none"',
        '"private_key_jwt"',
        "9" * 30,
        "'''x'''",
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "[1]",
        '["a"]',
        '[["a"]]',
        '[""]',
        "[nan]",
        '["a", 1]',
        "[true]",
    ),
    *("{ keys = 1 }", "{ keys = [1] }", "{ keys = [{}] }", "{ keys = [[]] }", "{ x = 1 }"),
    *('{ keys = [{ kty = "RSA" }] }', '{ keys = [{ kty = "EC", crv = "P-256", x = 1 }] }'),
    *('{ keys = [{ kty = "RSA", n = "ä", e = "AQAB" }] }', '{ keys = [{ kty = ["RSA"] }] }'),
    *('{ keys = [{ kty = "OKP", crv = "Ed25519", x = "" }] }', "{ keys = [{ kty = nan }] }"),
    *('{ keys = [{ kty = "EC", crv = "P-256", x = "", y = "", alg = [] }] }', '"https://["'),
)


def tables(kind: str, names: list[str]) -> st.SearchStrategy[str]:
    members = st.dictionaries(st.sampled_from(names), st.sampled_from(VALUES))
    return members.map(
        lambda given: f"[[{kind}]]\n" + "".join(f"{name} = {v}\n" for name, v in given.items())
    )


files = st.lists(
    tables("clients", members_of_a_client()) | tables("trusted_issuers", members_of_an_issuer()),
    max_size=4,
).map("".join)


@settings(max_examples=often(60))
@given(files)
def test_members_of_any_type_are_read_or_told(toml: str) -> None:
    with suppress(Problem):
        read(toml)


@settings(max_examples=often(60))
@given(
    st.binary()
    | st.tuples(st.integers(0, len(FILE)), st.binary(max_size=4)).map(
        lambda cut: FILE.encode()[: cut[0]] + cut[1] + FILE.encode()[cut[0] + 1 :]
    )
)
def test_any_bytes_are_read_or_told(data: bytes) -> None:
    with suppress(Problem):
        read_clients(data, DEFAULTS, file=Path("clients.toml"))
