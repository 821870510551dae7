"""How one worker takes connections from a socket that it shares: a real one, and real memory."""

import asyncio
import os
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import uvloop
from starlette.applications import Starlette

from token_server.process import accepting
from token_server.process.accepting import LOOKS_AGAIN_AFTER, WAITS_FOR_A_DOUBLING, Acceptor
from token_server.process.file_limit import ConnectionLimits
from token_server.process.http_server import HttpServer
from token_server.process.room import Room
from token_server.process.tally import Tally


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        yield listener


class Worker(Acceptor):
    """One of two; keeps what it takes, and notes how often it looked."""

    def __init__(self, listener: socket.socket, tally: Tally) -> None:
        room = Room(ConnectionLimits.of_this_process(), [], is_exempt=lambda _: False)
        super().__init__([listener.dup()], tally.seat(0), self._keep, room)
        self.kept: list[socket.socket] = []
        self.looked = 0

    async def _keep(self, accepted: socket.socket, _on_lost: Callable[[], None]) -> None:
        self.kept.append(accepted)

    def _resume(self) -> None:
        self.looked += 1
        super()._resume()

    async def has(self, count: int) -> None:
        while len(self.kept) < count:  # noqa: ASYNC110 - a list tells no event
            await asyncio.sleep(0.001)

    async def end(self) -> None:
        await self.close()
        for each in self.kept:
            each.close()


def ask(listener: socket.socket, count: int = 1) -> list[socket.socket]:
    """Connections that wait to be taken."""
    return [socket.create_connection(listener.getsockname()) for _ in range(count)]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await asyncio.wait_for(scene(), 20)

    uvloop.run(played())


def test_who_is_ahead_waits_for_the_other_and_takes_it_in_the_end(
    listener: socket.socket,
) -> None:
    tally, ahead = Tally.of(2), 32

    async def scene() -> None:
        worker, loop = Worker(listener, tally), asyncio.get_running_loop()
        worker.start()
        clients = ask(listener, ahead)
        await worker.has(ahead)
        # It is there, but does not come.
        tally.seat(1).note(held=0, taken=0)
        before, asked_at = worker.looked, loop.time()
        clients += ask(listener)
        await worker.has(ahead + 1)
        waited = loop.time() - asked_at
        assert waited >= 4 * WAITS_FOR_A_DOUBLING
        assert worker.looked - before <= waited / LOOKS_AGAIN_AFTER + 2
        # Who is not ahead does not wait.
        tally.seat(1).note(held=ahead, taken=ahead)
        clients += ask(listener, 3)
        await worker.has(ahead + 4)
        await worker.end()
        for each in clients:
            each.close()

    play(scene)


def test_nobody_leaves_a_connection_to_a_worker_that_takes_none(listener: socket.socket) -> None:
    tally = Tally.of(2)

    async def scene() -> None:
        worker = Worker(listener, tally)
        worker.start()
        clients = ask(listener, 100)
        await worker.has(100)
        assert worker.looked == 1
        assert tally.seat(1).others() == [(100, 100)]
        await worker.end()
        assert tally.seat(1).others() == []
        for each in clients:
            each.close()

    play(scene)


def test_what_waits_when_a_worker_leaves_waits_for_another(listener: socket.socket) -> None:
    tally = Tally.of(2)

    async def scene() -> None:
        worker = Worker(listener, tally)
        worker.start()
        tally.seat(1).note(held=0, taken=0)
        (client,) = ask(listener)
        await worker.end()
        assert worker.kept == []
        listener.settimeout(5)
        with client, listener.accept()[0] as accepted:
            assert accepted.getpeername() == client.getsockname()

    play(scene)


def test_what_waits_when_the_last_worker_leaves_is_taken(listener: socket.socket) -> None:
    async def scene() -> None:
        worker = Worker(listener, Tally.of(2))
        worker.start()
        clients = ask(listener, 100)
        await worker.end()
        assert len(worker.kept) == len(clients)
        for each in clients:
            each.close()

    play(scene)


@contextmanager
def no_file_descriptor_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_who_has_no_file_descriptor_left_takes_none_for_a_while(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "NO_ROOM_FOR", 0.05)
    tally = Tally.of(2)

    async def scene() -> None:
        worker = Worker(listener, tally)
        worker.start()
        (client,) = ask(listener)
        with no_file_descriptor_left():
            # Others need not leave it anything meanwhile.
            while tally.seat(1).others():  # noqa: ASYNC110 - memory tells no event
                await asyncio.sleep(0)
        await worker.has(1)
        assert tally.seat(1).others() == [(1, 1)]
        await worker.end()
        client.close()

    play(scene)


def test_an_answer_does_not_wait_for_more_to_send(listener: socket.socket) -> None:
    """Without TCP_NODELAY a second small write would wait for the client's acknowledgement."""
    tally = Tally.of(2)

    async def scene() -> None:
        listens = asyncio.Event()
        server = HttpServer(
            Starlette(), seat=tally.seat(0), tls=None, drain_seconds=1, on_listening=listens.set
        )
        serving = asyncio.create_task(server.serve([listener.dup()]))
        await listens.wait()
        (client,) = ask(listener)
        while not server.server_state.connections:  # noqa: ASYNC110 - a set tells no event
            await asyncio.sleep(0)
        for each in server.server_state.connections:
            accepted = each.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert tally.seat(1).others() == [(1, 1)]
        client.close()
        while tally.seat(1).others() != [(0, 1)]:  # noqa: ASYNC110 - memory tells no event
            await asyncio.sleep(0)
        server.should_exit = True
        await serving

    play(scene)


def test_workers_share_a_tally_also_where_python_has_no_files_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("os.memfd_create", raising=False)
    tally = Tally.of(2)
    tally.seat(1).note(held=3, taken=4)
    assert tally.seat(0).others() == [(3, 4)]
