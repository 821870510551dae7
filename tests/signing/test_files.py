"""Which files of keys are read: those that nobody else can."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from token_server.problems import Problem
from token_server.signing import files

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def of_root() -> Iterator[Path]:
    """A file of root, read by somebody else who is of its group."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    path = folder / "key.pem"
    path.write_text("secret")
    os.chown(path, 0, os.getegid())
    yield path
    shutil.rmtree(folder)


def read_by_somebody_else(path: Path) -> bytes:
    os.seteuid(NOBODY)
    try:
        return files.read(path, refused_mode=0o077)
    finally:
        os.seteuid(0)


def test_what_root_owns_may_be_read_by_the_group_that_it_gives_us_through(of_root: Path) -> None:
    """As Kubernetes mounts a secret for a pod with an fsGroup."""
    of_root.chmod(0o440)
    assert read_by_somebody_else(of_root) == b"secret"


@pytest.mark.parametrize("mode", [0o460, 0o444, 0o450])
def test_and_nothing_more(of_root: Path, mode: int) -> None:
    of_root.chmod(mode)
    with pytest.raises(Problem, match="is open to others"):
        read_by_somebody_else(of_root)


def test_what_is_our_own_may_not(of_root: Path) -> None:
    of_root.chmod(0o440)
    with pytest.raises(Problem, match="is open to others"):
        files.read(of_root, refused_mode=0o077)
