"""Secrets as Kubernetes and systemd mount them: whose they may be, and who may read them."""

import os
from pathlib import Path

import pytest
from support.keepers import PASSPHRASE, passphrase_in

from token_server.problems import Problem
from token_server.signing.pem import read_passphrase

SOMEBODY, SOME_GROUP = 65533, 65533
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return passphrase_in(tmp_path / "passphrase")


def refused(path: Path) -> bool:
    try:
        return read_passphrase(path) != PASSPHRASE.encode()
    except Problem as problem:
        return problem.text.startswith(f"{path} is open to others (mode ")


@only_root
@pytest.mark.parametrize("mode", [0o440, 0o640])
def test_a_group_of_this_process_may_read_what_is_roots(path: Path, mode: int) -> None:
    """`fsGroup` of a pod, an access list of systemd."""
    os.chown(path, 0, os.getegid())
    path.chmod(mode)
    assert not refused(path)


@only_root
@pytest.mark.parametrize("mode", [0o444, 0o644, 0o460, 0o450])
def test_nobody_else_may_read_it_and_the_group_may_do_nothing_else(path: Path, mode: int) -> None:
    os.chown(path, 0, os.getegid())
    path.chmod(mode)
    assert refused(path)


@only_root
def test_a_group_that_this_process_is_not_in_may_not_read_it(path: Path) -> None:
    os.chown(path, 0, SOME_GROUP)
    path.chmod(0o440)
    assert refused(path)


def test_what_is_not_roots_is_for_its_owner_alone(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, SOMEBODY, -1)
    path.chmod(0o440)
    assert refused(path)
    path.chmod(0o400)
    assert not refused(path)


def test_a_link_that_is_swapped_leads_to_the_new_passphrase(tmp_path: Path) -> None:
    """As Kubernetes changes a secret: the file is a link through `..data`."""
    for version, passphrase in (("v1", "the first"), ("v2", "the second")):
        (tmp_path / version).mkdir()
        passphrase_in(tmp_path / version / "passphrase", passphrase)
    (tmp_path / "..data").symlink_to("v1")
    path = tmp_path / "passphrase"
    path.symlink_to("..data/passphrase")
    assert read_passphrase(path) == b"the first"
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert read_passphrase(path) == b"the second"
    (tmp_path / "v2" / "passphrase").chmod(0o604)
    assert refused(path)
