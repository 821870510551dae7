"""What a request is judged by: when it arrived, the keys that are recorded, whom it concerns."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from support.client_desk import BILLING
from support.rule_book import (
    INVOICES,
    MODERN,
    PORTAL,
    PROFILE,
    RuleBook,
    claims_of,
    header_of,
)

from token_server.tokens.clients import Asked
from token_server.tokens.model import Kid, Subject, TokenPair
from token_server.tokens.ports import KeyExpiries
from token_server.tokens.refusals import StoreMemoryLost

pytestmark = pytest.mark.anyio


async def test_a_request_is_judged_by_when_it_arrived(book: RuleBook) -> None:
    """Held up in the worker while its client went on, it is late, and no reuse."""
    first = await book.issue()
    overtaking: list[TokenPair] = []

    async def held_up(subject: Subject) -> Mapping[str, object]:
        assert subject == "alice"
        book.clock.move(seconds=1)
        second = await book.rules.refresh(first.refresh_token)
        overtaking.append(await book.rules.refresh(second.refresh_token))
        return {}

    repeated = await book.rules.refresh(first.refresh_token, claims_about=held_up)
    assert repeated.refresh_token == overtaking[0].refresh_token
    await book.rules.refresh(repeated.refresh_token)


@dataclass
class RevokedMeanwhile:
    """The expiries of a store: the first key is revoked while it is recorded a second time."""

    inner: KeyExpiries
    book: RuleBook
    first: Kid
    recorded: list[Kid] = field(default_factory=list)

    def is_reserved(self, kid: Kid, until: datetime) -> bool:
        # As if another server had issued the pair: what it recorded is not known here.
        is_known = kid != self.first or self.recorded.count(kid) > 1
        return is_known and self.inner.is_reserved(kid, until)

    async def reserve(self, kid: Kid, until: datetime) -> None:
        self.recorded.append(kid)
        await self.inner.reserve(kid, until)
        if len(self.recorded) == 2:
            self.book.revoke_the_key()

    async def latest(self) -> Mapping[Kid, datetime]:
        return await self.inner.latest()


async def test_a_key_that_takes_over_while_another_is_recorded_is_recorded_before_it_signs(
    book: RuleBook,
) -> None:
    """Else the JWK Set may drop it while a token of it is alive."""
    first = await book.issue()
    await book.rules.refresh(first.refresh_token)
    rules, kid = book.rules, header_of(first.access_token)["kid"]
    expiries = RevokedMeanwhile(rules._key_expiries, book, kid)  # noqa: SLF001 - none is handed out
    rules._key_expiries = expiries  # noqa: SLF001
    repeated = await rules.refresh(first.refresh_token)
    signed_by = header_of(repeated.access_token)["kid"]
    assert signed_by != kid
    assert signed_by in await expiries.latest()


@pytest.mark.parametrize("what", ["refresh", "log out", "revoke", "introspect", "exchange"])
async def test_an_outage_names_whom_it_concerns(book: RuleBook, what: str) -> None:
    pair = await book.issue(client=BILLING)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "refresh": lambda: book.rules.refresh(pair.refresh_token, client=BILLING),
        "log out": lambda: book.rules.log_out(pair.access_token),
        "revoke": lambda: book.rules.revoke(pair.refresh_token, client=BILLING),
        "introspect": lambda: book.rules.introspect(pair.access_token, client=BILLING),
        "exchange": lambda: book.rules.exchange(BILLING, pair.access_token, Asked()),
    }
    await book.redis.flushall()
    with pytest.raises(StoreMemoryLost) as outage:
        await calls[what]()
    assert outage.value.ids["sub"] == "alice"
    if what in {"refresh", "log out"}:
        assert outage.value.ids["sid"] == pair.session.sid


async def test_the_default_audience_of_an_at_jwt_client_is_its_first_also_in_an_exchange(
    book: RuleBook,
) -> None:
    modern = replace(MODERN, may_exchange=frozenset({"portal"}))
    pair = await book.issue(client=PORTAL, asked=Asked(resources=(PROFILE,)))
    issued = await book.rules.exchange(modern, pair.access_token, Asked())
    assert claims_of(issued.access_token)["aud"] == INVOICES
    both = replace(modern, audiences=(INVOICES, PROFILE))
    issued = await book.rules.exchange(both, pair.access_token, Asked())
    assert claims_of(issued.access_token)["aud"] == INVOICES


async def test_a_refresh_token_that_the_store_has_forgotten_is_active(book: RuleBook) -> None:
    """After a failover that lost its rotation: it will be rolled forward."""
    first = await book.issue(client=PORTAL)
    key = f"{{alice}}:session:{first.session.sid}"
    before = await book.redis.dump(key)
    assert before
    second = await book.rules.refresh(first.refresh_token, client=PORTAL)
    third = await book.rules.refresh(second.refresh_token, client=PORTAL)
    await book.redis.restore(key, 0, before, replace=True)
    for pair in (second, third):
        assert await book.rules.introspect(pair.refresh_token, client=PORTAL)
    await book.rules.refresh(third.refresh_token, client=PORTAL)
