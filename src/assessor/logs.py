"""Log lines: structlog, for people on a console or as JSON for machines, always on standard error.

Text that comes from a learner (a name, a file's name) may hold line ends and terminal escapes; `JSON`
escapes them by itself, the console form shows them escaped, so that nobody can forge a line.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import ExcInfo

from assessor.settings import LogFormat


def _escape(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    return {key: visible(value) if isinstance(value, str) else value for key, value in line.items()}


def visible(text: str) -> str:
    """The text on one line, with every character that is not printable written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _traceback(sink: TextIO, raised: ExcInfo) -> None:
    """A traceback without the values of variables, which can be keys and hidden tests.

    Each line is marked: an error's text may hold a learner's words, and none of them must look like a line
    of the log.
    """
    for line in "".join(traceback.format_exception(*raised)).splitlines():
        sink.write(f"\n    | {visible(line)}")


#: Whether a logger stays as it was made: quicker, but deaf to a later `configure`, which only tests have.
LASTING = True


def configure(form: LogFormat, *, level: int = logging.INFO) -> None:
    """Send log lines to standard error in this form; called by edges, once a process."""
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if form is LogFormat.JSON:
        chain += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)
        chain += [_escape, console]
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=LASTING,
    )


@contextmanager
def stage(name: str) -> Iterator[None]:
    """One log line for a stage that came to its end, with its duration in milliseconds."""
    began = time.monotonic()
    yield
    structlog.get_logger("assessor").info(name, ms=round((time.monotonic() - began) * 1000))
