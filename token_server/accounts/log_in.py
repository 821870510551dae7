"""Log in with a name and a password. What it tells a caller is the same for every failure.

So is what it costs: each failure verifies one hash and counts once. Only the audit log differs.
"""

from contextlib import suppress

from token_server.accounts.guess_limits import GuessLimits, forgive
from token_server.accounts.passwords import Passwords
from token_server.accounts.usernames import canonical_name, find_account
from token_server.networks import network_of
from token_server.tokens.model import Account, Subject
from token_server.tokens.ports import AccountStore, Audit, Clock, Fact
from token_server.tokens.refusals import (
    AccountDisabled,
    AccountUnknown,
    LoginRefused,
    Overloaded,
    PasswordWrong,
    TemporarilyUnavailable,
    TooManyAttempts,
)


class PasswordLogIn:
    """The LogIn of tokens/ports.py."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        limits: GuessLimits,
        passwords: Passwords,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._accounts = accounts
        self._limits = limits
        self._passwords = passwords
        self._clock = clock
        self._audit = audit

    async def __call__(self, name: str, password: str, *, peer: str) -> Subject:
        # A name that can be nobody's is not looked up: its caller learns nothing from that.
        account = await find_account(self._accounts, name)
        # All spellings of a name that find the same account have one budget.
        name = account.name if account else canonical_name(name) or name
        network, now = network_of(peer, ipv4=32), self._clock()
        try:
            charged = await self._limits.charge(name, network, now=now)
        except TooManyAttempts as refusal:
            raise refusal.about(sub=account.name) if account else refusal  # noqa: B904 - the same
        password_hash = account.password_hash if account else None
        try:
            matches = await self._passwords.verify(password_hash, password, network=network)
        except Overloaded:
            await forgive(charged)
            raise
        if account is None or account.disabled or not matches:
            raise _refusal(account, matches=matches)
        if not await self._has_password_of(account):
            raise _refusal(account, matches=False)
        await forgive(charged)
        await self._limits.remember(account.name, network, now=now)
        await self._renew_hash(account, password, network)
        self._audit.record(Fact.LOGGED_IN, sub=account.name)
        return account.name

    async def _has_password_of(self, verified: Account) -> bool:
        """Return whether the password is still the one that was verified.

        It waits in a queue first. `users passwd` ends the sessions that there are, so a session
        that begins afterwards by the old password would go on.
        """
        account = await self._accounts.find(verified.name)
        # Not the hash: another log-in may have renewed it.
        return account is not None and (
            account.password_updated_at == verified.password_updated_at
        )

    async def _renew_hash(self, account: Account, password: str, network: str) -> None:
        if not self._passwords.needs_rehash(account.password_hash):
            return
        # It can be done at the next log-in as well, so it fails none.
        with suppress(TemporarilyUnavailable):
            await self._accounts.set_password_hash(
                account.name,
                await self._passwords.hash(password, network=network),
                # A password that was changed meanwhile stays changed.
                replacing=account.password_hash,
                # It is the password of then: only its hash is new.
                at=account.password_updated_at,
            )


def _refusal(account: Account | None, *, matches: bool) -> LoginRefused:
    # What was typed as a name may be a password: only an account's own name goes to the log.
    if account is None:
        return AccountUnknown()
    refusal = AccountDisabled() if matches else PasswordWrong()
    return refusal.about(sub=account.name)
