"""The authorization server's metadata (RFC 8414), and the same document for verifiers (OIDC)."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from starlette.requests import Request
from starlette.responses import Response

from token_server.problems import Problem
from token_server.tokens.clients import ASSERTION_ALGORITHMS, AuthMethod, Client, Grant
from token_server.tokens.refusals import ResponseTypeUnsupported
from token_server.tokens.services import ClientRegistry
from token_server.web.exchange import ANONYMOUS
from token_server.web.paths import one_spelling
from token_server.web.well_known import is_known
from token_server.web.wire import JSON

RFC_8414 = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
AUTHORIZE = "/api/oauth2/authorize"
MAX_AGE = 300
"""Seconds. A new client or grant may be missing from a cached answer for as long."""
# OpenID Connect Discovery 1.0 §3 requires both; there are no ID tokens, whatever the second says.
OPENID_MEMBERS: Mapping[str, object] = {
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS512"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """The answers about one set of clients."""

    clients: Collection[Client] | None
    etag: str
    whole: Response
    not_modified: Response


class MetadataEndpoint:
    """Make the document once for each set of clients, and answer it until that changes."""

    def __init__(
        self,
        *,
        issuer: str,
        clients: ClientRegistry,
        anonymous: Collection[Grant] = ANONYMOUS,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Raises: Problem, where Authlib finds that RFC 8414 forbids the document."""
        self._issuer = issuer
        self._clients = clients
        self._anonymous = anonymous
        self._more = more or {}
        check(document(issuer, self._registered(), anonymous))
        self._answers = self._made(self._registered())

    def _registered(self) -> Collection[Client] | None:
        return self._clients.all() if self._clients.is_there else None

    async def __call__(self, request: Request) -> Response:
        answers, registered = self._answers, self._registered()
        if registered is not answers.clients:
            answers = self._answers = self._made(registered)
        if is_known(answers.etag, request.headers.getlist("if-none-match")):
            return answers.not_modified
        return answers.whole

    def _made(self, registered: Collection[Client] | None) -> _Answers:
        described = {**document(self._issuer, registered, self._anonymous), **self._more}
        body = json.dumps(described, separators=(",", ":")).encode("ascii")
        etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        headers = {
            "Cache-Control": f"public, max-age={MAX_AGE}",
            "ETag": etag,
            # Public: a client in a browser may read it wherever it comes from.
            "Access-Control-Allow-Origin": "*",
        }
        return _Answers(
            clients=registered,
            etag=etag,
            whole=Response(body, headers=headers, media_type=JSON),
            not_modified=Response(status_code=304, headers=headers),
        )


def paths_of(issuer: str, well_known: str) -> list[str]:
    """Return where readers look for a document of this issuer, the plain path first.

    RFC 8414 §3.1 puts the issuer's path behind the well-known one, OpenID Connect Discovery 1.0
    §4 before it. Readers of either document use either rule.
    """
    path = one_spelling(unquote(urlsplit(issuer).path)).rstrip("/")
    return list(dict.fromkeys([well_known, well_known + path, path + well_known]))


async def authorize(_request: Request) -> Response:
    """Refuse every response type: MCP's SDKs read no metadata without this endpoint.

    Never by a redirect (RFC 6749 §4.1.2.1): no redirection URI is registered.
    """
    raise ResponseTypeUnsupported


def document(
    issuer: str,
    registered: Iterable[Client] | None,
    anonymous: Collection[Grant] = ANONYMOUS,
) -> dict[str, object]:
    """In RFC 8414 §2's order; `registered` is None where there are no clients at all.

    `anonymous`: the grants that are on without a client.
    """
    clients = list(registered or ())
    methods = {method for client in clients for method in client.auth_methods}
    # Whoever holds the token of a session without a client may revoke it.
    revoking = methods | {AuthMethod.NONE}
    grants = {*anonymous, *(grant for client in clients for grant in client.grants)}
    described: dict[str, object] = {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": f"{issuer}/api/oauth2/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        # RFC 8414 §2 requires it, and §3.2 forbids an empty list.
        "response_types_supported": ["none"],
        "grant_types_supported": [grant for grant in Grant if grant in grants],
        **_endpoint("token", revoking if anonymous else methods),
        "revocation_endpoint": f"{issuer}/api/oauth2/revoke",
        **_endpoint("revocation", revoking),
    }
    if registered is not None:
        described["introspection_endpoint"] = f"{issuer}/api/oauth2/introspect"
        described |= _endpoint("introspection", methods - {AuthMethod.NONE})
        # RFC 9701 §7.
        described["introspection_signing_alg_values_supported"] = ["RS512"]
    # RFC 8414 §3.2: claims with zero elements are left out.
    return {name: value for name, value in described.items() if value}


def check(described: Mapping[str, object]) -> None:
    """Raises: Problem."""
    try:
        AuthorizationServerMetadata(_as_over_tls(described)).validate()
    except ValueError as fault:
        raise Problem(f"the metadata would break RFC 8414: {fault}", hint="check ISSUER") from None


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
