"""What the rules need from the rooms around them, each with its obligations."""

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from token_server.tokens.clients import OnReuse
from token_server.tokens.model import (
    Account,
    Attempt,
    ClientId,
    EndReason,
    Kid,
    NewSession,
    Policy,
    RefreshToken,
    Session,
    SessionId,
    Subject,
    TokenId,
    Unsigned,
    UnverifiedToken,
)
from token_server.tokens.outcomes import AccountBarred, Ending, Known, Showing


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now, aware, in UTC."""


class Ids(Protocol):
    """The only source of randomness: at least 128 bits each."""

    def session_id(self) -> SessionId:
        """22 characters of base64url."""

    def attempt(self) -> Attempt: ...


class Signer(Protocol):
    """Keys in memory; RS512 and nothing else. Waits for no change of the keyset."""

    def signing_kid(self, now: datetime) -> Kid:
        """The active key's. Raises: SigningKeyMissing, where we do not hold it."""

    def kid_for(self, kid: Kid, now: datetime) -> Kid:
        """That key, or the active one where that key may no longer sign."""

    def expecting(self) -> AbstractContextManager[None]:
        """Within it somebody is about to ask for a pair; who asks must have left it.

        Who asks meanwhile may be kept waiting for it, by some milliseconds: both are signed for
        in less time than one after the other.
        """

    def sign(self, *tokens: Unsigned, kid: Kid, now: datetime) -> Awaitable[Sequence[str]]:
        """A compact JWS of each, all by the key that `kid_for` names at this moment."""

    def unpack(self, unverified_token: str) -> UnverifiedToken:
        """Take a token apart without any RSA work.

        Raises: TokenMalformed, KeyUnknown.
        """

    def verify(self, unverified: UnverifiedToken, now: datetime) -> None:
        """Raises: TokenForged; KeyUnknown, also where its key is retired or revoked."""

    def verify_signature(self, unverified: UnverifiedToken) -> None:
        """As `verify`, but by any key that is remembered: a revoked one proves little.

        Raises: TokenForged, KeyUnknown.
        """


class KeysetWatch(Protocol):
    async def catch_up(self) -> bool:
        """Have all changes before this call seen; False: they cannot be, what there was stays."""

    async def look_for_key_of(self, unverified_token: str) -> bool:
        """The same for a token whose key is unknown, but not again and again.

        Raises: TooManyWaiting.
        """


class KeyExpiries(Protocol):
    """Per key, the latest expiry of any token that it may have signed.

    Recorded before it signs and never too early, because a key leaves the JWK Set by it.
    """

    def is_reserved(self, kid: Kid, until: datetime) -> bool:
        """Whether a token that expires then is known to be covered; never waits."""

    async def reserve(self, kid: Kid, until: datetime) -> None:
        """Cover it, durably, where it is not yet. Raises: StoreUnavailable."""

    async def latest(self) -> Mapping[Kid, datetime]:
        """What all servers of the store have recorded. Raises: StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTerms:
    """By what a refresh token that is shown is judged."""

    policy: Policy
    client_id: ClientId | None = None
    """Who asks."""
    scope: tuple[str, ...] = ()
    """What is asked for."""
    on_reuse: OnReuse = OnReuse.END
    is_public: bool = False
    """Whether the client did not authenticate."""


class SessionStore(Protocol):
    """What must be remembered of sessions, and what must happen in one step.

    Servers share a store: any two calls may meet. A call may be repeated with the same attempt
    and is then recognised as itself. What ends or begins a session is durable before it returns.
    Raises StoreUnavailable where it cannot answer, and StoreMemoryLost: it never guesses.
    """

    async def begin(
        self,
        new: NewSession,
        *,
        policy: Policy,
        attempt: Attempt,
        of_account: bool,
        foreign: bool = False,
    ) -> Session | AccountBarred:
        """Remember a new session: what ended all of its subject's before does not end it.

        Never for a disabled account; for a subject without one only if `of_account` is false. If
        it is `foreign`, never for a subject that is an account, or is remembered as one.
        """

    async def show(
        self,
        token: RefreshToken,
        *,
        terms: RefreshTerms,
        kid: Kid,
        attempt: Attempt,
        now: datetime,
    ) -> Showing:
        """Decide what a genuine refresh token leads to, and remember it, in one round trip.

        `kid` is the key that signs if a new pair is due.
        """

    async def foresee(self, token: RefreshToken, *, terms: RefreshTerms, now: datetime) -> Showing:
        """What `show` would answer now; changes nothing."""

    async def end(  # noqa: PLR0913 - each by its name
        self,
        subject: Subject,
        sid: SessionId,
        *,
        because: EndReason,
        attempt: Attempt,
        token_id: TokenId | None = None,
        origins: Sequence[TokenId] = (),
        client_id: ClientId | None = None,
    ) -> Ending:
        """End one session. Of all attempts exactly one gets Done.

        `token_id` is the access token by which it is ended, `origins` what that was exchanged
        from, `client_id` whose it is: never by a revoked one, nor by another client's exchange.
        """

    async def revoke_session(
        self, token: RefreshToken, *, client_id: ClientId | None, attempt: Attempt
    ) -> Ending:
        """End the session of a genuine refresh token, unless another client's."""

    async def revoke_access_token(
        self, subject: Subject, token_id: TokenId, *, until: datetime
    ) -> None:
        """Remember, until it has expired, that this one is revoked."""

    async def look(
        self,
        subject: Subject,
        *,
        sid: SessionId | None,
        token_id: TokenId,
        origins: Sequence[TokenId] = (),
    ) -> Known:
        """What is known of a token's session, and of its own revocation or an origin's."""

    async def end_all(self, subject: Subject) -> None:
        """End every session that the subject has, in constant time."""


class AccountStore(Protocol):
    """Login records. Raises StoreUnavailable; changes are durable before a call returns."""

    async def add(self, account: Account) -> bool:
        """False: the name is taken, and nothing changed."""

    async def find(self, name: Subject) -> Account | None: ...

    async def all(self) -> list[Account]:
        """By name."""

    async def names(self) -> list[Subject]:
        """Of all accounts, in order; maybe of one that was just removed."""

    async def set_forms(self, forms: Mapping[Subject, Subject]) -> None:
        """Replace what `find_by_form` knows: names of accounts by the form they compare in."""

    async def find_by_form(self, form: Subject) -> Account | None: ...

    async def set_password_hash(
        self, name: Subject, password_hash: str, *, replacing: str | None, at: datetime
    ) -> bool:
        """False: no such account, or its hash is not the one to be replaced (None: any)."""

    async def disable(self, name: Subject, *, at: datetime) -> bool:
        """Refuse log-ins and end all its sessions, in one step. False: no such account."""

    async def enable(self, name: Subject, *, at: datetime) -> bool: ...

    async def remove(self, name: Subject) -> bool:
        """Forget the account and end all its sessions, in one step."""


class SingleUse(Protocol):
    """What is good once, on all servers of one store. Raises StoreUnavailable."""

    async def spend(self, *name: str, keep: timedelta) -> bool:
        """Of all callers, for that long, exactly one gets True; durable before it returns.

        Raises: StoreMemoryLost.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class JwkSetDocument:
    """The JWK Set as served (RFC 7517 §5), built once per change."""

    body: bytes
    etag: str
    """Strong, with its quotes."""
    newest: Kid
    """The key in it that was announced last."""


class JwkSet(Protocol):
    def document(self, now: datetime) -> JwkSetDocument: ...

    def max_age(self, now: datetime) -> timedelta:
        """How long it may be cached: less, the nearer the next change."""


class VerifierLog(Protocol):
    def fetched(self, address: str, user_agent: str, newest: Kid) -> None:
        """Note who has the set with this key now; never waits, and costs next to nothing."""


class Fact(StrEnum):
    """What the audit log speaks of."""

    LOGGED_IN = "logged_in"
    SESSION_BEGUN = "session_begun"
    ROTATED = "rotated"
    ROLLED_FORWARD = "rolled_forward"
    REPEATED = "repeated"
    RECOVERED = "recovered"
    KEPT = "kept"
    REUSED = "reused"
    REFUSED = "refused"
    ACCESS_TOKEN_ISSUED = "access_token_issued"  # noqa: S105 - the name of a fact
    ACCESS_TOKEN_EXCHANGED = "access_token_exchanged"  # noqa: S105 - the name of a fact
    ACCESS_TOKEN_REVOKED = "access_token_revoked"  # noqa: S105 - the name of a fact
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    ACCOUNT_ADDED = "account_added"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ACCOUNT_REMOVED = "account_removed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a fact
    STORE_ACCEPTED = "store_accepted"
    KEY_MADE = "key_made"
    KEY_ROTATED = "key_rotated"
    KEY_SCHEDULED = "key_scheduled"
    KEY_REVOKED = "key_revoked"
    KEY_IMPORTED = "key_imported"
    KEY_DESTROYED = "key_destroyed"


class Audit(Protocol):
    def record(self, fact: Fact, **ids: str | int) -> None:
        """Write one line. Ids only: never a token, a password or a key."""
