"""The inspector: static checks made on a submission's sources, in a bounded process of their own.

Comes in: a rubric, a submission's files. Goes out: an `Inspection`, or None where the rubric has no static
check. Nothing of the submission is executed; but its text is hostile to whatever parses it, so this process
reads none of it: a child does, which has limits, no network and no disk where the kernel has that, and which
says that all of it stands before it is sent a byte (`analysis.child`).

Whatever happens after that is the submission's doing and fails the checks that it concerns; what happens
before is ours.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import selectors
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pydantic
import structlog

from assessor import bundle, inspection
from assessor.analysis import child, linter
from assessor.errors import ToolMissing
from assessor.inspection import Answer, CheckResult, Inspection, Reason, Tools
from assessor.rubric import Rubric
from assessor.rules import SubmissionRules
from assessor.staticfile import StaticCheck

log = structlog.get_logger(__name__)

#: Time until the child must be ready, and until it must have answered, seconds.
READY_S = 30
ANSWER_S = child.TOTAL_S + 30
#: The longest answer, and the most of its complaints, that is read.
ANSWER_BYTES = 32 * 1024**2
COMPLAINT_BYTES = 64 * 1024

_HERE = Path(__file__).resolve().parent
_BOOT = "import sys; sys.path.append(sys.argv[1]); from assessor.analysis import child; child.main()"
_READY = b"ready "


@dataclass(frozen=True, kw_only=True)
class _Asked:
    criterion: str
    check: StaticCheck
    files: tuple[str, ...]


class _Unanswered(Exception):
    """The child came to no answer."""

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why


def inspect(rubric: Rubric, files: Mapping[str, bytes]) -> Inspection | None:
    """What the rubric's static checks find in these files; None where it has none.

    Raises:
        ToolMissing: the analyser cannot start, or ruff is not the one that is asked for.
    """
    asked = [
        _Asked(criterion=one.id, check=check, files=_taken(check, files))
        for one in rubric.criteria
        for check in one.checks
    ]
    if not asked:
        return None
    ruff = any(one.check.kind == "ruff" for one in asked)
    sent = [one for one in asked if one.files]
    results, shut = _look(asked, sent, files, program() if ruff else "")
    return Inspection(results=results, tools=tools(ruff=ruff), shut=shut)


def tools(*, ruff: bool) -> Tools:
    """What looks here."""
    major, minor = sys.version_info[:2]
    return Tools(analyser=_code(), python=f"{major}.{minor}", ruff=linter.VERSION if ruff else None)


def program() -> str:
    """The path of ruff.

    Raises:
        ToolMissing: it is not installed beside this.
    """
    path = Path(sysconfig.get_path("scripts")) / "ruff"
    if not os.access(path, os.X_OK):
        raise ToolMissing(
            f"ruff: expected version {linter.VERSION} at {path}, got nothing; install assessor's dependencies"
        )
    return str(path)


def ready() -> tuple[str, ...]:
    """Start the analyser once with nothing to look at; what its process cannot reach.

    Raises:
        ToolMissing: as for `inspect`.
    """
    return _ask({"checks": [], "files": {}}, program()).shut


def _taken(check: StaticCheck, files: Mapping[str, bytes]) -> tuple[str, ...]:
    takes = SubmissionRules(required=(), allow=check.files)
    return tuple(sorted(path for path in files if takes.patterns(path)))


def _look(
    asked: list[_Asked], sent: list[_Asked], files: Mapping[str, bytes], ruff: str
) -> tuple[tuple[CheckResult, ...], tuple[str, ...]]:
    taken = sorted({path for one in sent for path in one.files})
    order: dict[str, object] = {
        "ruff": ruff,
        "target": f"py{sys.version_info[0]}{sys.version_info[1]}",
        "files": {path: base64.b64encode(files[path]).decode() for path in taken},
        "checks": [json.loads(one.check.plan) | {"files": one.files} for one in sent],
    }
    try:
        answer = _ask(order, ruff)
    except _Unanswered as error:
        log.warning("static checks without an answer", reason=error.reason.value, problem=error.why)
        return tuple(
            inspection.unanswered(one.criterion, one.check, one.files, error.reason, error.why)
            for one in asked
        ), ()
    answers = dict(zip([id(one) for one in sent], answer.checks, strict=True))
    return tuple(
        inspection.conclude(one.criterion, one.check, one.files, answers.get(id(one))) for one in asked
    ), answer.shut


def _ask(order: dict[str, object], ruff: str) -> Answer:
    checks = order["checks"]
    assert isinstance(checks, list), "an order has checks"
    with _child(json.dumps(order).encode(), ruff) as process:
        heard = _Heard(process)
        line = heard.line(time.monotonic() + READY_S)
        version = line.removeprefix(_READY).strip().decode(errors="replace")
        if not line.startswith(_READY):
            raise ToolMissing(
                f"analyser: expected it to be ready within {READY_S} s, got {line[:200]!r}, "
                f"saying: {heard.complaint}"
            )
        if ruff and version != linter.VERSION:
            raise ToolMissing(
                f"ruff: expected version {linter.VERSION} at {ruff}, "
                f"got {version or 'one that does not start'}"
            )
        data = heard.rest(time.monotonic() + ANSWER_S)
    try:
        answer = Answer.model_validate_json(data)
    except pydantic.ValidationError as error:
        log.warning("analyser without an answer", said=heard.complaint)
        raise _Unanswered(Reason.CRASH, "what reads it came to no answer") from error
    if len(answer.checks) != len(checks):
        raise _Unanswered(Reason.CRASH, "what reads it came to no whole answer")
    return answer


@contextmanager
def _child(order: bytes, ruff: str) -> Iterator[subprocess.Popen[bytes]]:
    """The analyser's process with its order at its standard input; ended with all that it started."""
    argv = [
        *(sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, str(_HERE.parent)),
        ruff,
        *_readable(ruff),
    ]
    # In memory: an order on disk would be one more place where learners' work lies.
    with open(os.memfd_create("order"), "w+b") as sent:
        sent.write(order)
        sent.seek(0)
        process = subprocess.Popen(
            argv,
            stdin=sent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"LC_ALL": "C.UTF-8", "RAYON_NUM_THREADS": "1"},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _readable(ruff: str) -> list[str]:
    """What the analyser's process reads once it has started: Python's library, ruff, and what loads ruff."""
    paths = [
        *(sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(_HERE / "analysis")),
        *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"),
    ]
    return [*paths, *([ruff] if ruff else [])]


class _Heard:
    """What a process says, read with bounds of time and size.

    Attributes:
        complaint: the end of its standard error, for people.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None, "it was asked to be a pipe"
        assert process.stderr is not None, "it was asked to be a pipe"
        self._out = process.stdout.fileno()
        self._err = process.stderr.fileno()
        self._said = bytearray()
        self._complaint = bytearray()
        self._selector = selectors.DefaultSelector()
        for pipe in (self._out, self._err):
            self._selector.register(pipe, selectors.EVENT_READ)

    @property
    def complaint(self) -> str:
        return self._complaint.decode(errors="replace").strip()[-1000:]

    def line(self, until: float) -> bytes:
        """The first line; all that came where it ends, or takes longer, before one is whole."""
        with suppress(_Unanswered):
            while b"\n" not in self._said and self._more(until):
                pass
        line, newline, rest = bytes(self._said).partition(b"\n")
        self._said = bytearray(rest)
        return line + newline

    def rest(self, until: float) -> bytes:
        """All that comes until its end.

        Raises:
            _Unanswered: it takes too long, or says too much.
        """
        while self._more(until):
            pass
        self._selector.close()
        return bytes(self._said)

    def _more(self, until: float) -> bool:
        """Read once from what is there; False once both have ended."""
        left = until - time.monotonic()
        ready = self._selector.select(left) if left > 0 else []
        if not ready:
            raise _Unanswered(Reason.TIME, f"all files together took more than {ANSWER_S} s")
        for key, _ in ready:
            data = os.read(key.fd, 1 << 16)
            if not data:
                self._selector.unregister(key.fd)
            elif key.fd == self._out:
                self._said += data
            elif len(self._complaint) < COMPLAINT_BYTES:
                self._complaint += data
        if len(self._said) > ANSWER_BYTES:
            raise _Unanswered(Reason.CRASH, "what reads it said more than it may")
        return bool(self._selector.get_map())


@functools.cache
def _code() -> str:
    """Digest of the code that runs in the analyser's process, and of the list of ruff's rules."""
    files = {
        path.name: path.read_bytes()
        for path in sorted((_HERE / "analysis").iterdir())
        if path.suffix in (".py", ".txt")
    }
    return bundle.pack(files).digest
