"""Who a request comes from: one client, by a method that its registration names."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from token_server.accounts.clients.assertions import (
    AssertionCheck,
    AssertionFault,
    Expected,
    unpack,
)
from token_server.accounts.clients.basic import is_basic, read_basic
from token_server.accounts.clients.live import LiveClients
from token_server.accounts.clients.registered import AssertionAudience, RegisteredClient
from token_server.accounts.clients.secret_guesses import SecretGuesses
from token_server.tokens.clients import SECRET_METHODS, AuthMethod, Client
from token_server.tokens.refusals import ClientRefused, Refusal, RequestMalformed, TooManyAttempts
from token_server.tokens.services import ShownCredentials

R = TypeVar("R", bound=Refusal)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TYPES = frozenset({"jwt", "client-authentication+jwt"})
_BY_ASSERTION = frozenset({AuthMethod.PRIVATE_KEY_JWT})
_SEVERAL_METHODS = "more than one client authentication method"
# No secret hashes to it; without one, a client that is not there would be refused sooner.
_NO_HASH = bytes(hashlib.sha256().digest_size)


class ClientCheck:
    """The ClientAuthentication of tokens/services.py."""

    def __init__(
        self,
        clients: LiveClients,
        check: AssertionCheck,
        guesses: SecretGuesses,
        *,
        issuer: str,
        token_endpoint: str,
    ) -> None:
        self._clients = clients
        self._check = check
        self._guesses = guesses
        self._issuer = issuer
        self._token_endpoint = token_endpoint

    async def __call__(self, shown: ShownCredentials, *, now: datetime) -> Client | None:
        used = _methods_used(shown)
        if AuthMethod.NONE in used and shown.client_id is None:
            return None
        if AuthMethod.BASIC in used:
            found = await self._by_basic(shown, used, now)
        elif AuthMethod.POST in used:
            secret = shown.client_secret or ""
            found = await self._by_secret(shown.client_id, secret, used, shown.peer, now)
        elif AuthMethod.PRIVATE_KEY_JWT in used:
            found = await self._by_assertion(shown, now)
        else:
            found = self._registered(shown.client_id, used)
        return found.client

    async def _by_basic(
        self, shown: ShownCredentials, used: frozenset[AuthMethod], now: datetime
    ) -> RegisteredClient:
        try:
            client_id, secret = read_basic(shown.authorization[0])
        except ValueError:
            raise ClientRefused("credentials malformed") from None
        in_body = (shown.client_id, shown.client_secret)
        if AuthMethod.POST in used and in_body != (client_id, secret):
            raise RequestMalformed(_SEVERAL_METHODS)
        found = await self._by_secret(client_id, secret, used, shown.peer, now)
        # RFC 6749 does not forbid to name oneself twice, and libraries do.
        if shown.client_id not in (None, client_id):
            raise _refused("client_id of another client", found)
        return found

    async def _by_secret(
        self,
        client_id: str | None,
        secret: str,
        used: frozenset[AuthMethod],
        peer: str,
        now: datetime,
    ) -> RegisteredClient:
        """It takes as long for a client that does not exist."""
        unproved = self._clients.registered(client_id or "")
        is_right = _is_one_of(secret, unproved.secret_hashes if unproved else ())
        try:
            await self._guesses.check(client_id or "", peer, is_right=is_right, now=now)
        except TooManyAttempts as refusal:
            raise _naming(refusal, unproved)  # noqa: B904 - the same refusal
        found = self._registered(client_id, used)
        if not is_right:
            raise _refused("secret wrong", found)
        return found

    async def _by_assertion(self, shown: ShownCredentials, now: datetime) -> RegisteredClient:
        if shown.client_assertion_type != ASSERTION_TYPE or not shown.client_assertion:
            raise ClientRefused("no assertion of the type that is known")
        try:
            assertion = unpack(shown.client_assertion)
        except AssertionFault as fault:
            raise ClientRefused(fault.told["because"]) from None
        client_id = assertion.unverified_claims.get("sub")
        # RFC 7521 §4.2
        if not isinstance(client_id, str) or shown.client_id not in (None, client_id):
            raise ClientRefused("assertion of another client")
        found = self._registered(client_id, _BY_ASSERTION)
        try:
            await self._check(assertion, self._expected(found, shown.endpoint), now=now)
        except AssertionFault as fault:
            raise _refused(fault.told["because"], found).about(**fault.told) from None
        return found

    def _expected(self, found: RegisteredClient, endpoint: str) -> Expected:
        return Expected(
            types=_TYPES,
            issuer=found.client.client_id,
            audience=self._issuer,
            endpoints=frozenset({self._token_endpoint, self._issuer + endpoint}),
            accepts_endpoints=found.assertion_audience is AssertionAudience.ENDPOINTS,
            longest=found.max_assertion_lifetime,
            keys=found.keys,
            algorithms=found.algorithms,
        )

    def _registered(self, client_id: str | None, used: frozenset[AuthMethod]) -> RegisteredClient:
        """The client, if it may use this method."""
        found = self._clients.registered(client_id or "")
        if found is None:
            raise ClientRefused("client unknown")
        if not used & found.client.auth_methods:
            its_own = " or ".join(sorted(found.client.auth_methods))
            because = f"it used {' and '.join(sorted(used))}, and is registered for {its_own}"
            raise _refused(because, found)
        return found


def _methods_used(shown: ShownCredentials) -> frozenset[AuthMethod]:
    """RFC 6749 §2.3: a client must not use more than one in a request.

    Basic and a secret in the body are left to be compared: the same twice is one method, because
    lua-resty-openidc sends it.

    Raises: RequestMalformed, where it uses several.
    """
    # Whoever reads only one of two headers may read the other one than we do.
    if len(shown.authorization) > 1:
        raise RequestMalformed("two Authorization headers")
    used = set()
    if any(map(is_basic, shown.authorization)):
        used.add(AuthMethod.BASIC)
    if shown.client_secret is not None:
        used.add(AuthMethod.POST)
    if shown.client_assertion is not None or shown.client_assertion_type is not None:
        used.add(AuthMethod.PRIVATE_KEY_JWT)
    if len(used) > 1 and used != SECRET_METHODS:
        raise RequestMalformed(_SEVERAL_METHODS)
    return frozenset(used or {AuthMethod.NONE})


def _refused(because: str, found: RegisteredClient | None) -> ClientRefused:
    """The audit log names clients that are there, and nothing else that somebody sent as one."""
    return _naming(ClientRefused(because), found)


def _naming(refusal: R, found: RegisteredClient | None) -> R:
    return refusal.about(client_id=found.client.client_id) if found else refusal


def _is_one_of(secret: str, hashes: Iterable[bytes]) -> bool:
    shown = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    old, new = [*hashes, _NO_HASH, _NO_HASH][:2]
    # Both, always: which one it is, or whether there are two, is nobody's business.
    is_old = hmac.compare_digest(shown, old)
    is_new = hmac.compare_digest(shown, new)
    return is_old or is_new
