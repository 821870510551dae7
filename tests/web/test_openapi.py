"""The OpenAPI document says what is served, all of it, and nothing else; and so does its page."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from support import transcripts
from support.client_desk import ClientDesk
from support.web_room import WebRoom

from token_server.web.dialects import camel, json_body, request_header, rfc6749
from token_server.web.routes import all_routes

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parent / "transcripts"
GOLDEN = {
    str(file.relative_to(FOLDER)): transcripts.read(file.read_text("utf-8"))
    for file in sorted(FOLDER.rglob("*.http"))
}
OF_OPERATIONS = {
    name: each for name, each in GOLDEN.items() if each.answer.status not in {404, 405}
}


async def document_of(room: WebRoom) -> dict[str, Any]:
    answer = await room.client.get("/openapi.json")
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


@pytest.fixture
async def document() -> dict[str, Any]:
    return await document_of(WebRoom())


@pytest.fixture(params=[False, True], ids=["anonymous", "with clients"])
def room(request: pytest.FixtureRequest) -> WebRoom:
    """Whether anybody may be registered: then there is more to describe."""
    return WebRoom(clients=ClientDesk(is_there=request.param))


def references_in(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references_in(each)


async def test_it_is_openapi_3_1(room: WebRoom) -> None:
    document = await document_of(room)
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


async def test_every_reference_leads_somewhere_and_nothing_is_left_over(room: WebRoom) -> None:
    document = await document_of(room)
    known = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers")
        for name in document["components"][kind]
    }
    assert set(references_in(document)) == known


async def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))


async def test_every_method_of_every_path_is_described(room: WebRoom) -> None:
    """As a refusal of any other method lists them (RFC 9110 §10.2.1)."""
    for path, methods in (await document_of(room))["paths"].items():
        refused = await room.client.request("X", path)
        assert refused.status_code == 405, path
        assert {name.upper() for name in methods} == set(refused.headers["allow"].split(", "))


async def test_every_path_is_described(room: WebRoom) -> None:
    served = set(all_routes(room.doors))
    assert served == set((await document_of(room))["paths"])


@pytest.mark.parametrize("dialect", ["form", "json", "header"])
async def test_a_dialect_that_is_switched_off_is_not_described(dialect: str) -> None:
    others = tuple({"form", "json", "header"} - {dialect})
    described = await document_of(WebRoom(dialects=others))
    assert dialect not in {tag["name"] for tag in described["tags"]}
    assert set(references_in(described)) == {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers")
        for name in described["components"][kind]
    }


@pytest.mark.parametrize("name", OF_OPERATIONS)
async def test_every_golden_answer_is_as_described(name: str) -> None:
    """Status, media type, headers and body, of what is given and of what is refused."""
    registered = name.startswith("clients/")
    document = await document_of(WebRoom(clients=ClientDesk(is_there=registered)))
    transcript = OF_OPERATIONS[name]
    path = transcript.path.partition("?")[0]
    operation = document["paths"][path][transcript.method.lower()]
    answer, headers = transcript.answer, dict(transcript.answer.headers)
    described = operation["responses"][str(answer.status)]
    for header, told in described.get("headers", {}).items():
        of_all = document["components"]["headers"]
        schema = (of_all[header] if "$ref" in told else told)["schema"]
        jsonschema_rs.validate(schema, headers[header.lower()])
    if answer.body:
        media_type = headers["content-type"].partition(";")[0]
        schema = described["content"][media_type]["schema"]
        whole = {**schema, "components": document["components"]}
        told = answer.body.replace('"timestamp":"…"', '"timestamp":"2026-11-22T00:00:00.000000Z"')
        is_json = "json" in media_type
        jsonschema_rs.validate(whole, json.loads(told) if is_json else told)
    else:
        assert "content" not in described


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/api/oauth2/token", "post", {*camel.REFUSALS.values(), *rfc6749.REFUSALS.values()}),
        ("/auth-service/v1/refresh", "post", json_body.REFUSALS.values()),
        ("/v1/auth/refresh-token", "get", request_header.REFUSALS.values()),
    ],
    ids=["form", "json", "header"],
)
async def test_every_status_of_a_refusal_is_described(
    path: str, method: str, statuses: list[Any], document: dict[str, Any]
) -> None:
    """But for those of wrong methods and unknown paths, which no operation answers."""
    told = {row[0] if isinstance(row, tuple) else row.status for row in statuses}
    described = document["paths"][path][method]["responses"]
    assert {int(status) for status in described} == told - {404, 405} | {200}


async def test_it_may_be_kept_for_a_while_and_read_from_everywhere() -> None:
    room = WebRoom()
    answer = await room.client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    again = await room.client.get(
        "/openapi.json", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


class Found(HTMLParser):
    """What a browser would run or load, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "href":
                self.links.add(value or "")
            if name == "id":
                self.ids.add(value or "")


async def test_the_page_needs_no_other_address_and_runs_nothing(
    document: dict[str, Any],
) -> None:
    answer = await WebRoom().client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = Found()
    found.feed(answer.text)
    assert not found.tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not {name for name in found.attributes if name.startswith("on") or name == "src"}
    assert "@import" not in answer.text
    assert "url(" not in answer.text
    assert found.links - {"openapi.json"} <= {f"#{name}" for name in found.ids}
    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in answer.text
        assert {operation["operationId"] for operation in methods.values()} <= found.ids


async def test_the_pages_policy_allows_its_own_style_alone() -> None:
    answer = await WebRoom().client.get("/docs")
    [style] = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
