"""The list of routes: what is served where. Read this first."""

from collections.abc import Collection
from dataclasses import dataclass

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from token_server.tokens.ports import Audit, Clock, JwkSet, VerifierLog
from token_server.tokens.services import LogIn, Readiness, Tokens
from token_server.web.exchange import Exchange
from token_server.web.health import Ready, live
from token_server.web.logout import LogOut
from token_server.web.paths import Methods, OneSpelling, unknown_path
from token_server.web.repeats import RepeatedRefusals
from token_server.web.rim import Rim
from token_server.web.token import TokenEndpoint
from token_server.web.well_known import JwkSetEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The ports behind the routes."""

    tokens: Tokens
    log_in: LogIn
    audit: Audit
    jwk_set: JwkSet
    verifiers: VerifierLog
    readiness: Readiness
    clock: Clock
    dialects: Collection[str]
    """Those that are switched on."""


def build_app(doors: Doors) -> ASGIApp:
    """The whole web room as one ASGI app; it owns no resource and has nothing to close."""
    router = Router(_routes(doors), redirect_slashes=False, default=unknown_path)
    return Rim(OneSpelling(router))


def _routes(doors: Doors) -> list[Route]:
    exchange = Exchange(
        tokens=doors.tokens, log_in=doors.log_in, repeats=RepeatedRefusals(doors.clock)
    )
    token = TokenEndpoint(exchange=exchange, audit=doors.audit)
    log_out = LogOut(tokens=doors.tokens, audit=doors.audit)
    jwk_set = JwkSetEndpoint(jwk_set=doors.jwk_set, verifiers=doors.verifiers, clock=doors.clock)
    form = [
        Route("/api/oauth2/token", Methods(POST=token, DELETE=log_out)),
        Route("/api/oauth2/logout", Methods(POST=log_out)),
    ]
    return [
        *(form if "form" in doors.dialects else []),
        Route("/.well-known/jwks.json", Methods(GET=jwk_set)),
        Route("/livez", Methods(GET=live)),
        Route("/readyz", Methods(GET=Ready(doors.readiness))),
    ]
