"""What a refresh checks before the store is asked, and which key signs what follows."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from support.keys import private_key, private_keys, public_key
from support.rule_book import ALICE, PORTAL, RuleBook, claims_of, header_of
from support.sessions import POLICY
from support.signing import compact

from token_server.signing import jws
from token_server.signing.lifecycle import Keyset, SigningKey
from token_server.signing.live import Keys
from token_server.store.engine import Engine
from token_server.store.sessions import SessionEnds
from token_server.tokens.clients import Asked
from token_server.tokens.model import EndReason, Kid, Policy
from token_server.tokens.refusals import (
    AccountDisabled,
    KeysetAstray,
    KeyUnknown,
    SessionEnded,
    TargetRefused,
    TemporarilyUnavailable,
    TokenForged,
)

pytestmark = pytest.mark.anyio
STRICT = replace(
    PORTAL,
    policy=structs.replace(POLICY, grace_period=timedelta(0), recovery_period=timedelta(0)),
)


def events(book: RuleBook) -> list[str]:
    return [fact["event"] for fact in book.facts]


async def test_an_account_that_bars_a_session_is_named_to_the_operator(book: RuleBook) -> None:
    with pytest.raises(AccountDisabled) as refused:
        await book.rules.issue(ALICE, of_account=True)
    assert refused.value.ids == {"sub": "alice"}
    assert book.facts == []


async def test_a_wrong_target_does_not_spend_the_refresh_token(book: RuleBook) -> None:
    pair = await book.issue(client=STRICT)
    with pytest.raises(TargetRefused):
        await book.rules.refresh(
            pair.refresh_token, client=STRICT, asked=Asked(resources=("https://evil.example",))
        )
    await book.rules.refresh(pair.refresh_token, client=STRICT)
    assert events(book) == ["session_begun", "rotated"]


async def test_a_refresh_token_with_another_signature_is_rejected(book: RuleBook) -> None:
    pair = await book.issue()
    signed, _, signature = pair.refresh_token.rpartition(".")
    wrong = bytearray(base64.urlsafe_b64decode(signature + "=="))
    wrong[-1] ^= 1
    forged = f"{signed}.{base64.urlsafe_b64encode(wrong).rstrip(b'=').decode()}"
    with pytest.raises(TokenForged):
        await book.rules.refresh(forged)
    assert events(book) == ["session_begun"]


@pytest.mark.parametrize(
    "policy",
    [
        POLICY,
        structs.replace(
            POLICY,
            access_token_lifetime=timedelta(days=30),
            refresh_token_lifetime=timedelta(days=1),
        ),
    ],
    ids=["the refresh token lives longer", "the access token lives longer"],
)
async def test_the_key_that_signs_a_repeat_is_published_until_both_tokens_have_expired(
    book: RuleBook, policy: Policy
) -> None:
    """Also where this server's own lifetimes are shorter than those of the pair."""
    long = replace(PORTAL, policy=policy)
    first = await book.issue(client=long)
    second = await book.rules.refresh(first.refresh_token, client=long)
    now_signing = book.revoke_the_key()
    hour = timedelta(hours=1)
    short_policy = structs.replace(
        POLICY, access_token_lifetime=hour / 4, refresh_token_lifetime=hour
    )
    repeat = await book.rules.refresh(
        first.refresh_token, client=replace(PORTAL, policy=short_policy)
    )
    assert header_of(repeat.access_token)["kid"] == now_signing
    assert claims_of(repeat.refresh_token) == claims_of(second.refresh_token)
    recorded = await book.redis.hget("token-server:key-expiries", now_signing)
    latest = max(claims_of(token)["exp"] for token in (repeat.access_token, repeat.refresh_token))
    assert int(recorded or 0) // 1_000_000 >= latest


async def test_a_key_that_no_server_knows_is_refused_and_one_that_may_be_new_is_not_decided_on(
    book: RuleBook,
) -> None:
    stranger = compact(jws.header_of(Kid("of another keyset")), {"aud": "refresh"}, private_key(3))
    with pytest.raises(KeyUnknown):
        await book.rules.refresh(stranger)
    book.keys.is_current = False
    with pytest.raises(KeysetAstray):
        await book.rules.refresh(stranger)


async def test_a_key_that_was_not_known_is_looked_for_in_the_newest_keyset(book: RuleBook) -> None:
    before, newer = book.keys.keys, _rotated(book)
    book.keys.take(newer)
    pair = await book.issue()
    book.keys.take(before)
    book.keys.newer = newer
    await book.rules.refresh(pair.refresh_token)


async def test_an_access_token_of_a_revoked_key_ends_no_session(book: RuleBook) -> None:
    pair = await book.issue()
    book.revoke_the_key()
    with pytest.raises(KeyUnknown):
        await book.rules.log_out(pair.access_token)
    await book.rules.refresh(pair.refresh_token)


@pytest.mark.parametrize("because", [EndReason.LOGOUT, EndReason.REVOKED, EndReason.ALL_ENDED])
async def test_a_session_that_ended_says_why(book: RuleBook, because: EndReason) -> None:
    pair = await book.issue()
    if because is EndReason.LOGOUT:
        await book.rules.log_out(pair.access_token)
    elif because is EndReason.REVOKED:
        await book.rules.revoke(pair.refresh_token, client=None)
    else:
        engine = Engine(book.redis, waits_for_fsync=False)
        await SessionEnds(engine, keep=timedelta(days=15)).end_all(ALICE)
    with pytest.raises(SessionEnded) as refused:
        await book.rules.refresh(pair.refresh_token)
    assert refused.value.ids["because"] == because


async def test_no_session_begins_before_the_expiry_of_its_tokens_is_recorded(
    book: RuleBook,
) -> None:
    await book.redis.set("token-server:key-expiries", "of a type that takes no record")
    with pytest.raises(TemporarilyUnavailable):
        await book.issue()
    assert await book.redis.keys("*:session:*") == []


async def test_no_token_is_spent_before_the_expiry_of_its_successor_is_recorded(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=STRICT)
    recorded = await book.redis.dump("token-server:key-expiries")
    await book.redis.set("token-server:key-expiries", "of a type that takes no record")
    book.clock.move(hours=1)
    with pytest.raises(TemporarilyUnavailable):
        await book.rules.refresh(pair.refresh_token, client=STRICT)
    await book.redis.restore("token-server:key-expiries", 0, recorded or b"", replace=True)
    await book.rules.refresh(pair.refresh_token, client=STRICT)
    assert events(book) == ["session_begun", "rotated"]


async def test_a_repeat_has_the_bytes_of_the_server_that_knew_the_next_key_first(
    book: RuleBook,
) -> None:
    first = await book.issue()
    before, newer = book.keys.keys, _rotated(book)
    book.keys.take(newer)
    answer = await book.rules.refresh(first.refresh_token)
    book.keys.take(before)
    book.keys.newer = newer
    assert await book.rules.refresh(first.refresh_token) == answer


def _rotated(book: RuleBook) -> Keys:
    """What a rotation makes of the keyset: key 1 signs, and key 2 is pending."""
    now, (first, second) = book.clock(), book.keys.keys.keyset.keys
    third = SigningKey(public=public_key(2), announced_at=now)
    keys = (replace(first, stops_at=now), replace(second, signs_from=now), third)
    return Keys(keyset=Keyset(keys=keys), private_keys=private_keys(0, 1, 2))
