"""On which line of a TOML file each member stands: its reader does not tell."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

Where = tuple[str | int, ...]
"""The way to a member: names of tables, and numbers in arrays."""


def lines_of(text: str) -> Mapping[Where, int]:
    """Where each table and member begins, of a file that is well-formed."""
    found: dict[Where, int] = {}
    table: Where = ()
    arrays: Counter[Where] = Counter()
    """How many tables each array of tables has until here."""
    for number, statement, read in _statements(text):
        if statement.lstrip().startswith("["):
            table = _table_named(read, arrays)
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], number)
        else:
            for where in _members(read):
                found.setdefault((*table, *where), number)
    return found


def nearest_line(lines: Mapping[Where, int], where: Where) -> int:
    """Of a member that is missing: that of its table."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement: the line on which it begins, its text, and what it says alone.

    A statement goes on for as long as it cannot be read: until its last bracket or quote.
    """
    begun, statement = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        statement += line + "\n"
        with suppress(tomllib.TOMLDecodeError, RecursionError):
            if read := tomllib.loads(statement):
                yield begun, statement, read
            begun, statement = number + 1, ""


def _table_named(header: Any, arrays: Counter[Where]) -> Where:  # noqa: ANN401 - what TOML can hold
    """The way to the table that a header opens: in an array of tables, to its last one."""
    where: Where = ()
    while header:
        ((name, header),) = header.items()
        where = (*where, name)
        if isinstance(header, list):
            arrays[where] += 1
            (header,) = header
        if where in arrays:
            where = (*where, arrays[where] - 1)
    return where


def _members(value: object) -> Iterator[Where]:
    entries: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        entries = iter(value.items())
    elif isinstance(value, list):
        entries = iter(enumerate(value))
    for name, inner in entries:
        yield (name,)
        for where in _members(inner):
            yield (name, *where)
