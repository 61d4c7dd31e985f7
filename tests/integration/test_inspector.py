"""The analyser's process over hostile sources: each has an outcome, and none is ours to answer for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assessor import inspector, intake, rubric
from assessor.analysis import apart, fence, linter
from assessor.errors import ToolMissing, UploadRefused, exit_code
from assessor.inspection import CheckResult, Inspection
from assessor.rules import SubmissionRules

RUBRIC = """id: r
version: "1.0"
title: R
criteria:
  - {id: right, title: Right, weight: 60, scored_by: tests}
  - id: form
    title: Form
    weight: 40
    scored_by: static
    checks:
      - {id: ruff, kind: ruff, select: [F, E7, S, EXE]}
      - {id: forbid, kind: forbid, constructs: [dynamic-code, while]}
      - {id: require, kind: require, constructs: [function]}
      - {id: complexity, kind: complexity}
      - {id: docstrings, kind: docstrings, of: [function]}
      - {id: duplication, kind: duplication}
pass: {from: 60}
"""
MADE = rubric.load(RUBRIC.encode(), rubric_id="r")
GOOD = b'def f(x):\n    """F."""\n    return x\n'
ALL = ("ruff", "forbid", "require", "complexity", "docstrings", "duplication")


def look(files: dict[str, bytes], of: rubric.Rubric = MADE) -> Inspection:
    made = inspector.inspect(of, files)
    assert made is not None
    return made


def failed(made: Inspection) -> dict[str, str]:
    return {one.id: one.reason.value for one in made.results if one.reason is not None}


def one(made: Inspection, name: str) -> CheckResult:
    return next(each for each in made.results if each.id == name)


UNREADABLE = dict.fromkeys(ALL, "unreadable")
NOTHING = dict.fromkeys(ALL, "missing")
CASES: dict[str, tuple[dict[str, bytes], dict[str, str]]] = {
    "good": ({"a.py": GOOD}, {}),
    "code in a text is not looked into, and is found by what makes it": (
        {"a.py": GOOD + b'exec("while True: eval(1)")\n'},
        {"ruff": "findings", "forbid": "findings"},
    ),
    "code under another name is not looked at": ({"a.py": GOOD, "b.txt": b"while True: eval(\n"}, {}),
    "a line for the shell": ({"a.py": b"#!/usr/bin/env python\n" + GOOD}, {}),
    "no python at all": ({"a.txt": GOOD}, dict.fromkeys(ALL, "missing")),
    "nothing in it": ({"a.py": b""}, NOTHING),
    "nothing in it that does anything": ({"a.py": b'"""A."""\npass\n...\n'}, NOTHING),
    "nothing in one of two": ({"a.py": GOOD, "__init__.py": b""}, {}),
    "cookie of utf-7": ({"a.py": b"# coding: utf-7\n" + GOOD}, UNREADABLE),
    "cookie of latin-1": ({"a.py": b'# coding: latin-1\nx = "\xe9"\n' + GOOD}, UNREADABLE),
    "cookie behind a lone return": ({"a.py": b"\x0c\r# coding: utf-7\n" + GOOD}, UNREADABLE),
    "latin-1 without a cookie": ({"a.py": b'x = "\xe9"\n' + GOOD}, UNREADABLE),
    "null byte": ({"a.py": GOOD + b"\0"}, UNREADABLE),
    "form feed": ({"a.py": GOOD + b"\x0c\n"}, {}),
    "byte order mark": ({"a.py": b"\xef\xbb\xbf" + GOOD}, {}),
    "10 MB in one line": ({"a.py": b"x = " + b"1+" * (5 * 1024**2) + b"1\n"}, UNREADABLE),
    "parentheses 100000 deep": ({"a.py": b"x = " + b"(" * 100_000 + b")" * 100_000 + b"\n"}, UNREADABLE),
    "syntax error in a file that nobody uses": ({"a.py": GOOD, "unused.py": b"def f(:\n"}, UNREADABLE),
    "python 2": ({"a.py": b'print "hello"\n' + GOOD}, UNREADABLE),
    "name like an option": ({"-h.py": GOOD}, {}),
    "folder that ruff leaves out by itself": (
        {"build/venv/a.py": b"import os\n" + GOOD},
        {"ruff": "findings"},
    ),
    "a reason for silence in every dialect": (
        {
            "a.py": b"# ruff: noqa\n# flake8: noqa\n# ruff: file-ignore[F401]\n# ruff: disable[F401]\n"
            b"import os  # noqa # type: ignore # pylint: skip-file\n" + GOOD
        },
        {"ruff": "findings"},
    ),
    "a configuration of ruff's": (
        {
            "a.py": b"import os\n" + GOOD,
            "ruff.toml": b"[lint]\nignore = ['ALL']\n",
            "pyproject.toml": b"[tool.ruff]\n",
        },
        {"ruff": "findings"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_source_has_its_stated_outcome(name: str) -> None:
    files, expected = CASES[name]
    assert failed(look(files)) == expected


#: What breaks some parser or other; which reason is told may differ between versions of Python and ruff.
BREAKERS = {
    "signs": b"x = " + b"-" * 250_000 + b"1\n",
    "negations": b"x = " + b"not " * 60_000 + b"1\n",
    "attributes": b"x = a" + b".a" * 120_000 + b"\n",
    "powers": b"x = " + b"2**" * 80_000 + b"1\n",
    "sums": b"x = " + b"1+" * 120_000 + b"1\n",
    "alternatives": b"x = " + b"1 if a else " * 20_000 + b"1\n",
    "branches": b"if x: pass\n" + b"elif x: pass\n" * 19_000,
    "lambdas": b"x = " + b"lambda:" * 36_000 + b"1\n",
}


@pytest.mark.parametrize("name", BREAKERS)
def test_what_breaks_a_parser_breaks_the_check_and_not_the_inspector(name: str) -> None:
    made = look({"a.py": BREAKERS[name], "b.py": GOOD})
    assert set(failed(made).values()) <= {"crash", "memory", "time", "unreadable", "missing", "findings"}
    assert {"crash", "memory", "unreadable"} & set(failed(made).values())
    told = [found for each in made.results for found in each.findings]
    assert all(found.path == "a.py" for found in told)
    assert any("could not be looked at" in found.sentence for found in told)


def test_findings_are_cut_and_counted() -> None:
    made = one(look({"a.py": b"import os\n" * 2000 + GOOD}), "ruff")
    assert len(made.findings) == 200
    assert made.more >= 1800


def test_sentence_with_an_endless_name_is_cut() -> None:
    made = one(look({"a.py": b"import " + b"a" * 100_000 + b"\n" + GOOD}), "ruff")
    assert len(made.findings[0].sentence) == 500


def test_same_bytes_give_the_same_findings_in_order() -> None:
    files = {f"{name}.py": b"import os, sys\nwhile x: pass\n" + GOOD * 3 for name in "cab"}
    first = look(files)
    assert first == look(dict(reversed(files.items())))
    for each in first.results:
        assert [(found.path, found.line) for found in each.findings] == sorted(
            (found.path, found.line) for found in each.findings
        )


def test_rubric_without_static_checks_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    tests_alone = RUBRIC[: RUBRIC.index("  - id: form")].replace("60", "100") + "pass: {from: 60}\n"
    assert inspector.inspect(rubric.load(tests_alone.encode(), rubric_id="r"), {"a.py": GOOD}) is None


# Ours to answer for


def test_missing_ruff_is_the_operators_to_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(inspector.sysconfig, "get_path", lambda *_: str(tmp_path))
    with pytest.raises(
        ToolMissing, match=rf"ruff: expected version {linter.VERSION} at .*, got nothing"
    ) as caught:
        look({"a.py": GOOD})
    assert exit_code(caught.value) == 3


@pytest.mark.parametrize(("says", "got"), [("ruff 0.1.0", "0.1.0"), ("", "one that does not start")])
def test_other_ruff_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, got: str) -> None:
    program = tmp_path / "ruff"
    program.write_text(f"#!/bin/sh\n[ -n '{says}' ] && echo '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(inspector, "program", lambda: str(program))
    monkeypatch.setattr(inspector, "_readable", lambda ruff: ["/"])
    with pytest.raises(ToolMissing, match=rf"ruff: expected version {linter.VERSION} at .*, got {got}"):
        look({"a.py": GOOD})


def test_analyser_that_does_not_start_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector, "_BOOT", "raise SystemExit('no analyser here')")
    with pytest.raises(ToolMissing, match=r"expected it to be ready within .*saying: no analyser here"):
        look({"a.py": GOOD})


# What a submission could do to it at worst


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("print('{}')", "what reads it came to no answer"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "what reads it came to no answer"),
        ('print(\'{"shut": [], "checks": []}\')', "what reads it came to no whole answer"),
        ("print('x' * 40_000_000)", "what reads it said more than it may"),
    ],
)
def test_analyser_that_answers_nonsense_fails_every_check(
    monkeypatch: pytest.MonkeyPatch, says: str, why: str
) -> None:
    monkeypatch.setattr(inspector, "_BOOT", f"print('ready {linter.VERSION}', flush=True); {says}")
    made = look({"a.py": GOOD})
    assert failed(made) == dict.fromkeys(ALL, "crash")
    assert why in made.results[0].findings[0].sentence


def test_analyser_that_never_answers_fails_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        inspector, "_BOOT", f"print('ready {linter.VERSION}', flush=True); import time; time.sleep(99)"
    )
    monkeypatch.setattr(inspector, "ANSWER_S", 0.2)
    assert failed(look({"a.py": GOOD})) == dict.fromkeys(ALL, "time")


def inside(code: str, *readable: str) -> str:
    """What code says that runs behind the fence."""
    source = str(Path("src").resolve())
    boot = f"import sys; sys.path.append({source!r})\nfrom assessor.analysis import apart, fence\n"
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", boot + code, *readable],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    return told.stdout.strip()


def test_fence_bounds_memory_and_files(tmp_path: Path) -> None:
    assert (
        inside("fence.limit()\ntry: bytearray(fence.MEMORY_BYTES)\nexcept MemoryError: print('bounded')")
        == "bounded"
    )
    target = tmp_path / "written"
    assert (
        inside(
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); fence.limit()\n"
            f"try: open({str(target)!r}, 'wb', buffering=0).write(b'x')\nexcept OSError: print('bounded')"
        )
        == "bounded"
    )


def test_fence_shuts_what_it_says_it_shut(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    told = inside(
        "import socket\nshut = fence.close(sys.argv[1:])\n"
        f"try: read = open({str(secret)!r}).read()\nexcept OSError: read = ''\n"
        "try: socket.socket().connect(('127.0.0.1', 9)); net = 'open'\n"
        "except ConnectionRefusedError: net = 'open'\nexcept OSError: net = 'shut'\n"
        "print('network' in shut, net, 'disk' in shut, read or 'shut')",
        "/usr/lib",
        "/lib",
    )
    network, net, disk, read = told.split()
    assert (network == "True") == (net == "shut")
    assert (disk == "True") == (read == "shut")


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        ("lambda: (lambda f: f(f))(lambda f: f(f))", "crash"),
        ("lambda: bytearray(fence.MEMORY_BYTES)", "memory"),
        ("lambda: __import__('os').kill(__import__('os').getpid(), 11)", "crash"),
        ("lambda: __import__('os').kill(__import__('os').getpid(), 9)", "memory"),
        ("lambda: __import__('time').sleep(99)", "time"),
        ("lambda: object()", "crash"),
    ],
)
def test_work_that_dies_is_told_by_its_reason(work: str, reason: str) -> None:
    code = f"import time\nfence.limit()\nprint(apart.apart({work}, until=time.monotonic() + 3).reason)"
    assert inside(code) == reason


def test_processor_time_of_one_file_is_bounded() -> None:
    code = (
        "apart.CPU_S = 1\ndef spin():\n    while True: pass\n"
        "import time\nprint(apart.apart(spin, until=time.monotonic() + 60).why)"
    )
    assert inside(code) == "it took more than 1 s of a processor"
    assert apart.CPU_S < apart.WALL_S


def test_nothing_is_left_of_an_analyser_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "fork"
    code = (
        "import os, time\ndef work():\n"
        f"    open({str(told)!r}, 'w').write(str(os.getpid()))\n"
        "    os.kill(os.getppid(), 9)\n    time.sleep(99)\n"
        "apart.apart(work, until=time.monotonic() + 60)"
    )
    inside(code)
    fork = int(told.read_text())
    for _ in range(200):
        if not _alive(fork):
            return
        time.sleep(0.05)
    pytest.fail(f"fork {fork} lives on")


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_symbolic_link_never_comes_so_far(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.mkdir()
    (upload / "a.py").write_bytes(GOOD)
    os.symlink("/etc/passwd", upload / "b.py")
    with pytest.raises(UploadRefused):
        intake.receive(
            upload, rules=SubmissionRules(required=("a.py",), allow=("*.py",)), spool=tmp_path / "spool"
        )


def test_memory_that_ruff_sets_aside_fits_the_bound() -> None:
    assert fence.MEMORY_BYTES >= 1024**3
    assert inspector.ready() is not None
