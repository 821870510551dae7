"""The rules on a store and a keyset: what the web and the commands both stand on."""

import asyncio
from dataclasses import dataclass

from token_server.app.keys import key_times, keys_keeper
from token_server.app.memory import MemoryWatch
from token_server.app.store import Briefing, key_expiries_on, longest_kept
from token_server.settings import Settings
from token_server.signing.keeper import KeysKeeper
from token_server.signing.reader import KeysetReader, KeyTimes
from token_server.signing.reload import KeyRecords, KeysetReload
from token_server.store.accounts import Accounts, RememberedAccounts
from token_server.store.engine import Engine
from token_server.store.keyset_history import StoredKeysetHistory
from token_server.store.memory import StoreMemory, find_secret
from token_server.store.sessions import Sessions
from token_server.system import RandomIds
from token_server.tokens.identity import TokenIds
from token_server.tokens.ports import Audit, Clock
from token_server.tokens.rules import TokenRules
from token_server.tokens.steps import FindClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What the web and the CLI both stand on."""

    tokens: TokenRules
    reload: KeysetReload
    memory: StoreMemory
    watch: MemoryWatch
    accounts: Accounts


async def open_core_alone(
    settings: Settings,
    engine: Engine,
    audit: Audit,
    clock: Clock,
    *,
    find_client: FindClient = lambda _: None,
) -> Core:
    """For a command, which no server has briefed. Raises: Problem, StoreUnavailable.

    A command that judges tokens gives the registered clients.
    """
    # A store with a secret is one that was in use, and that comes after its keys.
    keys = keys_keeper(settings)
    await asyncio.to_thread(keys.load)
    briefing = Briefing(secret=await find_secret(engine), waits_for_fsync=engine.waits_for_fsync)
    times = key_times(settings, [settings.policy()])
    return await open_core(
        settings, engine, briefing, audit, clock, times=times, keys=keys, find_client=find_client
    )


async def open_core(  # noqa: PLR0913 - each by its name
    settings: Settings,
    engine: Engine,
    met: Briefing,
    audit: Audit,
    clock: Clock,
    *,
    times: KeyTimes,
    keys: KeysKeeper,
    find_client: FindClient,
) -> Core:
    """Raises: Problem."""
    memory, token_ids = _memory(engine, met), TokenIds(met.secret)
    policy, key_expiries = settings.policy(), key_expiries_on(engine, settings)
    reload = await KeysetReload.open(
        KeysetReader(keys, times),
        KeyRecords(expiries=key_expiries, histories=StoredKeysetHistory(engine)),
        clock,
        multi_buffer=settings.multi_buffer_signing == "auto",
    )
    tokens = TokenRules(
        store=Sessions(engine, memory, keep=longest_kept(policy)),
        signer=reload.live,
        keyset_watch=reload,
        key_expiries=key_expiries,
        clock=clock,
        ids=RandomIds(),
        token_ids=token_ids,
        audit=audit,
        policy=policy,
        issuer=settings.issuer,
        find_client=find_client,
    )
    return Core(
        tokens=tokens,
        reload=reload,
        memory=memory,
        watch=MemoryWatch(memory, token_ids, settings),
        accounts=RememberedAccounts(engine, memory, keep=longest_kept(policy)),
    )


def _memory(engine: Engine, met: Briefing) -> StoreMemory:
    past_the_gate = Engine(engine.client, waits_for_fsync=engine.waits_for_fsync)
    memory = StoreMemory(past_the_gate, met.secret, gate=engine.gate)
    if met.secret is None:
        memory.close()
    return memory
