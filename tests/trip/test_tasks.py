"""The shipped tasks, through every gate in real containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor import catalog
from assessor.authoring import check, lock
from assessor.authoring.finding import Gate, State
from assessor.rubric import ScoredBy
from assessor.sandbox.protocol import Sandbox
from tests import boxes

ROOT = Path(__file__).parents[2]
TASKS = catalog.load(ROOT)
#: Every gate, with few runs and mutants; script/check-tasks has them all.
SAMPLE = check.Asked(runs=2, mutants=10)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with boxes.box() as body:
        yield body


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("task_id", TASKS.ids())
def test_task_passes_every_gate(task_id: str, sandbox: Sandbox) -> None:
    """The same gates as `script/check-tasks`, on a sample of runs and mutants; the proof is one of them."""
    checked = check.check(TASKS, task_id, sandbox, label=f"check-{task_id}", asked=SAMPLE)
    found = [str(one) for gated in checked.gates for one in gated.found.findings if one.serious]
    assert found == []
    assert [one.state for one in checked.gates] == [State.PASSED] * len(Gate)


@pytest.mark.docker
@pytest.mark.slow
def test_lock_made_again_is_the_one_that_is_kept(sandbox: Sandbox) -> None:
    assert lock.lock(TASKS, "median-stats", sandbox) == TASKS.task("median-stats").manifest


@pytest.mark.parametrize("task_id", TASKS.ids())
def test_task_is_ready_to_be_judged(task_id: str) -> None:
    frozen = catalog.thaw(catalog.freeze(TASKS, task_id))
    assert frozen.task.digest == TASKS.task(task_id).digest


@pytest.mark.parametrize("task_id", TASKS.ids())
def test_task_has_what_an_author_owes(task_id: str) -> None:
    task = TASKS.task(task_id)
    rubric = TASKS.rubric(task.rubric_id)
    assert task.solutions
    assert task.starter
    assert len(task.faulty) >= 3
    assert len(rubric.criteria) >= 3
    assert [one.id for one in rubric.criteria if one.competency is None] == []
    assert task.manifest is not None
    assert {test.visible for test in task.manifest.tests} == {True, False}
    assert any(b"@given" in source for source in task.test_files.values())


def test_one_task_has_a_criterion_that_a_reviewer_marks() -> None:
    reviewed = [
        task.id
        for task in TASKS.tasks()
        if any(one.scored_by is ScoredBy.REVIEW for one in TASKS.rubric(task.rubric_id).criteria)
    ]
    assert reviewed == ["log-report"]


def test_every_authored_file_names_its_schema_once() -> None:
    places = {
        "tasks/*/task.yaml": "../../schemas/task.json",
        "tasks/*/faulty/*/expect.yaml": "../../../../schemas/expect.json",
        "rubrics/*.yaml": "../schemas/rubric.json",
        "badges/*.yaml": "../schemas/badge.json",
        "sandboxes/*/sandbox.yaml": "../../schemas/sandbox.json",
    }
    for pattern, schema in places.items():
        found = sorted(ROOT.glob(pattern))
        assert found
        for path in found:
            lines = path.read_text().splitlines()
            assert lines[0] == f"# yaml-language-server: $schema={schema}", path
            assert sum("yaml-language-server" in line for line in lines) == 1, path
