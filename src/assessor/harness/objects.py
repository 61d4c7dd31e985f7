"""The learner's objects as handles, with a description of each at its first mention.

Runs in the learner's process. A handle names one object for as long as the grader holds it.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from . import decoding, encoding, plain, wire
from .borrowed import Borrowed
from .wire import Tag

_TEXT = 4000
_HERE = os.path.dirname(os.path.abspath(__file__))
_MAX_NOTES = 20


class Table:
    """Live objects by handle, and the handle of each."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._handles: dict[int, int] = {}
        self._next = 1
        self._new: list[int] = []
        self._described: set[int] = set()

    def get(self, handle: int) -> Any:
        """The object of a handle.

        Raises:
            ReferenceError: the handle was released, or never given.
        """
        try:
            return self._objects[handle]
        except KeyError:
            raise ReferenceError(f"no object {handle}") from None

    def handle(self, value: Any) -> tuple[int, bool]:
        """The handle of an object, and whether this is its first mention."""
        handle = self._handles.get(id(value))
        if handle is None:
            handle = self._next
            self._next += 1
            self._objects[handle] = value
            self._handles[id(value)] = handle
        elif handle in self._described:
            return handle, False
        self._described.add(handle)
        self._new.append(handle)
        return handle, True

    def undescribed(self, handle: int) -> Any:
        """The object of a handle, to be described again at its next mention."""
        self._described.discard(handle)
        return self.get(handle)

    def release(self, handle: int) -> None:
        """Forget an object that the grader no longer holds."""
        self._described.discard(handle)
        if handle in self._objects:
            del self._handles[id(self._objects.pop(handle))]

    def keep_new(self) -> None:
        """The message that mentioned the newest handles is on its way."""
        self._new.clear()

    def forget_new(self) -> None:
        """The message that mentioned the newest handles will not be sent."""
        while self._new:
            self.release(self._new.pop())


def writer(table: Table, borrowed: Borrowed) -> encoding.Foreign:
    """What turns an object that is not plain data into its tagged form."""

    def write(encoder: encoding.Encoder, value: Any, depth: int) -> Any:
        export = borrowed.export_of(value)
        if export is not None:
            return [int(Tag.EXPORT), export]
        if isinstance(value, BaseException) and not isinstance(value, type):
            return write_exception(encoder, value, table, borrowed, depth)
        kind = type(value)
        if issubclass(kind, plain.DATA_BASES):
            if not issubclass(kind, plain.FROZEN_BASES):
                return encoder.base_data(value, depth)
            handle, new = table.handle(value)
            said: list[Any] = [int(Tag.VALUE), handle]
            if new:
                said += [encoder.value(kind, depth + 1), encoder.base_data(value, depth)]
            return said
        handle, new = table.handle(value)
        if not new:
            return [int(Tag.HANDLE), handle]
        return [int(Tag.HANDLE), handle, encoder.value(_describe(value), depth + 1)]

    return write


def reader(table: Table, borrowed: Borrowed) -> decoding.Foreign:
    """What turns a tagged form of the grader's into an object here."""

    def read(decoder: decoding.Decoder, said: list[Any], depth: int) -> Any:
        tag = said[0]
        if tag == Tag.HANDLE:
            return table.get(said[1])
        if tag == Tag.EXPORT:
            return borrowed.lent(*said[1:])
        if tag == Tag.NAMED:
            found: Any = importlib.import_module(said[1])
            for name in said[2].split("."):
                found = getattr(found, name)
            return found
        raise wire.WireError(f"expected a tag of the grader's, got {tag}")

    return read


def write_exception(
    encoder: encoding.Encoder, error: BaseException, table: Table, borrowed: Borrowed, depth: int
) -> list[Any]:
    """The tagged form of an exception: its class, arguments, text, cause, and where it was raised."""
    origin = borrowed.raised_as(error)
    if origin is not None:
        return [int(Tag.EXPORT), origin]
    handle, _ = table.handle(error)
    try:
        args = encoder.value(tuple(error.args), depth + 1)
    except wire.WireError:
        args = encoder.value(tuple(repr(item)[:200] for item in error.args), depth + 1)
    try:
        text = str(error)
    except Exception as inner:  # its own `__str__` may fail
        text = f"<{type(inner).__name__} in __str__>"
    cause = error.__cause__
    return [
        int(Tag.EXCEPTION),
        handle,
        encoder.value(type(error), depth + 1),
        args,
        encoder.value(_plain(text)),
        encoder.value([_plain(str(note)) for note in getattr(error, "__notes__", [])[:_MAX_NOTES]]),
        encoder.value(_where(error.__traceback__)),
        None if cause is None or depth > 8 else write_exception(encoder, cause, table, borrowed, depth + 1),
    ]


def _plain(text: str) -> str:
    return str.__str__(text)[:_TEXT].encode("utf-8", "replace").decode()


def _where(traceback: types.TracebackType | None) -> list[str]:
    lines: list[str] = []
    while traceback is not None and len(lines) < 200:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_HERE):
            lines.append(f"{os.path.basename(code.co_filename)}:{traceback.tb_lineno}: in {code.co_name}")
        traceback = traceback.tb_next
    return lines if len(lines) <= 12 else [*lines[:6], "...", *lines[-5:]]


def _describe(value: Any) -> dict[str, Any]:
    if isinstance(value, type):
        return _describe_class(value)
    if isinstance(value, types.ModuleType):
        return {"kind": "module", "name": value.__name__, "doc": _doc(value)}
    if inspect.isroutine(value):
        return _describe_function(value)
    if inspect.iscoroutine(value):
        return {"kind": "coroutine"}
    if inspect.isgenerator(value):
        return {"kind": "generator"}
    if inspect.isasyncgen(value):
        return {"kind": "async generator"}
    return {"kind": "object", "class": type(value)}


def _doc(value: Any) -> str | None:
    doc = getattr(value, "__doc__", None)
    return _plain(doc) if isinstance(doc, str) else None


def _named(value: Any) -> dict[str, Any]:
    name = getattr(value, "__name__", None)
    qualname = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", None)
    return {
        "name": _plain(name) if isinstance(name, str) else type(value).__name__,
        "qualname": _plain(qualname) if isinstance(qualname, str) else None,
        "module": _plain(module) if isinstance(module, str) else None,
        "doc": _doc(value),
        "path": _path(value, module, qualname),
    }


def _path(value: Any, module: Any, qualname: Any) -> list[str] | None:
    if not isinstance(module, str) or not isinstance(qualname, str):
        return None
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return [module, qualname] if found is value else None


def _describe_function(value: Any) -> dict[str, Any]:
    code = getattr(value, "__code__", None)
    said = {"kind": "function", **_named(value), "signature": _signature(value)}
    if inspect.iscoroutinefunction(value):
        said["flavour"] = "coroutine"
    elif inspect.isasyncgenfunction(value):
        said["flavour"] = "async generator"
    elif inspect.isgeneratorfunction(value):
        said["flavour"] = "generator"
    else:
        said["flavour"] = "plain"
    if code is not None:
        said["file"] = os.path.basename(code.co_filename)
        said["line"] = code.co_firstlineno
    return said


def _signature(value: Any) -> list[Any] | None:
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return None
    empty = inspect.Parameter.empty
    parameters = [
        [
            name,
            int(parameter.kind),
            parameter.default is not empty,
            None if parameter.default is empty else _shown(parameter.default),
            parameter.annotation is not empty,
            None if parameter.annotation is empty else _shown(parameter.annotation),
        ]
        for name, parameter in signature.parameters.items()
    ]
    returned = signature.return_annotation
    return [parameters, returned is not empty, None if returned is empty else _shown(returned)]


def _shown(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, type) and plain.TYPES.get(value.__name__) is value:
        return value
    if type(value) is tuple:
        return tuple(_shown(item) for item in value)
    try:
        return {"repr": _plain(repr(value))}
    except Exception:  # its own `__repr__` may fail
        return {"repr": "<...>"}


def _describe_class(value: type) -> dict[str, Any]:
    own = [
        cls for cls in value.__mro__ if cls not in (object, BaseException, Exception) and not _library(cls)
    ]
    specials = sorted(
        {
            name
            for cls in value.__mro__
            if cls is not object and not (issubclass(cls, BaseException) and _library(cls))
            for name, item in vars(cls).items()
            if name.startswith("__") and name.endswith("__") and item is not None
        }
    )
    meta = sorted(
        {
            name
            for cls in inspect.getmro(type(value))
            if cls not in (type, object)
            for name in vars(cls)
            if name in ("__iter__", "__len__", "__getitem__", "__contains__", "__reversed__", "__call__")
        }
    )
    functions = {
        name: [*_kind(item), _signature(getattr(value, name, None)), _doc(item)]
        for name, item in vars(value).items()
        if isinstance(item, types.FunctionType | staticmethod | classmethod)
        and not (name.startswith("__") and name.endswith("__"))
    }
    fields = getattr(value, "__dataclass_fields__", None)
    return {
        "kind": "class",
        **_named(value),
        "library": _library(value),
        "bases": tuple(cls for cls in value.__bases__ if cls is not object),
        "specials": specials,
        "meta": meta,
        "functions": functions,
        "unhashable": value.__hash__ is None,
        "hashes": any("__hash__" in vars(cls) and vars(cls)["__hash__"] is not None for cls in own),
        "fields": [[str(name), _shown(item.type)] for name, item in fields.items()]
        if isinstance(fields, dict) and dataclasses.is_dataclass(value)
        else None,
        "tuple_fields": list(getattr(value, "_fields", ()))
        if issubclass(value, tuple) and hasattr(value, "_fields")
        else None,
        "signature": _signature(value),
    }


def _library(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names and cls.__module__ != "__main__"


def _kind(item: Any) -> tuple[str, str]:
    if isinstance(item, staticmethod):
        return "static", _flavour(item.__func__)
    if isinstance(item, classmethod):
        return "class", _flavour(item.__func__)
    return "method", _flavour(item)


def _flavour(function: Callable[..., Any]) -> str:
    if inspect.iscoroutinefunction(function):
        return "coroutine"
    if inspect.isasyncgenfunction(function):
        return "async generator"
    return "generator" if inspect.isgeneratorfunction(function) else "plain"
