"""The store's rules: tries, leases, faults, clocks that go back, reviews, migrations."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from assessor.errors import KeyRetired, LeaseLost, NotFound, StoreFault, TryRefused
from assessor.rows import accounts, keyrows, migrations, schema
from assessor.signer import Purpose
from assessor.store import (
    RESCORE_GRACE,
    SKEW,
    Attempt,
    AttemptState,
    Claim,
    Conclusion,
    EvidenceRow,
    Kind,
    Store,
    Submission,
)
from assessor.waiting import Class, Rate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE_S = 30


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all its tables and one learner: copying it is faster than migrating."""
    file = tmp_path_factory.mktemp("migrated") / "store.sqlite"
    opened = Store.open(f"sqlite:///{file}")
    opened.learner("ada", new_id="ada-id", salt=b"salt")
    opened.close()
    return file


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Iterator[Store]:
    shutil.copy(migrated, tmp_path)
    opened = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()


def submit(
    store: Store,
    number: int = 1,
    *,
    learner_id: str = "ada-id",
    bundle: str | None = None,
    tries: int | None = None,
    cooldown_s: int = 0,
    now: datetime = NOW,
    dedupe: bool = False,
    task_id: str | None = None,
    queue_class: Class = Class.NORMAL,
    rate: Rate | None = None,
) -> tuple[Submission, Attempt]:
    """Handed in for a task of its own, unless the task is named: none takes another's place."""
    submission, attempt, _ = store.submit(
        id=f"s{number}",
        attempt_id=f"a{number}",
        learner_id=learner_id,
        task_id=task_id or f"task-{number}",
        task_version="1.0",
        task_digest="task-digest",
        snapshot="snapshot-digest",
        bundle=bundle or f"bundle-{number}",
        tries=tries,
        cooldown_s=cooldown_s,
        now=now,
        dedupe=dedupe,
        queue_class=queue_class,
        rate=rate,
    )
    return submission, attempt


def claim(
    store: Store, attempt: str = "a1", epoch: int = 1, *, worker: str = "w", now: datetime = NOW
) -> Claim:
    taken = take(store, worker=worker, now=now)
    assert taken is not None
    assert (taken.attempt.id, taken.epoch) == (attempt, epoch)
    return taken


def take(store: Store, *, worker: str = "w", now: datetime = NOW) -> Claim | None:
    return store.claim(worker=worker, lease_s=LEASE_S, now=now)


def judged(attempt: str = "a1", *, verdict: str = "passed", report: str | None = "report") -> Conclusion:
    return Conclusion(
        state=AttemptState.JUDGED,
        verdict=verdict,
        score=Fraction(2, 3),
        level="pass",
        evidence=EvidenceRow(
            attempt_id=attempt, record=f"record-{attempt}", run="run", envelope="envelope", key_id="key"
        ),
        report=report,
    )


AWAITING = Conclusion(
    state=AttemptState.AWAITING_REVIEW,
    verdict="awaiting review",
    score=Fraction(1, 2),
    level=None,
    evidence=None,
    report="open-report",
)


def judge(store: Store, attempt: str = "a1", epoch: int = 1, *, now: datetime = NOW) -> None:
    taken = claim(store, attempt, epoch, now=now)
    store.add_events(taken, [b"event"])
    store.finish_run(taken, b"{}", now=now)
    store.conclude(taken, judged(attempt), now=now)


# --- tries


def test_submission_is_kept_and_its_first_attempt_queued(store: Store) -> None:
    submission, attempt = submit(store)
    assert store.submission("s1") == submission
    assert store.attempt("a1") == attempt == store.latest("s1")
    assert (attempt.number, attempt.epoch, attempt.kind, attempt.state) == (
        1,
        1,
        Kind.GRADE,
        AttemptState.QUEUED,
    )
    assert store.due(now=NOW) == [("a1", 1)]


def test_running_submission_uses_a_try(store: Store) -> None:
    submit(store, task_id="median", tries=1)
    claim(store)
    with pytest.raises(TryRefused, match=r"^task median: 1 tries are allowed and all are used; "):
        submit(store, 2, task_id="median", tries=1)
    assert store.attempts("s2") == ()


def test_judged_submission_uses_a_try(store: Store) -> None:
    submit(store, task_id="median", tries=1)
    judge(store)
    with pytest.raises(TryRefused):
        submit(store, 2, task_id="median", tries=1)


def test_unjudged_submission_uses_no_try_and_starts_no_cooldown(store: Store) -> None:
    submit(store, task_id="median", tries=1, cooldown_s=60)
    store.fault(claim(store), "engine away", max_faults=1, now=NOW)
    submit(store, 2, task_id="median", tries=1, cooldown_s=60)


def test_cooldown_refuses_and_says_when(store: Store) -> None:
    submit(store, task_id="median", cooldown_s=60)
    claim(store)
    with pytest.raises(TryRefused, match=r"60 s must pass .* possible at 2026-03-01T12:01:00\+00:00$"):
        submit(store, 2, task_id="median", cooldown_s=60, now=later(59))
    submit(store, 2, task_id="median", cooldown_s=60, now=later(60))


def test_clock_set_back_does_not_make_a_cooldown_longer(store: Store) -> None:
    submit(store, task_id="median", cooldown_s=60)
    claim(store)
    submit(store, 2, task_id="median", cooldown_s=60, now=NOW - timedelta(days=1))


def test_tries_of_another_learner_or_task_do_not_count(store: Store) -> None:
    store.learner("bob", new_id="bob-id", salt=b"other")
    submit(store, task_id="median", tries=1)
    claim(store)
    submit(store, 2, task_id="median", learner_id="bob-id", tries=1)
    submit(store, 3, task_id="mean", tries=1)


def test_same_files_again_with_dedupe_give_the_submission_back(store: Store) -> None:
    first = submit(store, task_id="median", bundle="same")
    assert submit(store, 2, task_id="median", bundle="same", dedupe=True, tries=1) == first
    assert submit(store, 3, task_id="median", bundle="other", dedupe=True)[0].id == "s3"


def test_unknown_learner_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="expected the id of a learner, got 'nobody'"):
        submit(store, learner_id="nobody")


def test_id_used_twice_is_refused_and_nothing_changed(store: Store) -> None:
    submit(store)
    with pytest.raises(StoreFault, match=r"store\.sqlite: cannot be written: UNIQUE"):
        submit(store)
    assert len(store.submissions()) == 1


def test_submissions_are_listed_newest_first_whatever_the_clock_says(store: Store) -> None:
    store.learner("bob", new_id="bob-id", salt=b"other")
    submit(store, 1)
    submit(store, 2, now=NOW - timedelta(days=1))
    submit(store, 3, learner_id="bob-id", now=later(5))
    assert [found.id for found in store.submissions()] == ["s3", "s2", "s1"]
    assert [found.id for found in store.submissions(learner="ada", limit=1)] == ["s2"]
    assert [found.id for found in store.submissions(task="task-3")] == ["s3"]
    assert store.submissions(task="other") == ()


# --- leases


def test_attempt_is_claimed_once(store: Store) -> None:
    submit(store)
    claim(store)
    assert take(store, worker="other") is None


def test_lease_that_ran_out_gives_a_new_epoch_and_no_fault(store: Store) -> None:
    submit(store)
    claim(store)
    assert store.expire(now=later(LEASE_S - 1)) == []
    assert store.expire(now=later(LEASE_S)) == [("a1", 2)]
    attempt = store.attempt("a1")
    assert (attempt.lost, attempt.faults, attempt.worker) == (1, 0, None)
    assert store.due(now=later(LEASE_S)) == [("a1", 2)]


def test_renewed_lease_lasts_from_the_renewal(store: Store) -> None:
    submit(store)
    store.renew(claim(store), lease_s=LEASE_S, now=later(20))
    assert store.expire(now=later(49)) == []
    assert store.expire(now=later(50)) == [("a1", 2)]


def test_worker_that_lost_its_lease_can_write_nothing(store: Store) -> None:
    submit(store)
    lost = claim(store)
    store.add_events(lost, [b"kept"])
    store.expire(now=later(LEASE_S))
    taken = claim(store, epoch=2, now=later(LEASE_S))
    store.add_events(taken, [b"new"])
    for write in (
        lambda: store.renew(lost, lease_s=LEASE_S, now=NOW),
        lambda: store.restart(lost, lease_s=LEASE_S, now=NOW),
        lambda: store.add_events(lost, [b"late"]),
        lambda: store.finish_run(lost, b"{}", now=NOW),
        lambda: store.conclude(lost, judged(), now=NOW),
        lambda: store.fault(lost, "late", now=NOW),
    ):
        with pytest.raises(
            LeaseLost, match=r"^attempt a1: expected epoch 1 running on w, got epoch 2 running on w$"
        ):
            write()
    assert store.events("a1", 1) == [b"kept"]
    assert store.events("a1") == [b"new"]
    assert store.run("a1") is None
    assert store.evidence("a1") is None
    assert store.attempt("a1") == taken.attempt


def test_eleventh_lost_lease_ends_unjudged(store: Store) -> None:
    submit(store)
    now = NOW
    for epoch in range(1, 11):
        claim(store, epoch=epoch, now=now)
        now += timedelta(seconds=LEASE_S)
        assert store.expire(now=now) == [("a1", epoch + 1)]
    claim(store, epoch=11, now=now)
    assert store.expire(now=now + timedelta(seconds=LEASE_S)) == []
    attempt = store.attempt("a1")
    assert attempt.state is AttemptState.UNJUDGED
    assert attempt.problem is not None
    assert attempt.problem.startswith("attempt a1: 11 workers in turn lost their lease on it")


def test_clock_set_back_ends_a_lease_instead_of_making_it_longer(store: Store) -> None:
    submit(store)
    claim(store)
    assert store.expire(now=NOW - SKEW) == []
    assert store.expire(now=NOW - SKEW - timedelta(seconds=1)) == [("a1", 2)]


def test_fault_that_is_not_counted_is_tried_again_without_end_after_waits_of_5_to_30_s(store: Store) -> None:
    submit(store)
    now, waits = NOW, []
    for epoch in range(1, 21):
        taken = claim(store, epoch=epoch, now=now)
        assert store.fault(taken, f"disk full {epoch}", counted=False, now=now) is AttemptState.QUEUED
        found = store.attempt("a1")
        assert (found.faults, found.problem, found.epoch) == (0, f"disk full {epoch}", epoch + 1)
        waits.append((found.not_before - now).total_seconds())
        now = found.not_before
    assert waits == [5, 10, 15, 20, 25, *[30] * 15]
    # The three that count are all still there.
    assert store.fault(claim(store, epoch=21, now=now), "ours", now=now) is AttemptState.QUEUED
    assert store.attempt("a1").faults == 1


def test_fault_that_is_not_counted_of_a_lost_lease_changes_nothing(store: Store) -> None:
    submit(store)
    taken = claim(store)
    store.expire(now=later(LEASE_S))
    before = store.attempt("a1")
    with pytest.raises(LeaseLost):
        store.fault(taken, "disk full", counted=False, now=later(LEASE_S))
    assert store.attempt("a1") == before


def test_blob_is_discarded_unless_something_needs_it(store: Store) -> None:
    submit(store, bundle="mine")
    gone: list[str] = []
    for name in ("mine", "snapshot-digest", "orphan"):
        store.discard(name, gone.append)
    assert gone == ["orphan"]


def test_clock_set_back_does_not_make_a_backoff_longer(store: Store) -> None:
    submit(store)
    store.fault(claim(store), "engine away", backoff_s=[100], now=NOW)
    assert store.due(now=later(99)) == []
    assert store.due(now=later(100)) == [("a1", 2)]
    assert store.due(now=NOW - timedelta(days=1)) == [("a1", 2)]
    claim(store, epoch=2, now=NOW - timedelta(days=1))


def test_due_attempts_come_oldest_first_whatever_the_clock_says(store: Store) -> None:
    submit(store, 1)
    submit(store, 2, now=NOW - timedelta(days=1))
    submit(store, 3)
    assert store.due(now=NOW) == [("a1", 1), ("a2", 1), ("a3", 1)]
    assert store.due(now=NOW, limit=1) == [("a1", 1)]


def test_restart_gives_the_same_worker_a_fresh_epoch(store: Store) -> None:
    submit(store)
    first = claim(store)
    store.add_events(first, [b"old"])
    second = store.restart(first, lease_s=LEASE_S, now=later(20))
    assert (second.epoch, second.worker) == (2, "w")
    store.add_events(second, [b"new"])
    assert store.events("a1") == [b"new"]
    assert store.expire(now=later(49)) == []
    with pytest.raises(LeaseLost):
        store.add_events(first, [b"late"])


# --- faults


def test_third_fault_ends_unjudged_after_growing_waits(store: Store) -> None:
    submit(store)
    assert store.fault(claim(store), "one", now=NOW) is AttemptState.QUEUED
    assert store.due(now=NOW) == []
    assert store.fault(claim(store, epoch=2, now=later(1)), "two", now=later(1)) is AttemptState.QUEUED
    assert store.due(now=later(5)) == []
    assert store.fault(claim(store, epoch=3, now=later(6)), "three", now=later(6)) is AttemptState.UNJUDGED
    attempt = store.attempt("a1")
    assert (attempt.faults, attempt.problem, attempt.finished_at) == (3, "three", later(6))
    assert store.due(now=later(1000)) == []
    assert store.expire(now=later(1000)) == []


# --- conclusions


def test_judged_attempt_has_its_evidence_and_is_final(store: Store) -> None:
    submit(store)
    taken = claim(store)
    store.conclude(taken, judged(), now=later(3))
    attempt = store.attempt("a1")
    assert (attempt.state, attempt.verdict, attempt.score, attempt.level, attempt.report) == (
        AttemptState.JUDGED,
        "passed",
        Fraction(2, 3),
        "pass",
        "report",
    )
    assert store.evidence("a1") == judged().evidence
    with pytest.raises(LeaseLost, match=r"got epoch 1 judged$"):
        store.conclude(taken, judged(verdict="failed"), now=later(4))
    with pytest.raises(LeaseLost):
        store.conclude(store.attempt("a1"), judged(verdict="failed"), now=later(4))
    assert store.attempt("a1") == attempt
    assert take(store) is None
    assert store.expire(now=later(1000)) == []


def test_evidence_that_cannot_be_written_leaves_the_attempt_unconcluded(store: Store) -> None:
    submit(store)
    taken = claim(store)
    with pytest.raises(ValueError, match="expected evidence of attempt a1, got that of a2"):
        store.conclude(taken, judged("a2"), now=NOW)
    assert store.attempt("a1") == taken.attempt


@pytest.mark.parametrize(
    "changes",
    [{"verdict": None}, {"score": None}, {"evidence": None}, {"state": AttemptState.UNJUDGED}],
    ids=lambda changes: next(iter(changes)),
)
def test_conclusion_that_lacks_something_cannot_be_made(changes: dict[str, object]) -> None:
    whole = judged()
    values = {name: getattr(whole, name) for name in whole.__dataclass_fields__}
    with pytest.raises(ValueError, match=r"expected a conclusion|a judged attempt has"):
        Conclusion(**{**values, **changes})


def test_awaiting_review_is_concluded_from_outside_once(store: Store) -> None:
    submit(store)
    store.conclude(claim(store), AWAITING, now=NOW)
    read = store.attempt("a1")
    assert read.state is AttemptState.AWAITING_REVIEW
    assert store.attempts_in(AttemptState.AWAITING_REVIEW) == (read,)
    store.add_mark("a1", "style", 3, "eve", "neat", now=NOW)
    store.conclude(read, judged(), now=NOW)
    with pytest.raises(LeaseLost, match="expected epoch 1 to be concluded, got epoch 1 judged"):
        store.conclude(read, judged(verdict="failed"), now=NOW)
    assert store.attempt("a1").verdict == "passed"
    # The report of the open review is private and nothing names it any more.
    assert store.doomed() == ("open-report",)


def test_queued_or_running_attempt_is_not_concluded_from_outside(store: Store) -> None:
    _, attempt = submit(store)
    with pytest.raises(LeaseLost):
        store.conclude(attempt, judged(), now=NOW)
    taken = claim(store)
    with pytest.raises(LeaseLost):
        store.conclude(taken.attempt, judged(), now=NOW)


def test_marks_keep_their_order_and_are_refused_once_judged(store: Store) -> None:
    submit(store)
    store.conclude(claim(store), AWAITING, now=NOW)
    store.add_mark("a1", "style", 3, "eve", "neat", now=NOW)
    store.add_mark("a1", "style", 1, "eve", "on second thoughts", now=NOW - timedelta(days=1))
    assert [mark.marks for mark in store.marks("a1")] == [3, 1]
    store.conclude(store.attempt("a1"), judged(), now=NOW)
    with pytest.raises(NotFound, match="it is judged; rescore it and mark the new attempt"):
        store.add_mark("a1", "style", 4, "eve", "", now=NOW)
    with pytest.raises(NotFound, match="expected the id of an attempt, got 'a9'"):
        store.add_mark("a9", "style", 4, "eve", "", now=NOW)


# --- regrade and rescore


def test_regrade_adds_an_attempt_and_keeps_the_old_one(store: Store) -> None:
    submit(store, tries=1)
    judge(store)
    before = store.attempt("a1")
    attempt = store.regrade("s1", attempt_id="b1", now=NOW)
    assert (attempt.number, attempt.kind, attempt.state) == (2, Kind.REGRADE, AttemptState.QUEUED)
    assert store.attempts("s1") == (before, attempt)
    assert store.latest("s1") == attempt
    judge(store, "b1")
    assert store.evidence("a1") == judged().evidence


def test_rescore_sees_the_events_run_and_marks_of_the_other_attempt(store: Store) -> None:
    submit(store)
    taken = claim(store)
    store.add_events(taken, [b"one"])
    store.add_events(taken, [b"two"])
    store.finish_run(taken, b'{"end":"complete"}', now=NOW)
    store.conclude(taken, AWAITING, now=NOW)
    store.add_mark("a1", "style", 3, "eve", "neat", now=NOW)
    store.conclude(store.attempt("a1"), judged(), now=NOW)
    again = store.rescore("a1", new_id="r1", now=NOW)
    third = store.rescore("r1", new_id="r2", now=NOW)
    for attempt in (again, third):
        assert (attempt.kind, attempt.events_of) == (Kind.RESCORE, "a1")
        assert store.events(attempt.id) == [b"one", b"two"]
        assert store.run(attempt.id) == b'{"end":"complete"}'
        assert store.marks(attempt.id) == store.marks("a1")
    store.conclude(again, judged("r1"), now=NOW)
    assert store.attempt("r1").state is AttemptState.JUDGED


def test_rescore_whose_caller_died_is_taken_by_a_worker(store: Store) -> None:
    submit(store)
    judge(store)
    attempt = store.rescore("a1", new_id="r1", now=NOW)
    assert store.due(now=NOW) == []
    assert store.due(now=NOW + RESCORE_GRACE) == [("r1", 1)]
    claim(store, "r1", now=NOW + RESCORE_GRACE)
    with pytest.raises(LeaseLost):
        store.conclude(attempt, judged("r1"), now=NOW)


def test_rescore_without_a_finished_run_is_refused(store: Store) -> None:
    submit(store)
    with pytest.raises(NotFound, match="attempt a1: expected the events of a finished run, it has none"):
        store.rescore("a1", new_id="r1", now=NOW)


# --- events


def test_events_that_count_are_those_of_the_finished_run(store: Store) -> None:
    submit(store)
    taken = claim(store)
    store.add_events(taken, [b"finished"])
    store.finish_run(taken, b"{}", now=NOW)
    store.expire(now=later(LEASE_S))
    store.add_events(claim(store, epoch=2, now=later(LEASE_S)), [b"cut short"])
    assert store.events("a1") == [b"finished"]
    assert store.events("a1", 2) == [b"cut short"]


# --- the rest


def test_counts_and_medians_tell_what_is_there(store: Store) -> None:
    for number, run_ms in ((1, 10), (2, 30), (3, 20)):
        submit(store, number)
        taken = claim(store, f"a{number}", now=later(number))
        store.finish_run(taken, json.dumps({"phases_ms": {"run": run_ms}}).encode(), now=NOW)
        if number < 3:
            store.conclude(taken, judged(f"a{number}"), now=NOW)
    submit(store, 4)
    assert store.medians() == {"waiting": 2000, "run": 20}
    counts = store.counts()
    assert (counts.queued, counts.running, counts.judged, counts.unjudged) == (1, 1, 2, 0)


def test_key_that_nobody_noted_is_known_by_what_it_signed(store: Store) -> None:
    submit(store)
    judge(store)
    with store.writing() as connection:
        (row,) = keyrows.read(connection, Purpose.ENGINE)
        assert (row.key_id, row.pem, row.until) == ("key", None, None)
        assert keyrows.read(connection, Purpose.LOG) == ()
        keyrows.retire(connection, [row], until=NOW)
        (row,) = keyrows.read(connection)
        assert (row.key_id, row.purpose, row.until) == ("key", Purpose.ENGINE, NOW)


def test_evidence_under_a_key_that_was_retired_meanwhile_is_not_kept(store: Store) -> None:
    submit(store)
    with store.writing() as connection:
        row = keyrows.KeyRow(key_id="key", purpose=Purpose.ENGINE)
        keyrows.retire(connection, [row], until=NOW)
    with pytest.raises(KeyRetired, match="key key: expected one that is in use, got one that was retired"):
        judge(store)
    assert store.evidence("a1") is None
    assert store.attempt("a1").state is AttemptState.RUNNING


def test_workers_that_fell_silent_are_left_out(store: Store) -> None:
    store.heartbeat("w1", host="h", pid=1, doing="idle", now=NOW)
    store.heartbeat("w1", host="h", pid=2, doing="a1", now=later(50))
    store.heartbeat("w2", host="h", pid=3, doing="idle", now=NOW)
    (worker,) = store.workers(later(70))
    assert (worker.name, worker.pid, worker.doing, worker.quiet_s) == ("w1", 2, "a1", 20)
    store.forget_worker("w1")
    assert store.workers(later(70)) == ()


def test_worker_is_said_to_do_what_it_has_under_a_lease_whatever_bell_it_heard(store: Store) -> None:
    submit(store)
    store.heartbeat("w", host="h", pid=1, doing="another", now=NOW)
    store.heartbeat("w2", host="h", pid=2, doing="another", now=NOW)
    claim(store, worker="w")
    assert [(worker.name, worker.doing) for worker in store.workers(NOW)] == [("w", "a1"), ("w2", "another")]


def test_naive_time_is_refused(store: Store) -> None:
    with pytest.raises(StoreFault, match="expected an aware datetime"):
        store.due(now=datetime(2026, 3, 1))


def test_times_come_back_in_utc_to_the_microsecond(store: Store) -> None:
    odd = datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=UTC).astimezone()
    submit(store, now=odd)
    assert store.submission("s1").received_at == odd
    assert store.submission("s1").received_at.tzinfo is UTC


# --- opening


def test_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, accounts.metadata) == []
        assert context.get_current_revision() == schema.REVISION
    assert schema.REVISION in migrations.revisions()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'running'", "ck_attempts_lease"),
        ("worker = 'w'", "ck_attempts_lease"),
        ("state = 'judged'", "ck_attempts_verdict"),
        ("state = 'unjudged'", "ck_attempts_problem"),
    ],
)
def test_database_itself_refuses_a_state_without_what_belongs_to_it(
    store: Store, change: str, constraint: str
) -> None:
    submit(store)
    update = sa.text(f"UPDATE attempts SET {change}")
    with pytest.raises(StoreFault, match=constraint), store.writing() as connection:
        connection.execute(update)


def test_database_is_for_its_owner_only_and_safe_from_power_cuts(store: Store) -> None:
    assert store.file is not None
    assert store.file.stat().st_mode & 0o077 == 0
    with store.reading() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_opened_again_it_holds_what_it_held(store: Store) -> None:
    submit(store)
    again = Store.open(f"sqlite:///{store.file}")
    assert again.attempt("a1") == store.attempt("a1")
    again.close()


def test_database_of_a_newer_version_is_refused(store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreFault, match="revision 0007 or older, got 9999: a newer version"):
        Store.open(f"sqlite:///{store.file}")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("nonsense", "expected a database URL"),
        ("sqlite://", "expected the path of a file"),
        ("postgresql+nodriver://me:secret@host/name", r"store postgresql\+nodriver://me:\*\*\*@host/name: "),
    ],
)
def test_url_that_makes_no_sense_is_refused_without_its_password(url: str, text: str) -> None:
    with pytest.raises(StoreFault, match=text) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    file.write_bytes(b"these are my holiday notes, not a database" * 50)
    before = file.read_bytes()
    with pytest.raises(StoreFault, match="file is not a database"):
        Store.open(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_reader_does_not_wait_for_a_writer(store: Store) -> None:
    submit(store)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE attempts SET problem = 'unseen'")
        assert store.attempt("a1").problem is None


def test_error_in_the_middle_leaves_nothing_half_written(store: Store) -> None:
    submit(store)
    taken = claim(store)
    assert store.file is not None
    outside = sqlite3.connect(store.file)
    outside.execute(
        "CREATE TRIGGER full BEFORE INSERT ON evidence BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    outside.commit()
    with pytest.raises(StoreFault, match="cannot be written: disk full"):
        store.conclude(taken, judged(), now=NOW)
    assert store.attempt("a1") == taken.attempt
    outside.execute("DROP TRIGGER full")
    outside.commit()
    outside.close()
    store.conclude(taken, judged(), now=NOW)


def test_forked_child_goes_on_with_connections_of_its_own(store: Store) -> None:
    submit(store)
    parents = store._engine.pool
    child = os.fork()
    if child == 0:
        taken = take(store, worker="child")
        os._exit(0 if taken is not None and store._engine.pool is not parents else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.attempt("a1").worker == "child"
