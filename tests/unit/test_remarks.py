"""Remarks on lines: which there are, what is kept, who may take it back, what goes with the learner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assessor.errors import NotFound, RemarkInvalid, exit_code
from assessor.rows import remarks
from assessor.rows.audit import Act
from assessor.rows.remarks import Remark
from assessor.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERA = Act(user_id="vera", address="192.0.2.1", now=NOW)
FILES = {"main.py": b"a = 1\nb = 2\n", "empty.py": b"", "picture.png": b"\x89PNG\0", "odd.txt": b"\xff\xfe"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    for number, name in enumerate(("ada", "bob")):
        learner = opened.learner(name, new_id=name, salt=bytes([number]) * 16)
        opened.submit(
            id=f"of-{name}",
            attempt_id=f"try-of-{name}",
            learner_id=learner.id,
            task_id="sum",
            task_version="1.0",
            task_digest="task",
            snapshot="sha256:" + "1" * 64,
            bundle="sha256:" + "2" * 64,
            tries=None,
            cooldown_s=0,
            now=NOW,
        )
    yield opened
    opened.close()


def say(store: Store, id: str, text: str, *, of: str = "ada", path: str = "main.py", line: int = 1) -> Remark:
    return store.add_remark(id=id, submission_id=f"of-{of}", path=path, line=line, text=text, act=VERA)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", ("",)),
        (b"a", ("a",)),
        (b"a\n", ("a",)),
        (b"a\n\n", ("a", "")),
        (b"a\r\nb\rc\n", ("a", "b", "c")),
        # Python's own splitlines would make two lines of each of these.
        ("a\x0cb\u2028c\n".encode(), ("a\x0cb\u2028c",)),
        (b"\xff", None),
        (b"a\0b", None),
        (b"x" * (remarks.FILE_BYTES + 1), None),
    ],
)
def test_lines_are_those_that_editors_number(data: bytes, lines: tuple[str, ...] | None) -> None:
    assert remarks.lines(data) == lines


@pytest.mark.parametrize(
    ("path", "line", "told"),
    [
        ("main.py", 0, "main.py: expected a line from 1 to 2, got 0"),
        ("main.py", 3, "main.py: expected a line from 1 to 2, got 3"),
        (
            "other.py",
            1,
            "expected a file of the work (empty.py, main.py, odd.txt, picture.png), got 'other.py'",
        ),
        ("picture.png", 1, "picture.png: expected a file with lines to read, got no text or one too long"),
    ],
)
def test_line_that_is_not_there_is_refused(path: str, line: int, told: str) -> None:
    with pytest.raises(RemarkInvalid) as caught:
        remarks.check(FILES, path, line)
    assert str(caught.value) == told
    assert exit_code(caught.value) == 2


def test_remarks_come_by_file_and_line_with_their_lines_of_the_trail(store: Store) -> None:
    for id, path, line in (
        ("r1", "main.py", 7),
        ("r2", "a.py", 9),
        ("r3", "main.py", 2),
        ("r4", "main.py", 7),
    ):
        say(store, id, "why?", path=path, line=line)
    say(store, "r5", "another's", of="bob")
    assert [one.id for one in store.remarks("of-ada")] == ["r2", "r3", "r1", "r4"]
    (line,) = store.audit(limit=1)
    assert (line.act, line.subject, line.user_id) == ("review.remark", "of-bob", "vera")
    # Learners name files as they like: no line of the trail has a path.
    assert "main.py" not in line.detail


@pytest.mark.parametrize("text", ["", " \n", "x" * (remarks.LONGEST + 1)])
def test_remark_without_words_or_with_too_many_is_refused(store: Store, text: str) -> None:
    with pytest.raises(RemarkInvalid, match=r"main\.py:1: expected 1 to 10000 characters"):
        say(store, "r1", text)
    assert store.remarks("of-ada") == ()
    assert store.audit() == ()


def test_only_who_made_a_remark_takes_it_back(store: Store) -> None:
    say(store, "r1", "why?")
    other = Act(user_id="rosa", address="192.0.2.2", now=NOW)
    for act, submission in ((other, "of-ada"), (VERA, "of-bob")):
        with pytest.raises(NotFound, match="expected the id of a remark of yours on this work"):
            store.withdraw_remark("r1", submission_id=submission, act=act)
    store.withdraw_remark("r1", submission_id="of-ada", act=VERA)
    assert store.remarks("of-ada") == ()
    assert [one.act for one in store.audit()] == ["review.withdraw-remark", "review.remark"]


def test_remark_on_what_there_is_not_leaves_nothing(store: Store) -> None:
    with pytest.raises(NotFound):
        say(store, "r1", "why?", of="carol")
    assert store.audit() == ()


def test_remarks_are_exported_with_their_learner_and_go_with_them(store: Store, tmp_path: Path) -> None:
    say(store, "r1", "precious words")
    say(store, "r2", "of another")
    say(store, "r3", "stays", of="bob")
    (submission,) = store.export_learner("ada")["submissions"]
    assert [(one["path"], one["line"], one["text"]) for one in submission["remarks"]] == [
        ("main.py", 1, "precious words"),
        ("main.py", 1, "of another"),
    ]
    store.erase_learner("ada", now=NOW)
    assert store.remarks("of-ada") == ()
    assert [one.id for one in store.remarks("of-bob")] == ["r3"]
    with pytest.raises(NotFound, match="its learner was erased"):
        say(store, "r4", "too late")
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"precious words" not in kept
