"""docs/issuers.md, followed to the letter: files written, commands run, and what it shows compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.trip.shop import ROOT, write_catalog

pytestmark = [pytest.mark.docker, pytest.mark.slow]

GUIDE = ROOT / "docs" / "issuers.md"
BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
        if kind == "yaml":
            head, _, rest = text.partition("\n")
            assert head.startswith("# "), f"line {line}: expected a comment with the file's name"
            yield Step(line=line, name=head.removeprefix("# "), text=rest)
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
        program = folder / "bin" / "assessor"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m assessor "$@"\n')
        program.chmod(0o700)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSESSOR_")}
        told = {"PATH": f"{program.parent}:{clean['PATH']}", "PYTHONPATH": str(ROOT / "src")}
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
        where.parent.mkdir(exist_ok=True)
        where.write_text(text)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Whatever a failed test left running.
        self._process.stdin.write("kill $(jobs -p) 2>/dev/null; wait\n")
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    write_catalog(tmp_path / "clone")
    made = Shell(tmp_path)
    yield made
    made.close()


def test_guide_takes_an_issuer_from_nothing_to_a_revoked_badge(shell: Shell) -> None:
    done = list(steps(GUIDE.read_text()))
    assert sum(step.name is None for step in done) >= 25
    for step in done:
        if step.name is not None:
            shell.write(step.name, step.text)
            continue
        said = shell.run(step.text)
        wanted = as_pattern(step.shown)
        assert wanted.fullmatch(said), f"{GUIDE.name}:{step.line}: {step.text}\n{said}"
    site = shell.folder / "school" / "site"
    for path in site.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for secret in (b"Ada", b"ada@example.org", b"handed in by somebody else"):
                # Three letters come up in what is random; nobody reads a name out of those.
                assert secret not in data or (secret == b"Ada" and not data.isascii()), path


@pytest.mark.parametrize(
    ("shown", "said", "fits"),
    [
        ("a ... c\n", "a b  c\n", True),
        ("a ... c\n", "a b\nc\n", False),
        ("...\nb\n", "x\ny\nb\n", True),
        ("...\nb\n", "x\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
        ("", "", True),
        ("... a.c\n", "x abc\n", False),
        ("a b\n...\n", "a    b\nc\nd\n", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(shown: str, said: str, fits: bool) -> None:
    assert (as_pattern(shown).fullmatch(said) is not None) is fits
