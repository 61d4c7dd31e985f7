"""The fixture `program`: runs the learner's program with arguments, input and files; tells what it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from . import asking, channel, failure


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A run of the learner's program that is over.

    Attributes:
        returncode: its exit status, or minus the number of the signal that ended it.
        stdout_bytes: what it printed.
        stderr_bytes: what it printed on standard error.
        seconds: how long it took by the grader's clock, a few milliseconds of preparation included.
    """

    returncode: int
    stdout_bytes: bytes
    stderr_bytes: bytes
    seconds: float
    _files: Mapping[str, bytes] = field(repr=False)
    _problem: str | None = field(repr=False)

    @property
    def stdout(self) -> str:
        """What it printed, as UTF-8 with wrong bytes replaced."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What it printed on standard error, as UTF-8 with wrong bytes replaced."""
        return self.stderr_bytes.decode(errors="replace")

    @property
    def files(self) -> Mapping[str, bytes]:
        """Content by path of the regular files that the run made or changed.

        Raises:
            failure.TestEnded: there are more, larger or deeper ones than allowed; the test fails.
        """
        if self._problem is not None:
            raise failure.TestEnded("output", f"files of the program: {self._problem}")
        return self._files


class Program:
    """Runs the learner's program; see `__call__`.

    Args:
        running: gives the agent of the test that runs.
    """

    def __init__(self, running: Callable[[], asking.Held]) -> None:
        self._running = running

    def __call__(
        self,
        *args: str,
        stdin: str | bytes = "",
        files: Mapping[str, str | bytes] | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        command: Sequence[str] | None = None,
    ) -> Completed:
        """Run the task's command with these arguments until it ends.

        It starts in a fresh copy of the submission, or in `workdir` if the test uses that. When it ends,
        so does all that it started.

        Args:
            *args: arguments after the command's own.
            stdin: what it can read; text as UTF-8.
            files: files to put there first, by relative path; they replace submitted ones.
            env: environment variables to add.
            timeout_s: how long it may take; the task's `call_s` if not given, and never longer than
                the rest of the run.
            command: another command than the task's.

        Raises:
            failure.TestEnded: it hit a limit; the test fails with that reason.
            ValueError, TypeError: an argument cannot be passed to a program.
        """
        plan = channel.plan()
        words = [*(plan["command"] if command is None else command), *args]
        if not words:
            raise ValueError("program: expected tests.command in task.yaml, or command=[...], got neither")
        seconds = asking.seconds(timeout_s, plan)
        held = self._running()
        begun = time.monotonic()
        reply = held.ask(
            {
                "kind": "run",
                "box": asking.WORKDIR if held.shared else None,
                "command": [_argument(word) for word in words],
                "stdin": asking.content(stdin),
                "env": _environment(env),
                "files": {
                    asking.path(path): asking.content(content) for path, content in (files or {}).items()
                },
                "timeout_ms": int(seconds * 1000),
            },
            timeout_s=seconds + asking.GRACE_S,
        )
        elapsed = time.monotonic() - begun
        problem = reply.get("problem")
        return Completed(
            returncode=asking.field(reply, "status", int),
            stdout_bytes=asking.field(reply, "stdout", bytes),
            stderr_bytes=asking.field(reply, "stderr", bytes),
            seconds=elapsed,
            _files=_files(asking.field(reply, "files", dict)),
            _problem=None if problem is None else asking.text(problem),
        )


def _argument(word: object) -> str:
    if not isinstance(word, str):
        raise TypeError(f"program: expected arguments as str, got {type(word).__name__}")
    if "\0" in word:
        raise ValueError(f"program: expected an argument without NUL, got {word!r}")
    return word


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    found = {_argument(name): _argument(value) for name, value in (env or {}).items()}
    for name in found:
        if not name or "=" in name:
            raise ValueError(f"program: expected the name of an environment variable, got {name!r}")
    return found


def _files(found: dict[object, object]) -> dict[str, bytes]:
    files = {}
    for path, content in found.items():
        if type(content) is not bytes:
            raise failure.TestEnded("protocol", "agent: expected files as bytes, got something else")
        files[asking.reply_path(path)] = content
    return files
