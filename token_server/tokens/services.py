"""What the wire may ask of the rooms behind it, as protocols: see rules.py and accounts/."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from token_server.tokens.clients import NOTHING_MORE, Asked, Client
from token_server.tokens.model import IssuedAccessToken, Subject, TokenPair
from token_server.tokens.profiles import ClaimsAbout


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCredentials:
    """What a request shows of its client, as it was sent; None: the member is not there."""

    authorization: tuple[str, ...] = field(repr=False)
    """Every Authorization header; one that is not `Basic` is no client's."""
    client_id: str | None
    client_secret: str | None = field(repr=False)
    client_assertion: str | None = field(repr=False)
    client_assertion_type: str | None
    endpoint: str
    """The path that was asked, which an assertion may name as its audience."""
    peer: str
    """The address that the request came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    subject: Subject
    scope: str | None
    """The most it may lead to, where its issuer has a limit."""


class Readiness(Protocol):
    async def __call__(self) -> None:
        """Raises: TemporarilyUnavailable, where keyset or store cannot be used."""


class LogIn(Protocol):
    async def __call__(self, name: str, password: str, *, peer: str) -> Subject:
        """The subject whose name and password these are.

        Raises: AccountUnknown, PasswordWrong, AccountDisabled, TooManyAttempts, Overloaded,
        StoreUnavailable. The first two take the same time.
        """


class Tokens(Protocol):
    """What the wire may ask for: see rules.py.

    `client` is the authenticated (or public) client that asks; None in the dialects that know no
    clients, and for a request of the RFC 6749 spelling that names none.
    """

    async def issue(  # noqa: PLR0913 - each by its name
        self,
        subject: Subject,
        *,
        of_account: bool,
        short_term: bool = False,
        reusable: bool = False,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
        foreign: bool = False,
    ) -> TokenPair:
        """Begin a session. `reusable` counts where its client says nothing about it.

        `foreign`: another issuer named the subject, which must be no account of this server.

        Raises: AccountDisabled, AssertionRefused, ScopeRefused, TargetRefused,
        TemporarilyUnavailable.
        """

    async def refresh(
        self,
        unverified_token: str,
        *,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
    ) -> TokenPair:
        """Of a reusable session the refresh token that was shown comes back.

        Raises: TokenRefused (TokenMisplaced, where it belongs to another client: its session is
        untouched), ScopeRefused, TargetRefused, TemporarilyUnavailable.
        """

    async def client_credentials(self, client: Client, asked: Asked) -> IssuedAccessToken:
        """An access token of the client itself, without a session (RFC 6749 §4.4).

        Raises: ScopeRefused, TargetRefused, TemporarilyUnavailable.
        """

    async def exchange(
        self,
        client: Client,
        unverified_subject_token: str,
        asked: Asked,
        *,
        unverified_actor_token: str | None = None,
    ) -> IssuedAccessToken:
        """Another access token of the same session, with no more scope and no longer life.

        An actor token makes it a delegation: its subject is named in `act` (RFC 8693 §4.1).

        Raises: TokenRefused, ScopeRefused, TargetRefused, RequestMalformed (too many actors),
        TemporarilyUnavailable.
        """

    async def log_out(self, unverified_token: str) -> None: ...

    async def revoke(self, unverified_token: str, *, client: Client | None) -> None:
        """RFC 7009: an access token alone, or the whole session of a refresh token.

        A genuine token is revoked whatever its times say. One that is unknown, or another
        client's, changes nothing and raises nothing.

        Raises: TemporarilyUnavailable.
        """

    async def introspect(
        self, unverified_token: str, *, client: Client
    ) -> Mapping[str, object] | None:
        """The members of RFC 7662 §2.2 but `active`, in order; None: inactive, or not for it.

        Raises: TemporarilyUnavailable.
        """

    async def sign_introspection(self, told: Mapping[str, object], *, client: Client) -> str:
        """What introspection told this caller, as a JWT for it alone (RFC 9701 §5).

        Raises: TemporarilyUnavailable.
        """


class ClientAuthentication(Protocol):
    async def __call__(self, shown: ShownCredentials, *, now: datetime) -> Client | None:
        """Who asks, by exactly one method: the one that its registration names.

        None: the request names no client and no credentials. A public client names itself.

        Raises: ClientRefused; RequestMalformed, where there are two methods; TooManyAttempts;
        TemporarilyUnavailable.
        """


class Assertions(Protocol):
    async def __call__(self, unverified_assertion: str, *, client: Client) -> Asserted:
        """What a trusted issuer's assertion leads to (RFC 7523 §2.1, §3); good once.

        Raises: AssertionRefused, TemporarilyUnavailable.
        """


class ClientRegistry(Protocol):
    """The registered clients as they are now; never waits, also while the file changes."""

    @property
    def is_there(self) -> bool:
        """Whether a CLIENTS_FILE is set."""

    def find(self, client_id: str) -> Client | None: ...

    def all(self) -> Collection[Client]:
        """Return the same object until a client changes."""
