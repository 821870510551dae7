"""The CPU quota of the control groups in which this process runs (cgroup v1 and v2)."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple


class _Mount(NamedTuple):
    """A hierarchy of control groups, and which of them this process is in."""

    folder: Path
    group: PurePosixPath
    is_v2: bool


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return how many CPUs this process may use; None: there is no limit.

    The limit of each group above its own holds, too. `root` is where `/proc` and `/sys` are.
    """
    try:
        mounts = list(_mounts(root))
    except (OSError, ValueError):
        return None  # Not Linux, or a /proc of another form.
    return min((limit for mount in mounts for limit in _limits(mount)), default=None)


def _mounts(root: Path) -> Iterator[_Mount]:
    groups = {}
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        top, folder = (_unescaped(each) for each in mount.split(" ")[3:5])
        type_, _, options = kind.split(" ")[:3]
        is_v2 = type_ == "cgroup2"
        controller = "" if is_v2 else "cpu"
        if (is_v2 or (type_ == "cgroup" and "cpu" in options.split(","))) and controller in groups:
            group = _below(top, groups[controller])
            yield _Mount(root / folder.lstrip("/"), group, is_v2)


def _below(top: str, group: str) -> PurePosixPath:
    """The group's path below the mount. A container may see the mount only from its own group."""
    path = PurePosixPath(group)
    if ".." not in path.parts and path.is_relative_to(top):
        return path.relative_to(top)
    return PurePosixPath()


def _limits(mount: _Mount) -> Iterator[float]:
    for group in (mount.group, *mount.group.parents):
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = _read(mount.folder / group, is_v2=mount.is_v2)
            if quota > 0:
                yield quota / period


def _read(folder: Path, *, is_v2: bool) -> tuple[int, int]:
    """Raises: ValueError, also for `max`."""
    if is_v2:
        quota, period = (folder / "cpu.max").read_text().split()
    else:
        quota = (folder / "cpu.cfs_quota_us").read_text()
        period = (folder / "cpu.cfs_period_us").read_text()
    return int(quota), int(period)


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
