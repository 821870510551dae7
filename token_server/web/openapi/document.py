"""The OpenAPI 3.1 document, put together from what is switched on."""

from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import version

from token_server.tokens.clients import Grant
from token_server.web.openapi import form_paths, profile_paths, public_paths, schemas
from token_server.web.openapi.parts import HEADERS, Part

_ABOUT = """\
One core issues and refreshes tokens; a dialect is one wire form of the same requests. Every \
answer that could hold a token, or an error about one, may not be stored. Nothing is ever \
redirected. A path that does not serve a method answers 405 with `Allow`, an unknown path 404, \
both in the shape of the path's other refusals."""
_TAGS = {
    "form": "The form dialect, in the camel and in the RFC 6749 spelling.",
    "standards": "What stock OAuth clients, resource servers and gateways need.",
    "json": "The JSON dialect.",
    "header": "The request-header dialect.",
    "public": "What anybody may read.",
}


def document(
    *,
    issuer: str,
    dialects: Collection[str],
    with_clients: bool,
    metadata_at: Iterable[str],
    anonymous: Mapping[str, Collection[Grant]],
) -> Part:
    """`with_clients`: whether anybody may be registered.

    `anonymous`: the grants that are on without a client, by dialect.
    """
    paths = _paths(dialects, anonymous, with_clients=with_clients)
    paths |= public_paths.paths(metadata_at if "form" in dialects else ())
    security = Part()
    if "form" in dialects:
        security = form_paths.security_schemes(
            issuer=issuer, with_clients=with_clients, anonymous=anonymous["form"]
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "token-server",
            "version": version("token-server"),
            "description": _ABOUT,
        },
        "servers": [{"url": issuer}],
        "tags": _tags_of(paths.values()),
        "paths": paths,
        "components": {
            "schemas": _schemas(dialects, anonymous, with_clients=with_clients),
            "headers": HEADERS,
            "securitySchemes": security,
        },
    }


def _paths(
    dialects: Collection[str], anonymous: Mapping[str, Collection[Grant]], *, with_clients: bool
) -> dict[str, Part]:
    paths: dict[str, Part] = {}
    if "form" in dialects:
        paths |= form_paths.paths(with_clients=with_clients, anonymous=anonymous["form"])
    if "json" in dialects:
        paths |= profile_paths.on(profile_paths.of_json_body(), anonymous["json"])
    if "header" in dialects:
        paths |= profile_paths.on(profile_paths.of_request_header(), anonymous["header"])
    return paths


def _schemas(
    dialects: Collection[str], anonymous: Mapping[str, Collection[Grant]], *, with_clients: bool
) -> dict[str, Part]:
    """Those of the grants that are on, and of the form dialect all."""
    found = schemas.common()
    if "form" in dialects:
        found |= schemas.of_form(with_clients=with_clients)
    if anonymous.get("json"):
        found |= schemas.of_json_body()
    if anonymous.get("header"):
        found |= schemas.of_request_header()
    of_header = {"HeaderPair": Grant.REFRESH_TOKEN, "HeaderLogIn": Grant.PASSWORD}
    for name, grant in of_header.items():
        if grant not in anonymous.get("header", ()):
            found.pop(name, None)
    return found


def _tags_of(paths: Iterable[Part]) -> list[Part]:
    used = {
        tag
        for methods in paths
        for operation in methods.values()
        if isinstance(operation, dict)
        for tag in operation["tags"]
    }
    return [{"name": name, "description": words} for name, words in _TAGS.items() if name in used]
