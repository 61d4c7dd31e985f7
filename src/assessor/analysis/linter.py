"""ruff, asked about one text: nothing that the text says of ruff is heeded.

The text goes in by standard input; no configuration, no cache, no comment that silences a rule. Rules that
depend on the files beside one, and those that comments of other tools switch off, are not offered
(`NOT_OFFERED`).
"""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

from assessor.analysis import apart
from assessor.analysis.sources import Source, Unreadable

#: isort's comments switch off `I`; INP001 asks what lies beside a file, EXE001 and EXE002 for its mode, which
#: no submission has.
NOT_OFFERED = frozenset({"I001", "I002", "INP001", "EXE001", "EXE002"})
#: The ruff whose rules `offered` are, and the only one that is asked.
VERSION = "0.17.6"
_RULES = Path(__file__).with_name("ruff_rules.txt")


@functools.cache
def offered() -> tuple[str, ...]:
    """The stable rules of the ruff that this is pinned to, sorted."""
    return tuple(_RULES.read_text(encoding="ascii").split())


class Crashed(Exception):
    """ruff did not come to an end; carries what is told of it."""

    def __init__(self, broken: apart.Broken) -> None:
        super().__init__(broken.why)
        self.broken = broken


def look(source: Source, *, ruff: str, select: list[str], target: str) -> list[tuple[int, str, str]]:
    """Line, rule and sentence of each finding, ascending.

    Args:
        source: what to look at.
        ruff: path of the program.
        select: exact rules.
        target: version of Python, such as `py311`.

    Raises:
        Unreadable: ruff takes it for no Python.
        Crashed: ruff was ended by it.
    """
    told = subprocess.run(
        [
            *(ruff, "check", "--isolated", "--no-cache", "--ignore-noqa", "--quiet", "--exit-zero"),
            *("--output-format", "json", "--target-version", target, "--select", ",".join(select)),
            *(f"--stdin-filename={source.path}", "-"),
        ],
        input=source.text.encode(),
        capture_output=True,
        check=False,
    )
    if told.returncode < 0:
        raise Crashed(apart.of_signal(told.returncode))
    if told.returncode:
        why = told.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        raise Crashed(
            apart.Broken("crash", f"ruff ended with status {told.returncode}, saying: {why[0][:200]}")
        )
    found = []
    for one in json.loads(told.stdout):
        line = int(one["location"]["row"])
        if one["code"] in (None, "invalid-syntax"):
            raise Unreadable(f"expected Python, got: {one['message']}", line)
        if one["code"] not in select:  # such as what it says of itself where it fails
            raise Crashed(apart.Broken("crash", f"ruff said {one['code']} instead: {one['message'][:200]}"))
        found.append((line, str(one["code"]), _sentence(one)))
    return sorted(found)


def _sentence(one: dict[str, Any]) -> str:
    said = str(one["message"]).rstrip(".")
    mend = str((one["fix"] or {}).get("message") or "").rstrip(".")
    return f"{said}. {mend}." if mend and mend != said else f"{said}."


def version(ruff: str) -> str:
    """What ruff calls its version, such as `0.17.6`; empty where it does not start."""
    told = subprocess.run([ruff, "--version"], capture_output=True, check=False)
    return told.stdout.decode(errors="replace").removeprefix("ruff ").strip() if told.returncode == 0 else ""
