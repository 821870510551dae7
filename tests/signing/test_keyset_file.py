"""keyset.json: what it says, what it puts up with, what it refuses."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.certificates import as_der, certificate
from support.keys import NOW, fresh_keyset, public_key, revoked_keyset, rotated_keyset

from token_server.signing import certificates, keyset_file, rsa_keys
from token_server.signing.lifecycle import Keyset, PublicKey

Document = dict[str, Any]


def test_the_file_says_this() -> None:
    """A format that others read: changing it is a decision."""
    active, pending = public_key(0), public_key(1)
    assert json.loads(keyset_file.write(fresh_keyset())) == {
        "version": 1,
        "counter": 1,
        "keys": [
            {
                "kid": active.kid,
                "announced_at": "2026-11-21T12:00:00.123456Z",
                "signs_from": "2026-11-21T12:00:00.123456Z",
                "stops_at": None,
                "drops_at": None,
                "revoked_at": None,
                "jwk": {"kty": "RSA", "n": active.n, "e": "AQAB"},
            },
            {
                "kid": pending.kid,
                "announced_at": "2026-11-21T12:00:00.123456Z",
                "signs_from": None,
                "stops_at": None,
                "drops_at": None,
                "revoked_at": None,
                "jwk": {"kty": "RSA", "n": pending.n, "e": "AQAB"},
            },
        ],
    }


@pytest.mark.parametrize(
    "keyset", [fresh_keyset(), rotated_keyset(drops_at=NOW + timedelta(days=9)), revoked_keyset()]
)
def test_what_is_written_reads_back_the_same(keyset: Any) -> None:  # noqa: ANN401 - a Keyset
    assert keyset_file.read(keyset_file.write(keyset)) == keyset


def test_members_of_another_release_are_passed_over() -> None:
    document = json.loads(keyset_file.write(fresh_keyset()))
    document["later"] = document["keys"][0]["later"] = document["keys"][0]["jwk"]["later"] = [1]
    for record in document["keys"]:
        for name in ("stops_at", "drops_at", "revoked_at"):
            del record[name]
    assert keyset_file.read(json.dumps(document)) == fresh_keyset()


def certified_keyset() -> Keyset:
    fresh = fresh_keyset()
    x5c = certificates.chain_of(public_key(0), [certificate(5), certificate(0, by=5)])
    active = replace(fresh.keys[0], public=replace(public_key(0), x5c=x5c))
    return replace(fresh, keys=(active, fresh.keys[1]))


def test_certificates_are_kept() -> None:
    keyset = certified_keyset()
    document = json.loads(keyset_file.write(keyset))
    assert [len(record["jwk"].get("x5c", [])) for record in document["keys"]] == [2, 0]
    assert keyset_file.read(json.dumps(document)) == keyset


@pytest.mark.parametrize(
    ("x5c", "fault"),
    [
        ("text", '"x5c"'),
        ([5], "no text"),
        (["?"], "refused"),
        (["AAAA"], "refused"),
        ([base64.b64encode(as_der(certificate(1))).decode()], "that of another key"),
    ],
)
def test_a_certificate_that_is_none_of_the_keys_is_refused(x5c: object, fault: str) -> None:
    document = json.loads(keyset_file.write(fresh_keyset()))
    document["keys"][0]["jwk"]["x5c"] = x5c
    with pytest.raises(ValueError, match=fault):
        keyset_file.read(json.dumps(document))


def edit(*path: str | int, to: object) -> Callable[[Document], None]:
    def change(document: Any) -> None:  # noqa: ANN401 - JSON
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (edit("version", to=2), "another release"),
        (edit("version", to="1"), '"version"'),
        (edit("keys", to={}), '"keys"'),
        (edit("keys", to=[]), "0 keys"),
        (edit("keys", 1, "signs_from", to="2099-01-01T00:00:00Z"), "2 keys"),
        (edit("keys", 1, "stops_at", to="2026-01-01T00:00:00Z"), "no pending key"),
        (edit("keys", 0, to="a"), r'keys\[0\] has no "announced_at"'),
        (edit("keys", 0, "kid", to=5), r'keys\[0\] has no "kid"'),
        (edit("keys", 1, "announced_at", to=None), r'keys\[1\] has no "announced_at"'),
        (edit("keys", 0, "signs_from", to="soon"), r'"signs_from" of keys\[0\] is no moment'),
        (edit("keys", 0, "signs_from", to=17), r'keys\[0\] has no "signs_from"'),
        (edit("keys", 0, "signs_from", to="2026-01-01T00:00:00"), "not in UTC"),
        (edit("keys", 0, "signs_from", to="0001-01-01T00:00:00+14:00"), "not in UTC"),
        (edit("keys", 0, "signs_from", to="0001-01-01T00:00:00Z"), "too far away"),
        (edit("keys", 0, "stops_at", to="9999-12-31T23:59:59Z"), "too far away"),
        (edit("keys", 0, "kid", to=""), "no name of a key"),
        (edit("keys", 0, "kid", to="\ud800"), "no name of a key"),
        (edit("keys", 1, "jwk", to=None), r'keys\[1\] has no "jwk"'),
        (edit("keys", 1, "jwk", "kty", to="EC"), "no RSA key"),
        (edit("keys", 1, "jwk", "d", to="AQ"), "private"),
        (edit("keys", 1, "jwk", "n", to=5), r'keys\[1\].jwk has no "n"'),
        (edit("keys", 1, "jwk", "n", to="*"), r"keys\[1\].jwk is refused"),
        (edit("keys", 1, "jwk", "e", to=""), r"keys\[1\].jwk is refused"),
        (edit("keys", 1, "jwk", "e", to="AAAA"), r"keys\[1\].jwk is refused"),
        (edit("keys", 1, "jwk", "n", to="_" * 170 + "w"), "1024 bits, fewer than 2048"),
    ],
)
def test_a_damaged_file_is_refused_and_says_where(
    change: Callable[[Document], None], fault: str
) -> None:
    document = json.loads(keyset_file.write(fresh_keyset()))
    change(document)
    with pytest.raises(ValueError, match=fault):
        keyset_file.read(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"keys"', "5"])
def test_what_is_no_keyset_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        keyset_file.read(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    path=st.sampled_from(
        [
            ("version",),
            ("keys",),
            ("keys", 0),
            *[("keys", 0, name) for name in ("kid", "announced_at", "signs_from", "jwk")],
            *[("keys", 1, "jwk", name) for name in ("kty", "n", "e", "x5c")],
        ]
    ),
    value=json_values,
)
def test_whatever_stands_where_it_is_read_or_refused_but_never_a_fault_of_ours(
    path: tuple[str | int, ...], value: object
) -> None:
    document = json.loads(keyset_file.write(fresh_keyset()))
    edit(*path, to=value)(document)
    try:
        keyset = keyset_file.read(json.dumps(document))
    except ValueError:
        return
    assert keyset_file.read(keyset_file.write(keyset)) == keyset


def test_a_key_goes_by_its_thumbprint() -> None:
    """RFC 7638 §3.1: the example there, its key and its thumbprint."""
    example = PublicKey(
        kid=public_key(0).kid,
        n="0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        e="AQAB",
    )
    assert rsa_keys.thumbprint(example) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
