"""Values from tagged forms, the same on both sides of the bridge.

Comes in: what `wire` unpacked. Goes out: values of exact plain types only. What is not plain data is left
to a `foreign` function, which knows the tags from `Tag.HANDLE` on.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any

from . import arrays
from .plain import ATOMS, FACTORIES, TYPES, same
from .wire import MAX_DEPTH, Tag, WireError, exact, ints, reference, unpack_flat

_TUPLE = int(Tag.TUPLE)
_FIRST_FOREIGN = int(Tag.HANDLE)
_are_atoms = ATOMS.issuperset
_CONSTANTS: tuple[Any, ...] = (Ellipsis, NotImplemented)
_ZONE = re.compile(r"[A-Za-z0-9_+\-]{1,40}(/[A-Za-z0-9_+\-]{1,40}){0,2}")

Foreign = Callable[["Decoder", list[Any], int], Any]


class Decoder:
    """Builds the values of one message from tagged lists.

    Args:
        foreign: builds what carries a tag of its own, or raises.
        arguments: the objects of the message that this one answers, as its `Encoder` numbered them.
    """

    __slots__ = ("arguments", "foreign", "objects")

    def __init__(self, foreign: Foreign, *, arguments: Sequence[Any] = ()) -> None:
        self.foreign = foreign
        self.objects: list[Any] = []
        self.arguments = arguments

    def value(self, said: Any, depth: int = 0) -> Any:
        """The value of a tagged form.

        Raises:
            WireError: it is not one. Errors of the parts' constructors pass through; `unpack` folds them.
        """
        kind = type(said)
        if kind in ATOMS:
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

    def flat(self, said: list[Any]) -> list[Any]:
        """The items of a list that was packed apart."""
        if len(said) != 2:
            raise WireError(f"expected the bytes of a flat list, got {len(said) - 1} parts")
        items = unpack_flat(exact(said[1], bytes))
        self.objects.append(items)
        return items

    def _fill(self, said: list[Any], start: int, depth: int) -> None:
        if _are_atoms(map(type, said)):
            return
        deeper = depth + 1
        for index in range(start, len(said)):
            item = said[index]
            if type(item) not in ATOMS:
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
            if type(key) not in ATOMS:
                key = self.value(key, deeper)
            item = said[index + 1]
            target[key] = item if type(item) in ATOMS else self.value(item, deeper)
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
        original = self.arguments[reference(said[1], len(self.arguments))]
        if len(said) == 2:
            return self.numbered(original)
        number = len(self.objects)
        mutable = type(said[2]) is list and said[2][:1] and said[2][0] not in (_TUPLE, int(Tag.FROZENSET))
        value = self.value(said[2], depth)
        if not same(value, original):
            return value
        self.objects[number if mutable else -1] = original
        return original


def _read_bigint(dec: Decoder, said: list[Any], depth: int) -> int:
    return int.from_bytes(exact(said[1], bytes), "big", signed=True)


def _read_complex(dec: Decoder, said: list[Any], depth: int) -> complex:
    return complex(exact(said[1], float), exact(said[2], float))


def _read_zone(said: Any) -> datetime.tzinfo | None:
    if said is None:
        return None
    days, seconds, micros = ints(exact(said[2 if said[0] == Tag.ZONE else 1], list))
    offset = datetime.timedelta(days=days, seconds=seconds, microseconds=micros)
    if said[0] == Tag.ZONE:
        key = exact(said[1], str)
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
    return datetime.timezone(offset, exact(said[2], str))


def _read_datetime(dec: Decoder, said: list[Any], depth: int) -> datetime.datetime:
    year, month, day, hour, minute, second, micro, fold = ints(said[1:9])
    return datetime.datetime(
        year, month, day, hour, minute, second, micro, tzinfo=_read_zone(said[9]), fold=fold
    )


def _read_time(dec: Decoder, said: list[Any], depth: int) -> datetime.time:
    hour, minute, second, micro, fold = ints(said[1:6])
    return datetime.time(hour, minute, second, micro, tzinfo=_read_zone(said[6]), fold=fold)


def _read_timedelta(dec: Decoder, said: list[Any], depth: int) -> datetime.timedelta:
    days, seconds, micros = ints(said[1:4])
    return datetime.timedelta(days=days, seconds=seconds, microseconds=micros)


def _read_fraction(dec: Decoder, said: list[Any], depth: int) -> fractions.Fraction:
    numerator, denominator = ints([dec.value(x, depth) for x in said[1:3]])
    return fractions.Fraction(numerator, denominator)


def _read_range(dec: Decoder, said: list[Any], depth: int) -> range:
    start, stop, step = ints([dec.value(x, depth) for x in said[1:4]])
    return range(start, stop, step)


def _read_defaultdict(dec: Decoder, said: list[Any], depth: int) -> Any:
    if said[1] not in FACTORIES:
        raise WireError(f"expected a built-in factory, got {said[1]!r:.60}")
    factory = None if said[1] is None else TYPES[said[1]]
    return dec.into(dec.numbered(collections.defaultdict(factory)), said, 2, depth)


def _read_deque(dec: Decoder, said: list[Any], depth: int) -> Any:
    if said[1] is not None:
        ints([said[1]])
    value: collections.deque[Any] = dec.numbered(collections.deque(maxlen=said[1]))
    value.extend(dec.rest(said, 2, depth))
    return value


def _read_array(dec: Decoder, said: list[Any], depth: int) -> Any:
    value: array.array[Any] = array.array(exact(said[1], str))
    value.frombytes(exact(said[2], bytes))
    return dec.numbered(value)


def _read_tuple(dec: Decoder, said: list[Any], depth: int) -> tuple[Any, ...]:
    dec._fill(said, 1, depth)
    del said[0]
    value = tuple(said)
    if value:
        dec.objects.append(value)
    return value


_READERS: dict[int, Callable[[Decoder, list[Any], int], Any]] = {
    Tag.REF: lambda d, s, n: d.objects[reference(s[1], len(d.objects))],
    Tag.LIST: Decoder.list_,
    Tag.TUPLE: _read_tuple,
    Tag.DICT: lambda d, s, n: d.into(d.numbered({}), s, 1, n),
    Tag.SET: lambda d, s, n: d.set_(d.numbered(set()), s, n),
    Tag.FROZENSET: lambda d, s, n: d.numbered(frozenset(d.rest(s, 1, n))),
    Tag.BIGINT: _read_bigint,
    Tag.COMPLEX: _read_complex,
    Tag.BYTEARRAY: lambda d, s, n: d.numbered(bytearray(exact(s[1], bytes))),
    Tag.TEXT: lambda d, s, n: exact(s[1], bytes).decode("utf-8", "surrogatepass"),
    Tag.DATE: lambda d, s, n: datetime.date(*ints(s[1:4])),
    Tag.TIME: _read_time,
    Tag.DATETIME: _read_datetime,
    Tag.TIMEDELTA: _read_timedelta,
    Tag.TIMEZONE: lambda d, s, n: _read_zone(s),
    Tag.ZONE: lambda d, s, n: _read_zone(s),
    Tag.DECIMAL: lambda d, s, n: decimal.Decimal(exact(s[1], str)),
    Tag.FRACTION: _read_fraction,
    Tag.RANGE: _read_range,
    Tag.SLICE: lambda d, s, n: slice(*[d.value(x, n + 1) for x in s[1:4]]),
    Tag.CONSTANT: lambda d, s, n: _CONSTANTS[reference(s[1], len(_CONSTANTS))],
    Tag.TYPE: lambda d, s, n: TYPES[exact(s[1], str)],
    Tag.COUNTER: lambda d, s, n: d.into(d.numbered(collections.Counter()), s, 1, n),
    Tag.DEFAULTDICT: _read_defaultdict,
    Tag.ORDEREDDICT: lambda d, s, n: d.into(d.numbered(collections.OrderedDict()), s, 1, n),
    Tag.DEQUE: _read_deque,
    Tag.NDARRAY: lambda d, s, n: d.numbered(arrays.read(s)),
    Tag.NUMPY_SCALAR: lambda d, s, n: arrays.read_scalar(s),
    Tag.UUID: lambda d, s, n: uuid.UUID(bytes=exact(s[1], bytes)),
    Tag.PATH: lambda d, s, n: (pathlib.PurePosixPath if len(s) > 2 else pathlib.Path)(
        exact(d.value(s[1], n), str)
    ),
    Tag.KEYS: lambda d, s, n: dict.fromkeys(d.rest(s, 1, n)).keys(),
    Tag.VALUES: lambda d, s, n: dict(enumerate(d.rest(s, 1, n))).values(),
    Tag.ITEMS: lambda d, s, n: d.into({}, s, 1, n).items(),
    Tag.ARRAY: _read_array,
    Tag.FLAT: lambda d, s, n: d.flat(s),
    Tag.ARGUMENT: lambda d, s, n: d.argument(s, n),
}
