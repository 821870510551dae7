"""Registered clients and what a request may ask for: values, valid once made."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from token_server.tokens.model import ClientId, Policy
from token_server.tokens.refusals import ScopeRefused


class AuthMethod(StrEnum):
    """How a client proves that it is itself (RFC 7591 §2, token_endpoint_auth_method)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


SECRET_METHODS = frozenset({AuthMethod.BASIC, AuthMethod.POST})
"""One secret in either place: a client may be registered for both."""
ASSERTION_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA")
"""What a client may sign its assertions with (RFC 7523 §3)."""


class Grant(StrEnum):
    """RFC 6749 §4.3, §4.4, §6; RFC 7523 §2.1; RFC 8693."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant
    PASSWORD = "password"  # noqa: S105 - the name of a grant
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - as above


NEEDS_PROOF = (Grant.CLIENT_CREDENTIALS, Grant.JWT_BEARER, Grant.TOKEN_EXCHANGE)
"""The grants that are not for public clients (RFC 6749 §4.4, RFC 8693 §2.1)."""


class AccessTokenFormat(StrEnum):
    JWT = "jwt"
    """As the documented ones."""
    AT_JWT = "at+jwt"
    """RFC 9068."""


class OnReuse(StrEnum):
    """What becomes of a session whose spent refresh token is shown when it may not be."""

    END = "end"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered client (docs/clients.md); its secrets and keys are not in it."""

    client_id: ClientId
    auth_methods: frozenset[AuthMethod]
    """One, or both places of a secret."""
    grants: frozenset[Grant]
    scope: tuple[str, ...]
    """The most it may ask for, and what it gets where it asks for nothing."""
    audiences: tuple[str, ...]
    access_token_format: AccessTokenFormat
    policy: Policy
    reusable: bool | None
    """Whether its sessions keep their refresh token; None: as the dialect of the log-in has it."""
    on_reuse: OnReuse
    introspects_any: bool
    """Whether it may know about tokens that are not its own."""
    names_scope: bool = False
    """Whether its registration has a scope, an empty one included."""
    may_exchange: frozenset[str] = frozenset()
    """The clients and audiences whose access tokens it may exchange beside its own."""

    def may_use(self, grant: Grant) -> bool:
        """Return whether it may use a grant; a public client never one that needs a proof."""
        return grant in self.grants and not (self.is_public and grant in NEEDS_PROOF)

    @property
    def is_public(self) -> bool:
        """Whether it does not authenticate (RFC 6749 §2.1)."""
        return AuthMethod.NONE in self.auth_methods

    @property
    def has_scope(self) -> bool:
        """Whether its tokens always say a scope: a token without one is unrestricted."""
        return self.names_scope or bool(self.scope)

    def limited_to(self, scope: str | None) -> Self:
        """Return the same client with no more than the scope of an issuer; None: any scope.

        Raises: ScopeRefused, if nothing is in common and the registration does not say so itself.
        """
        if scope is None:
            return self
        allowed = scope.split()
        common = tuple(name for name in self.scope if name in allowed)
        # Without a scope in the registration, the token would have none, and be unrestricted.
        says_nothing = self.names_scope and not self.scope and not allowed
        if not common and not says_nothing:
            raise ScopeRefused
        return replace(self, scope=common)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a token request asks for beyond its grant."""

    scope: str | None = None
    """RFC 6749 §3.3, as it was sent."""
    resources: tuple[str, ...] = ()
    """RFC 8707 §2, as they were sent; `audience` of RFC 8693 §2.1 among them."""


NOTHING_MORE = Asked()
