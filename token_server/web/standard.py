"""What the endpoints beside the token endpoint share: a form, its client, a token in it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from token_server.spoken import spoken_to
from token_server.tokens.clients import Client
from token_server.tokens.ports import Audit
from token_server.tokens.refusals import Refusal
from token_server.web.clients import Callers, naming
from token_server.web.dialects import rfc6749, standard_form
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.refused import refused
from token_server.web.wire import check_still_there, peer_of, read_fields

Serve = Callable[[Request, StandardForm, Client | None], Awaitable[Response]]


class StandardEndpoint:
    """Authenticates the client before it looks at anything else (RFC 7009 §2.1, RFC 7662 §2.1)."""

    def __init__(self, serve: Serve, *, callers: Callers, audit: Audit) -> None:
        self._serve = serve
        self._callers = callers
        self._audit = audit

    async def __call__(self, request: Request) -> Response:
        spelling, peer = rfc6749.SPELLING, peer_of(request)
        try:
            form = standard_form.read(await read_fields(request))
            await check_still_there(request)
            spoken_to({**spelling.told, "peer": peer})
            client = await self._callers(request, form)
            with naming(client):
                return await self._serve(request, form, client)
        except Refusal as refusal:
            return refused(refusal, request, dialect=spelling, audit=self._audit, peer=peer)


def shown_token(form: StandardForm) -> str:
    """Whatever `token_type_hint` says: it is no more than a hint. Raises: RequestMalformed."""
    return form.needed("token", "The token is missing.")
