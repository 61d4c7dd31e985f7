"""Classes of the submission's: real ones, made from a description, whose instances live on the other side.

Comes in: the description of a class, or a test's `class Own(solution.Theirs)`. Goes out: a class that works
in `isinstance`, `except` and as a base.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import pathlib
import sys
import types
import uuid
from typing import Any

from . import appearance, instances, methods, operators, plain, remote
from .bridge import Bridge
from .calls import Op
from .handles import Ref


class Class(type):
    """The class of the submission's classes as a test sees them."""

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any], **kwargs: Any) -> Any:
        if space.pop("_assessor_described", False):
            return super().__new__(mcs, name, bases, space)
        # A test derives a class of its own: its instances live on the other side like those of its base.
        near = {**space, "_assessor_local": True, "_assessor_kept": {}}
        if not any(issubclass(base, (BaseException, instances.ValueMixin)) for base in bases):
            near.setdefault("__slots__", ())
        cls = super().__new__(mcs, name, bases, near)
        _derive(cls, bases, space)
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(name, bases, space)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        b, handle = remote.class_handle(cls)
        return b.request(Op.CALL, handle, kwargs or None, *args)

    def __getattr__(cls, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith("__") and name.endswith("__") and name not in ("__members__", "__match_args__"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        b, handle = remote.class_handle(cls)
        return b.request(Op.GET, handle, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        __tracebackhide__ = True
        if name.startswith(("_assessor_", "__")):
            type.__setattr__(cls, name, value)
            return
        stub = getattr(value, "_assessor_stub", None)
        kept = vars(cls)["_assessor_kept"]
        if stub == (cls, name) and kept.get(name):
            remote.give_back(cls, name, kept)
            return
        remote.keep(cls, name, kept)
        b, handle = remote.class_handle(cls)
        b.request(Op.SET, handle, name, value)

    def __delattr__(cls, name: str) -> None:
        __tracebackhide__ = True
        if remote.give_back(cls, name, vars(cls)["_assessor_kept"]):
            return
        b, handle = remote.class_handle(cls)
        b.request(Op.DELETE, handle, name)

    def __dir__(cls) -> list[str]:
        return [str(name) for name in remote.operate("dir", cls)]

    def _meta(cls, name: str) -> None:
        if name not in cls.__dict__.get("_assessor_meta", ()):
            raise TypeError(f"type {cls.__name__!r} does not support {name}")

    def __iter__(cls) -> Any:
        cls._meta("__iter__")
        return remote.operate("iter", cls)

    def __len__(cls) -> int:
        cls._meta("__len__")
        return int(remote.operate("len", cls))

    def __bool__(cls) -> bool:
        return True

    def __getitem__(cls, key: Any) -> Any:
        if "__getitem__" in cls.__dict__.get("_assessor_meta", ()):
            return remote.operate("getitem", cls, key)
        return cls

    def __contains__(cls, item: Any) -> bool:
        cls._meta("__contains__")
        return bool(remote.operate("contains", cls, item))


def _derive(cls: Any, bases: tuple[type, ...], space: dict[str, Any]) -> None:
    functions = {name: item for name, item in space.items() if isinstance(item, types.FunctionType)}
    getters = {name: item.fget for name, item in space.items() if isinstance(item, property)}
    data = {
        name: item
        for name, item in space.items()
        if not name.startswith("__") and type(item) in (bool, int, float, str, bytes, tuple, list, dict)
    }
    far = tuple(base for base in bases if isinstance(base, Class))

    def remake() -> None:
        _adopting.append(cls)
        try:
            remote.operate("subclass", cls.__name__, far, functions, getters, data)
        finally:
            _adopting.clear()

    ref = Ref(None, 0, None)
    ref.remake = remake
    type.__setattr__(cls, remote.CLASS_REF, ref)
    remake()


#: The class of a test's that the next described class stands for.
_adopting: list[Any] = []


def make(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    """The described class: the one that a test had before, our library's own, or a new stand-in."""
    name, module = str(data.get("name")), data.get("module")
    if _adopting:
        adopted = _adopting.pop()
        _moved(adopted, ref)
        return adopted
    if data.get("library"):
        found = _library_class(module, data.get("qualname"))
        if found is not None:
            return found
    if ref.path is not None:
        known = _known.get(ref.path)
        if known is not None:
            _moved(known, ref)
            return known
    bases = [base for base in data.get("bases", ()) if isinstance(base, type)]
    chosen: list[type]
    failing: list[type] = [base for base in bases if issubclass(base, BaseException)]
    frozen = [base for base in bases if issubclass(base, plain.FROZEN_BASES) and base is not object]
    base = BaseException if failing else frozen[0] if frozen else instances.Object
    space = _space(ref, data, base)
    if failing:
        if not any(isinstance(base, Class) for base in failing):
            failing.insert(0, instances.RaisedMixin)
        chosen = failing
    elif frozen:
        chosen = frozen[:1] if isinstance(frozen[0], Class) else [instances.ValueMixin, frozen[0]]
    else:
        chosen = [base for base in bases if isinstance(base, Class)] or [instances.Object]
        space["__slots__"] = ()
    space["_assessor_described"] = True
    cls: Any
    try:
        cls = Class(name, tuple(chosen), space)
    except TypeError:
        # The order of bases that the other side can have may not exist for their stand-ins.
        space["_assessor_described"] = True
        cls = Class(name, tuple(chosen[:1]), space)
    appearance.dress(cls, data)
    if ref.path is not None:
        _known[ref.path] = cls
    return cls


_known: dict[tuple[str, str], Any] = {}


def _moved(cls: Any, ref: Ref) -> None:
    own: Ref = vars(cls)[remote.CLASS_REF]
    own.process, own.handle = ref.process, ref.handle


def _library_class(module: Any, qualname: Any) -> type | None:
    """Our own class of the standard library's of that name, where a test could have got it from."""
    if not isinstance(module, str) or not isinstance(qualname, str):
        return None
    if module.partition(".")[0] not in sys.stdlib_module_names or module.startswith(("unittest", "bdb")):
        return None
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or type(found) is not type:
        return None
    if (found.__module__, found.__qualname__) != (module, qualname):
        return None
    return found if issubclass(found, (Exception, *plain.DATA_BASES)) or found in _LIBRARY_DATA else None


_LIBRARY_DATA = (
    *(datetime.date, datetime.time, datetime.datetime, datetime.timedelta),
    *(uuid.UUID, pathlib.Path, pathlib.PurePath),
)


def _space(ref: Ref, data: dict[str, Any], base: type) -> dict[str, Any]:
    """The attributes of a stand-in class.

    The description is the word of a process that may lie: it never names a special method beyond the table,
    nor anything that the stand-in's own base has.
    """
    value = issubclass(base, plain.FROZEN_BASES)
    space: dict[str, Any] = {
        remote.CLASS_REF: ref,
        "_assessor_kept": {},
        "_assessor_meta": frozenset(str(name) for name in data.get("meta", ())),
    }
    specials = [str(name) for name in data.get("specials", ())]
    for name in specials:
        if name in operators.SPECIALS and (not value or name in operators.VALUE_SPECIALS):
            space[name] = operators.SPECIALS[name]
    if not value:
        if "__hash__" in specials and data.get("hashes"):
            space["__hash__"] = operators.typed("hash", int)
        elif data.get("unhashable"):
            space["__hash__"] = None
        elif "__eq__" in space:
            space["__hash__"] = object.__hash__
        if "__init__" in specials:
            space["__init__"] = methods.stub("__init__", ["method", "plain", None, None])
    taken = frozenset(dir(base))
    functions = data.get("functions")
    for name, said in functions.items() if type(functions) is dict else ():
        if type(said) is list and len(said) == 4 and _free(name, taken):
            space[name] = methods.stub(name, said)
    fields = data.get("fields")
    if type(fields) is list:
        space["__dataclass_fields__"] = {str(name): _field(str(name), kind) for name, kind in fields}
    tuple_fields = data.get("tuple_fields")
    if type(tuple_fields) is list and all(_free(name, frozenset()) for name in tuple_fields):
        space["_fields"] = tuple(tuple_fields)
        for index, name in enumerate(tuple_fields):
            space[name] = property(functools.partial(_item, index))
    signature = appearance.signature(data.get("signature"))
    if signature is not None:
        space["__signature__"] = signature
    return space


def _free(name: Any, taken: frozenset[str]) -> bool:
    return type(name) is str and name not in taken and not name.startswith(("__", "_assessor_"))


def _item(index: int, value: Any) -> Any:
    return tuple.__getitem__(value, index)


def _field(name: str, kind: Any) -> dataclasses.Field[Any]:
    field: Any = dataclasses.field()
    field.name, field.type = name, appearance.unshown(kind)
    field._field_type = vars(dataclasses)["_FIELD"]  # what marks a true field
    return field  # type: ignore[no-any-return]
