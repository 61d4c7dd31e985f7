"""Values as tagged forms, the same on both sides of the bridge.

Comes in: the values of one message. Goes out: what `wire` packs. What is not plain data (functions, classes,
instances) is left to a `foreign` function, which turns it into a tagged list of its own.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import pathlib
import sys
import uuid
import zoneinfo
from collections.abc import Callable, Collection
from typing import Any

from . import arrays, wire
from .plain import ATOMS, BASES, FACTORIES, TYPE_NAMES
from .wire import MAX_DEPTH, Tag, WireError

# Plain integers and tables keep the hot path free of attribute look-ups.
_REF, _LIST, _TUPLE, _DICT = int(Tag.REF), int(Tag.LIST), int(Tag.TUPLE), int(Tag.DICT)
_BIGINT, _ARGUMENT, _FLAT = int(Tag.BIGINT), int(Tag.ARGUMENT), int(Tag.FLAT)
_are_atoms = ATOMS.issuperset
#: What a flat list may hold, and from which length on it pays.
_are_flat = (ATOMS - {bytes}).issuperset
_LONG = 64
_INT_MIN = -(2**63)
_INT_MAX = 2**64 - 1

Foreign = Callable[["Encoder", Any, int], Any]


class Encoder:
    """Turns the values of one message into tagged lists.

    Args:
        foreign: turns what is not plain data into a tagged list, or raises `WireError`.
        arguments: objects of the message that this one answers, by `id`: meeting one of them again is
            said in passing, so that the other side may put its own object in that place.
        arguments_only: whether naming such an object is enough, because its content is sent apart.
        careful: whether to look at each text for lone surrogates, and at each integer for more than 64 bits.
    """

    __slots__ = ("_arguments", "_arguments_only", "_careful", "_memo", "foreign", "objects")

    def __init__(
        self,
        foreign: Foreign,
        *,
        arguments: dict[int, int] | None = None,
        arguments_only: bool = False,
        careful: bool = False,
    ) -> None:
        self.foreign = foreign
        self.objects: list[Any] = []
        self._memo: dict[int, int] = {}
        self._arguments = arguments
        self._arguments_only = arguments_only
        self._careful = careful

    def value(self, value: Any, depth: int = 0) -> Any:
        """The tagged form of a value.

        Raises:
            WireError: it is nested too deep, or `foreign` refuses something in it.
        """
        kind = type(value)
        if kind in ATOMS:
            return _looked_at(value) if self._careful else value
        if depth > MAX_DEPTH:
            raise WireError(f"expected a value nested at most {MAX_DEPTH} deep, got a deeper one")
        write = _WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth)
        if isinstance(value, type):
            name = TYPE_NAMES.get(value) if kind is type else None
            return self.foreign(self, value, depth) if name is None else [int(Tag.TYPE), name]
        if "numpy" in sys.modules:
            numpy = sys.modules["numpy"]
            if kind is numpy.ndarray:
                return self.once(value, lambda: arrays.write(value))
            if isinstance(value, numpy.generic) and type(value).__module__ == "numpy":
                return arrays.write_scalar(value)
        return self.foreign(self, value, depth)

    def once(self, value: Any, write: Callable[[], Any]) -> Any:
        """What `write` says of a mutable object at its first meeting, and a reference afterwards."""
        key = id(value)
        if self._arguments is None or key not in self._arguments or key in self._memo:
            return self.met(value) or write()
        position = self._arguments[key]
        self.met(value)
        if self._arguments_only:
            return [_ARGUMENT, position]
        held, self._arguments = self._arguments, None
        said = write()
        self._arguments = held
        return [_ARGUMENT, position, said]

    def met(self, value: Any) -> list[Any] | None:
        """A reference to a mutable object met before; else None, and it has a number from here on."""
        key = id(value)
        index = self._memo.get(key)
        if index is not None:
            return [_REF, index]
        self._memo[key] = len(self.objects)
        self.objects.append(value)
        return None

    def after(self, value: Any, write: Callable[[], Any]) -> Any:
        """As `once`, for immutable objects, which are numbered when they are complete."""
        key = id(value)
        index = self._memo.get(key)
        if index is not None:
            return [_REF, index]
        if self._arguments is not None and key in self._arguments:
            said = [_ARGUMENT, self._arguments[key]]
            if not self._arguments_only:
                held, self._arguments = self._arguments, None
                said.append(write())
                self._arguments = held
        else:
            said = write()
        self._memo[key] = len(self.objects)
        self.objects.append(value)
        return said

    def list_(self, values: list[Any], depth: int) -> list[Any]:
        """The tagged form of a list, already numbered."""
        if len(values) >= _LONG:
            packed = _flat(values)
            if packed is not None:
                return [_FLAT, packed]
        return self.items(_LIST, values, depth)

    def items(self, tag: int, values: Collection[Any], depth: int) -> list[Any]:
        """A tagged list of values, in order."""
        if not self._careful and _are_atoms(map(type, values)):
            return [tag, *values]
        out: list[Any] = [tag]
        add = out.append
        deeper = depth + 1
        atoms = () if self._careful else ATOMS
        for item in values:
            add(item if type(item) in atoms else self.value(item, deeper))
        return out

    def pairs(self, tag: int, items: Any, depth: int) -> list[Any]:
        """A tagged list of keys and values, alternating, in order."""
        out: list[Any] = [tag]
        add = out.append
        deeper = depth + 1
        atoms = () if self._careful else ATOMS
        for key, item in items:
            add(key if type(key) in atoms else self.value(key, deeper))
            add(item if type(item) in atoms else self.value(item, deeper))
        return out

    def base_data(self, value: Any, depth: int) -> Any:
        """An instance of a subclass of a built-in type as its base's data, or NotImplemented.

        The base's own methods are used, never what the subclass says of itself.
        """
        for base, exact in BASES:
            if isinstance(value, base) and issubclass(type(value), base):
                return self.value(exact(value), depth)
        return NotImplemented


def _looked_at(value: Any) -> Any:
    """The form of an atom that MessagePack may refuse as it is."""
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        return [_BIGINT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)]
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return [int(Tag.TEXT), value.encode("utf-8", "surrogatepass")]
    return value


def _flat(values: list[Any]) -> bytes | None:
    """The bytes of `Tag.FLAT` for a list, or None if it holds anything else."""
    # The most common long list is told by counting, in two thirds of the time of looking at each type.
    if list(map(type, values)).count(float) != len(values) and not _are_flat(map(type, values)):
        return None
    try:
        return wire.pack(values)
    except wire.Unpackable:
        return None


def _write_list(enc: Encoder, value: list[Any], depth: int) -> Any:
    if enc._arguments is not None:
        return enc.once(value, lambda: enc.list_(value, depth))
    return enc.met(value) or enc.list_(value, depth)


def _write_tuple(enc: Encoder, value: tuple[Any, ...], depth: int) -> Any:
    if not value:
        return [_TUPLE]
    if enc._arguments is not None:
        return enc.after(value, lambda: enc.items(_TUPLE, value, depth))
    key = id(value)
    index = enc._memo.get(key)
    if index is not None:
        return [_REF, index]
    said = enc.items(_TUPLE, value, depth)
    enc._memo[key] = len(enc.objects)
    enc.objects.append(value)
    return said


def _write_dict(enc: Encoder, value: dict[Any, Any], depth: int) -> Any:
    if enc._arguments is not None:
        return enc.once(value, lambda: enc.pairs(_DICT, value.items(), depth))
    return enc.met(value) or enc.pairs(_DICT, value.items(), depth)


def _write_set(enc: Encoder, value: set[Any], depth: int) -> Any:
    return enc.once(value, lambda: enc.items(int(Tag.SET), list(value), depth))


def _write_frozenset(enc: Encoder, value: frozenset[Any], depth: int) -> Any:
    return enc.after(value, lambda: enc.items(int(Tag.FROZENSET), list(value), depth))


def _write_deque(enc: Encoder, value: collections.deque[Any], depth: int) -> Any:
    def write() -> Any:
        said = enc.items(int(Tag.DEQUE), list(value), depth)
        said.insert(1, value.maxlen)
        return said

    return enc.once(value, write)


def _write_defaultdict(enc: Encoder, value: collections.defaultdict[Any, Any], depth: int) -> Any:
    factory = value.default_factory
    name = TYPE_NAMES.get(factory) if isinstance(factory, type) else None

    def write() -> Any:
        said = enc.pairs(int(Tag.DEFAULTDICT), list(value.items()), depth)
        said.insert(1, name if name in FACTORIES else None)
        return said

    return enc.once(value, write)


def _write_zone(value: datetime.tzinfo | None, when: datetime.datetime | None) -> Any:
    if value is None:
        return None
    offset = value.utcoffset(when)
    if offset is None:
        raise WireError(f"expected a time zone with an offset, got {type(value).__name__}")
    whole = [offset.days, offset.seconds, offset.microseconds]
    if isinstance(value, zoneinfo.ZoneInfo) and value.key:
        return [int(Tag.ZONE), value.key, whole]
    return [int(Tag.TIMEZONE), whole, None if value is datetime.UTC else value.tzname(when)]


def _write_datetime(enc: Encoder, v: datetime.datetime, depth: int) -> Any:
    return [
        *(int(Tag.DATETIME), v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.fold),
        _write_zone(v.tzinfo, v),
    ]


def _write_time(enc: Encoder, v: datetime.time, depth: int) -> Any:
    zone = v.tzinfo
    if zone is not None and zone.utcoffset(None) is None:
        zone = None
    return [
        int(Tag.TIME),
        v.hour,
        v.minute,
        v.second,
        v.microsecond,
        v.fold,
        _write_zone(zone, None),
    ]


def _write_fraction(enc: Encoder, v: fractions.Fraction, depth: int) -> Any:
    return [int(Tag.FRACTION), enc.value(v.numerator, depth), enc.value(v.denominator, depth)]


def _write_range(enc: Encoder, v: range, depth: int) -> Any:
    return [int(Tag.RANGE), *(enc.value(x, depth) for x in (v.start, v.stop, v.step))]


def _write_slice(enc: Encoder, v: slice, depth: int) -> Any:
    return [int(Tag.SLICE), *(enc.value(x, depth + 1) for x in (v.start, v.stop, v.step))]


_WRITERS: dict[type, Callable[[Encoder, Any, int], Any]] = {
    list: _write_list,
    tuple: _write_tuple,
    dict: _write_dict,
    set: _write_set,
    frozenset: _write_frozenset,
    collections.Counter: lambda e, v, d: e.once(v, lambda: e.pairs(int(Tag.COUNTER), list(v.items()), d)),
    collections.OrderedDict: lambda e, v, d: e.once(
        v, lambda: e.pairs(int(Tag.ORDEREDDICT), list(v.items()), d)
    ),
    collections.defaultdict: _write_defaultdict,
    collections.deque: _write_deque,
    complex: lambda e, v, d: [int(Tag.COMPLEX), v.real, v.imag],
    bytearray: lambda e, v, d: e.once(v, lambda: [int(Tag.BYTEARRAY), bytes(v)]),
    datetime.date: lambda e, v, d: [int(Tag.DATE), v.year, v.month, v.day],
    datetime.time: _write_time,
    datetime.datetime: _write_datetime,
    datetime.timedelta: lambda e, v, d: [int(Tag.TIMEDELTA), v.days, v.seconds, v.microseconds],
    datetime.timezone: lambda e, v, d: _write_zone(v, None),
    decimal.Decimal: lambda e, v, d: [int(Tag.DECIMAL), str(v)],
    fractions.Fraction: _write_fraction,
    range: _write_range,
    slice: _write_slice,
    type(Ellipsis): lambda e, v, d: [int(Tag.CONSTANT), 0],
    type(NotImplemented): lambda e, v, d: [int(Tag.CONSTANT), 1],
    uuid.UUID: lambda e, v, d: [int(Tag.UUID), v.bytes],
    pathlib.PosixPath: lambda e, v, d: [int(Tag.PATH), e.value(str(v))],
    pathlib.PurePosixPath: lambda e, v, d: [int(Tag.PATH), e.value(str(v)), True],
    type({}.keys()): lambda e, v, d: e.items(int(Tag.KEYS), list(v), d),
    type({}.values()): lambda e, v, d: e.items(int(Tag.VALUES), list(v), d),
    type({}.items()): lambda e, v, d: e.pairs(int(Tag.ITEMS), list(v), d),
    array.array: lambda e, v, d: e.once(v, lambda: [int(Tag.ARRAY), v.typecode, v.tobytes()]),
}
