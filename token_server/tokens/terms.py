"""Scope and audience: what is asked for, what may be had, and what an access token says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from token_server.tokens.clients import AccessTokenFormat, Asked, Client
from token_server.tokens.model import ClientId, TokenType
from token_server.tokens.refusals import ScopeRefused, TargetRefused

REFRESH, ACCESS = "refresh", "access"
"""The documented audiences; they tell the two kinds of token apart (RFC 8725 §3.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an access token says beside whose it is and how long it lives."""

    typ: TokenType = TokenType.JWT
    audience: tuple[str, ...] = (ACCESS,)
    client_id: ClientId | None = None
    scope: str | None = None
    about: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Claims about the subject that a dialect adds."""

    @property
    def variation(self) -> str:
        """What sets it apart from the documented one, as text; empty where nothing does."""
        if self is DOCUMENTED:
            return ""
        told = (str(self.typ), self.audience, self.client_id, self.scope, [*self.about.items()])
        return repr(told)


DOCUMENTED = Terms()


def terms(
    client: Client | None,
    asked: Asked,
    *,
    scope: str | None,
    about: Mapping[str, object],
) -> Terms:
    """Raises: TargetRefused."""
    audience = audience_of(client, asked)
    if client is None:
        return Terms(about=about) if about else DOCUMENTED
    is_at_jwt = client.access_token_format is AccessTokenFormat.AT_JWT
    return Terms(
        typ=TokenType.AT_JWT if is_at_jwt else TokenType.JWT,
        audience=audience,
        client_id=client.client_id,
        scope=scope,
        about=about,
    )


def audience_of(client: Client | None, asked: Asked) -> tuple[str, ...]:
    """RFC 8707 §2: what is named, or where that is (RFC 9068 §3). Raises: TargetRefused."""
    if client is None and not asked.resources:
        return (ACCESS,)
    # An access token for `refresh` could be taken for the other kind.
    allowed = [name for name in client.audiences if name != REFRESH] if client else []
    if asked.resources:
        if not set(asked.resources) <= set(allowed):
            raise TargetRefused
        return tuple(dict.fromkeys(asked.resources))
    if client and client.access_token_format is AccessTokenFormat.AT_JWT and allowed:
        return (allowed[0],)
    return (ACCESS,)


def names_asked(client: Client | None, asked: Asked) -> tuple[str, ...]:
    """The scope asked for, where any is; of no client it is ignored (RFC 6749 §3.3).

    Raises: ScopeRefused, where it is more than the client may ever ask for.
    """
    if client is None or not asked.scope:
        return ()
    # RFC 6749 §3.3 has one space between names; clients that join lists send more.
    names = tuple(dict.fromkeys(filter(None, asked.scope.split(" "))))
    if not names or not set(names) <= set(client.scope):
        raise ScopeRefused
    return names


def first_scope(client: Client | None, asked: Asked) -> str | None:
    """Return what is asked for, else all that the client may have. Raises: ScopeRefused."""
    names = names_asked(client, asked)
    if client is None:
        return None
    return written(names or client.scope, has_scope=client.has_scope)


def scope_within(
    granted: str | None, *, client: Client | None, names: tuple[str, ...]
) -> str | None:
    """Return what is asked for, else all of what was granted that the client may still have.

    A scope of which nothing is left is "", never None: a token without a scope is unrestricted.
    """
    if client is None:
        return None
    has_scope = client.has_scope or bool(granted)
    return written(names or still_allowed(granted, client), has_scope=has_scope)


def still_allowed(granted: str | None, client: Client) -> tuple[str, ...]:
    return tuple(name for name in (granted or "").split() if name in client.scope)


def written(names: tuple[str, ...], *, has_scope: bool) -> str | None:
    """Return a scope as tokens say it; None is no restriction, and "" allows nothing."""
    return " ".join(names) if names or has_scope else None
