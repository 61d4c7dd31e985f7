"""The first process of a hangar: a locked container that lives long, holds nothing of anyone, makes cells.

Comes in, on standard input: one frame with the mould, then for each attempt a frame that announces the start
message and the start message itself, which goes to the cell unread; a frame may ask for the cell's end. Goes
out, on standard output, frames: `ready` when a cell waits, what the cell writes as its events, and how each
cell ended. What goes to a cell and comes from it never enters the hangar's memory, which the next cell is a
copy of: the kernel moves it from pipe to pipe.

    {"op": "mould", ...}        once
    {"op": "start", "bytes": n}, then n bytes
    {"op": "end"}               the cell's time is over; said at most once for each start

    j{"kind": "ready"}          a cell waits
    e...                        bytes that the cell wrote on its standard output
    j{"kind": "over", ...}      the cell is gone: how, what its limits counted, and whether all of it is gone
    j{"kind": "failed", ...}    no cell can be made here

When standard input ends, whoever owned the hangar is gone: it ends its cell and itself.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import sys
import termios
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from . import cell, cgroup, frames, seccomp
from .start import Work

_CGROUP = Path("/sys/fs/cgroup")
_LINK = "/run/link"
_CHUNK = 1 << 16
_ORDER_BYTES = 1 << 20
_EVENTS = b"e"
#: How much more than before its first cell a hangar may hold between two of them: pages that the kernel
#: keeps for later, never a submission's files, which are gone with the cell's mounts.
_SLACK_BYTES = 4 * 1024**2
#: How long the kernel may take to give a cell's memory back, seconds.
_SETTLE_S = 2.0


class Side(Protocol):
    """What a cell is for: `learner` or `grader`, as modules."""

    def wait(self, preload: list[str], until: Callable[[], Work], *, rehearse: bool) -> None:
        """Get ready, ask once what there is to do, do it, and end the process.

        Args:
            preload: modules to import meanwhile.
            until: waits for work; in a hangar it returns in each cell anew.
            rehearse: whether to take the time to be quicker in each.
        """
        ...


class Hangar:
    """Makes one cell after the other, one at a time.

    Args:
        mould: what each is like.
    """

    def __init__(self, mould: cell.Mould) -> None:
        self._mould = mould
        self._pid = 0
        self._start = self._out = -1
        self._null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._sink = self._null  # where the start message goes: the cell that it is for, or nowhere
        self._pending = bytearray()  # of an order, read and not yet whole
        self._to_come = 0  # bytes of the start message that are still to be passed on
        self._begun = False  # whether the cell was given a start message
        self._ended = False  # whether it was killed from here
        self._before = (0, 0)
        self._baseline = 0
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken = woken
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> Work:
        """Make cells until standard input ends, and the process with it; returns in each cell."""
        try:
            self._baseline = cgroup.held(_CGROUP)
            while True:
                work = self._make()
                if work is not None:
                    return work
                _tell({"kind": "ready"})
                if not self._attend():
                    os._exit(0)
        except cell.CellError as error:
            _tell({"kind": "failed", "problem": str(error), "refused": error.refused})
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        # Whoever called is in the middle of something that is for cells alone.
        os._exit(70)

    def _make(self) -> Work | None:
        start, self._start = os.pipe()
        self._out, out = os.pipe()
        self._begun = self._ended = False
        self._before = cgroup.counters(_CGROUP)
        self._pid, scores = cell.make(self._mould, kept=(start, out))
        if self._pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.close(null)
            return Work(start=start, out=out, scores=scores)
        os.close(start)
        os.close(out)
        return None

    def _attend(self) -> bool:
        """Serve the waiting cell to its end; whether there is still an owner."""
        owned = True
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._out, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        status: int | None = None
        while status is None:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if 0 in ready and not self._hear():
                owned = False
                poll.unregister(0)
                self._kill()
            if self._out in ready and not self._relay():
                poll.unregister(self._out)
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, _CHUNK)
            # Also its namespace is gone by then, with every process in it.
            pid, found = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                status = found
        while self._relay():
            pass
        os.close(self._out)
        self._close_start()
        if owned:
            self._finish(status)
        return owned

    def _hear(self) -> bool:
        """Take one step of what has come on standard input; whether there is still an owner."""
        if self._to_come:
            return self._pass_on()
        wanted = frames.HEADER.size
        if len(self._pending) >= wanted:
            (length,) = frames.HEADER.unpack_from(self._pending)
            if length > _ORDER_BYTES:
                raise frames.FrameError(f"expected an order of at most {_ORDER_BYTES} bytes, got {length}")
            wanted += length
        # Not a byte beyond the order: what follows is a submission's, and not to be held here.
        data = os.read(0, wanted - len(self._pending))
        self._pending += data
        if len(self._pending) == wanted > frames.HEADER.size:
            order = json.loads(bytes(self._pending[frames.HEADER.size :]))
            self._pending.clear()
            if order["op"] == "start":
                self._begun = True
                self._sink, self._to_come = self._start, order["bytes"]
            elif self._begun:
                # Else it was meant for the cell before, which has ended by itself meanwhile.
                self._kill()
        return bool(data)

    def _pass_on(self) -> bool:
        # The cell reads its start message at once, and nothing of the submission runs before it has it all;
        # a cell that is gone by now reads nothing more.
        try:
            moved = os.splice(0, self._sink, self._to_come)
        except BrokenPipeError:
            self._close_start()
            return True
        self._to_come -= moved
        if not self._to_come:
            self._close_start()
        return moved > 0

    def _close_start(self) -> None:
        # What is still to come of the message is nobody's, least of all the next cell's.
        self._sink = self._null
        if self._start >= 0:
            os.close(self._start)
        self._start = -1

    def _relay(self) -> bool:
        """Pass on what the cell has written; whether there may be more."""
        select.select([self._out], [], [])
        waiting = array.array("i", [0])
        fcntl.ioctl(self._out, termios.FIONREAD, waiting)
        left = min(waiting[0], _CHUNK)
        if not left:
            return False
        _write(frames.HEADER.pack(len(_EVENTS) + left) + _EVENTS)
        while left:
            left -= os.splice(self._out, 1, left)
        return True

    def _kill(self) -> None:
        self._ended = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _finish(self, status: int) -> None:
        oom, forks = cgroup.counters(_CGROUP)
        problem = self._left()
        _tell(
            {
                "kind": "over",
                "status": status,
                "asked": self._ended,
                "oom": oom - self._before[0],
                "forks": forks - self._before[1],
                "problem": problem,
            }
        )

    def _left(self) -> str:
        """What is left of the cell, in words; empty where nothing is."""
        others = sorted(
            int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()
        )
        if others:
            return f"expected no process of the cell, got {others[:8]}"
        if self._to_come:
            return f"expected the whole start message, {self._to_come} bytes are missing"
        if not os.statvfs(_LINK).f_flag & os.ST_RDONLY:
            # Where it can only be read it is the other side's to empty: its hangar does, before it is ready.
            for name in os.listdir(_LINK):
                try:
                    os.unlink(f"{_LINK}/{name}")
                except OSError as error:
                    return f"expected to empty the socket's folder, got: {error}"
        deadline = time.monotonic() + _SETTLE_S
        while (held := cgroup.held(_CGROUP)) > self._baseline + _SLACK_BYTES:
            if time.monotonic() > deadline:
                return f"expected at most {self._baseline + _SLACK_BYTES} bytes held, got {held}"
            time.sleep(0.002)
        return ""


def _tell(what: dict[str, Any]) -> None:
    _write(frames.encode(b"j" + json.dumps(what).encode()))


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _read_mould() -> dict[str, Any]:
    decoder = frames.Decoder(limit_bytes=_ORDER_BYTES)
    while True:
        # The owner sends the next frame only after this one was answered.
        data = os.read(0, _CHUNK)
        if not data:
            sys.exit(0)
        if payloads := decoder.feed(data):
            return dict(json.loads(payloads[0]))


def main(arguments: list[str]) -> None:
    """Serve as a hangar for the side that is named."""
    # What is imported stays; looking for garbage among it meanwhile takes a tenth of the time.
    gc.disable()
    side: Any = importlib.import_module(f"{__package__}.{arguments[0]}")
    asked = _read_mould()
    try:
        mould = cell.Mould(
            disk_bytes=asked["disk_bytes"],
            files=asked["files"],
            oom_score_adj=asked["oom_score_adj"],
            loopback=asked["loopback"],
            masked=asked["masked"],
            compiled=asked["compiled"],
            program=seccomp.program(asked["filter"]),
        )
    except seccomp.FilterError as error:
        _tell({"kind": "failed", "problem": str(error), "refused": True})
        sys.exit(70)

    def until() -> Work:
        if asked["rehearse"]:
            gc.collect()
        gc.freeze()
        gc.enable()
        return Hangar(mould).serve()

    side.wait(asked["preload"], until, rehearse=asked["rehearse"])


if __name__ == "__main__":
    main(sys.argv[1:])
