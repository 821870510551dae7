"""The pieces that every described operation is put together from."""

from collections.abc import Callable, Iterable, Mapping

from token_server.tokens.refusals import Refusal
from token_server.web.dialects.refusal_table import AnyRow
from token_server.web.wire import JSON

Part = dict[str, object]
Answers = dict[str, Part]
Words = Callable[[type[Refusal]], tuple[int, str]]
"""How a dialect writes a refusal: its status, and what it says."""

HEADERS: dict[str, Part] = {
    "Cache-Control": {"required": True, "schema": {"const": "no-store"}},
    "Pragma": {"required": True, "schema": {"const": "no-cache"}},
    "WWW-Authenticate": {
        "required": True,
        "description": "By which scheme one may ask (RFC 9110 §11.6.1).",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "required": True,
        "description": "Whole seconds. After 503, nothing was lost: the same may be sent again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}
NOT_THERE: Part = {"not": {}}
"""The schema of a member that is given by itself or not at all."""
_HEADERS_OF = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}


def ref(name: str) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str = "", **more: object) -> Part:
    """A string that is not empty: an empty member counts as absent."""
    told = {"description": description} if description else {}
    return {"type": "string", "minLength": 1, **told, **more}


def members(required: Mapping[str, Part], **optional: Part) -> Part:
    """An object; members that are not named here are ignored."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
    }


def fields(required: Mapping[str, Part], **optional: Part) -> Part:
    """A form; of members that are not named here, too, each may be given once."""
    return {**members(required, **optional), "additionalProperties": {"type": "string"}}


def content(media_type: str, schema: Part) -> Part:
    return {media_type: {"schema": schema}}


def never_stored(*more: str) -> Part:
    """Headers of an answer that no cache may keep, and these of HEADERS."""
    return {
        name: {"$ref": f"#/components/headers/{name}"}
        for name in ("Cache-Control", "Pragma", *more)
    }


def success(description: str, schema: Part, *, media_type: str = JSON) -> Part:
    return {
        "description": description,
        "headers": never_stored(),
        "content": content(media_type, schema),
    }


def refusals(
    kinds: Iterable[type[Refusal]], words: Words, *, media_type: str, schema: Part
) -> Answers:
    """One answer for each status; what it may say is in the description."""
    said: dict[int, list[str]] = {}
    for status, description in map(words, kinds):
        descriptions = said.setdefault(status, [])
        if description not in descriptions:
            descriptions.append(description)
    return {
        str(status): {
            "description": " ".join(descriptions),
            "headers": never_stored(*_HEADERS_OF.get(status, ())),
            "content": content(media_type, schema),
        }
        for status, descriptions in sorted(said.items())
    }


def row_at(kind: type[Refusal], table: Mapping[type[Refusal], AnyRow]) -> AnyRow:
    """The row of this type, or of the nearest type above it."""
    return next(table[parent] for parent in kind.__mro__ if parent in table)


def merged(*answers: Answers) -> Answers:
    """Where a status has two shapes, it has both."""
    together: Answers = {}
    for status, answer in (each for one in answers for each in one.items()):
        if status not in together:
            together[status] = answer
            continue
        before = together[status]
        together[status] = {
            **before,
            "description": f"{before['description']} {answer['description']}",
            "content": {**_content_of(before), **_content_of(answer)},
        }
    return dict(sorted(together.items()))


def _content_of(answer: Part) -> Part:
    held = answer.get("content", {})
    assert isinstance(held, dict)  # noqa: S101 - for the type checker
    return held
