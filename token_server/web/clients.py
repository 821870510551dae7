"""Which registered client asks, before anything else of its request is looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from token_server.spoken import how_spoken_to, spoken_to
from token_server.tokens.clients import Client
from token_server.tokens.ports import Clock
from token_server.tokens.refusals import Refusal
from token_server.tokens.services import ClientAuthentication, ClientRegistry
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.wire import peer_of


class Callers:
    def __init__(
        self, *, authenticate: ClientAuthentication, clients: ClientRegistry, clock: Clock
    ) -> None:
        self._authenticate = authenticate
        self._clients = clients
        self._clock = clock

    @property
    def are_known(self) -> bool:
        """Whether anybody is registered: where nobody is, credentials are not looked at."""
        return self._clients.is_there

    async def __call__(self, request: Request, form: StandardForm) -> Client | None:
        """None: the request names no client.

        Raises: ClientRefused, RequestMalformed, TooManyAttempts, TemporarilyUnavailable.
        """
        if not self.are_known:
            return None
        endpoint, peer = request.scope["path"], peer_of(request)
        shown = form.credentials(request.headers, endpoint=endpoint, peer=peer)
        return await self._authenticate(shown, now=self._clock())


@contextmanager
def naming(client: Client | None) -> Iterator[None]:
    """Say in the audit log which client it was, whatever comes of it."""
    if client is None:
        yield
        return
    spoken_to({**how_spoken_to(), "client_id": client.client_id})
    try:
        yield
    except Refusal as refusal:
        raise refusal.about(client_id=client.client_id)  # noqa: B904 - the same refusal
