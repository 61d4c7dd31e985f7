"""Exceptions that the submission raised, as a test may catch them."""

from __future__ import annotations

import unittest
from typing import Any

from . import classes, remote, wire
from .bridge import Bridge
from .failure import LearnerExited, LearnerRaised
from .handles import Ref


def make(b: Bridge, ref: Ref, data: dict[str, Any]) -> Any:
    """The described exception, or what fails the test in its place.

    Raises:
        wire.WireError: the description makes no sense.
    """
    cls, args = data["class"], data["args"]
    if not isinstance(cls, type) or not issubclass(cls, BaseException) or type(args) is not tuple:
        raise wire.WireError("expected the class and the arguments of an exception")
    text = str(data["text"])
    error: BaseException
    if _control_flow(cls):
        error = _as_failure(cls.__name__, args, cls, collecting=b.collecting)
    elif isinstance(cls, classes.Class):
        new: Any = cls.__new__
        error = new(cls, *args)
        error.args = args
        object.__setattr__(error, remote.REF, ref)
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


def _control_flow(cls: type[BaseException]) -> bool:
    """Whether an exception class would steer the test run rather than fail a test."""
    return not issubclass(cls, Exception) or issubclass(cls, unittest.SkipTest)


def _as_failure(
    name: str, args: tuple[Any, ...], cls: type[BaseException], *, collecting: bool
) -> BaseException:
    """What fails the test in place of an exception that would steer the run."""
    if issubclass(cls, SystemExit) and not collecting:
        return LearnerExited(args[0] if args else None)
    shown = ", ".join(repr(item)[:200] for item in args)
    return LearnerRaised(f"the submission raised {name}({shown})", pytrace=True)
