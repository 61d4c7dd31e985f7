"""The trip of a submission over a scripted sandbox: its order, and whose fault is what."""

from __future__ import annotations

import dataclasses
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assessor import digest, evidence, judging, pipeline, proof, publish, signer, testing, verify
from assessor.blobs import Blobs
from assessor.errors import (
    BlobFault,
    LeaseLost,
    ManifestStale,
    MarkInvalid,
    NotFound,
    QueueFault,
    RateLimited,
    SandboxFault,
    StoreFault,
    TryRefused,
    UploadRefused,
)
from assessor.sandbox.protocol import End, Ended, Event, Order, Reason
from assessor.store import AttemptState, Store
from assessor.waiting import Class, Rate
from tests import small

Steps = Iterable[Event | End | BaseException]
ALL = testing.all_pass(small.IDS)


@pytest.fixture(autouse=True)
def _lines() -> Iterator[None]:
    """Log lines go nowhere: a console's tracebacks take longer than what is tested."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    tasks = small.write_catalog(tmp_path / "catalog")
    made = small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=tasks)
    yield made
    made.parts.store.close()


@pytest.fixture
def reviewed(tmp_path: Path) -> Iterator[small.Bench]:
    tasks = small.write_catalog(tmp_path / "catalog", review=True)
    made = small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=tasks)
    yield made
    made.parts.store.close()


def turns(*scripts: Callable[[Order], Steps]) -> Callable[[Order], Steps]:
    """One script after the other, a run each; the last one stays."""
    left = list(scripts)

    def script(order: Order) -> Steps:
        return (left.pop(0) if len(left) > 1 else left[0])(order)

    return script


def steps(*found: Event | End | BaseException) -> Callable[[Order], Steps]:
    return lambda order: iter(found)


def lost(*passed: str) -> Callable[[Order], Steps]:
    """The learner's container goes, after these tests passed."""
    return steps(testing.collected(*small.IDS), *map(testing.finished, passed), End.LEARNER_LOST)


BROKEN = steps(SandboxFault("engine: start: expected it to be done, got: on purpose"))


def assess(bench: small.Bench, attempt_id: str) -> AttemptState | None:
    """Judge what waits of this attempt."""
    return pipeline.assess(attempt_id, bench.parts.store.attempt(attempt_id).epoch, bench.parts)


def kept(bench: small.Bench) -> frozenset[str]:
    return bench.parts.blobs.names()


def count_runs(bench: small.Bench) -> int:
    return len(bench.fake.orders)


def failing_put(which: Callable[[bytes], bool]) -> Callable[[Blobs, Sequence[bytes]], tuple[str, ...]]:
    """A put of a full disk, for these bytes."""
    put_all = Blobs.put_all

    def full(self: Blobs, data: Sequence[bytes]) -> tuple[str, ...]:
        if any(map(which, data)):
            raise BlobFault("blobs: cannot be written, nothing was kept: No space left on device")
        return put_all(self, data)

    return full


# --- the order of it


def test_trip_takes_its_stages_in_order(bench: small.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def spy(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def told(*given: Any, **named: Any) -> Any:
            said.append(name)
            return real(*given, **named)

        monkeypatch.setattr(owner, name, told)

    for owner, name in (
        (Store, "submit"),
        (Store, "claim"),
        (testing.FakeSandbox, "run"),
        (Store, "add_events"),
        (Store, "finish_run"),
        (signer.LocalSigner, "sign"),
        (Store, "conclude"),
        (publish.Publisher, "publish"),
    ):
        spy(owner, name)
    _, attempt = bench.submit(ring=lambda attempt, epoch: said.append("ring"))
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    assert len(bench.parts.store.events(attempt.id)) == len(small.IDS) + 2
    # Signed before it is committed, published after: a page never tells of what the store does not know.
    # Events are kept in as many transactions as their pace asks for, the last ones with the run's end.
    assert [name for name in said if name != "add_events"] == [
        *("submit", "ring", "claim", "run"),
        *("finish_run", "sign", "conclude", "publish"),
    ]


def test_evidence_of_a_judged_attempt_holds_and_is_published_as_it_is_kept(bench: small.Bench) -> None:
    submission, attempt = bench.submit()
    assess(bench, attempt.id)
    row = bench.parts.store.evidence(attempt.id)
    assert row is not None
    folder = bench.parts.publisher.folder(attempt.id)
    record, run, envelope = (
        (folder / name).read_bytes() for name in (publish.RECORD, publish.RUN, publish.ENVELOPE)
    )
    assert [digest.sha256(data) for data in (record, run, envelope)] == [row.record, row.run, row.envelope]
    assert isinstance(bench.parts.signer, signer.LocalSigner)
    verify.evidence(
        record=record,
        run=run,
        envelope=envelope,
        keys=proof.keys([bench.parts.signer.public_key]),
        submission=submission.id,
        bundle=bench.parts.blobs.get(submission.bundle),
        snapshot=bench.parts.blobs.get(submission.snapshot),
    )


def test_sandbox_is_asked_for_what_the_task_says(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    assess(bench, attempt.id)
    (order,) = bench.fake.orders
    task = bench.tasks.task("sum")
    assert (order.attempt, order.epoch, order.profile) == (attempt.id, 1, "python")
    assert (order.limits, order.seed, order.modules) == (task.limits, task.seed, ("solution",))
    assert dict(order.bundle) == {"solution.py": small.RIGHT.encode()}
    assert set(order.tests) == {"test_sum.py"}


def test_task_that_changed_after_intake_judges_as_it_was(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    tests = bench.root / "catalog/tasks/sum/tests/test_sum.py"
    tests.write_text("raise SystemExit('changed')\n")
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    (order,) = bench.fake.orders
    assert b"changed" not in order.tests["test_sum.py"]


# --- handing in


def test_refused_upload_keeps_nothing(bench: small.Bench) -> None:
    (bench.root / "upload").mkdir()
    (bench.root / "upload" / "other.py").write_text("x = 1\n")
    with pytest.raises(UploadRefused, match=r"solution\.py"):
        bench.hand_in(bench.root / "upload", learner="eve")
    assert bench.parts.store.submissions() == ()
    assert kept(bench) == frozenset()
    assert list((bench.root / "spool").glob("*")) == []
    with pytest.raises(NotFound):
        bench.parts.store.export_learner("eve")


def test_refused_try_keeps_no_files(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog", tries=1)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=tasks)
    assert assess(bench, bench.submit()[1].id) is AttemptState.JUDGED
    before = kept(bench)
    with pytest.raises(TryRefused, match="1 tries are allowed and all are used"):
        bench.submit("def total(numbers):\n    return 'another'\n")
    assert kept(bench) == before
    # The same files again are those of the try that counts: they stay.
    with pytest.raises(TryRefused):
        bench.submit()
    assert kept(bench) == before
    bench.parts.store.close()


def test_bell_makes_a_worker_take_the_attempt_that_is_next_whatever_it_was_rung_for(
    bench: small.Bench,
) -> None:
    _, first = bench.submit(learner="ada")
    _, second = bench.submit(learner="bob")
    assert pipeline.assess(second.id, 1, bench.parts) is AttemptState.JUDGED
    assert bench.parts.store.attempt(first.id).state is AttemptState.JUDGED
    assert bench.parts.store.attempt(second.id).state is AttemptState.QUEUED
    assert pipeline.assess("anything", 7, bench.parts) is AttemptState.JUDGED
    assert pipeline.assess(first.id, 1, bench.parts) is None, "nothing is left to take"


def test_submission_that_takes_another_s_place_takes_its_bell_too(bench: small.Bench) -> None:
    _, first = bench.submit()
    _, second = bench.submit("def total(numbers):\n    return 'another'\n")
    assert bench.rung == [(first.id, 1)]
    assert pipeline.assess(*bench.rung[0], bench.parts) is AttemptState.JUDGED
    assert bench.parts.store.attempt(second.id).state is AttemptState.JUDGED
    assert bench.parts.store.attempt(first.id).state is AttemptState.SUPERSEDED


def test_operator_s_class_goes_before_the_task_s(bench: small.Bench) -> None:
    upload = bench.root / "own"
    upload.mkdir()
    (upload / "solution.py").write_text(small.RIGHT)
    bench.submit(learner="ada")
    _, exam, _ = pipeline.submit(
        upload,
        task_id="sum",
        learner="bob",
        tasks=bench.tasks,
        spool=bench.root / "spool",
        parts=bench.parts,
        ring=lambda attempt, epoch: None,
        queue_class=Class.EXAM,
    )
    assert bench.parts.store.due(now=bench.clock())[0] == (exam.id, 1)


def test_learner_who_hands_in_too_often_keeps_nothing(bench: small.Bench) -> None:
    limited = dataclasses.replace(bench, parts=dataclasses.replace(bench.parts, rate=Rate(count=2, per_s=60)))
    limited.submit()
    limited.submit("def total(numbers):\n    return 1\n")
    before = kept(bench)
    with pytest.raises(RateLimited, match=r"possible at 2026-11-24T09:01:00\+00:00, in 60 s$"):
        limited.submit("def total(numbers):\n    return 2\n")
    assert kept(bench) == before
    bench.clock.move(seconds=60)
    limited.submit("def total(numbers):\n    return 2\n")


def test_stale_lock_is_the_authors_and_nothing_is_queued(bench: small.Bench) -> None:
    tests = bench.root / "catalog/tasks/sum/tests/test_sum.py"
    tests.write_text(tests.read_text() + "\n\ndef test_four():\n    assert True\n")
    with pytest.raises(ManifestStale, match="run `assessor tasks lock`"):
        bench.submit()
    assert bench.parts.store.submissions() == ()
    assert kept(bench) == frozenset()


def test_unknown_task_is_told_with_its_nearest_name(bench: small.Bench) -> None:
    with pytest.raises(NotFound, match="sum"):
        pipeline.submit(
            bench.root,
            task_id="sun",
            learner="ada",
            tasks=bench.tasks,
            spool=bench.root / "spool",
            parts=bench.parts,
            ring=lambda attempt, epoch: None,
        )


def test_full_disk_at_intake_leaves_no_submission(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Blobs, "put_all", failing_put(lambda data: b"return sum" in data))
    with pytest.raises(BlobFault, match="No space left"):
        bench.submit()
    assert bench.parts.store.submissions() == ()
    assert bench.rung == []
    monkeypatch.undo()
    assert assess(bench, bench.submit()[1].id) is AttemptState.JUDGED


def test_queue_that_is_away_loses_no_submission(bench: small.Bench) -> None:
    def away(attempt: str, epoch: int) -> None:
        raise QueueFault("away on purpose")

    _, attempt = bench.submit(ring=away)
    assert bench.parts.store.due(now=bench.clock()) == [(attempt.id, 1)]


# --- whose fault


def test_learner_lost_once_is_tried_again_in_a_fresh_sandbox(bench: small.Bench) -> None:
    bench.fake.script = turns(lost(small.IDS[0]), ALL)
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    found = bench.parts.store.attempt(attempt.id)
    assert (found.verdict, found.score, found.epoch) == ("passed", Fraction(1), 2)
    assert (found.faults, found.lost) == (0, 0), "nobody's fault"
    assert [order.epoch for order in bench.fake.orders] == [1, 2]
    # Of the first run nothing counts.
    assert len(bench.parts.store.events(attempt.id)) == len(small.IDS) + 2


def test_learner_lost_twice_is_a_crash_and_what_passed_counts(bench: small.Bench) -> None:
    bench.fake.script = turns(lost(*small.IDS[:1]), lost(*small.IDS[:2]), ALL)
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    assert count_runs(bench) == 2
    judged = judging.judge(attempt.id, bench.parts)
    assert [result.reason for result in judged.results] == [None, None, Reason.CRASH]
    assert judged.attempt.score == Fraction(8, 10)


def test_three_faults_of_ours_leave_it_unjudged_and_use_no_try(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog", tries=1)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=BROKEN), tasks=tasks)
    submission, attempt = bench.submit()
    states = []
    for _ in range(3):
        epoch = bench.parts.store.attempt(attempt.id).epoch
        states.append(pipeline.assess(attempt.id, epoch, bench.parts))
        assert pipeline.assess(attempt.id, epoch + 1, bench.parts) is None, "it waits after a fault"
        bench.clock.move(minutes=1)
    assert states == [AttemptState.QUEUED, AttemptState.QUEUED, AttemptState.UNJUDGED]
    found = bench.parts.store.attempt(attempt.id)
    assert (found.faults, found.verdict, found.score) == (3, None, None)
    assert found.problem == "engine: start: expected it to be done, got: on purpose"
    assert bench.parts.store.evidence(attempt.id) is None
    bench.fake.script = ALL
    again = pipeline.regrade(submission.id, bench.parts, ring=lambda attempt, epoch: None)
    assert assess(bench, again.id) is AttemptState.JUDGED
    with pytest.raises(TryRefused):  # now the try is used
        bench.submit()
    bench.parts.store.close()


def test_try_is_free_again_after_unjudged(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog", tries=1)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=BROKEN), tasks=tasks)
    _, attempt = bench.submit()
    while assess(bench, attempt.id) is not AttemptState.UNJUDGED:
        bench.clock.move(minutes=1)
    bench.fake.script = ALL
    assert assess(bench, bench.submit()[1].id) is AttemptState.JUDGED
    bench.parts.store.close()


@pytest.mark.parametrize(
    ("raised", "problem"),
    [
        (RuntimeError("a bug of ours"), "RuntimeError: a bug of ours"),
        (MemoryError(), "MemoryError: "),
        (StoreFault("database: disk is full"), "database: disk is full"),
    ],
)
def test_error_of_any_kind_in_a_run_is_a_fault_that_is_told(
    bench: small.Bench, raised: Exception, problem: str
) -> None:
    bench.fake.script = turns(steps(raised), ALL)
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is AttemptState.QUEUED
    assert bench.parts.store.attempt(attempt.id).problem == problem
    bench.clock.move(seconds=2)
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    assert bench.parts.store.attempt(attempt.id).problem is None


def test_bundle_that_is_gone_is_our_fault(bench: small.Bench) -> None:
    submission, attempt = bench.submit()
    bench.parts.blobs.remove(submission.bundle)
    assert assess(bench, attempt.id) is AttemptState.QUEUED
    assert submission.bundle in str(bench.parts.store.attempt(attempt.id).problem)


def test_process_without_a_sandbox_gives_the_attempt_back(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    bare = dataclasses.replace(bench.parts, sandbox=None)
    assert pipeline.assess(attempt.id, 1, bare) is AttemptState.QUEUED
    assert "expected a sandbox" in str(bench.parts.store.attempt(attempt.id).problem)


NAMES = st.sampled_from([*small.IDS, "test_sum.py::test_unknown", "", "\x00", "../x"])
LEARNERS = st.one_of(
    st.builds(
        lambda name, passed, reason, message: testing.finished(
            name, passed=passed, reason=reason, message=message
        ),
        NAMES,
        st.booleans(),
        st.sampled_from(list(Reason)),
        st.text(max_size=20).map(lambda text: text.encode(errors="replace").decode()),
    ),
    st.lists(st.sampled_from(small.IDS), unique=True).map(lambda ids: testing.collected(*ids)),
    st.just(Ended(wall_ms=1, processes=1)),
    st.sampled_from(list(End)),
)


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[small.Bench]:
    root = tmp_path_factory.mktemp("endless")
    tasks = small.write_catalog(root / "catalog", tries=1000)
    made = small.make_bench(root, testing.FakeSandbox(script=ALL), tasks=tasks)
    yield made
    made.parts.store.close()


@given(runs=st.lists(st.lists(LEARNERS, max_size=6), min_size=2, max_size=2))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_learners_side_does_it_is_judged_and_earns_no_more_than_passed(
    endless: small.Bench, runs: list[list[Event | End]]
) -> None:
    endless.fake.script = turns(*(steps(*run) for run in runs))
    _, attempt = endless.submit()
    assert assess(endless, attempt.id) is AttemptState.JUDGED
    found = endless.parts.store.attempt(attempt.id)
    said = {step.id for run in runs for step in run if getattr(step, "passed", False)}
    assert found.score is not None
    assert found.score <= sum((Fraction(4, 10), Fraction(4, 10), Fraction(2, 10))[i] for i, name in
                              enumerate(small.IDS) if name in said)  # fmt: skip
    assert found.faults == 0


# --- leases


def test_worker_that_lost_its_lease_in_a_run_keeps_nothing(bench: small.Bench) -> None:
    store = bench.parts.store

    def overtaken(order: Order) -> Steps:
        yield testing.collected(*small.IDS)
        yield testing.finished(small.IDS[0])
        bench.clock.move(minutes=5)
        assert store.expire(now=bench.clock()) == [(order.attempt, 2)]
        assert store.claim(worker="worker-2", lease_s=30, now=bench.clock())
        for _ in range(10_000):
            yield testing.finished(small.IDS[1])
            time.sleep(0.001)
        went_on.append("the run went on although its lease is lost")

    went_on: list[str] = []
    bench.fake.script = overtaken
    _, attempt = bench.submit()
    assert pipeline.assess(attempt.id, 1, bench.parts) is None
    assert went_on == []
    found = store.attempt(attempt.id)
    assert (found.state, found.worker, found.epoch) == (AttemptState.RUNNING, "worker-2", 2)
    assert (found.faults, found.lost) == (0, 1)
    assert store.events(attempt.id) == []
    assert store.run(attempt.id) is None
    assert store.evidence(attempt.id) is None


def test_worker_overtaken_before_it_concludes_keeps_nothing_and_the_other_judges_once(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, attempt = bench.submit()
    conclude = judging.conclude
    concluded: list[AttemptState] = []

    def late(attempt_id: str, parts: Any, **named: Any) -> AttemptState:
        if parts.worker == "worker-1":
            bench.clock.move(minutes=5)
            bench.parts.store.expire(now=bench.clock())
            pipeline.assess(attempt_id, 2, bench.by("worker-2"))
        concluded.append(conclude(attempt_id, parts, **named))
        return concluded[-1]

    monkeypatch.setattr(judging, "conclude", late)
    assert pipeline.assess(attempt.id, 1, bench.parts) is None
    assert concluded == [AttemptState.JUDGED], "the other's"
    assert count_runs(bench) == 1, "a run that was kept is not repeated"
    assert bench.parts.store.attempt(attempt.id).epoch == 2


def test_epoch_is_assessed_by_one_worker_only(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    assert pipeline.assess(attempt.id, 1, bench.parts) is AttemptState.JUDGED
    assert pipeline.assess(attempt.id, 1, bench.by("worker-2")) is None
    assert pipeline.assess(attempt.id, 2, bench.parts) is None
    assert pipeline.assess("nothing", 1, bench.parts) is None
    assert count_runs(bench) == 1


def test_lease_is_renewed_while_a_run_lasts_even_if_the_store_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = small.write_catalog(tmp_path / "catalog")
    renewed, asked = threading.Event(), []
    renew = Store.renew

    def flaky(self: Store, *given: Any, **named: Any) -> None:
        asked.append(1)
        if len(asked) == 1:
            raise StoreFault("away on purpose")
        renew(self, *given, **named)
        renewed.set()

    def long(order: Order) -> Steps:
        assert renewed.wait(30), "never renewed"
        return ALL(order)

    monkeypatch.setattr(Store, "renew", flaky)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=long), tasks=tasks, lease_s=1)
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    bench.parts.store.close()


def test_run_stops_at_its_next_event_when_a_renewal_finds_the_lease_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = small.write_catalog(tmp_path / "catalog")
    told = threading.Event()

    def gone(self: Store, *given: Any, **named: Any) -> None:
        told.set()
        raise LeaseLost("another has it")

    def long(order: Order) -> Steps:
        assert told.wait(30), "never renewed"
        for thread in threading.enumerate():
            if thread.name == f"lease-{order.attempt}":
                thread.join(30)
        yield testing.collected(*small.IDS)
        went_on.append("the run went on although its lease is lost")

    went_on: list[str] = []
    monkeypatch.setattr(Store, "renew", gone)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=long), tasks=tasks, lease_s=1)
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is None
    assert went_on == []
    assert bench.parts.store.attempt(attempt.id).faults == 0
    bench.parts.store.close()


# --- disks and clocks


def test_full_disk_as_it_concludes_is_our_fault_and_the_run_is_not_repeated(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, attempt = bench.submit()
    with monkeypatch.context() as full:
        full.setattr(Blobs, "put_all", failing_put(lambda data: True))
        assert assess(bench, attempt.id) is AttemptState.QUEUED
    assert "No space left" in str(bench.parts.store.attempt(attempt.id).problem)
    assert bench.parts.store.evidence(attempt.id) is None
    assert not bench.parts.publisher.folder(attempt.id).exists()
    bench.clock.move(seconds=2)
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    assert count_runs(bench) == 1


def test_page_that_cannot_be_written_is_no_fault_and_is_published_later(bench: small.Bench) -> None:
    (bench.root / "evidence").write_text("in the way")
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    found = bench.parts.store.attempt(attempt.id)
    assert (found.faults, found.problem, found.epoch) == (0, None, 1)
    with pytest.raises(BlobFault, match="evidence folder"):
        judging.published(attempt.id, bench.parts)
    (bench.root / "evidence").unlink()
    assert judging.republish(bench.parts) == 1
    assert judging.republish(bench.parts) == 0
    folder = bench.parts.publisher.folder(attempt.id)
    row = bench.parts.store.evidence(attempt.id)
    assert row is not None
    assert digest.sha256((folder / publish.ENVELOPE).read_bytes()) == row.envelope
    assert {path.name for path in folder.iterdir()} == {
        publish.RECORD, publish.RUN, publish.ENVELOPE, publish.SIGNER, publish.PAGE
    }  # fmt: skip


def test_page_that_can_never_be_written_keeps_no_other_waiting(bench: small.Bench) -> None:
    names = []
    for learner in ("ada", "ben", "cleo"):
        _, attempt = bench.submit(learner=learner)
        assess(bench, attempt.id)
        shutil.rmtree(bench.parts.publisher.folder(attempt.id))
        names.append(attempt.id)
    row = bench.parts.store.evidence(names[1])
    assert row is not None
    bench.parts.blobs.remove(row.run)
    assert judging.republish(bench.parts) == 2
    assert [bench.parts.publisher.folder(name).exists() for name in names] == [True, False, True]


@pytest.mark.parametrize("hours", [-24, 24])
@pytest.mark.parametrize("stage", ["submitted", "in the run", "before it concludes"])
def test_clock_that_jumps_between_stages_loses_nothing(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch, stage: str, hours: int
) -> None:
    conclude = judging.conclude

    def jumping(order: Order) -> Steps:
        if stage == "in the run":
            bench.clock.move(hours=hours)
        return ALL(order)

    def late(*given: Any, **named: Any) -> AttemptState:
        if stage == "before it concludes":
            bench.clock.move(hours=hours)
        return conclude(*given, **named)

    bench.fake.script = jumping
    monkeypatch.setattr(judging, "conclude", late)
    _, attempt = bench.submit()
    if stage == "submitted":
        bench.clock.move(hours=hours)
    assert assess(bench, attempt.id) is AttemptState.JUDGED
    found = bench.parts.store.attempt(attempt.id)
    assert (found.verdict, found.faults) == ("passed", 0)
    row = bench.parts.store.evidence(attempt.id)
    assert row is not None
    evidence.parse_run(bench.parts.blobs.get(row.run))


def test_clock_set_back_does_not_keep_a_spoiled_attempt_waiting(bench: small.Bench) -> None:
    bench.fake.script = turns(BROKEN, ALL)
    _, attempt = bench.submit()
    assert assess(bench, attempt.id) is AttemptState.QUEUED
    bench.clock.move(hours=-24)
    assert assess(bench, attempt.id) is AttemptState.JUDGED


# --- concluding again


def test_open_review_signs_nothing_until_it_is_given(reviewed: small.Bench) -> None:
    _, attempt = reviewed.submit()
    parts = reviewed.parts
    assert assess(reviewed, attempt.id) is AttemptState.AWAITING_REVIEW
    assert parts.store.evidence(attempt.id) is None
    assert not parts.publisher.folder(attempt.id).exists()
    for criterion, marks in (("clear", 5), ("clear", -1), ("right", 1), ("nothing", 1)):
        with pytest.raises(MarkInvalid):
            judging.review(
                attempt.id, criterion=criterion, marks=marks, reviewer="r", comment="", parts=parts
            )
    assert parts.store.marks(attempt.id) == ()
    found = judging.review(
        attempt.id, criterion="clear", marks=3, reviewer="Rosa", comment="well", parts=parts
    )
    assert (found.id, found.state) == (attempt.id, AttemptState.JUDGED)
    assert found == parts.store.attempt(attempt.id)
    assert found.score == Fraction(8, 10) + Fraction(2, 10) * Fraction(3, 4)
    record = (parts.publisher.folder(attempt.id) / publish.RECORD).read_bytes()
    assert b"Rosa" not in record
    assert b"well" not in record


def test_other_mark_for_a_judged_attempt_makes_a_new_one_and_the_signed_one_stays(
    reviewed: small.Bench,
) -> None:
    _, attempt = reviewed.submit()
    parts = reviewed.parts
    assess(reviewed, attempt.id)
    first = judging.review(attempt.id, criterion="clear", marks=3, reviewer="Rosa", comment="", parts=parts)
    evidence = parts.store.evidence(attempt.id)
    second = judging.review(attempt.id, criterion="clear", marks=4, reviewer="Raul", comment="", parts=parts)
    assert (second.number, second.state, second.score) == (2, AttemptState.JUDGED, Fraction(1))
    assert parts.store.attempt(attempt.id) == first
    assert parts.store.evidence(attempt.id) == evidence
    with pytest.raises(MarkInvalid):
        judging.review(attempt.id, criterion="clear", marks=5, reviewer="r", comment="", parts=parts)
    assert len(parts.store.attempts(attempt.submission_id)) == 2
    assert count_runs(reviewed) == 1


def test_rescore_gives_the_same_record_without_a_run_and_the_old_attempt_stays(
    reviewed: small.Bench,
) -> None:
    _, attempt = reviewed.submit()
    parts = reviewed.parts
    assess(reviewed, attempt.id)
    judging.review(attempt.id, criterion="clear", marks=3, reviewer="Rosa", comment="", parts=parts)
    before = parts.store.attempt(attempt.id)
    reviewed.clock.move(days=1)
    new = judging.rescore(attempt.id, parts)
    assert (new.number, new.state, new.score) == (2, AttemptState.JUDGED, before.score)
    assert parts.store.attempt(attempt.id) == before
    rows = [parts.store.evidence(name) for name in (attempt.id, new.id)]
    assert rows[0] is not None
    assert rows[1] is not None
    assert rows[0].record == rows[1].record
    assert rows[0].run != rows[1].run, "it tells which attempt it is"
    assert count_runs(reviewed) == 1


def test_rescore_that_fails_half_way_is_finished_by_a_worker_without_a_run(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission, attempt = bench.submit()
    assess(bench, attempt.id)
    with monkeypatch.context() as full:
        full.setattr(Blobs, "put_all", failing_put(lambda data: True))
        with pytest.raises(BlobFault):
            judging.rescore(attempt.id, bench.parts)
    new = bench.parts.store.latest(submission.id)
    assert new.state is AttemptState.QUEUED
    bench.clock.now += timedelta(minutes=1)
    assert assess(bench, new.id) is AttemptState.JUDGED
    assert count_runs(bench) == 1


def test_regrade_runs_again_and_the_old_attempt_stays(bench: small.Bench) -> None:
    submission, attempt = bench.submit()
    assess(bench, attempt.id)
    before = bench.parts.store.attempt(attempt.id)
    new = pipeline.regrade(submission.id, bench.parts, ring=lambda a, epoch: bench.rung.append((a, epoch)))
    assert bench.rung == [(attempt.id, 1), (new.id, 1)]
    assert assess(bench, new.id) is AttemptState.JUDGED
    assert count_runs(bench) == 2
    assert bench.parts.store.attempt(attempt.id) == before


def test_attempt_without_a_finished_run_has_no_result(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    with pytest.raises(NotFound, match="expected a finished run"):
        judging.judge(attempt.id, bench.parts)
    with pytest.raises(NotFound, match="expected one with evidence, it is queued"):
        judging.published(attempt.id, bench.parts)
