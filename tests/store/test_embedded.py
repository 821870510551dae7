"""The store that we run ourselves: what it keeps, who may start it, and when it ends."""

import os
import platform
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from support.processes import HAS_PROC, PROC, is_alive, wait_until

from token_server.problems import Problem
from token_server.store import embedded
from token_server.store.embedded import EmbeddedStore, embedded_in
from token_server.store.valkey import State, allocator

# Runs the store of argv[1] until its stdin ends; says the store's run id once it answers.
LAUNCHER = """
import sys
from pathlib import Path
from redis import Redis
from token_server.store.embedded import EmbeddedStore
with EmbeddedStore(Path(sys.argv[1])) as store:
    with Redis(unix_socket_path=str(store.socket_path)) as client:
        print(client.info("server")["run_id"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(folder) as store:
        yield store


def client_of(store: EmbeddedStore) -> Redis:
    return Redis(unix_socket_path=str(store.socket_path))


def pid_of(store: EmbeddedStore) -> int:
    with client_of(store) as client:
        pid: int = client.info("server")["process_id"]
        return pid


def append_only_file(folder: Path) -> Path:
    (file,) = (folder / "appendonlydir").glob("*.incr.aof")
    return file


def launcher(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_every_answer_is_on_disk_and_nothing_is_evicted(store: EmbeddedStore) -> None:
    with client_of(store) as client:
        rules = client.config_get("appendonly", "appendfsync", "save", "maxmemory-policy", "port")
    assert rules == {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "port": "0",
    }


@pytest.mark.skipif(not HAS_PROC, reason="Linux alone shows a program's environment")
def test_its_allocator_is_told_what_suits_it_unless_an_operator_tells_it_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> str | None:
        with EmbeddedStore(folder) as store:
            lines = (PROC / str(pid_of(store)) / "environ").read_text().split("\0")
            return dict(line.split("=", 1) for line in lines if line).get("GLIBC_TUNABLES")

    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert told() == allocator(*platform.libc_ver())["GLIBC_TUNABLES"]
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
    assert told() == "glibc.malloc.arena_max=1"


@pytest.mark.parametrize(
    ("library", "version", "count"),
    [("glibc", "2.36", 512), ("glibc", "2.31", 512), ("glibc", "2.30", 127), ("", "", 127)],
)
def test_an_allocator_is_not_told_to_count_further_than_it_can(
    library: str, version: str, count: int
) -> None:
    told = allocator(library, version)
    assert told == {"GLIBC_TUNABLES": f"glibc.malloc.tcache_count={count}"}


def test_nobody_else_can_read_or_reach_it(store: EmbeddedStore, folder: Path) -> None:
    with client_of(store) as client:
        client.set("name", "value")
    inside = [stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert inside
    assert not any(mode & 0o077 for mode in inside)


def test_it_is_stopped_by_who_started_it_and_keeps_what_it_was_told(folder: Path) -> None:
    with EmbeddedStore(folder) as first, client_of(first) as client:
        pid = pid_of(first)
        client.set("name", "value")
    assert not is_alive(pid)
    assert not first.socket_path.exists()
    with EmbeddedStore(folder) as second, client_of(second) as client:
        assert client.get("name") == b"value"


def test_a_killed_store_is_started_again_with_all_it_answered(store: EmbeddedStore) -> None:
    """Its socket and its log are left behind; neither is in the way of the next."""
    with client_of(store) as client:
        for number in range(3):
            client.set("number", number)
            os.kill(pid_of(store), signal.SIGKILL)
            store.ensure()
            assert client.get("number") == b"%d" % number
    assert store.is_ours


def test_tending_never_waits(store: EmbeddedStore) -> None:
    with client_of(store) as client:
        client.eval("for i = 1, 200000 do redis.call('set', i, i) end", 0)
    pid = pid_of(store)
    os.kill(pid, signal.SIGKILL)
    states: list[State] = []
    while not states or states[-1] is not State.ANSWERS:
        states.append(store.tend())
    assert list(dict.fromkeys(states)) == [State.SILENT, State.LOADING, State.ANSWERS]


def test_loading_a_large_store_is_no_standstill(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it loads; only a silence as long as our patience is one."""
    with client_of(store) as client:
        for part in range(12):
            client.eval("for i = 1, 200000 do redis.call('append', ARGV[1], i) end", 0, part)
        usual = seconds_to_load(store)
        monkeypatch.setattr(embedded, "PATIENCE", usual / 2)
        seconds_to_load(store)
        assert client.dbsize() == 12


def seconds_to_load(store: EmbeddedStore) -> float:
    os.kill(pid_of(store), signal.SIGKILL)
    wait_until(lambda: store.tend() is State.LOADING)
    began = time.monotonic()
    store.ensure()
    return time.monotonic() - began


def test_a_write_cut_off_by_a_crash_is_dropped(folder: Path) -> None:
    with EmbeddedStore(folder) as store, client_of(store) as client:
        client.set("first", "1")
        client.set("second", "2")
    file = append_only_file(folder)
    os.truncate(file, file.stat().st_size - 4)
    with EmbeddedStore(folder) as store, client_of(store) as client:
        assert client.keys() == [b"first"]


def test_a_damaged_store_does_not_start_and_says_how_to_repair_it(folder: Path) -> None:
    with EmbeddedStore(folder) as store, client_of(store) as client:
        client.set("name", "value")
    with append_only_file(folder).open("ab") as file:
        file.write(bytes(100))
    store = EmbeddedStore(folder)
    with pytest.raises(Problem) as refused:
        store.ensure()
    assert not store.is_ours
    assert refused.value.hint is not None
    assert "drop all changes from the damage on" in refused.value.hint
    repair = refused.value.hint[refused.value.hint.index("(exec") :].partition(")")[0] + ")"
    subprocess.run(["/bin/bash", "-c", repair], input=b"y", check=True, capture_output=True)
    with EmbeddedStore(folder) as store, client_of(store) as client:
        assert client.get("name") == b"value"


def test_a_store_that_does_not_start_is_not_started_again_at_once(folder: Path) -> None:
    with EmbeddedStore(folder) as store:
        pass
    append_only_file(folder).write_bytes(bytes(100))
    with pytest.raises(Problem):
        store.ensure()
    assert store.tend() is State.SILENT
    assert not store.is_ours


def test_a_running_store_is_joined_and_left_running(store: EmbeddedStore, folder: Path) -> None:
    with EmbeddedStore(folder) as joined:
        assert pid_of(joined) == pid_of(store)
        assert not joined.is_ours
    assert store.tend() is State.ANSWERS


def test_who_joined_takes_over_when_the_starter_goes(folder: Path) -> None:
    with EmbeddedStore(folder) as command, client_of(command) as client:
        client.set("name", "value")
        serve = EmbeddedStore(folder)
        serve.ensure()
    with serve, client_of(serve) as client:
        assert serve.is_ours
        assert client.get("name") == b"value"


def test_of_many_who_start_at_once_one_runs_the_store(folder: Path) -> None:
    launchers = [launcher(folder) for _ in range(4)]
    run_ids = set()
    for one in launchers:
        assert one.stdout is not None
        run_ids.add(one.stdout.readline())
    for one in launchers:
        one.communicate()
    assert len(run_ids) == 1
    assert run_ids != {b""}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_it_dies_with_a_killed_parent_and_leaves_the_way_free(folder: Path) -> None:
    with launcher(folder) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        store = EmbeddedStore(folder)
        pid = pid_of(store)
        parent.kill()
    assert wait_until(lambda: not is_alive(pid)) < 5
    with store:
        assert store.is_ours


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_while_a_store_lives_no_second_one_writes_its_files(folder: Path) -> None:
    """Its parent is gone and it does not answer: still it holds the lock, until it ends."""
    with launcher(folder) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        store = EmbeddedStore(folder)
        pid = pid_of(store)
        os.kill(pid, signal.SIGSTOP)
        parent.kill()
    try:
        assert store.tend() is State.SILENT
        assert not store.is_ours
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not is_alive(pid))
    with store:
        assert pid_of(store) != pid


def test_a_silent_store_is_not_waited_for_for_ever(
    store: EmbeddedStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "PATIENCE", 0.01)
    pid = pid_of(store)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Problem, match="does not answer") as refused:
            EmbeddedStore(folder).ensure()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert refused.value.hint is not None
    assert str(folder / "lock") in refused.value.hint


def test_ctrl_c_in_the_terminal_does_not_reach_it(store: EmbeddedStore) -> None:
    assert os.getpgid(pid_of(store)) != os.getpgid(0)


def test_only_an_embedded_url_names_a_store_of_ours(folder: Path) -> None:
    assert embedded_in("redis://127.0.0.1") is None
    ours = embedded_in(f"embedded:{folder}")
    assert ours is not None
    assert ours.socket_path == folder / "s"


@pytest.mark.parametrize("url", ["embedded:", "embedded://host/path", "embedded:a\0b"])
def test_a_url_that_names_no_directory_is_refused(url: str) -> None:
    with pytest.raises(Problem, match="must name a folder after embedded:"):
        embedded_in(url)
