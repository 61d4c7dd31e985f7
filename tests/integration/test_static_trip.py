"""A submission with a static criterion through the whole trip: findings, evidence, review, re-run, faults."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from rich.console import Console

from assessor import (
    catalog,
    evidence,
    gauge,
    inspector,
    judging,
    page,
    pipeline,
    pressure,
    proof,
    reproduce,
    testing,
    verify,
)
from assessor.authoring import grade, prove, trial
from assessor.cli import display
from assessor.errors import FileInvalid, ToolMissing
from assessor.inspection import Reason
from assessor.pressure import Least, Memory
from assessor.sandbox.protocol import End
from assessor.store import AttemptState
from tests import small

ALL = testing.all_pass(small.IDS)
FORM = """  - {id: clear, title: Clear, weight: 20, scored_by: SCORED}
  - id: form
    title: Form
    weight: 30
    scored_by: static
    checks:
      - {id: clean, kind: ruff, select: [F], points: 2}
      - {id: no-loop, kind: forbid, constructs: [loop], sentence: Give the numbers to sum().}
"""
LOOP = """import os


def total(numbers):
    found = 0
    for one in numbers:
        found += one
    return found
"""


@pytest.fixture(autouse=True)
def _lines() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def made(root: Path, *, review: bool = False) -> catalog.Catalog:
    """The small task with a third criterion, scored by static checks."""
    small.write_catalog(root, review=review)
    path = root / "rubrics/sum.yaml"
    text = path.read_text().replace("weight: 80", "weight: 50")
    line = next(line for line in text.splitlines(keepends=True) if "id: clear" in line)
    path.write_text(text.replace(line, line + FORM.split("\n", 1)[1]))
    return catalog.load(root)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=made(tmp_path / "catalog"))
    yield bench
    bench.parts.store.close()


def assessed(bench: small.Bench, solution: str = LOOP) -> str:
    _, attempt = bench.submit(solution)
    assert pipeline.assess(attempt.id, attempt.epoch, bench.parts) is AttemptState.JUDGED
    return attempt.id


def shown(judged: judging.Judged) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(display.result(judged), highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_findings_cost_their_points_and_are_told_with_file_line_rule_and_sentence(bench: small.Bench) -> None:
    judged = judging.judge(assessed(bench), bench.parts)
    assert judged.assessment.total * 100 == 70
    told = shown(judged)
    assert "solution.py:1: F401: `os` imported but unused. Remove unused import: `os`." in told
    assert "solution.py:6: forbid loop: Give the numbers to sum()." in told
    assert "source 0 of 2" in told
    assert b"F401" in judged.report


def test_clean_work_has_full_marks(bench: small.Bench) -> None:
    judged = judging.judge(assessed(bench, small.RIGHT), bench.parts)
    assert judged.assessment.total == 1
    assert "✗" not in shown(judged)


def test_evidence_holds_and_its_page_tells_counts_and_no_word_of_the_work(bench: small.Bench) -> None:
    attempt = assessed(bench)
    folder = judging.published(attempt, bench.parts)
    record, run, envelope = (
        (folder / name).read_bytes() for name in ("record.json", "run.json", "evidence.dsse")
    )
    keys = proof.keys([bench.parts.signer.public_key])
    verify.evidence(record=record, run=run, envelope=envelope, keys=keys)
    static = evidence.parse(record).static
    assert static is not None
    assert [(one.id, one.passed) for one in static.checks] == [("clean", False), ("no-loop", False)]
    html = page.evidence_page(
        record, run, frozen=judging.judge(attempt, bench.parts).frozen, key_id="sha256:" + "0" * 64
    )
    assert "0 of 2 checks of the source passed; these run nothing of it." in html
    assert "F401" not in html


def test_work_that_breaks_the_parser_is_judged_and_fails_its_checks(bench: small.Bench) -> None:
    attempt = assessed(bench, "x = " + "(" * 100_000 + ")" * 100_000)
    judged = judging.judge(attempt, bench.parts)
    assert {one.reason.value for one in judged.checks if one.reason} == {"unreadable"}
    assert judged.assessment.total * 100 == 70


def test_score_is_made_again_from_what_was_kept(bench: small.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = assessed(bench)
    monkeypatch.setattr(inspector, "inspect", lambda *_: pytest.fail("looked again"))
    assert judging.rescore(attempt, bench.parts).score == bench.parts.store.attempt(attempt).score


def test_review_beside_static_checks_leaves_these_alone(tmp_path: Path) -> None:
    tasks = made(tmp_path / "catalog", review=True)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=tasks)
    _, attempt = bench.submit(LOOP)
    assert pipeline.assess(attempt.id, attempt.epoch, bench.parts) is AttemptState.AWAITING_REVIEW
    judging.review(attempt.id, criterion="clear", marks=4, reviewer="Ada", comment="", parts=bench.parts)
    assert judging.judge(attempt.id, bench.parts).assessment.total * 100 == 70
    bench.parts.store.close()


def test_missing_analyser_is_a_fault_of_ours_and_costs_no_run(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise ToolMissing("ruff: expected version 1, got nothing")

    monkeypatch.setattr(inspector, "inspect", missing)
    _, attempt = bench.submit()
    for _ in range(3):
        bench.clock.move(hours=1)
        state = pipeline.assess(attempt.id, bench.parts.store.attempt(attempt.id).epoch, bench.parts)
    assert state is AttemptState.UNJUDGED
    assert bench.parts.store.attempt(attempt.id).problem == "ruff: expected version 1, got nothing"
    assert bench.fake.orders == []


def test_source_that_took_the_memory_of_a_machine_without_any_is_looked_at_again(bench: small.Bench) -> None:
    least = Least(disk_bytes=0, memory_bytes=100, slow_s=1.0)

    def measured(available_bytes: int) -> gauge.Gauge:
        left = Memory(place=pressure.MACHINE, available_bytes=available_bytes, total_bytes=8192)
        return gauge.Gauge(least=least, disks={}, asked=None, remembered=lambda: (left,))

    _, attempt = bench.submit("x = " + "not " * 60_000 + "1\n")
    bench.parts = replace(bench.parts, gauge=measured(1))
    assert pipeline.assess(attempt.id, attempt.epoch, bench.parts) is AttemptState.QUEUED
    found = bench.parts.store.attempt(attempt.id)
    assert (found.faults, "while short: memory (machine)" in str(found.problem)) == (0, True)
    bench.parts = replace(bench.parts, gauge=measured(4096))
    bench.clock.move(seconds=30)
    assert pipeline.assess(attempt.id, found.epoch, bench.parts) is AttemptState.JUDGED
    assert {one.reason for one in judging.judge(attempt.id, bench.parts).checks} == {Reason.MEMORY}


def test_judging_again_gives_the_same_bytes_and_names_another_analyser(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = assessed(bench)
    submission = bench.parts.store.submission(bench.parts.store.attempt(attempt).submission_id)
    record = (judging.published(attempt, bench.parts) / "record.json").read_bytes()

    def again() -> verify.Comparison:
        return reproduce.again(
            record,
            task=bench.parts.blobs.get(submission.snapshot),
            submission=bench.parts.blobs.get(submission.bundle),
            sandbox=bench.fake,
            attempt="again",
        )[1]

    assert again().same
    monkeypatch.setattr(inspector, "_code", lambda: "sha256:" + "0" * 64)
    assert [one.split(":")[0] for one in again().causes] == ["the analyser of sources"]
    assert not again().tests


def test_grading_by_hand_tells_the_same(bench: small.Bench) -> None:
    frozen = catalog.thaw(catalog.freeze(bench.tasks, "sum"))
    graded = grade.grade(frozen, {"solution.py": LOOP.encode()}, sandbox=bench.fake, label="hand")
    assert graded.end is End.COMPLETE
    assert [one["reason"] for one in graded.feedback().dump()["checks"]] == ["findings", "findings"]
    assert [one["reason"] for one in graded.everything().dump()["checks"]] == ["findings", "findings"]


# The proof


def proven(root: Path, solution: str, expect: str = "", faulty: str = LOOP) -> tuple[str, ...]:
    tasks = made(root)
    folder = root / "tasks/sum"
    (folder / "solutions/plain/solution.py").write_text(solution)
    (folder / "faulty/loop").mkdir(parents=True)
    (folder / "faulty/loop/solution.py").write_text(faulty)
    (folder / "faulty/loop/expect.yaml").write_text(f"summary: it loops\n{expect or 'criteria: [form]'}\n")
    sandbox = testing.FakeSandbox(script=ALL)
    return prove.prove(catalog.load(tasks.root), "sum", sandbox).problems


def test_reference_must_earn_full_marks_on_static_checks_too(tmp_path: Path) -> None:
    (first, *_) = proven(tmp_path, LOOP)
    assert first == (
        "tasks/sum/solutions/plain: expected full marks, got the static check form/clean not passed: "
        "solution.py:1: F401: `os` imported but unused. Remove unused import: `os`."
    )


@pytest.mark.parametrize(
    ("expect", "problems"),
    [
        ("", ()),
        ("criteria: [form]\nstatic: {form: [clean, no-loop]}", ()),
        (
            "criteria: [form]\nstatic: {form: [clean]}",
            (
                "tasks/sum/faulty/loop: expected static checks not to pass: form/clean, "
                "got: form/clean, form/no-loop",
            ),
        ),
        (
            "criteria: [right]",
            ("tasks/sum/faulty/loop: expected points lost in right alone, got: form",),
        ),
    ],
)
def test_known_bad_work_fails_the_checks_that_it_should_and_only_these(
    tmp_path: Path, expect: str, problems: tuple[str, ...]
) -> None:
    assert proven(tmp_path, small.RIGHT, expect) == problems


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        (
            "criteria: [form]\nstatic: {form: [no-loops]}",
            '3:17: static.form.0: expected a static check of form, got "no-loops"; did you mean "no-loop"?',
        ),
        (
            "criteria: [right]\nstatic: {form: [clean]}",
            "3:1: static: expected checks of the criteria that lose points: none, got of form",
        ),
        (
            "criteria: [formal]",
            "2:12: criteria.0: expected a criterion of rubric sum that tests or static checks "
            'score, got "formal"',
        ),
    ],
)
def test_expectation_that_names_no_check_is_refused(tmp_path: Path, expect: str, text: str) -> None:
    with pytest.raises(FileInvalid) as caught:
        proven(tmp_path, small.RIGHT, expect)
    assert str(caught.value).startswith(f"tasks/sum/faulty/loop/expect.yaml:{text}")


def test_work_of_a_faulty_folder_is_looked_at_without_its_expectation(tmp_path: Path) -> None:
    proven(tmp_path, small.RIGHT)
    task = catalog.load(tmp_path).task("sum")
    assert json.dumps(sorted(trial.work(task, "faulty/loop"))) == '["solution.py"]'
