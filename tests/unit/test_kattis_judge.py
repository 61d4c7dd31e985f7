"""The default validator of problem packages, against what the format says of each of its arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor.authoring.kattis_judge import Flags, differs


@pytest.mark.parametrize(
    ("flags", "answer", "output"),
    [
        ("", "Hello world", "hello  WORLD\n\n"),
        ("", "", " \n"),
        ("case_sensitive", "Hello", "Hello"),
        ("space_change_sensitive", "a\n b\n", "a\n b\n"),
        ("float_absolute_tolerance 0.5", "1", "1.4"),
        ("float_relative_tolerance 0.1", "100", "105"),
        ("float_tolerance 0.5", "1", "1.1"),
        ("float_tolerance 1e-4", "0.0314", "3.14000000e-2"),
        ("case_sensitive space_change_sensitive float_tolerance 0.5", "PI is 3.14\n", "PI is 3.14\n"),
        ("float_tolerance 0.1", "inf", "INF"),
    ],
)
def test_output_is_accepted(flags: str, answer: str, output: str) -> None:
    assert differs(answer.encode(), output.encode(), Flags(flags.split())) is None


@pytest.mark.parametrize(
    ("flags", "answer", "output", "problem"),
    [
        ("", "hello world", "hello there", "token 2: expected 'world', got 'there'"),
        ("", "Hello World!", "", "expected 2 tokens, got 0; the next is 'Hello'"),
        ("", "Hello", "Hello again", "expected 1 tokens, got 2; the first too many is 'again'"),
        ("case_sensitive", "Hello", "hello", "token 1: expected 'Hello', got 'hello'"),
        ("space_change_sensitive", "a\n b\n", "a\nb\n", "the white space is not as expected"),
        ("space_change_sensitive", "a", "a\n", "the white space is not as expected"),
        ("float_absolute_tolerance 0.1", "1", "1.4", "token 1: expected '1', got '1.4'"),
        ("float_relative_tolerance 0.01", "100", "105", "token 1: expected '100', got '105'"),
        ("float_relative_tolerance 0.01", "0", "1", "token 1: expected '0', got '1'"),
        ("float_tolerance 0.5", "1", "1.50001", "token 1: expected '1', got '1.50001'"),
        ("float_tolerance 0.5", "1", "nan", "token 1: expected '1', got 'nan'"),
        ("float_tolerance 0.5", "1", "1_0", "token 1: expected '1', got '1_0'"),
        ("float_tolerance 0.5", "inf", "0", "token 1: expected 'inf', got '0'"),
        ("", "200", "2.0e2", "token 1: expected '200', got '2.0e2'"),
    ],
)
def test_output_is_refused(flags: str, answer: str, output: str, problem: str) -> None:
    assert differs(answer.encode(), output.encode(), Flags(flags.split())) == problem


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("colour", 'expected case_sensitive, .* got "colour"'),
        ("float_tolerance", 'expected a number after float_tolerance, got ""'),
        ("float_tolerance much", 'expected a number after float_tolerance, got "much"'),
    ],
)
def test_wrong_arguments_are_named(words: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Flags(words.split())


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "case_sensitive space_change_sensitive", "float_tolerance 0"]),
)
def test_every_output_is_its_own_answer(text: bytes, flags: str) -> None:
    assert differs(text, text, Flags(flags.split())) is None


@given(st.lists(st.sampled_from([b"a", b"7", b"x1"]), min_size=1), st.sampled_from([b" ", b"\n", b"\t \r\n"]))
def test_spacing_does_not_matter_unless_asked_for(tokens: list[bytes], space: bytes) -> None:
    assert differs(b" ".join(tokens), space + space.join(tokens), Flags([])) is None
