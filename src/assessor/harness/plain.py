"""Plain data: the built-in types that cross the bridge by value, and when two values are the same."""

from __future__ import annotations

import collections
import decimal
import fractions
import math
import sys
from collections.abc import Callable
from typing import Any

from .wire import MAX_DEPTH

#: What is itself on the wire, integers beyond 64 bits and texts with lone surrogates apart.
ATOMS = frozenset({type(None), bool, int, float, str, bytes})

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
TYPE_NAMES = {cls: name for name, cls in TYPES.items()}
#: What a defaultdict that crosses may make.
FACTORIES = {None, "int", "float", "bool", "str", "bytes", "list", "tuple", "dict", "set", "frozenset"}

#: Built-in types whose subclasses cross as their base's data, and how to read that past methods of their own.
BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
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
DATA_BASES: tuple[type, ...] = tuple(base for base, _ in BASES)


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
    if kind in ATOMS or kind in (bytearray, range):
        return bool(left == right)
    seen = set() if _seen is None else _seen
    pair = (id(left), id(right))
    if pair in seen:
        return True
    seen.add(pair)
    if kind in (list, tuple, collections.deque):
        if len(left) != len(right):
            return False
        kinds = list(map(type, left))
        if ATOMS.issuperset(kinds) and kinds == list(map(type, right)) and left == right:
            return True  # else item by item: a NaN is not equal to another
        return all(same(a, b, seen, _depth + 1) for a, b in zip(left, right, strict=True))
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
