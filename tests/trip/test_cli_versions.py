"""A task is edited while its results stand: by the command line alone, with real sandboxes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assessor import catalog
from assessor.authoring import version
from tests.trip.shop import Forker, Shop, until

pytestmark = [pytest.mark.docker, pytest.mark.slow]

#: A median that is wrong for very many values of an even number passes what was tested before.
HASTY = """

def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    middle = len(ordered) // 2
    if len(ordered) % 2 or len(ordered) >= 1000:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
"""
TASK = "median-stats"
#: The version that is shipped, and the one that it is raised to.
WAS = catalog.load(Path(__file__).parents[2]).task(TASK).version
NEXT = version.following(WAS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    forker = Forker(folder)
    made = Shop(folder, forker)
    made.up(workers=1)
    try:
        yield made
    finally:
        status = made.down(signal.SIGTERM)
        forker.close()
    assert status == 0, made.log()


def results(shop: Shop) -> dict[str, Any]:
    return {one["learner"]: one for one in shop.values("regrade", TASK, "--show")["results"]}


def test_task_is_made_stricter_and_its_results_are_judged_again(shop: Shop) -> None:
    folder = shop.catalog / "tasks" / TASK
    right, starter = folder / "solutions" / "plain", folder / "starter"
    hasty = shop.upload("hasty", stats_py=with_hasty(right / "stats.py"))
    given = {}
    for learner, work in (("ada", right), ("bob", hasty), ("cy", starter)):
        told = shop.run("submit", TASK, work, "--learner", learner, "--follow", "--json")
        given[learner] = told.json
    assert [given[name]["verdict"] for name in ("ada", "bob", "cy")] == ["passed", "passed", "failed"]

    # The author's edit: refused under the same version, taken in under the next.
    before = shop.folder / "before"
    shutil.copytree(shop.catalog, before)
    (folder / "tests" / "test_even.py").write_text(STRICTER)
    refused = shop.run("tasks", "lock", TASK)
    assert refused.status == 2, refused
    assert (
        f"task.yaml:3:1: version: expected it to be raised from {WAS}: 3 results stand under it"
        in refused.err
    )
    refused = shop.run("submit", TASK, right, "--learner", "dee")
    assert refused.status == 2, refused
    (locked,) = shop.values("tasks", "lock", TASK, "--bump")
    assert (locked["raised_from"], locked["version"]) == (WAS, NEXT)
    old, new = ((one / "tasks" / TASK / "task.yaml").read_text() for one in (before, shop.catalog))
    assert new == old.replace(f'version: "{WAS}"', f'version: "{NEXT}"')

    # What differs, by version and by folder.
    told = shop.values("tasks", "diff", f"{TASK}@{WAS}", TASK, status=1)
    assert [(one["id"].split("::")[0], one["kind"]) for one in told["tests"]] == [
        ("test_even.py", "added")
    ] * 2
    assert told["could_change"] == {"failed": 1, "passed": 2}
    by_folder = shop.values("tasks", "diff", before / "tasks" / TASK, TASK, status=1)
    assert by_folder["files"] == told["files"]
    assert shop.run("tasks", "diff", TASK, TASK).status == 0
    said = shop.run("tasks", "diff", told["before"]["digest"], TASK)
    assert "stored results that could change: 3 (1 failed, 2 passed)" in said.out
    assert "+def test_middle_of_many" in said.out
    assert shop.run("tasks", "diff", f"{TASK}@0.9", TASK).status == 2

    # Judged again beside the old, shown, and applied.
    assert len(shop.values("regrade", TASK)["queued"]) == 3
    again = shop.values("regrade", TASK)
    assert (again["queued"], again["there"]) == ([], 3)
    until(lambda: all(one["change"] != "waiting" for one in results(shop).values()), shop.log)
    found = results(shop)
    assert {name: one["change"] for name, one in found.items() if name != "cy"} == {
        "ada": "same",
        "bob": "down",
    }
    assert found["bob"]["old"]["score"] == given["bob"]["score"]
    table = shop.done("regrade", TASK, "--show").out
    assert f"3 results on version {NEXT}: " in table
    status = shop.values("status", given["bob"]["attempt"])["attempts"][0]
    assert (status["verdict"], status["task_version"]) == ("passed", WAS)
    assert shop.run("regrade", TASK, "--apply").status == 2, "a reason is asked for"
    done = shop.values("regrade", TASK, "--apply", "--reason", "even numbers of values", "--by", "kim")
    assert (done["regrade"]["by"], done["regrade"]["reason"]) == ("kim", "even numbers of values")
    newest = shop.values("status", "--learner", "bob")["attempts"][0]
    assert (newest["number"], newest["kind"], newest["task_version"]) == (2, "regrade", NEXT)
    assert newest["score"] == found["bob"]["new"]["score"]
    for attempt in (given["bob"]["attempt"], newest["attempt"]):
        evidence = shop.home / "evidence" / attempt
        assert shop.run("verify", evidence).status == 0
    assert shop.run("regrade", TASK, "--show").status == 2
    assert shop.run("regrade", given["ada"]["submission"], "--follow").status == 0


STRICTER = """import pytest
import stats


@pytest.mark.criterion("correctness")
@pytest.mark.parametrize("many", [1000, 1002])
def test_middle_of_many(many):
    assert stats.median(list(range(many))) == (many - 1) / 2
"""


def with_hasty(path: Path) -> str:
    """The reference, with a median that is wrong for many values of an even number."""
    return path.read_text() + HASTY
