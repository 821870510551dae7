"""The OpenAPI document as one page to read: no script, and no address outside of this server."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from token_server.web.openapi.parts import NOT_THERE

STYLE = files(__package__).joinpath("page.css").read_text("utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# Nothing is loaded, run, framed or sent; of styles, only this one.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page(document: dict[str, Any]) -> str:
    """The document as HTML."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(document['info']['title'])}</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>",
            *_body(document),
            "</body>\n</html>\n",
        ]
    )


def _body(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
    yield _paragraph(info["description"])
    yield '<p>For machines: <a href="openapi.json">OpenAPI 3.1</a>.</p>'
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>"
        yield _paragraph(tag["description"])
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(path, method, operation)
    yield "<h2>Bodies</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
        yield _schema(schema)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    identifier = escape(operation["operationId"])
    yield (
        f'<h3 id="{identifier}"><span class="method">{escape(method.upper())}</span> '
        f"<code>{escape(path)}</code></h3>"
    )
    yield _paragraph(f"{operation['summary']}. {operation.get('description', '')}")
    for parameter in operation.get("parameters", ()):
        name, words = parameter["name"], parameter.get("description", "")
        yield f"<p>Header <code>{escape(name)}</code>. {escape(words)}</p>"
    for media_type, held in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{escape(media_type)}</code></p>"
        yield _schema(held["schema"])
    yield "<table><tr><th>Status</th><th>Body</th><th></th></tr>"
    for status, answer in operation["responses"].items():
        yield f"<tr><td>{escape(status)}</td><td>{_bodies(answer)}</td>"
        yield f"<td>{escape(answer['description'])}</td></tr>"
    yield "</table>"


def _bodies(answer: dict[str, Any]) -> str:
    return "<br>".join(
        f"<code>{escape(media_type)}</code> {_schema(held['schema'])}"
        for media_type, held in answer.get("content", {}).items()
    )


def _schema(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    words = escape(schema.get("description", ""))
    for one_of in ("anyOf", "oneOf"):
        if one_of in schema:
            items = "".join(f"<li>{_schema(each)}</li>" for each in schema[one_of])
            return f"One of<ul>{items}</ul>"
    if "properties" in schema:
        return words + _members(schema)
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code> {words}"
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    return f"{escape(str(schema.get('type', '')))} {words}"


def _members(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    items = "".join(
        f"<li><code>{escape(name)}</code>{'' if name in required else ' (optional)'}: "
        f"{_schema(member)}</li>"
        for name, member in schema["properties"].items()
        if member != NOT_THERE
    )
    return f"<ul>{items}</ul>"


def _paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"
