"""What docs/dialects.md shows is what the server does."""

import json
import re
from pathlib import Path

import pytest
from support import transcripts
from support.web_room import WebRoom

from token_server.web.dialects import camel, rfc6749

PAGE = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text("utf-8")
EXAMPLES = [
    transcripts.read(block)
    for block in re.findall(r"^```http\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]


@pytest.mark.anyio
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.body)
async def test_an_example_is_answered_as_shown(example: transcripts.Transcript) -> None:
    """Members in the shown order; only line breaks and the length of the body may differ."""
    answer = await example.replay(WebRoom().client)
    assert answer.status == example.answer.status
    assert _told(answer.headers) == example.answer.headers
    assert _ordered(answer.body) == _ordered(example.answer.body)


def test_the_page_shows_examples() -> None:
    assert len(EXAMPLES) >= 6


def test_the_table_of_refusals_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| (\d{3}) \| (\d{3}) \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE
    )
    shown = {(int(row[0]), int(row[1]), row[2], row[3]) for row in rows}
    assert shown == {
        (row.status, rfc6749.REFUSALS[kind].status, row.error_code, row.error)
        for kind, row in camel.REFUSALS.items()
    }


def _told(headers: transcripts.Headers) -> transcripts.Headers:
    return [(name, value) for name, value in headers if name != "content-length"]


def _ordered(body: str) -> object:
    return json.loads(body, object_pairs_hook=list) if body else None
