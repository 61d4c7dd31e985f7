"""Judges a program by the cases of a Kattis problem package. Copied into the `tests/` of each imported task.

Comes in: the cases in `data/`, and `plan.json`: how the program is built and run. Goes out: pytest failures
that begin with a verdict's name: compile error, run-time error, wrong answer. Too slow a program is
ended by the fixture. Imports nothing of the system: it runs in a grader.

The default validator compares token by token, as the format's own does. A custom one is trusted code: in
Python it runs here, in the grader; in C or C++ beside the submission's files, in a folder whose name no
submission knows, once every process of the submission has ended. 42 is its yes, 43 its no.

Source: Kattis problem package format, "Default validator" and "Output validators".
"""

import json
import math
import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ACCEPTED, WRONG = 42, 43
#: Characters of a token that a message shows.
SHOWN = 40
_SPACES = b" \t\n\v\f\r"
#: What C's scanf takes for a decimal number, not-a-number and infinity left out.
_FLOAT = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TOOLS_S = 60


class Flags:
    """How the default validator compares.

    Args:
        words: its arguments, as they stand in a package.

    Raises:
        ValueError: there is no such argument, or its number is missing or none.
    """

    def __init__(self, words: list[str]) -> None:
        self.case_sensitive = self.space_change_sensitive = False
        self.absolute = self.relative = -1.0
        rest = iter(words)
        for word in rest:
            if word in ("case_sensitive", "space_change_sensitive"):
                setattr(self, word, True)
                continue
            if word not in ("float_tolerance", "float_absolute_tolerance", "float_relative_tolerance"):
                raise ValueError(
                    "expected case_sensitive, space_change_sensitive, float_tolerance, "
                    f'float_absolute_tolerance or float_relative_tolerance, got "{word}"'
                )
            number = next(rest, "")
            value = _number(number.encode())
            if value is None:
                raise ValueError(f'expected a number after {word}, got "{number}"')
            if word != "float_relative_tolerance":
                self.absolute = value
            if word != "float_absolute_tolerance":
                self.relative = value

    @property
    def floats(self) -> bool:
        """Whether numbers may differ a little."""
        return self.absolute >= 0 or self.relative >= 0


def differs(answer: bytes, output: bytes, flags: Flags) -> str | None:
    """Why an output is not the answer, or None where it is."""
    if flags.space_change_sensitive and _spacing(answer) != _spacing(output):
        return "the white space is not as expected"
    wanted, got = answer.split(), output.split()
    for at, (one, other) in enumerate(zip(wanted, got, strict=False), 1):
        if not _same(one, other, flags):
            return f"token {at}: expected {_shown(one)}, got {_shown(other)}"
    if len(got) < len(wanted):
        return f"expected {len(wanted)} tokens, got {len(got)}; the next is {_shown(wanted[len(got)])}"
    if len(got) > len(wanted):
        return (
            f"expected {len(wanted)} tokens, got {len(got)}; the first too many is {_shown(got[len(wanted)])}"
        )
    return None


def _same(one: bytes, other: bytes, flags: Flags) -> bool:
    wanted = _number(one) if flags.floats else None
    if wanted is not None:
        got = _number(other)
        if got is None:
            return False
        gap = abs(wanted - got)
        return gap <= flags.absolute or gap <= flags.relative * abs(wanted)
    return one == other if flags.case_sensitive else one.lower() == other.lower()


def _number(token: bytes) -> float | None:
    if not _FLOAT.fullmatch(token):
        return None
    value = float(token)
    return value if math.isfinite(value) else None


def _spacing(text: bytes) -> list[bytes]:
    """The runs of white space, those at the ends included."""
    return re.split(rb"[^" + _SPACES + rb"]+", text)


def _shown(token: bytes) -> str:
    text = token.decode(errors="replace")
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


#: What was built, by what it was built from: once for a run, and kept when fixtures end.
_built: dict[str, dict[str, bytes] | str] = {}


class Judge:
    """Judges cases of the package.

    Args:
        program: the fixture.
    """

    def __init__(self, program: Any) -> None:
        self._program = program
        self._plan = json.loads((HERE / "plan.json").read_text())

    def __call__(self, case: str) -> None:
        """Fail unless the program is right in a case, a path in data/ without its ending."""
        how, entry = self._plan["submission"], self._plan["cases"][case]
        stdin, answer = (Path(f"{HERE}/data/{case}{end}").read_bytes() for end in (".in", ".ans"))
        built = self._build("submission", how, ".", {})
        if isinstance(built, str):
            pytest.fail(f"compile error: {built}", pytrace=False)
        done = self._program(
            *entry["args"], stdin=stdin, files=built, command=how["run"], timeout_s=self._plan["time_s"]
        )
        if done.returncode != 0:
            pytest.fail(f"run-time error: expected exit status 0, got {done.returncode}", pytrace=False)
        if self._plan["validator"] is None:
            problem = differs(answer, done.stdout_bytes, Flags(entry["flags"]))
        else:
            problem = self._asked(entry["flags"], stdin, answer, done.stdout_bytes)
        if problem is not None:
            pytest.fail(f"wrong answer: {problem}", pytrace=False)

    def _asked(self, flags: list[str], stdin: bytes, answer: bytes, output: bytes) -> str | None:
        """What the package's own validator says against an output, or None."""
        files = {"judge.in": stdin, "judge.ans": answer, "team.out": output}
        ask = self._compiled if self._plan["validator"]["build"] else self._interpreted
        status, said, talk = ask(flags, files)
        if status not in (ACCEPTED, WRONG):
            pytest.fail(
                f"the package's validator: expected exit status {ACCEPTED} or {WRONG}, "
                f"got {status}: {(said or talk)[-400:]}",
                pytrace=False,
            )
        return None if status == ACCEPTED else said[:400] or "the package's validator says no"

    def _interpreted(self, flags: list[str], files: dict[str, bytes]) -> tuple[int, str, str]:
        """Ask a validator in Python, here in the grader, where nothing of the submission is."""
        with tempfile.TemporaryDirectory(dir=HERE) as spot:
            for name, content in files.items():
                Path(spot, name).write_bytes(content)
            feedback = Path(spot, "feedback")
            feedback.mkdir()
            paths = [f"{spot}/judge.in", f"{spot}/judge.ans", f"{feedback}/"]
            try:
                with Path(spot, "team.out").open("rb") as team:
                    done = subprocess.run(
                        [sys.executable, str(HERE / "validator" / "main.py"), *paths, *flags],
                        stdin=team,
                        capture_output=True,
                        cwd=spot,
                        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
                        timeout=_TOOLS_S,
                        check=False,
                    )
            except subprocess.TimeoutExpired:
                return -1, f"it still ran after {_TOOLS_S} s", ""
            message = feedback / "judgemessage.txt"
            said = message.read_text(errors="replace").strip() if message.is_file() else ""
            return done.returncode, said, done.stderr.decode(errors="replace")

    def _compiled(self, flags: list[str], files: dict[str, bytes]) -> tuple[int, str, str]:
        """Ask a validator in C or C++, on the learner's side, where the compilers are."""
        how = self._plan["validator"]
        folder = secrets.token_hex(16)
        sources = {path.name: path.read_bytes() for path in (HERE / "validator").iterdir() if path.is_file()}
        built = self._build("validator", how, folder, sources)
        if isinstance(built, str):
            pytest.fail(f"the package's validator does not build: {built}", pytrace=False)
        done = self._program(
            folder,
            *flags,
            files={f"{folder}/{name}": content for name, content in {**sources, **built, **files}.items()},
            command=["sh", "-c", how["run"]],
            timeout_s=_TOOLS_S,
        )
        said = done.files.get(f"{folder}/feedback/judgemessage.txt", b"").decode(errors="replace").strip()
        return done.returncode, said, done.stderr

    def _build(
        self, what: str, how: dict[str, Any], folder: str, sources: dict[str, bytes]
    ) -> dict[str, bytes] | str:
        """What building makes, by name, or what the compiler said against it."""
        if not how["build"]:
            return {}
        if what not in _built:
            done = self._program(
                folder,
                command=["sh", "-c", how["build"]],
                files={f"{folder}/{name}": content for name, content in sources.items()},
                timeout_s=_TOOLS_S,
            )
            prefix = "" if folder == "." else f"{folder}/"
            made = {name: done.files.get(f"{prefix}{name}") for name in how["made"]}
            whole = {name: content for name, content in made.items() if content is not None}
            right = done.returncode == 0 and len(whole) == len(made)
            _built[what] = whole if right else (done.stderr.strip()[-2000:] or "it made nothing")
        return _built[what]


@pytest.fixture(scope="session")
def judge(program: Any) -> Judge:
    """Judges one case after the other."""
    return Judge(program)
