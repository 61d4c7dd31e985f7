"""The grader's side of the bridge: calls into the learner's processes, and what comes back.

Comes in: calls on proxies. Goes out: exact plain values, proxies for what lives on the other side, and
exceptions. Keeps one process for each test file, and ends a test whose process breaks a limit or a rule.
Which object a proxy stands for is left to `handles`, what the submission asks meanwhile to `asked`.
"""

from __future__ import annotations

import sys
import threading
import time
import unittest
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import asked, decoding, encoding, lending, plain, wire
from .calls import Op, Said
from .failure import TestEnded
from .handles import Described, Handles, Ref
from .hub import Hub, Process
from .plain import ATOMS

_RETURNED, _RAISED, _ASK = int(Said.RETURNED), int(Said.RAISED), int(Said.ASK)
_are_atoms = ATOMS.issuperset
_OUTPUT_KEPT = 8192
#: How many processes wait beside the one in use, for tests of files that were collected before.
_PROCESSES = 8


class Bridge(Handles):
    """All calls of one run.

    Args:
        hub: makes processes.
        make: makes a proxy for a described object, from `proxies`.
    """

    def __init__(self, hub: Hub, *, make: Callable[[Bridge, Ref, Described], Any]) -> None:
        super().__init__(partial(make, self))
        self.hub = hub
        self.plan = hub.plan
        self.modules = frozenset(hub.plan["modules"])
        self.inplace = bool(hub.plan["inplace"])
        self._call_s = hub.plan["call_ms"] / 1000
        self._processes: dict[str, Process] = {}
        self._file = ""
        self._sequence = 0
        self._depth = 0
        self._left = 0.0
        self._seed: Any = None
        self._pending: BaseException | None = None
        self._thread = threading.get_ident()
        self.ended: TestEnded | None = None
        self.output: list[str] = []
        self._output_length = 0
        self.disk_full = False
        #: Whether tests are being collected: nothing that the submission raises may end the run.
        self.collecting = True

    # Tests and files

    def enter_file(self, file: str) -> None:
        """From here on, calls go to the process of this test file."""
        if file == self._file:
            return
        self._file = file
        self._process = self._processes.get(file)
        self.ended = None

    def leave_file(self) -> None:
        """The tests of the file are done: its process is no longer needed."""
        process = self._processes.pop(self._file, None)
        if process is not None:
            process.stop()
        self._file, self._process = "", None

    def begin_test(self) -> None:
        """A new test: what ended the one before is over."""
        self.ended = None
        self._pending = None
        self._depth = 0
        self.output.clear()
        self._output_length = 0
        self.disk_full = False
        if self._process is not None:
            self._process.printed = 0

    def end_test(self, reason: str, message: str) -> TestEnded:
        """The exception that ends the running test, noted so that swallowing it does not help."""
        ended = TestEnded(reason, message)
        self.ended = self.ended or ended
        return ended

    def note(self, text: str) -> None:
        """Keep printed text for the running test's report."""
        if self._output_length < _OUTPUT_KEPT:
            text = text[: _OUTPUT_KEPT - self._output_length]
            self._output_length += len(text)
            self.output.append(text)

    def _replay(self, name: str, text: str) -> None:
        self.note(text)
        (sys.stdout if name == "out" else sys.stderr).write(text)

    def seed(self, value: Any) -> None:
        """The test has seeded `random`: the submission's generator follows before its next call."""
        if value is None or type(value) in (int, float, str, bytes):
            self._seed = value

    def process(self) -> Process:
        """The running test file's process, a fresh one if need be.

        Raises:
            TestEnded: this test has been ended already, or there is no room for a process.
        """
        __tracebackhide__ = True
        if self.ended is not None and (self._process is None or not self._process.alive):
            raise self.ended
        if self._process is None or not self._process.alive:
            while len(self._processes) >= _PROCESSES:
                self._processes.pop(next(iter(self._processes))).stop()
            try:
                self._process = Process(
                    self.hub,
                    output_bytes=self.plan["output_bytes"],
                    reply_bytes=self.plan["reply_bytes"],
                    replay=self._replay,
                )
            except TestEnded as error:
                self.ended = error
                raise
            self._processes[self._file] = self._process
        return self._process

    # Names of modules

    def known_name(self, module: str, name: str) -> Any:
        """What a name of a module means in the process in use, if that is known, or None."""
        process = self._process
        return None if process is None else process.names.get((module, name))

    def name(self, ref: Ref, module: str, name: str) -> Any:
        """The value of a name of a module; functions and classes are asked for once.

        Raises:
            AttributeError: there is none.
        """
        __tracebackhide__ = True
        answer = self.request(Op.NAME, self.handle(ref), name)
        process = self.process()
        if type(answer) is not tuple or len(answer) != 2:
            self.ended = process.end(
                "protocol", f"expected a value and whether it lasts, got {type(answer).__name__}"
            )
            raise self.ended
        value, lasting = answer
        found = self.ref(value)
        if found is not None and found.path is None:
            found.path = (module, name)
        if found is not None and lasting is True:
            process.names[module, name] = value
        return value

    def forget_names(self) -> None:
        """A module has been loaded anew: its names mean other things."""
        if self._process is not None:
            self._process.names.clear()

    # Requests

    def request(self, op: int, *operands: Any) -> Any:
        """What the learner's side answers.

        Raises:
            TestEnded: a limit or a rule was broken, the process has ended.
            Exception: what the submission raised.
        """
        __tracebackhide__ = True
        process = self._process
        if process is None or not process.alive:
            process = self.process()
        if threading.get_ident() != self._thread:
            raise RuntimeError("expected calls into the submission from the test's own thread only")
        outermost = self._depth == 0
        if outermost:
            self._left = self._call_s
        sequence = self._sequence = self._sequence + 1
        sent: Sequence[Any] = ()
        parts: Sequence[Any] = operands
        if not _are_atoms(map(type, operands)):
            encoder = encoding.Encoder(self._write)
            parts = [encoder.value(item) for item in operands]
            sent = encoder.objects
            if process is not self._process or not process.alive:
                raise self.end_test("crash", "the submission's process changed while a call was prepared")
        extra = None
        if process.dead or self._seed is not None or self.inplace:
            extra = [list(process.dead), self._seed, self.inplace]
            process.dead.clear()
            self._seed = None
        data = self._pack((sequence, op, extra, *parts), operands)
        self._depth += 1
        try:
            value = self._converse(process, data, sequence, sent)
        except TestEnded as error:
            self.ended = self.ended or error
            if not process.alive and self._process is process:
                self._process = None
            raise
        finally:
            self._depth -= 1
            if outermost and self._pending is not None:
                pending, self._pending = self._pending, None
                raise pending
        return value

    def _pack(self, message: tuple[Any, ...], operands: Sequence[Any]) -> bytes:
        try:
            return wire.pack(message)
        except wire.Unpackable:
            encoder = encoding.Encoder(self._write, careful=True)
            return wire.pack((*message[:3], *[encoder.value(item) for item in operands]))

    def _converse(self, process: Process, data: bytes, sequence: int, sent: Sequence[Any]) -> Any:
        __tracebackhide__ = True
        while True:
            started = time.monotonic()
            answer = process.exchange(data, until=min(started + self._left, self.hub.deadline))
            taken = time.monotonic() - started
            self._left -= taken
            if taken > self.hub.longest_s:
                self.hub.longest_s = taken
            try:
                message = wire.unpack(answer)
                if len(message) == 3 and message[0] == sequence and message[1] == _RETURNED:
                    value = message[2]
                    if type(value) in ATOMS:
                        return value  # the hot path: most answers are one plain value
                if message[1:2] == [_ASK]:
                    question = wire.folded(partial(self._understand_ask, message, sent))
                    data = self._answer(process, *question)
                    continue
                value, error = wire.folded(partial(self._understand, message, sent))
                wire.expect(message[0], sequence)
            except wire.WireError as broken:
                raise process.end(
                    "protocol", f"the submission's process broke the messages: {broken}"
                ) from broken
            if isinstance(error, TestEnded):
                raise process.end(error.reason, error.message) if error.reason == "output" else error
            if error is not None:
                raise error
            return value

    def _understand(self, message: list[Any], sent: Sequence[Any]) -> tuple[Any, BaseException | None]:
        """The value of an answer, or what is to be raised."""
        said = wire.plain_int(message[1])
        if said not in (_RETURNED, _RAISED):
            return None, self._refused(said, message[2])
        decoder = decoding.Decoder(self._read, arguments=sent)
        value = decoder.value(message[2])
        if len(message) > 3:
            if not self.inplace:
                raise wire.WireError("expected no changes to arguments, got some")
            for original, new in [(sent[wire.plain_int(k)], decoder.value(v)) for k, v in message[3]]:
                _change(original, new)
        if said == _RAISED:
            return None, self._to_raise(value)
        return value, None

    def _refused(self, said: int, why: Any) -> TestEnded:
        """What ends the test when the submission's side has no answer to give."""
        if said == Said.TOO_LARGE:
            limit = self.plan["reply_bytes"]
            return TestEnded(
                "output", f"expected an answer of at most {limit} bytes, got {wire.plain_int(why)}"
            )
        if said == Said.UNSENDABLE:
            return self.end_test("error", f"the submission's answer does not cross: {why!s:.600}")
        raise wire.WireError(f"expected an answer, got {said}")

    def _understand_ask(self, message: list[Any], sent: Sequence[Any]) -> tuple[int, int, int, list[Any]]:
        decoder = decoding.Decoder(self._read, arguments=sent)
        sequence, what, export = (wire.plain_int(message[n]) for n in (0, 2, 3))
        return sequence, what, export, [decoder.value(item) for item in message[4:]]

    def _to_raise(self, error: Any) -> BaseException:
        if not isinstance(error, BaseException):
            raise wire.WireError(f"expected an exception, got {type(error).__name__}")
        found: BaseException = error
        if isinstance(error, OSError) and error.errno in (28, 122):  # ENOSPC, EDQUOT
            self.disk_full = True
        return found

    # Asked back

    def _answer(self, process: Process, sequence: int, what: int, export: int, operands: list[Any]) -> bytes:
        """The answer to what the submission asks of something that a test passed."""
        depth = self._depth
        try:
            value = asked.perform(process, what, export, operands, note=self.note)
            encoder = encoding.Encoder(self._write)
            return self._pack((sequence, int(Op.ANSWER), None, encoder.value(value)), [value])
        except TestEnded:
            raise
        except BaseException as error:
            self._depth = depth
            if not isinstance(error, Exception) or _steers(error):
                # Not for the submission to swallow: raised again when its call is over.
                self._pending = error
                error = RuntimeError("interrupted")
            return self._answer_raised(process, sequence, error)

    def _answer_raised(self, process: Process, sequence: int, error: BaseException) -> bytes:
        remote = error if self.ref(error) is not None else None
        base = next(
            cls for cls in type(error).__mro__ if cls.__module__ == "builtins" and cls.__name__ in plain.TYPES
        )
        name = type(error).__name__
        export = self._lend(error)
        for args in (error.args, tuple(str(item) for item in error.args)):
            encoder = encoding.Encoder(self._write, careful=True)
            try:
                parts = [
                    encoder.value(item)
                    for item in (name, base.__name__, args if remote is None else (), export, remote)
                ]
                return wire.pack((sequence, int(Op.ANSWER_RAISED), None, *parts))
            except (wire.WireError, lending.Refused):
                continue
        raise self.end_test("error", f"an exception of the test's does not cross: {error!r:.200}")


def _steers(error: Exception) -> bool:
    return isinstance(error, unittest.SkipTest) or type(error).__module__.partition(".")[0] in (
        "_pytest",
        "pytest",
        "hypothesis",
    )


def _change(original: Any, new: Any) -> None:
    """Give a test's own object the content that the submission gave its copy."""
    if type(original) is not type(new):
        raise wire.WireError(
            f"expected new content for a {type(original).__name__}, got {type(new).__name__}"
        )
    if isinstance(original, dict | set):
        original.clear()
        original.update(new)
    elif type(original).__name__ == "deque":
        original.clear()
        original.extend(new)
    elif type(original).__name__ == "ndarray":
        if original.shape != new.shape or original.dtype != new.dtype:
            raise wire.WireError(f"expected an array of shape {original.shape}, got {new.shape}")
        original[...] = new
    else:
        original[:] = new
