"""When a dead worker is replaced: real workers, and a clock that the test moves."""

import itertools
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.processes import wait_until

from token_server.problems import Problem
from token_server.process.child import Orders
from token_server.process.post import PROVEN_SECONDS, Post
from token_server.process.tally import Tally
from token_server.settings import load_settings


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def orders(opener: str) -> Orders:
    return Orders(
        settings=load_settings({}),
        briefing=b"",
        opener=f"support.launched_apps:{opener}",
        start_up_seconds=30,
        drain_seconds=20,
    )


def next_death(post: Post, now: float) -> Problem:
    found: list[Problem] = []

    def has_died() -> bool:
        if problem := post.tend(now):
            found.append(problem)
        return bool(found)

    wait_until(has_died)
    return found[0]


def test_who_dies_again_and_again_is_replaced_at_once_and_then_ever_later(
    listener: socket.socket,
) -> None:
    post = Post([listener], Tally.of(1).seat(0), orders("open_with_a_problem"))
    now = 0.0
    for pause in (0, 0, 0.25, 0.5):
        post.tend(now)
        assert post.child is not None
        assert next_death(post, now).text == "the moon is full"
        assert post.child is None
        if pause:
            assert post.tend(now + pause - 0.01) is None
            assert post.child is None
        now += pause


def test_who_has_listened_for_a_while_is_replaced_at_once(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tally = Tally.of(2)
    post = Post([listener], tally.seat(0), orders("open_app"))
    deaths = 4
    for now in itertools.accumulate([PROVEN_SECONDS] * deaths):
        began = now - PROVEN_SECONDS
        wait_until(partial(is_ready, post, began))
        assert tally.seat(1).others() == [(0, 0)]
        post.send(signal.SIGKILL)
        assert next_death(post, now).text.endswith("was ended by signal 9 (Killed)")
        # Nobody leaves a connection to the dead.
        assert tally.seat(1).others() == []
        post.tend(now)
        assert post.child is not None
    post.kill()


def is_ready(post: Post, now: float) -> bool:
    return post.tend(now) is None and post.is_ready
