"""A clients file with the credentials that belong to it, and assertions signed by them."""

import base64
import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
INVOICES, PROFILE = "https://invoices.example", "https://profile.example"
LOGIN, PARTNER = "https://login.example", "https://partner.example"
SCOPE = "invoices:read invoices:write profile"
TRICKY = "tri:cky & co+"
WITH_SECRETS = ("billing", "poster", "narrow", "rfc9068", "agent", TRICKY)
METHODS = {"poster": "client_secret_post", "phone-app": "none"} | dict.fromkeys(
    ("portal", "mobile"), "private_key_jwt"
)


@dataclass(frozen=True)
class Registered:
    """Each client differs in one thing; those not told of here use Basic and have every grant.

    `narrow` has one scope, one audience and no jwt-bearer grant. `portal` may introspect any
    token. `agent` may show its secret in either place, and names `mcp_server` as its audience.
    Only a client that encodes them sends the id and the secret of `TRICKY` right.
    """

    issuer: str
    mcp_server: str = "https://mcp.example/mcp"
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            name: secrets.token_urlsafe() + ("%20 ä:+&" if name == TRICKY else "")
            for name in WITH_SECRETS
        }
    )
    keys: dict[str, ECKey | RSAKey] = field(
        default_factory=lambda: {
            "mobile": RSAKey.generate_key(2048, {"kid": "mobile-1"}),
            **{
                name: ECKey.generate_key("P-256", {"kid": name})
                for name in ("portal", LOGIN, PARTNER)
            },
        }
    )

    def basic(self, client_id: str, secret: str | None = None) -> dict[str, str]:
        """As RFC 6749 §2.3.1 has it."""
        pair = (client_id, self.secrets[client_id] if secret is None else secret)
        shown = ":".join(map(quote_plus, pair)).encode()
        return {"Authorization": f"Basic {base64.b64encode(shown).decode()}"}

    def assertion(self, issuer: str = LOGIN, /, **claims: object) -> str:
        """Another login system's word for a subject (RFC 7523 §2.1)."""
        return self.signed(issuer, {"iss": issuer, "sub": "alice", "aud": self.issuer} | claims)

    def client_assertion(self, client_id: str = "portal", /, **claims: object) -> dict[str, str]:
        """RFC 7523 §2.2, as members of a form."""
        own: dict[str, object] = {"iss": client_id, "sub": client_id, "aud": self.issuer}
        return {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.signed(client_id, own | claims),
        }

    def signed(
        self, signer: str, claims: dict[str, Any], *, header: dict[str, Any] | None = None
    ) -> str:
        """A claim that is None is left out."""
        key = self.keys[signer]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        now = int(time.time())
        fresh = {"iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
        return jwt.encode(
            {"alg": algorithm, "kid": key.kid} | (header or {}),
            {name: value for name, value in (fresh | claims).items() if value is not None},
            key,
            algorithms=["ES256", "RS256", "HS256"],
        )

    @property
    def toml(self) -> str:
        names = (*WITH_SECRETS, "portal", "mobile", "phone-app")
        return "\n".join([*map(self._client, names), *map(self._trusted, (LOGIN, PARTNER))])

    def _client(self, client_id: str) -> str:
        method = METHODS.get(client_id, "client_secret_basic")
        grants = ["refresh_token", "client_credentials", "password", JWT_BEARER, TOKEN_EXCHANGE]
        members: dict[str, object] = {
            "client_id": client_id,
            "token_endpoint_auth_method": method,
            "grant_types": grants,
            "scope": SCOPE,
            "audiences": [INVOICES, PROFILE],
        }
        if client_id in self.secrets:
            digest = hashlib.sha256(self.secrets[client_id].encode()).hexdigest()
            members["client_secret_sha256"] = [digest]
        if method == "none":
            members["grant_types"] = ["refresh_token", "password"]
        if client_id == "narrow":
            members["grant_types"] = ["refresh_token", TOKEN_EXCHANGE]
            members |= {"scope": "invoices:read", "audiences": [INVOICES]}
            members["may_exchange"] = ["billing"]
        if client_id == "portal":
            members["introspect"] = "any"
        if method == "private_key_jwt":
            # As Authlib sends them.
            members |= {"assertion_audience": "endpoints", "max_assertion_lifetime": "1h"}
        if client_id == "agent":
            both = ["client_secret_basic", "client_secret_post"]
            members |= {"token_endpoint_auth_method": both, "audiences": [self.mcp_server]}
        if client_id == "rfc9068":
            members["access_token_format"] = "at+jwt"
        return _table("clients", members) + self._jwks("clients", client_id)

    def _trusted(self, issuer: str) -> str:
        clients = ["billing"] if issuer == PARTNER else [*WITH_SECRETS, *METHODS]
        members: dict[str, object] = {
            "issuer": issuer,
            "signing_algs": ["ES256"],
            "clients": sorted({*clients} - {"narrow", "phone-app"}),
        }
        if issuer == PARTNER:
            members |= {"scope": "profile", "subject_claim": "email"}
            members["assertion_audience"] = "endpoints"
        return _table("trusted_issuers", members) + self._jwks("trusted_issuers", issuer)

    def _jwks(self, owner: str, name: str) -> str:
        if name not in self.keys:
            return ""
        return _table(f"{owner}.jwks.keys", self.keys[name].as_dict(private=False))


def _table(name: str, members: dict[str, Any]) -> str:
    """Of these values TOML and JSON are the same."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in members.items()]
    return "\n".join([f"[[{name}]]", *lines, ""])
