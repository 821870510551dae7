"""Accounts in the store: a hash each, and an index of their names.

An account and its subject's record share a cluster slot, so one script changes both. The index
lies elsewhere and is changed apart, in such an order that it never lacks an account that can log
in; a name in it that has no account is passed over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from token_server.store import names
from token_server.store.engine import Argument, Engine, Script
from token_server.store.memory import StoreMemory
from token_server.store.subjects import end_all_sessions
from token_server.tokens.model import Account, Subject
from token_server.tokens.moments import from_micros, to_micros

_ADD = Script("account_add")
_SET_PASSWORD_HASH = Script("account_password")
_DISABLE = Script("subject", "account_disable")
_ENABLE = Script("account_enable")
_REMOVE = Script("subject", "account_remove")
_INDEX = Script("account_index")
_FIELDS = (
    "password_hash",
    "disabled",
    "profile",
    "created_at",
    "updated_at",
    "password_updated_at",
)
_ACCOUNTS_A_STEP = 500


class Accounts:
    """The AccountStore of tokens/ports.py.

    `keep`: how long it must be remembered at least that all sessions of a subject were ended: the
    longest life of a refresh token, and the leeway.
    """

    def __init__(self, engine: Engine, *, keep: timedelta) -> None:
        self._engine = engine
        self._keep = keep

    async def add(self, account: Account) -> bool:
        # Listed before it can log in, whatever happens in between; and once more afterwards,
        # because a `remove` of the same name may have taken the first entry for its own.
        await self._list(account.name)
        added = await self._change(_ADD, [names.account(account.name)], _values(account))
        if added:
            await self._list(account.name)
        return added

    async def find(self, name: Subject) -> Account | None:
        return _account(name, await self._engine.command("HMGET", names.account(name), *_FIELDS))

    async def all(self) -> list[Account]:
        subjects = await self.names()
        found: list[Account | None] = []
        for start in range(0, len(subjects), _ACCOUNTS_A_STEP):
            found += await self._read(subjects[start : start + _ACCOUNTS_A_STEP])
        return [account for account in found if account is not None]

    async def names(self) -> list[Subject]:
        listed = await self._engine.command("SMEMBERS", names.ACCOUNTS)
        return sorted(Subject(name.decode()) for name in listed)

    async def set_forms(self, forms: Mapping[Subject, Subject]) -> None:
        known = await self._engine.command("HKEYS", names.ACCOUNT_FORMS)
        stale = [form for form in known if Subject(form.decode()) not in forms]
        if stale:
            await self._engine.command("HDEL", names.ACCOUNT_FORMS, *stale)
        for form, name in forms.items():
            await self._engine.command("HSET", names.ACCOUNT_FORMS, form, name)

    async def find_by_form(self, form: Subject) -> Account | None:
        name = await self._engine.command("HGET", names.ACCOUNT_FORMS, form)
        return None if name is None else await self.find(Subject(name.decode()))

    async def set_password_hash(
        self, name: Subject, password_hash: str, *, replacing: str | None, at: datetime
    ) -> bool:
        values: list[Argument] = [password_hash, replacing or "", to_micros(at)]
        return await self._change(_SET_PASSWORD_HASH, [names.account(name)], values)

    async def disable(self, name: Subject, *, at: datetime) -> bool:
        return await self._end_all(_DISABLE, name, to_micros(at))

    async def enable(self, name: Subject, *, at: datetime) -> bool:
        return await self._change(_ENABLE, [names.account(name)], [to_micros(at)])

    async def remove(self, name: Subject) -> bool:
        removed = await self._end_all(_REMOVE, name)
        await self._engine.command("DEL", names.known_networks("account", name))
        # Also where there was none: the one before us may have died right here.
        await self._change(_INDEX, [names.ACCOUNTS], ["SREM", name])
        if await self.find(name):
            # Added again meanwhile, and this was its entry.
            await self._list(name)
        return removed

    async def _end_all(self, script: Script, name: Subject, *more: Argument) -> bool:
        return await end_all_sessions(
            self._engine, script, name, names.account(name), keep=self._keep, more=more
        )

    async def _list(self, name: Subject) -> None:
        await self._change(_INDEX, [names.ACCOUNTS], ["SADD", name])

    async def _change(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> bool:
        return bool(await self._engine.run(script, keys, arguments, durably=True))

    async def _read(self, subjects: Sequence[Subject]) -> list[Account | None]:
        pipeline = self._engine.client.pipeline(transaction=False)
        for name in subjects:
            pipeline.hmget(names.account(name), _FIELDS)
        answers = await self._engine.answer(pipeline.execute())
        return [_account(*answer) for answer in zip(subjects, answers, strict=True)]


class RememberedAccounts(Accounts):
    """The accounts of a store that we know: what an emptied one says of a name is no answer."""

    def __init__(self, engine: Engine, memory: StoreMemory, *, keep: timedelta) -> None:
        super().__init__(engine, keep=keep)
        self._memory = memory

    async def find(self, name: Subject) -> Account | None:
        """Raises: StoreMemoryLost, StoreUnavailable."""
        account = await super().find(name)
        if account is None:
            await self._memory.check()
        return account


def _values(account: Account) -> list[Argument]:
    """What account_add.lua takes."""
    fields: dict[str, Argument] = {
        "disabled": int(account.disabled),
        "profile": account.profile,
        "created_at": to_micros(account.created_at),
        "updated_at": to_micros(account.updated_at),
        "password_updated_at": to_micros(account.password_updated_at),
    }
    return [account.password_hash, *(word for field in fields.items() for word in field)]


def _account(name: Subject, values: Sequence[bytes | None]) -> Account | None:
    present = [value for value in values if value is not None]
    if len(present) < len(_FIELDS):
        return None
    password_hash, disabled, profile, *moments = present
    created_at, updated_at, password_updated_at = (from_micros(int(moment)) for moment in moments)
    return Account(
        name=name,
        password_hash=password_hash.decode(),
        disabled=disabled == b"1",
        profile=profile.decode(),
        created_at=created_at,
        updated_at=updated_at,
        password_updated_at=password_updated_at,
    )
