"""The messages of the bridge: their tags and bounds, their bytes, and checks of their parts.

Comes in: tagged forms, or bytes. Goes out: bytes, or tagged forms again. What a value's form is, `encoding`
says; how a value is built of it, `decoding`.

None, bool, float, str, bytes and 64-bit integers are themselves; anything else is a list whose first item
is a tag. Lists, dicts, sets and the like are numbered in the order of first meeting, tuples and
frozensets as they end, so that aliases and cycles within one message survive (`Tag.REF`).

Bounded in bytes by the caller's frames, here in depth and in number of nodes: a short message must not
become a large heap. Runs in the learner's process too, so it needs msgspec and the standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import msgspec

#: The deepest nesting of a value that crosses.
MAX_DEPTH = 100
#: The most values in one message; each costs the reader up to about 100 bytes.
MAX_NODES = 1_000_000


class WireError(Exception):
    """Bytes or a value that the wire does not carry; the text says which."""


class Unpackable(Exception):
    """A text or an integer that MessagePack refuses, in a form that was made without looking for such."""


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
    FLAT = (
        35  # a list of None, bool, int, float and str only, packed apart so that nobody has to look at each
    )
    # From here on the tags of `foreign`.
    HANDLE = 40
    VALUE = 41
    EXPORT = 42
    EXCEPTION = 43
    NAMED = 44


def _no_ext(code: int, data: memoryview) -> Any:
    raise WireError(f"expected no MessagePack extension, got type {code} of {len(data)} bytes")


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(ext_hook=_no_ext).decode


_unpack_flat = msgspec.msgpack.Decoder(list[bool | int | float | str | None], ext_hook=_no_ext).decode


def pack(message: Any) -> bytes:
    """The bytes of a message of tagged forms.

    Raises:
        Unpackable: a str holds a lone surrogate, or an int has more than 64 bits; encode again with care.
    """
    try:
        return _pack(message)
    except (UnicodeEncodeError, OverflowError) as error:
        raise Unpackable(str(error)) from error


def unpack_flat(data: bytes) -> list[Any]:
    """The items in the bytes of `Tag.FLAT`.

    Raises:
        WireError: they are not such a list.
    """
    try:
        return _unpack_flat(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise WireError(f"expected a list of plain items, got {len(data)} bytes: {error}") from error


def unpack(data: bytes | memoryview, *, bounded: bool = True) -> list[Any]:
    """The tagged forms in the bytes of one message, which is a list.

    Args:
        data: the message.
        bounded: whether to refuse messages of very many values; the learner's side trusts the grader's.

    Raises:
        WireError: they are not such a message, or hold more than `MAX_NODES` values.
    """
    if bounded and len(data) > MAX_NODES:
        _count(bytes(data))
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
        *(MemoryError, OSError, ImportError, SystemError),
    ) as error:
        raise WireError(f"expected a value of the wire, got {type(error).__name__}: {error}"[:300]) from error


# How long a value is by its first byte, that byte included; None for those that say so themselves or that
# are looked at, and for those that are refused.
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_STEPS: list[int | None] = [
    *(1 for _ in range(0xA0)),
    *(1 + length for length in range(0x20)),
    *(1 + _FIXED[first] if first in _FIXED else None for first in range(0xC0, 0xE0)),
    *(1 for _ in range(0xE0, 0x100)),
]
_STEPS[0x92] = None  # a list of two, which may be a flat list
for _first in (0xC0, 0xC2, 0xC3):
    _STEPS[_first] = 1
_STEPS[0xDE], _STEPS[0xDF] = 3, 5


def _count(data: bytes) -> None:
    """Counts the values in a long message without building them, those in flat lists too.

    Raises:
        WireError: there are more than `MAX_NODES`, or the bytes are not MessagePack.
    """
    position, nodes, end = 0, 0, len(data)
    steps = _STEPS
    while position < end:
        nodes += 1
        first = data[position]
        step = steps[first]
        if step is None:
            if first in _SIZED:
                width = _SIZED[first]
                step = 1 + width + int.from_bytes(data[position + 1 : position + 1 + width], "big")
            elif first in (0x92, 0xDC, 0xDD):
                step = {0x92: 1, 0xDC: 3, 0xDD: 5}[first]
                if first == 0x92 or _list_length(data, position) == 2:
                    nodes += _flat_length(data, position + step)
            else:
                raise WireError(f"expected a plain MessagePack value, got first byte {first:#x}")
        if nodes > MAX_NODES:
            raise WireError(f"expected a message of at most {MAX_NODES} values, got more")
        position += step


def _flat_length(data: bytes, position: int) -> int:
    """How many items a flat list says that it has, if the two values here are its tag and its bytes."""
    first = data[position : position + 1]
    if first != b"\x23":
        width = _FIXED.get(first[0], 0) if first >= b"\xcc" else 0
        # The same number may be written longer.
        if not width or int.from_bytes(data[position + 1 : position + 1 + width], "big") != Tag.FLAT:
            return 0
        position += width
    width = {b"\xc4": 1, b"\xc5": 2, b"\xc6": 4}.get(data[position + 1 : position + 2], 0)
    return _list_length(data, position + 2 + width) if width else 0


def _list_length(data: bytes, position: int) -> int:
    """How many items a packed list says that it has; no more than that are built."""
    first = data[position : position + 1]
    if first not in (b"\xdc", b"\xdd"):
        return 15  # at most
    return int.from_bytes(data[position + 1 : position + (3 if first == b"\xdc" else 5)], "big")


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


def reference(value: Any, length: int) -> int:
    if type(value) is not int or not 0 <= value < length:
        raise WireError(f"expected a reference below {length}, got {value!r:.40}")
    return value


def ints(values: Sequence[Any]) -> Sequence[int]:
    for value in values:
        if type(value) is not int:
            raise WireError(f"expected an integer, got {type(value).__name__}")
    return values


def exact(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise WireError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
