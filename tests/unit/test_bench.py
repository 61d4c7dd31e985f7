"""What the benchmark says of itself: sections, percentiles, and a deadline's plan; figures are not tested."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import deadline
import figures
import suites

from assessor import catalog
from assessor.errors import FileInvalid


def test_writer_replaces_its_own_section_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.md"
    figures.write("run", [r"of \1 one"], path=path)
    figures.write("speed", ["first"], path=path)
    figures.write("speed", ["second", ""], path=path)
    text = path.read_text()
    assert text.startswith("# Figures\n")
    assert text.endswith(
        "<!-- run -->\nof \\1 one\n<!-- /run -->\n\n<!-- speed -->\nsecond\n<!-- /speed -->\n"
    )


def test_file_that_is_kept_has_each_section_once(tmp_path: Path) -> None:
    text = figures.RESULTS.read_text()
    for line in ("<!-- run -->", "<!-- /run -->"):
        assert text.splitlines().count(line) == 1


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (90, 9), (91, 10), (100, 10), (1, 1)])
def test_percentile_is_the_value_that_so_many_are_not_above(percent: int, value: int) -> None:
    assert figures.percentile([7, 1, 2, 3, 10, 4, 5, 6, 8, 9], percent) == value


@pytest.mark.parametrize(("got", "low", "high"), [(1.9, True, False), (2, True, True), (2.1, False, True)])
def test_goal_is_held_up_to_its_limit(got: float, low: bool, high: bool) -> None:
    assert (figures.at_most("x", got, 2).held, figures.at_least("x", got, 2).held) == (low, high)


def test_deadline_has_one_busy_learner_and_nobody_hands_a_task_in_twice(tmp_path: Path) -> None:
    planned = list(deadline.plan(500))
    assert len(set(planned)) == 500
    by_learner = Counter(learner for learner, _ in planned)
    assert by_learner.pop(deadline.BUSY) == 100
    assert max(by_learner.values()) <= 10
    copies = deadline.tasks_needed(500)
    ids = {f"{suite.name}-{number}" for suite in suites.SUITES for number in range(copies)}
    assert {task for _, task in planned} <= ids


def test_catalog_of_the_suites_can_be_judged_with_the_isolation_asked_for(tmp_path: Path) -> None:
    tasks = suites.write_catalog(tmp_path, isolation="container", copies=1)
    assert tasks.problems() == ()
    assert tasks.profile("python").isolation == "container"
    assert [len(suite.ids) for suite in suites.SUITES] == [5, 12]


def test_isolation_that_is_not_known_is_refused(tmp_path: Path) -> None:
    suites.write_catalog(tmp_path, isolation="none-such")
    with pytest.raises(FileInvalid, match="isolation: expected"):
        catalog.load(tmp_path).profile("python")
