"""Registered clients that one test remembers, for the web room."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from token_server.tokens.clients import (
    AccessTokenFormat,
    AuthMethod,
    Client,
    Grant,
    OnReuse,
)
from token_server.tokens.model import ClientId, Policy, Subject
from token_server.tokens.refusals import AssertionRefused, ClientRefused, RequestMalformed
from token_server.tokens.services import Asserted, ShownCredentials

POLICY = Policy(
    access_token_lifetime=timedelta(minutes=15),
    refresh_token_lifetime=timedelta(days=14),
    short_term_refresh_token_lifetime=timedelta(minutes=30),
    session_lifetime=None,
    grace_period=timedelta(seconds=60),
    recovery_period=None,
)


def client(
    client_id: str,
    method: AuthMethod = AuthMethod.BASIC,
    *grants: Grant,
    scope: str = "",
    audiences: tuple[str, ...] = (),
) -> Client:
    return Client(
        client_id=ClientId(client_id),
        auth_methods=frozenset({method}),
        grants=frozenset(grants),
        scope=tuple(scope.split()),
        audiences=audiences,
        access_token_format=AccessTokenFormat.JWT,
        policy=POLICY,
        reusable=None,
        on_reuse=OnReuse.END,
        introspects_any=False,
    )


ALL_GRANTS = tuple(Grant)
BILLING = client(
    "billing",
    AuthMethod.BASIC,
    *ALL_GRANTS,
    scope="invoices:read invoices:write",
    audiences=("https://invoices.example",),
)
READER = client("reader", AuthMethod.BASIC, Grant.REFRESH_TOKEN)
PHONE = client("phone-app", AuthMethod.NONE, Grant.REFRESH_TOKEN)


@dataclass
class ClientDesk:
    """Registry, authentication and assertions; a client's secret is its id backwards."""

    registered: list[Client] = field(default_factory=list)
    is_there: bool = False
    shown: list[ShownCredentials] = field(default_factory=list)

    def find(self, client_id: str) -> Client | None:
        return next((one for one in self.registered if one.client_id == client_id), None)

    def all(self) -> Collection[Client]:
        return tuple(self.registered)

    async def authenticate(self, shown: ShownCredentials, *, now: datetime) -> Client | None:
        assert now.tzinfo
        self.shown.append(shown)
        basic = [each for each in shown.authorization if each.startswith("Basic ")]
        if basic and shown.client_secret:
            raise RequestMalformed("The client shows two kinds of credentials.")
        if basic:
            name, _, secret = base64.b64decode(basic[0][6:]).decode().partition(":")
        elif shown.client_id:
            name, secret = shown.client_id, shown.client_secret or ""
        else:
            return None
        found = self.find(name)
        if found is None or (not found.is_public and secret != name[::-1]):
            raise ClientRefused("the secret does not fit")
        return found

    async def assertions(self, unverified_assertion: str, *, client: Client) -> Asserted:
        subject, _, scope = unverified_assertion.partition(" ")
        if subject == "forged":
            raise AssertionRefused("the signature does not fit")
        assert client.client_id
        return Asserted(subject=Subject(subject), scope=scope or None)


def basic(client_id: str, secret: str | None = None) -> dict[str, str]:
    shown = f"{client_id}:{client_id[::-1] if secret is None else secret}"
    return {"Authorization": f"Basic {base64.b64encode(shown.encode()).decode()}"}
