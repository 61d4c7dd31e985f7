"""What the grader may have done with the submission's objects, by name: the operations of `Op.OPERATE`.

Runs in the learner's process.
"""

from __future__ import annotations

import importlib
import inspect
import operator
import os
import sys
from collections.abc import Callable
from typing import Any


def _subclass(
    name: str,
    bases: tuple[type, ...],
    functions: dict[str, Any],
    getters: dict[str, Any],
    data: dict[str, Any],
) -> type:
    properties = {key: property(getter) for key, getter in getters.items()}
    made: type = type(bases[0])(name, bases, {**functions, **properties, **data, "__module__": "__main__"})
    return made


def _static(owner: type, name: str) -> list[Any]:
    return [vars(owner)[name]] if name in vars(owner) else []


def _restore(owner: type, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _base_call(owner: type, name: str, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return getattr(owner, name)(instance, *args, **kwargs)


def _reload(module: Any) -> Any:
    sys.modules.pop(module, None)
    return importlib.import_module(module)


def _contains(container: Any, item: Any) -> bool:
    return bool(item in container)


def _variables(value: Any) -> dict[str, Any]:
    return {str(name): item for name, item in vars(value).items() if name != "__builtins__"}


def _source(value: Any) -> str:
    path = inspect.getsourcefile(value)
    if path is None:
        raise OSError("no source")
    with open(path, encoding="utf-8") as file:
        return file.read(1 << 20)


async def _anext(iterator: Any) -> Any:
    return await anext(iterator)


#: Operations by name; those that need the runner are its own.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "iter": iter,
    "next": next,
    "reversed": reversed,
    "contains": _contains,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "repr": repr,
    "str": str,
    "format": format,
    "bytes": bytes,
    "hash": hash,
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "index": operator.index,
    "round": round,
    "abs": abs,
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
    "fspath": os.fspath,
    "dir": dir,
    "vars": _variables,
    "source": _source,
    "aiter": aiter,
    "anext": _anext,
    "divmod": divmod,
    "pow": pow,
    "subclass": _subclass,
    "static": _static,
    "restore": _restore,
    "base_call": _base_call,
    "reload": _reload,
    **{
        name: getattr(operator, name)
        for name in (
            *("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod"),
            *("matmul", "lshift", "rshift", "and_", "or_", "xor", "iadd", "isub", "imul", "itruediv"),
            *("ifloordiv", "imod", "imatmul", "ipow", "iand", "ior", "ixor", "ilshift", "irshift"),
        )
    },
}
