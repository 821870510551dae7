"""The token endpoint: read once, pick the spelling, one call, write the answer."""

from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from token_server.spoken import spoken_to
from token_server.tokens.clients import Grant
from token_server.tokens.model import TokenPair
from token_server.tokens.ports import Audit
from token_server.tokens.refusals import Refusal
from token_server.web.clients import Callers, naming
from token_server.web.dialects import camel, rfc6749, standard_form
from token_server.web.dialects.dialect import LogInRequest, RefreshRequest, Spelling
from token_server.web.dialects.form import names_grant
from token_server.web.exchange import Exchange
from token_server.web.grants import Grants
from token_server.web.refused import refused
from token_server.web.wire import Fields, check_still_there, comparable, peer_of, read_fields


class TokenEndpoint:
    """Exchanges what a grant consists of for a pair, or for an access token alone."""

    def __init__(
        self, *, exchange: Exchange, grants: Grants, callers: Callers, audit: Audit
    ) -> None:
        self._exchange = exchange
        self._grants = grants
        self._callers = callers
        self._audit = audit

    async def __call__(self, request: Request) -> Response:
        peer = peer_of(request)
        spelling: Spelling = camel.DIALECT
        try:
            fields = await read_fields(request)
            spelling = spelling_of(fields)
            await check_still_there(request)
            spoken_to({**spelling.told, "peer": peer})
            if spelling is camel.DIALECT:
                return camel.render(await self._pair(fields, peer))
            return await self._granted(request, fields, peer)
        except Refusal as refusal:
            return refused(refusal, request, dialect=spelling, audit=self._audit, peer=peer)

    def _pair(self, fields: Fields, peer: str) -> Awaitable[TokenPair]:
        match camel.DIALECT.parse(fields):
            case RefreshRequest(refresh_token=refresh_token):
                return self._exchange.refresh(refresh_token)
            case LogInRequest() as who:
                return self._exchange.log_in(who, peer=peer)

    async def _granted(self, request: Request, fields: Fields, peer: str) -> Response:
        form = standard_form.read(fields)
        client = await self._callers(request, form)
        with naming(client):
            if client:
                return await self._grants.of(client, form, peer=peer)
            clients_known = self._callers.are_known
            return await self._grants.anonymously(form, peer=peer, clients_known=clients_known)


def spelling_of(fields: Fields) -> Spelling:
    """The name of the grant member tells: with an underscore it is RFC 6749's.

    Told before anything is refused, so that each client reads its refusals in its own spelling.
    """
    name, grant = next(((name, value) for name, value in fields if names_grant(name)), ("", ""))
    if "_" not in name:
        return camel.DIALECT
    if comparable(grant) == comparable(Grant.TOKEN_EXCHANGE):
        return rfc6749.EXCHANGE
    return rfc6749.SPELLING
