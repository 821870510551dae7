"""The list of routes: what is served where. Read this first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp

from token_server.tokens.clients import Grant
from token_server.tokens.ports import Audit, Clock, JwkSet, VerifierLog
from token_server.tokens.profiles import Profiles
from token_server.tokens.services import (
    Assertions,
    ClientAuthentication,
    ClientRegistry,
    LogIn,
    Readiness,
    Tokens,
)
from token_server.web.clients import Callers
from token_server.web.cors import cors
from token_server.web.dialects import json_body, request_header, rfc6749
from token_server.web.dialects.dialect import Paths, ProfileDialect
from token_server.web.exchange import Exchange
from token_server.web.grants import Grants
from token_server.web.health import Ready, live
from token_server.web.introspect import Introspect
from token_server.web.logout import LogOut
from token_server.web.metadata import (
    AUTHORIZE,
    OPENID,
    OPENID_MEMBERS,
    RFC_8414,
    MetadataEndpoint,
    authorize,
    paths_of,
)
from token_server.web.openapi.document import document
from token_server.web.openapi.public_paths import OPENAPI, PAGE
from token_server.web.openapi.served import described_for_machines, described_for_people
from token_server.web.paths import Methods, PathTable, served_by
from token_server.web.profiled import ProfiledEndpoint
from token_server.web.repeats import RepeatedRefusals
from token_server.web.revoke import Revoke
from token_server.web.rim import Rim
from token_server.web.standard import StandardEndpoint
from token_server.web.token import TokenEndpoint
from token_server.web.well_known import JwkSetEndpoint

_ANONYMOUS = {Grant.PASSWORD: "password", Grant.REFRESH_TOKEN: "refresh"}
"""The grants of ANONYMOUS_GRANTS, as the setting names them."""
EVERY_ANONYMOUS_GRANT = tuple(
    f"{dialect}:{name}" for dialect in ("form", "json", "header") for name in _ANONYMOUS.values()
)
# Introspection is for resource servers; what anybody may read says so by itself.
_FORM_PATHS_OF_BROWSERS = {
    "/api/oauth2/token": ("POST", "DELETE"),
    "/api/oauth2/logout": ("POST",),
    "/api/oauth2/revoke": ("POST",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The ports behind the routes."""

    tokens: Tokens
    log_in: LogIn
    clients: ClientRegistry
    authentication: ClientAuthentication
    assertions: Assertions
    issuer: str
    audit: Audit
    jwk_set: JwkSet
    verifiers: VerifierLog
    readiness: Readiness
    clock: Clock
    dialects: Collection[str]
    """Those that are switched on."""
    reusable: Collection[str]
    """Those whose log-ins begin sessions that keep their refresh token."""
    profiles: Profiles
    cors_origins: Collection[str]
    """Those that may ask from a browser."""
    anonymous: Collection[str] = EVERY_ANONYMOUS_GRANT
    """The grants that are on without a client, each behind its dialect: `form:password`."""

    def anonymous_in(self, dialect: str) -> Collection[Grant]:
        return {
            grant for grant, name in _ANONYMOUS.items() if f"{dialect}:{name}" in self.anonymous
        }


def build_app(doors: Doors) -> ASGIApp:
    """The whole web room as one ASGI app; it owns no resource and has nothing to close."""
    paths = _profile_paths(doors)
    refuse_at = {path: one.refuse for path, methods in paths.items() for one in methods.values()}
    refuse_at[AUTHORIZE] = rfc6749.refuse
    asked_by_browsers = {path: tuple(methods) for path, methods in paths.items()}
    if "form" in doors.dialects:
        asked_by_browsers |= _FORM_PATHS_OF_BROWSERS
    rim = Rim(partial(served_by, all_routes(doors)), refuse_at=refuse_at)
    return cors(rim, origins=doors.cors_origins, methods_at=asked_by_browsers)


def _profile_paths(doors: Doors) -> Paths:
    """The dialects that tell of the subject, a line each."""
    dialects = {
        "json": json_body.PATHS,
        "header": request_header.paths(doors.clock),
    }
    return {
        path: methods
        for name, paths in dialects.items()
        if name in doors.dialects
        for path, methods in paths.items()
    }


def all_routes(doors: Doors) -> PathTable:
    repeats = RepeatedRefusals(doors.clock)
    exchanges = {
        dialect: Exchange(
            tokens=doors.tokens,
            log_in=doors.log_in,
            repeats=repeats,
            anonymous=doors.anonymous_in(dialect),
        )
        for dialect in doors.dialects
    }
    jwk_set = JwkSetEndpoint(jwk_set=doors.jwk_set, verifiers=doors.verifiers, clock=doors.clock)
    return {
        **_profiled(doors, exchanges),
        **(_form(doors, exchanges["form"]) if "form" in doors.dialects else {}),
        "/.well-known/jwks.json": Methods(GET=jwk_set),
        "/livez": Methods(GET=live),
        "/readyz": Methods(GET=Ready(doors.readiness)),
        **_described(doors),
    }


def _described(doors: Doors) -> PathTable:
    described = document(
        issuer=doors.issuer,
        dialects=doors.dialects,
        with_clients=doors.clients.is_there,
        metadata_at=_metadata_paths(doors.issuer),
        anonymous={dialect: doors.anonymous_in(dialect) for dialect in doors.dialects},
    )
    return {
        OPENAPI: Methods(GET=described_for_machines(described)),
        PAGE: Methods(GET=described_for_people(described)),
    }


def _form(doors: Doors, exchange: Exchange) -> PathTable:
    """The form dialect, and the standards that only its RFC 6749 spelling can have use for."""
    callers = Callers(authenticate=doors.authentication, clients=doors.clients, clock=doors.clock)
    grants = Grants(tokens=doors.tokens, exchange=exchange, assertions=doors.assertions)
    token = TokenEndpoint(exchange=exchange, grants=grants, callers=callers, audit=doors.audit)
    log_out = LogOut(tokens=doors.tokens, audit=doors.audit)
    revoke = StandardEndpoint(Revoke(doors.tokens), callers=callers, audit=doors.audit)
    introspect = StandardEndpoint(Introspect(doors.tokens), callers=callers, audit=doors.audit)
    metadata = {
        well_known: MetadataEndpoint(
            issuer=doors.issuer,
            clients=doors.clients,
            anonymous=doors.anonymous_in("form"),
            more=more,
        )
        for well_known, more in ((RFC_8414, None), (OPENID, OPENID_MEMBERS))
    }
    # Nobody could be told anything where nobody is registered.
    introspection = {"/api/oauth2/introspect": Methods(POST=introspect)}
    return {
        "/api/oauth2/token": Methods(POST=token, DELETE=log_out),
        "/api/oauth2/logout": Methods(POST=log_out),
        "/api/oauth2/revoke": Methods(POST=revoke),
        **(introspection if doors.clients.is_there else {}),
        AUTHORIZE: Methods(GET=authorize, POST=authorize),
        **{
            path: Methods(GET=metadata[well_known])
            for path, well_known in _metadata_paths(doors.issuer).items()
        },
    }


def _metadata_paths(issuer: str) -> dict[str, str]:
    """Each path of the metadata, and which of the two documents is there."""
    return {
        path: well_known
        for well_known in (RFC_8414, OPENID)
        for path in paths_of(issuer, well_known)
    }


def _profiled(doors: Doors, exchanges: Mapping[str, Exchange]) -> PathTable:
    def endpoint(dialect: ProfileDialect) -> ProfiledEndpoint:
        return ProfiledEndpoint(
            dialect,
            exchange=exchanges[dialect.name],
            profiles=doors.profiles,
            audit=doors.audit,
            reusable=dialect.name in doors.reusable,
        )

    return {
        # Whoever asks with HEAD would spend a token and be told nothing.
        path: Methods(head=False, **{name: endpoint(one) for name, one in methods.items()})
        for path, methods in _profile_paths(doors).items()
    }
