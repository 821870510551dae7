"""What a store lacks to be trusted with sessions: one rule each, a pure function of its facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from token_server.store.facts import Facts, Version, Write

OLDEST_REDIS: Version = (7, 0)
OLDEST_VALKEY: Version = (7, 2)


class Level(StrEnum):
    ERROR = "error"
    """It would break what we promise while everything seems fine."""
    WARNING = "warning"
    """It breaks a promise only in a crash, or cannot be known; the operator may know better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    level: Level
    text: str
    fix: str


def shortfalls(facts: Facts) -> Iterator[Shortfall]:
    yield from _version(facts)
    yield from _place(facts)
    yield from _eviction(facts)
    yield from _persistence(facts)
    yield from _untold(facts)


def shortfalls_of_write(facts: Facts, write: Write) -> Iterator[Shortfall]:
    if write.refused is not None:
        yield Shortfall(
            level=Level.ERROR,
            text=f"it does not take a write ({write.refused})",
            fix="give it memory and disk space, and its user the right to write",
        )
    if not (loses_at_most_unanswered(facts) or waits_for_fsync(facts, write)):
        yield Shortfall(
            level=Level.WARNING,
            text="in a crash the store forgets log-ins and log-outs of its last moments: it "
            f"answers before they are on disk (appendfsync {facts.appendfsync or 'unknown'}), and "
            "that they are cannot be waited for (WAITAOF)",
            fix="set appendfsync always; or everysec, on Redis 7.2 or Valkey 7.2 or later, "
            "with +waitaof for its user",
        )


def loses_at_most_unanswered(facts: Facts) -> bool:
    """Also where there is no append-only file: that is a shortfall of its own."""
    return facts.append_only is False or facts.appendfsync == "always"


def waits_for_fsync(facts: Facts, write: Write) -> bool:
    """Whether what must be durable can be waited for, and has to be."""
    if loses_at_most_unanswered(facts) or write.fsync_awaited is None:
        return False
    # Too slow under everysec is a slow disk today; under `no` the answer never comes.
    return write.fsync_awaited or facts.appendfsync == "everysec"


def _version(facts: Facts) -> Iterator[Shortfall]:
    # Valkey calls itself Redis 7.2.4 as well, whatever its own version is.
    name, version, oldest = (
        ("Valkey", facts.valkey, OLDEST_VALKEY)
        if facts.valkey
        else ("Redis", facts.redis, OLDEST_REDIS)
    )
    if version and version < oldest:
        yield Shortfall(
            level=Level.ERROR,
            text=f"it is {name} {'.'.join(map(str, version))}",
            fix="use Redis 7.0 or later, or Valkey 7.2 or later",
        )


def _place(facts: Facts) -> Iterator[Shortfall]:
    if facts.role == "slave":
        yield Shortfall(
            level=Level.ERROR, text="it is a replica", fix="name the primary in STORE_URL"
        )
    if facts.mode in {"cluster", "sentinel"}:
        yield Shortfall(
            level=Level.ERROR,
            text=f"it runs in {facts.mode} mode",
            fix="name a standalone server in STORE_URL",
        )


def _eviction(facts: Facts) -> Iterator[Shortfall]:
    if facts.eviction not in {None, "noeviction"}:
        yield Shortfall(
            # Without a limit nothing is evicted, until somebody sets one.
            level=Level.WARNING if facts.maxmemory == 0 else Level.ERROR,
            text=f"the store's maxmemory-policy {facts.eviction} deletes sessions when memory "
            "is short",
            fix="set maxmemory-policy noeviction",
        )


def _persistence(facts: Facts) -> Iterator[Shortfall]:
    # No error: some managed stores can do no better, and lose nothing but in a crash.
    if facts.append_only is False:
        forgotten = (
            "everything: all sessions end"
            if facts.snapshots is False
            else "what it was told since its last snapshot, log-outs included"
        )
        yield Shortfall(
            level=Level.WARNING,
            text=f"the store's append-only file is off, so in a crash it forgets {forgotten}",
            fix="set appendonly yes and appendfsync always",
        )


def _untold(facts: Facts) -> Iterator[Shortfall]:
    asked = {
        "version": facts.redis or facts.valkey,
        "role": facts.role,
        "maxmemory-policy": facts.eviction,
        "appendonly": facts.append_only,
        "appendfsync": facts.appendfsync,
    }
    untold = [name for name, told in asked.items() if told is None]
    if untold:
        yield Shortfall(
            level=Level.WARNING,
            text=f"the store does not tell its {', '.join(untold)}",
            fix="check what it does not tell, or give its user +info and +config|get",
        )
