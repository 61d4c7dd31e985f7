"""What the analyser's process gives up before it reads a byte of anybody's.

Limits hold everywhere. The rest where the kernel has it: a network namespace of its own, and Landlock, which
leaves it nothing to read but the programs and libraries that it needs, and nothing to write.

Source: setrlimit(2), unshare(2), landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Sequence

#: Address space of each process, bytes. ruff alone sets aside some hundred megabytes that it does not use.
MEMORY_BYTES = 1536 * 1024**2
_NO_NEW_PRIVS = 38
_PDEATHSIG = 1
_NEWUSER_NEWNET = 0x10000000 | 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_VERSION_FLAG = 1
#: Kinds of access of Landlock's first version: all of them are taken away, these two given back below some
#: folders.
_ALL = (1 << 13) - 1
_EXECUTE, _READ_FILE, _READ_DIR = 1, 1 << 2, 1 << 3


def limit() -> None:
    """Bound memory, files and core dumps of this process and of all that it starts."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))


def end_with_parent() -> None:
    """Have the kernel kill this process once the one that made it is gone. A fork has to ask for itself."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def close(readable: Sequence[str]) -> list[str]:
    """Shut the network and the disk off, as far as this kernel does it; names of what was shut.

    Args:
        readable: folders and files that may still be read and executed, as far as they are there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    end_with_parent()
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    shut = []
    if libc.unshare(_NEWUSER_NEWNET) == 0:
        shut.append("network")
    if _landlock(libc, readable):
        shut.append("disk")
    return shut


def _landlock(libc: ctypes.CDLL, readable: Sequence[str]) -> bool:
    if libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)) < 1:
        return False
    handled = struct.pack("Q", _ALL)
    rules = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), ctypes.c_uint32(0))
    if rules < 0:
        return False
    try:
        for path in readable:
            if not os.path.exists(path):
                continue
            allowed = _EXECUTE | _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            beneath = struct.pack("=Qi", allowed, opened)
            refused = libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, beneath, ctypes.c_uint32(0))
            os.close(opened)
            if refused:
                return False
        return bool(libc.syscall(_RESTRICT_SELF, rules, ctypes.c_uint32(0)) == 0)
    finally:
        os.close(rules)
