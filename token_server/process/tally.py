"""How many connections each worker holds, in memory that parent and workers share."""

import os
from dataclasses import dataclass
from mmap import mmap
from tempfile import TemporaryFile
from typing import Self

_BYTES = 8
_NUMBERS = 2
_ABSENT = -1


class Tally:
    """Two numbers for each worker: connections that it holds, and those it ever took.

    Each worker writes its own two, the parent those of the dead.
    """

    def __init__(self, file: int) -> None:
        self.file = file
        self._numbers = memoryview(mmap(file, 0)).cast("q")

    @classmethod
    def of(cls, workers: int) -> Self:
        """A new one, with nobody there yet."""
        file = _unnamed_file()
        os.truncate(file, workers * _NUMBERS * _BYTES)
        tally = cls(file)
        for number in range(workers):
            tally.seat(number).vacate()
        return tally

    def seat(self, number: int) -> "Seat":
        return Seat(self, number)

    def seats(self) -> "list[Seat]":
        return [self.seat(number) for number in range(len(self._numbers) // _NUMBERS)]

    def write(self, number: int, *, held: int, taken: int) -> None:
        self._numbers[_NUMBERS * number] = held
        self._numbers[_NUMBERS * number + 1] = taken

    def read(self, number: int) -> tuple[int, int]:
        """Held, and ever taken."""
        return self._numbers[_NUMBERS * number], self._numbers[_NUMBERS * number + 1]


@dataclass(frozen=True, slots=True)
class Seat:
    """One worker's place in it."""

    tally: Tally
    number: int

    def note(self, *, held: int, taken: int) -> None:
        self.tally.write(self.number, held=held, taken=taken)

    def vacate(self) -> None:
        """Nobody here takes connections: nobody else need leave any."""
        self.note(held=_ABSENT, taken=0)

    def others(self) -> "list[tuple[int, int]]":
        """Of each other worker that takes connections, how many it holds, and ever took."""
        return [
            (held, taken)
            for held, taken in (
                self.tally.read(each.number)
                for each in self.tally.seats()
                if each.number != self.number
            )
            if held != _ABSENT
        ]


def _unnamed_file() -> int:
    # A container's file system may be read-only. Some Pythons for Linux lack the call.
    if hasattr(os, "memfd_create"):
        return os.memfd_create("token-server-tally")
    with TemporaryFile() as file:
        return os.dup(file.fileno())
