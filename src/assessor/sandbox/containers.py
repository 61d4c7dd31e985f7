"""What the two containers of a pair may do: everything that holds a submission, on one page.

Comes in: an order's limits and the images. Goes out: the engine's configuration of either container, as the
plain documents that its interface takes. Nothing is touched here but the filter files.

A pair either serves one attempt, as its containers, or makes a cell in each for one attempt after the other
(`harness.hangar`). Such a *hangar* may make namespaces and mounts, which needs no privilege; its cells may
not, and are bound by the same filter as a container of their own.

Both sides: no network, no capability, no new privilege, our filter of system calls, a read-only root, no
shared memory, no message queues, no core files, no log of their output, their own user id. The learner's side
dies first when memory is short. The two meet on one socket in a volume that holds nothing else, which the
learner's side can only read.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from assessor import digest
from assessor.errors import ImageFault
from assessor.limits import Limits
from assessor.sandbox import protocol

LEARNER_UID = 10001
GRADER_UID = 10002

#: Where both sides find the volume, and the socket in it.
LINK = "/run/link"
SOCKET = f"{LINK}/s"

#: The one place that a submission can write to: its files lie in a folder below.
SCRATCH = "/tmp"  # noqa: S108  a fresh file system inside the container, of this attempt alone

#: The grader's own limits; a task has no say in them. Its memory has room for what the learner's side may
#: send: a reply is bounded in bytes and in nodes.
GRADER_MEMORY_BYTES = 512 * 1024**2
GRADER_PIDS = 64
GRADER_DISK_BYTES = 64 * 1024**2
GRADER_FILES = 8192
_FILES_OPEN = 512

#: The runtime whose kernel is not the host's; what it does not hold as others do stands in docs/operating.md.
GVISOR = "runsc"
#: Threads of gVisor's kernel, and its helper for each process inside, count as processes of the container,
#: which ends where it gets no more. So its limit of processes is one of the whole, not of what runs inside.
_GVISOR_PIDS = 256

#: Docker's own list; the file system of POSIX message queues, which would be a second place to write to; and
#: the host's load, where anyone may set triggers.
#: Source: moby, oci/defaults.go; Linux, Documentation/accounting/psi.rst.
_MASKED = (
    "/dev/mqueue",
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/pressure",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys")


class Role(StrEnum):
    """A side of an attempt."""

    LEARNER = "learner"  #: every process of the submission, and nothing of the tests
    GRADER = "grader"  #: pytest and the tests, and nothing of the submission


UID = {Role.LEARNER: LEARNER_UID, Role.GRADER: GRADER_UID}
#: How soon each goes when memory is short; the learner's first.
_OOM_SCORE_ADJ = {Role.LEARNER: 1000, Role.GRADER: 500}
#: After any cell: what it uses is little, and it has to tell of the cell's end.
_HANGAR_OOM_SCORE_ADJ = 300
#: Between the two: a cell's first process, which is ours and starts what runs the submission.
_CELL_OOM_SCORE_ADJ = 600


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter of system calls.

    Attributes:
        profile: the document, as the engine takes it.
    """

    profile: Mapping[str, Any]

    @functools.cached_property
    def digest(self) -> str:
        """Of its canonical form, for evidence."""
        return digest.sha256(digest.canonical(self.profile))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Everything about a pair of containers but which image and which side.

    Attributes:
        labels: what the containers and the volume are found by.
        volume: name of the volume that holds the socket.
        limits: of the learner's side.
        hash_seed: PYTHONHASHSEED of both sides.
        runtime: the engine's runtime.
        preload: what each side imports while it waits.
        compiled: whether programs that were made in the work folder may be run, on the learner's side.
        rehearsed: whether a hangar is to take the time to be quicker in each of its cells.
    """

    labels: Mapping[str, str]
    volume: str
    limits: Limits
    hash_seed: int
    runtime: str
    preload: Mapping[Role, Sequence[str]] = field(default_factory=dict)
    rehearsed: bool = True
    compiled: bool = False


def read_filter(folder: Path, *, service: bool, runtime: str = "runc") -> Filter:
    """The filter of system calls that lies in the folder of sandboxes.

    Args:
        folder: holds `seccomp.json`, and `seccomp-service.json` with the rules that a service adds.
        service: whether the work starts a server that listens on loopback.
        runtime: the engine's runtime.

    Raises:
        ImageFault: a file is missing or holds no profile.
    """
    profile = _read(folder / "seccomp.json")
    if service:
        profile["syscalls"] += _read(folder / "seccomp-service.json")["syscalls"]
    if profile.get("defaultAction") != "SCMP_ACT_ERRNO":
        raise ImageFault(
            f"{folder}/seccomp.json: expected the default action SCMP_ACT_ERRNO, "
            f"got {profile.get('defaultAction')!r}: what is not named must be refused"
        )
    if runtime == GVISOR:
        # It answers EPERM whatever error a rule names, and no thread could start: the C library takes ENOSYS
        # alone as a reason to ask in the older way. That is what gVisor's kernel itself says to this call.
        rest = [rule for rule in profile["syscalls"] if rule["names"] != ["clone3"]]
        profile["syscalls"] = [*rest, {"names": ["clone3"], "action": "SCMP_ACT_ALLOW", "args": []}]
    return Filter(profile=profile)


def hangar_filter(folder: Path, calls: Filter) -> Filter:
    """A hangar's own filter: what its cells may call, and what making them takes.

    Args:
        folder: holds `seccomp-hangar.json`.
        calls: the filter of its cells.

    Raises:
        ImageFault: the file is missing or holds no rules.
    """
    more = _read(folder / "seccomp-hangar.json")["syscalls"]
    profile = {**calls.profile, "syscalls": [*calls.profile["syscalls"], *more]}
    return Filter(profile=profile)


def _read(path: Path) -> dict[str, Any]:
    try:
        profile = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ImageFault(f"{path}: expected a filter of system calls, got: {error}") from error
    if not isinstance(profile, dict) or not isinstance(profile.get("syscalls"), list):
        raise ImageFault(f'{path}: expected a filter of system calls, got no list "syscalls"')
    return profile


def config(role: Role, place: Place, *, image: str, calls: Filter) -> dict[str, Any]:
    """The engine's configuration of one side that is an attempt's own container.

    Args:
        role: which side.
        place: what both sides share.
        image: the engine's id of the image.
        calls: the filter of system calls.

    Source: Docker Engine API 1.41, ContainerCreate.
    """
    learner = role is Role.LEARNER
    limits = place.limits
    uid = UID[role]
    memory = limits.memory_bytes if learner else GRADER_MEMORY_BYTES
    disk, inodes = _disk(role, limits)
    environment = {
        "ASSESSOR_WORK": SCRATCH,
        "ASSESSOR_PRELOAD": json.dumps(list(place.preload.get(role, ()))),
        "PYTHONHASHSEED": str(place.hash_seed),
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
    }
    host: dict[str, Any] = {
        "Runtime": place.runtime,
        "NetworkMode": "none",
        # Else the engine copies the host's own: nobody is asked here, but whom it asks is told.
        "Dns": ["127.0.0.1"],
        "DnsSearch": ["."],
        "IpcMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={json.dumps(calls.profile)}"],
        "MaskedPaths": list(_MASKED),
        "ReadonlyPaths": list(_READ_ONLY),
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": (limits.pids if learner else GRADER_PIDS)
        + (_GVISOR_PIDS if place.runtime == GVISOR else 0),
        "NanoCpus": (limits.cpu_percent if learner else 100) * 10**7,
        "OomScoreAdj": _OOM_SCORE_ADJ[role],
        "Ulimits": [
            _ulimit("core", 0),
            _ulimit("fsize", disk),
            _ulimit("nofile", _FILES_OPEN),
            _ulimit("memlock", 64 * 1024),
            _ulimit("msgqueue", 0),
        ],
        "Tmpfs": {
            SCRATCH: f"rw,{'exec' if learner and place.compiled else 'noexec'},nosuid,nodev,"
            f"size={disk},nr_inodes={inodes},uid={uid},gid={uid},mode=0700"
        },
        "Mounts": [_link(place, read_only=learner)],
        # Output goes to whoever is attached and is written nowhere.
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
    }
    return {
        "Image": image,
        "Cmd": ["python3", "-m", "harness.alone", str(role)],
        "User": f"{uid}:{uid}",
        "WorkingDir": SCRATCH,
        # Nothing to connect either, not even to nothing: for that alone the engine starts itself twice over.
        "NetworkDisabled": True,
        "Hostname": "sandbox",
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": {**place.labels, protocol.LABEL_ROLE: str(role)},
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "HostConfig": host,
    }


def hangar(role: Role, place: Place, *, image: str, calls: Filter) -> dict[str, Any]:
    """The engine's configuration of one side that makes cells.

    The limits are those of the attempt in its cell: there is one at a time, and the hangar's own process
    takes no part in any but one more process. It can be seen by no cell.

    Args:
        role: which side.
        place: what both sides share.
        image: the engine's id of the image.
        calls: the hangar's own filter of system calls, from `hangar_filter`.
    """
    made = config(role, place, image=image, calls=calls)
    made["Cmd"] = ["python3", "-m", "harness.hangar", str(role)]
    host = made["HostConfig"]
    host["PidsLimit"] += 1
    host["OomScoreAdj"] = _HANGAR_OOM_SCORE_ADJ
    # The kernel gives a private /proc to those alone who see all of theirs; a cell's own is masked again.
    host["MaskedPaths"], host["ReadonlyPaths"] = [], []
    # AppArmor's usual profile refuses mounts. Where the host has none of it this says nothing.
    host["SecurityOpt"].append("apparmor=unconfined")
    # For the import of pytest alone; no cell sees it.
    uid = UID[role]
    host["Tmpfs"] = {SCRATCH: f"rw,noexec,nosuid,nodev,size=256k,nr_inodes=32,uid={uid},gid={uid},mode=0700"}
    return made


def mould(role: Role, place: Place, *, calls: Filter, service: bool) -> dict[str, Any]:
    """What a hangar is told of the cells that it is to make.

    Args:
        role: which side.
        place: what both sides share.
        calls: the filter of system calls of a cell.
        service: whether the work starts a server that listens on loopback.
    """
    disk, inodes = _disk(role, place.limits)
    return {
        "op": "mould",
        "disk_bytes": disk,
        "files": inodes,
        "oom_score_adj": _CELL_OOM_SCORE_ADJ,
        "loopback": service and role is Role.LEARNER,
        "masked": list(_MASKED),
        "compiled": place.compiled and role is Role.LEARNER,
        "rehearse": place.rehearsed,
        "preload": list(place.preload.get(role, ())),
        "filter": calls.profile,
    }


def _disk(role: Role, limits: Limits) -> tuple[int, int]:
    """Bytes and inodes of a side's work folder."""
    return (limits.disk_bytes, limits.files) if role is Role.LEARNER else (GRADER_DISK_BYTES, GRADER_FILES)


def _ulimit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}


def _link(place: Place, *, read_only: bool) -> dict[str, Any]:
    """The volume of the socket: in memory, a few inodes, owned by the grader."""
    options = f"size=64k,nr_inodes=8,uid={GRADER_UID},gid={GRADER_UID},mode=0755,noexec,nosuid,nodev"
    return {
        "Type": "volume",
        "Source": place.volume,
        "Target": LINK,
        "ReadOnly": read_only,
        "VolumeOptions": {
            "NoCopy": True,
            "Labels": dict(place.labels),
            "DriverConfig": {
                "Name": "local",
                "Options": {"type": "tmpfs", "device": "tmpfs", "o": options},
            },
        },
    }
