"""How the submission's objects look to a test: modules, functions, classes, instances, exceptions.

Comes in: the description of an object. Goes out: a real Python object of its kind: functions can be
inspected, classes work in `isinstance`, `except` and as bases. What they do crosses the bridge.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

from . import classes, exceptions, functions, instances, plain, remote, wire
from .bridge import Bridge
from .handles import Described, Ref


def make(b: Bridge, ref: Ref, described: Described) -> Any:
    """A proxy for an object at its first mention.

    Raises:
        wire.WireError: the description makes no sense.
    """
    maker = _MAKERS.get(described.kind)
    if maker is None:
        raise wire.WireError(f"expected the description of an object, got kind {described.kind!r:.40}")
    return maker(b, ref, described.data)


def _object(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    cls = data.get("class")
    if not isinstance(cls, classes.Class) or not issubclass(cls, instances.Object):
        cls = instances.Object
    proxy = cls.__new__(cls)
    object.__setattr__(proxy, remote.REF, ref)
    return proxy


def _value(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    cls, content = data.get("class"), data.get("data")
    if not isinstance(cls, classes.Class) or not issubclass(cls, instances.ValueMixin):
        return content
    base = next((base for base in plain.FROZEN_BASES if issubclass(cls, base)), None)
    if base is None or type(content) is not base:
        return content
    new: Any = base.__new__
    value = new(cls, content)
    object.__setattr__(value, remote.REF, ref)
    return value


def own_module(value: Any) -> types.ModuleType | None:
    """The grader's own library module of the name that a proxy of a module bears, if there is one."""
    name = _module_names.get(value) if type(value) is instances.Object else None
    if name is None or name.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
        return None
    return sys.modules.get(name)


_module_names: weakref.WeakKeyDictionary[instances.Object, str] = weakref.WeakKeyDictionary()


def _module(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    name = str(data.get("name"))
    if name.partition(".")[0] in b.modules:
        ref.path = (name, "")
    proxy = instances.Object.__new__(instances.Object)
    object.__setattr__(proxy, remote.REF, ref)
    _module_names[proxy] = name
    return proxy


_MAKERS: dict[str, Callable[[Bridge, Ref, dict[str, Any]], Any]] = {
    "function": functions.function,
    "class": classes.make,
    "object": _object,
    "module": _module,
    "generator": functions.generator,
    "coroutine": functions.coroutine,
    "async generator": functions.async_generator,
    "value": _value,
    "exception": exceptions.make,
}
