"""Judging again: packs, equal records, and what is named when they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from assessor import bundle, digest, judging, pack, pipeline, reproduce, testing
from assessor.errors import VerificationFailed
from assessor.sandbox.protocol import End, Identity, Reason
from tests import badges, small

ALL = testing.all_pass(small.IDS)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    tasks = small.write_catalog(tmp_path / "catalog", review=True)
    made = badges.logged(small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=tasks))
    with structlog.testing.capture_logs():
        yield made
    made.parts.store.close()


def judged(bench: small.Bench) -> str:
    _, attempt = bench.submit()
    pipeline.assess(attempt.id, 1, bench.parts)
    judging.review(attempt.id, criterion="clear", marks=3, reviewer="Rosa", comment="ok", parts=bench.parts)
    return attempt.id


def packed(bench: small.Bench) -> pack.Evidence:
    """A judged attempt, as a stranger has it: through a file."""
    attempt = judged(bench)
    data = pack.of_attempt(attempt, bench.parts, with_work=True).dump()
    return pack.read(data).evidence(attempt)


def again(one: pack.Evidence, sandbox: testing.FakeSandbox) -> tuple[bytes, tuple[str, ...]]:
    assert one.task is not None
    assert one.submission is not None
    new, comparison = reproduce.again(
        one.record, task=one.task, submission=one.submission, sandbox=sandbox, attempt="again"
    )
    assert comparison.same is (comparison.causes == ()) is (new == one.record)
    return new, comparison.causes


def test_work_is_judged_again_from_a_pack_alone(bench: small.Bench) -> None:
    _, causes = again(packed(bench), testing.FakeSandbox(script=ALL))
    assert causes == ()


def test_marks_of_reviewers_are_taken_over(bench: small.Bench) -> None:
    one = packed(bench)
    new, causes = again(one, testing.FakeSandbox(script=ALL))
    assert causes == ()
    assert new == one.record


def test_test_that_comes_out_otherwise_is_named_by_its_position(bench: small.Bench) -> None:
    def script(order: object) -> Iterator[object]:
        yield testing.collected(*small.IDS)
        yield testing.finished(small.IDS[0])
        yield testing.finished(small.IDS[1], passed=False, reason=Reason.TIMEOUT)
        yield testing.finished(small.IDS[2])

    one = packed(bench)
    _, causes = again(one, testing.FakeSandbox(script=script))
    assert causes == (
        "test 2: passed then, failed (timeout) now. All that was run is the same, so the submission is "
        "random or depends on time, or it came near a limit",
    )


def test_other_package_list_is_named_as_the_cause(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = packed(bench)
    identity = testing.FakeSandbox.identity

    def newer(self: testing.FakeSandbox, profile: str, *, service: bool = False) -> Identity:
        found = identity(self, profile, service=service)
        learner = dataclasses.replace(found.learner, packages="sha256:" + "1" * 64)
        return dataclasses.replace(found, learner=learner)

    monkeypatch.setattr(testing.FakeSandbox, "identity", newer)
    _, causes = again(one, testing.FakeSandbox(script=ALL))
    (cause,) = causes
    assert cause.startswith("the package list of the learner's image: sha256:000")


def test_lost_container_is_tried_once_more_as_the_pipeline_does(bench: small.Bench) -> None:
    one = packed(bench)
    runs: list[int] = []

    def script(order: object) -> Iterator[object]:
        runs.append(1)
        if len(runs) == 1:
            yield End.LEARNER_LOST
        yield from ALL(order)  # type: ignore[arg-type]

    _, causes = again(one, testing.FakeSandbox(script=script))
    assert (causes, len(runs)) == ((), 2)


@pytest.mark.parametrize("part", ["task", "submission"])
def test_other_bytes_than_the_record_names_are_not_run(bench: small.Bench, part: str) -> None:
    one = packed(bench)
    other = bundle.pack({"solution.py": b"def total(numbers): return 0\n"}).data
    sandbox = testing.FakeSandbox(script=ALL)
    with pytest.raises(VerificationFailed, match=f"got {digest.sha256(other)}"):
        again(dataclasses.replace(one, **{part: other}), sandbox)
    assert sandbox.orders == []
