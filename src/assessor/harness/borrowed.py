"""What a test passed, as the learner's process sees it: functions and objects that stay with the grader.

Only calling, the special methods that the object has, and public attributes are asked for; whether an
answer comes is decided on the other side. Runs in the learner's process.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from .calls import Ask

_OWN = "_export_"


class Borrowed:
    """All that the grader has lent to this process, by export id."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._functions: dict[int, tuple[Any, int]] = {}
        self._classes: dict[tuple[str, tuple[str, ...]], type] = {}
        self._raised: dict[int, tuple[BaseException, int]] = {}
        self._stand_ins: dict[tuple[str, str], type[BaseException]] = {}
        self._lent: dict[int, Any] = {}

    def lent(self, export: int, kind: str, name: str, specials: list[str]) -> Any:
        """What stands here for the grader's object; the same one for the same export."""
        known = self._lent.get(export)
        if known is None:
            if kind == "function":
                known = self._function(export, name)
                self._functions[id(known)] = (known, export)
            elif kind == "coroutine function":
                known = self._coroutine_function(export, name)
                self._functions[id(known)] = (known, export)
            else:
                known = self._class(name, tuple(specials))(export)
            self._lent[export] = known
        return known

    def export_of(self, value: Any) -> int | None:
        """The export id of something lent, or None for anything else."""
        found = self._functions.get(id(value))
        if found is not None:
            return found[1]
        if type(type(value)) is _Lent:
            return int(object.__getattribute__(value, _OWN))
        return None

    def exception(
        self, name: str, base: str, args: tuple[Any, ...], export: int, remote: Any
    ) -> BaseException:
        """An exception that a lent function raised, to be raised here."""
        if remote is not None:
            error: BaseException = remote
        else:
            cls = getattr(builtins, base)
            if name != base:
                key = (name, base)
                cls = self._stand_ins.setdefault(key, type(name, (cls,), {"__module__": "builtins"}))
            try:
                error = cls(*args)
            except TypeError:
                error = cls.__new__(cls, *args)
        self._raised[id(error)] = (error, export)
        return error

    def raised_as(self, error: BaseException) -> int | None:
        """The export id of an exception that came from a lent function, or None."""
        found = self._raised.get(id(error))
        return None if found is None else found[1]

    def _function(self, export: int, name: str) -> Any:
        ask = self._ask

        def function(*args: Any, **kwargs: Any) -> Any:
            return ask(Ask.CALL, export, args, kwargs)

        function.__name__ = function.__qualname__ = name
        function.__module__ = "__main__"
        return function

    def _coroutine_function(self, export: int, name: str) -> Any:
        ask = self._ask

        async def function(*args: Any, **kwargs: Any) -> Any:
            return ask(Ask.OPERATE, export, "await", args, kwargs)

        function.__name__ = function.__qualname__ = name
        function.__module__ = "__main__"
        return function

    def _class(self, name: str, specials: tuple[str, ...]) -> type:
        key = (name, specials)
        known = self._classes.get(key)
        if known is None:
            ask = self._ask
            space: dict[str, Any] = {"__module__": "__main__", "__slots__": (_OWN, "__weakref__")}

            def get(self: Any, attribute: str) -> Any:
                return ask(Ask.GET, object.__getattribute__(self, _OWN), attribute)

            def begin(self: Any, export: int) -> None:
                object.__setattr__(self, _OWN, export)

            space["__getattr__"], space["__init__"] = get, begin
            for special in specials:
                space[special] = _special(ask, special)
            if "__eq__" in space:
                space.setdefault("__hash__", object.__hash__)
            known = self._classes[key] = _Lent(name, (), space)
        return known


class _Lent(type):
    """The class of classes that stand for the grader's objects."""


def _special(ask: Callable[..., Any], name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        export = object.__getattribute__(self, _OWN)
        if name == "__call__":
            return ask(Ask.CALL, export, args, kwargs)
        return ask(Ask.OPERATE, export, name, args, kwargs)

    method.__name__ = name
    return method
