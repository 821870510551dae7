"""The authorization server's metadata (RFC 8414): what is switched on, and may be used by whom."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from starlette.requests import Request
from starlette.responses import Response

from token_server.problems import Problem
from token_server.tokens.clients import ASSERTION_ALGORITHMS, AuthMethod, Client, Grant
from token_server.tokens.services import ClientRegistry
from token_server.web.grants import ANONYMOUS
from token_server.web.well_known import is_known
from token_server.web.wire import JSON

WELL_KNOWN = "/.well-known/oauth-authorization-server"
MAX_AGE = 300
"""Seconds. A client registered since then may be told of by an old answer for as long."""


class MetadataEndpoint:
    """Made anew for each answer: the clients may have changed since the last."""

    def __init__(self, *, issuer: str, clients: ClientRegistry) -> None:
        """Raises: Problem, where Authlib finds that RFC 8414 forbids it."""
        self._issuer = issuer
        self._clients = clients
        check(self.document())

    def document(self) -> dict[str, object]:
        registered = self._clients.all() if self._clients.is_there else None
        return document(self._issuer, registered)

    async def __call__(self, request: Request) -> Response:
        body = json.dumps(self.document(), separators=(",", ":")).encode("ascii")
        etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        headers = {
            "Cache-Control": f"public, max-age={MAX_AGE}",
            "ETag": etag,
            # Public: a client in a browser may read it wherever it comes from.
            "Access-Control-Allow-Origin": "*",
        }
        if is_known(etag, request.headers.getlist("if-none-match")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=JSON)


def paths_of(issuer: str) -> list[str]:
    """RFC 8414 §3.1: an issuer's path goes behind the well-known one."""
    inserted: str = get_well_known_url(issuer)
    return sorted({WELL_KNOWN, inserted})


def document(issuer: str, registered: Iterable[Client] | None) -> dict[str, object]:
    """In RFC 8414 §2's order; `registered` is None where there are no clients at all."""
    clients = list(registered or ())
    methods = {AuthMethod.NONE, *(client.auth_method for client in clients)}
    grants = ANONYMOUS.union(*(client.grants for client in clients))
    described: dict[str, object] = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/api/oauth2/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": sorted({name for client in clients for name in client.scope}),
        "response_types_supported": [],
        "grant_types_supported": [grant for grant in Grant if grant in grants],
        **_endpoint("token", methods),
        "revocation_endpoint": f"{issuer}/api/oauth2/revoke",
        **_endpoint("revocation", methods),
    }
    if registered is not None:
        described["introspection_endpoint"] = f"{issuer}/api/oauth2/introspect"
        described |= _endpoint("introspection", methods - {AuthMethod.NONE})
        # RFC 9701 §7.
        described["introspection_signing_alg_values_supported"] = ["RS512"]
    # RFC 8414 §3.2: claims with zero elements are left out. But §2 requires this one, and we
    # have no authorization endpoint: it is there, and empty.
    return {name: value for name, value in described.items() if value or name == _RESPONSE_TYPES}


def check(described: Mapping[str, object]) -> None:
    """Raises: Problem."""
    try:
        _TokenServerMetadata(_as_over_tls(described)).validate()
    except ValueError as fault:
        raise Problem(f"the metadata would break RFC 8414: {fault}", hint="check ISSUER") from None


_RESPONSE_TYPES = "response_types_supported"


class _TokenServerMetadata(AuthorizationServerMetadata):
    def validate_response_types_supported(self) -> None:
        """None, where there is no authorization endpoint; Authlib wants at least one."""


def _as_over_tls(described: Mapping[str, object]) -> dict[str, object]:
    """ISSUER may say http, which is for the operator to know; all else is looked at."""
    return {
        name: value.replace("http://", "https://", 1) if isinstance(value, str) else value
        for name, value in described.items()
    }


def _endpoint(name: str, methods: Iterable[AuthMethod]) -> dict[str, object]:
    told: dict[str, object] = {
        f"{name}_endpoint_auth_methods_supported": [
            method for method in AuthMethod if method in methods
        ]
    }
    if AuthMethod.PRIVATE_KEY_JWT in methods:
        told[f"{name}_endpoint_auth_signing_alg_values_supported"] = list(ASSERTION_ALGORITHMS)
    return told
