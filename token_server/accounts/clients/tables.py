"""Reads the tables of a clients file member by member, and gathers all that is wrong with them."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from token_server.accounts.clients.lines import Where, lines_of, nearest_line
from token_server.problems import Problem

T = TypeVar("T")
D = TypeVar("D")


class Faults:
    """What is wrong with one file."""

    def __init__(self) -> None:
        self._found: list[tuple[Where, str]] = []

    def add(self, where: Where, what: str) -> None:
        self._found.append((where, what))

    def raise_any(self, file: str, text: str) -> None:
        """Raises: Problem, with a line for each of them."""
        if not self._found:
            return
        lines = lines_of(text)
        told = sorted((nearest_line(lines, where), what) for where, what in self._found)
        raise wrong([f"{file}:{line}: {what}" for line, what in told])


class Table:
    """One table. A member that is asked for is known; at the end, all others are not."""

    def __init__(self, members: object, where: Where, faults: Faults, *, of: str = "") -> None:
        self._where = where
        self._faults = faults
        self.known: list[str] = []
        self.of = of
        """Whose table it is, for people."""
        self.is_empty = members == {}
        self._members: Mapping[str, object] = {}
        if isinstance(members, dict):
            self._members = members
        else:
            self.fault("must be a table")

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def know(self, name: str) -> None:
        """A member by this name is none too many."""
        self.known.append(name)

    def take(self, name: str, read: Callable[[object], T], default: D) -> T | D:
        """What a member says, or the default; also where it is wrong, which is noted."""
        self.know(name)
        if name not in self._members:
            return default
        try:
            return read(self._members[name])
        except ValueError as rule:
            self.fault(str(rule), name)
            return default

    def demand(self, name: str, read: Callable[[object], T]) -> T | None:
        if name not in self._members:
            self.fault("is missing", name)
        return self.take(name, read, None)

    def table(self, name: str) -> "Table":
        """A table within this one."""
        inner = self.take(name, lambda value: value, {})
        return Table(inner, (*self._where, name), self._faults, of=self.of)

    def tables(self, name: str) -> Sequence[tuple[object, Where]]:
        """The tables of an array of tables, and the way to each."""
        found = self.take(name, _read_array, ())
        return [(each, (*self._where, name, number)) for number, each in enumerate(found)]

    def fault(self, what: str, *member: str | int) -> None:
        name = " ".join(map(str, member))
        words = [each for each in (name, what, self.of and f"({self.of})") if each]
        self._faults.add((*self._where, *member), " ".join(words))

    def refuse_the_rest(self) -> None:
        """Note every member that was not asked for."""
        for name in self._members:
            if name not in self.known:
                close = difflib.get_close_matches(name, self.known, n=1, cutoff=0.55)
                suggestion = f"; did you mean {close[0]}?" if close else ""
                of = f" ({self.of})" if self.of else ""
                self._faults.add(
                    (*self._where, name), f"{printable(name)} is not a member{suggestion}{of}"
                )


def wrong(lines: Sequence[str]) -> Problem:
    text = lines[0]
    if len(lines) > 1:
        text = "\n  ".join([f"{len(lines)} mistakes in the clients file", *lines])
    return Problem(text, hint='correct the file; "token-server clients check" checks it')


def printable(name: str) -> str:
    """Nothing that a terminal would obey."""
    return name if name.isprintable() else ascii(name)


def _read_array(value: object) -> Sequence[object]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("must be an array of tables")
    return value
