"""The JSON and the request-header dialect, described."""

from collections.abc import Collection, Mapping

from token_server.tokens.clients import Grant
from token_server.tokens.refusals import (
    BodyTooLarge,
    GrantNotAllowed,
    InternalFault,
    LoginRefused,
    MediaTypeUnsupported,
    MembersRefused,
    Refusal,
    RequestMalformed,
    StoreUnavailable,
    TokenForged,
    TokenMissing,
    TooManyAttempts,
)
from token_server.web.dialects import json_body, request_header
from token_server.web.dialects.camel import PROBLEM
from token_server.web.openapi.parts import (
    NOT_THERE,
    Answers,
    Part,
    content,
    members,
    merged,
    ref,
    refusals,
    row_at,
    success,
    text,
)
from token_server.web.wire import JSON

_ALWAYS = (
    *(RequestMalformed, BodyTooLarge, GrantNotAllowed),
    *(TooManyAttempts, StoreUnavailable, InternalFault),
)
_OF_BODIES = (*_ALWAYS, MediaTypeUnsupported, MembersRefused)
_OWN_WORDS = "What is wrong with the request."
_PASSWORD = text(format="password")


def on(paths: Mapping[str, Part], anonymous: Collection[Grant]) -> dict[str, Part]:
    """Return the paths whose grant is on: these dialects have one for each grant."""
    return {
        path: part
        for path, part in paths.items()
        if (Grant.PASSWORD if path.endswith("/login") else Grant.REFRESH_TOKEN) in anonymous
    }


def of_json_body() -> dict[str, Part]:
    by_email = members({"email": text(), "password": _PASSWORD}, login=NOT_THERE)
    by_login = members({"login": text(), "password": _PASSWORD}, email=NOT_THERE)
    pair = success("A pair and the profile.", ref("JsonPair"))
    return {
        "/auth-service/v1/refresh": {
            "post": {
                "tags": ["json"],
                "operationId": "jsonRefresh",
                "summary": "Exchange a refresh token",
                "requestBody": _json(members({"refresh_token": text()})),
                "responses": merged({"200": pair}, _json_refusals((*_OF_BODIES, TokenForged))),
            }
        },
        "/auth-service/v1/login": {
            "post": {
                "tags": ["json"],
                "operationId": "jsonLogIn",
                "summary": "Log in",
                "requestBody": _json({"oneOf": [by_email, by_login]}),
                "responses": merged({"200": pair}, _json_refusals((*_OF_BODIES, LoginRefused))),
            }
        },
    }


def of_request_header() -> dict[str, Part]:
    return {
        "/v1/auth/refresh-token": {"get": _header_refresh()},
        "/v1/auth/login": {
            "post": {
                "tags": ["header"],
                "operationId": "headerLogIn",
                "summary": "Log in",
                "requestBody": _json(members({"email": text(), "password": _PASSWORD})),
                "responses": merged(
                    {"200": success("A pair and the profile.", ref("HeaderLogIn"))},
                    _header_refusals((*_OF_BODIES, LoginRefused)),
                ),
            }
        },
    }


def _header_refresh() -> Part:
    return {
        "tags": ["header"],
        "operationId": "headerRefresh",
        "summary": "Exchange a refresh token, or use one that stays",
        "description": "No query, and no body: what is not known there is refused. A session that"
        " does not rotate gets the refresh token back that was shown.",
        "parameters": [
            {
                "name": request_header.HEADER,
                "in": "header",
                "required": True,
                "description": "The refresh token as it is.",
                "schema": text(),
            }
        ],
        "responses": merged(
            {"200": success("A pair.", ref("HeaderPair"))},
            _header_refusals((*_ALWAYS, MediaTypeUnsupported, TokenMissing, TokenForged)),
        ),
    }


def _json(schema: Part) -> Part:
    return {"required": True, "content": content(JSON, schema)}


def _json_refusals(kinds: tuple[type[Refusal], ...]) -> Answers:
    def words(kind: type[Refusal]) -> tuple[int, str]:
        status, message = row_at(kind, json_body.REFUSALS)
        return status, message or _OWN_WORDS

    return refusals(kinds, words, media_type=JSON, schema=ref("JsonRefusal"))


def _header_refusals(kinds: tuple[type[Refusal], ...]) -> Answers:
    def words(kind: type[Refusal]) -> tuple[int, str]:
        status, code, detail, _ = row_at(kind, request_header.REFUSALS)
        detail = _OWN_WORDS if issubclass(kind, RequestMalformed) else detail
        return status, f"`{code}`: {detail}"

    return refusals(kinds, words, media_type=PROBLEM, schema=ref("HeaderRefusal"))
