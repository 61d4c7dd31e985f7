"""How the submission's objects look to a test: modules, functions, classes, instances, exceptions.

Each is a real Python object of its kind: functions can be inspected, classes work in `isinstance`,
`except` and as bases. What they do crosses the bridge. Rules that keep it honest stand where they apply:
a comparison is asked of the submission only when both sides are the submission's; an operator with plain
data is asked only of classes that the test itself names.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import inspect
import linecache
import pathlib
import sys
import types
import uuid
import weakref
from collections.abc import Callable
from typing import Any

from . import bridge as bridge_
from . import plain, wire
from .bridge import Bridge, Described, Ref
from .calls import Op

_REF = "_assessor_ref"
_CLASS_REF = "_assessor_class_ref"
_BRIDGE: list[Bridge] = []


def attach(bridge: Bridge) -> None:
    """Let proxies speak over this bridge; done once, by the grader."""
    _BRIDGE[:] = [bridge]


def bridge() -> Bridge:
    """The bridge in use."""
    return _BRIDGE[0]


def _handle(value: Any) -> tuple[Bridge, int]:
    b = _BRIDGE[0]
    if isinstance(value, Class):
        return b, b.handle(vars(value)[_CLASS_REF])
    return b, b.handle(object.__getattribute__(value, _REF))


def _class_handle(cls: type) -> tuple[Bridge, int]:
    b = _BRIDGE[0]
    return b, b.handle(vars(cls)[_CLASS_REF])


def operate(name: str, *operands: Any) -> Any:
    """The result of an operation on the learner's side."""
    return _BRIDGE[0].request(Op.OPERATE, name, *operands)


def make(b: Bridge, ref: Ref, described: Described) -> Any:
    """A proxy for an object at its first mention.

    Raises:
        wire.WireError: the description makes no sense.
    """
    maker = _MAKERS.get(described.kind)
    if maker is None:
        raise wire.WireError(f"expected the description of an object, got kind {described.kind!r:.40}")
    return maker(b, ref, described.data)


def keep(owner: Any, name: str, kept: dict[str, Any]) -> None:
    """Remember what a module or class has under a name before a test puts something else there."""
    if name not in kept:
        kept[name] = operate("static", owner, name)


def give_back(owner: Any, name: str, kept: dict[str, Any]) -> bool:
    """Put back what was there; whether there was anything.

    `monkeypatch` and `mock.patch` delete what they set on an owner whose `__dict__` seems not to have had it.
    """
    original = kept.pop(name, None)
    if not original:
        return False
    operate("restore", owner, name, original[0])
    return True


# Functions


def _function(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    request = b.request

    flavour = data.get("flavour")
    function: Any
    if flavour == "coroutine":

        async def coroutine_function(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            return await request(Op.CALL, b.handle(ref), args, kwargs)

        function = coroutine_function
    else:

        def plain_function(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            handle = ref.handle if ref.process is b._process else b.handle(ref)
            return request(0, handle, args, kwargs)

        function = plain_function
    _dress(function, data)
    signature = _signature(data.get("signature"))
    if signature is not None:
        function.__signature__ = signature
    file, line = data.get("file"), data.get("line")
    if isinstance(file, str) and type(line) is int and line > 0 and ref.path is not None:
        # So that `inspect.getsource` finds the learner's lines.
        with contextlib.suppress(ValueError, OverflowError):
            function.__code__ = function.__code__.replace(
                co_filename=source_name(ref.path[0]), co_firstlineno=line
            )
    b.refs[function] = ref
    return function


def _dress(target: Any, data: dict[str, Any]) -> None:
    for attribute, key in (("__name__", "name"), ("__qualname__", "qualname")):
        if isinstance(data.get(key), str):
            setattr(target, attribute, data[key])
    target.__module__ = data["module"] if isinstance(data.get("module"), str) else None
    target.__doc__ = data["doc"] if isinstance(data.get("doc"), str) else None


class _Shown:
    """A value that is only ever shown: a default or an annotation that did not cross."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _unshown(value: Any) -> Any:
    if type(value) is dict:
        return _Shown(str(value.get("repr")))
    return tuple(_unshown(item) for item in value) if type(value) is tuple else value


def _signature(said: Any) -> inspect.Signature | None:
    if type(said) is not list:
        return None
    empty = inspect.Parameter.empty
    try:
        parameters, has_return, returned = said
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect._ParameterKind(kind),
                    default=_unshown(default) if has_default else empty,
                    annotation=_unshown(annotation) if has_annotation else empty,
                )
                for name, kind, has_default, default, has_annotation, annotation in parameters
            ],
            return_annotation=_unshown(returned) if has_return else empty,
        )
    except (ValueError, TypeError) as error:
        raise wire.WireError(f"expected a signature, got {error}") from error


def source_name(module: str) -> str:
    """The file name under which a module's source is shown; it is fetched when somebody looks."""
    name = f"<submission>/{module.replace('.', '/')}.py"
    if name not in linecache.cache:
        linecache.cache[name] = (functools.partial(_source, module),)
    return name


def _source(module: str) -> str:
    return str(operate("source", _BRIDGE[0].request(Op.LOAD, module)))


# Generators and coroutines: real ones that drive those on the other side


def _generator(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    far = Object.__new__(Object)
    object.__setattr__(far, _REF, ref)
    near = _drive_generator(far)
    b.refs[near] = ref
    return near


def _drive_generator(far: Any) -> Any:
    step: Callable[[], Any] = functools.partial(operate, "next", far)
    while True:
        try:
            value = step()
        except StopIteration as stop:
            return stop.value
        try:
            sent = yield value
        except GeneratorExit:
            _method(far, "close")
            raise
        except BaseException as error:  # of whatever kind: it is the generator's to handle
            step = functools.partial(_method, far, "throw", error)
        else:
            step = (
                functools.partial(operate, "next", far)
                if sent is None
                else functools.partial(_method, far, "send", sent)
            )


def _method(far: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    b, handle = _handle(far)
    return b.request(Op.METHOD, handle, name, args, kwargs)


def _coroutine(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    far = Object.__new__(Object)
    object.__setattr__(far, _REF, ref)
    near = _drive_coroutine(far)
    b.refs[near] = ref
    return near


async def _drive_coroutine(far: Any) -> Any:
    # Started first and waited for afterwards, so that coroutines that are gathered run side by side.
    task = operate("await", far, True)
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        await asyncio.sleep(0)
    return operate("await", task, False)


def _async_generator(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    far = AsyncGenerator.__new__(AsyncGenerator)
    object.__setattr__(far, _REF, ref)
    return far


# Instances


class Object:
    """An instance of a class of the submission's, or of a library class that does not cross as data."""

    __slots__ = ("__weakref__", _REF)
    _assessor_proxy = True

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith("__") and name.endswith("__"):
            # Special attributes would let an object pose as what the test's libraries ask for.
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        b, handle = _handle(self)
        return b.request(Op.GET, handle, name)

    def __setattr__(self, name: str, value: Any) -> None:
        __tracebackhide__ = True
        local = getattr(type(self), name, None)
        if isinstance(local, property) and local.fset is not None:
            object.__setattr__(self, name, value)
            return
        b, handle = _handle(self)
        b.request(Op.SET, handle, name, value)

    def __delattr__(self, name: str) -> None:
        __tracebackhide__ = True
        b, handle = _handle(self)
        b.request(Op.DELETE, handle, name)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """The instance's attributes, by value."""
        try:
            found = operate("vars", self)
        except TypeError as error:
            raise AttributeError("__dict__") from error
        return found if type(found) is dict else {}

    def __repr__(self) -> str:
        return str(operate("repr", self))

    def __dir__(self) -> list[str]:
        return [str(name) for name in operate("dir", self)]


class AsyncGenerator(Object):
    """An asynchronous generator on the other side."""

    __slots__ = ()

    def __aiter__(self) -> AsyncGenerator:
        return self

    async def __anext__(self) -> Any:
        return operate("await", operate("anext", self), False)

    async def aclose(self) -> None:
        """Close it."""
        await _method(self, "aclose")


def _theirs(value: Any) -> bool:
    """Whether a value is an object of the submission's that holds no plain data."""
    return getattr(type(value), "_assessor_proxy", False) and not isinstance(value, plain.DATA_BASES)


def _compared(name: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        __tracebackhide__ = True
        # Never asked about plain data: an object that equals everything would equal the expected value.
        if not _theirs(other):
            return NotImplemented
        return operate(name, self, other)

    return method


def _named(cls: type) -> bool:
    return any(vars(base).get("_assessor_named", False) for base in cls.__mro__)


def _binary(name: str, *, reflected: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        __tracebackhide__ = True
        # An object that the test did not ask for must not see the expected value in `result - expected`.
        if not _theirs(other) and not _named(type(self)):
            return NotImplemented
        return operate(name, other, self) if reflected else operate(name, self, other)

    return method


def _unary(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        __tracebackhide__ = True
        return operate(name, self, *args)

    return method


def _typed(name: str, kind: type) -> Any:
    def method(self: Any, *args: Any) -> Any:
        __tracebackhide__ = True
        found = operate(name, self, *args)
        if type(found) is not kind:
            raise TypeError(f"expected {kind.__name__} from {name}(), got {type(found).__name__}")
        return found

    return method


def _called(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return _method(self, name, *args, **kwargs)

    return method


def _contains(self: Any, item: Any) -> bool:
    __tracebackhide__ = True
    if _theirs(item) or _named(type(self)):
        return bool(operate("contains", self, item))
    return any(found is item or found == item for found in operate("iter", self))


_SPECIALS: dict[str, Any] = {
    "__eq__": _compared("eq"),
    "__ne__": _compared("ne"),
    "__lt__": _compared("lt"),
    "__le__": _compared("le"),
    "__gt__": _compared("gt"),
    "__ge__": _compared("ge"),
    "__contains__": _contains,
    "__len__": _typed("len", int),
    "__bool__": _typed("bool", bool),
    "__str__": _typed("str", str),
    "__format__": _typed("format", str),
    "__bytes__": _typed("bytes", bytes),
    "__int__": _typed("int", int),
    "__float__": _typed("float", float),
    "__complex__": _typed("complex", complex),
    "__index__": _typed("index", int),
    "__fspath__": _typed("fspath", str),
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
_VALUE_SPECIALS = ("__str__", "__repr__", "__format__")


# Classes


class Class(type):
    """The class of the submission's classes as a test sees them."""

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any], **kwargs: Any) -> Any:
        if space.pop("_assessor_described", False):
            return super().__new__(mcs, name, bases, space)
        # A test derives a class of its own: its instances live on the other side like those of its base.
        near = {**space, "_assessor_local": True, "_assessor_kept": {}}
        if not any(issubclass(base, (BaseException, ValueMixin)) for base in bases):
            near.setdefault("__slots__", ())
        cls = super().__new__(mcs, name, bases, near)
        _derive(cls, bases, space)
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(name, bases, space)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        b, handle = _class_handle(cls)
        return b.request(Op.CALL, handle, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith("__") and name.endswith("__") and name not in ("__members__", "__match_args__"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        b, handle = _class_handle(cls)
        return b.request(Op.GET, handle, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        __tracebackhide__ = True
        if name.startswith(("_assessor_", "__")):
            type.__setattr__(cls, name, value)
            return
        stub = getattr(value, "_assessor_stub", None)
        kept = vars(cls)["_assessor_kept"]
        if stub == (cls, name) and kept.get(name):
            give_back(cls, name, kept)
            return
        keep(cls, name, kept)
        b, handle = _class_handle(cls)
        b.request(Op.SET, handle, name, value)

    def __delattr__(cls, name: str) -> None:
        __tracebackhide__ = True
        if give_back(cls, name, vars(cls)["_assessor_kept"]):
            return
        b, handle = _class_handle(cls)
        b.request(Op.DELETE, handle, name)

    def __dir__(cls) -> list[str]:
        return [str(name) for name in operate("dir", cls)]

    def _meta(cls, name: str) -> None:
        if name not in cls.__dict__.get("_assessor_meta", ()):
            raise TypeError(f"type {cls.__name__!r} does not support {name}")

    def __iter__(cls) -> Any:
        cls._meta("__iter__")
        return operate("iter", cls)

    def __len__(cls) -> int:
        cls._meta("__len__")
        return int(operate("len", cls))

    def __bool__(cls) -> bool:
        return True

    def __getitem__(cls, key: Any) -> Any:
        if "__getitem__" in cls.__dict__.get("_assessor_meta", ()):
            return operate("getitem", cls, key)
        return cls

    def __contains__(cls, item: Any) -> bool:
        cls._meta("__contains__")
        return bool(operate("contains", cls, item))


def _class(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
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
        known = _known_classes.get(ref.path)
        if known is not None:
            _moved(known, ref)
            return known
    bases = [base for base in data.get("bases", ()) if isinstance(base, type)]
    chosen: list[type]
    failing: list[type] = [base for base in bases if issubclass(base, BaseException)]
    frozen = [base for base in bases if issubclass(base, plain.FROZEN_BASES) and base is not object]
    base = BaseException if failing else frozen[0] if frozen else Object
    space = _space(ref, data, base)
    if failing:
        if not any(isinstance(base, Class) for base in failing):
            failing.insert(0, RaisedMixin)
        chosen = failing
    elif frozen:
        chosen = frozen[:1] if isinstance(frozen[0], Class) else [ValueMixin, frozen[0]]
    else:
        chosen = [base for base in bases if isinstance(base, Class)] or [Object]
        space["__slots__"] = ()
    space["_assessor_described"] = True
    cls: Any
    try:
        cls = Class(name, tuple(chosen), space)
    except TypeError:
        # The order of bases that the other side can have may not exist for their stand-ins.
        space["_assessor_described"] = True
        cls = Class(name, tuple(chosen[:1]), space)
    _dress(cls, data)
    if ref.path is not None:
        _known_classes[ref.path] = cls
    return cls


_known_classes: dict[tuple[str, str], Any] = {}


def _moved(cls: Any, ref: Ref) -> None:
    own: Ref = vars(cls)[_CLASS_REF]
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
        _CLASS_REF: ref,
        "_assessor_kept": {},
        "_assessor_meta": frozenset(str(name) for name in data.get("meta", ())),
    }
    specials = [str(name) for name in data.get("specials", ())]
    for name in specials:
        if name in _SPECIALS and (not value or name in _VALUE_SPECIALS):
            space[name] = _SPECIALS[name]
    if not value:
        if "__hash__" in specials and data.get("hashes"):
            space["__hash__"] = _typed("hash", int)
        elif data.get("unhashable"):
            space["__hash__"] = None
        elif "__eq__" in space:
            space["__hash__"] = object.__hash__
        if "__init__" in specials:
            space["__init__"] = _stub("__init__", ["method", "plain", None, None])
    taken = frozenset(dir(base))
    functions = data.get("functions")
    for name, said in functions.items() if type(functions) is dict else ():
        if type(said) is list and len(said) == 4 and _free(name, taken):
            space[name] = _stub(name, said)
    fields = data.get("fields")
    if type(fields) is list:
        space["__dataclass_fields__"] = {str(name): _field(str(name), kind) for name, kind in fields}
    tuple_fields = data.get("tuple_fields")
    if type(tuple_fields) is list and all(_free(name, frozenset()) for name in tuple_fields):
        space["_fields"] = tuple(tuple_fields)
        for index, name in enumerate(tuple_fields):
            space[name] = property(functools.partial(_item, index))
    signature = _signature(data.get("signature"))
    if signature is not None:
        space["__signature__"] = signature
    return space


def _free(name: Any, taken: frozenset[str]) -> bool:
    return type(name) is str and name not in taken and not name.startswith(("__", "_assessor_"))


def _item(index: int, value: Any) -> Any:
    return tuple.__getitem__(value, index)


def _field(name: str, kind: Any) -> dataclasses.Field[Any]:
    field: Any = dataclasses.field()
    field.name, field.type = name, _unshown(kind)
    field._field_type = vars(dataclasses)["_FIELD"]  # what marks a true field
    return field  # type: ignore[no-any-return]


def _stub(name: str, said: list[Any]) -> Any:
    kind, flavour, signature, doc = said

    def plain_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        b, handle = _handle(self)
        return b.request(1, handle, name, args, kwargs)

    async def coroutine_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        b, handle = _handle(self)
        return await b.request(Op.METHOD, handle, name, args, kwargs)

    method: Any = coroutine_method if flavour == "coroutine" else plain_method
    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc if isinstance(doc, str) else None
    shape = _signature(signature)
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
        return operate("base_call", self._owner, self._name, instance, args, kwargs)


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
            operate("subclass", cls.__name__, far, functions, getters, data)
        finally:
            _adopting.clear()

    ref = Ref(None, 0, None)
    ref.remake = remake
    type.__setattr__(cls, _CLASS_REF, ref)
    remake()


#: The class of a test's that the next described class stands for.
_adopting: list[Any] = []


def _object(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    cls = data.get("class")
    if not isinstance(cls, Class) or not issubclass(cls, Object):
        cls = Object
    proxy = cls.__new__(cls)
    object.__setattr__(proxy, _REF, ref)
    return proxy


# Data with a class of its own


class ValueMixin:
    """An instance of a subclass of an immutable built-in: plain data here, and what else it has there."""

    _assessor_proxy = True

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        b, handle = _handle(self)
        return b.request(Op.GET, handle, name)


def _value(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    cls, content = data.get("class"), data.get("data")
    if not isinstance(cls, Class) or not issubclass(cls, ValueMixin):
        return content
    base = next((base for base in plain.FROZEN_BASES if issubclass(cls, base)), None)
    if base is None or type(content) is not base:
        return content
    new: Any = base.__new__
    value = new(cls, content)
    object.__setattr__(value, _REF, ref)
    return value


# Exceptions


class RaisedMixin:
    """An exception of a class of the submission's."""

    _assessor_proxy = True
    _assessor_text: str | None = None

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name.startswith(("__", "_assessor_")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        b, handle = _handle(self)
        return b.request(Op.GET, handle, name)

    def __str__(self) -> str:
        return self._assessor_text if self._assessor_text is not None else super().__str__()


def _exception(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    cls, args = data["class"], data["args"]
    if not isinstance(cls, type) or not issubclass(cls, BaseException) or type(args) is not tuple:
        raise wire.WireError("expected the class and the arguments of an exception")
    text = str(data["text"])
    error: BaseException
    if bridge_.control_flow(cls):
        error = bridge_.as_failure(cls.__name__, args, cls, collecting=b.collecting)
    elif isinstance(cls, Class):
        new: Any = cls.__new__
        error = new(cls, *args)
        error.args = args
        object.__setattr__(error, _REF, ref)
        object.__setattr__(error, "_assessor_text", text)
    else:
        error = _built(cls, args)
    notes = data["notes"]
    where = data["where"]
    for note in (notes if type(notes) is list else [])[:20]:
        error.add_note(str(note))
    if type(where) is list and where:
        error._assessor_where = [str(line) for line in where]  # type: ignore[attr-defined]
    if isinstance(data["cause"], BaseException):
        error.__cause__ = data["cause"]
    return error


def _built(cls: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    try:
        return cls(*args)
    except (TypeError, ValueError):
        error = cls.__new__(cls, *args)
        error.args = args
        return error


# Modules of the library and others, as objects with attributes


def own_module(value: Any) -> types.ModuleType | None:
    """The grader's own library module of the name that a proxy of a module bears, if there is one."""
    name = _module_names.get(value) if type(value) is Object else None
    if name is None or name.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
        return None
    return sys.modules.get(name)


_module_names: weakref.WeakKeyDictionary[Object, str] = weakref.WeakKeyDictionary()


def _module(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    name = str(data.get("name"))
    if name.partition(".")[0] in b.modules:
        ref.path = (name, "")
    proxy = Object.__new__(Object)
    object.__setattr__(proxy, _REF, ref)
    _module_names[proxy] = name
    return proxy


_MAKERS: dict[str, Callable[[Bridge, Ref, dict[str, Any]], Any]] = {
    "function": _function,
    "class": _class,
    "object": _object,
    "module": _module,
    "generator": _generator,
    "coroutine": _coroutine,
    "async generator": _async_generator,
    "value": _value,
    "exception": _exception,
}
