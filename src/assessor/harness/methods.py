"""Methods of the submission's classes, as attributes of their stand-ins."""

from __future__ import annotations

import contextlib
import inspect
import types
from typing import Any

from . import appearance, remote
from .calls import Op


def stub(name: str, said: list[Any]) -> Any:
    """A method, class method or static method for a stand-in class.

    Args:
        name: its name.
        said: its kind, its flavour (plain or coroutine), its signature and its docstring, as described.
    """
    kind, flavour, signature, doc = said

    def plain_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        b, handle = remote.handle(self)
        return b.request(1, handle, name, kwargs or None, *args)

    async def coroutine_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        b, handle = remote.handle(self)
        return await b.request(Op.METHOD, handle, name, kwargs or None, *args)

    method: Any = coroutine_method if flavour == "coroutine" else plain_method
    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc if isinstance(doc, str) else None
    shape = appearance.signature(signature)
    if kind == "method":
        if shape is not None:
            method.__signature__ = shape
        return _Method(method)
    if shape is not None:
        with contextlib.suppress(ValueError):
            first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
            method.__signature__ = shape.replace(parameters=[first, *shape.parameters.values()])
    return _OnClass(method)


class _Method:
    """A method: through the class a function of its own, through an instance bound to it.

    A method called as `super().name()` in a subclass that a test defines means the base's own.
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        self._name = function.__name__
        self._owner: Any = None

    def __set_name__(self, owner: Any, name: str) -> None:
        self._owner = owner
        self._assessor_stub = self._function._assessor_stub = (owner, name)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self._function
        if vars(type(instance)).get("_assessor_local") or _local(type(instance)):
            return types.MethodType(self._of_base, instance)
        return types.MethodType(self._function, instance)

    def _of_base(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return remote.operate("base_call", self._owner, self._name, instance, args, kwargs)


def _local(cls: type) -> bool:
    return any("_assessor_local" in vars(base) for base in cls.__mro__)


class _OnClass:
    """A class method or static method: called on the class, whatever it is reached through."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __set_name__(self, owner: Any, name: str) -> None:
        self._assessor_stub = self._function._assessor_stub = (owner, name)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return types.MethodType(self._function, owner)
