"""The codec of the bridge: plain data as tagged MessagePack, the same on both sides.

Comes in: Python values. Goes out: bytes, and values again, built of exact plain types only. What is not
plain data (functions, classes, instances) is left to a `foreign` function on either side, which turns it
into a tagged list of its own and back.

None, bool, float, str, bytes and 64-bit integers are themselves; anything else is a list whose first item
is a tag. Lists, dicts, sets and the like are numbered in the order of first meeting, tuples and
frozensets as they end, so that aliases and cycles within one message survive (`Tag.REF`).

Bounded in bytes by the caller's frames, here in depth and in number of nodes: a short message must not
become a large heap. Runs in the learner's process too, so it needs msgspec and the standard library only.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import math
import pathlib
import re
import sys
import uuid
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Any

import msgspec

#: The deepest nesting of a value that crosses.
MAX_DEPTH = 100
#: The most values in one message; each costs the reader up to about 100 bytes.
MAX_NODES = 1_000_000

_INT_MIN = -(2**63)
_INT_MAX = 2**64 - 1


class WireError(Exception):
    """Bytes or a value that the wire does not carry; the text says which."""


class Tag(IntEnum):
    """What a tagged list stands for."""

    REF = 0
    LIST = 1
    TUPLE = 2
    DICT = 3
    SET = 4
    FROZENSET = 5
    BIGINT = 6
    COMPLEX = 7
    BYTEARRAY = 8
    TEXT = 9  # with lone surrogates, which MessagePack refuses
    DATE = 10
    TIME = 11
    DATETIME = 12
    TIMEDELTA = 13
    TIMEZONE = 14
    ZONE = 15
    DECIMAL = 16
    FRACTION = 17
    RANGE = 18
    SLICE = 19
    CONSTANT = 20
    TYPE = 21
    COUNTER = 22
    DEFAULTDICT = 23
    ORDEREDDICT = 24
    DEQUE = 25
    NDARRAY = 26
    NUMPY_SCALAR = 27
    UUID = 28
    PATH = 29
    KEYS = 30
    VALUES = 31
    ITEMS = 32
    ARRAY = 33
    ARGUMENT = 34
    # From here on the tags of `foreign`.
    HANDLE = 40
    VALUE = 41
    EXPORT = 42
    EXCEPTION = 43
    NAMED = 44


# Plain integers and tables keep the hot path free of attribute look-ups.
_REF, _LIST, _TUPLE, _DICT, _BIGINT = (
    int(Tag.REF),
    int(Tag.LIST),
    int(Tag.TUPLE),
    int(Tag.DICT),
    int(Tag.BIGINT),
)
_ARGUMENT = int(Tag.ARGUMENT)
_FIRST_FOREIGN = int(Tag.HANDLE)
_SELF = frozenset({type(None), bool, float, str, bytes})
_ATOMS = _SELF | {int}

_CONSTANTS: tuple[Any, ...] = (Ellipsis, NotImplemented)

#: Built-in classes that cross by name, exceptions included: they are data, and nothing can be done to them.
_DATA_TYPES: tuple[type, ...] = (
    *(object, type, int, float, bool, str, bytes, bytearray, complex, list, tuple, dict, set, frozenset),
    *(range, slice, type(None)),
)
TYPES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *_DATA_TYPES,
        *(
            value
            for value in vars(sys.modules["builtins"]).values()
            if isinstance(value, type) and issubclass(value, BaseException)
        ),
    )
}
_TYPE_NAMES = {cls: name for name, cls in TYPES.items()}
_FACTORIES = {None, "int", "float", "bool", "str", "bytes", "list", "tuple", "dict", "set", "frozenset"}
_ZONE = re.compile(r"[A-Za-z0-9_+\-]{1,40}(/[A-Za-z0-9_+\-]{1,40}){0,2}")

Foreign = Callable[["Encoder", Any, int], Any]
Returned = Callable[["Decoder", list[Any], int], Any]


def _no_ext(code: int, data: memoryview) -> Any:
    raise WireError(f"expected no MessagePack extension, got type {code} of {len(data)} bytes")


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(ext_hook=_no_ext).decode


class Encoder:
    """Turns the values of one message into tagged lists.

    Args:
        foreign: turns what is not plain data into a tagged list, or raises `WireError`.
        arguments: objects of the message that this one answers, by `id`: meeting one of them again is
            said in passing, so that the other side may put its own object in that place.
        arguments_only: whether naming such an object is enough, because its content is sent apart.
    """

    def __init__(
        self,
        foreign: Foreign,
        *,
        arguments: dict[int, int] | None = None,
        arguments_only: bool = False,
        safe_text: bool = False,
    ) -> None:
        self.foreign = foreign
        self.objects: list[Any] = []
        self._memo: dict[int, int] = {}
        self._arguments = arguments
        self._arguments_only = arguments_only
        self._safe_text = safe_text

    def value(self, value: Any, depth: int = 0) -> Any:
        """The tagged form of a value.

        Raises:
            WireError: it is nested too deep, or `foreign` refuses something in it.
        """
        kind = type(value)
        if kind in _SELF:
            return value if kind is not str or not self._safe_text else _text(value)
        if kind is int:
            return value if _INT_MIN <= value <= _INT_MAX else _bigint(value)
        if depth > MAX_DEPTH:
            raise WireError(f"expected a value nested at most {MAX_DEPTH} deep, got a deeper one")
        write = _WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth)
        if isinstance(value, type):
            name = _TYPE_NAMES.get(value) if kind is type else None
            return self.foreign(self, value, depth) if name is None else [int(Tag.TYPE), name]
        if "numpy" in sys.modules:
            numpy = sys.modules["numpy"]
            if kind is numpy.ndarray:
                return self.once(value, lambda: _ndarray(value))
            if isinstance(value, numpy.generic) and type(value).__module__ == "numpy":
                return [int(Tag.NUMPY_SCALAR), _dtype(value.dtype), value.tobytes()]
        return self.foreign(self, value, depth)

    def once(self, value: Any, write: Callable[[], Any]) -> Any:
        """What `write` says of a mutable object at its first meeting, and a reference afterwards."""
        key = id(value)
        index = self._memo.get(key)
        if index is not None:
            return [_REF, index]
        return self._named(key, value, write)

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

    def _named(self, key: int, value: Any, write: Callable[[], Any]) -> Any:
        if self._arguments is not None and key in self._arguments:
            position = self._arguments[key]
            self._memo[key] = len(self.objects)
            self.objects.append(value)
            if self._arguments_only:
                return [_ARGUMENT, position]
            held, self._arguments = self._arguments, None
            said = write()
            self._arguments = held
            return [_ARGUMENT, position, said]
        self._memo[key] = len(self.objects)
        self.objects.append(value)
        return write()

    def items(self, tag: int, values: Iterator[Any] | Sequence[Any], depth: int) -> list[Any]:
        """A tagged list of values, in order."""
        out: list[Any] = [tag]
        add = out.append
        deeper = depth + 1
        safe = self._safe_text
        for item in values:
            kind = type(item)
            if kind in _SELF and not safe:
                add(item)
            else:
                add(self.value(item, deeper))
        return out

    def pairs(self, tag: int, items: Any, depth: int) -> list[Any]:
        """A tagged list of keys and values, alternating, in order."""
        out: list[Any] = [tag]
        deeper = depth + 1
        for key, item in items:
            out.append(self.value(key, deeper))
            out.append(self.value(item, deeper))
        return out

    def base_data(self, value: Any, depth: int) -> Any:
        """An instance of a subclass of a built-in type as its base's data, or NotImplemented.

        The base's own methods are used, never what the subclass says of itself.
        """
        for base, exact in _BASES:
            if isinstance(value, base) and issubclass(type(value), base):
                return self.value(exact(value), depth)
        return NotImplemented


def _bigint(value: int) -> list[Any]:
    return [_BIGINT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)]


def _text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return [int(Tag.TEXT), value.encode("utf-8", "surrogatepass")]
    return value


def _dtype(dtype: Any) -> str:
    if dtype.kind not in "biufcSUMm" or dtype.hasobject or dtype.fields or dtype.itemsize > 4096:
        raise WireError(f"expected an array of numbers, text or dates, got dtype {dtype}")
    return str(dtype.str)


def _ndarray(value: Any) -> list[Any]:
    return [int(Tag.NDARRAY), _dtype(value.dtype), list(value.shape), value.tobytes()]


def _write_list(enc: Encoder, value: list[Any], depth: int) -> Any:
    return enc.once(value, lambda: enc.items(_LIST, value, depth))


def _write_tuple(enc: Encoder, value: tuple[Any, ...], depth: int) -> Any:
    if not value:
        return [_TUPLE]
    return enc.after(value, lambda: enc.items(_TUPLE, value, depth))


def _write_dict(enc: Encoder, value: dict[Any, Any], depth: int) -> Any:
    return enc.once(value, lambda: enc.pairs(_DICT, value.items(), depth))


def _write_set(enc: Encoder, value: set[Any], depth: int) -> Any:
    return enc.once(value, lambda: enc.items(int(Tag.SET), _ordered(value), depth))


def _write_frozenset(enc: Encoder, value: frozenset[Any], depth: int) -> Any:
    return enc.after(value, lambda: enc.items(int(Tag.FROZENSET), _ordered(value), depth))


def _ordered(values: set[Any] | frozenset[Any]) -> list[Any]:
    return list(values)


def _write_deque(enc: Encoder, value: collections.deque[Any], depth: int) -> Any:
    def write() -> Any:
        said = enc.items(int(Tag.DEQUE), list(value), depth)
        said.insert(1, value.maxlen)
        return said

    return enc.once(value, write)


def _write_defaultdict(enc: Encoder, value: collections.defaultdict[Any, Any], depth: int) -> Any:
    factory = value.default_factory
    name = _TYPE_NAMES.get(factory) if isinstance(factory, type) else None

    def write() -> Any:
        said = enc.pairs(int(Tag.DEFAULTDICT), list(value.items()), depth)
        said.insert(1, name if name in _FACTORIES else None)
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

_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, lambda v: int.__add__(v, 0)),
    (float, lambda v: float.__add__(v, 0.0) if v != 0.0 else math.copysign(0.0, float.__float__(v))),
    (str, lambda v: str.__str__(v)),
    (bytes, lambda v: b"".join((bytes.__getitem__(v, slice(None)), b""))),
    (complex, lambda v: complex(complex.__add__(v, 0))),
    (bytearray, lambda v: bytearray(bytearray.__getitem__(v, slice(None)))),
    (list, lambda v: list(list.__iter__(v))),
    (tuple, lambda v: tuple(tuple.__iter__(v))),
    (collections.Counter, lambda v: collections.Counter(dict(dict.items(v)))),
    (collections.OrderedDict, lambda v: collections.OrderedDict(collections.OrderedDict.items(v))),
    (dict, lambda v: dict(dict.items(v))),
    (set, lambda v: set(set.__iter__(v))),
    (frozenset, lambda v: frozenset(frozenset.__iter__(v))),
    (collections.deque, lambda v: collections.deque(collections.deque.__iter__(v), v.maxlen)),
    (decimal.Decimal, lambda v: decimal.Decimal(decimal.Decimal.__str__(v))),
    (fractions.Fraction, lambda v: fractions.Fraction(v._numerator, v._denominator)),
)
#: Built-in types whose instances never change: an instance of a subclass may keep its class on the way.
FROZEN_BASES: tuple[type, ...] = (
    *(int, float, str, bytes, complex, tuple, frozenset),
    *(decimal.Decimal, fractions.Fraction),
)
#: All built-in types whose subclasses cross as their base's data.
DATA_BASES: tuple[type, ...] = tuple(base for base, _ in _BASES)


class Decoder:
    """Builds the values of one message from tagged lists.

    Args:
        foreign: builds what carries a tag of its own, or raises.
        arguments: the objects of the message that this one answers, as its `Encoder` numbered them.
    """

    def __init__(self, foreign: Returned, *, arguments: Sequence[Any] = ()) -> None:
        self.foreign = foreign
        self.objects: list[Any] = []
        self.arguments = arguments

    def value(self, said: Any, depth: int = 0) -> Any:
        """The value of a tagged form.

        Raises:
            WireError: it is not one. Errors of the parts' constructors pass through; `unpack` folds them.
        """
        kind = type(said)
        if kind in _ATOMS:
            return said
        if kind is not list:
            raise WireError(f"expected a tagged list, got {kind.__name__}")
        if depth > MAX_DEPTH:
            raise WireError(f"expected a value nested at most {MAX_DEPTH} deep, got a deeper one")
        tag = said[0]
        if type(tag) is not int:
            raise WireError(f"expected an integer as tag, got {type(tag).__name__}")
        if tag >= _FIRST_FOREIGN:
            return self.foreign(self, said, depth)
        read = _READERS.get(tag)
        if read is None:
            raise WireError(f"expected a tag of the wire, got {tag}")
        return read(self, said, depth)

    def list_(self, said: list[Any], depth: int) -> list[Any]:
        """The list's items, built in place of their tagged forms."""
        self.objects.append(said)
        del said[0]
        self._fill(said, 0, depth)
        return said

    def _fill(self, said: list[Any], start: int, depth: int) -> None:
        deeper = depth + 1
        for index in range(start, len(said)):
            item = said[index]
            if type(item) not in _ATOMS:
                said[index] = self.value(item, deeper)

    def rest(self, said: list[Any], start: int, depth: int) -> list[Any]:
        """The values from `start` on."""
        self._fill(said, start, depth)
        return said[start:]

    def into(self, target: Any, said: list[Any], start: int, depth: int) -> Any:
        """Fills a mapping, already numbered, with alternating keys and values."""
        if (len(said) - start) % 2:
            raise WireError("expected keys and values to alternate, got a key without a value")
        deeper = depth + 1
        for index in range(start, len(said), 2):
            key = said[index]
            if type(key) not in _ATOMS:
                key = self.value(key, deeper)
            target[key] = self.value(said[index + 1], deeper)
        return target

    def numbered(self, value: Any) -> Any:
        """The value, after giving it the next number."""
        self.objects.append(value)
        return value

    def set_(self, target: set[Any], said: list[Any], depth: int) -> set[Any]:
        """Fills a set, already numbered."""
        target.update(self.rest(said, 1, depth))
        return target

    def argument(self, said: list[Any], depth: int) -> Any:
        """An object of the message before: ours, if what came equals it in every type."""
        original = self.arguments[_index(said[1], len(self.arguments))]
        if len(said) == 2:
            return self.numbered(original)
        number = len(self.objects)
        mutable = type(said[2]) is list and said[2][:1] and said[2][0] not in (_TUPLE, int(Tag.FROZENSET))
        value = self.value(said[2], depth)
        if not same(value, original):
            return value
        self.objects[number if mutable else -1] = original
        return original


def _index(value: Any, length: int) -> int:
    if type(value) is not int or not 0 <= value < length:
        raise WireError(f"expected a reference below {length}, got {value!r:.40}")
    return value


def _ints(values: Sequence[Any]) -> Sequence[int]:
    for value in values:
        if type(value) is not int:
            raise WireError(f"expected an integer, got {type(value).__name__}")
    return values


def _exact(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise WireError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


def _read_bigint(dec: Decoder, said: list[Any], depth: int) -> int:
    return int.from_bytes(_exact(said[1], bytes), "big", signed=True)


def _read_complex(dec: Decoder, said: list[Any], depth: int) -> complex:
    return complex(_exact(said[1], float), _exact(said[2], float))


def _read_zone(said: Any) -> datetime.tzinfo | None:
    if said is None:
        return None
    days, seconds, micros = _ints(_exact(said[2 if said[0] == Tag.ZONE else 1], list))
    offset = datetime.timedelta(days=days, seconds=seconds, microseconds=micros)
    if said[0] == Tag.ZONE:
        key = _exact(said[1], str)
        if not _ZONE.fullmatch(key):
            raise WireError(f"expected the key of a time zone, got {key!r:.60}")
        try:
            return zoneinfo.ZoneInfo(key)
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            return datetime.timezone(offset, key)
    if said[0] != Tag.TIMEZONE:
        raise WireError("expected a time zone")
    if said[2] is None:
        return datetime.UTC if not offset else datetime.timezone(offset)
    return datetime.timezone(offset, _exact(said[2], str))


def _read_datetime(dec: Decoder, said: list[Any], depth: int) -> datetime.datetime:
    year, month, day, hour, minute, second, micro, fold = _ints(said[1:9])
    return datetime.datetime(
        year, month, day, hour, minute, second, micro, tzinfo=_read_zone(said[9]), fold=fold
    )


def _read_time(dec: Decoder, said: list[Any], depth: int) -> datetime.time:
    hour, minute, second, micro, fold = _ints(said[1:6])
    return datetime.time(hour, minute, second, micro, tzinfo=_read_zone(said[6]), fold=fold)


def _read_timedelta(dec: Decoder, said: list[Any], depth: int) -> datetime.timedelta:
    days, seconds, micros = _ints(said[1:4])
    return datetime.timedelta(days=days, seconds=seconds, microseconds=micros)


def _read_fraction(dec: Decoder, said: list[Any], depth: int) -> fractions.Fraction:
    numerator, denominator = _ints([dec.value(x, depth) for x in said[1:3]])
    return fractions.Fraction(numerator, denominator)


def _read_range(dec: Decoder, said: list[Any], depth: int) -> range:
    start, stop, step = _ints([dec.value(x, depth) for x in said[1:4]])
    return range(start, stop, step)


def _read_defaultdict(dec: Decoder, said: list[Any], depth: int) -> Any:
    if said[1] not in _FACTORIES:
        raise WireError(f"expected a built-in factory, got {said[1]!r:.60}")
    factory = None if said[1] is None else TYPES[said[1]]
    return dec.into(dec.numbered(collections.defaultdict(factory)), said, 2, depth)


def _read_deque(dec: Decoder, said: list[Any], depth: int) -> Any:
    if said[1] is not None:
        _ints([said[1]])
    value: collections.deque[Any] = dec.numbered(collections.deque(maxlen=said[1]))
    value.extend(dec.rest(said, 2, depth))
    return value


def _read_array(dec: Decoder, said: list[Any], depth: int) -> Any:
    value: array.array[Any] = array.array(_exact(said[1], str))
    value.frombytes(_exact(said[2], bytes))
    return dec.numbered(value)


def _plain_dtype(numpy: Any, name: Any) -> Any:
    if not re.fullmatch(r"[<>|=][biufcSUMm][0-9]{1,4}(\[[0-9A-Za-z]{1,8}\])?", _exact(name, str)):
        raise WireError(f"expected a plain dtype, got {name!r:.60}")
    return numpy.dtype(name)


def _read_ndarray(dec: Decoder, said: list[Any], depth: int) -> Any:
    import numpy  # only where arrays are used at all

    dtype = _plain_dtype(numpy, said[1])
    shape = tuple(_ints(_exact(said[2], list)))
    data = _exact(said[3], bytes)
    if len(shape) > 32 or any(n < 0 or n > 2**31 for n in shape):
        raise WireError(f"expected a shape of at most 32 lengths, got {len(shape)}")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise WireError(f"expected bytes for shape {shape} of {dtype}, got {len(data)}")
    return dec.numbered(numpy.ndarray(shape, dtype, bytearray(data)))


def _read_numpy_scalar(dec: Decoder, said: list[Any], depth: int) -> Any:
    import numpy

    dtype = _plain_dtype(numpy, said[1])
    if dtype.itemsize != len(_exact(said[2], bytes)):
        raise WireError(f"expected {dtype.itemsize} bytes for one {dtype}, got {len(said[2])}")
    return numpy.ndarray((), dtype, said[2])[()]


def _after(dec: Decoder, value: Any) -> Any:
    if value:
        dec.objects.append(value)
    return value


_READERS: dict[int, Callable[[Decoder, list[Any], int], Any]] = {
    Tag.REF: lambda d, s, n: d.objects[_index(s[1], len(d.objects))],
    Tag.LIST: lambda d, s, n: d.list_(s, n),
    Tag.TUPLE: lambda d, s, n: _after(d, tuple(d.rest(s, 1, n))),
    Tag.DICT: lambda d, s, n: d.into(d.numbered({}), s, 1, n),
    Tag.SET: lambda d, s, n: d.set_(d.numbered(set()), s, n),
    Tag.FROZENSET: lambda d, s, n: d.numbered(frozenset(d.rest(s, 1, n))),
    Tag.BIGINT: _read_bigint,
    Tag.COMPLEX: _read_complex,
    Tag.BYTEARRAY: lambda d, s, n: d.numbered(bytearray(_exact(s[1], bytes))),
    Tag.TEXT: lambda d, s, n: _exact(s[1], bytes).decode("utf-8", "surrogatepass"),
    Tag.DATE: lambda d, s, n: datetime.date(*_ints(s[1:4])),
    Tag.TIME: _read_time,
    Tag.DATETIME: _read_datetime,
    Tag.TIMEDELTA: _read_timedelta,
    Tag.TIMEZONE: lambda d, s, n: _read_zone(s),
    Tag.ZONE: lambda d, s, n: _read_zone(s),
    Tag.DECIMAL: lambda d, s, n: decimal.Decimal(_exact(s[1], str)),
    Tag.FRACTION: _read_fraction,
    Tag.RANGE: _read_range,
    Tag.SLICE: lambda d, s, n: slice(*[d.value(x, n + 1) for x in s[1:4]]),
    Tag.CONSTANT: lambda d, s, n: _CONSTANTS[_index(s[1], len(_CONSTANTS))],
    Tag.TYPE: lambda d, s, n: TYPES[_exact(s[1], str)],
    Tag.COUNTER: lambda d, s, n: d.into(d.numbered(collections.Counter()), s, 1, n),
    Tag.DEFAULTDICT: _read_defaultdict,
    Tag.ORDEREDDICT: lambda d, s, n: d.into(d.numbered(collections.OrderedDict()), s, 1, n),
    Tag.DEQUE: _read_deque,
    Tag.NDARRAY: _read_ndarray,
    Tag.NUMPY_SCALAR: _read_numpy_scalar,
    Tag.UUID: lambda d, s, n: uuid.UUID(bytes=_exact(s[1], bytes)),
    Tag.PATH: lambda d, s, n: (pathlib.PurePosixPath if len(s) > 2 else pathlib.Path)(
        _exact(d.value(s[1], n), str)
    ),
    Tag.KEYS: lambda d, s, n: dict.fromkeys(d.rest(s, 1, n)).keys(),
    Tag.VALUES: lambda d, s, n: dict(enumerate(d.rest(s, 1, n))).values(),
    Tag.ITEMS: lambda d, s, n: d.into({}, s, 1, n).items(),
    Tag.ARRAY: _read_array,
    Tag.ARGUMENT: lambda d, s, n: d.argument(s, n),
}


def same(left: Any, right: Any, _seen: set[tuple[int, int]] | None = None, _depth: int = 0) -> bool:
    """Whether two values are alike in every type, order and value; handles are alike if identical."""
    if left is right:
        return True
    kind = type(left)
    if kind is not type(right) or _depth > MAX_DEPTH:
        return False
    if kind is float:
        return bool(left == right or (left != left and right != right))
    if kind is complex:
        return same(left.real, right.real) and same(left.imag, right.imag)
    if kind is decimal.Decimal:
        return str(left) == str(right)  # a signalling NaN refuses any comparison
    if kind in _ATOMS or kind in (bytearray, range):
        return bool(left == right)
    seen = set() if _seen is None else _seen
    pair = (id(left), id(right))
    if pair in seen:
        return True
    seen.add(pair)
    if kind in (list, tuple, collections.deque):
        return len(left) == len(right) and all(
            same(a, b, seen, _depth + 1) for a, b in zip(left, right, strict=True)
        )
    if kind in (dict, collections.OrderedDict, collections.Counter, collections.defaultdict):
        return len(left) == len(right) and all(
            same(a, b, seen, _depth + 1) and same(left[a], right[b], seen, _depth + 1)
            for a, b in zip(left, right, strict=True)
        )
    if kind in (set, frozenset):
        theirs = {item: item for item in right}
        return len(left) == len(right) and all(
            item in theirs and same(item, theirs[item], seen, _depth + 1) for item in left
        )
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        return bool(
            left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
        )
    return kind.__module__ in ("datetime", "fractions", "uuid", "pathlib") and bool(left == right)


def pack(message: Any) -> bytes:
    """The bytes of a message of tagged forms.

    Raises:
        UnicodeEncodeError: a str holds a lone surrogate; encode again with `safe_text`.
    """
    return _pack(message)


def unpack(data: bytes, *, bounded: bool = True) -> list[Any]:
    """The tagged forms in the bytes of one message, which is a list.

    Args:
        data: the message.
        bounded: whether to refuse messages of very many values; the learner's side trusts the grader's.

    Raises:
        WireError: they are not such a message, or hold more than `MAX_NODES` values.
    """
    if bounded and len(data) > MAX_NODES:
        _count(data)
    try:
        message = _unpack(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise WireError(f"expected MessagePack, got {len(data)} bytes: {error}") from error
    if type(message) is not list:
        raise WireError(f"expected a message, got {type(message).__name__}")
    return message


def folded(decode: Callable[[], Any]) -> Any:
    """What `decode` returns, with any error of a malformed value as `WireError`."""
    try:
        return decode()
    except WireError:
        raise
    except (
        *(TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError),
        *(MemoryError, OSError),
    ) as error:
        raise WireError(f"expected a value of the wire, got {type(error).__name__}: {error}"[:300]) from error


# How many bytes follow each first byte, and how many values; sized forms are looked at below.
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}


def _count(data: bytes) -> None:
    """Counts the values in a long message without building them.

    Raises:
        WireError: there are more than `MAX_NODES`, or the bytes are not MessagePack.
    """
    position, nodes, end = 0, 0, len(data)
    while position < end:
        nodes += 1
        if nodes > MAX_NODES:
            raise WireError(f"expected a message of at most {MAX_NODES} values, got more")
        first = data[position]
        position += 1
        if first < 0xA0 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3, 0xDC, 0xDD, 0xDE, 0xDF):
            if 0xDC <= first <= 0xDF:
                position += 2 if first in (0xDC, 0xDE) else 4
        elif first < 0xC0:
            position += first & 0x1F
        elif first in _FIXED:
            position += _FIXED[first]
        elif first in _SIZED:
            width = _SIZED[first]
            position += width + int.from_bytes(data[position : position + width], "big")
        else:
            raise WireError(f"expected a plain MessagePack value, got first byte {first:#x}")


def plain_int(value: Any) -> int:
    """The value, which must be an exact integer.

    Raises:
        WireError: it is not.
    """
    if type(value) is not int:
        raise WireError(f"expected an integer, got {type(value).__name__}")
    return value


def expect(value: Any, wanted: int) -> None:
    """Check the number of an answer.

    Raises:
        WireError: it is another one's.
    """
    if value != wanted:
        raise WireError(f"expected the answer to request {wanted}, got {value!r:.40}")
