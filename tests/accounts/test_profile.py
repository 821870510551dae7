"""A profile: one JSON object, read strictly, and what is told of a subject by it."""

import json
from datetime import timedelta

import pytest
from msgspec import structs
from redis.asyncio import Redis
from support.accounts import THEN, an_account

from token_server.accounts.profile import LARGEST_PROFILE, AccountProfiles, read_profile
from token_server.problems import Problem
from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.tokens.model import Subject
from token_server.tokens.profiles import Profile

ALICE = Subject("alice")


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        (b"{}", "{}"),
        (b'\xef\xbb\xbf{"a":1}', '{"a":1}'),
        (b' {"a": [1, 2.5, null, true]}\n', '{"a":[1,2.5,null,true]}'),
        ('{"name": "J\u00f6rg", "b": "\\u00e9"}'.encode(), '{"name":"J\u00f6rg","b":"\u00e9"}'),
        (b'{"b": 1, "a": {"z": 1, "b": 2}}', '{"b":1,"a":{"z":1,"b":2}}'),
        (b'{"money": 9007199254740993}', '{"money":9007199254740993}'),
    ],
)
def test_a_profile_is_kept_as_given(document: bytes, kept: str) -> None:
    """Members in their order, numbers exact, characters as themselves."""
    assert read_profile(document) == kept


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"null", b"[]", b'"text"', b"{}{}", b"{'a': 1}", b'{"a": 1,}', b"\xff", b"\x00"),
        *(b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}'),
        *(b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}', b'{"a": %s}' % (b"9" * 5000)),
        *(b'{"a": "\\ud800"}', b'{"\\ud800": 1}', b'{"a": "\n"}'),
        "{}".encode("utf-16"),
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
)
def test_what_is_no_json_object_is_a_problem(document: bytes) -> None:
    with pytest.raises(Problem):
        read_profile(document)


def test_the_largest_profile_is_64_kib() -> None:
    frame = len('{"a":""}')
    largest = json.dumps({"a": "x" * (LARGEST_PROFILE - frame)}, separators=(",", ":"))
    assert read_profile(largest.encode()) == largest
    with pytest.raises(Problem):
        read_profile(largest.encode() + b" ")


@pytest.mark.anyio
async def test_a_subjects_profile_is_what_its_account_holds(redis: Redis) -> None:
    accounts = Accounts(Engine(redis, waits_for_fsync=False), keep=timedelta(days=15))
    moments = [THEN + timedelta(hours=hours) for hours in range(3)]
    account = structs.replace(
        an_account(),
        created_at=moments[0],
        updated_at=moments[1],
        password_updated_at=moments[2],
    )
    await accounts.add(account)
    assert await AccountProfiles(accounts)(ALICE) == Profile(
        subject=ALICE,
        document={"email": "é@b.example"},
        created_at=moments[0],
        updated_at=moments[1],
        password_updated_at=moments[2],
    )
    later = THEN + timedelta(days=1)
    await accounts.disable(ALICE, at=later)
    told = await AccountProfiles(accounts)(ALICE)
    assert (told.disabled, told.updated_at) == (True, later)


@pytest.mark.anyio
async def test_a_subject_without_an_account_has_an_empty_profile(redis: Redis) -> None:
    accounts = Accounts(Engine(redis, waits_for_fsync=False), keep=timedelta(days=15))
    assert await AccountProfiles(accounts)(ALICE) == Profile(subject=ALICE)
