"""What a learner may ask for: a copy of everything, or its end, with the evidence left standing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
import sqlalchemy as sa

from assessor import personal
from assessor.blobs import Blobs
from assessor.errors import BlobFault, LeaseLost, NotFound, StoreFault
from assessor.rows import schema
from assessor.store import AttemptState, Claim, Conclusion, EvidenceRow, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs.open(tmp_path / "blobs")


def submit(store: Store, blobs: Blobs, learner: str, number: int, *, work: bytes = b"work") -> Claim:
    owner = store.learner(learner, new_id=f"{learner}-id", salt=f"salt of {learner}".encode())
    store.submit(
        id=f"s{number}",
        attempt_id=f"a{number}",
        learner_id=owner.id,
        task_id="median",
        task_version="1.0",
        task_digest="task",
        snapshot=blobs.put(b"the task"),
        bundle=blobs.put(work),
        tries=None,
        cooldown_s=0,
        now=NOW,
    )
    claim = store.claim(worker="w", lease_s=30, now=NOW)
    assert claim is not None
    store.add_events(claim, [b'{"output": "printed by the work"}'])
    return claim


def judge(store: Store, blobs: Blobs, claim: Claim) -> EvidenceRow:
    attempt_id = claim.attempt.id
    row = EvidenceRow(
        attempt_id=attempt_id,
        record=blobs.put(b"record of " + attempt_id.encode()),
        run=blobs.put(b"run of " + attempt_id.encode()),
        envelope=blobs.put(b"envelope of " + attempt_id.encode()),
        key_id="key",
    )
    conclusion = Conclusion(
        state=AttemptState.JUDGED,
        verdict="passed",
        score=Fraction(1),
        level=None,
        evidence=row,
        report=blobs.put(b"report on " + attempt_id.encode()),
    )
    store.finish_run(claim, b"{}", now=NOW)
    store.conclude(claim, conclusion, now=NOW)
    return row


def everything(tmp_path: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())


def test_learner_is_made_once_and_keeps_id_and_salt(store: Store) -> None:
    made = store.learner("ada", new_id="one", salt=b"first")
    assert store.learner("ada", new_id="two", salt=b"second") == made
    assert store.salt("one") == b"first"
    with pytest.raises(NotFound, match="got an empty one"):
        store.learner("", new_id="three", salt=b"")
    with pytest.raises(NotFound, match="expected the id of a learner, got 'two'"):
        store.salt("two")
    with pytest.raises(StoreFault, match="UNIQUE"):
        store.learner("bob", new_id="one", salt=b"")


def test_export_holds_every_row_and_every_file_of_the_learner_and_no_other(
    store: Store, blobs: Blobs, tmp_path: Path
) -> None:
    row = judge(store, blobs, submit(store, blobs, "ada", 1))
    judge(store, blobs, submit(store, blobs, "bob", 2, work=b"bob's work"))
    target = tmp_path / "out" / "ada"
    rows = personal.export(store, blobs, "ada", target=target)
    assert json.loads((target / "learner.json").read_text()) == rows
    assert rows["learner"] == {"id": "ada-id", "name": "ada", "salt": b"salt of ada".hex(), "email": None}
    assert rows["awards"] == []
    assert rows["turns"] == [{"learner_id": "ada-id", "queue_class": "normal", "turn": 0}]
    (submission,) = rows["submissions"]
    (attempt,) = submission["attempts"]
    assert submission["received_at"] == "2026-03-01T12:00:00+00:00"
    assert (attempt["score"], attempt["verdict"]) == ("1/1", "passed")
    assert attempt["evidence"]["record"] == row.record
    assert attempt["events"] == [{"epoch": 1, "body": '{"output": "printed by the work"}'}]
    files = {path.read_bytes() for path in (target / "blobs").iterdir()}
    assert files == {b"work", b"record of a1", b"run of a1", b"envelope of a1", b"report on a1"}


def test_export_of_nobody_or_over_something_writes_nothing(
    store: Store, blobs: Blobs, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="expected the name of a learner, got 'ada'"):
        personal.export(store, blobs, "ada", target=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    store.learner("ada", new_id="ada-id", salt=b"salt")
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreFault, match="expected a folder that can be made"):
        personal.export(store, blobs, "ada", target=tmp_path / "out")


def test_erased_learner_leaves_evidence_and_nothing_personal(
    store: Store, blobs: Blobs, tmp_path: Path
) -> None:
    claim = submit(store, blobs, "ada lovelace", 1, work=b"ada's own work")
    store.add_mark("a1", "style", 3, "eve", "ada should rest more", now=NOW)
    row = judge(store, blobs, claim)
    assert personal.erase(store, blobs, "ada lovelace", now=NOW) == 2
    assert store.evidence("a1") == row
    for name in (row.record, row.run, row.envelope):
        assert blobs.has(name)
    assert store.attempt("a1").verdict == "passed"
    assert store.attempt("a1").report is None
    assert store.events("a1") == []
    assert [(mark.marks, mark.comment) for mark in store.marks("a1")] == [(3, "")]
    with store.reading() as connection:
        assert connection.execute(sa.select(schema.turns)).all() == []
    with pytest.raises(NotFound):
        store.export_learner("ada lovelace")
    with pytest.raises(NotFound, match="submission s1: its learner was erased"):
        store.learner_of("s1")
    with pytest.raises(NotFound):
        store.salt("ada lovelace-id")
    # Not in the tables, not in free pages, not in the write-ahead log, not among the blobs.
    left = everything(tmp_path)
    for personal_text in (b"salt of ada", b"printed by", b"own work", b"rest more", b"report on"):
        assert personal_text not in left, personal_text


def test_name_is_free_again_after_erasing(store: Store, blobs: Blobs) -> None:
    judge(store, blobs, submit(store, blobs, "ada", 1))
    personal.erase(store, blobs, "ada", now=NOW)
    assert store.learner("ada", new_id="new", salt=b"new").id == "new"
    assert store.submissions(learner="ada") == ()


def test_work_that_another_learner_also_handed_in_stays_for_them(store: Store, blobs: Blobs) -> None:
    judge(store, blobs, submit(store, blobs, "ada", 1))
    judge(store, blobs, submit(store, blobs, "bob", 2))
    bundle = store.submission("s2").bundle
    personal.erase(store, blobs, "ada", now=NOW)
    assert blobs.get(bundle) == b"work"
    assert bundle in store.blob_digests()
    personal.erase(store, blobs, "bob", now=NOW)
    assert not blobs.has(bundle)
    assert bundle not in store.blob_digests()


def test_running_attempt_of_an_erased_learner_ends_unjudged_and_its_worker_keeps_nothing(
    store: Store, blobs: Blobs
) -> None:
    claim = submit(store, blobs, "ada", 1)
    personal.erase(store, blobs, "ada", now=NOW)
    with pytest.raises(LeaseLost):
        store.add_events(claim, [b"late"])
    attempt = store.attempt("a1")
    assert attempt.state is AttemptState.UNJUDGED
    assert attempt.problem == "the learner was erased before it was judged"


def test_erased_submission_is_neither_regraded_nor_rescored(store: Store, blobs: Blobs) -> None:
    judge(store, blobs, submit(store, blobs, "ada", 1))
    personal.erase(store, blobs, "ada", now=NOW)
    with pytest.raises(NotFound, match="its learner was erased, and its files with them"):
        store.regrade("s1", attempt_id="b1", now=NOW)
    with pytest.raises(NotFound, match="its learner was erased, and its files with them"):
        store.rescore("a1", new_id="b1", now=NOW)


def test_erasing_that_was_cut_short_is_finished_later(store: Store, blobs: Blobs) -> None:
    judge(store, blobs, submit(store, blobs, "ada", 1))
    bundle = store.submission("s1").bundle

    class Broken(Blobs):
        def remove(self, name: str) -> None:
            raise BlobFault("disk gone")

    broken = Broken(blobs._keeper)
    with pytest.raises(BlobFault):
        personal.erase(store, broken, "ada", now=NOW)
    assert blobs.has(bundle)
    assert bundle in store.doomed()
    assert personal.sweep(store, blobs) == 2
    assert not blobs.has(bundle)
    assert store.doomed() == ()


def test_doomed_work_that_is_handed_in_again_stays(store: Store, blobs: Blobs) -> None:
    judge(store, blobs, submit(store, blobs, "ada", 1))
    store.erase_learner("ada", now=NOW)
    submit(store, blobs, "bob", 2)
    personal.sweep(store, blobs)
    assert blobs.has(store.submission("s2").bundle)
