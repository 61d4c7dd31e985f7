"""A sandbox without walls: both sides as plain processes of this machine. For authors without Docker.

Comes in: an `Order`. Goes out: events and an `Outcome` whose identity says `isolation: none`; evidence
made from it can never back an award. A submission can do here whatever the user can who runs it; of the
limits only time, printed output and size of replies hold.

    <temporary folder>/socket     the bridge
    <temporary folder>/work/      the submission, one folder for each of its processes
    <temporary folder>/grader/    the tests
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from assessor import digest
from assessor.errors import SandboxFault
from assessor.harness import frames
from assessor.sandbox import protocol

_PACKAGE = "assessor.harness"
_GRACE_S = 3.0
_START_S = 30.0
_READY = b'{"kind":"ready"}'
_TALK_BYTES = 4000


@dataclass(kw_only=True)
class UnsafeLocal:
    """A `Sandbox` of plain processes.

    Attributes:
        python: the interpreter of both sides.
    """

    python: str = sys.executable

    def identity(self, profile: str, *, service: bool = False) -> protocol.Identity:
        """What an attempt would run in: this interpreter and its packages."""
        image = protocol.Image(
            recipe=digest.sha256(f"python {platform.python_version()}".encode()), packages=_packages()
        )
        return protocol.Identity(
            profile=profile, learner=image, grader=image, isolation="none", runtime="process", seccomp=None
        )

    def run(self, order: protocol.Order, *, on_event: Callable[[protocol.Event], None]) -> protocol.Outcome:
        """Run the order to its end; see `protocol.Sandbox.run`.

        Raises:
            SandboxFault: a side did not start, or the grader ended without its end event.
        """
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="assessor-"))
        try:
            with (
                self._side("learner", folder, order) as learner,
                self._side("grader", folder, order) as grader,
            ):
                _await_ready(learner, "learner")
                _await_ready(grader, "grader")
                started = time.monotonic()
                to_grader, to_learner = protocol.start_messages(
                    order, socket=str(folder / "socket"), nonce=secrets.token_hex(16)
                )
                _send(learner, to_learner)
                _send(grader, to_grader)
                end = _events(grader, order.limits.wall_s + _GRACE_S, on_event)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return protocol.Outcome(
            end=end,
            identity=self.identity(order.profile),
            facts={"warm": False, "python": platform.python_version()},
            phases_ms={
                "start": int((started - began) * 1000),
                "run": int((time.monotonic() - started) * 1000),
            },
        )

    def prepare(self, order: protocol.Order) -> None:
        """Nothing can be ready before it is needed."""

    def shrink(self) -> None:
        """Nothing waits."""

    def sweep(self) -> list[str]:
        """Nothing outlives the process that runs it."""
        return []

    def close(self) -> None:
        """Nothing is held ready."""

    @contextlib.contextmanager
    def _side(self, role: str, folder: Path, order: protocol.Order) -> Iterator[subprocess.Popen[bytes]]:
        work = folder / ("work" if role == "learner" else role)
        work.mkdir()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONHASHSEED": str(order.hash_seed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONSAFEPATH": "1",
            "ASSESSOR_WORK": str(work),
            # The machine's own counters are not those of this run.
            "ASSESSOR_CGROUP": str(folder / "none"),
        }
        process = subprocess.Popen(
            [self.python, "-m", f"{_PACKAGE}.alone", str(role)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=work,
            start_new_session=True,
        )
        talk = _Talk(process)
        try:
            yield process
        except SandboxFault as fault:
            _kill(process)
            raise SandboxFault(f"{fault}; {role} said: {talk.text()[-2000:]!r}") from fault
        finally:
            if role == "learner":
                # It takes its own children with it when the grader has gone; only then is it killed.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
            _kill(process)
            talk.close()


class _Talk:
    """What a side says on standard error, drained so that it never waits, the last of it kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._kept = b""
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        assert self._process.stderr is not None
        while data := os.read(self._process.stderr.fileno(), 65536):
            self._kept = (self._kept + data)[-_TALK_BYTES:]

    def text(self) -> str:
        """The last that was said, once the side has ended."""
        self._thread.join(1.0)
        return self._kept.decode(errors="replace")

    def close(self) -> None:
        """Let go of the streams."""
        self._thread.join(1.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _send(process: subprocess.Popen[bytes], message: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(message)
        process.stdin.flush()
    except BrokenPipeError as error:
        raise SandboxFault("expected a waiting process to read its start message, it has ended") from error


def _frames(process: subprocess.Popen[bytes], within_s: float) -> Iterator[bytes]:
    """Frames of a side's standard output as they come, until it closes or the time is up."""
    assert process.stdout is not None
    until = time.monotonic() + within_s
    decoder = frames.Decoder(limit_bytes=protocol.EVENT_BYTES)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return
            try:
                yield from decoder.feed(data)
            except frames.FrameError as error:
                raise SandboxFault(f"grader: {error}") from error
    raise TimeoutError


def _await_ready(process: subprocess.Popen[bytes], role: str) -> None:
    try:
        first = next(_frames(process, _START_S), b"")
    except TimeoutError:
        first = b""
    if first != _READY:
        raise SandboxFault(f"{role}: expected {_READY!r} within {_START_S:.0f} s, got {first[:200]!r}")


def _events(
    process: subprocess.Popen[bytes], within_s: float, on_event: Callable[[protocol.Event], None]
) -> protocol.End:
    try:
        for payload in _frames(process, within_s):
            event = protocol.parse_event(payload)
            on_event(event)
            if isinstance(event, protocol.Ended):
                return protocol.End.COMPLETE
    except TimeoutError:
        return protocol.End.WALL
    raise SandboxFault(f"grader: expected an end event, it ended with status {process.wait()}")


def _packages() -> str:
    names = sorted(f"{found.metadata['Name']}=={found.version}" for found in metadata.distributions())
    return digest.sha256("\n".join(names).encode())
