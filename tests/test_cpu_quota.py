"""How many CPUs a process may use, read from trees as Linux, Docker and Kubernetes have them."""

from pathlib import Path

import pytest

from token_server.cpu_quota import cpu_quota
from token_server.system import cores

V2 = "31 24 0:27 {top} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 32 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"


def machine(root: Path, mount: str, group: str, files: dict[str, str]) -> Path:
    proc = root / "proc/self"
    proc.mkdir(parents=True)
    (proc / "mountinfo").write_text(f"24 1 0:23 / / rw - ext4 /dev/sda1 rw\n{mount}\n")
    (proc / "cgroup").write_text(f"{group}\n")
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def v2(root: Path, group: str, files: dict[str, str], *, top: str = "/") -> Path:
    return machine(root, V2.format(top=top), f"0::{group}", files)


def v1(root: Path, group: str, quotas: dict[str, int], *, top: str = "/") -> Path:
    files = {}
    for name, quota in quotas.items():
        files[f"cpu,cpuacct/{name}/cpu.cfs_quota_us"] = f"{quota}\n"
        files[f"cpu,cpuacct/{name}/cpu.cfs_period_us"] = "100000\n"
    return machine(root, V1.format(top=top), f"4:memory:/\n3:cpu,cpuacct:{group}", files)


def test_the_quota_of_a_container_is_read(tmp_path: Path) -> None:
    assert cpu_quota(v2(tmp_path, "/", {"cpu.max": "250000 100000\n"})) == 2.5


def test_the_least_quota_of_all_groups_above_counts(tmp_path: Path) -> None:
    files = {
        "a/cpu.max": "150000 100000\n",
        "a/b/cpu.max": "max 100000\n",
        "a/b/c/cpu.max": "400000 100000\n",
        "d/cpu.max": "1000 100000\n",
    }
    assert cpu_quota(v2(tmp_path, "/a/b/c", files)) == 1.5


def test_no_quota_is_no_limit(tmp_path: Path) -> None:
    assert cpu_quota(v2(tmp_path, "/a", {"a/cpu.max": "max 100000\n"})) is None
    assert cpu_quota(tmp_path / "nothing") is None


def test_the_quota_of_version_1_is_read(tmp_path: Path) -> None:
    assert cpu_quota(v1(tmp_path, "/a/b", {"a": 300_000, "a/b": -1})) == 3


@pytest.mark.parametrize("top", ["/docker/abc", "/other"])
def test_a_mount_that_begins_at_the_groups_own_folder_is_read(tmp_path: Path, top: str) -> None:
    assert cpu_quota(v1(tmp_path, "/docker/abc", {"": 200_000}, top=top)) == 2


def test_a_group_outside_of_the_namespace_counts_as_the_mount(tmp_path: Path) -> None:
    assert cpu_quota(v2(tmp_path, "/../../x", {"cpu.max": "100000 100000\n"})) == 1


@pytest.mark.parametrize(
    "text", ["", "max\n", "0 0\n", "x y\n", "1 2 3\n", "-1 100000\n", "100000 0\n"]
)
def test_a_file_of_another_form_is_no_limit(tmp_path: Path, text: str) -> None:
    assert cpu_quota(v2(tmp_path, "/", {"cpu.max": text})) is None


@pytest.mark.parametrize(
    ("quota", "usable"), [("max", 3), ("250000", 2), ("50000", 1), ("100000", 1), ("900000", 3)]
)
def test_cores_are_whole_and_no_more_than_affinity_and_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, usable: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert cores(v2(tmp_path, "/", {"cpu.max": f"{quota} 100000\n"})) == usable
