"""Kill -9 of either container in the middle of a run, through the real pipeline: judged exactly once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assessor import judging, pipeline, proof, signer, verify
from assessor.errors import ImageFault
from assessor.sandbox import engine
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import Event, Finished, Identity, Order, Outcome, Reason
from assessor.store import AttemptState, Store
from tests import boxes, small

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]

#: The second test waits, so that a kill after the first one lands while it runs.
SLOW = """import time


def total(numbers):
    time.sleep(1 if len(numbers) == 2 else 0)
    return sum(numbers)
"""


class Dangerous:
    """A sandbox in which one side is killed, as an operator's `kill -9` would, in the first runs.

    Args:
        body: the real one.
        role: whose container dies.
        times: in how many runs.
    """

    def __init__(self, body: Docker, role: str, times: int) -> None:
        self._body = body
        self._role = role
        self._left = times

    def run(self, order: Order, *, on_event: Callable[[Event], None]) -> Outcome:
        def listen(event: Event) -> None:
            on_event(event)
            if isinstance(event, Finished) and event.id == small.IDS[0] and self._left:
                self._left -= 1
                self._kill()

        return self._body.run(order, on_event=listen)

    def _kill(self) -> None:
        with engine.connect() as api:
            os.kill(boxes.pid(api, self._body, self._role), signal.SIGKILL)

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        return self._body.identity(profile, service=service)

    def prepare(self, order: Order) -> None:
        self._body.prepare(order)

    def sweep(self) -> list[str]:
        return self._body.sweep()

    def close(self) -> None:
        self._body.close()


@pytest.fixture
def concluded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each attempt was concluded in the store."""
    seen: Counter[str] = Counter()
    conclude = Store.conclude

    def noted(self: Store, of: Any, *given: Any, **named: Any) -> None:
        conclude(self, of, *given, **named)
        seen[of.attempt.id if hasattr(of, "attempt") else of.id] += 1

    monkeypatch.setattr(Store, "conclude", noted)
    return seen


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[str, int], small.Bench]]:
    made: list[small.Bench] = []
    opened = contextlib.ExitStack()

    def make(role: str, times: int) -> small.Bench:
        tasks = small.write_catalog(tmp_path / "catalog", sandboxes=ROOT / "sandboxes")
        body = opened.enter_context(boxes.box(root=tmp_path / "catalog"))
        made.append(small.make_bench(tmp_path, Dangerous(body, role, times), tasks=tasks))
        return made[-1]

    yield make
    for one in made:
        one.parts.store.close()
    opened.close()


def assess_to_the_end(bench: small.Bench, attempt_id: str) -> AttemptState:
    """As workers do, for as long as it waits."""
    while True:
        epoch = bench.parts.store.attempt(attempt_id).epoch
        state = pipeline.assess(attempt_id, epoch, bench.parts)
        if state is not AttemptState.QUEUED:
            assert state is not None
            return state
        bench.clock.move(minutes=1)


@pytest.mark.parametrize(("role", "faults"), [("learner", 0), ("grader", 1)], ids=["learner", "grader"])
def test_container_killed_once_costs_an_epoch_and_nothing_else(
    bench: Callable[[str, int], small.Bench], concluded: Counter[str], role: str, faults: int
) -> None:
    one = bench(role, 1)
    submission, attempt = one.submit(SLOW)
    assert assess_to_the_end(one, attempt.id) is AttemptState.JUDGED
    found = one.parts.store.attempt(attempt.id)
    assert (found.verdict, found.score, found.epoch) == ("passed", 1, 2)
    assert (found.faults, found.lost, found.problem) == (faults, 0, None)
    assert concluded == {attempt.id: 1}
    row = one.parts.store.evidence(attempt.id)
    assert row is not None
    assert isinstance(one.parts.signer, signer.LocalSigner)
    verify.evidence(
        record=one.parts.blobs.get(row.record),
        run=one.parts.blobs.get(row.run),
        envelope=one.parts.blobs.get(row.envelope),
        keys=proof.keys([one.parts.signer.public_key]),
        submission=submission.id,
    )


def test_learners_container_killed_twice_is_a_crash_that_keeps_what_passed(
    bench: Callable[[str, int], small.Bench], concluded: Counter[str]
) -> None:
    one = bench("learner", 2)
    _, attempt = one.submit(SLOW)
    assert assess_to_the_end(one, attempt.id) is AttemptState.JUDGED
    judged = judging.judge(attempt.id, one.parts)
    assert [result.reason for result in judged.results] == [None, Reason.CRASH, Reason.CRASH]
    assert (judged.attempt.verdict, judged.attempt.faults) == ("failed", 0)
    assert concluded == {attempt.id: 1}


def test_image_that_does_not_build_leaves_it_unjudged_with_the_builders_words(
    bench: Callable[[str, int], small.Bench], tmp_path: Path, concluded: Counter[str]
) -> None:
    one = bench("learner", 0)
    (tmp_path / "catalog/sandboxes/python/Dockerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nRUN echo about to fail && exit 7\n"
    )
    _, attempt = one.submit()
    assert assess_to_the_end(one, attempt.id) is AttemptState.UNJUDGED
    problem = str(one.parts.store.attempt(attempt.id).problem)
    assert "expected python/Dockerfile to build" in problem
    assert "about to fail" in problem
    assert concluded == {}
    assert one.parts.sandbox is not None
    with pytest.raises(ImageFault):
        one.parts.sandbox.identity("python")


def test_sandbox_folder_that_is_gone_is_told_and_mended_by_putting_it_back(
    bench: Callable[[str, int], small.Bench], tmp_path: Path
) -> None:
    one = bench("learner", 0)
    _, attempt = one.submit()
    folder = tmp_path / "catalog/sandboxes/python"
    shutil.move(folder, tmp_path / "away")
    assert pipeline.assess(attempt.id, 1, one.parts) is AttemptState.QUEUED
    assert "sandboxes/python" in str(one.parts.store.attempt(attempt.id).problem)
    shutil.move(tmp_path / "away", folder)
    one.clock.move(minutes=1)
    assert assess_to_the_end(one, attempt.id) is AttemptState.JUDGED
