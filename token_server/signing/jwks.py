"""The public JWK Set as served (RFC 7517 §5): the port `JwkSet`."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from token_server.signing import base64url, certificates
from token_server.signing.jws import ALGORITHM
from token_server.signing.lifecycle import Keyset, SigningKey, next_change, published
from token_server.tokens.ports import JwkSetDocument

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    document: JwkSetDocument
    since: datetime
    until: datetime


class PublicJwkSet:
    """Shares out the propagation period.

    Half of it is for caches, a quarter for servers to pick up a change, a quarter for clock skew.
    """

    def __init__(self, keyset: Keyset, *, propagation_period: timedelta) -> None:
        self._keyset = keyset
        self._longest_age = propagation_period / 2
        self._served: _Served | None = None

    def document(self, now: datetime) -> JwkSetDocument:
        return self._at(now).document

    def max_age(self, now: datetime) -> timedelta:
        return min(self._longest_age, self._at(now).until - now)

    def _at(self, now: datetime) -> _Served:
        served = self._served
        if served is None or not served.since <= now < served.until:
            served = _Served(
                document=_document(published(self._keyset, now)),
                since=now,
                until=next_change(self._keyset, now) or _NEVER,
            )
            self._served = served
        return served


def _document(keys: tuple[SigningKey, ...]) -> JwkSetDocument:
    jwk_set = {"keys": [_jwk(key) for key in keys]}
    body = json.dumps(jwk_set, separators=(",", ":")).encode("ascii")
    digest = base64url.encode(hashlib.sha256(body).digest())
    newest = max(keys, key=lambda key: key.announced_at)
    return JwkSetDocument(body=body, etag=f'"{digest}"', newest=newest.kid)


def _jwk(key: SigningKey) -> dict[str, object]:
    """Public members only, each by name: a private one cannot slip in."""
    jwk: dict[str, object] = {
        "kty": "RSA",
        "use": "sig",
        "alg": ALGORITHM,
        "kid": key.kid,
        "n": key.public.n,
        "e": key.public.e,
    }
    if key.public.x5c:
        x5t, x5t_s256 = certificates.thumbprints(key.public.x5c)
        jwk |= {"x5c": key.public.x5c, "x5t": x5t, "x5t#S256": x5t_s256}
    return jwk
