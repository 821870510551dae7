"""Lengths of time, as people write them: `900`, `15m`, `1h`, `14d`."""

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)
"""Far beyond any use, and far below what a moment or a store's TTL can hold."""
_SECOND = timedelta(seconds=1)
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": _SECOND,
}
_WRITTEN = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)


def short_term_after(access_token_lifetime: timedelta) -> timedelta:
    """How long a short-term refresh token lives, where nobody says otherwise."""
    return min(access_token_lifetime + timedelta(minutes=15), LONGEST)


def read_duration(value: object) -> timedelta:
    """Raises: ValueError, with the rule and without the value."""
    length = _length(value)
    if not timedelta(0) <= length <= LONGEST:
        raise ValueError(f"must be from 0 to {write_duration(LONGEST)}")
    return length


def read_lifetime(value: object) -> timedelta:
    """Read a duration that makes no sense as zero."""
    length = read_duration(value)
    if not length:
        raise ValueError("must be longer than 0")
    return length


def write_duration(length: timedelta) -> str:
    """The shortest text that reads back as this length."""
    if not length:
        return "0"
    unit, size = next((unit, size) for unit, size in _UNITS.items() if not length % size)
    return f"{length // size}{unit}"


def _length(value: object) -> timedelta:
    if isinstance(value, timedelta) and not value % _SECOND:
        return value
    # `true` is an int to Python, and "15m" is text in TOML too.
    written = _WRITTEN.fullmatch(str(value)) if type(value) in (int, str) else None
    if written is None:
        raise ValueError("must be a length of time such as 900 (seconds), 15m, 1h or 14d")
    number, unit = written.groups()
    return int(number) * _UNITS[unit or "s"]
