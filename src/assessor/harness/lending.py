"""What the grader lends to the learner's process: functions and objects that a test passed.

The rule: calls of functions, the special methods that the object's class has, and public attributes of
instances; never a module, frame, code object or anything of the test runner's. What an attribute gives is
lent by the same rule.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from typing import Any

from .calls import EXPORTED

_FUNCTIONS = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    functools.partial,
)
_NEVER = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, types.CellType)
#: Their public attributes lead to frames, and from there to everything.
_ITERATED_ONLY = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_RUNNERS = ("_pytest", "pytest", "pluggy", "hypothesis")


class Refused(TypeError):
    """An object that does not cross to the learner's side, or a use of one that is not allowed."""


def library_name(value: Any) -> tuple[str, str] | None:
    """Module and qualified name of a function or class of the standard library, or None.

    The learner's process finds its own by that name, so nothing has to be lent.
    """
    if isinstance(value, types.ModuleType):
        name = value.__name__
        return (name, "") if sys.modules.get(name) is value and _standard(name) else None
    if not isinstance(
        value, type | types.FunctionType | types.BuiltinFunctionType | types.MethodDescriptorType
    ):
        return None
    owner = getattr(value, "__objclass__", None)
    module = getattr(owner or value, "__module__", None)
    qualname = getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or not _standard(module):
        return None
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return (module, qualname) if found is value else None


def _standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"


def described(value: Any) -> tuple[str, str, list[str]]:
    """Kind, name and special methods of an object to be lent.

    Raises:
        Refused: it must not be.
    """
    check(value)
    if isinstance(value, _FUNCTIONS):
        name = getattr(value, "__name__", type(value).__name__)
        return ("coroutine function" if inspect.iscoroutinefunction(value) else "function"), str(name), []
    kind = type(value)
    specials = [
        name
        for name in EXPORTED
        if getattr(kind, name, None) is not None
        and getattr(kind, name, None) is not getattr(object, name, None)
        and not (kind is type and name == "__call__")
    ]
    if isinstance(value, type):
        return "object", value.__name__, ["__call__"]
    return "object", kind.__name__, specials


def check(value: Any) -> None:
    """Raises:
    Refused: the object must not be lent.
    """
    module = getattr(type(value), "__module__", "")
    own = getattr(value, "__module__", "") if isinstance(value, type | types.FunctionType) else ""
    for name in (module, own):
        if isinstance(name, str) and name.partition(".")[0] in _RUNNERS:
            raise Refused(f"an object of the test runner's ({type(value).__name__}) does not cross")
    if isinstance(value, _NEVER):
        raise Refused(f"expected data, a function or an object of the test's, got a {type(value).__name__}")


def attribute(value: Any, name: str) -> Any:
    """A public attribute of a lent object.

    Raises:
        Refused: the name is not public, or the object lends no attributes.
        AttributeError: there is none of that name.
    """
    if name.startswith("_"):
        raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r} for a submission")
    if isinstance(value, _FUNCTIONS + _ITERATED_ONLY) and name not in ("send", "throw", "close"):
        raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r} for a submission")
    return getattr(value, name)


def special(value: Any, name: str) -> Any:
    """A special method of a lent object, bound.

    Raises:
        Refused: it is not one of those that are lent.
    """
    method = getattr(type(value), name, None)
    if name not in EXPORTED or method is None:
        raise Refused(f"{type(value).__name__!r} object lends no {name!r}")
    return functools.partial(method, value)
