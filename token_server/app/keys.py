"""Where the keys lie by the settings, and what becomes of them there."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from token_server.accounts.clients.file import load_clients
from token_server.app.memory import is_other_store
from token_server.app.store import Briefing, checked_store, key_expiries_on, open_engine, unusable
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing.keeper import KeysKeeper
from token_server.signing.keyset_guard import KeysetGuard
from token_server.signing.keystore import KeysDirectory
from token_server.signing.reader import KeyTimes
from token_server.signing.stored_keys import StoredKeys
from token_server.signing.tidying import KeysTidier
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.store.keyset import StoredKeyset
from token_server.store.keyset_history import StoredKeysetHistory
from token_server.system import system_clock
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import Policy
from token_server.tokens.ports import Audit, Clock
from token_server.tokens.refusals import TemporarilyUnavailable


def keys_keeper(
    settings: Settings,
    met: Briefing | None = None,
    *,
    meant: bool = False,
    guard: KeysetGuard | None = None,
) -> KeysKeeper:
    """Where the settings say that the keys lie. Raises: Problem.

    A server that has been briefed goes by no other store. `meant`: see StoredKeyset.
    """
    passphrase_file = settings.keys_passphrase_file
    if settings.keys_dir is not None:
        return KeysDirectory(settings.keys_dir, passphrase_file=passphrase_file, guard=guard)
    store = StoredKeyset(
        _store_of(settings, met), secret=(met.secret if met else None) or b"", meant=meant
    )
    return StoredKeys(store, passphrase_file=passphrase_file, guard=guard)


def _store_of(
    settings: Settings, met: Briefing | None
) -> Callable[[], AbstractAsyncContextManager[Engine]]:
    """Opens the store again and again; its fitness is checked once."""
    known = [met.waits_for_fsync] if met else []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Engine]:
        if not known:
            async with open_engine(settings) as engine:
                known.append(engine.waits_for_fsync)
        async with connect(settings.store_url.get_secret_value()) as client:
            yield Engine(client, waits_for_fsync=known[0])

    return opened


async def check_that_no_keyset_is_lost(settings: Settings) -> None:
    """A volume that is not mounted looks like a first start; new keys would log everybody out.

    Where the keyset lies in the store, the store sees to it. Raises: Problem.
    """
    if settings.keys_dir is None or KeysDirectory(settings.keys_dir).has_keyset():
        return
    async with checked_store(settings) as (engine, _):
        try:
            latest = await key_expiries_on(engine, settings).latest()
        except TemporarilyUnavailable as fault:
            raise unusable(fault) from fault
    if any(system_clock() < expires_at for expires_at in latest.values()):
        raise Problem(
            f"{settings.keys_dir} holds no keyset, and the store knows of live tokens of one",
            hint="mount or restore that directory; or log everybody out: "
            '"token-server keys init" makes another keyset',
        )


async def keyset_history(settings: Settings) -> KeysetHistory:
    """What the servers of the recorded store have seen of their keyset. Raises: Problem."""
    async with checked_store(settings) as (engine, _):
        try:
            if await is_other_store(engine, settings):
                return KeysetHistory()
            return await StoredKeysetHistory(engine).recorded()
        except TemporarilyUnavailable as fault:
            raise unusable(fault) from fault


async def record_keyset_history(settings: Settings, history: KeysetHistory) -> None:
    """Record it in the recorded store, and in no other one. Raises: Problem."""
    async with checked_store(settings) as (engine, _):
        try:
            if not await is_other_store(engine, settings):
                await StoredKeysetHistory(engine).record(history)
        except TemporarilyUnavailable as fault:
            raise unusable(fault) from fault


def policies(settings: Settings) -> list[Policy]:
    """Those that tokens are issued by. Raises: Problem."""
    policy = settings.policy()
    registered = load_clients(settings.clients_file, policy).clients.values()
    return [policy, *(each.client.policy for each in registered)]


def key_times(settings: Settings, policies: Iterable[Policy]) -> KeyTimes:
    return KeyTimes(
        grace_period=settings.grace_period,
        propagation_period=settings.key_propagation_period,
        longest_lifetime=max(
            policy.longest_lifetime(short_term=short_term)
            for policy in policies
            for short_term in (False, True)
        ),
    )


def keys_tidier(
    settings: Settings, keys: KeysKeeper, times: KeyTimes, clock: Clock, audit: Audit
) -> KeysTidier:
    return KeysTidier(
        keys,
        times,
        key_size=settings.key_size,
        clock=clock,
        audit=audit,
    )
