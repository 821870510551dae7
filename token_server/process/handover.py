"""What parent and worker tell each other, over pipes that nobody else can read."""

import json
from dataclasses import dataclass, field
from typing import IO, Self

from token_server.problems import Problem
from token_server.settings import Settings

_PLAIN = ("parent", "listeners", "tally", "seat", "status", "opener", "drain_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What a worker is told at its start, on its standard input.

    Never in its arguments or environment, which others can read; and never read anew, so that
    a worker that replaces another runs with the very same settings.
    """

    parent: int
    listeners: list[int]
    """File descriptors, like `tally` and `status`."""
    tally: int
    seat: int
    """The worker's number in the tally."""
    status: int
    opener: str
    """`module:function`. Opens the app; see worker.py."""
    drain_seconds: int
    settings: Settings
    briefing: bytes = field(repr=False)
    """What `prepare` learned before any worker started; the app makes of it what it will."""

    def write(self, pipe: IO[bytes]) -> None:
        plain = {name: getattr(self, name) for name in _PLAIN} | {"briefing": self.briefing.hex()}
        pipe.write(json.dumps(plain).encode() + b"\n" + self.settings.to_handover())

    @classmethod
    def read(cls, pipe: IO[bytes]) -> Self | None:
        """None where the parent is gone."""
        plain = pipe.readline()
        settings = pipe.read()
        if not settings:
            return None
        told = json.loads(plain)
        briefing = bytes.fromhex(told.pop("briefing"))
        return cls(**told, briefing=briefing, settings=Settings.from_handover(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line that a worker says on its status pipe: it listens, or why it cannot go on."""

    text: str | None = None
    hint: str | None = None

    @property
    def problem(self) -> Problem | None:
        return Problem(self.text, hint=self.hint) if self.text is not None else None

    def to_line(self) -> bytes:
        return json.dumps({"text": self.text, "hint": self.hint}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        return cls(**json.loads(line))
