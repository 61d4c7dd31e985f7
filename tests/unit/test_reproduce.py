"""Judging again: packs, equal records, and what is named when they differ."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from assessor import bundle, digest, judging, pipeline, reproduce, testing
from assessor.errors import NotFound, StoreFault, VerificationFailed
from assessor.sandbox.protocol import End, Identity, Reason
from tests import small

ALL = testing.all_pass(small.IDS)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    tasks = small.write_catalog(tmp_path / "catalog", review=True)
    made = small.make_bench(tmp_path, testing.FakeSandbox(script=ALL), tasks=tasks)
    with structlog.testing.capture_logs():
        yield made
    made.parts.store.close()


def judged(bench: small.Bench) -> str:
    _, attempt = bench.submit()
    pipeline.assess(attempt.id, 1, bench.parts)
    judging.review(attempt.id, criterion="clear", marks=3, reviewer="Rosa", comment="ok", parts=bench.parts)
    return attempt.id


def again(pack: reproduce.Pack, sandbox: testing.FakeSandbox) -> tuple[bytes, tuple[str, ...]]:
    new, comparison = reproduce.again(
        pack.record, task=pack.task, submission=pack.submission, sandbox=sandbox, attempt="again"
    )
    assert comparison.same is (comparison.causes == ()) is (new == pack.record)
    return new, comparison.causes


def test_pack_holds_all_that_a_stranger_needs_and_reads_back(bench: small.Bench) -> None:
    pack = reproduce.of(judged(bench), bench.parts)
    data = pack.dump()
    assert reproduce.read(data) == pack
    assert pack.dump() == data
    _, causes = again(reproduce.read(data), testing.FakeSandbox(script=ALL))
    assert causes == ()


def test_marks_of_reviewers_are_taken_over(bench: small.Bench) -> None:
    pack = reproduce.of(judged(bench), bench.parts)
    new, causes = again(pack, testing.FakeSandbox(script=ALL))
    assert causes == ()
    assert new == pack.record


def test_attempt_without_evidence_has_no_pack(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    with pytest.raises(NotFound, match="expected one with evidence, it is queued"):
        reproduce.of(attempt.id, bench.parts)


def test_test_that_comes_out_otherwise_is_named_by_its_position(bench: small.Bench) -> None:
    def script(order: object) -> Iterator[object]:
        yield testing.collected(*small.IDS)
        yield testing.finished(small.IDS[0])
        yield testing.finished(small.IDS[1], passed=False, reason=Reason.TIMEOUT)
        yield testing.finished(small.IDS[2])

    pack = reproduce.of(judged(bench), bench.parts)
    _, causes = again(pack, testing.FakeSandbox(script=script))
    assert causes == (
        "test 2: passed then, failed (timeout) now. All that was run is the same, so the submission is "
        "random or depends on time, or it came near a limit",
    )


def test_other_package_list_is_named_as_the_cause(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = reproduce.of(judged(bench), bench.parts)
    identity = testing.FakeSandbox.identity

    def newer(self: testing.FakeSandbox, profile: str, *, service: bool = False) -> Identity:
        found = identity(self, profile, service=service)
        learner = dataclasses.replace(found.learner, packages="sha256:" + "1" * 64)
        return dataclasses.replace(found, learner=learner)

    monkeypatch.setattr(testing.FakeSandbox, "identity", newer)
    _, causes = again(pack, testing.FakeSandbox(script=ALL))
    (cause,) = causes
    assert cause.startswith("the package list of the learner's image: sha256:000")


def test_lost_container_is_tried_once_more_as_the_pipeline_does(bench: small.Bench) -> None:
    pack = reproduce.of(judged(bench), bench.parts)
    runs: list[int] = []

    def script(order: object) -> Iterator[object]:
        runs.append(1)
        if len(runs) == 1:
            yield End.LEARNER_LOST
        yield from ALL(order)  # type: ignore[arg-type]

    _, causes = again(pack, testing.FakeSandbox(script=script))
    assert (causes, len(runs)) == ((), 2)


@pytest.mark.parametrize("part", ["task", "submission"])
def test_other_bytes_than_the_record_names_are_not_run(bench: small.Bench, part: str) -> None:
    pack = reproduce.of(judged(bench), bench.parts)
    other = bundle.pack({"solution.py": b"def total(numbers): return 0\n"}).data
    given = {"task": pack.task, "submission": pack.submission} | {part: other}
    sandbox = testing.FakeSandbox(script=ALL)
    with pytest.raises(VerificationFailed, match=f"got {digest.sha256(other)}"):
        reproduce.again(pack.record, **given, sandbox=sandbox, attempt="again")
    assert sandbox.orders == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "pack: bundle sha256:.* expected a tar"),
        (bundle.pack({}).data, r"pack: expected record\.json, .* got nothing"),
        (bundle.pack({"record.json": b"", "other": b""}).data, "pack: expected .* got other, record.json"),
    ],
)
def test_file_that_is_no_pack_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(VerificationFailed, match=text):
        reproduce.read(data)


def test_pack_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "pack.tar"
    reproduce.write(target, b"data")
    assert target.read_bytes() == b"data"
    with pytest.raises(StoreFault, match="File exists"):
        reproduce.write(target, b"other")
    assert target.read_bytes() == b"data"

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFault, match="No space left"):
        reproduce.write(tmp_path / "full.tar", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["pack.tar"]
