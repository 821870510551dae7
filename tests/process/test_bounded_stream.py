"""A stream that never waits for its reader: what is written, kept, lost and reported."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.processes import wait_until

from token_server.process import bounded_stream
from token_server.process.bounded_stream import FULL, BoundedStream

PIPE_SIZE = 65_536
LINE = "x" * 99 + "\n"


class Losses(list[tuple[int, str]]):
    def report(self, lost: int, cause: str) -> None:
        self.append((lost, cause))


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def open_stream(losses: Losses) -> Callable[[int], BoundedStream]:
    def open_(descriptor: int) -> BoundedStream:
        return BoundedStream(
            descriptor, lost_line=lambda lost: f"lost {lost}\n", on_loss=losses.report
        )

    return open_


@pytest.fixture
def small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_stream, "MAX_BUFFERED_BYTES", 10 * len(LINE))


@pytest.fixture(params=["pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Where to read, and where to write."""
    if request.param == "pipe":
        pair = os.pipe()
        yield pair
        for each in pair:
            os.close(each)
        return
    one, other = socket.socketpair()
    with one, other:
        yield one.fileno(), other.fileno()


def read_lines(descriptor: int, until: str) -> list[str]:
    text = ""
    while not text.endswith(until):
        text += os.read(descriptor, 65536).decode()
    return text.splitlines()


def test_a_line_is_there_when_write_returns(
    ends: tuple[int, int], open_stream: Callable[[int], BoundedStream]
) -> None:
    open_stream(ends[1]).write("one\n")
    assert os.read(ends[0], 100) == b"one\n"


def test_lines_that_the_reader_has_no_room_for_come_later_in_order(
    ends: tuple[int, int], open_stream: Callable[[int], BoundedStream], losses: Losses
) -> None:
    stream = open_stream(ends[1])
    for number in range(9_000):
        stream.write(f"{number:098}\n")
    stream.write("end\n")
    *numbers, _ = read_lines(ends[0], "end\n")
    assert [int(each) for each in numbers] == list(range(9_000))
    assert losses == []


@pytest.mark.usefixtures("small_buffer")
def test_lines_beyond_the_buffer_are_counted_and_reported_twice(
    ends: tuple[int, int], open_stream: Callable[[int], BoundedStream], losses: Losses
) -> None:
    """At once elsewhere, and on the stream when its reader is back."""
    stream = open_stream(ends[1])
    written = 5_000
    for _ in range(written):
        stream.write(LINE)
    wait_until(lambda: bool(losses))
    assert {cause for _, cause in losses} == {FULL}
    text = ""
    while "lost" not in text:
        text += os.read(ends[0], 65536).decode()
    *lines, last = text.splitlines()
    assert set(lines) == {LINE.strip()}
    assert last == f"lost {written - len(lines)}"


def test_the_mode_of_a_shared_descriptor_stays(
    ends: tuple[int, int], open_stream: Callable[[int], BoundedStream]
) -> None:
    open_stream(ends[1]).write(LINE)
    assert os.get_blocking(ends[1])


def test_a_reader_that_is_gone_is_a_loss_and_no_failure(
    open_stream: Callable[[int], BoundedStream], losses: Losses
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    open_stream(write_end).write(LINE)
    wait_until(lambda: losses == [(1, "BrokenPipeError")])
    os.close(write_end)


def test_a_pipe_of_another_user_is_written_by_a_thread(
    monkeypatch: pytest.MonkeyPatch, open_stream: Callable[[int], BoundedStream]
) -> None:
    """It cannot be opened again."""

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    read_end, write_end = os.pipe()
    stream = open_stream(write_end)
    monkeypatch.undo()
    for _ in range(2_000):
        stream.write(LINE)
    stream.write("end\n")
    assert len(read_lines(read_end, "end\n")) == 2_001
    os.close(read_end)
    os.close(write_end)


def test_a_file_that_cannot_be_written_is_a_loss(
    open_stream: Callable[[int], BoundedStream], losses: Losses
) -> None:
    with Path("/dev/full").open("wb") as full:
        open_stream(full.fileno()).write(LINE)
        wait_until(lambda: losses == [(1, "OSError")])


def test_lines_of_several_threads_stay_whole(
    open_stream: Callable[[int], BoundedStream],
) -> None:
    read_end, write_end = os.pipe()
    stream = open_stream(write_end)

    def write(word: str) -> None:
        for _ in range(500):
            stream.write(json.dumps([word] * 20) + "\n")

    threads = [threading.Thread(target=write, args=(word,)) for word in "abc"]
    for each in threads:
        each.start()
    text = b""
    while text.count(b"\n") < 1_500:
        text += os.read(read_end, 65536)
    assert all(len(set(json.loads(line))) == 1 for line in text.splitlines())
    os.close(read_end)
    os.close(write_end)


PROGRAM = """
import sys
from token_server.process.standard_streams import bound_standard_streams
bound_standard_streams()
for _ in range(20_000):
    sys.stdout.write("x" * 99 + chr(10))
"""


def test_a_process_ends_though_nobody_reads_its_output() -> None:
    read_end, write_end = os.pipe()
    subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=write_end, stderr=write_end, check=True, timeout=30
    )
    os.close(write_end)
    os.close(read_end)
