"""Everything about registered clients that one server needs, put together."""

from dataclasses import dataclass
from typing import Self

from token_server.accounts.clients.assertions import AssertionCheck
from token_server.accounts.clients.authentication import ClientCheck
from token_server.accounts.clients.fetching import JwksFetcher
from token_server.accounts.clients.issuers import TrustedAssertions
from token_server.accounts.clients.jwks_uri import RemoteKeys
from token_server.accounts.clients.live import LiveClients
from token_server.accounts.clients.secret_guesses import SecretGuesses
from token_server.tokens.ports import AccountStore, Clock, SingleUse


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDesk:
    registry: LiveClients
    authentication: ClientCheck
    assertions: TrustedAssertions

    @classmethod
    def open(  # noqa: PLR0913 - each by its name
        cls,
        registry: LiveClients,
        *,
        issuer: str,
        token_endpoint: str,
        single_use: SingleUse,
        guesses: SecretGuesses,
        accounts: AccountStore,
        clock: Clock,
    ) -> Self:
        check = AssertionCheck(RemoteKeys(JwksFetcher()), single_use)
        us = {"issuer": issuer, "token_endpoint": token_endpoint}
        return cls(
            registry=registry,
            authentication=ClientCheck(registry, check, guesses, **us),
            assertions=TrustedAssertions(registry, check, **us, accounts=accounts, clock=clock),
        )
