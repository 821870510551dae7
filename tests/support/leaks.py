"""Finds secrets in a text, also in part and with something else glued to them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SHOWS = 40
"""So many characters of a secret are found wherever they begin."""
# For so many hold at least one of the blocks that the secret was cut into.
_BLOCK = SHOWS // 2
_RUN = re.compile(rb"[A-Za-z0-9_+/=-]{%d,}" % SHOWS)

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
"""Whatever looks like a token."""


def written(folder: Path) -> Iterator[bytes]:
    """Logs, the audit log, the store's files: all that lies below a server's folder."""
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name != "keys":
            yield path.read_bytes()


def leaks(secrets: Iterable[bytes], text: bytes) -> list[bytes]:
    """The runs of base64 text that hold part of a secret."""
    blocks = {
        secret[start : start + _BLOCK]
        for secret in secrets
        for start in range(0, len(secret) - _BLOCK + 1, _BLOCK)
    }
    return [run for run in set(_RUN.findall(text)) if not blocks.isdisjoint(_windows(run))]


def _windows(run: bytes) -> Iterable[bytes]:
    return (run[start : start + _BLOCK] for start in range(len(run) - _BLOCK + 1))
