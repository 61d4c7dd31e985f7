"""Arrays and scalars of numpy as tagged forms: dtype, shape and bytes, of plain dtypes only.

Imports numpy where an array comes in, and not before.
"""

from __future__ import annotations

import math
import re
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


def _dtype(dtype: Any) -> str:
    if dtype.kind not in "biufcSUMm" or dtype.hasobject or dtype.fields or dtype.itemsize > 4096:
        raise WireError(f"expected an array of numbers, text or dates, got dtype {dtype}")
    return str(dtype.str)


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
    return numpy.ndarray(shape, dtype, bytearray(data))


def read_scalar(said: list[Any]) -> Any:
    """The scalar of a form; raises as `read`."""
    import numpy

    dtype = _plain_dtype(numpy, said[1])
    if dtype.itemsize != len(exact(said[2], bytes)):
        raise WireError(f"expected {dtype.itemsize} bytes for one {dtype}, got {len(said[2])}")
    return numpy.ndarray((), dtype, said[2])[()]


def _plain_dtype(numpy: Any, name: Any) -> Any:
    if not re.fullmatch(r"[<>|=][biufcSUMm][0-9]{1,4}(\[[0-9A-Za-z]{1,8}\])?", exact(name, str)):
        raise WireError(f"expected a plain dtype, got {name!r:.60}")
    return numpy.dtype(name)
