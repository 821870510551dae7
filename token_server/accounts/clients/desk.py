"""Everything about registered clients that one server needs, put together."""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from token_server.accounts.clients.assertions import AssertionCheck
from token_server.accounts.clients.authentication import ClientCheck
from token_server.accounts.clients.issuers import TrustedAssertions
from token_server.accounts.clients.jwks_uri import Keys, RemoteKeys
from token_server.accounts.clients.live import LiveClients
from token_server.accounts.clients.registered import JwksUri
from token_server.tokens.model import Policy
from token_server.tokens.ports import Clock, SingleUse

if TYPE_CHECKING:
    from token_server.accounts.clients.fetching import JwksFetcher


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDesk:
    registry: LiveClients
    authentication: ClientCheck
    assertions: TrustedAssertions

    @classmethod
    def open(  # noqa: PLR0913 - each by its name
        cls,
        path: Path | None,
        defaults: Policy,
        *,
        issuer: str,
        token_endpoint: str,
        single_use: SingleUse,
        clock: Clock,
    ) -> Self:
        """Raises: Problem."""
        registry = LiveClients(path, defaults)
        check = AssertionCheck(RemoteKeys(_fetched), single_use)
        us = {"issuer": issuer, "token_endpoint": token_endpoint}
        return cls(
            registry=registry,
            authentication=ClientCheck(registry, check, **us),
            assertions=TrustedAssertions(registry, check, **us, clock=clock),
        )


async def _fetched(uri: JwksUri) -> Keys:
    """Raises: Problem."""
    fetch = await asyncio.to_thread(_fetcher)
    return await fetch(uri)


@cache
def _fetcher() -> "JwksFetcher":
    from token_server.accounts.clients.fetching import (  # noqa: PLC0415 - few need an HTTP client
        JwksFetcher,
    )

    return JwksFetcher()
