"""The submission's objects in messages, on the grader's side: handles for proxies, exports for what is lent.

Comes in: values of a test's, and tagged lists of the learner's. Goes out: tagged lists, and proxies. Calls
are left to `bridge`, how proxies look to a test to `proxies`.
"""

from __future__ import annotations

import abc
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import decoding, encoding, lending, plain, wire
from .calls import Op
from .failure import TestEnded
from .hub import Process
from .wire import Tag

_HANDLE, _EXPORT, _EXCEPTION = int(Tag.HANDLE), int(Tag.EXPORT), int(Tag.EXCEPTION)


class Ref:
    """Where a proxy's object lives: a process and a handle, and a path by which to find it in another.

    Attributes:
        process: where `handle` is good.
        handle: number of the object there.
        path: module and attribute path, or None for an object that has no name.
    """

    __slots__ = ("handle", "path", "process", "remake")

    def __init__(self, process: Process | None, handle: int, path: tuple[str, str] | None) -> None:
        self.process = process
        self.handle = handle
        self.path = path
        #: Makes the object anew in the process in use and puts its place here; for classes of a test's.
        self.remake: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Described:
    """What the learner's side says of an object at its first mention."""

    kind: str
    data: dict[str, Any]


class Handles(abc.ABC):
    """The part of the bridge that knows which object is which.

    Args:
        make: makes a proxy for a described object.
    """

    def __init__(self, make: Callable[[Ref, Described], Any]) -> None:
        self._make = make
        self._process: Process | None = None
        self.refs: weakref.WeakKeyDictionary[Any, Ref] = weakref.WeakKeyDictionary()
        #: Modules whose import ended its process: every later use ends its test at once.
        self.unloadable: dict[str, TestEnded] = {}

    @abc.abstractmethod
    def process(self) -> Process:
        """The process in use, a fresh one if need be."""

    @abc.abstractmethod
    def request(self, op: int, *operands: Any) -> Any:
        """What the learner's side answers."""

    @abc.abstractmethod
    def end_test(self, reason: str, message: str) -> TestEnded:
        """The exception that ends the running test."""

    # From the grader

    def _write(self, encoder: encoding.Encoder, value: Any, depth: int) -> Any:
        if self._process is not None:
            lent = self._process.lent.get(id(value))
            if lent is not None:
                return lent
        ref = self.ref(value)
        if ref is not None:
            return [_HANDLE, self.handle(ref)]
        kind = type(value)
        if not isinstance(value, type) and issubclass(kind, plain.DATA_BASES):
            return encoder.base_data(value, depth)
        named = lending.library_name(value)
        if named is not None:
            return [int(Tag.NAMED), *named] if named[1] else [int(Tag.NAMED), named[0], ""]
        refuse = getattr(kind, "_assessor_refuse", None)
        if refuse is not None:
            refuse(value)
        said = [_EXPORT, self._lend(value), *lending.described(value)]
        self.process().lent[id(value)] = said
        return said

    def _lend(self, value: Any) -> int:
        process = self.process()
        known = process.export_ids.get(id(value))
        if known is None:
            known = len(process.exports) + 1
            process.exports[known] = value
            process.export_ids[id(value)] = known
        return known

    def ref(self, value: Any) -> Ref | None:
        """Where the object of a proxy lives; None for anything else."""
        kind = type(value)
        if isinstance(value, types.FunctionType | types.GeneratorType | types.CoroutineType):
            return self.refs.get(value)
        if getattr(kind, "_assessor_proxy", False):
            found = object.__getattribute__(value, "_assessor_ref")
            return found if isinstance(found, Ref) else None
        if isinstance(value, type):
            found = vars(value).get("_assessor_class_ref")
            return found if isinstance(found, Ref) else None
        return None

    def handle(self, ref: Ref) -> int:
        """The handle of a proxy's object in the process in use.

        Raises:
            TestEnded: the object lived in a process that has ended, and has no name to find it by again.
        """
        __tracebackhide__ = True
        process = self._process
        if process is None or not process.alive:
            process = self.process()
        if ref.process is process:
            return ref.handle
        if ref.path is None and ref.remake is not None:
            ref.remake()
            return ref.handle
        if ref.path is None:
            raise self.end_test(
                "error", "an object of the submission's was used after the process that held it had ended"
            )
        module, path = ref.path
        self._check_loadable(module)
        found = self.request(Op.RESOLVE, module, path) if path else self.request(Op.LOAD, module)
        new = self.ref(found)
        if new is None or new.process is not process:
            raise self.end_test("error", f"{module}.{path} is another object in a fresh process")
        if new is not ref:
            # Two proxies for one object: the new one is held so that the handle stays good.
            ref.process, ref.handle = process, new.handle
            process.kept.append(found)
        return ref.handle

    def _check_loadable(self, module: str) -> None:
        ended = self.unloadable.get(module)
        if ended is not None:
            raise self.end_test(ended.reason, ended.message)

    # To the grader

    def _read(self, decoder: decoding.Decoder, said: list[Any], depth: int) -> Any:
        tag = said[0]
        process = self._process
        if process is None:
            raise wire.WireError("expected a process")
        if tag == _EXPORT:
            return process.exports[wire.plain_int(said[1])]
        if tag == _EXCEPTION:
            return self._read_exception(process, decoder, said, depth)
        handle = wire.plain_int(said[1])
        known = self._known(process, handle)
        if known is not None:
            return known
        if len(said) == 2:
            # Its proxy has gone while this message was on its way: the object is still held there.
            process.dead.pop(handle, None)
            return self._again(handle)
        if tag == Tag.VALUE:
            data = {"class": decoder.value(said[2], depth + 1), "data": decoder.value(said[3], depth + 1)}
            described = Described(kind="value", data=data)
        elif tag == Tag.HANDLE:
            data = decoder.value(said[2], depth + 1)
            if type(data) is not dict or type(data.get("kind")) is not str:
                raise wire.WireError("expected the description of an object")
            described = Described(kind=data["kind"], data=data)
        else:
            raise wire.WireError(f"expected a tag of the learner's, got {tag}")
        return self._made(process, handle, described)

    def _known(self, process: Process, handle: int) -> Any:
        found = process.proxies.get(handle)
        if found is None:
            return None
        proxy = found()
        if proxy is None:
            return None
        process.dead.pop(handle, None)
        ref = self.ref(proxy)
        if ref is not None and ref.process is not process:
            # A class or function that was last seen in another test file's process.
            ref.process, ref.handle = process, handle
        return proxy

    def _again(self, handle: int) -> Any:
        try:
            return self.request(Op.DESCRIBE, handle)
        except Exception as error:
            raise wire.WireError(f"expected an object that was described before: {error}") from error

    def _made(self, process: Process, handle: int, described: Described) -> Any:
        path = described.data.get("path")
        ref = Ref(process, handle, tuple(path) if type(path) is list and len(path) == 2 else None)
        proxy = self._make(ref, described)
        self.remember(process, handle, proxy)
        return proxy

    def remember(self, process: Process, handle: int, proxy: Any) -> None:
        """Keep one proxy for one object, and let the object go when the proxy goes."""
        dead = process.dead

        def gone(_: Any, handle: int = handle) -> None:
            dead[handle] = None

        try:
            process.proxies[handle] = weakref.ref(proxy, gone)
        except TypeError:
            # A number or a text with a class cannot be watched: it is held to the process's end.
            process.proxies[handle] = partial(_given, proxy)
        process.dead.pop(handle, None)

    def _read_exception(
        self, process: Process, decoder: decoding.Decoder, said: list[Any], depth: int
    ) -> Any:
        handle = wire.plain_int(said[1])
        parts = [decoder.value(item, depth + 1) for item in said[2:7]]
        cause = None if said[7] is None else decoder.value(said[7], depth + 1)
        known = self._known(process, handle)
        if known is not None:
            return known
        cls, args, text, notes, where = parts
        data = {"class": cls, "args": args, "text": text, "notes": notes, "where": where, "cause": cause}
        error = self._make(Ref(process, handle, None), Described(kind="exception", data=data))
        self.remember(process, handle, error)
        return error


def _given(value: Any) -> Any:
    return value
