"""Whose tokens a client may exchange, and what ends what it got for them."""

from dataclasses import replace

import pytest
from support import rule_book
from support.client_desk import BILLING, client
from support.rule_book import INVOICES, PROFILE, WATCHER, RuleBook, claims_of

from token_server.tokens.clients import Asked, Client
from token_server.tokens.refusals import ExchangeRefused, RequestMalformed, TokenRevoked

pytestmark = pytest.mark.anyio

NOTHING = Asked()
PORTAL = rule_book.PORTAL
NAMED = client("https://named.example", scope="profile", audiences=(PROFILE,))


def may(*names: str, who: Client = BILLING) -> Client:
    return replace(who, may_exchange=frozenset(names))


@pytest.mark.parametrize(
    "who",
    [BILLING, may("reader"), may(PROFILE), may("alice"), may("Portal")],
    ids=["nothing listed", "another client", "another audience", "its subject", "other case"],
)
@pytest.mark.parametrize("place", ["subject", "actor"])
async def test_a_token_for_another_client_or_audience_is_not_exchanged(
    book: RuleBook, who: Client, place: str
) -> None:
    pair = await book.issue(client=PORTAL, asked=Asked(resources=(INVOICES,)))
    own = (await book.issue(client=BILLING)).access_token
    subject, actor = (pair.access_token, None) if place == "subject" else (own, pair.access_token)
    with pytest.raises(ExchangeRefused) as refused:
        await book.rules.exchange(who, subject, NOTHING, unverified_actor_token=actor)
    assert refused.value.ids["client_id"] == "portal"
    assert [fact["event"] for fact in book.facts] == ["session_begun"] * 2


async def test_a_token_without_client_is_exchanged_only_where_its_audience_is_listed(
    book: RuleBook,
) -> None:
    token = (await book.issue()).access_token
    with pytest.raises(ExchangeRefused):
        await book.rules.exchange(may("portal"), token, NOTHING)
    await book.rules.exchange(may("access"), token, NOTHING)


async def test_a_client_called_access_exchanges_its_own_tokens_only(book: RuleBook) -> None:
    """The audience of tokens that name none is `access` too."""
    access = client("access", scope="profile")
    book.registered[access.client_id] = access
    for token in (await book.issue(), await book.issue(client=PORTAL)):
        with pytest.raises(ExchangeRefused):
            await book.rules.exchange(access, token.access_token, NOTHING)
    own = await book.issue(client=access)
    await book.rules.exchange(access, own.access_token, NOTHING)


async def test_a_token_is_exchanged_by_its_client_its_audience_and_those_listed(
    book: RuleBook,
) -> None:
    wide = replace(PORTAL, audiences=(*PORTAL.audiences, NAMED.client_id))
    mine = await book.issue(client=PORTAL, asked=Asked(resources=(INVOICES,)))
    for who in (PORTAL, may("portal"), may(INVOICES), may("x", INVOICES)):
        await book.rules.exchange(who, mine.access_token, NOTHING)
    for_me = await book.issue(client=wide, asked=Asked(resources=(NAMED.client_id, PROFILE)))
    book.registered[NAMED.client_id] = NAMED
    await book.rules.exchange(NAMED, for_me.access_token, Asked(resources=(PROFILE,)))


@pytest.mark.parametrize("whose", ["session", "client"])
async def test_an_exchanged_token_is_revoked_with_each_token_it_came_from(
    book: RuleBook, whose: str
) -> None:
    """Along a chain: what came before a revoked token stays good, what came of it does not."""
    if whose == "session":
        first = (await book.issue(client=BILLING)).access_token
    else:
        first = (await book.rules.client_credentials(BILLING, NOTHING)).access_token
    chain = [first]
    for _ in range(4):
        issued = await book.rules.exchange(BILLING, chain[-1], NOTHING)
        chain.append(issued.access_token)
    for revoked in (3, 1, 0):
        await book.rules.revoke(chain[revoked], client=BILLING)
        for number, token in enumerate(chain):
            is_dead = number >= revoked
            assert (await book.rules.introspect(token, client=WATCHER) is None) == is_dead
            if is_dead:
                with pytest.raises(TokenRevoked):
                    await book.rules.exchange(BILLING, token, NOTHING)


async def test_an_exchanged_token_whose_origin_is_revoked_ends_no_session(book: RuleBook) -> None:
    pair = await book.issue(client=BILLING)
    issued = await book.rules.exchange(BILLING, pair.access_token, NOTHING)
    await book.rules.revoke(pair.access_token, client=BILLING)
    with pytest.raises(TokenRevoked):
        await book.rules.log_out(issued.access_token)
    await book.rules.refresh(pair.refresh_token, client=BILLING)


async def test_a_chain_of_exchanges_has_an_end(book: RuleBook) -> None:
    token = (await book.issue(client=BILLING)).access_token
    for _ in range(16):
        token = (await book.rules.exchange(BILLING, token, NOTHING)).access_token
    assert len(claims_of(token)["origins"]) == 16
    with pytest.raises(RequestMalformed):
        await book.rules.exchange(BILLING, token, NOTHING)
    assert await book.rules.introspect(token, client=WATCHER)


async def test_the_facts_of_exchange_and_revocation_are_one_line_each(book: RuleBook) -> None:
    pair = await book.issue(client=PORTAL)
    before = len(book.facts)
    issued = await book.rules.exchange(may("portal"), pair.access_token, NOTHING)
    await book.rules.revoke(issued.access_token, client=BILLING)
    jti = claims_of(issued.access_token)["jti"]
    ids = {"sub": "alice", "token_id": jti, "sid": pair.session.sid, "client_id": "billing"}
    lines = book.facts[before:]
    assert [line["event"] for line in lines] == ["access_token_exchanged", "access_token_revoked"]
    for line in lines:
        assert {name: line[name] for name in ids} == ids
    assert lines[0]["origin"] == claims_of(pair.access_token)["jti"]
