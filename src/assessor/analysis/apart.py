"""Work that may kill the process that does it, done in a fork: the process itself lives on.

A parser that reads hostile text can run out of stack, memory or time; each of these ends the fork alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assessor.analysis import fence

#: Processor time of one fork, and of each process that it starts, seconds.
CPU_S = 10
#: Time of one fork, seconds: far above what it can use of a processor, as a busy machine must cost nobody a
#: check.
WALL_S = 60
_MEMORY, _DEEP, _DEFECT = 71, 72, 73


@dataclass(frozen=True)
class Broken:
    """Work that came to nothing: `memory`, `time` or `crash`, and what happened."""

    reason: str
    why: str


def apart(work: Callable[[], Any], *, until: float) -> Any:
    """What `work` gives, through JSON, or a `Broken`.

    Args:
        work: gives a JSON value.
        until: time of `time.monotonic` at which even the last work must have ended.
    """
    seconds = min(WALL_S, until - time.monotonic())
    if seconds <= 0:
        return Broken("time", "the time for all files was up before this one")
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _inside(work, theirs)
    os.close(theirs)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    answer = _read(ours, time.monotonic() + seconds)
    if answer is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what it started, too
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if answer is None:
        return Broken("time", f"it took more than {seconds:.0f} s")
    if status == 0:
        return json.loads(answer)
    return _ended(status)


def of_signal(status: int) -> Broken:
    """What a negative exit status tells of a process."""
    name = signal.Signals(-status).name
    if -status == signal.SIGXCPU:
        return Broken("time", f"it took more than {CPU_S} s of a processor")
    if -status == signal.SIGKILL:
        return Broken("memory", "it was killed, as a process is that takes too much memory")
    return Broken("crash", f"what reads it was ended by {name}")


def _ended(status: int) -> Broken:
    if status < 0:
        return of_signal(status)
    if status == _MEMORY:
        return Broken("memory", "it takes too much memory, or is nested too deeply, to be read")
    if status == _DEEP:
        return Broken("crash", "it is nested too deeply to be read")
    return Broken("crash", f"what reads it ended with status {status}")


def _inside(work: Callable[[], Any], out: int) -> None:
    status = _DEFECT
    try:
        os.setpgid(0, 0)
        fence.end_with_parent()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
        left = memoryview(json.dumps(work()).encode())
        while left:
            left = left[os.write(out, left) :]
        status = 0
    except MemoryError:
        status = _MEMORY
    except RecursionError:
        status = _DEEP
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc(limit=-4, file=sys.stderr)
            sys.stderr.flush()
    finally:
        os._exit(status)


def _read(pipe: int, until: float) -> bytes | None:
    """All that comes, or None where it does not end in time."""
    came = bytearray()
    try:
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                return None
            data = os.read(pipe, 1 << 16)
            if not data:
                return bytes(came)
            came += data
    finally:
        os.close(pipe)
