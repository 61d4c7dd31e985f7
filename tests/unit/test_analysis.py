"""What the analyser sees in a text: constructs, decisions, docstrings, copies, and what it cannot read."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import inspector
from assessor.analysis import complexity, constructs, docstrings, duplication, linter, sources


def found(text: str, *wanted: str, within: str | None = None) -> list[int]:
    return [line for line, _ in constructs.find(ast.parse(text), list(wanted), within)[0]]


CONSTRUCTS = [
    ("async", "async def f(): pass", "def f(): pass"),
    ("assert", "assert x", "x"),
    ("bare-except", "try: f()\nexcept: pass", "try: f()\nexcept ValueError: pass"),
    ("class", "class A: pass", "a = 1"),
    ("comprehension", "{x for x in y}", "for x in y: pass"),
    ("dynamic-code", "e = exec", "execute()"),
    ("dynamic-code", "import importlib.util", "import import_lib"),
    ("dynamic-code", "f.__globals__['x']", "f.globals"),
    ("dynamic-code", "__import__('runpy')", "run()"),
    ("dynamic-code", "import sys\nsys.modules['builtins']", "import sys\nsys.argv"),
    ("dynamic-code", "from sys import modules as m\nm['os']", "modules['os']"),
    ("dynamic-code", "print.__self__.eval('1')", "model.eval()"),
    ("dynamic-code", "getattr(f, '__globals__')", "getattr(f, 'name')"),
    ("dynamic-code", "from timeit import timeit", "from time import time"),
    ("dynamic-code", "from types import FunctionType as F\nF(c, {})", "from types import SimpleNamespace"),
    ("for", "for x in y: pass", "while x: pass"),
    ("function", "def f(): pass", "f = lambda: 0"),
    ("generator", "def f(): yield 1", "def f(): return 1"),
    ("global", "def f():\n global x", "x = 1"),
    ("lambda", "f = lambda: 0", "def f(): pass"),
    ("loop", "while x: pass", "[x for x in y]"),
    ("match", "match x:\n case 1: pass", "if x == 1: pass"),
    ("nonlocal", "def f():\n x = 1\n def g():\n  nonlocal x", "x = 1"),
    ("raise", "raise E", "E"),
    ("recursion", "def f(n): return f(n - 1)", "def f(n): return g(n)\ndef g(n): return 0"),
    ("recursion", "class A:\n def f(self): self.f()", "class A:\n def f(self): self.g()"),
    ("recursion", "class A:\n def f(self): A.f(self)", "class A:\n def print(self): print(self)"),
    ("recursion", "class A:\n if x:\n  def f(self): self.f()", "class A:\n def f(self): b.f()"),
    ("recursion", "def f(n):\n def g(): return f(n - 1)\n return g()", "def f(n):\n def g(): return 0\n g()"),
    ("recursion", "f = lambda n: f(n - 1)", "f = lambda n: g(n - 1)"),
    ("star-import", "from x import *", "from x import y"),
    ("try", "try: f()\nfinally: pass", "f()"),
    ("while", "while x: pass", "for x in y: pass"),
    ("with", "with x: pass", "x"),
    ("call eval", "eval('1')", "evaluate('1')"),
    ("call eval", "import builtins as b\nb.eval('1')", "eval_ = 1"),
    ("call eval", "def f():\n from math import sqrt as eval\neval('1')", "from math import sqrt as eval"),
    ("call os.system", "from os import system as run\nrun('ls')", "import os\nos.path.join('a')"),
    ("call os.system", "from os import *\nsystem('ls')", "from os.path import *\nsystem('ls')"),
    (
        "call os.system",
        "from os import system as run\nrun('ls')\ndef f():\n from os import stat as run",
        "from os import stat as run\nrun('ls')",
    ),
    ("call append", "x.append(1)", "x.extend([1])"),
    ("class Tree", "class Tree: pass", "class Leaf: pass"),
    ("decorator cache", "import functools\n@functools.cache\ndef f(): pass", "def cache(): pass"),
    ("function Tree.depth", "class Tree:\n def depth(self): pass", "def depth(): pass"),
    ("import os", "from os.path import join", "import osmium"),
    ("import os", "__import__('os')", "imported('os')"),
    ("import os", "import builtins\nbuiltins.__import__(name='os')", "__import__(name='sys')"),
    ("import os.path", "from os import path", "import os"),
    ("name eval", "e = eval", "e = evaluate"),
]


@pytest.mark.parametrize(("construct", "has", "lacks"), CONSTRUCTS, ids=lambda text: text.replace("\n", "/"))
def test_construct_is_seen_where_it_stands_and_nowhere_else(construct: str, has: str, lacks: str) -> None:
    assert found(has, construct)
    assert found(lacks, construct) == []


def test_every_construct_has_an_example() -> None:
    words = {construct.split()[0] for construct, _, _ in CONSTRUCTS}
    assert words == constructs.PLAIN | constructs.NAMED


def test_within_looks_into_one_function_and_says_whether_it_is_there() -> None:
    text = (
        "for x in y: pass\nclass A:\n def total(self):\n  for x in y: pass\n  def deep():\n   while x: pass\n"
    )
    tree = ast.parse(text)
    assert constructs.find(tree, ["loop"], "total") == ([(4, "loop"), (6, "loop")], True)
    assert constructs.find(tree, ["loop"], "A.total") == ([(4, "loop"), (6, "loop")], True)
    assert constructs.find(tree, ["loop"], "B.total") == ([], False)


# Decisions: the numbers are those that mccabe 0.7 gives for the same text.


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("pass", 1),
        ("if a: pass", 2),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("for x in y: pass\nelse: pass", 2),
        ("while a: pass", 2),
        ("try: f()\nexcept A: pass\nexcept B: pass\nelse: pass", 4),
        ("try: f()\nfinally: pass", 2),
        ("with a: \n if b: pass", 2),
        ("def g():\n if a: pass", 3),
        ("x = [y for y in z if y and w]", 1),
        ("match a:\n case 1: pass\n case 2: pass\n case _: pass", 3),
    ],
)
def test_ways_through_a_function_are_counted(body: str, number: int) -> None:
    lines = "".join(f" {line}\n" for line in body.split("\n"))
    assert complexity.functions(ast.parse(f"def f():\n{lines}")) == [(1, "", 1), (1, "f", number)]


def test_code_outside_of_functions_counts_as_one_and_methods_by_their_name() -> None:
    text = "if a: pass\nclass A:\n def f(self):\n  if b: pass\nfor x in y: pass\n"
    assert complexity.functions(ast.parse(text)) == [(1, "", 3), (3, "A.f", 2)]


def test_missing_docstrings_are_those_of_public_things() -> None:
    text = (
        "class A:\n '''A.'''\n def f(self): pass\n def _g(self): pass\n def __init__(self): pass\n"
        "class _B:\n def f(self): pass\ndef h():\n ' '\n def i(): pass\n"
    )
    assert docstrings.missing(ast.parse(text), ["module", "class", "function"]) == (
        [(1, "module", ""), (3, "function", "A.f"), (8, "function", "h")],
        4,
    )
    assert docstrings.missing(ast.parse(""), ["module"]) == ([], 0)


@pytest.mark.parametrize(
    "around",
    [
        "with x:\n",
        "for x in y:\n",
        "while x:\n",
        "try: f()\nexcept E:\n",
        "try: f()\nfinally:\n",
        "match x:\n case _:\n ",
    ],
)
def test_function_without_a_docstring_is_missed_wherever_it_is_made(around: str) -> None:
    tree = ast.parse(f"{around} def f(): pass\n")
    assert [name for _, _, name in docstrings.missing(tree, ["function"])[0]] == ["f"]


# Lines written twice

COPY = (
    "def {f}({a}):\n    {b} = {a} * 2\n    for {c} in range({b}):\n        print({c}, {a})\n    return {b}\n"
)
ONE = COPY.format(f="f", a="a", b="b", c="c")
TWO = COPY.format(f="g", a="width", b="area", c="step")


def pairs(least: int = 4, tokens: int = 10, **files: str) -> list[tuple[str, int, int, str, int]]:
    given = {f"{name}.py": duplication.lines(text) for name, text in files.items()}
    return [
        (one.path, one.first, one.last, one.again_in, one.again_first)
        for one in duplication.pairs(given, least=least, tokens=tokens)
    ]


def test_copy_with_other_names_is_found_in_a_file_and_in_another() -> None:
    assert pairs(a=ONE + "\n\n" + TWO) == [("a.py", 8, 12, "a.py", 1)]
    assert pairs(a=ONE, b="# another\nimport os\n" + TWO) == [("b.py", 3, 7, "a.py", 1)]


def test_comments_blank_lines_and_docstrings_hide_no_copy() -> None:
    hidden = TWO.replace("\n    for", "\n\n    # now\n    for").replace(
        "):\n    area", "):\n    'Area.'\n    area"
    )
    assert pairs(a=ONE, b=hidden) == [("b.py", 1, 8, "a.py", 1)]


def test_semicolons_and_statements_that_do_nothing_hide_no_copy() -> None:
    assert len(pairs(a=ONE, b="def g(w): a = w * 2; b = a + w; c = b * a; return c\n" * 2)) == 1
    for idle in ("pass", "...", "0", "width", "None"):
        hidden = TWO.replace("    for", f"    {idle}\n    for")
        assert pairs(a=ONE, b=hidden) == [("b.py", 1, 6, "a.py", 1)]


def test_less_than_is_asked_for_is_no_copy() -> None:
    assert pairs(least=6, a=ONE, b=TWO) == []
    assert pairs(tokens=100, a=ONE, b=TWO) == []
    assert pairs(a=ONE, b=TWO.replace("print(step, width)", "print(step + width)")) == []


def test_many_copies_of_one_line_take_no_time_worth_telling() -> None:
    assert len(pairs(a="x = f(y)\n" * 20_000)) < 20


# What cannot be read


@pytest.mark.parametrize(
    ("data", "line", "problem"),
    [
        (b"x = 1\ny = \xe9\n", 2, "expected UTF-8, got byte 0xe9"),
        (b"# coding: utf-7\nx = 1\n", 1, "expected UTF-8, got a first line that names the encoding utf-7"),
        (b"#\n# vim: fileencoding=latin-1\n", 1, "got a first line that names the encoding iso-8859-1"),
        (
            b"\f\r# coding: utf-7\nx = 1\n",
            1,
            "expected UTF-8, got a first line that names the encoding utf-7",
        ),
        (b"# coding: nothing\n", 1, "expected UTF-8, got a first line that names an unknown encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "got a first line that names the encoding iso-8859-1"),
        (b"x = 1\n\0", 2, "expected text, got a null byte"),
        (b"def f(:\n", 1, "expected Python, got: invalid syntax"),
        (b"print 'hello'\n", 1, "expected Python, got: Missing parentheses"),
        (b"x" * (sources.MOST_BYTES + 1), 1, "expected at most 262144 bytes, got 262145"),
    ],
)
def test_file_that_cannot_be_read_is_told_with_line_and_reason(data: bytes, line: int, problem: str) -> None:
    with pytest.raises(sources.Unreadable) as caught:
        sources.read("a.py", data)
    assert caught.value.line == line
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "data", [b"", b"\xef\xbb\xbfx = 1\n", b"# coding: UTF-8\n", b"x = 1\n\x0cy = 2\n", b"x = 1\r\n"]
)
def test_odd_but_honest_files_are_read(data: bytes) -> None:
    assert sources.read("a.py", data).path == "a.py"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_told_to_be_unreadable(data: bytes) -> None:
    try:
        told: object = sources.read("a.py", data)
    except sources.Unreadable as error:
        told = error.line
    assert isinstance(told, sources.Source | int)


# The ruff that is asked


def test_ruff_is_the_one_that_its_list_of_rules_was_made_from() -> None:
    wanted = f"ruff=={linter.VERSION}"
    pins = [one for one in Path("pyproject.toml").read_text().splitlines() if '"ruff' in one]
    assert [pin.strip(' ",') for pin in pins] == [wanted]
    assert metadata.version("ruff") == linter.VERSION
    told = subprocess.run(
        [inspector.program(), "rule", "--all", "--output-format", "json"], capture_output=True, check=True
    )
    stable = {one["code"] for one in json.loads(told.stdout) if "Stable" in one["status"]}
    assert set(linter.offered()) == stable - linter.NOT_OFFERED
    assert stable >= linter.NOT_OFFERED


def test_analyser_imports_the_standard_library_alone() -> None:
    code = "import sys; sys.path.append('src'); import assessor.analysis.child; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = {name for name in told if name.startswith("assessor.")}
    assert {name for name in ours if not name.startswith("assessor.analysis")} == set()
    assert {name.split(".")[0] for name in told} - set(sys.stdlib_module_names) - {"__main__"} == {"assessor"}
