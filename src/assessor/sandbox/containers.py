"""What the two containers of an attempt may do: everything that holds a submission, on one page.

Comes in: an order's limits and the images. Goes out: the engine's configuration of either container, as the
plain documents that its interface takes. Nothing is touched here but the filter files.

Both sides: no network, no capability, no new privilege, our filter of system calls, a read-only root, no
shared memory, no message queues, no core files, no log of their output, their own user id. The learner's side
dies first when memory is short. The two meet on one socket in a volume that holds nothing else, which the
learner's side can only read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
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

#: Docker's own list, and the file system of POSIX message queues, which would be a second place to write to.
#: Source: moby, oci/defaults.go.
_MASKED = (
    "/dev/mqueue",
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
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


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter of system calls.

    Attributes:
        text: the profile as the engine takes it.
        digest: of its canonical form, for evidence.
    """

    text: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Everything about a pair of containers but which image and which side.

    Attributes:
        labels: what the containers and the volume are found by.
        volume: name of the volume that holds the socket.
        limits: of the learner's side.
        hash_seed: PYTHONHASHSEED of both sides.
        runtime: the engine's runtime.
        cpu: the one processor that both sides run on, or None for any.
    """

    labels: Mapping[str, str]
    volume: str
    limits: Limits
    hash_seed: int
    runtime: str
    cpu: int | None = None


def read_filter(folder: Path, *, service: bool) -> Filter:
    """The filter of system calls that lies in the folder of sandboxes.

    Args:
        folder: holds `seccomp.json`, and `seccomp-service.json` with the rules that a service adds.
        service: whether the work starts a server that listens on loopback.

    Raises:
        ImageFault: a file is missing or holds no profile.
    """
    try:
        profile = json.loads((folder / "seccomp.json").read_text())
        if service:
            profile["syscalls"] += json.loads((folder / "seccomp-service.json").read_text())["syscalls"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageFault(
            f"{folder}: expected seccomp.json and seccomp-service.json, got: {error!r}"
        ) from error
    if profile.get("defaultAction") != "SCMP_ACT_ERRNO":
        raise ImageFault(
            f"{folder}/seccomp.json: expected the default action SCMP_ACT_ERRNO, "
            f"got {profile.get('defaultAction')!r}: what is not named must be refused"
        )
    return Filter(text=json.dumps(profile), digest=digest.sha256(digest.canonical(profile)))


def config(role: Role, place: Place, *, image: str, calls: Filter) -> dict[str, Any]:
    """The engine's configuration of one side.

    Args:
        role: which side.
        place: what both sides share.
        image: the engine's id of the image.
        calls: the filter of system calls.

    Source: Docker Engine API 1.41, ContainerCreate.
    """
    learner = role is Role.LEARNER
    uid = LEARNER_UID if learner else GRADER_UID
    limits = place.limits
    memory = limits.memory_bytes if learner else GRADER_MEMORY_BYTES
    disk = limits.disk_bytes if learner else GRADER_DISK_BYTES
    inodes = limits.files if learner else GRADER_FILES
    environment = {
        "ASSESSOR_WORK": SCRATCH,
        "PYTHONHASHSEED": str(place.hash_seed),
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
    }
    host: dict[str, Any] = {
        "Runtime": place.runtime,
        "NetworkMode": "none",
        "IpcMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={calls.text}"],
        "MaskedPaths": list(_MASKED),
        "ReadonlyPaths": list(_READ_ONLY),
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": limits.pids if learner else GRADER_PIDS,
        "NanoCpus": (limits.cpu_percent if learner else 100) * 10**7,
        "OomScoreAdj": 1000 if learner else 500,
        "Ulimits": [
            _ulimit("core", 0),
            _ulimit("fsize", disk),
            _ulimit("nofile", _FILES_OPEN),
            _ulimit("memlock", 64 * 1024),
            _ulimit("msgqueue", 0),
        ],
        "Tmpfs": {
            SCRATCH: f"rw,noexec,nosuid,nodev,size={disk},nr_inodes={inodes},uid={uid},gid={uid},mode=0700"
        },
        "Mounts": [_link(place, read_only=learner)],
        # Output goes to whoever is attached and is written nowhere.
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
    }
    if place.cpu is not None:
        host["CpusetCpus"] = str(place.cpu)
    return {
        "Image": image,
        "User": f"{uid}:{uid}",
        "WorkingDir": SCRATCH,
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
