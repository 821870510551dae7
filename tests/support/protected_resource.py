"""A resource that names its authorization server (RFC 9728) and verifies tokens offline."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import jwt

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass
class ProtectedResource:
    url: str
    issuer: str
    accepted: list[dict[str, Any]] = field(default_factory=list)
    """The claims of each access token that it accepted."""

    @property
    def metadata(self) -> dict[str, object]:
        return {"resource": self.url, "authorization_servers": [self.issuer]}

    def accepts(self, token: str) -> bool:
        """As docs/verifiers.md says: `alg`, key, `iss` and `aud`."""
        keys = jwt.PyJWKClient(f"{self.issuer}/.well-known/jwks.json")
        try:
            key = keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token, key, algorithms=["RS512"], audience=self.url, issuer=self.issuer
            )
        except (jwt.PyJWTError, ValueError):
            return False
        self.accepted.append(claims)
        return True


@contextmanager
def protected_resource(url: str, issuer: str) -> Iterator[ProtectedResource]:
    resource, parts = ProtectedResource(url, issuer), urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == WELL_KNOWN + parts.path:
                self._answer(200, resource.metadata)
            elif self.path != parts.path:
                self._answer(404, {})
            elif resource.accepts(self.headers.get("Authorization", "").removeprefix("Bearer ")):
                self._answer(200, resource.accepted[-1])
            else:
                self._answer(401, {})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            written = json.dumps(body).encode()
            self.send_response(status)
            if status == 401:
                there = f"http://{parts.netloc}{WELL_KNOWN}{parts.path}"
                self.send_header("WWW-Authenticate", f'Bearer resource_metadata="{there}"')
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer((parts.hostname or "", parts.port or 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield resource
        server.shutdown()
        thread.join()
