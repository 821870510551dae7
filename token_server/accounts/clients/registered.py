"""What a clients file says (docs/clients.md): values, valid once made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NewType

from joserfc.jwk import ECKey, OKPKey, RSAKey

from token_server.tokens.clients import Client

JwksUri = NewType("JwksUri", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key of somebody else, and what it may verify."""

    kid: str
    """Its own, or its RFC 7638 thumbprint where its JWK has none."""
    algorithms: frozenset[str]
    key: RSAKey | ECKey | OKPKey = field(repr=False)


class AssertionAudience(StrEnum):
    """What an assertion's `aud` may be, as one string."""

    ISSUER = "issuer"
    """The issuer alone (draft-ietf-oauth-rfc7523bis)."""
    ENDPOINTS = "endpoints"
    """The issuer, or the URL of the endpoint: Authlib and other older programs send it."""


KeySource = tuple[VerificationKey, ...] | JwksUri


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredClient:
    """A client, and what it proves itself with."""

    client: Client
    name: str | None
    """For people."""
    secret_hashes: tuple[bytes, ...] = field(repr=False)
    """SHA-256 of each secret; two while it is being changed."""
    keys: KeySource
    algorithms: frozenset[str]
    """Those that its assertions may be signed with."""
    assertion_audience: AssertionAudience
    max_assertion_lifetime: timedelta
    """Their `exp` is no further away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """Whose assertions start sessions (RFC 7523 §2.1)."""

    issuer: str
    keys: KeySource
    algorithms: frozenset[str]
    client_ids: frozenset[str]
    """Who may present them."""
    subject_claim: str
    subject_prefix: str
    """What stands before that claim in the subject of its sessions."""
    scope: str | None
    """The most that an assertion may lead to; None: as its client has it."""
    assertion_audience: AssertionAudience
    max_assertion_lifetime: timedelta
    """Their `exp` is no further away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A whole file."""

    clients: Mapping[str, RegisteredClient]
    issuers: Mapping[str, TrustedIssuer]


NOBODY = Registered(clients={}, issuers={})
