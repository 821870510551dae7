"""What an operator does to accounts: each change told to the audit log."""

from difflib import get_close_matches

from token_server.accounts.usernames import canonical_name, find_account
from token_server.problems import Problem
from token_server.tokens.model import Account, Subject
from token_server.tokens.ports import AccountStore, Audit, Clock, Fact


class AccountChanges:
    """Each raises Problem where the account is not as the change needs it; StoreUnavailable."""

    def __init__(self, *, accounts: AccountStore, audit: Audit, clock: Clock) -> None:
        self._accounts = accounts
        self._audit = audit
        self._clock = clock

    async def add(self, name: Subject, *, password_hash: str, profile: str) -> Subject:
        """Return the name as it is kept: in the form that names are compared in."""
        form = canonical_name(name)
        if form is None:
            raise Problem(
                "this can be no name of an account",
                hint="letters, digits and the signs of ASCII; RFC 8265, UsernameCasePreserved",
            )
        existing = await find_account(self._accounts, form)
        if existing is not None:
            raise _exists(existing.name)
        now = self._clock()
        account = Account(
            name=form,
            password_hash=password_hash,
            disabled=False,
            profile=profile,
            created_at=now,
            updated_at=now,
            password_updated_at=now,
        )
        if not await self._accounts.add(account):
            raise _exists(form)
        self._audit.record(Fact.ACCOUNT_ADDED, sub=form)
        return form

    async def set_password(self, name: Subject, *, password_hash: str) -> None:
        changed = await self._accounts.set_password_hash(
            name, password_hash, replacing=None, at=self._clock()
        )
        await self._report(name, Fact.PASSWORD_CHANGED, changed=changed)

    async def disable(self, name: Subject) -> None:
        changed = await self._accounts.disable(name, at=self._clock())
        await self._report(name, Fact.ACCOUNT_DISABLED, changed=changed)

    async def enable(self, name: Subject) -> None:
        changed = await self._accounts.enable(name, at=self._clock())
        await self._report(name, Fact.ACCOUNT_ENABLED, changed=changed)

    async def remove(self, name: Subject) -> None:
        changed = await self._accounts.remove(name)
        await self._report(name, Fact.ACCOUNT_REMOVED, changed=changed)

    async def _report(self, name: Subject, fact: Fact, *, changed: bool) -> None:
        if not changed:
            hint = await nearest_account(self._accounts, name) or "see: users list"
            raise Problem(f"no account is named {name}", hint=hint)
        self._audit.record(fact, sub=name)


def _exists(name: Subject) -> Problem:
    return Problem(f"an account named {name} exists already", hint="see: users list")


async def nearest_account(accounts: AccountStore, name: Subject) -> str | None:
    """Return a hint that names the account with the most similar name, or None."""
    near = get_close_matches(name, await accounts.names(), n=1)
    return f"did you mean {near[0]}?" if near and near[0] != name else None
