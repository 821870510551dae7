"""A session belongs to its client, keeps to its scope, and lives as its client's policy has it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs
from support.client_desk import BILLING
from support.rule_book import (
    ALICE,
    INVOICES,
    MODERN,
    PORTAL,
    PROFILE,
    RuleBook,
    claims_of,
    header_of,
    short,
)
from support.sessions import POLICY

from token_server.tokens.clients import Asked, Client, OnReuse
from token_server.tokens.model import Subject
from token_server.tokens.refusals import (
    AccountDisabled,
    ScopeRefused,
    SessionEnded,
    StoreUnavailable,
    TargetRefused,
    TokenExpired,
    TokenMisplaced,
    TokenReused,
    TokenSpent,
)

pytestmark = pytest.mark.anyio

STRICT = structs.replace(POLICY, grace_period=timedelta(0), recovery_period=timedelta(0))


@pytest.mark.parametrize(
    ("owner", "other"),
    [(PORTAL, BILLING), (PORTAL, None), (None, PORTAL)],
    ids=["another client", "no client", "a client, of nobody's session"],
)
async def test_a_refresh_token_of_another_is_refused_and_its_session_is_untouched(
    book: RuleBook, owner: Client | None, other: Client | None
) -> None:
    first = await book.issue(client=owner)
    second = await book.rules.refresh(first.refresh_token, client=owner)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(TokenMisplaced):
            await book.rules.refresh(token, client=other)
    assert (await book.rules.refresh(first.refresh_token, client=owner)) == second
    await book.rules.refresh(second.refresh_token, client=owner)


async def test_another_client_learns_nothing_of_a_session_that_has_ended(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    await book.rules.log_out(pair.access_token)
    with pytest.raises(TokenMisplaced):
        await book.rules.refresh(pair.refresh_token, client=BILLING)
    with pytest.raises(SessionEnded):
        await book.rules.refresh(pair.refresh_token, client=PORTAL)


async def test_its_access_token_names_client_and_scope_after_the_documented_claims(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    pair = await book.rules.refresh(pair.refresh_token, client=PORTAL)
    claims = claims_of(pair.access_token)
    assert list(claims)[:5] == ["unique_name", "nbf", "exp", "iat", "aud"]
    assert (claims["client_id"], claims["scope"]) == ("portal", "profile invoices:read")
    assert (claims["aud"], pair.scope) == ("access", "profile invoices:read")
    assert list(claims_of(pair.refresh_token))[-2:] == ["sid", "generation"]


async def test_an_anonymous_sessions_tokens_are_as_documented(book: RuleBook) -> None:
    pair = await book.issue(asked=Asked(scope="whatever"))
    assert list(claims_of(pair.access_token)) == [
        *("unique_name", "nbf", "exp", "iat", "aud", "iss", "sub", "jti", "sid")
    ]
    assert pair.scope is None
    (key,) = await book.redis.keys("*:session:*")
    assert not {b"c", b"w", b"u"} & set(await book.redis.hkeys(key))


async def test_a_narrower_scope_narrows_the_access_token_and_not_the_session(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    narrow = await book.rules.refresh(
        pair.refresh_token, client=PORTAL, asked=Asked(scope="profile")
    )
    assert (claims_of(narrow.access_token)["scope"], narrow.scope) == ("profile", "profile")
    wide = await book.rules.refresh(narrow.refresh_token, client=PORTAL)
    assert claims_of(wide.access_token)["scope"] == "profile invoices:read"


@pytest.mark.parametrize("scope", ["invoices:read", "profile admin", "profile\t", " ", "PROFILE"])
async def test_scope_never_widens_and_who_tries_loses_nothing(book: RuleBook, scope: str) -> None:
    strict = replace(PORTAL, policy=STRICT)
    pair = await book.issue(client=strict, asked=Asked(scope="profile"))
    with pytest.raises(ScopeRefused):
        await book.rules.refresh(pair.refresh_token, client=strict, asked=Asked(scope=scope))
    pair = await book.rules.refresh(pair.refresh_token, client=strict)
    assert pair.scope == "profile"


async def test_a_client_that_is_registered_for_less_gets_less_in_its_sessions_too(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    less, nothing = replace(PORTAL, scope=("profile",)), replace(PORTAL, scope=())
    pair = await book.rules.refresh(pair.refresh_token, client=less)
    assert pair.scope == "profile"
    pair = await book.rules.refresh(pair.refresh_token, client=nothing)
    assert pair.scope == claims_of(pair.access_token)["scope"] == ""
    more = replace(PORTAL, scope=(*PORTAL.scope, "admin"))
    assert (await book.rules.refresh(pair.refresh_token, client=more)).scope == PORTAL_SCOPE


PORTAL_SCOPE = " ".join(PORTAL.scope)


@pytest.mark.parametrize(
    ("client", "resources", "aud"),
    [
        (PORTAL, (), "access"),
        (PORTAL, (PROFILE,), PROFILE),
        (PORTAL, (PROFILE, INVOICES, PROFILE), [PROFILE, INVOICES]),
        (MODERN, (), INVOICES),
        (replace(MODERN, audiences=()), (), "access"),
        (replace(PORTAL, audiences=("refresh", PROFILE)), (), "access"),
        (replace(MODERN, audiences=("refresh", PROFILE)), (), PROFILE),
    ],
    ids=short,
)
async def test_a_resource_chooses_the_audience(
    book: RuleBook, client: Client, resources: tuple[str, ...], aud: object
) -> None:
    pair = await book.issue(client=client)
    for asked in (Asked(resources=resources),) * 2:
        pair = await book.rules.refresh(pair.refresh_token, client=client, asked=asked)
        assert claims_of(pair.access_token)["aud"] == aud
        assert claims_of(pair.refresh_token)["aud"] == "refresh"


@pytest.mark.parametrize(
    ("client", "resource"),
    [
        (PORTAL, "https://elsewhere.example"),
        (PORTAL, "access"),
        (replace(PORTAL, audiences=("refresh",)), "refresh"),
        (None, INVOICES),
    ],
    ids=short,
)
async def test_any_other_target_is_refused_and_costs_nothing(
    book: RuleBook, client: Client | None, resource: str
) -> None:
    asked = Asked(resources=(resource,))
    with pytest.raises(TargetRefused):
        await book.issue(client=client, asked=asked)
    pair = await book.issue(client=client)
    with pytest.raises(TargetRefused):
        await book.rules.refresh(pair.refresh_token, client=client, asked=asked)
    assert (await book.rules.refresh(pair.refresh_token, client=client)).session.generation == 1


async def test_an_access_token_of_rfc_9068_says_so_and_holds_its_claims(book: RuleBook) -> None:
    pair = await book.issue(client=MODERN)
    assert header_of(pair.access_token)["typ"] == "at+jwt"
    assert header_of(pair.refresh_token)["typ"] == "rt+jwt"
    assert list(claims_of(pair.access_token)) == [
        *("iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope", "sid")
    ]
    await book.rules.log_out(pair.access_token)


async def test_the_same_request_is_repeated_byte_for_byte_and_another_has_another_id(
    book: RuleBook,
) -> None:
    pair = await book.issue(client=PORTAL)
    requests = [Asked(), Asked(scope="profile"), Asked(resources=(INVOICES,))]
    answers = []
    for asked in requests * 2:
        book.clock.move(seconds=1)
        answers.append(await book.rules.refresh(pair.refresh_token, client=PORTAL, asked=asked))
    assert answers[:3] == answers[3:]
    assert len({claims_of(each.access_token)["jti"] for each in answers}) == 3
    assert len({each.refresh_token for each in answers}) == 1


async def test_a_dialects_claims_about_the_subject_stand_last_and_replace_none(
    book: RuleBook,
) -> None:
    async def about(subject: Subject) -> Mapping[str, object]:
        return {"id": 7, "sub": f"not {subject}"}

    first = await book.issue(claims_about=about)
    pair = await book.rules.refresh(first.refresh_token, claims_about=about)
    assert pair == await book.rules.refresh(first.refresh_token, claims_about=about)
    for each in (first, pair):
        assert list(claims_of(each.access_token))[-2:] == ["sid", "id"]
        assert claims_of(each.access_token)["sub"] == "alice"
    usual = await book.rules.refresh(first.refresh_token)
    assert claims_of(usual.access_token)["jti"] != claims_of(pair.access_token)["jti"]


async def test_where_nothing_can_be_said_of_the_subject_nothing_has_changed(
    book: RuleBook,
) -> None:
    async def about(subject: Subject) -> Mapping[str, object]:  # noqa: ARG001 - the port
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await book.issue(claims_about=about)
    assert await book.redis.keys("*:session:*") == []
    pair = await book.issue()
    with pytest.raises(StoreUnavailable):
        await book.rules.refresh(pair.refresh_token, claims_about=about)
    assert (await book.rules.refresh(pair.refresh_token)).session.generation == 1


async def test_a_client_has_lifetimes_of_its_own_however_long(book: RuleBook) -> None:
    long = structs.replace(
        POLICY,
        access_token_lifetime=timedelta(minutes=10),
        refresh_token_lifetime=timedelta(days=90),
        session_lifetime=timedelta(days=100),
    )
    portal = replace(PORTAL, policy=long)
    pair = await book.issue(client=portal)
    book.clock.move(days=89)
    pair = await book.rules.refresh(pair.refresh_token, client=portal)
    now = book.clock()
    assert pair.session.access_token_expires_at == now + timedelta(minutes=10)
    assert pair.session.refresh_token_expires_at == now + timedelta(days=11)
    kid = header_of(pair.refresh_token)["kid"]
    recorded = int((await book.redis.hgetall("token-server:key-expiries"))[kid.encode()])
    assert claims_of(pair.refresh_token)["exp"] <= recorded // 1_000_000
    book.clock.move(days=11)
    with pytest.raises(TokenExpired):
        await book.rules.refresh(pair.refresh_token, client=portal)


async def test_all_that_was_ended_at_once_stays_ended_for_as_long_as_a_client_may_hold_a_token(
    book: RuleBook,
) -> None:
    """Also where that is longer than any session of the settings'."""
    portal = replace(
        PORTAL, policy=structs.replace(POLICY, refresh_token_lifetime=timedelta(days=300))
    )
    pair = await book.issue(client=portal)
    await book.rules._store.end_all(ALICE)  # noqa: SLF001 - as an operator does
    lives = await book.redis.pttl(f"{{{ALICE}}}:subject")
    assert lives >= timedelta(days=299) // timedelta(milliseconds=1)
    with pytest.raises(SessionEnded):
        await book.rules.refresh(pair.refresh_token, client=portal)


async def test_a_client_has_a_grace_and_a_recovery_period_of_its_own(book: RuleBook) -> None:
    portal = replace(PORTAL, policy=STRICT)
    pair = await book.issue(client=portal)
    await book.rules.refresh(pair.refresh_token, client=portal)
    with pytest.raises(TokenReused):
        await book.rules.refresh(pair.refresh_token, client=portal)


async def test_a_client_of_the_milder_policy_is_refused_and_its_session_goes_on(
    book: RuleBook,
) -> None:
    portal = replace(PORTAL, on_reuse=OnReuse.REFUSE)
    first = await book.issue(client=portal)
    second = await book.rules.refresh(first.refresh_token, client=portal)
    third = await book.rules.refresh(second.refresh_token, client=portal)
    for _ in range(2):
        with pytest.raises(TokenSpent):
            await book.rules.refresh(first.refresh_token, client=portal)
    await book.rules.refresh(third.refresh_token, client=portal)


async def test_a_session_for_a_client_needs_an_account_where_one_is_asked_for(
    book: RuleBook,
) -> None:
    with pytest.raises(AccountDisabled):
        await book.rules.issue(ALICE, of_account=True, client=PORTAL)


async def test_the_audit_line_of_a_session_names_its_client(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    await book.rules.refresh(pair.refresh_token, client=PORTAL)
    assert [(fact["event"], fact["client_id"]) for fact in book.facts] == [
        ("session_begun", "portal"),
        ("rotated", "portal"),
    ]
