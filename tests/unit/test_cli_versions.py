"""Versions and regrades by the command line, over the store of an installation whose sandbox is a script."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click.testing
import pytest

from assessor import cli, wiring
from tests.honours import judge
from tests.small import Bench
from tests.versioned import edit, make_bench, work


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The store and blobs lie where the command line looks for them; its keys are the bench's own."""
    made = make_bench(tmp_path)
    monkeypatch.setattr(wiring, "parts", lambda config, boxed=True: contextlib.nullcontext(made.parts))
    for number, learner in ((3, "ada"), (2, "bob")):
        judge(made, number, learner=learner)
    edit(made, "# strict", version="1.1")
    yield made
    made.parts.store.close()


def run(bench: Bench, *arguments: str, status: int = 0) -> click.testing.Result:
    told = ["--home", str(bench.root), "--catalog", str(bench.tasks.root), *arguments]
    came = click.testing.CliRunner().invoke(cli.main, told)
    assert came.exit_code == status, came.output + came.stderr
    return came


def values(bench: Bench, *arguments: str, status: int = 0) -> Any:
    return json.loads(run(bench, *arguments, "--json", status=status).stdout)


def test_diff_tells_what_could_change_by_verdict(bench: Bench) -> None:
    told = values(bench, "tasks", "diff", "sum@1.0", "sum", status=1)
    assert (told["could_change"], told["stored"], told["same"]) == ({"passed": 2}, {"passed": 2}, False)
    said = run(bench, "tasks", "diff", told["before"]["digest"][:20], "sum", status=1).stdout
    assert "+# strict" in said
    assert "stored results that could change: 2 (2 passed)" in said
    assert run(bench, "tasks", "diff", "sum", "sum").stdout.endswith("nothing differs\n")


def test_diff_of_a_brief_says_that_no_result_can_change(bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(bench.tasks.root, tmp_path / "old")
    (bench.tasks.root / "tasks/sum/README.md").write_text("# Add\n")
    said = run(bench, "tasks", "diff", str(tmp_path / "old/tasks/sum"), "sum", status=1).stdout
    assert "README.md: changed, 9 bytes to 6 bytes; changes no result" in said
    assert "no result can change" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sum@0.9", "expected a version of sum that results are stored of, one of 1.0, got '0.9'"),
        ("sha256:0000000000", "expected the digest of a task that results are stored of"),
        ("sha256:00", "expected the digest of a task that results are stored of"),
        ("./nothing", "expected a task's folder, got ./nothing, which has no task.yaml"),
        ("som", 'expected a task in tasks/, got "som"; did you mean "sum"?'),
    ],
)
def test_version_that_nobody_has_is_told_with_those_there_are(bench: Bench, name: str, words: str) -> None:
    assert words in run(bench, "tasks", "diff", name, "sum", status=2).stderr


def test_regrade_is_started_shown_and_applied(bench: Bench) -> None:
    started = values(bench, "regrade", "sum", "--from", "1.0")
    assert (len(started["queued"]), started["there"]) == (2, 0)
    shown = values(bench, "regrade", "sum", "--show")
    assert [one["change"] for one in shown["results"]] == ["waiting", "waiting"]
    assert "2 are not yet" in run(bench, "regrade", "sum", "--apply", "--reason", "r", status=1).stderr
    work(bench)
    said = run(bench, "regrade", "sum", "--show").stdout
    assert "2 results on version 1.1: 2 down" in said
    shown = values(bench, "regrade", "sum", "--show")
    assert [one["new"]["verdict"] for one in shown["results"]] == ["passed", "failed"]
    done = values(bench, "regrade", "sum", "--apply", "--reason", "stricter", "--by", "kim")
    assert (done["regrade"]["state"], done["regrade"]["by"]) == ("applied", "kim")
    assert done["attempts"] == [one["new_attempt"] for one in shown["results"]]
    assert (
        "every result that was asked for is of the task as it is now" in run(bench, "regrade", "sum").stdout
    )


def test_regrade_is_dropped(bench: Bench) -> None:
    run(bench, "regrade", "sum")
    assert "no result changed" in run(bench, "regrade", "sum", "--drop").stdout
    assert "there is none" in run(bench, "regrade", "sum", "--show", status=2).stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("sum", "--apply"), "expected --reason with --apply"),
        (("sum", "--apply", "--reason", " "), "expected --reason with --apply"),
        (("sum", "--show", "--drop"), "expected one of --show, --apply and --drop"),
        (("sum", "--show", "--from", "1.0"), "expected --from and --attempt only where a regrade is started"),
        (("sum", "--revoke-awards"), "expected --revoke-awards only with --apply"),
        (("sum", "--follow"), "expected --follow with a submission, got a task"),
        (("nothing", "--show"), "expected the id of a task, got 'nothing'"),
        (("nothing",), "expected the id of a submission, got 'nothing'"),
    ],
)
def test_what_does_not_go_together_is_refused(bench: Bench, options: tuple[str, ...], words: str) -> None:
    assert words in run(bench, "regrade", *options, status=2).stderr


def test_authors_without_a_store_compare_all_the_same(bench: Bench, tmp_path: Path) -> None:
    told = ["--home", str(tmp_path / "none"), "--catalog", str(bench.tasks.root)]
    came = click.testing.CliRunner().invoke(cli.main, [*told, "tasks", "diff", "sum", "sum"])
    assert (came.exit_code, (tmp_path / "none").exists()) == (0, False)
    came = click.testing.CliRunner().invoke(cli.main, [*told, "tasks", "diff", "sum@1.0", "sum"])
    assert "expected a store that has sum@1.0, there is none yet" in came.stderr
