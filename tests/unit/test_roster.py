"""A roster says line by line what cannot be used, and refuses as a whole what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import roster
from assessor.errors import FileInvalid
from assessor.roster import Entry


def test_lines_are_read_with_their_numbers() -> None:
    data = "\ufefflearner,email\r\nada, ada@example.org \r\n\r\nben,\r\ncy\r\n".encode()
    assert roster.read(data, path="r.csv") == (
        Entry(line=2, learner="ada", email="ada@example.org"),
        Entry(line=4, learner="ben"),
        Entry(line=5, learner="cy"),
    )


def test_name_may_hold_commas_and_quotes() -> None:
    assert roster.read(b'learner\n"Lovelace, ""Ada"""\n', path="r.csv")[0].learner == 'Lovelace, "Ada"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ada,ada@example.org,x", "expected 2 values, got 3"),
        (",ada@example.org", "expected the name of a learner, got none"),
        ("ada,ada at example", "expected an e-mail address, got 'ada at example'"),
    ],
)
def test_line_that_cannot_be_used_says_why_and_spoils_no_other(text: str, problem: str) -> None:
    first, second = roster.read(f"learner,email\n{text}\nben,\n".encode(), path="r.csv")
    assert (first.problem, second.problem) == (problem, None)


def test_learner_who_is_named_twice_is_done_once() -> None:
    first, second = roster.read(b"learner\nada\nada\n", path="r.csv")
    assert (first.problem, second.problem) == (None, "expected each learner once, got the one of line 2")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "r.csv: expected a line for each learner, got none"),
        (b"learner\n\n", "r.csv: expected a line for each learner, got none"),
        (b"name\nada\n", "r.csv:1: expected learner or learner,email, got 'name'"),
        (b"email,learner\na@b,ada\n", "r.csv:1: expected learner or learner,email, got 'email,learner'"),
        (b'learner\n"ada\n', "r.csv:2: expected CSV, got: unexpected end of data"),
        (b"learner\n\xff\n", "r.csv: expected text in UTF-8, got: "),
        (b"x" * (roster.LIMIT_BYTES + 1), "r.csv: expected at most 4194304 bytes, got 4194305"),
        (b"learner\n" + b"\n" * roster.LIMIT_LINES + b"ada", "expected at most 50000 lines, got more"),
    ],
)
def test_what_is_no_roster_is_refused_whole(data: bytes, problem: str) -> None:
    with pytest.raises(FileInvalid) as refused:
        roster.read(data, path="r.csv")
    assert problem in str(refused.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: ("learner,email\n" + text).encode()))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = roster.read(data, path="r.csv")
    except FileInvalid:
        return
    assert found
    usable = [one.learner for one in found if one.problem is None]
    assert all(usable)
    assert len(set(usable)) == len(usable)
