"""Assertions (RFC 7523 §3): who signs one, what it must say, and that it is good once."""

import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from joserfc.util import urlsafe_b64decode

from token_server import strict_json
from token_server.accounts.clients.jwks_uri import RemoteKeys
from token_server.accounts.clients.registered import KeySource, VerificationKey
from token_server.tokens.model import LEEWAY
from token_server.tokens.ports import SingleUse

if TYPE_CHECKING:
    from joserfc._rfc7515.model import JWSAlgModel  # it has no other name

LONGEST_ASSERTION = 8192
LONGEST_JTI = 256
LONGEST_SHOWN = 200
# What would bring a key of its own, or change what its other members mean.
_NEVER = {"crit", "b64", "jwk", "jku", "x5u"}


class AssertionFault(Exception):
    """Why an assertion is no good, in constant words."""

    def __init__(self, because: str, **told: str) -> None:
        super().__init__(because)
        self.told = {"because": because, **told}
        """For the audit line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedAssertion:
    """Taken apart; nothing in it was checked but its form."""

    jws: CompactSignature = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    unverified_claims: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a good one says, and who signs it."""

    types: AbstractSet[str]
    """In lower case; none at all is as good."""
    issuer: str
    audience: str
    """Our ISSUER."""
    endpoints: AbstractSet[str]
    """What `aud` may be instead, where `accepts_endpoints`."""
    accepts_endpoints: bool
    longest: timedelta
    """`exp` is no further away."""
    keys: KeySource
    algorithms: AbstractSet[str]


class _Registry(JWSRegistry):
    """RFC 7515 §4: members that are not understood are ignored, but for those of `_NEVER`."""

    max_header_length = 4096

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm], strict_check_header=False)

    def get_alg(self, name: str) -> "JWSAlgModel":
        # joserfc would warn of `EdDSA` at each use, because RFC 9864 calls it otherwise.
        if self.allowed is None or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class AssertionCheck:
    def __init__(self, remote_keys: RemoteKeys, single_use: SingleUse) -> None:
        self._remote_keys = remote_keys
        self._single_use = single_use

    async def __call__(
        self, assertion: UnverifiedAssertion, expected: Expected, *, now: datetime
    ) -> None:
        """What costs nothing comes first, and only a good one is spent.

        Raises: AssertionFault, TemporarilyUnavailable.
        """
        algorithm = _checked_header(assertion.header, expected)
        jti, expires_at = _checked_claims(assertion.unverified_claims, expected, now)
        key = await self._key(assertion.header, algorithm, expected.keys, now)
        _verify(assertion.jws, key, algorithm)
        # Another server's clock may be behind by the leeway.
        keep = timedelta(seconds=expires_at - now.timestamp()) + LEEWAY
        if not await self._single_use.spend(expected.issuer, jti, keep=keep):
            raise AssertionFault("its jti was used before")

    async def _key(
        self, header: Mapping[str, object], algorithm: str, source: KeySource, now: datetime
    ) -> VerificationKey:
        kid = header.get("kid")
        if isinstance(source, tuple):
            key = _chosen(source, kid, algorithm)
        else:
            key = _chosen(await self._remote_keys.of(source, now), kid, algorithm)
            if key is None:
                key = _chosen(await self._remote_keys.newer(source, now), kid, algorithm)
        if key is None:
            raise AssertionFault("no key, or more than one, fits it")
        return key


def unpack(compact: str) -> UnverifiedAssertion:
    """Raises: AssertionFault."""
    if len(compact) > LONGEST_ASSERTION:
        raise AssertionFault("it is too long")
    try:
        jws = extract_compact(compact.encode("ascii"), registry=_Registry("RS256"))
        header = strict_json.read_object(urlsafe_b64decode(jws.segments["header"]))
        claims = strict_json.read_object(urlsafe_b64decode(jws.segments["payload"]))
    except (JoseError, ValueError, TypeError, RecursionError):
        # joserfc lets the last three through for crafted headers.
        raise AssertionFault("it is malformed") from None
    return UnverifiedAssertion(jws=jws, header=header, unverified_claims=claims)


def _checked_header(header: Mapping[str, object], expected: Expected) -> str:
    """The algorithm. RFC 8725 §3.1, §3.10, §3.11."""
    if _NEVER & header.keys():
        raise AssertionFault("its header holds what is never used")
    kind = header.get("typ")
    if kind is not None and not (isinstance(kind, str) and kind.lower() in expected.types):
        raise AssertionFault("its typ is of something else")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms:
        raise AssertionFault("its alg is not allowed")
    return algorithm


def _checked_claims(
    claims: Mapping[str, object], expected: Expected, now: datetime
) -> tuple[str, float]:
    """Its jti, and when it expires."""
    if claims.get("iss") != expected.issuer:
        raise AssertionFault("its iss is not its signer")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise AssertionFault("it has no sub")
    _check_audience(claims.get("aud"), expected)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_JTI:
        raise AssertionFault("it has no jti of 1 to 256 characters")
    expires_at = _moment(claims, "exp", math.nan)
    seconds = now.timestamp()
    if not seconds < expires_at <= seconds + (expected.longest + LEEWAY).total_seconds():
        raise AssertionFault("its exp is past, too far away, or missing")
    for name in ("nbf", "iat"):
        if not _moment(claims, name, seconds) <= seconds + LEEWAY.total_seconds():
            raise AssertionFault("its nbf or iat is in the future")
    return jti, expires_at


def _check_audience(audience: object, expected: Expected) -> None:
    # One string: what a list names beside us may show it to us as well.
    if audience == expected.audience:
        return
    if isinstance(audience, str) and audience in expected.endpoints:
        if expected.accepts_endpoints:
            return
        because = "its aud is an endpoint, and not the issuer: assertion_audience is not endpoints"
        raise AssertionFault(because, aud=audience)
    raise AssertionFault("its aud is not the issuer alone", aud=_cleaned(audience))


def _cleaned(audience: object) -> str:
    """Return what is safe to log of an `aud` that nobody has verified."""
    text = audience if isinstance(audience, str) else json.dumps(audience, default=str)
    return "".join(each if each.isprintable() else "?" for each in text[:LONGEST_SHOWN])


def _moment(claims: Mapping[str, object], name: str, default: float) -> float:
    """RFC 7519 §2, NumericDate."""
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AssertionFault("a moment in it is no number")
    return value


def _chosen(
    keys: tuple[VerificationKey, ...], kid: object, algorithm: str
) -> VerificationKey | None:
    """The key that `kid` names; without one, the only key that fits."""
    fitting = [
        key for key in keys if algorithm in key.algorithms and (kid is None or key.kid == kid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _verify(jws: CompactSignature, key: VerificationKey, algorithm: str) -> None:
    try:
        genuine = validate_compact(jws, key.key, registry=_Registry(algorithm))
    except (JoseError, ValueError, TypeError, RecursionError):
        genuine = False
    if not genuine:
        raise AssertionFault("its signature does not fit")
