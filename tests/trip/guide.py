"""Pages of the documentation that are followed to the letter: what they write, run, and show of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.trip.shop import ROOT

BLOCK = re.compile(r"^```(console|yaml|python|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The first line of a block that is a file; blocks of yaml are always files, of code where they have one.
HEAD = re.compile(r"(?:#|--) ([\w./-]+\.\w+)")
#: Ends what a command printed; nothing that it prints holds it.
END = "\x1e"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A file to write (`name`), or a command to run and what the guide shows of its output."""

    line: int
    name: str | None
    text: str
    shown: str = ""


def steps(guide: str) -> Iterator[Step]:
    for block in BLOCK.finditer(guide):
        line = guide.count("\n", 0, block.start()) + 2
        kind, text = block.groups()
        if kind != "console":
            first, _, rest = text.partition("\n")
            head = HEAD.fullmatch(first)
            assert head or kind != "yaml", f"line {line}: expected a comment with the file's name"
            if head:
                yield Step(line=line, name=head[1], text=rest)
            continue
        parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
        assert parts[0] == "", f"line {line}: expected a command"
        for part in parts[1:]:
            command, _, shown = part.partition("\n")
            yield Step(line=line, name=None, text=command, shown=shown)


def as_pattern(shown: str) -> re.Pattern[str]:
    """What the guide shows: spaces as they come, and `...` for anything."""
    lines = []
    for line in shown.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
            continue
        pieces = ["[ ]+".join(map(re.escape, piece.split())) for piece in line.split("...")]
        lines.append("[ ]*" + ".*".join(f"[ ]*{piece}" for piece in pieces) + "[ ]*\n")
    return re.compile("".join(lines))


class Shell:
    """One shell for the whole guide, as a reader has."""

    def __init__(self, folder: Path) -> None:
        programs = folder / "bin"
        programs.mkdir()
        for name, arguments in (("assessor", "-m assessor"), ("python", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
            (programs / name).chmod(0o700)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSESSOR_")}
        told = {"PATH": f"{programs}:{clean['PATH']}", "PYTHONPATH": str(ROOT / "src")}
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder / "clone",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean | told | {"COLUMNS": "140", "LC_ALL": "C.UTF-8"},
            text=True,
        )
        self.folder = folder / "clone"

    def run(self, command: str) -> str:
        """What the command printed, without empty lines; its status is what the next one finds in `$?`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Told by itself, so that the status of the command is still there afterwards.
        self._process.stdin.write(f"{command}\n__status=$?; printf '{END}\\n'; (exit $__status)\n")
        self._process.stdin.flush()
        said = ""
        while END not in said:
            piece = self._process.stdout.readline()
            assert piece, f"the shell ended at: {command}"
            said += piece
        lines = said.partition(END)[0].splitlines(keepends=True)
        return "".join(line for line in lines if line.strip())

    def write(self, name: str, text: str) -> None:
        """Write a file where the shell is."""
        where = Path(self.run("pwd").strip()) / name
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Whatever a failed test left running.
        self._process.stdin.write("kill $(jobs -p) 2>/dev/null; wait\n")
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def follow(page: Path, done: list[Step], shell: Shell) -> None:
    """Do what a page says, step by step; what a command prints must be what the page shows."""
    for step in done:
        if step.name is not None:
            shell.write(step.name, step.text)
            continue
        said = shell.run(step.text)
        assert as_pattern(step.shown).fullmatch(said), f"{page.name}:{step.line}: {step.text}\n{said}"


def sections(text: str) -> dict[str, str]:
    """The parts of a page by their headings of the second level, each at its line; before any, by ""."""
    found: dict[str, str] = {}
    title, lines = "", list[str]()
    fenced = False
    for at, line in enumerate(text.splitlines(keepends=True)):
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced:
            found[title] = "".join(lines)
            title, lines = line.removeprefix("## ").strip(), ["\n"] * at  # so that steps know their lines
        lines.append(line)
    found[title] = "".join(lines)
    return found
