"""What a dialect is, and the values that pass between it and the endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from starlette.responses import Response

from token_server.tokens.model import TokenPair, Undisclosed
from token_server.tokens.profiles import Profile
from token_server.tokens.refusals import Refusal
from token_server.web.wire import Fields, Sent


class RefreshRequest(Undisclosed, frozen=True, kw_only=True):
    """One pair for one refresh token."""

    refresh_token: str


class LogInRequest(Undisclosed, frozen=True, kw_only=True):
    """A first pair for a user name and a password."""

    name: str
    password: str
    short_term: bool


TokenRequest = RefreshRequest | LogInRequest


class Occurrence(NamedTuple):
    """Which request was refused, as a problem reports it (RFC 9457 §3.1.5)."""

    path: str
    """A path that is served, or NO_PATH: what was sent could hold a secret."""
    trace_id: str | None
    """The id that the answer and the log share; None: the log has no line for it."""


NO_PATH = "about:blank"


class Refuse(Protocol):
    def __call__(self, refusal: Refusal, *, at: Occurrence) -> Response:
        """Write a refusal in this dialect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How one wire form says no, and what the audit log calls it."""

    name: str
    """As the setting DIALECTS knows it."""
    spelling: str | None = None
    """Where a dialect has two."""
    refuse: Refuse

    @property
    def told(self) -> dict[str, str]:
        """How the audit log names it."""
        spelling = {"spelling": self.spelling} if self.spelling else {}
        return {"dialect": self.name, **spelling}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Spelling):
    """One whose answers need nothing but the pair."""

    parse: Callable[[Fields], TokenRequest]
    """Raises: RequestMalformed, GrantUnsupported."""
    render: Callable[[TokenPair], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDialect(Spelling):
    """One whose answers tell of the subject as well."""

    parse: Callable[[Sent], TokenRequest]
    """Raises: RequestRefused, TokenMissing."""
    claims: Callable[[Profile], Mapping[str, object]]
    """What its access tokens say of the subject."""
    render: Callable[[TokenPair, Profile], Response]


Paths = Mapping[str, Mapping[str, ProfileDialect]]
"""The dialect of each path and method."""
