"""How much memory could still be used: the machine's, and that of the control group this process is in.

Comes in: the kernel's files. Goes out: `pressure.Memory`. Files of both versions of control groups are read;
what is not there (another kernel, a hidden /proc) limits nothing.

A group's file cache counts as available: the kernel takes it back before it kills anybody.
Source: Linux, Documentation: filesystems/proc.rst, admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from assessor.pressure import MACHINE, Memory

#: The place of the tightest control group.
GROUP = "control group"


def read(proc: Path = Path("/proc")) -> tuple[Memory, ...]:
    """The machine's memory and, where a control group leaves this process less, that group's.

    Args:
        proc: where the kernel's files about processes are.
    """
    machine = _machine(proc)
    if machine is None:
        return ()
    groups = [group for group in _groups(proc) if group.total_bytes < machine.total_bytes]
    return (machine, *sorted(groups, key=lambda group: group.available_bytes)[:1])


def _machine(proc: Path) -> Memory | None:
    values = _table(proc / "meminfo")
    if "MemTotal:" not in values or "MemAvailable:" not in values:
        return None
    return Memory(
        place=MACHINE,
        available_bytes=values["MemAvailable:"] * 1024,
        total_bytes=values["MemTotal:"] * 1024,
    )


def _groups(proc: Path) -> Iterator[Memory]:
    """The group of this process and those that it is within, as far as they are to be seen."""
    for version, mount, own in _hierarchies(proc):
        folder = mount / own
        while True:
            group = _second(folder) if version == 2 else _first(folder)
            if group is not None:
                yield group
            if folder == mount:
                break
            folder = folder.parent


def _hierarchies(proc: Path) -> Iterator[tuple[int, Path, PurePosixPath]]:
    """Version, mount point and our path below it of each hierarchy that counts memory."""
    paths: dict[int, str] = {}
    for line in _lines(proc / "self/cgroup"):
        number, controllers, own = line.split(":", 2)
        if "memory" in controllers.split(","):
            paths[1] = own
        elif number == "0" and not controllers:
            paths[2] = own
    for line in _lines(proc / "self/mountinfo"):
        before, _, after = line.partition(" - ")
        root, mount = before.split(" ")[3:5]
        kind, _, options = after.split(" ", 2)
        version = 2 if kind == "cgroup2" else 1 if kind == "cgroup" and "memory" in options.split(",") else 0
        if version not in paths:
            continue
        path = PurePosixPath(paths[version])
        # A mount may show a part of the tree alone; from outside of it nothing of ours is to be seen.
        inside = path.relative_to(root) if path.is_relative_to(root) else PurePosixPath()
        if ".." not in inside.parts:
            yield version, Path(mount), inside


def _first(folder: Path) -> Memory | None:
    stat = _table(folder / "memory.stat")
    return _group(
        folder / "memory.limit_in_bytes",
        folder / "memory.usage_in_bytes",
        stat.get("total_inactive_file", 0) + stat.get("total_active_file", 0),
    )


def _second(folder: Path) -> Memory | None:
    stat = _table(folder / "memory.stat")
    return _group(
        folder / "memory.max",
        folder / "memory.current",
        stat.get("inactive_file", 0) + stat.get("active_file", 0),
    )


def _group(limit: Path, usage: Path, cache_bytes: int) -> Memory | None:
    limits, used = _lines(limit), _lines(usage)
    if not limits or not used or not limits[0].isdigit() or not used[0].isdigit():
        return None  # "max", or not there
    total = int(limits[0])
    # Less than it uses may have been allowed since; a cache may be counted twice while it moves.
    available = min(total, max(0, total - int(used[0]) + cache_bytes))
    return Memory(place=GROUP, available_bytes=available, total_bytes=total)


def _table(file: Path) -> dict[str, int]:
    fields = [line.split() for line in _lines(file)]
    return {one[0]: int(one[1]) for one in fields if len(one) > 1 and one[1].isdigit()}


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []  # not there: it limits nothing
