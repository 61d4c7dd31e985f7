"""Figures as people read them: goals with held or not, tables, and the file of results.

Comes in: numbers. Goes out: Markdown. The file has one section for each benchmark, between markers; a writer
replaces its own section and leaves the others.

    <!-- speed -->
    ...
    <!-- /speed -->
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results.md"

_HEAD = "# Figures\n\nRatios travel better than milliseconds. Written by `script/bench`.\n"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was wanted and what was measured.

    Attributes:
        what: the thing measured.
        wanted: the limit, as text.
        got: the figure, as text.
        held: whether it is within the limit.
    """

    what: str
    wanted: str
    got: str
    held: bool


def at_most(what: str, got: float, limit: float, *, unit: str = "") -> Goal:
    """A goal that small figures hold."""
    return Goal(what=what, wanted=f"≤ {_number(limit)}{unit}", got=f"{_number(got)}{unit}", held=got <= limit)


def at_least(what: str, got: float, limit: float, *, unit: str = "") -> Goal:
    """A goal that large figures hold."""
    return Goal(what=what, wanted=f"≥ {_number(limit)}{unit}", got=f"{_number(got)}{unit}", held=got >= limit)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; every column but the first is of figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def goals(found: Sequence[Goal]) -> list[str]:
    """The goals as a table."""
    rows = [[one.what, one.wanted, one.got, "held" if one.held else "**not held**"] for one in found]
    return table(["goal", "wanted", "measured", ""], rows)


def machine() -> str:
    """The machine that was measured, in one line."""
    version = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=True
    )
    return (
        f"{date.today().isoformat()}: {platform.machine()}, {os.cpu_count()} cores, Linux "
        f"{platform.release()}, Docker {version.stdout.strip()}, Python {platform.python_version()}"
    )


def median(values: Sequence[float]) -> str:
    """The median, in whole units."""
    return f"{statistics.median(values):.0f}"


def write(name: str, lines: Sequence[str], *, path: Path = RESULTS) -> None:
    """Put this section into the file of results, in place of the one that was there."""
    text = path.read_text() if path.exists() else _HEAD
    section = f"<!-- {name} -->\n" + "\n".join(lines).strip() + f"\n<!-- /{name} -->\n"
    there = re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->\n", re.DOTALL)
    whole = there.sub(lambda _found: section, text)
    path.write_text(whole if there.search(text) else f"{text.rstrip()}\n\n{section}")


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
