"""What an MCP client of the official SDK does: a token of its own, and a user's session."""

import asyncio
import json
import os
import sys

import httpx2
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


class Storage:
    def __init__(self) -> None:
        self.tokens: list[OAuthToken] = []

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens[-1] if self.tokens else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens.append(tokens)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise NotImplementedError


async def main() -> None:
    asked = json.loads(os.environ["ASKED"])
    storage = Storage()
    provider = ClientCredentialsOAuthProvider(
        server_url=asked["mcpServer"],
        storage=storage,
        client_id="agent",
        client_secret=asked["agent"],
        token_endpoint_auth_method=asked["method"],
        issuer=asked["issuer"],
    )
    async with httpx2.AsyncClient(auth=provider) as client:
        own = await client.get(asked["mcpServer"])
        # From here on it has a user's session, whose access token has expired.
        provider.context.current_tokens = OAuthToken(**asked["pair"])
        refreshed = []
        for _ in range(2):
            provider.context.token_expiry_time = 1
            refreshed.append((await client.get(asked["mcpServer"])).json())
    told = {
        "own": own.json(),
        "refreshed": refreshed,
        "refresh_tokens": [each.refresh_token for each in storage.tokens],
    }
    sys.stdout.write(json.dumps(told))


asyncio.run(main())
