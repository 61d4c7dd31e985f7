"""Stored results judged again on another version: nothing counts until it is applied, and then all of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from assessor import awarding, judging, pipeline, regraded, regrading, reproduce, settling, versioning
from assessor.errors import FileInvalid, NotFound, RegradeRefused, TryRefused
from assessor.regraded import Change
from assessor.rows import ledger
from assessor.rows.schema import AttemptState, Kind
from assessor.sandbox.protocol import Order
from assessor.waiting import Class
from tests import honours, small
from tests.honours import earn, held, judge, passing
from tests.small import Bench
from tests.versioned import edit, make_bench, shown, start, verdicts, work


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.parts.store.close()


@pytest.fixture
def three(bench: Bench) -> Bench:
    """Ada passes with all tests, Bob with two, Cy fails; the tests get stricter under 1.1."""
    earn(bench, 3, learner="ada")
    earn(bench, 2, learner="bob")
    judge(bench, 1, learner="cy")
    edit(bench, "# strict", version="1.1")
    return bench


def apply(bench: Bench, *, revoke: bool = False) -> regrading.Applied:
    return regrading.apply("sum", bench.parts, by="kim", reason="stricter", revoke=revoke)


def leaves(bench: Bench) -> int:
    with bench.parts.store.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(ledger.leaves)).scalar_one()


# --- a version that has results


def test_edited_task_takes_nothing_in_until_its_version_is_raised(bench: Bench) -> None:
    judge(bench, 3)
    judge(bench, 2)
    edit(bench, "# strict")
    with pytest.raises(FileInvalid) as caught:
        bench.submit(passing(1), learner="bob")
    assert str(caught.value) == (
        "tasks/sum/task.yaml:2:1: version: expected it to be raised from 1.0: 2 results stand under it with "
        "another content (tests/test_sum.py changed since); "
        "run `assessor tasks lock sum --bump`"
    )
    assert len(bench.parts.store.results("sum")) == 2
    edit(bench, "# strict", version="1.1")
    bench.submit(passing(1), learner="bob")


def test_tasks_that_would_take_nothing_in_are_told_beforehand(bench: Bench) -> None:
    parts = bench.parts
    judge(bench, 3)
    assert versioning.unraised(bench.tasks, parts.store, parts.blobs) == ()
    edit(bench, "# strict")
    (told,) = versioning.unraised(bench.tasks, parts.store, parts.blobs)
    assert "expected it to be raised from 1.0: 1 result stands under it" in str(told)


def test_work_that_waits_stands_under_its_version_too(bench: Bench) -> None:
    bench.submit(passing(3))
    edit(bench, "# strict")
    with pytest.raises(FileInvalid, match="work that waits to be judged stands under it"):
        bench.submit(passing(3), learner="bob")


def test_two_that_hand_in_two_contents_at_once_are_told_apart_by_the_store(bench: Bench) -> None:
    submission, _ = bench.submit(passing(3))
    with pytest.raises(FileInvalid, match=r"expected version to be raised from 1\.0: results stand under it"):
        bench.parts.store.submit(
            id="s",
            attempt_id="a",
            learner_id=submission.learner_id,
            task_id="sum",
            task_version="1.0",
            task_digest="sha256:other",
            snapshot="sha256:other",
            bundle=submission.bundle,
            tries=None,
            cooldown_s=0,
            now=bench.clock.now,
        )


def test_brief_that_is_put_back_is_the_same_version(bench: Bench) -> None:
    judge(bench, 3)
    path = bench.tasks.root / "tasks/sum/README.md"
    before = path.read_bytes()
    path.write_text("# Another\n")
    edit(bench, "")
    with pytest.raises(FileInvalid, match=r"raised from 1\.0"):
        bench.submit(passing(3), learner="bob")
    path.write_bytes(before)
    tests = bench.tasks.root / "tasks/sum/tests/test_sum.py"
    tests.write_text(tests.read_text().removesuffix("\n\n"))
    edit(bench, "")
    tests.write_text(tests.read_text().removesuffix("\n\n"))
    small.lock(bench.tasks.root)
    bench.tasks = type(bench.tasks)(bench.tasks.root)
    bench.submit(passing(3), learner="bob")


# --- started


def test_results_are_judged_again_after_all_that_learners_wait_for(three: Bench) -> None:
    started = start(three)
    assert {one.kind for one in started.made} == {Kind.REGRADE}
    assert {one.queue_class for one in started.made} == {Class.REGRADE}
    assert [name for name, _ in three.rung[-3:]] == [one.id for one in started.made]
    _, own = three.submit(passing(3), learner="dee")
    assert three.parts.store.due(now=three.clock.now)[0][0] == own.id
    assert work(three) == [AttemptState.JUDGED, *[AttemptState.HELD] * 3]


def test_started_twice_each_result_is_judged_once(three: Bench) -> None:
    first, again = start(three), start(three)
    assert (len(first.made), first.there) == (3, 0)
    assert (len(again.made), again.there) == (0, 3)
    assert first.regrade == again.regrade


def test_two_that_start_at_once_start_one(three: Bench) -> None:
    other = honours.reopen(three)
    found: list[regrading.Started] = []
    threads = [threading.Thread(target=lambda one=one: found.append(start(one))) for one in (three, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.parts.store.close()
    assert sorted(len(one.made) for one in found) == [0, 3]
    assert len({one.regrade.id for one in found if one.regrade}) == 1


def test_only_results_of_a_version_or_only_some_are_judged_again(three: Bench) -> None:
    newer = judge(three, 3, learner="dee")
    assert len(start(three, "1.0", three.parts.store.results("sum")[1].attempt.id).made) == 1
    with pytest.raises(NotFound, match=r"task sum: expected results of 1\.0, 1\.1, got '0\.9'"):
        start(three, "0.9")
    with pytest.raises(NotFound, match="task sum: expected attempts that count, got nothing"):
        start(three, None, "nothing")
    assert start(three, "1.1").regrade is None, "they are of the task as it is"
    assert start(three, None, newer).regrade is None


def test_task_that_is_edited_again_needs_the_open_regrade_ended(three: Bench) -> None:
    started = start(three)
    edit(three, "# strict", version="1.2")
    with pytest.raises(RegradeRefused) as caught:
        start(three)
    assert started.regrade is not None
    assert f"expected no other regrade, {started.regrade.id} is open, on version 1.1" in str(caught.value)
    regrading.drop("sum", three.parts, by="kim")
    assert len(start(three).made) == 3


def test_version_that_a_regrade_is_on_is_not_edited_either(three: Bench) -> None:
    start(three)
    edit(three, "# strict")
    with pytest.raises(FileInvalid, match=r"raised from 1\.1"):
        three.submit(passing(3), learner="dee")


def test_regrade_uses_no_try_and_leaves_the_newest_result_alone(bench: Bench) -> None:
    root = bench.tasks.root / "tasks/sum/task.yaml"
    root.write_text(root.read_text().replace("tries: 100", "tries: 2"))
    edit(bench, "")
    judge(bench, 3)
    edit(bench, "# strict", version="1.1")
    start(bench)
    submission = bench.parts.store.results("sum")[0].submission
    assert bench.parts.store.latest(submission.id).number == 1
    work(bench)
    assert bench.parts.store.latest(submission.id).number == 1
    judge(bench, 2)
    with pytest.raises(TryRefused):
        bench.submit(passing(1))


# --- nothing counts


def test_held_results_count_for_nothing(three: Bench) -> None:
    before, given, grown = verdicts(three), held(three), leaves(three)
    start(three)
    work(three)
    assert (verdicts(three), held(three), leaves(three)) == (before, given, grown)
    assert shown(three) == {"ada": "down", "bob": "down", "cy": "down"}
    assert three.parts.store.unsettled() == {}
    assert dict(three.parts.store.worse_since()) == {}
    for one in regraded.show("sum", three.parts).compared:
        assert three.parts.store.evidence(one.attempt.id) is None
        assert one.attempt.id not in three.parts.publisher.published()


def test_old_and_new_stand_side_by_side_by_criterion(three: Bench) -> None:
    start(three)
    work(three)
    bob = next(one for one in regraded.show("sum", three.parts).compared if one.learner == "bob")
    assert (bob.version, bob.old.verdict, bob.old.total * 100, bob.old.points) == (
        "1.0",
        "passed",
        80,
        {"right": 80, "clear": 0},
    )
    assert bob.new is not None
    assert (bob.new.verdict, bob.new.total * 100, bob.new.points) == (
        "failed",
        40,
        {"right": 40, "clear": 0},
    )
    assert bob.change is Change.DOWN


def test_mark_for_a_held_result_leaves_it_held(tmp_path: Path) -> None:
    small.write_catalog(tmp_path / "catalog", review=True)
    bench = make_review_bench(tmp_path)
    _, attempt = bench.submit(passing(3))
    work(bench)
    judging.review(attempt.id, criterion="clear", marks=4, reviewer="eve", comment="", parts=bench.parts)
    edit_review(bench, "# strict", version="1.1")
    start(bench)
    assert work(bench) == [AttemptState.HELD], "the marks were taken over"
    (one,) = regraded.show("sum", bench.parts).compared
    judging.review(one.attempt.id, criterion="clear", marks=0, reviewer="eve", comment="", parts=bench.parts)
    (again,) = regraded.show("sum", bench.parts).compared
    assert again.attempt.state is AttemptState.HELD
    assert again.new is not None
    assert again.new.points["clear"] == 0
    with pytest.raises(NotFound, match="expected one that counts, it is held"):
        judging.rescore(one.attempt.id, bench.parts)
    apply(bench)
    assert bench.parts.store.attempt(one.attempt.id).score == again.new.total
    bench.parts.store.close()


def test_marks_on_another_scale_are_asked_for_anew(tmp_path: Path) -> None:
    small.write_catalog(tmp_path / "catalog", review=True)
    bench = make_review_bench(tmp_path)
    _, attempt = bench.submit(passing(3))
    work(bench)
    judging.review(attempt.id, criterion="clear", marks=4, reviewer="eve", comment="", parts=bench.parts)
    rubric = bench.tasks.root / "rubrics/sum.yaml"
    rubric.write_text(rubric.read_text().replace("marks: 4", "marks: 10"))
    edit_review(bench, "", version="1.1")
    start(bench)
    assert work(bench) == [AttemptState.AWAITING_REVIEW]
    with pytest.raises(RegradeRefused, match=r"expected every attempt to be judged, 1 are not .* awaiting"):
        apply(bench)
    (one,) = regraded.show("sum", bench.parts).compared
    judging.review(one.attempt.id, criterion="clear", marks=5, reviewer="eve", comment="", parts=bench.parts)
    assert len(apply(bench).attempts) == 1
    bench.parts.store.close()


def make_review_bench(root: Path) -> Bench:
    from assessor import catalog, testing
    from tests.versioned import script

    return small.make_bench(
        root, testing.FakeSandbox(script, isolation="cell"), tasks=catalog.load(root / "catalog")
    )


def edit_review(bench: Bench, more: str, *, version: str) -> None:
    from assessor import catalog

    tests, task = (bench.tasks.root / "tasks/sum" / name for name in ("tests/test_sum.py", "task.yaml"))
    tests.write_text(f"{tests.read_text()}\n{more}\n")
    task.write_text(task.read_text().replace('version: "1.0"', f'version: "{version}"'))
    small.lock(bench.tasks.root, last="right")
    bench.tasks = catalog.load(bench.tasks.root)


# --- applied


def test_applied_all_new_results_count_and_the_old_ones_stay(three: Bench) -> None:
    old = {one.attempt.id: one.attempt for one in three.parts.store.results("sum")}
    start(three)
    work(three)
    done = apply(three)
    assert verdicts(three) == {"ada": ("passed", 2), "bob": ("failed", 2), "cy": ("failed", 2)}
    assert {name: three.parts.store.attempt(name) for name in old} == old
    assert (done.regrade.closed_by, done.regrade.reason, done.regrade.closed_at) == (
        "kim",
        "stricter",
        three.clock.now,
    )
    for name in done.attempts:
        record = json.loads((three.parts.publisher.folder(name) / "record.json").read_bytes())
        assert record["task"]["version"] == "1.1"
    assert set(old) < three.parts.publisher.published()
    with pytest.raises(NotFound, match="expected an open regrade of sum, there is none"):
        apply(three)


def test_evidence_of_an_applied_result_runs_again_to_the_same_record(three: Bench) -> None:
    start(three)
    work(three)
    name = apply(three).attempts[0]
    parts = three.parts
    row, attempt = parts.store.evidence(name), parts.store.attempt(name)
    assert row is not None
    assert attempt.snapshot is not None
    assert parts.sandbox is not None
    _, compared = reproduce.again(
        parts.blobs.get(row.record),
        task=parts.blobs.get(attempt.snapshot),
        submission=parts.blobs.get(parts.store.submission(attempt.submission_id).bundle),
        sandbox=parts.sandbox,
        attempt="again",
    )
    assert compared.same


def test_regrade_of_a_submission_keeps_to_the_version_that_counts(three: Bench) -> None:
    start(three)
    work(three)
    apply(three)
    submission = three.parts.store.results("sum")[0].submission
    again = pipeline.regrade(submission.id, three.parts, ring=lambda attempt, epoch: None)
    assert again.task_version == "1.1"
    work(three)
    assert verdicts(three)["ada"] == ("passed", 3)
    assert three.parts.store.attempt(again.id).score == three.parts.store.attempts(submission.id)[1].score
    rescored = judging.rescore(again.id, three.parts)
    assert (rescored.task_version, rescored.score) == ("1.1", three.parts.store.attempt(again.id).score)


def test_old_result_is_not_scored_again_once_a_regrade_has_taken_its_place(three: Bench) -> None:
    start(three)
    work(three)
    old = three.parts.store.results("sum")[0].attempt
    apply(three)
    before = verdicts(three)
    new = three.parts.store.results("sum")[0].attempt
    with pytest.raises(
        NotFound, match=rf"expected one of the version that counts, attempt {new.id} on version 1\.1"
    ):
        judging.rescore(old.id, three.parts)
    assert verdicts(three) == before
    assert judging.rescore(new.id, three.parts).task_version == "1.1"


def test_awards_stay_unless_told_otherwise(three: Bench) -> None:
    start(three)
    work(three)
    lost = {(one.learner_id, one.achievement_id) for one in regraded.show("sum", three.parts).lost}
    done = apply(three)
    assert done.revoked == ()
    assert {(one.learner_id, one.achievement_id) for one in done.kept} == lost
    assert {row.achievement_id for row in done.kept} == {"adder", "master"}
    for learner in ("ada", "bob"):
        assert all(row.revoked_at is None for row in held(three, learner).values())
    assert len(awarding.attention(three.parts)) == 3


def test_awards_that_nothing_backs_go_with_it_where_told_so(three: Bench) -> None:
    start(three)
    work(three)
    done = apply(three, revoke=True)
    assert done.regrade.revoked == 2
    # Ada passes still, and not at the top; Bob does not pass any more.
    assert held(three, "ada")["master"].revoked_at is not None
    assert held(three, "ada")["adder"].revoked_at is None
    assert held(three, "bob")["adder"].revoked_at is not None
    assert held(three, "bob")["adder"].reason == "stricter"
    for row in done.revoked:
        assert three.parts.store.status_list(row.status_list).body is not None


def test_other_work_of_a_learner_may_back_their_award(bench: Bench) -> None:
    earn(bench, 2)
    edit(bench, "# strict", version="1.1")
    earn(bench, 3)
    start(bench)
    work(bench)
    assert regraded.show("sum", bench.parts).lost == ()
    assert apply(bench, revoke=True).revoked == ()


def test_better_results_lead_to_awards(bench: Bench) -> None:
    judge(bench, 1)
    assert held(bench) == {}
    edit(bench, "# mild", version="1.1")
    start(bench)
    work(bench)
    assert held(bench) == {}
    apply(bench)
    assert set(held(bench)) == {"adder", "apprentice"}


def test_applied_before_all_is_judged_is_refused(three: Bench) -> None:
    start(three)
    pipeline.assess("", 1, three.parts)
    before = verdicts(three)
    with pytest.raises(RegradeRefused, match=r"expected every attempt to be judged, 2 are not .* is queued"):
        apply(three)
    assert verdicts(three) == before


def test_result_that_was_replaced_meanwhile_is_made_anew(three: Bench) -> None:
    start(three)
    work(three)
    submission = three.parts.store.results("sum")[0].submission
    pipeline.regrade(submission.id, three.parts, ring=lambda attempt, epoch: None)
    work(three)
    assert shown(three) == {"ada": "stale", "bob": "down", "cy": "down"}
    before = verdicts(three)
    with pytest.raises(RegradeRefused, match="expected results that nobody has judged since, 1 were"):
        apply(three)
    assert verdicts(three) == before
    assert len(start(three).made) == 1
    work(three)
    assert len(apply(three).attempts) == 3
    assert verdicts(three)["ada"] == ("passed", 4)


def test_applied_while_one_of_its_submissions_is_judged_once_more_is_refused(three: Bench) -> None:
    start(three)
    work(three)
    submission = three.parts.store.results("sum")[0].submission
    # On the old version, as nothing newer counts yet, and with a higher number: it would undo the regrade.
    again = pipeline.regrade(submission.id, three.parts, ring=lambda attempt, epoch: None)
    before = verdicts(three)
    with pytest.raises(
        RegradeRefused, match=rf"expected nothing else under way .* attempt {again.id} is queued"
    ):
        apply(three)
    assert verdicts(three) == before
    work(three)
    assert len(start(three).made) == 1
    work(three)
    assert len(apply(three).attempts) == 3


def test_result_that_ends_unjudged_stays_as_it_was_and_is_tried_again(three: Bench) -> None:
    real = three.fake.script

    def broken(order: Order) -> object:
        if order.bundle["solution.py"].startswith(b"# 2"):
            return iter([RuntimeError("the engine is away")])
        return real(order)

    three.fake.script = broken  # type: ignore[assignment]
    start(three)
    for _ in range(9):
        work(three)
    assert shown(three) == {"ada": "down", "bob": "unjudged", "cy": "down"}
    three.fake.script = real
    assert len(start(three).made) == 1
    work(three)
    assert shown(three)["bob"] == "down"


def test_unjudged_result_is_left_out_of_what_is_applied(three: Bench) -> None:
    real = three.fake.script
    three.fake.script = lambda order: (
        iter([RuntimeError("away")]) if order.bundle["solution.py"].startswith(b"# 2") else real(order)
    )
    start(three)
    for _ in range(9):
        work(three)
    assert len(apply(three).attempts) == 2
    assert verdicts(three)["bob"] == ("passed", 1)


def test_learner_who_is_erased_meanwhile_is_left_out(three: Bench) -> None:
    start(three)
    work(three)
    three.parts.store.erase_learner("bob", now=three.clock.now)
    assert len(apply(three).attempts) == 2
    states = [one.attempt.state for one in three.parts.store.results("sum")]
    assert states == [AttemptState.JUDGED] * 3


def test_key_that_is_retired_while_it_signs_is_signed_anew(
    three: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assessor.errors import KeyRetired
    from assessor.store import Store

    start(three)
    work(three)
    real, calls = Store.apply_regrade, []

    def once(self: Store, *arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise KeyRetired("retired at this moment")
        return real(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "apply_regrade", once)
    assert len(apply(three).attempts) == 3
    assert len(calls) == 2
    settling.tend(three.parts)
    assert three.parts.blobs.names() == frozenset(three.parts.store.blob_digests())


# --- dropped


def test_dropped_regrade_leaves_nothing_but_a_line(three: Bench) -> None:
    before = verdicts(three)
    start(three)
    work(three)
    dropped = regrading.drop("sum", three.parts, by="kim", reason="too strict")
    assert (dropped.state, dropped.closed_by, dropped.reason) == ("dropped", "kim", "too strict")
    assert verdicts(three) == before
    for one in three.parts.store.trials(dropped.id):
        assert (one.state, one.report) == (AttemptState.DROPPED, None)
    assert three.parts.blobs.names() == frozenset(three.parts.store.blob_digests())
    with pytest.raises(NotFound, match="expected an open regrade of sum"):
        regraded.show("sum", three.parts)


def test_worker_that_runs_a_dropped_attempt_keeps_nothing(three: Bench) -> None:
    start(three)
    real = three.fake.script

    def dropping(order: Order) -> object:
        regrading.drop("sum", three.parts, by="kim")
        return real(order)

    three.fake.script = dropping  # type: ignore[assignment]
    assert pipeline.assess("", 1, three.parts) is None
    assert work(three) == []
    assert verdicts(three) == {"ada": ("passed", 1), "bob": ("passed", 1), "cy": ("failed", 1)}


def test_two_that_apply_at_once_apply_once(three: Bench) -> None:
    start(three)
    work(three)
    other = honours.reopen(three)
    came: list[object] = []

    def order(one: Bench) -> None:
        try:
            came.append(regrading.apply("sum", replace(one.parts), by="kim", reason="r"))
        except (NotFound, RegradeRefused) as error:
            came.append(error)

    threads = [threading.Thread(target=order, args=(one,)) for one in (three, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.parts.store.close()
    assert sorted(type(one).__name__ for one in came)[0] == "Applied"
    assert sum(isinstance(one, regrading.Applied) for one in came) == 1
    assert {number for _, number in verdicts(three).values()} == {2}
