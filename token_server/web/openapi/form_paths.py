"""The form dialect in its two spellings, and the standards around it, described."""

from collections.abc import Collection

from token_server.tokens.clients import Grant
from token_server.tokens.refusals import (
    BodyTooLarge,
    ClientRefused,
    GrantNotAllowed,
    GrantUnsupported,
    InternalFault,
    LoginRefused,
    MediaTypeUnsupported,
    Refusal,
    RequestMalformed,
    ResponseTypeUnsupported,
    ScopeRefused,
    StoreUnavailable,
    TargetRefused,
    TokenExpired,
    TokenForged,
    TokenMissing,
    TooManyAttempts,
)
from token_server.web.dialects import camel, rfc6749
from token_server.web.exchange import ANONYMOUS
from token_server.web.introspect import SIGNED
from token_server.web.metadata import AUTHORIZE
from token_server.web.openapi.form_grants import grants
from token_server.web.openapi.parts import (
    NOT_THERE,
    Answers,
    Part,
    content,
    fields,
    merged,
    never_stored,
    ref,
    refusals,
    row_at,
    success,
    text,
)
from token_server.web.wire import FORM, JSON

BASIC, BEARER = "clientBasic", "accessToken"
_TAG = "form"
_ALWAYS = (BodyTooLarge, StoreUnavailable, InternalFault)
_OF_FORMS = (RequestMalformed, MediaTypeUnsupported, *_ALWAYS)
_OF_GRANTS = (GrantUnsupported, TokenForged, TokenExpired, LoginRefused, TooManyAttempts)
_OF_CLIENTS = (ClientRefused, GrantNotAllowed, ScopeRefused, TargetRefused)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def paths(*, with_clients: bool, anonymous: Collection[Grant]) -> dict[str, Part]:
    """`anonymous`: the grants that are on without a client."""
    described: dict[str, Part] = {
        "/api/oauth2/token": {
            "post": _token(with_clients=with_clients, anonymous=anonymous),
            "delete": _log_out("endSession", "As POST /api/oauth2/logout."),
        },
        "/api/oauth2/logout": {
            "post": _log_out(
                "logOut",
                "Any body or none. With an `x-api-version` header: 200 and an empty object.",
                empty_object=True,
            )
        },
        "/api/oauth2/revoke": {"post": _revoke(with_clients=with_clients)},
    }
    described[AUTHORIZE] = {name: _authorize(name) for name in ("get", "post", "head")}
    if with_clients:
        described["/api/oauth2/introspect"] = {"post": _introspect()}
    return described


def security_schemes(*, issuer: str, with_clients: bool, anonymous: Collection[Grant]) -> Part:
    schemes: Part = {
        BEARER: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token (RFC 6750 §2.1).",
        },
    }
    if Grant.PASSWORD in anonymous:
        schemes["oauth2"] = {
            "type": "oauth2",
            "description": "The token endpoint, as OAuth libraries know it.",
            "flows": {"password": {"tokenUrl": f"{issuer}/api/oauth2/token", "scopes": {}}},
        }
    if with_clients:
        schemes[BASIC] = {
            "type": "http",
            "scheme": "basic",
            "description": "A registered client's id and secret, form-decoded (RFC 6749 §2.3.1).",
        }
    return schemes


def _token(*, with_clients: bool, anonymous: Collection[Grant]) -> Part:
    off = () if {*anonymous} >= ANONYMOUS else (GrantNotAllowed,)
    kinds = (*_OF_FORMS, *_OF_GRANTS, *off)
    asked_for = [ref("CamelPair"), ref("StandardPair")]
    if with_clients:
        asked_for.append(ref("StandardAccessToken"))
    return {
        "tags": [_TAG],
        "operationId": "token",
        "summary": "Exchange a refresh token, log in, or use another grant",
        "description": "The name of the grant member tells the spelling: `grantType` is the camel"
        " spelling, `grant_type` that of RFC 6749. Names and grant values are compared without"
        " case and `_`.",
        **_security(with_clients=with_clients),
        "requestBody": _form(grants(with_clients=with_clients, anonymous=anonymous)),
        "responses": merged(
            {"200": success("Tokens, in the spelling of the request.", {"anyOf": asked_for})},
            _standard((*kinds, *(_OF_CLIENTS if with_clients else ()))),
            _camel(kinds),
        ),
    }


def _credentials() -> list[dict[str, Part]]:
    """RFC 6749 §2.3.1, RFC 7521 §4.2: of all methods, a request uses one."""
    by_secret: dict[str, Part] = {"client_secret": text(format="password")}
    by_assertion: dict[str, Part] = {
        "client_assertion": text(),
        "client_assertion_type": {"const": _ASSERTION_TYPE},
    }
    return [
        dict.fromkeys([*by_secret, *by_assertion], NOT_THERE),
        {"client_id": text(), **by_secret, **dict.fromkeys(by_assertion, NOT_THERE)},
        {**by_assertion, **dict.fromkeys(by_secret, NOT_THERE)},
    ]


def _log_out(name: str, description: str, *, empty_object: bool = False) -> Part:
    done: Answers = {"204": {"description": "Ended.", "headers": never_stored()}}
    if empty_object:
        done["200"] = success("Ended.", {"type": "object", "maxProperties": 0})
    return {
        "tags": [_TAG],
        "operationId": name,
        "summary": "End the session of the access token",
        "description": f"Access and refresh tokens of the session are dead. {description}",
        "security": [{BEARER: []}],
        **({"parameters": [_api_version()]} if empty_object else {}),
        "responses": merged(
            done, _camel((*_ALWAYS, RequestMalformed, TokenForged, TokenExpired, TokenMissing))
        ),
    }


def _api_version() -> Part:
    return {
        "name": "x-api-version",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
    }


def _revoke(*, with_clients: bool) -> Part:
    kinds = (*_OF_FORMS, *((ClientRefused, TooManyAttempts) if with_clients else ()))
    done = success("Revoked, or never there.", {"type": "object", "maxProperties": 0})
    return {
        "tags": ["standards"],
        "operationId": "revoke",
        "summary": "Revoke a token (RFC 7009)",
        "description": "An access token alone, or the whole session of a refresh token.",
        **_security(with_clients=with_clients),
        "requestBody": _form(_shown_token(with_clients=with_clients)),
        "responses": merged({"200": done}, _standard(kinds)),
    }


def _authorize(method: str) -> Part:
    return {
        "tags": ["standards"],
        "operationId": f"authorize{method.capitalize()}",
        "summary": "Refused: there are no response types",
        "description": "Clients that read no metadata without an authorization endpoint find"
        " this one. It never redirects.",
        "responses": _standard((ResponseTypeUnsupported, InternalFault)),
    }


def _introspect() -> Part:
    return {
        "tags": ["standards"],
        "operationId": "introspect",
        "summary": "Ask what a token is worth (RFC 7662)",
        "description": "An inactive token, and one that is not for the caller to know about, is"
        " `active: false` and nothing else. Signed, where `Accept` asks for that media type.",
        **_security(with_clients=True),
        "requestBody": _form(_shown_token(with_clients=True)),
        "responses": merged(
            {"200": _worth()},
            _standard((*_OF_FORMS, ClientRefused, TooManyAttempts)),
        ),
    }


def _worth() -> Part:
    told = success("What it is worth.", ref("Introspection"))
    asked_for: Part = {SIGNED: {"schema": text("The same, signed (RFC 9701).")}}
    return {**told, "content": {**content(JSON, ref("Introspection")), **asked_for}}


def _shown_token(*, with_clients: bool) -> Part:
    hint: Part = {"type": "string", "description": "No more than a hint."}
    if not with_clients:
        return fields({"token": text()}, token_type_hint=hint)
    return {"anyOf": [_with_credentials(credentials, hint=hint) for credentials in _credentials()]}


def _with_credentials(credentials: dict[str, Part], *, hint: Part) -> Part:
    needed = {name: part for name, part in credentials.items() if part is not NOT_THERE}
    absent = {name: part for name, part in credentials.items() if part is NOT_THERE}
    return fields({"token": text(), **needed}, token_type_hint=hint, **absent)


def _security(*, with_clients: bool) -> Part:
    return {"security": [{}, {BASIC: []}]} if with_clients else {}


def _form(schema: Part) -> Part:
    return {"required": True, "content": content(FORM, schema)}


def _camel(kinds: tuple[type[Refusal], ...]) -> Answers:
    def words(kind: type[Refusal]) -> tuple[int, str]:
        row = row_at(kind, camel.REFUSALS)
        return row.status, f"`{row.error_code}`: {row.description}"

    return refusals(kinds, words, media_type=camel.PROBLEM, schema=ref("CamelRefusal"))


def _standard(kinds: tuple[type[Refusal], ...]) -> Answers:
    def words(kind: type[Refusal]) -> tuple[int, str]:
        row = row_at(kind, rfc6749.REFUSALS)
        return row.status, f"`{row.error}`: {row.description}"

    return refusals(kinds, words, media_type=JSON, schema=ref("StandardRefusal"))
