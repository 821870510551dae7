"""Log out: ends the session of the access token that comes as a bearer (RFC 6750 §2.1)."""

from starlette.requests import Request
from starlette.responses import Response

from token_server.spoken import spoken_to
from token_server.tokens.ports import Audit
from token_server.tokens.refusals import Refusal
from token_server.tokens.services import Tokens
from token_server.web.bearer import bearer_token, challenged
from token_server.web.dialects import camel
from token_server.web.refused import refused
from token_server.web.wire import check_turn, json_answer, no_content, peer_of, read_body


class LogOut:
    def __init__(self, *, tokens: Tokens, audit: Audit) -> None:
        self._tokens = tokens
        self._audit = audit

    async def __call__(self, request: Request) -> Response:
        dialect, peer = camel.DIALECT, peer_of(request)
        try:
            # Whatever the body says; but a request cut off in the middle ends no session.
            await read_body(request)
            check_turn(request)
            spoken_to({**dialect.told, "peer": peer})
            await self._tokens.log_out(bearer_token(request.headers))
        except Refusal as refusal:
            answer = refused(refusal, request, dialect=dialect, audit=self._audit, peer=peer)
            return challenged(answer, refusal)
        # Clients of the versioned interface insist on a body.
        if request.method == "POST" and "x-api-version" in request.headers:
            return json_answer(200, {})
        return no_content()
