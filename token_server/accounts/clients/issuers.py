"""What the assertions of trusted issuers lead to (RFC 7523 §2.1)."""

from token_server.accounts.clients.assertions import (
    AssertionCheck,
    AssertionFault,
    Expected,
    unpack,
)
from token_server.accounts.clients.live import LiveClients
from token_server.accounts.clients.registered import AssertionAudience
from token_server.accounts.usernames import canonical_name, find_account
from token_server.tokens.claims import is_subject
from token_server.tokens.clients import Client
from token_server.tokens.model import Subject
from token_server.tokens.ports import AccountStore, Clock
from token_server.tokens.refusals import AssertionRefused
from token_server.tokens.services import Asserted

_TYPES = frozenset({"jwt", "authorization-grant+jwt"})


class TrustedAssertions:
    """The Assertions of tokens/services.py."""

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        clients: LiveClients,
        check: AssertionCheck,
        *,
        issuer: str,
        token_endpoint: str,
        accounts: AccountStore,
        clock: Clock,
    ) -> None:
        self._clients = clients
        self._check = check
        self._issuer = issuer
        self._endpoints = frozenset({token_endpoint})
        self._accounts = accounts
        self._clock = clock

    async def __call__(self, unverified_assertion: str, *, client: Client) -> Asserted:
        try:
            return await self._asserted(unverified_assertion, client)
        except AssertionFault as fault:
            refused = AssertionRefused(fault.told["because"]).about(**fault.told)
            raise refused.about(client_id=client.client_id) from None

    async def _asserted(self, unverified_assertion: str, client: Client) -> Asserted:
        """Raises: AssertionFault, TemporarilyUnavailable."""
        assertion = unpack(unverified_assertion)
        claims = assertion.unverified_claims
        name = claims.get("iss")
        issuer = self._clients.issuer(name) if isinstance(name, str) else None
        if issuer is None:
            raise AssertionFault("its iss is not trusted")
        if client.client_id not in issuer.client_ids:
            raise AssertionFault("its iss is not trusted in this client's hands")
        subject = claims.get(issuer.subject_claim)
        if not isinstance(subject, str) or not is_subject(subject):
            raise AssertionFault("it names no subject")
        subject = issuer.subject_prefix + subject
        if not is_subject(subject):
            raise AssertionFault("its subject is too long behind subject_prefix")
        # RFC 9068 §5: in a token, `sub` would name that client.
        if self._clients.registered(subject) or self._clients.registered(
            canonical_name(subject) or ""
        ):
            raise AssertionFault("its subject is a registered client")
        expected = Expected(
            types=_TYPES,
            issuer=issuer.issuer,
            audience=self._issuer,
            endpoints=self._endpoints,
            accepts_endpoints=issuer.assertion_audience is AssertionAudience.ENDPOINTS,
            longest=issuer.max_assertion_lifetime,
            keys=issuer.keys,
            algorithms=issuer.algorithms,
        )
        await self._check(assertion, expected, now=self._clock())
        # The store refuses the very name of an account, when the session begins: see begin.lua.
        account = await find_account(self._accounts, subject)
        if account is not None and account.name != subject:
            raise AssertionFault("its subject compares equal to an account of this server")
        return Asserted(subject=Subject(subject), scope=issuer.scope)
