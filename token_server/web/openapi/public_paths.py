"""What anybody may read, described: keys, metadata, health, and this description itself."""

from collections.abc import Iterable

from token_server.tokens.refusals import InternalFault, Refusal, StoreUnavailable
from token_server.web.dialects import camel
from token_server.web.openapi.parts import (
    Answers,
    Part,
    content,
    merged,
    ref,
    refusals,
    row_at,
    success,
)
from token_server.web.well_known import JWK_SET
from token_server.web.wire import JSON

OPENAPI, PAGE = "/openapi.json", "/docs"
_PUBLIC = {
    "Cache-Control": {"required": True, "schema": {"type": "string", "pattern": "^public, "}},
    "ETag": {"required": True, "schema": {"type": "string"}},
}


def paths(metadata_at: Iterable[str]) -> dict[str, Part]:
    up = success("It is.", ref("Health"))
    described = {
        "/.well-known/jwks.json": _read(
            "jwkSet", "The public keys (RFC 7517)", _kept("The JWK Set.", JWK_SET, ref("JwkSet"))
        ),
        "/livez": _read("live", "Whether the process is up", {"200": up}),
        "/readyz": _read(
            "ready", "Whether it can serve", {"200": up}, kinds=(StoreUnavailable, InternalFault)
        ),
        OPENAPI: _read(
            "openApi", "This description", _kept("OpenAPI 3.1.", JSON, {"type": "object"})
        ),
        PAGE: _read("page", "It, to read", _kept("HTML.", "text/html", {"type": "string"})),
    }
    for number, path in enumerate(metadata_at):
        described[path] = _read(
            f"metadata{number or ''}",
            "Authorization server metadata (RFC 8414, OpenID Connect Discovery)",
            _kept("What is switched on.", JSON, ref("Metadata")),
        )
    return described


def _kept(description: str, media_type: str, schema: Part) -> Answers:
    """Answers that caches may keep, and ask about by their ETag."""
    whole: Part = {
        "description": description,
        "headers": _PUBLIC,
        "content": content(media_type, schema),
    }
    return {
        "200": whole,
        "304": {"description": "As `If-None-Match` has it.", "headers": _PUBLIC},
    }


def _read(
    name: str,
    summary: str,
    answers: Answers,
    *,
    kinds: tuple[type[Refusal], ...] = (InternalFault,),
) -> Part:
    def words(kind: type[Refusal]) -> tuple[int, str]:
        row = row_at(kind, camel.REFUSALS)
        return row.status, f"`{row.error_code}`: {row.description}"

    refused = refusals(kinds, words, media_type=camel.PROBLEM, schema=ref("CamelRefusal"))
    told: Part = {"tags": ["public"], "summary": summary}
    return {
        "get": {**told, "operationId": name, "responses": merged(answers, refused)},
        "head": {
            **told,
            "operationId": f"{name}Head",
            "responses": {
                status: {part: held for part, held in answer.items() if part != "content"}
                for status, answer in merged(answers, refused).items()
            },
        },
    }
