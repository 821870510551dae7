"""A session of a trusted issuer's subject never takes the name of a local account."""

import secrets

import pytest
from redis.asyncio import Redis
from support.accounts import THEN, an_account
from support.moments import MovableClock
from support.sessions import ALICE, KID, POLICY, Desk, sessions_on

from token_server.store.accounts import Accounts
from token_server.store.engine import Engine
from token_server.tokens.model import NewSession, Session, SessionId
from token_server.tokens.outcomes import AccountBarred

pytestmark = pytest.mark.anyio


async def begin_foreign(redis: Redis) -> Session | AccountBarred:
    desk = Desk(await sessions_on(redis))
    new = NewSession(
        sid=SessionId(secrets.token_urlsafe(16)),
        subject=ALICE,
        short_term=False,
        kid=KID,
        began_at=MovableClock()(),
    )
    return await desk.sessions.begin(
        new, policy=POLICY, attempt=desk.attempt(), of_account=False, foreign=True
    )


def accounts_on(redis: Redis) -> Accounts:
    return Accounts(Engine(redis, waits_for_fsync=False), keep=POLICY.refresh_token_lifetime)


async def test_a_subject_that_is_no_account_gets_a_session(redis: Redis) -> None:
    assert isinstance(await begin_foreign(redis), Session)


@pytest.mark.parametrize("change", ["nothing", "disable", "remove"])
async def test_a_name_that_an_account_has_or_had_is_barred(redis: Redis, change: str) -> None:
    accounts = accounts_on(redis)
    await accounts.add(an_account())
    if change == "disable":
        await accounts.disable(ALICE, at=THEN)
    elif change == "remove":
        await accounts.remove(ALICE)
    assert await begin_foreign(redis) == AccountBarred()
