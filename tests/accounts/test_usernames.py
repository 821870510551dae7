"""Names of accounts are compared as RFC 8265 says, and names from before still log in."""

import unicodedata

import pytest
from redis.asyncio import Redis
from support.accounts import an_account
from support.log_in import PEER, Door
from support.users import wide

from token_server.accounts.usernames import canonical_name, record_forms
from token_server.tokens.model import Subject
from token_server.tokens.refusals import AccountUnknown, TooManyAttempts

pytestmark = pytest.mark.anyio

NFC, NFD, WIDE = "café", unicodedata.normalize("NFD", "café"), wide("caf") + "é"
JOINED = "نامه\u200cای"  # noqa: RUF001 - Persian


@pytest.mark.parametrize(
    "name", ["alice", "Alice", "first.last+tag@b.example", "O'Neil", "Jörg K", "ß", "محمد", JOINED]
)
def test_a_usual_name_is_its_own_form(name: str) -> None:
    assert canonical_name(name) == name


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (NFD, NFC),
        (WIDE, NFC),
        (wide("alice"), "alice"),
        (" alice ", "alice"),
        ("ö\u3000\u00a0 K", "ö K"),
    ],
)
def test_composition_width_and_outer_spaces_are_no_difference(name: str, form: str) -> None:
    assert canonical_name(name) == form


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a\u034fb",
        "a\ufe0f",
        "a\u200db",
        "a\u200bb",
        "\u200c",
        "a\nb",
        "ﬁ",
        "😀",
        "\ud800",
    ],
)
def test_what_cannot_be_seen_or_told_apart_is_no_name(name: str) -> None:
    assert canonical_name(name) is None


async def door_with(redis: Redis, *names: str) -> Door:
    """Accounts as an earlier release kept them, each with its name as its password."""
    door = Door(redis)
    for name in names:
        password_hash = await door.passwords.hash(f"of {name!a}")
        assert await door.accounts.add(an_account(name, password_hash=password_hash))
    await record_forms(door.accounts)
    return door


async def logs_in(door: Door, typed: str, name: str) -> bool:
    return await door.log_in(typed, f"of {name!a}", peer=PEER) == name


@pytest.mark.parametrize("typed", ["alice", "alice ", "  alice", wide("alice")])
async def test_a_blank_or_a_width_that_a_keyboard_adds_is_no_matter(
    redis: Redis, typed: str
) -> None:
    assert await logs_in(await door_with(redis, "alice"), typed, "alice")


async def test_case_is_a_difference(redis: Redis) -> None:
    door = await door_with(redis, "alice")
    assert isinstance(await door.refusal("Alice", "of 'alice'"), AccountUnknown)


@pytest.mark.parametrize("typed", [NFC, NFD, WIDE, f"{NFC} "])
@pytest.mark.parametrize("kept", [NFC, NFD])
async def test_an_account_is_found_however_its_name_was_kept(
    redis: Redis, kept: str, typed: str
) -> None:
    assert await logs_in(await door_with(redis, kept), typed, kept)


async def test_accounts_that_collide_log_in_by_exactly_their_names(redis: Redis) -> None:
    door = await door_with(redis, NFC, NFD)
    assert await logs_in(door, NFC, NFC)
    assert await logs_in(door, NFD, NFD)
    assert await record_forms(door.accounts) == [sorted([NFC, NFD])]


@pytest.mark.parametrize("kept", ["a\u034fb", "😀", "x  y"])
async def test_a_name_that_may_no_longer_be_chosen_still_logs_in(redis: Redis, kept: str) -> None:
    door = await door_with(redis, kept)
    assert await record_forms(door.accounts) == []
    assert await logs_in(door, kept, kept)


async def test_a_form_is_forgotten_with_its_account(redis: Redis) -> None:
    door = await door_with(redis, NFD)
    account = await door.accounts.find_by_form(Subject(NFC))
    assert account is not None
    await door.accounts.remove(account.name)
    await record_forms(door.accounts)
    assert not await redis.exists("token-server:account-forms")


async def test_spellings_of_one_name_share_their_attempts(redis: Redis) -> None:
    door = await door_with(redis, NFC)
    for typed in (NFC, NFD, WIDE):
        assert await door.may_try(typed)
    assert isinstance(await door.refusal(f" {NFC}", "x"), TooManyAttempts)
    for typed in ("bob", "bob ", wide("bob")):
        assert await door.may_try(typed)
    assert isinstance(await door.refusal(" bob", "x"), TooManyAttempts)
