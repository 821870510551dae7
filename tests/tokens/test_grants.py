"""Access tokens that come alone: a client's own, and exchanged ones."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from support import client_desk, rule_book
from support.rule_book import (
    INVOICES,
    MODERN,
    PROFILE,
    RuleBook,
    claims_of,
    header_of,
)
from support.sessions import POLICY

from token_server.tokens.clients import Asked, Client
from token_server.tokens.refusals import (
    RequestMalformed,
    ScopeRefused,
    SessionEnded,
    SessionUnknown,
    TargetRefused,
    TokenExpired,
    TokenForged,
    TokenMalformed,
    TokenMisplaced,
    TokenRefused,
    TokenRevoked,
)

pytestmark = pytest.mark.anyio
NOTHING = Asked()
BILLING = replace(client_desk.BILLING, may_exchange=frozenset({"portal", "access"}))
READER = replace(client_desk.READER, may_exchange=frozenset({"portal", "access"}))
PORTAL = replace(rule_book.PORTAL, may_exchange=frozenset({"billing"}))


async def test_a_clients_own_token_names_the_client_as_its_subject(book: RuleBook) -> None:
    issued = await book.rules.client_credentials(BILLING, NOTHING)
    claims = claims_of(issued.access_token)
    assert list(claims) == [
        *("unique_name", "nbf", "exp", "iat", "aud", "iss", "sub", "jti", "client_id", "scope")
    ]
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("billing", "billing", "access")
    assert claims["scope"] == issued.scope == "invoices:read invoices:write"
    assert issued.expires_at - issued.issued_at == POLICY.access_token_lifetime
    assert await book.redis.keys("*:session:*") == []


async def test_a_clients_own_token_of_rfc_9068(book: RuleBook) -> None:
    issued = await book.rules.client_credentials(MODERN, Asked(scope="invoices:read"))
    assert header_of(issued.access_token)["typ"] == "at+jwt"
    assert list(claims_of(issued.access_token)) == [
        *("iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope")
    ]
    assert claims_of(issued.access_token)["aud"] == INVOICES


async def test_two_of_a_clients_own_tokens_are_two(book: RuleBook) -> None:
    issued = [await book.rules.client_credentials(BILLING, NOTHING) for _ in range(2)]
    assert len({claims_of(each.access_token)["jti"] for each in issued}) == 2


async def test_a_client_gets_no_more_than_it_is_registered_for(book: RuleBook) -> None:
    with pytest.raises(ScopeRefused):
        await book.rules.client_credentials(BILLING, Asked(scope="invoices:read admin"))
    with pytest.raises(TargetRefused):
        await book.rules.client_credentials(BILLING, Asked(resources=(PROFILE,)))


@pytest.mark.parametrize("scope", [" invoices:read", "invoices:read ", "invoices:read   profile"])
async def test_a_blank_too_many_is_no_name_of_a_scope(book: RuleBook, scope: str) -> None:
    """RFC 6749 §3.3 has one space between names; clients that join lists send more."""
    wide = replace(BILLING, scope=(*BILLING.scope, "profile"))
    issued = await book.rules.client_credentials(wide, Asked(scope=scope))
    assert issued.scope == " ".join(scope.split())


async def test_a_clients_own_token_ends_no_session(book: RuleBook) -> None:
    issued = await book.rules.client_credentials(BILLING, NOTHING)
    with pytest.raises(SessionUnknown):
        await book.rules.log_out(issued.access_token)
    with pytest.raises(TokenMisplaced):
        await book.rules.refresh(issued.access_token, client=BILLING)


@pytest.mark.parametrize("whose", [None, PORTAL], ids=["nobody", "portal"])
async def test_what_another_client_got_in_exchange_logs_nobody_out(
    book: RuleBook, whose: Client | None
) -> None:
    pair = await book.issue(client=whose)
    issued = await book.rules.exchange(BILLING, pair.access_token, NOTHING)
    with pytest.raises(TokenMisplaced):
        await book.rules.log_out(issued.access_token)
    await book.rules.refresh(pair.refresh_token, client=whose)
    await book.rules.log_out(pair.access_token)


async def test_until_when_its_key_is_needed_is_recorded_first(book: RuleBook) -> None:
    issued = await book.rules.client_credentials(BILLING, NOTHING)
    kid = header_of(issued.access_token)["kid"]
    recorded = int((await book.redis.hgetall("token-server:key-expiries"))[kid.encode()])
    assert claims_of(issued.access_token)["exp"] <= recorded // 1_000_000


async def test_an_exchanged_token_is_narrower_for_another_audience_and_of_the_same_session(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    issued = await book.rules.exchange(
        BILLING, pair.access_token, Asked(scope="invoices:read", resources=(INVOICES,))
    )
    subject, exchanged = claims_of(pair.access_token), claims_of(issued.access_token)
    assert (exchanged["sub"], exchanged["sid"]) == ("alice", subject["sid"])
    assert (exchanged["client_id"], exchanged["aud"]) == ("billing", INVOICES)
    assert exchanged["scope"] == issued.scope == "invoices:read"
    assert exchanged["jti"] != subject["jti"]
    assert "act" not in exchanged


async def test_where_no_scope_is_asked_for_it_is_what_both_have(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    issued = await book.rules.exchange(BILLING, pair.access_token, NOTHING)
    assert issued.scope == "invoices:read"


async def test_a_token_without_scope_is_exchanged_for_one_that_allows_nothing(
    book: RuleBook,
) -> None:
    """Of a client that has a scope; without one, what it gets is unrestricted as before."""
    pair = await book.issue()
    issued = await book.rules.exchange(BILLING, pair.access_token, NOTHING)
    assert issued.scope == claims_of(issued.access_token)["scope"] == ""
    again = await book.rules.exchange(BILLING, issued.access_token, NOTHING)
    assert claims_of(again.access_token)["scope"] == ""
    unlimited = await book.rules.exchange(READER, pair.access_token, NOTHING)
    assert unlimited.scope is None
    with pytest.raises(ScopeRefused):
        await book.rules.exchange(BILLING, pair.access_token, Asked(scope="invoices:read"))


@pytest.mark.parametrize(
    "scope", ["profile", "invoices:write", "invoices:read invoices:write", "admin"]
)
async def test_exchange_never_widens(book: RuleBook, scope: str) -> None:
    """Neither beyond the subject token nor beyond the client that asks."""
    pair = await book.issue(client=PORTAL)
    with pytest.raises(ScopeRefused):
        await book.rules.exchange(BILLING, pair.access_token, Asked(scope=scope))


async def test_who_has_no_scope_in_common_gets_no_token_that_looks_unlimited(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    with pytest.raises(ScopeRefused):
        await book.rules.exchange(READER, pair.access_token, NOTHING)


async def test_where_no_audience_is_asked_for_exchange_does_not_widen_it_either(
    book: RuleBook,
) -> None:
    narrow = await book.issue(client=PORTAL, asked=Asked(resources=(INVOICES, PROFILE)))
    issued = await book.rules.exchange(BILLING, narrow.access_token, NOTHING)
    assert claims_of(issued.access_token)["aud"] == INVOICES
    foreign = await book.issue(client=PORTAL, asked=Asked(resources=(PROFILE,)))
    with pytest.raises(TargetRefused):
        await book.rules.exchange(BILLING, foreign.access_token, NOTHING)


async def test_it_never_outlives_the_subject_token(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    long = replace(
        BILLING, policy=structs.replace(POLICY, access_token_lifetime=timedelta(days=1))
    )
    book.clock.move(minutes=10)
    issued = await book.rules.exchange(long, pair.access_token, NOTHING)
    assert claims_of(issued.access_token)["exp"] == claims_of(pair.access_token)["exp"]
    again = await book.rules.exchange(long, issued.access_token, NOTHING)
    assert claims_of(again.access_token)["exp"] == claims_of(pair.access_token)["exp"]
    short = replace(
        BILLING, policy=structs.replace(POLICY, access_token_lifetime=timedelta(minutes=1))
    )
    issued = await book.rules.exchange(short, pair.access_token, NOTHING)
    assert issued.expires_at == book.clock() + timedelta(minutes=1)


async def test_it_dies_with_its_session(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    issued = await book.rules.exchange(BILLING, pair.access_token, NOTHING)
    await book.rules.revoke(pair.refresh_token, client=PORTAL)
    assert await book.rules.introspect(issued.access_token, client=BILLING) is None
    with pytest.raises(SessionEnded):
        await book.rules.exchange(BILLING, issued.access_token, NOTHING)


async def test_an_actor_is_named_and_those_before_it_are_nested(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    token = pair.access_token
    for client in (BILLING, PORTAL):
        actor = await book.rules.client_credentials(client, NOTHING)
        issued = await book.rules.exchange(
            client, token, NOTHING, unverified_actor_token=actor.access_token
        )
        token = issued.access_token
    assert claims_of(token)["sub"] == "alice"
    assert claims_of(token)["act"] == {"sub": "portal", "act": {"sub": "billing"}}
    kept = await book.rules.exchange(BILLING, token, NOTHING)
    assert claims_of(kept.access_token)["act"] == claims_of(token)["act"]
    members = await book.rules.introspect(kept.access_token, client=BILLING)
    assert members is not None
    assert members["act"] == claims_of(token)["act"]


async def test_a_chain_of_actors_has_an_end(book: RuleBook) -> None:
    token = (await book.issue(client=BILLING)).access_token
    actor = (await book.rules.client_credentials(BILLING, NOTHING)).access_token
    for _ in range(8):
        issued = await book.rules.exchange(BILLING, token, NOTHING, unverified_actor_token=actor)
        token = issued.access_token
    with pytest.raises(RequestMalformed):
        await book.rules.exchange(BILLING, token, NOTHING, unverified_actor_token=actor)
    await book.rules.exchange(BILLING, token, NOTHING)


@pytest.mark.parametrize("place", ["subject", "actor"])
async def test_only_a_live_access_token_of_ours_is_exchanged_or_acts(
    book: RuleBook, place: str
) -> None:
    pair, dead = await book.issue(client=BILLING), await book.issue(client=BILLING)
    revoked, old = await book.issue(client=BILLING), await book.issue(client=BILLING)
    await book.rules.log_out(dead.access_token)
    await book.rules.revoke(revoked.access_token, client=BILLING)
    claims = claims_of(pair.access_token)
    header, payload, _ = pair.access_token.split(".")
    cases: dict[str, type[TokenRefused]] = {
        pair.refresh_token: TokenMisplaced,
        dead.access_token: SessionEnded,
        revoked.access_token: TokenRevoked,
        book.signed(claims | {"exp": claims["iat"]}): TokenExpired,
        book.signed(claims | {"iss": "https://other.example"}): TokenMisplaced,
        book.signed(claims | {"aud": "refresh"}): TokenMisplaced,
        book.signed(claims | {"sid": "A" * 22}): SessionUnknown,
        f"{header}.{payload}.{old.access_token.split('.')[2]}": TokenForged,
        f"{header}.{payload}": TokenMalformed,
        "": TokenMalformed,
    }
    for token, refusal in cases.items():
        subject, actor = (token, None) if place == "subject" else (pair.access_token, token)
        with pytest.raises(refusal):
            await book.rules.exchange(BILLING, subject, NOTHING, unverified_actor_token=actor)


async def test_another_audience_than_the_clients_is_no_target_of_an_exchange(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    for resource in (PROFILE, "refresh", "access"):
        with pytest.raises(TargetRefused):
            await book.rules.exchange(BILLING, pair.access_token, Asked(resources=(resource,)))
