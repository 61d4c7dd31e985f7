"""A learner's process: holds the submission's live objects and serves the grader's requests on them.

Comes in: requests of `calls` over one socket, strictly one at a time. Goes out: answers, and printed text
on file descriptors 1 and 2, which are sockets to the grader. Everything here shares an interpreter with
code that may do anything: nothing that it says is believed on the other side.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import importlib
import io
import os
import random
import socket
import sys
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import borrowed, decoding, encoding, loading, objects, operations, stream, wire
from .calls import Ask, Op, Said
from .plain import ATOMS

if TYPE_CHECKING:
    import asyncio

_MUTABLE = (list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.Counter)
_REQUEST_BYTES = 1 << 30
# Plain numbers keep the hot path free of attribute look-ups.
_CALL, _METHOD, _RETURNED, _RAISED = int(Op.CALL), int(Op.METHOD), int(Said.RETURNED), int(Said.RAISED)
_are_atoms = ATOMS.issuperset


def warm() -> None:
    """Import what submissions commonly use, so that a forked process has it."""
    for name in (
        *("abc", "argparse", "bisect", "contextlib", "copy", "csv", "dataclasses", "enum", "functools"),
        *("heapq", "itertools", "json", "math", "pathlib", "statistics", "string", "textwrap", "typing"),
    ):
        importlib.import_module(name)


def warm_numpy() -> None:
    """Import numpy, where the image has it and a submission asks for it."""
    with contextlib.suppress(ImportError):
        importlib.import_module("numpy")


class Runner:
    """Serves one connection.

    Args:
        line: to the grader.
        limit_bytes: the largest answer.
    """

    def __init__(self, line: socket.socket, *, limit_bytes: int) -> None:
        self._line = line
        self._reader = stream.Reader(line)
        self._limit_bytes = limit_bytes
        self._sequence = 0
        self._arguments: dict[int, int] | None = None
        self.table = objects.Table()
        self.borrowed = borrowed.Borrowed(self.ask)
        self._encode_foreign = objects.writer(self.table, self.borrowed)
        self._decode_foreign = objects.reader(self.table, self.borrowed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._operations = {**operations.OPERATIONS, "await": self._await}
        self._serving = os.getpid()
        #: What the grader takes names of modules to mean: the module's names, the name, its value.
        self._lasting: dict[tuple[int, str], tuple[dict[str, Any], str, Any]] = {}

    def serve(self) -> None:
        """Answer requests until the grader hangs up."""
        while True:
            self._answer(self._next())

    def _next(self) -> list[Any]:
        try:
            data = self._reader.receive(limit_bytes=_REQUEST_BYTES)
        except stream.Closed:
            os._exit(0)
        return wire.unpack(data, bounded=False)

    def _answer(self, message: list[Any]) -> None:
        sequence, op, extra, *operands = message
        inplace = False
        if extra is not None:
            for handle in extra[0]:
                self.table.release(handle)
            if extra[1] is not None:
                random.seed(extra[1])
            inplace = extra[2]
        held, self._arguments = self._arguments, None
        before: list[tuple[int, Any, Any]] | None = None
        try:
            if not _are_atoms(map(type, operands)):
                decoder = decoding.Decoder(self._decode_foreign)
                operands = [decoder.value(item) for item in operands]
                self._arguments = {id(item): number for number, item in enumerate(decoder.objects)}
                if inplace:
                    before = _snapshot(decoder.objects)
            value = self._perform(op, operands)
            said = _RETURNED
        except BaseException as error:  # of whatever kind: it is the submission's answer
            said, value = _RAISED, error
        if self._lasting:
            self._tell_rebound()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:  # noqa: S110 - the submission may have put anything there
            pass
        self._send(sequence, said, value, before)
        self._arguments = held

    def _send(self, sequence: int, said: int, value: Any, before: list[tuple[int, Any, Any]] | None) -> None:
        try:
            data = self._packed(sequence, said, value, before, careful=False)
        except wire.Unpackable:
            data = self._packed(sequence, said, value, before, careful=True)
        if len(data) > self._limit_bytes:
            self.table.forget_new()
            data = wire.pack((sequence, int(Said.TOO_LARGE), len(data)))
        else:
            self.table.keep_new()
        if os.getpid() != self._serving:
            os._exit(0)  # a fork of the submission's that came back here: the grader has the original
        stream.send(self._line, data)

    def _packed(
        self,
        sequence: int,
        said: int,
        value: Any,
        before: list[tuple[int, Any, Any]] | None,
        *,
        careful: bool,
    ) -> bytes:
        self.table.forget_new()
        if said == _RETURNED and before is None and not careful and type(value) in ATOMS:
            return wire.pack((sequence, said, value))  # the hot path
        encoder = encoding.Encoder(
            self._encode_foreign,
            arguments=self._arguments,
            arguments_only=before is not None,
            careful=careful,
        )
        try:
            if said == _RAISED:
                parts = [objects.write_exception(encoder, value, self.table, self.borrowed, 0)]
            else:
                parts = [encoder.value(value)]
            if before is not None:
                parts.append(
                    [
                        [number, encoder.value(_shallow(item))]
                        for number, item, old in before
                        if _changed(item, old)
                    ]
                )
            return wire.pack((sequence, said, *parts))
        except wire.Unpackable:
            raise
        except Exception as error:  # a value may fail in its own methods while it is read
            self.table.forget_new()
            reason = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()
            return wire.pack((sequence, int(Said.UNSENDABLE), reason[:500]))

    def ask(self, what: int, export: int, *operands: Any) -> Any:
        """Ask the grader, and serve what it asks meanwhile.

        Raises:
            BaseException: whatever the asked function raised.
        """
        if self._lasting:
            self._tell_rebound()
        self._sequence += 1
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        data = b""
        for careful in (False, True):
            encoder = encoding.Encoder(
                self._encode_foreign,
                arguments=None if self._arguments is None else dict(self._arguments),
                careful=careful,
            )
            self.table.forget_new()
            try:
                parts = [encoder.value(item) for item in operands]
                data = wire.pack((self._sequence, int(Said.ASK), int(what), export, *parts))
                break
            except wire.Unpackable:
                continue
        self.table.keep_new()
        stream.send(self._line, data)
        while True:
            message = self._next()
            if message[1] == Op.ANSWER:
                return decoding.Decoder(self._decode_foreign).value(message[3])
            if message[1] == Op.ANSWER_RAISED:
                decoder = decoding.Decoder(self._decode_foreign)
                raise self.borrowed.exception(*[decoder.value(item) for item in message[3:]])
            self._answer(message)

    def _tell_rebound(self) -> None:
        """Say so if a name of a module no longer means what the grader takes it to mean."""
        if any(names.get(name) is not value for names, name, value in self._lasting.values()):
            self._lasting.clear()
            self.ask(Ask.REBOUND, 0)

    def _name(self, module: Any, name: str) -> tuple[Any, bool]:
        """The value of a module's name, and whether it is watched from here on."""
        value = getattr(module, name)
        lasting = (
            type(module) is types.ModuleType
            and vars(module).get(name) is value
            and isinstance(value, type | types.FunctionType)
        )
        if lasting:
            self._lasting[id(vars(module)), name] = vars(module), name, value
        return value, lasting

    def _perform(self, op: int, operands: list[Any]) -> Any:
        if op == _CALL:
            handle, named, *args = operands
            return self.table.get(handle)(*args, **named or {})
        if op == _METHOD:
            handle, name, named, *args = operands
            return getattr(self.table.get(handle), name)(*args, **named or {})
        if op == Op.GET:
            return getattr(self.table.get(operands[0]), operands[1])
        if op == Op.NAME:
            return self._name(self.table.get(operands[0]), operands[1])
        if op == Op.SET:
            return setattr(self.table.get(operands[0]), operands[1], operands[2])
        if op == Op.DELETE:
            return delattr(self.table.get(operands[0]), operands[1])
        if op == Op.OPERATE:
            return self._operations[operands[0]](*operands[1:])
        if op == Op.DESCRIBE:
            return self.table.undescribed(operands[0])
        if op == Op.LOAD:
            return importlib.import_module(operands[0])
        if op == Op.RESOLVE:
            found: Any = importlib.import_module(operands[0])
            for name in operands[1].split("."):
                found = getattr(found, name)
            return found
        raise wire.WireError(f"expected an operation, got {op}")

    def _await(self, awaitable: Any, start: bool) -> Any:
        import asyncio  # only here: it takes half of the time that this side needs to come up

        # One loop for the process's life: what the submission schedules in it stays alive between calls.
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        if start:

            async def begin() -> Any:
                async def whole() -> Any:
                    return await awaitable

                return asyncio.ensure_future(whole())

            return self._loop.run_until_complete(begin())
        return self._loop.run_until_complete(awaitable)


def _snapshot(values: list[Any]) -> list[tuple[int, Any, Any]]:
    numpy = sys.modules.get("numpy")
    kept: list[tuple[int, Any, Any]] = []
    for number, item in enumerate(values):
        if type(item) in _MUTABLE or type(item) is collections.defaultdict:
            kept.append((number, item, _shallow(item)))
        elif numpy is not None and type(item) is numpy.ndarray:
            kept.append((number, item, item.copy()))
    return kept


def _shallow(item: Any) -> Any:
    return item.copy()


def _changed(item: Any, old: Any) -> bool:
    if isinstance(item, dict):
        return len(item) != len(old) or any(
            a is not b or item[a] is not old[b] for a, b in zip(item, old, strict=True)
        )
    if isinstance(item, set | bytearray):
        return bool(item != old)
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(item) is numpy.ndarray:
        return bool(item.dtype != old.dtype or item.shape != old.shape or item.tobytes() != old.tobytes())
    return len(item) != len(old) or any(a is not b for a, b in zip(item, old, strict=True))


class _Input(io.TextIOBase):
    """Standard input as the submission sees it: what the test put there, else empty."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def readable(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return str(self._ask(Ask.STDIN, 0, "readline"))

    def read(self, size: int | None = -1, /) -> str:
        return str(self._ask(Ask.STDIN, 0, "read"))

    def fileno(self) -> int:
        return 0

    encoding = "utf-8"


def main(line: socket.socket, *, folder: str, names: Iterable[str], limit_bytes: int) -> None:
    """Serve the grader from this process; never returns.

    Args:
        line: the connection for calls.
        folder: the submission's folder, the current one.
        names: its top-level modules.
        limit_bytes: the largest answer.
    """
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=False)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", line_buffering=True)
    vars(sys).update(__stdout__=sys.stdout, __stderr__=sys.stderr)
    random.seed(0)  # so that a run can be repeated
    loading.install(folder, names)
    served = Runner(line, limit_bytes=limit_bytes)

    def ask_input(prompt: object = "", /) -> str:
        """Read a line of standard input."""
        return str(served.ask(Ask.INPUT, 0, str(prompt)))

    ask_input.__name__ = ask_input.__qualname__ = "input"
    builtins.input = ask_input
    sys.stdin = _Input(served.ask)
    vars(sys).update(__stdin__=sys.stdin)
    served.serve()
