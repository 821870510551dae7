"""Golden transcripts: one request and its answer, byte for byte, in one readable file."""

import json
import re
from dataclasses import dataclass

import httpx

Headers = list[tuple[str, str]]
# What differs from refusal to refusal and means nothing.
_TRACE_ID = re.compile(r'"traceId":"[0-9a-f-]{36}"')
_TIMESTAMP = re.compile(r'"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Headers
    body: str

    @property
    def members(self) -> dict[str, object]:
        """The members of a JSON body, in order."""
        members: dict[str, object] = json.loads(self.body)
        return members

    def member(self, name: str) -> str:
        return str(self.members[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    method: str
    path: str
    headers: Headers
    body: str
    answer: Answer

    async def replay(self, client: httpx.AsyncClient) -> Answer:
        """Send exactly this request; `traceId` and `timestamp` are written as in the files."""
        request = httpx.Request(
            self.method,
            client.base_url.copy_with(raw_path=self.path.encode()),
            headers=self.headers,
            content=self.body.encode(),
        )
        response = await client.send(request)
        return Answer(
            status=response.status_code,
            headers=list(response.headers.multi_items()),
            body=_TIMESTAMP.sub('"timestamp":"…"', _TRACE_ID.sub('"traceId":"…"', response.text)),
        )


def read(text: str) -> Transcript:
    """Take a transcript apart: request, empty line, body; then the answer likewise."""
    asked, status, answered = re.split(
        r"^HTTP/1.1 (\d{3})$\n", text, maxsplit=1, flags=re.MULTILINE
    )
    request_line, _, rest = asked.partition("\n")
    method, path = request_line.split(" ")
    headers, body = _message(rest)
    answer_headers, answer_body = _message(answered)
    return Transcript(
        method=method,
        path=path,
        headers=headers,
        body=body,
        answer=Answer(status=int(status), headers=answer_headers, body=answer_body),
    )


def _message(text: str) -> tuple[Headers, str]:
    head, _, body = text.partition("\n\n") if not text.startswith("\n") else ("", "", text[1:])
    headers = [(name, value) for name, _, value in (h.partition(": ") for h in head.splitlines())]
    return headers, body.strip("\n")
