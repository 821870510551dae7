"""Libraries that are no dependency, installed once for each user from their registries."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parents[1] / "e2e" / "clients"
TIMEOUT = 60
"""Seconds for one installation: a registry that does not answer must not hold up the tests."""


class OutsidePrograms:
    """The installed folder of a set of packages, or the reason why there is none.

    What failed is noted for this test run, so that each set of packages is tried once.
    """

    def __init__(self, of_this_run: Path) -> None:
        self._of_this_run = of_this_run
        self._cache = _cache_folder(of_this_run)

    def from_npm(self, *packages: str) -> Path | str:
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            return "no Node.js on this machine"
        options = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0"]
        return self._installed("npm", packages, [npm, "install", *options, *packages])

    def from_pypi(self, *packages: str) -> Path | str:
        """Installed beside this project's own environment, never into it."""
        # Compiling all of it would take longer than the tests do.
        options = ["--quiet", "--no-compile", "--only-binary=:all:", "--retries=0", "--target=."]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        return self._installed("pip", packages, [*pip, *options, *packages])

    def _installed(self, tool: str, packages: Sequence[str], command: list[str]) -> Path | str:
        about = "\n".join([*packages, sys.version])
        name = f"{tool}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"
        folder, failed = self._cache / name, self._of_this_run / f"{name}.failed"
        with _locked(self._cache / f"{name}.lock"):
            if not folder.exists() and not failed.exists() and not _install(folder, command):
                failed.touch()
        return f"{tool} cannot install from its registry" if failed.exists() else folder


def run_by_node(program: str, packages: Path, **asked: object) -> dict[str, Any]:
    """What it prints. The packages are found from where a program lies, so it is put there."""
    node = shutil.which("node")
    assert node is not None
    there = str(shutil.copy(PROGRAMS / program, packages / program))
    return _run([node, there], packages, {}, asked)


def run_by_python(program: str, packages: Path, **asked: object) -> dict[str, Any]:
    """What it prints; its packages hide those of this project."""
    here = {"PYTHONPATH": str(packages)}
    return _run([sys.executable, str(PROGRAMS / program)], packages, here, asked)


def _run(
    command: list[str], folder: Path, environment: dict[str, str], asked: dict[str, object]
) -> dict[str, Any]:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment | {"ASKED": json.dumps(asked), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _install(folder: Path, command: list[str]) -> bool:
    """Install into a folder that has its name only when it is complete."""
    being_made = folder.with_suffix(".new")
    shutil.rmtree(being_made, ignore_errors=True)
    being_made.mkdir()
    (being_made / "package.json").write_text('{"type": "module"}')
    # The tests know one authority, their own.
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    try:
        subprocess.run(
            command,
            cwd=being_made,
            env=environment,
            check=True,
            capture_output=True,
            timeout=TIMEOUT,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        shutil.rmtree(being_made, ignore_errors=True)
        return False
    being_made.rename(folder)
    return True


def _cache_folder(of_this_run: Path) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "token-server-tests"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return of_this_run
    return folder if os.access(folder, os.W_OK) else of_this_run


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
