"""The token endpoint: read once, pick the dialect, one call, write the answer."""

from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import bound_contextvars

from token_server.tokens.model import TokenPair
from token_server.tokens.ports import Audit
from token_server.tokens.refusals import Refusal
from token_server.web.dialects import camel, rfc6749
from token_server.web.dialects.dialect import Dialect, LogInRequest, RefreshRequest
from token_server.web.dialects.form import names_grant
from token_server.web.exchange import Exchange
from token_server.web.refused import refused
from token_server.web.wire import Fields, check_still_there, peer_of, read_fields


class TokenEndpoint:
    """Exchanges a refresh token, or a user name and a password, for a pair."""

    def __init__(self, *, exchange: Exchange, audit: Audit) -> None:
        self._exchange = exchange
        self._audit = audit

    async def __call__(self, request: Request) -> Response:
        peer = peer_of(request)
        dialect = camel.DIALECT
        try:
            fields = await read_fields(request)
            dialect = spelling_of(fields)
            await check_still_there(request)
            # The facts that the rules record say by this how the server was spoken to.
            with bound_contextvars(**dialect.told, peer=peer):
                return dialect.render(await self._pair(fields, dialect, peer))
        except Refusal as refusal:
            return refused(refusal, dialect=dialect, audit=self._audit, peer=peer)

    async def _pair(self, fields: Fields, dialect: Dialect, peer: str) -> TokenPair:
        match dialect.parse(fields):
            case RefreshRequest(refresh_token=refresh_token):
                return await self._exchange.refresh(refresh_token)
            case LogInRequest() as who:
                return await self._exchange.log_in(who, peer=peer)


def spelling_of(fields: Fields) -> Dialect:
    """The name of the grant member tells: with an underscore it is RFC 6749's.

    Told before anything is refused, so that each client reads its refusals in its own spelling.
    """
    name = next((name for name, _ in fields if names_grant(name)), "")
    return rfc6749.DIALECT if "_" in name else camel.DIALECT
