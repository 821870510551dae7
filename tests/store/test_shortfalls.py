"""What follows from what a store says of itself, where no store at hand says it."""

import pytest

from token_server.store.facts import Facts, Version, Write
from token_server.store.shortfalls import (
    Level,
    shortfalls,
    shortfalls_of_write,
    waits_for_fsync,
)


def errors(facts: Facts) -> list[str]:
    return [each.text for each in shortfalls(facts) if each.level is Level.ERROR]


@pytest.mark.parametrize(
    ("valkey", "redis", "said"),
    [
        (None, (6, 2, 14), ["it is Redis 6.2.14"]),
        (None, (7, 0, 0), []),
        (None, (10, 0, 1), []),
        ((7, 2, 0), (7, 2, 4), []),
        ((9, 1, 2), (7, 2, 4), []),
        # It claims the Redis version that it is compatible with.
        ((7, 1, 9), (7, 2, 4), ["it is Valkey 7.1.9"]),
    ],
)
def test_old_versions_are_refused(valkey: Version | None, redis: Version, said: list[str]) -> None:
    assert errors(Facts(valkey=valkey, redis=redis)) == said


def test_a_disk_that_is_slow_today_is_waited_for_all_the_same() -> None:
    facts = Facts(append_only=True, appendfsync="everysec")
    slow = Write(refused=None, fsync_awaited=False)
    assert waits_for_fsync(facts, slow)
    assert not list(shortfalls_of_write(facts, slow))
