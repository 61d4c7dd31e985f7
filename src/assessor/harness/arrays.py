"""Arrays and scalars of numpy as tagged forms: dtype, shape and bytes, of plain dtypes only.

numpy trusts the bytes of its own arrays: a date in units of zero seconds ends the process by a division, a
letter beyond Unicode corrupts it. So what it would not have made itself never becomes an array here. Imports
numpy where an array comes in, and not before.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

from .wire import Tag, WireError, exact, ints


def write(value: Any) -> list[Any]:
    """The form of an array.

    Raises:
        WireError: its dtype is not a plain one.
    """
    return [int(Tag.NDARRAY), _dtype(value.dtype), list(value.shape), value.tobytes()]


def write_scalar(value: Any) -> list[Any]:
    """The form of a scalar.

    Raises:
        WireError: its dtype is not a plain one.
    """
    return [int(Tag.NUMPY_SCALAR), _dtype(value.dtype), value.tobytes()]


#: Kind and size, and the unit of dates: never a multiple of one.
_PLAIN = re.compile(
    r"[|]b1|[|][iu]1|[<>](i[248]|u[248]|f2|f4|f8|f16|c8|c16|c32)|[|]S[1-9][0-9]{0,3}|[<>]U[1-9][0-9]{0,3}"
    r"|[<>][Mm]8(\[(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)


def _dtype(dtype: Any) -> str:
    name = str(dtype.str)
    if dtype.hasobject or dtype.fields or dtype.itemsize > 4096 or not _PLAIN.fullmatch(name):
        raise WireError(f"expected an array of numbers, text or dates, got dtype {dtype}")
    return name


def read(said: list[Any]) -> Any:
    """The array of a form.

    Raises:
        WireError: it is not one. Errors of numpy's own pass through.
    """
    import numpy  # only where arrays are used at all

    dtype = _plain_dtype(numpy, said[1])
    shape = tuple(ints(exact(said[2], list)))
    data = exact(said[3], bytes)
    if len(shape) > 32 or any(n < 0 or n > 2**31 for n in shape):
        raise WireError(f"expected a shape of at most 32 lengths, got {len(shape)}")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise WireError(f"expected bytes for shape {shape} of {dtype}, got {len(data)}")
    _check(numpy, dtype, data)
    return numpy.ndarray(shape, dtype, bytearray(data))


def read_scalar(said: list[Any]) -> Any:
    """The scalar of a form; raises as `read`."""
    import numpy

    dtype = _plain_dtype(numpy, said[1])
    if dtype.itemsize != len(exact(said[2], bytes)):
        raise WireError(f"expected {dtype.itemsize} bytes for one {dtype}, got {len(said[2])}")
    _check(numpy, dtype, said[2])
    return numpy.ndarray((), dtype, said[2])[()]


def _plain_dtype(numpy: Any, name: Any) -> Any:
    if not _PLAIN.fullmatch(exact(name, str)):
        raise WireError(f"expected a plain dtype, got {name!r:.60}")
    return numpy.dtype(name)


def _check(numpy: Any, dtype: Any, data: bytes) -> None:
    """Refuse bytes that no value of this dtype has."""
    if dtype.kind == "b" and data.strip(b"\0\1"):
        raise WireError("expected truth values of 0 and 1, got others")
    if dtype.kind == "U" and data:
        letters = numpy.frombuffer(data, numpy.dtype("u4").newbyteorder(dtype.byteorder))
        if int(letters.max()) > sys.maxunicode:
            raise WireError(f"expected letters of Unicode, got {int(letters.max()):#x}")
