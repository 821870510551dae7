"""The OpenAPI 3.1 document, put together from what is switched on."""

from collections.abc import Collection, Iterable
from importlib.metadata import version

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
    *, issuer: str, dialects: Collection[str], with_clients: bool, metadata_at: Iterable[str]
) -> Part:
    """`with_clients`: whether anybody may be registered."""
    paths: dict[str, Part] = {}
    components, security = schemas.common(), Part()
    if "form" in dialects:
        paths |= form_paths.paths(with_clients=with_clients)
        components |= schemas.of_form(with_clients=with_clients)
        security = form_paths.security_schemes(issuer=issuer, with_clients=with_clients)
    if "json" in dialects:
        paths |= profile_paths.of_json_body()
        components |= schemas.of_json_body()
    if "header" in dialects:
        paths |= profile_paths.of_request_header()
        components |= schemas.of_request_header()
    paths |= public_paths.paths(metadata_at if "form" in dialects else ())
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
            "schemas": components,
            "headers": HEADERS,
            "securitySchemes": security,
        },
    }


def _tags_of(paths: Iterable[Part]) -> list[Part]:
    used = {
        tag
        for methods in paths
        for operation in methods.values()
        if isinstance(operation, dict)
        for tag in operation["tags"]
    }
    return [{"name": name, "description": words} for name, words in _TAGS.items() if name in used]
