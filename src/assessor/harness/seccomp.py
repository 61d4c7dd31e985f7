"""A filter of system calls, from a profile as container engines take it to the program that the kernel runs.

Comes in: the profile's JSON document. Goes out: its program, and the loading of it into this process. Which
calls are let through is left to the profile; how it becomes a program, to libseccomp, which container
runtimes use too: a cell's filter is the one that its container would have had.

Source: OCI runtime specification, config-linux.md, "Seccomp"; seccomp_rule_add(3), seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Mapping
from typing import Any

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_UNKNOWN = -1
_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE
_BINARY_TREE = 2
_OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_INSTRUCTION_BYTES = 8
_LIBRARY = "libseccomp.so.2"


class FilterError(Exception):
    """The profile does not become a filter; the text says why."""


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def program(profile: Mapping[str, Any]) -> bytes:
    """The program of a profile, for this machine's kind of processor.

    Calls that the library does not know are left out, so they fall to the profile's default, which refuses.

    Raises:
        FilterError: the library is missing, or the profile asks for what it cannot do.
    """
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise FilterError(f"expected {_LIBRARY} in the image, got: {error}") from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    for name in ("seccomp_release", "seccomp_export_bpf", "seccomp_attr_set", "seccomp_rule_add_array"):
        getattr(library, name).argtypes = {
            "seccomp_release": [ctypes.c_void_p],
            "seccomp_export_bpf": [ctypes.c_void_p, ctypes.c_int],
            "seccomp_attr_set": [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32],
            "seccomp_rule_add_array": [
                *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint),
                ctypes.POINTER(_Comparison),
            ],
        }[name]
    default = _action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    context = library.seccomp_init(default)
    if not context:
        raise FilterError("expected libseccomp to begin a filter, got none")
    try:
        _check(library.seccomp_attr_set(context, _OPTIMIZE, _BINARY_TREE), "optimize")
        for rule in profile["syscalls"]:
            _add(library, context, rule, default)
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def load(program: bytes) -> None:
    """Bind this process, and all that come from it, by a filter; there is no way back.

    Raises:
        OSError: the kernel refuses it.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    loaded = _Program(len(program) // _INSTRUCTION_BYTES, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(loaded), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "load the filter of system calls")


def _action(name: str, number: int | None) -> int:
    if name == "SCMP_ACT_ALLOW":
        return _ALLOW
    if name == "SCMP_ACT_ERRNO":
        return _ERRNO | (errno.EPERM if number is None else number)
    raise FilterError(f"expected the action SCMP_ACT_ALLOW or SCMP_ACT_ERRNO, got {name!r}")


def _add(library: Any, context: Any, rule: Mapping[str, Any], default: int) -> None:
    action = _action(rule["action"], rule.get("errnoRet"))
    if action == default:
        return  # the library takes no rule that says what holds anyway
    comparisons = [
        _Comparison(
            arg["index"], _OPERATORS[arg.get("op", "SCMP_CMP_EQ")], arg["value"], arg.get("valueTwo", 0)
        )
        for arg in rule.get("args") or ()
    ]
    array = (_Comparison * len(comparisons))(*comparisons)
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN:
            done = library.seccomp_rule_add_array(context, action, number, len(comparisons), array)
            _check(done, f"the rule for {name}")


def _exported(library: Any, context: Any) -> bytes:
    # At most 4,096 instructions of 8 bytes, which a pipe holds (BPF_MAXINSNS).
    reader, writer = os.pipe()
    try:
        _check(library.seccomp_export_bpf(context, writer), "the program")
    finally:
        os.close(writer)
    with open(reader, "rb") as pipe:
        return pipe.read()


def _check(returned: int, what: str) -> None:
    if returned < 0:
        raise FilterError(f"expected libseccomp to take {what}, got: {os.strerror(-returned)}")
