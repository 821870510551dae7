"""What docs/dialects.md and the page of each dialect show is what the server does."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from support import transcripts
from support.client_desk import BILLING, ClientDesk
from support.web_room import WebRoom

from token_server.settings.model import Dialect
from token_server.tokens.refusals import (
    ClientRefused,
    MembersRefused,
    PathUnknown,
    RequestMalformed,
    RequestRefused,
)
from token_server.web.dialects import camel, json_body, request_header, rfc6749

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    page.stem: page.read_text("utf-8")
    for page in (DOCS / "dialects.md", *sorted((DOCS / "dialects").glob("*.md")))
}
EXAMPLES = {
    f"{name} {number}": transcripts.read(block)
    for name, page in PAGES.items()
    for number, block in enumerate(
        re.findall(r"^```http\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    )
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_is_answered_as_shown(name: str) -> None:
    """Members in the shown order; only line breaks and the length of the body may differ."""
    example = EXAMPLES[name]
    from_a_browser = "Origin" in dict(example.headers)
    room = WebRoom(
        cors_origins=("https://app.example",) if from_a_browser else (),
        clients=ClientDesk([BILLING], is_there=name.startswith("rfc6749")),
    )
    answer = await example.replay(room.client)
    assert answer.status == example.answer.status
    assert _told(answer.headers) == example.answer.headers
    assert _ordered(answer.body) == _ordered(example.answer.body)


def test_each_dialect_has_a_page_with_examples() -> None:
    shown = [name.split()[0] for name in EXAMPLES]
    for name in get_args(Dialect):
        assert shown.count(name) >= 3


def test_the_table_of_refusals_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| (\d{3}) \| (\d{3}) \| `(\w+)` \| `(\w+)` \|$", PAGES["form"], re.MULTILINE
    )
    shown = {(int(row[0]), int(row[1]), row[2], row[3]) for row in rows}
    assert shown == {
        (row.status, rfc6749.REFUSALS[kind].status, row.error_code, row.error)
        for kind, row in camel.REFUSALS.items()
    }


def test_the_table_of_the_json_dialect_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| [^|]+ \| (\d{3}) \| `?([^|]+?)`? \|$", PAGES["json"], re.MULTILINE)
    told = {(int(status), message) for status, message in rows}
    # What is wrong with a request is told by the request's own words.
    own_words = {(422, "what is wrong, by member in `errors"), (400, "what is wrong")}
    elsewhere = {PathUnknown, RequestRefused, RequestMalformed, MembersRefused}
    assert told == own_words | {
        row for kind, row in json_body.REFUSALS.items() if kind not in elsewhere
    }


def test_the_table_of_the_header_dialect_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| (\d{3}) \| `(\w+)` \| `?([^|]+?)`? \| `?([^|]+?)`? \|$",
        PAGES["header"],
        re.MULTILINE,
    )
    told = {
        (int(status), code, detail, "" if title == "the status" else title)
        for status, code, title, detail in rows
    }
    elsewhere = {PathUnknown, RequestRefused, ClientRefused}
    assert told == {(400, "validation_error", "what is wrong", "")} | {
        row for kind, row in request_header.REFUSALS.items() if kind not in elsewhere
    }


def _told(headers: transcripts.Headers) -> transcripts.Headers:
    return [(name, value) for name, value in headers if name != "content-length"]


def _ordered(body: str) -> object:
    return json.loads(body, object_pairs_hook=list) if body.startswith("{") else body
