"""A running server goes by the clients file as it is now, and by the last good one in doubt."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs
from support.desk import DEFAULTS

from token_server.accounts.clients.live import LiveClients
from token_server.problems import Problem

pytestmark = pytest.mark.anyio


def naming(*client_ids: str) -> str:
    tables = [
        f'[[clients]]\nclient_id = "{each}"\ntoken_endpoint_auth_method = "none"\n'
        for each in client_ids
    ]
    return "".join(tables)


@dataclass
class ClientsFile:
    path: Path

    def put(self, text: str) -> None:
        self.path.write_text(text)

    def put_unnoticed(self, text: str) -> None:
        """Neither its time nor its size tells."""
        before = self.path.stat()
        self.put(text)
        os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert self.path.stat().st_size == before.st_size

    def remove(self) -> None:
        self.path.unlink()


@pytest.fixture
def file(tmp_path: Path) -> ClientsFile:
    it = ClientsFile(tmp_path / "clients.toml")
    it.put(naming("a"))
    return it


async def said(live: LiveClients) -> list[dict[str, Any]]:
    """What is logged during one look."""
    with capture_logs() as lines:
        await live.look()
    return [dict(line) for line in lines]


def registered(live: LiveClients) -> set[str]:
    return {client.client_id for client in live.all()}


async def test_all_clients_are_the_same_object_until_one_changes(file: ClientsFile) -> None:
    """What is made of them, such as the metadata, is made once."""
    live = LiveClients(file.path, DEFAULTS)
    before = live.all()
    await live.look()
    file.put("[[clients")
    await said(live)
    assert live.all() is before
    file.put(naming("a", "b"))
    await said(live)
    assert live.all() is not before
    assert registered(live) == {"a", "b"}


async def test_a_change_is_picked_up_and_told(file: ClientsFile) -> None:
    live = LiveClients(file.path, DEFAULTS)
    assert live.is_there
    assert await said(live) == []
    file.put(naming("a", "b"))
    (line,) = await said(live)
    assert (line["log_level"], line["clients"]) == ("info", 2)
    assert registered(live) == {"a", "b"}
    assert live.find("b")
    assert live.find("c") is None


async def test_a_file_with_an_error_keeps_the_last_good_set_and_is_told_of_once(
    file: ClientsFile,
) -> None:
    live = LiveClients(file.path, DEFAULTS)
    file.put(naming("b") + "x = 1")
    (line,) = await said(live)
    assert line["log_level"] == "error"
    assert line["problem"] == f"{file.path}:4: x is not a member (client b)"
    assert await said(live) == []
    file.remove()
    (line,) = await said(live)
    assert "cannot be read: No such file" in line["problem"]
    assert await said(live) == []
    assert registered(live) == {"a"}
    file.put(naming("b"))
    assert [line["log_level"] for line in await said(live)] == ["info", "info"]
    assert registered(live) == {"b"}


async def test_a_file_that_is_as_it_was_is_good_again(file: ClientsFile) -> None:
    live = LiveClients(file.path, DEFAULTS)
    file.put("x")
    await said(live)
    file.put(naming("a"))
    assert "the clients file is good again" in [line["event"] for line in await said(live)]
    assert registered(live) == {"a"}


async def test_a_change_is_seen_whatever_the_files_time_and_size_say(file: ClientsFile) -> None:
    live = LiveClients(file.path, DEFAULTS)
    file.put_unnoticed(naming("z"))
    await live.look()
    assert registered(live) == {"z"}


async def test_a_file_that_is_just_being_written_is_taken_once_it_stands_still(
    file: ClientsFile,
) -> None:
    """An editor may empty it first: nobody is refused meanwhile."""
    live = LiveClients(file.path, DEFAULTS)
    file.put("")
    with capture_logs() as lines:
        looking = asyncio.create_task(live.look())
        # Threads are given their work in turn: by now the empty file was read.
        await asyncio.to_thread(registered, live)
        file.put(naming("a", "b"))
        await looking
    assert registered(live) == {"a", "b"}
    assert [line["log_level"] for line in lines] == ["info"]


class SlowlySaved(type(Path())):  # type: ignore[misc]
    """A file that changes with every look, as a slow editor saves it, until it is complete."""

    steps: ClassVar[list[str]] = []

    def read_bytes(self) -> bytes:
        text = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return text.encode()


async def test_a_file_that_is_saved_in_three_steps_is_taken_once_it_is_complete(
    tmp_path: Path,
) -> None:
    """Each step is well-formed: only that it still changes shows that it is not complete."""
    path = SlowlySaved(tmp_path / "clients.toml")
    SlowlySaved.steps = [naming("a", "b", "c")]
    live = LiveClients(path, DEFAULTS)
    SlowlySaved.steps = ["", naming("a"), naming("a", "b"), naming("a", "b", "c")]
    assert await said(live) == []
    assert registered(live) == {"a", "b", "c"}


def test_at_start_an_error_is_a_problem(file: ClientsFile) -> None:
    file.put("x = 1")
    with pytest.raises(Problem):
        LiveClients(file.path, DEFAULTS)


async def test_whoever_is_woken_looks_at_once(file: ClientsFile) -> None:
    live = LiveClients(file.path, DEFAULTS)
    running = asyncio.create_task(live.run())
    file.put(naming("b"))
    live.wake()
    async with asyncio.timeout(10):
        while registered(live) != {"b"}:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
    running.cancel()


async def test_without_a_file_nobody_is_there_and_nothing_is_looked_at() -> None:
    live = LiveClients(None, DEFAULTS)
    assert not live.is_there
    assert await said(live) == []
    assert list(live.all()) == []
