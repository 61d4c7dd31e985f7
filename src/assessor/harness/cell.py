"""A cell: a fresh sealed place for one attempt, made of namespaces by a process that has no privilege.

Comes in: what a cell may use, as a `Mould`. Goes out: a process that is the first of its own world and has
nothing of the one that made it but its memory. What that process then does is left to the caller; when and
how often cells are made, to `hangar`.

A cell has, each of its own: users (one: its own id), processes, mounts, network (nothing, or loopback for a
service), System V memory and queues, host name, control group view. Steps of making it:

1. fork, and leave all of the hangar's namespaces;
2. fork once more: the first process of the cell;
3. be the one that goes first when memory is short;
4. lay out a small root, all of it read-only but the work folder, and make it the only one there is;
5. drop every capability for good and load the filter of system calls.

    /            in memory, a few inodes, read-only
      usr etc opt bin lib...   the image's, read-only
      dev        null, zero, full, random, urandom
      proc       of this cell's processes, read-only; what tells of the host is masked
      sys        the two counters of the control group
      run/link   the socket that both sides meet on
      tmp        the work folder: the one place to write to

Source: user_namespaces(7), pid_namespaces(7), mount_namespaces(7), pivot_root(2), capabilities(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fcntl import ioctl
from typing import Any

from . import seccomp

#: Where a new root is laid out, in the making process's own mounts.
_STAGE = "/mnt"
_LINK = "/run/link"
WORK = "/tmp"  # noqa: S108  a fresh file system of this cell alone

_NEW = {
    "user": 0x10000000,
    "pid": 0x20000000,
    "mount": 0x00020000,
    "net": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
}
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_QUIET = _NOSUID | _NODEV
_DETACH = 2

_DEVICES = ("null", "zero", "full", "random", "urandom")
_STREAMS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1"} | {
    "stderr": "/proc/self/fd/2"
}
#: The image's folders, those that there are; links among them are made anew.
_IMAGE = ("usr", "etc", "opt", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_COUNTERS = (
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/pids.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
    "/sys/fs/cgroup/pids/pids.events",
)

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

_LIBC = ctypes.CDLL(None, use_errno=True)


class CellError(Exception):
    """A cell could not be made; the text says what failed.

    Attributes:
        refused: whether this host, or its engine, does not allow it: then no later one will be made either.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


#: What a kernel answers where a namespace or a mount is not allowed, or allowed to none of this kind.
_REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, errno.ENOSPC, errno.EUSERS})


@dataclass(frozen=True, kw_only=True)
class Mould:
    """What every cell of a hangar is like.

    Attributes:
        disk_bytes: size of the work folder.
        files: inodes in it.
        oom_score_adj: how soon its first process goes when memory is short, at most 1000.
        loopback: whether its loopback interface is up.
        masked: files and folders of the image and of /proc that are there and empty.
        compiled: whether what is made in the work folder may be run as a program.
        program: the filter of system calls.
    """

    disk_bytes: int
    files: int
    oom_score_adj: int
    loopback: bool
    masked: Sequence[str]
    compiled: bool
    program: bytes


def make(mould: Mould, *, kept: Sequence[int]) -> tuple[int, int]:
    """Fork a cell; it is over when its first process is.

    Args:
        mould: what it is like.
        kept: descriptors that the cell keeps, above 2.

    Returns:
        in the hangar, the process id of the cell's first process and -1: a child of this one, which must be
        the first process of its own namespace, so that it inherits orphans. In the cell, where that process
        goes on from here, sealed: 0, and a folder for `score`.

    Raises:
        CellError: it could not be made.
    """
    named, name = os.pipe()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        return 0, _leave(mould, name, tell, kept)
    os.close(name)
    os.close(tell)
    os.waitpid(child, 0)
    pid = _all(named)
    said = _all(told).decode(errors="replace")
    if pid and not said:
        return int(pid), -1
    if pid:
        os.waitpid(int(pid), 0)
    number, _, text = said.partition(" ")
    raise CellError(
        text or "expected a process for the cell, it was killed",
        refused=number.isdigit() and int(number) in _REFUSALS,
    )


def _leave(mould: Mould, name: int, tell: int, kept: Sequence[int]) -> int:
    # In the child: what the hangar was at is over, and an error of the making ends the process.
    try:
        user, group = os.getuid(), os.getgid()
        # The kernel gives the maps of a process that cannot be looked into to root alone.
        _prctl(_PR_SET_DUMPABLE, 1)
        # 1.
        _call("leave the namespaces", _LIBC.unshare, sum(_NEW.values()))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
        pid = os.fork()  # 2.
        if pid:
            os.write(name, str(pid).encode())
            os._exit(0)
        os.close(name)
        os.setsid()
        _close(tell, *kept)
        _write("/proc/self/oom_score_adj", str(mould.oom_score_adj))  # 3.
        scores = _lay_out(mould, user, group)  # 4.
        if mould.loopback:
            _raise_loopback()
        _seal(mould)  # 5.
        # Silence says that it is sealed.
        os.close(tell)
    except BaseException as error:
        number = (error.errno or 0) if isinstance(error, OSError) else 0
        os.write(tell, f"{number} {type(error).__name__}: {error}".encode())
        os._exit(70)
    return scores


def _all(descriptor: int) -> bytes:
    said = b""
    while data := os.read(descriptor, 4096):
        said += data
    os.close(descriptor)
    return said


def _lay_out(mould: Mould, user: int, group: int) -> int:
    """Give the cell its root; the descriptor of its /proc as it can be written."""
    new = _STAGE
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("cell", new, "tmpfs", _QUIET, "size=64k,nr_inodes=64,mode=755")
    for name in _IMAGE:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{new}/{name}")
        elif os.path.isdir(f"/{name}"):
            os.mkdir(f"{new}/{name}")
            _mount(f"/{name}", f"{new}/{name}", None, _BIND | _REC)
    os.mkdir(f"{new}/dev")
    for name in _DEVICES:
        _bind_file(f"/dev/{name}", f"{new}/dev/{name}")
    for name, target in _STREAMS.items():
        os.symlink(target, f"{new}/dev/{name}")
    for path in _COUNTERS:
        if os.path.exists(path):
            os.makedirs(os.path.dirname(new + path), exist_ok=True)
            _bind_file(path, new + path)
    os.makedirs(new + _LINK)
    _mount(_LINK, new + _LINK, None, _BIND)
    os.mkdir(new + WORK)
    work = f"size={mould.disk_bytes},nr_inodes={mould.files},uid={user},gid={group},mode=700"
    _mount("work", new + WORK, "tmpfs", _QUIET | (0 if mould.compiled else _NOEXEC), work)
    os.mkdir(f"{new}/proc")
    _mount("proc", f"{new}/proc", "proc", _QUIET | _NOEXEC)
    # No namespace can be made in here, whatever the filter says.
    _write(f"{new}/proc/sys/user/max_user_namespaces", "0")
    for path in mould.masked:
        if os.path.isdir(new + path):
            _mount("none", new + path, "tmpfs", _QUIET | _NOEXEC | _RDONLY, "size=4k,nr_inodes=2")
        elif os.path.exists(new + path):
            _mount("/dev/null", new + path, None, _BIND)
    # Over the one that can be written, which is kept for our own alone, one that cannot: a process may else
    # lower how soon it goes when memory is short.
    scores = os.open(f"{new}/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    _mount(f"{new}/proc", f"{new}/proc", None, _BIND | _REC)
    _mount(None, f"{new}/proc", None, _BIND | _REMOUNT | _RDONLY | _QUIET | _NOEXEC)
    _mount(None, new, None, _BIND | _REMOUNT | _RDONLY | _QUIET)
    os.chdir(new)
    # The new root over the old one, which is then let go of: no path leads back to it.
    _call("change the root", _LIBC.pivot_root, b".", b".")
    _call("let go of the old root", _LIBC.umount2, b".", _DETACH)
    os.chdir(WORK)
    return scores


def score(scores: int, value: int) -> None:
    """Say how soon this process, and what comes from it, goes when memory is short.

    Args:
        scores: the folder that `make` gave to the cell's first process.
        value: at most 1000, at least what the hangar has.
    """
    descriptor = os.open("self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC, dir_fd=scores)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _seal(mould: Mould) -> None:
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        last = int(file.read())
    for capability in range(last + 1):
        _prctl(_PR_CAPBSET_DROP, capability)
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    _call("drop all capabilities", _LIBC.capset, header, bytes(24))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)
    seccomp.load(mould.program)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        ioctl(line, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))


def _bind_file(source: str, target: str) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    _mount(source, target, None, _BIND)


def _close(*spared: int) -> None:
    """Close every descriptor above 2 but the spared ones: what the hangar holds is not for a cell.

    Those of the null device stay: they lead nowhere, and a library that holds one must not write to what
    else gets its number.
    """
    null = os.stat(os.devnull).st_rdev
    for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
        if descriptor > 2 and descriptor not in spared:
            # The listing's own is gone by now.
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_rdev != null:
                    os.close(descriptor)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    _call(
        f"mount {kind or source or 'anew'} at {target}",
        _LIBC.mount,
        None if source is None else source.encode(),
        target.encode(),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        None if data is None else data.encode(),
    )


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _prctl(option: int, value: int) -> None:
    _call(f"prctl({option}, {value})", _LIBC.prctl, option, value, 0, 0, 0)


def _call(what: str, function: Any, *arguments: Any) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
