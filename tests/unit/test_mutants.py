"""Mutants: which mistakes are made, in which words, and what is left alone."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor.authoring import mutants


def words(source: str) -> list[str]:
    return [one.mutation for one in mutants.make("a.py", source.encode())]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b\n", ["`<` became `<=`"]),
        ("x = a <= b < c\n", ["`<=` became `<`", "`<` became `<=`"]),
        ("x = a is not b\n", ["`is not` became `is`"]),
        ("x = a not  in b\n", ["`not in` became `in`"]),
        ("x = index in inner\n", ["`in` became `not in`"]),
        ("x = a // b\n", ["`//` became `*`"]),
        ("x = a and b and c\n", ["`and` became `or`", "`and` became `or`"]),
        ("x = not a\n", ["`not a` became `a`"]),
        ("if a:\n    b = c\n", ["`a` became `not (a)`"]),
        ("x = 1\n", ["`1` became `2`"]),
        ("x = 1.5\n", ["`1.5` became `2.5`"]),
        ("x = True\n", ["`True` became `False`"]),
        ("x = 'text'\n", ["`'text'` became `\"\"`"]),
        ("def f():\n    return a\n", ["`return a` became `return None`"]),
        ("x = a[b:c]\n", ["`b` became `(b) + 1`", "`c` became `(c) + 1`"]),
        ("x = range(a, b)\n", ["`b` became `(b) + 1`"]),
        ("while a < b:\n    break\n", ["`<` became `<=`", "`break` became `continue`"]),
        ("x += y\n", ["`x += y` was removed", "`+=` became `-=`"]),
        ("f(x)\n", ["`f(x)` was removed"]),
        ("raise ValueError(x)\n", ["`raise ValueError(x)` was removed"]),
        ("x = [a for a in b if a]\n", ["`a` became `not (a)`"]),
    ],
)
def test_mistake_is_told_in_words(source: str, expected: list[str]) -> None:
    assert words(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring that nobody tests."""\n',
        "def f(a: 'int | None') -> 'str':\n    pass\n",
        "x: 'int'\n",
        "__all__ = ['one', 'two']\n",
        "if __name__ == '__main__':\n    pass\n",
        "x = f'{a + 1} of {b}'\n",
        "x = (\n",
    ],
)
def test_what_no_test_can_notice_is_left_alone(source: str) -> None:
    assert words(source) == []


def test_texts_for_people_are_left_alone() -> None:
    assert words("raise ValueError('no')\n") == ["`raise ValueError('no')` was removed"]
    assert words("x = add('--top', help='How many.')\n") == ["`'--top'` became `\"\"`"]
    assert words("x = print('bad', file=sys.stderr)\n") == []


def test_mutant_knows_its_line_and_shows_its_diff() -> None:
    (mutant,) = mutants.make("a.py", "é = 'ö'.x\ny = a < b\n".encode())[1:]
    assert (mutant.line, mutant.mutation) == (2, "`<` became `<=`")
    assert mutant.diff.splitlines()[3:] == [" é = 'ö'.x", "-y = a < b", "+y = a <= b"]


def test_long_statement_is_cut() -> None:
    (removed, *_) = words(f"call({'x' * 80})\n")
    assert removed == f"`call({'x' * 52}...` was removed"


def test_mark_of_the_byte_order_moves_nothing() -> None:
    assert words("\ufeffx = 1\ny = 2\n") == ["`1` became `2`", "`2` became `3`"]


def test_file_that_is_no_python_has_none() -> None:
    assert mutants.make("a.py", b"\xff") == ()


@given(st.lists(st.sampled_from(["a < b", "f(1)", "x = a and not b", "x -= 'é'", "x = y[1:z]"]), max_size=5))
def test_every_mutant_is_another_program(lines: list[str]) -> None:
    source = "".join(f"{line}\n" for line in lines).encode()
    made = mutants.make("a.py", source)
    assert len({one.source for one in made}) == len(made)
    for one in made:
        assert ast.dump(ast.parse(one.source)) != ast.dump(ast.parse(source))
    assert [one.line for one in made] == sorted(one.line for one in made)
