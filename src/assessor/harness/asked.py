"""What the submission asks of a test: calls of what was lent, its public attributes, a line of input.

Comes in: an `Ask` and its operands. Goes out: the result, or what the test's code raised. Which attributes
and operations may be asked for is left to `lending`.
"""

from __future__ import annotations

import builtins
import io
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import lending, wire
from .calls import Ask
from .hub import Process

_REAL_INPUT = builtins.input


def perform(
    process: Process, what: int, export: int, operands: list[Any], *, note: Callable[[str], None]
) -> Any:
    """The result of what the submission asks.

    Args:
        process: which asks, and what is lent to it.
        what: an `Ask`.
        export: the id of what is asked, if it is something lent.
        operands: as `Ask` says.
        note: takes a prompt, for the report.

    Raises:
        WireError: nothing like that can be asked.
        BaseException: what the test's code raised.
    """
    if what == Ask.INPUT:
        return _input(process, str(operands[0]), note)
    if what == Ask.REBOUND:
        process.names.clear()
        return None
    if what == Ask.STDIN:
        return sys.stdin.read() if operands[0] == "read" and _patched_stdin() else _line()
    value = process.exports.get(export)
    if value is None:
        raise wire.WireError(f"expected the id of something lent, got {export}")
    if what == Ask.CALL:
        args, kwargs = operands
        return value(*args, **kwargs)
    if what == Ask.GET:
        return lending.attribute(value, str(operands[0]))
    if what == Ask.OPERATE:
        name, args, kwargs = operands
        if name == "await":
            return _awaited(value, args, kwargs)
        return lending.special(value, str(name))(*args, **kwargs)
    raise wire.WireError(f"expected something that may be asked, got {what}")


def _input(process: Process, prompt: str, note: Callable[[str], None]) -> str:
    process.spend(len(prompt))
    if builtins.input is not _REAL_INPUT:
        return str(builtins.input(prompt))
    sys.stdout.write(prompt)
    note(prompt)
    line = _line()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


def _line() -> str:
    return str(sys.stdin.readline()) if _patched_stdin() else ""


def _patched_stdin() -> bool:
    return isinstance(sys.stdin, io.StringIO) or (
        sys.stdin is not sys.__stdin__ and not type(sys.stdin).__module__.startswith("_pytest")
    )


def _awaited(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a test's coroutine function, run beside the loop that waits for the submission."""
    import asyncio  # only here: it takes a tenth of the time that a side needs to come up

    found: list[Any] = []

    def run() -> None:
        try:
            found.append((asyncio.run(function(*args, **kwargs)), None))
        except BaseException as error:
            found.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = found[0]
    if error is not None:
        raise error
    return value
