"""Operators and other special methods of the submission's classes.

Comes in: names of operations. Goes out: methods for stand-in classes. Rules that keep them honest stand
where they apply: a comparison is asked of the submission only when both sides are the submission's; an
operator with plain data is asked only of classes that the test itself names.
"""

from __future__ import annotations

from typing import Any

from . import plain, remote


def theirs(value: Any) -> bool:
    """Whether a value is an object of the submission's that holds no plain data."""
    return getattr(type(value), "_assessor_proxy", False) and not isinstance(value, plain.DATA_BASES)


def _compared(name: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        __tracebackhide__ = True
        # Never asked about plain data: an object that equals everything would equal the expected value.
        if not theirs(other):
            return NotImplemented
        return remote.operate(name, self, other)

    return method


def _named(cls: type) -> bool:
    return any(vars(base).get("_assessor_named", False) for base in cls.__mro__)


def _binary(name: str, *, reflected: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        __tracebackhide__ = True
        # An object that the test did not ask for must not see the expected value in `result - expected`.
        if not theirs(other) and not _named(type(self)):
            return NotImplemented
        return remote.operate(name, other, self) if reflected else remote.operate(name, self, other)

    return method


def _unary(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        __tracebackhide__ = True
        return remote.operate(name, self, *args)

    return method


def typed(name: str, kind: type) -> Any:
    """A special method whose result is of an exact type, as Python asks of it."""

    def method(self: Any, *args: Any) -> Any:
        __tracebackhide__ = True
        found = remote.operate(name, self, *args)
        if type(found) is not kind:
            raise TypeError(f"expected {kind.__name__} from {name}(), got {type(found).__name__}")
        return found

    return method


def _called(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return remote.method(self, name, *args, **kwargs)

    return method


def _contains(self: Any, item: Any) -> bool:
    __tracebackhide__ = True
    if theirs(item) or _named(type(self)):
        return bool(remote.operate("contains", self, item))
    return any(found is item or found == item for found in remote.operate("iter", self))


#: The special methods that a class of the submission's may have, by name.
SPECIALS: dict[str, Any] = {
    "__eq__": _compared("eq"),
    "__ne__": _compared("ne"),
    "__lt__": _compared("lt"),
    "__le__": _compared("le"),
    "__gt__": _compared("gt"),
    "__ge__": _compared("ge"),
    "__contains__": _contains,
    "__len__": typed("len", int),
    "__bool__": typed("bool", bool),
    "__str__": typed("str", str),
    "__format__": typed("format", str),
    "__bytes__": typed("bytes", bytes),
    "__int__": typed("int", int),
    "__float__": typed("float", float),
    "__complex__": typed("complex", complex),
    "__index__": typed("index", int),
    "__fspath__": typed("fspath", str),
    "__iter__": _unary("iter"),
    "__next__": _unary("next"),
    "__reversed__": _unary("reversed"),
    "__getitem__": _unary("getitem"),
    "__setitem__": _unary("setitem"),
    "__delitem__": _unary("delitem"),
    "__round__": _unary("round"),
    "__abs__": _unary("abs"),
    "__neg__": _unary("neg"),
    "__pos__": _unary("pos"),
    "__invert__": _unary("invert"),
    "__aiter__": _unary("aiter"),
    "__anext__": _called("__anext__"),
    "__aenter__": _called("__aenter__"),
    "__aexit__": _called("__aexit__"),
    "__call__": _called("__call__"),
    "__enter__": _called("__enter__"),
    "__exit__": _called("__exit__"),
    "__trunc__": _called("__trunc__"),
    "__floor__": _called("__floor__"),
    "__ceil__": _called("__ceil__"),
    **{
        f"__{prefix}{name}__": _binary(
            {"and": "and_", "or": "or_"}.get(prefix + name, prefix + name)
            if prefix != "r"
            else {"and": "and_", "or": "or_"}.get(name, name),
            reflected=prefix == "r",
        )
        for name in (
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul"),
            *("lshift", "rshift", "and", "or", "xor"),
        )
        for prefix in ("", "r", "i")
        if not (prefix == "i" and name == "divmod")
    },
}
#: What a class whose instances cross as plain data may still say for itself.
VALUE_SPECIALS = ("__str__", "__repr__", "__format__")
