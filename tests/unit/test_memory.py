"""The memory that is left, read from the kernel's files of both versions of control groups."""

from __future__ import annotations

from pathlib import Path

from assessor import memory
from assessor.pressure import MACHINE, Memory

MIB = 1024**2


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def machine(root: Path, *, cgroup: str, mounts: str) -> Path:
    """A /proc of a machine with 8 GiB, 4 of them available."""
    proc = root / "proc"
    write(
        proc,
        {
            "meminfo": "MemTotal:        8388608 kB\nMemFree:  1 kB\nMemAvailable:    4194304 kB\n",
            "self/cgroup": cgroup,
            "self/mountinfo": mounts,
        },
    )
    return proc


def group(available_mib: int, total_mib: int) -> Memory:
    return Memory(place=memory.GROUP, available_bytes=available_mib * MIB, total_bytes=total_mib * MIB)


WHOLE = Memory(place=MACHINE, available_bytes=4096 * MIB, total_bytes=8192 * MIB)


def second(root: Path, *, own: str = "/system.slice/worker", mounted: str = "/") -> Path:
    mounts = (
        "20 1 0:5 / /proc rw - proc proc rw\n"
        f"30 20 0:26 {mounted} {root}/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    )
    return machine(root, cgroup=f"0::{own}\n", mounts=mounts)


def test_machine_alone_where_no_group_limits(tmp_path: Path) -> None:
    proc = second(tmp_path)
    write(tmp_path / "cgroup/system.slice/worker", {"memory.max": "max\n", "memory.current": "1\n"})
    assert memory.read(proc) == (WHOLE,)


def test_group_of_version_2_counts_its_cache_as_available(tmp_path: Path) -> None:
    proc = second(tmp_path)
    write(
        tmp_path / "cgroup/system.slice/worker",
        {
            "memory.max": f"{512 * MIB}\n",
            "memory.current": f"{400 * MIB}\n",
            "memory.stat": f"anon 1\ninactive_file {60 * MIB}\nactive_file {40 * MIB}\n",
        },
    )
    assert memory.read(proc) == (WHOLE, group(212, 512))


def test_tightest_group_above_this_one_is_told(tmp_path: Path) -> None:
    proc = second(tmp_path)
    for name, limit_mib in (("system.slice/worker", 1024), ("system.slice", 256)):
        write(
            tmp_path / "cgroup" / name,
            {"memory.max": f"{limit_mib * MIB}\n", "memory.current": f"{100 * MIB}\n"},
        )
    assert memory.read(proc) == (WHOLE, group(156, 256))


def test_part_of_the_tree_that_a_container_sees_is_read_from_its_mount(tmp_path: Path) -> None:
    proc = second(tmp_path, own="/docker/abc", mounted="/docker/abc")
    write(tmp_path / "cgroup", {"memory.max": f"{512 * MIB}\n", "memory.current": f"{12 * MIB}\n"})
    assert memory.read(proc) == (WHOLE, group(500, 512))


def test_group_of_version_1_is_found_among_other_controllers(tmp_path: Path) -> None:
    mounts = (
        f"31 20 0:27 / {tmp_path}/cpu rw - cgroup cgroup rw,cpu\n"
        f"32 20 0:28 / {tmp_path}/memory rw - cgroup cgroup rw,memory\n"
        f"33 20 0:29 / {tmp_path}/unified rw - cgroup2 cgroup2 rw\n"
    )
    proc = machine(tmp_path, cgroup="5:cpu:/elsewhere\n4:memory:/a/b\n0::/\n", mounts=mounts)
    write(tmp_path / "cpu/elsewhere", {"memory.limit_in_bytes": "1\n", "memory.usage_in_bytes": "1\n"})
    write(
        tmp_path / "memory/a/b",
        {
            "memory.limit_in_bytes": f"{300 * MIB}\n",
            "memory.usage_in_bytes": f"{200 * MIB}\n",
            "memory.stat": f"cache 1\ntotal_inactive_file {20 * MIB}\ntotal_active_file {30 * MIB}\n",
        },
    )
    assert memory.read(proc) == (WHOLE, group(150, 300))


def test_group_that_allows_more_than_there_is_limits_nothing(tmp_path: Path) -> None:
    proc = second(tmp_path)
    write(
        tmp_path / "cgroup/system.slice/worker",
        {"memory.max": f"{2**63 - 4096}\n", "memory.current": "1\n"},
    )
    assert memory.read(proc) == (WHOLE,)


def test_group_that_uses_more_than_it_may_has_nothing_left(tmp_path: Path) -> None:
    proc = second(tmp_path)
    write(
        tmp_path / "cgroup/system.slice/worker",
        {"memory.max": f"{100 * MIB}\n", "memory.current": f"{200 * MIB}\n"},
    )
    assert memory.read(proc) == (WHOLE, group(0, 100))


def test_system_without_these_files_is_limited_by_nothing(tmp_path: Path) -> None:
    assert memory.read(tmp_path) == ()


def test_this_machine_is_read() -> None:
    found = memory.read()
    assert found[0].place == MACHINE
    assert 0 < found[0].available_bytes <= found[0].total_bytes
