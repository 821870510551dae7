"""What may be known of a token, and what revoking it leaves."""

import pytest
from support.client_desk import BILLING
from support.rule_book import (
    ALICE,
    INVOICES,
    ISSUER,
    MODERN,
    PORTAL,
    WATCHER,
    RuleBook,
    claims_of,
    short,
)

from token_server.tokens.clients import Asked, Client
from token_server.tokens.model import TokenPair, TokenType
from token_server.tokens.refusals import (
    SessionEnded,
    StoreMemoryLost,
    TokenRefused,
    TokenReused,
    TokenRevoked,
)

pytestmark = pytest.mark.anyio


async def is_active(book: RuleBook, token: str, client: Client = WATCHER) -> bool:
    return await book.rules.introspect(token, client=client) is not None


async def test_an_access_token_is_told_of_as_rfc_7662_names_it(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL, asked=Asked(scope="profile", resources=(INVOICES,)))
    members = await book.rules.introspect(pair.access_token, client=PORTAL)
    claims = claims_of(pair.access_token)
    assert members == {
        "scope": "profile",
        "client_id": "portal",
        "username": "alice",
        "token_type": "bearer",
        **{name: claims[name] for name in ("exp", "iat", "nbf")},
        "sub": "alice",
        "aud": INVOICES,
        "iss": ISSUER,
        "jti": claims["jti"],
        "sid": claims["sid"],
    }
    assert list(members)[:4] == ["scope", "client_id", "username", "token_type"]


async def test_every_shape_is_told_of(book: RuleBook) -> None:
    anonymous, modern = await book.issue(), await book.issue(client=MODERN)
    own = await book.rules.client_credentials(MODERN, Asked())
    exchanged = await book.rules.exchange(MODERN, modern.access_token, Asked())
    asked = [
        (anonymous.access_token, WATCHER),
        (modern.access_token, WATCHER),
        (modern.refresh_token, MODERN),
        (own.access_token, WATCHER),
        (exchanged.access_token, WATCHER),
    ]
    for token, client in asked:
        members = await book.rules.introspect(token, client=client)
        assert members is not None
        told = claims_of(token)
        for name in set(members) & set(told):
            assert members[name] == told[name], name


async def test_a_refresh_token_is_active_only_while_it_is_its_sessions_current_one(
    book: RuleBook,
) -> None:
    first = await book.issue(client=PORTAL)
    assert await is_active(book, first.refresh_token, PORTAL)
    second = await book.rules.refresh(first.refresh_token, client=PORTAL)
    assert not await is_active(book, first.refresh_token, PORTAL)
    assert await is_active(book, first.access_token, PORTAL)
    members = await book.rules.introspect(second.refresh_token, client=PORTAL)
    assert members is not None
    assert members["scope"] == "profile invoices:read"
    assert (members["exp"], members["aud"]) == (claims_of(second.refresh_token)["exp"], "refresh")
    assert "token_type" not in members


async def test_to_look_changes_nothing(book: RuleBook) -> None:
    first = await book.issue(client=PORTAL)
    second = await book.rules.refresh(first.refresh_token, client=PORTAL)
    before = await book.redis.dump(f"{{alice}}:session:{first.session.sid}")
    for token in (first.refresh_token, second.refresh_token, second.access_token):
        await book.rules.introspect(token, client=WATCHER)
    assert await book.redis.dump(f"{{alice}}:session:{first.session.sid}") == before


async def test_whose_token_it_is_decides_who_may_know_of_it(book: RuleBook) -> None:
    for pair in (await book.issue(client=PORTAL), await book.issue()):
        assert not await is_active(book, pair.access_token, BILLING)
        assert await is_active(book, pair.access_token, WATCHER)
        is_its_own = pair.session.client_id == "portal"
        assert await is_active(book, pair.access_token, PORTAL) == is_its_own


@pytest.mark.parametrize("owner", [PORTAL, WATCHER, None], ids=short)
async def test_a_refresh_token_is_active_to_its_own_client_alone(
    book: RuleBook, owner: Client | None
) -> None:
    """RFC 7662 §4: no resource server may take one, and several do not look at `aud`."""
    token = (await book.issue(client=owner)).refresh_token
    for caller in (PORTAL, WATCHER, BILLING):
        assert await is_active(book, token, caller) == (caller is owner)


@pytest.mark.parametrize("how", ["log out", "all at once", "reuse", "revoked", "expired", "gone"])
async def test_whatever_ended_a_session_its_tokens_are_inactive(book: RuleBook, how: str) -> None:
    first = await book.issue(client=PORTAL)
    pair = await book.rules.refresh(first.refresh_token, client=PORTAL)
    key = f"{{alice}}:session:{pair.session.sid}"
    match how:
        case "log out":
            await book.rules.log_out(first.access_token)
        case "all at once":
            await book.rules._store.end_all(ALICE)  # noqa: SLF001 - as an operator
        case "reuse":
            await book.rules.refresh(pair.refresh_token, client=PORTAL)
            with pytest.raises(TokenReused):
                await book.rules.refresh(first.refresh_token, client=PORTAL)
        case "revoked":
            await book.rules.revoke(pair.refresh_token, client=PORTAL)
        case "expired":
            book.clock.now = pair.session.refresh_token_expires_at
        case "gone":
            await book.redis.delete(key)
    for token in (pair.access_token, pair.refresh_token):
        assert not await is_active(book, token, PORTAL)


@pytest.mark.parametrize("kind", ["access", "refresh", "own"])
async def test_the_tokens_of_a_revoked_key_are_inactive(book: RuleBook, kind: str) -> None:
    pair = await book.issue(client=PORTAL)
    own = (await book.rules.client_credentials(PORTAL, Asked())).access_token
    token = {"access": pair.access_token, "refresh": pair.refresh_token, "own": own}[kind]
    assert await is_active(book, token, PORTAL)
    book.revoke_the_key()
    assert not await is_active(book, token, PORTAL)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "ey.ey.ey", "\ud800", "x" * 9000])
async def test_what_is_no_token_is_inactive_and_cannot_be_revoked(
    book: RuleBook, token: str
) -> None:
    assert not await is_active(book, token)
    await book.rules.revoke(token, client=PORTAL)
    assert book.facts == []


async def test_an_access_token_is_revoked_alone(book: RuleBook) -> None:
    first = await book.issue(client=PORTAL)
    second = await book.rules.refresh(first.refresh_token, client=PORTAL)
    await book.rules.revoke(first.access_token, client=PORTAL)
    assert not await is_active(book, first.access_token)
    with pytest.raises(TokenRevoked):
        await book.rules.log_out(first.access_token)
    assert await is_active(book, second.access_token)
    assert await is_active(book, second.refresh_token, PORTAL)
    await book.rules.revoke(first.access_token, client=PORTAL)
    await book.rules.log_out(second.access_token)
    with pytest.raises(SessionEnded):
        await book.rules.log_out(first.access_token)


async def test_that_it_was_revoked_is_remembered_until_it_has_expired_and_no_longer(
    book: RuleBook,
) -> None:
    pair = await book.issue()
    await book.rules.revoke(pair.access_token, client=None)
    key = f"{{alice}}:revoked:{claims_of(pair.access_token)['jti']}"
    exp = claims_of(pair.access_token)["exp"]
    assert await book.redis.pexpiretime(key) == (exp + 30) * 1000


async def test_a_clients_own_token_is_revoked_alone_and_not_its_namesakes(book: RuleBook) -> None:
    own, other = [await book.rules.client_credentials(BILLING, Asked()) for _ in range(2)]
    await book.rules.revoke(own.access_token, client=BILLING)
    assert not await is_active(book, own.access_token)
    assert await is_active(book, other.access_token)


@pytest.mark.parametrize("which", ["current", "spent", "long spent"])
async def test_a_refresh_token_ends_its_session_also_a_spent_one(
    book: RuleBook, which: str
) -> None:
    shown = await book.issue(client=PORTAL)
    rounds = ["current", "spent", "long spent"].index(which)
    pair = shown
    for _ in range(rounds):
        pair = await book.rules.refresh(pair.refresh_token, client=PORTAL)
    await book.rules.revoke(shown.refresh_token, client=PORTAL)
    with pytest.raises(SessionEnded) as ended:
        await book.rules.refresh(pair.refresh_token, client=PORTAL)
    assert ended.value.because == "revoked"
    assert book.facts[-1]["event"] == "session_ended"


@pytest.mark.parametrize("other", [BILLING, WATCHER, None], ids=short)
async def test_another_clients_token_is_not_revoked(book: RuleBook, other: Client | None) -> None:
    pair = await book.issue(client=PORTAL)
    for token in (pair.access_token, pair.refresh_token):
        await book.rules.revoke(token, client=other)
    assert await is_active(book, pair.access_token)
    assert await is_active(book, pair.refresh_token, PORTAL)
    assert {fact["event"] for fact in book.facts} == {"session_begun"}


@pytest.mark.parametrize("client", [None, BILLING], ids=short)
async def test_to_hold_a_token_of_an_anonymous_session_is_enough(
    book: RuleBook, client: Client | None
) -> None:
    pair = await book.issue()
    await book.rules.revoke(pair.access_token, client=client)
    assert not await is_active(book, pair.access_token)
    await book.rules.revoke(pair.refresh_token, client=client)
    with pytest.raises(SessionEnded):
        await book.rules.refresh(pair.refresh_token)


async def test_an_expired_refresh_token_ends_its_session_too(book: RuleBook) -> None:
    first = await book.issue(client=PORTAL)
    book.clock.move(days=13)
    second = await book.rules.refresh(first.refresh_token, client=PORTAL)
    book.clock.move(days=1)
    await book.rules.revoke(first.refresh_token, client=PORTAL)
    assert not await is_active(book, second.refresh_token, PORTAL)


@pytest.mark.parametrize("kind", ["access", "refresh", "own"])
async def test_an_emptied_store_is_no_authority_on_any_token(book: RuleBook, kind: str) -> None:
    """Who was revoked must not come back to life because the store forgot it."""
    pair: TokenPair = await book.issue(client=PORTAL)
    own = (await book.rules.client_credentials(PORTAL, Asked())).access_token
    await book.redis.flushall()
    token = {"access": pair.access_token, "refresh": pair.refresh_token, "own": own}[kind]
    with pytest.raises(StoreMemoryLost):
        await book.rules.introspect(token, client=PORTAL)


@pytest.mark.parametrize("kind", ["access", "refresh"])
async def test_to_look_takes_one_round_trip_and_so_does_to_revoke(
    book: RuleBook, kind: str
) -> None:
    pair = await book.issue(client=PORTAL)
    token = pair.access_token if kind == "access" else pair.refresh_token
    await book.rules.introspect(token, client=PORTAL)
    await book.rules.revoke((await book.issue(client=PORTAL)).refresh_token, client=PORTAL)
    for ask in (book.rules.introspect, book.rules.revoke):
        before = await calls(book)
        await ask(token, client=PORTAL)
        # One of them is this question.
        assert await calls(book) - before == 2


async def test_a_token_of_one_kind_is_never_taken_for_the_other(book: RuleBook) -> None:
    """RFC 8725 §3.11, §3.12: signed by us, but not as what it claims to be."""
    pair = await book.issue(client=MODERN)
    access, refresh = claims_of(pair.access_token), claims_of(pair.refresh_token)
    swapped = [
        book.signed(refresh, TokenType.AT_JWT),
        book.signed(access | {"aud": "refresh"}, TokenType.AT_JWT),
        book.signed(access | {"aud": "refresh"}),
        book.signed(refresh | {"aud": "access"}),
        book.signed(refresh | access | {"aud": ["access", "refresh"]}),
        book.signed({**refresh, "aud": ["refresh"]}),
    ]
    for token in swapped:
        assert not await is_active(book, token, MODERN)
        await book.rules.revoke(token, client=MODERN)
        for ask in (book.rules.log_out, book.rules.refresh):
            with pytest.raises(TokenRefused):
                await ask(token)
    assert await is_active(book, pair.refresh_token, MODERN)
    assert await is_active(book, pair.access_token)


async def calls(book: RuleBook) -> int:
    stats = await book.redis.info("commandstats")
    scripted = stats.get("cmdstat_evalsha", {}).get("calls", 0)
    written = stats.get("cmdstat_set", {}).get("calls", 0)
    told = stats.get("cmdstat_info", {}).get("calls", 0)
    return int(scripted + written + told)
