"""New tasks, schemas, judging by hand and previews, with a sandbox that follows a script."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from rich.console import Console

from assessor import catalog, task
from assessor.authoring import grade, new, preview, schemas
from assessor.authoring.new import Asked, Kind
from assessor.cli import main
from assessor.cli.display_run import Run
from assessor.errors import FileInvalid, NotFound
from assessor.sandbox.protocol import End, Ended, Event, Order
from assessor.scoring import Verdict
from assessor.testing import FakeSandbox, collected, finished
from tests import small

ROOT = Path(__file__).parents[2]
#: A title and a summary that YAML would read as something else, were they not quoted.
ASKED = Asked(id="new-one", kind=Kind.FUNCTION, title='Words: "long" ones', summary="yes #1: {find} them")
ONE, TWO, THREE = small.IDS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalog with sandboxes and no task."""
    for name in ("tasks", "rubrics"):
        (tmp_path / name).mkdir()
    (tmp_path / "sandboxes").symlink_to(ROOT / "sandboxes")
    return tmp_path


@pytest.fixture
def tasks(tmp_path: Path) -> catalog.Catalog:
    """A catalog with one locked task: the first of its tests is visible."""
    return small.write_catalog(tmp_path)


def files_of(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


# New


@pytest.mark.parametrize("kind", Kind)
def test_new_task_is_read_without_complaint(root: Path, kind: Kind) -> None:
    made = new.write(catalog.load(root), replace(ASKED, kind=kind))
    loaded = catalog.load(root)
    found = loaded.task("new-one")
    assert (found.title, found.summary) == (ASKED.title, ASKED.summary)
    assert loaded.rubric("new-one").title == ASKED.title
    assert len(found.solutions) >= 2
    assert len(found.faulty) >= 2
    assert found.starter
    assert {path for path in made if not path.is_file()} == set()
    assert files_of(root / "tasks" / "new-one") == {
        str(path.relative_to(root / "tasks" / "new-one"))
        for path in made
        if "new-one" in path.relative_to(root).parts
    }


@pytest.mark.parametrize("kind", Kind)
def test_new_task_teaches_in_its_files(kind: Kind) -> None:
    made = new.draft(replace(ASKED, kind=kind))
    assert made["tasks/new-one/task.yaml"].count(b"#") >= 10
    tests = b"".join(data for path, data in made.items() if "/tests/" in path)
    for taught in (b"@given", b"visible", b'criterion("edges")', b"hidden", b"property"):
        assert taught.lower() in tests.lower()
    assert b"Example" in made["tasks/new-one/README.md"]


@pytest.mark.parametrize("kind", Kind)
def test_new_python_is_python_and_fits_its_lines(kind: Kind) -> None:
    for path, data in new.draft(replace(ASKED, kind=kind)).items():
        if path.endswith(".py"):
            compile(data, path, "exec")
        assert max(map(len, data.decode().splitlines())) <= 120, path
        assert data.endswith(b"\n")
        assert b"{{" not in data
        assert b"{%" not in data


@pytest.mark.parametrize("kind", Kind)
def test_each_yaml_file_names_a_schema_that_is_there_and_accepts_it(root: Path, kind: Kind) -> None:
    made = new.write(catalog.load(root), replace(ASKED, kind=kind))
    checked = set()
    for path in made:
        if path.suffix != ".yaml":
            continue
        first = path.read_text().splitlines()[0]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert named, path
        schema = json.loads((path.parent / named[1]).resolve(strict=True).read_text())
        jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))
        checked.add(PurePosixPath(named[1]).name)
    assert checked == {"task.json", "rubric.json", "expect.json"}


@pytest.mark.parametrize("taken", ["tasks/new-one/task.yaml", "rubrics/new-one.yaml"])
def test_taken_id_is_refused_and_nothing_is_written(root: Path, taken: str) -> None:
    (root / taken).parent.mkdir(parents=True, exist_ok=True)
    (root / taken).write_text("mine")
    before = files_of(root)
    with pytest.raises(FileInvalid, match="expected an id that is not taken yet, got 'new-one'"):
        new.write(catalog.load(root), ASKED)
    assert files_of(root) == before
    assert (root / taken).read_text() == "mine"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"id": "../x"}, "expected an id of lower-case letters, digits and single dashes"),
        ({"id": "New"}, "expected an id of lower-case letters"),
        ({"title": "one\ntwo"}, r"title: expected one line, got 'one\\ntwo'"),
        ({"summary": ""}, "summary: expected one line, got ''"),
        ({"title": "a\x1bb"}, r"tasks/new-one/task.yaml|rubrics/new-one.yaml"),
        ({"level": "hard"}, 'level: expected beginner or intermediate or advanced, got "hard"'),
        ({"minutes": 0}, 'task.yaml:8:1: minutes: expected at least 1, got "0"'),
    ],
    ids=["way-up", "upper-case", "two-lines", "no-summary", "escape", "level", "minutes"],
)
def test_what_could_not_stand_in_the_files_is_refused_before_any(
    root: Path, asked: dict[str, Any], problem: str
) -> None:
    with pytest.raises(FileInvalid, match=problem):
        new.write(catalog.load(root), replace(ASKED, **asked))
    assert [path for path in root.iterdir() if path.name == "schemas"] == []
    assert list((root / "tasks").iterdir()) == []
    assert list((root / "rubrics").iterdir()) == []


def test_task_that_cannot_be_written_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(FileInvalid, match="expected to write the task, got: No space left on device"):
        new.write(catalog.load(root), ASKED)
    assert list((root / "tasks").iterdir()) == []
    assert list((root / "rubrics").iterdir()) == []


def test_catalog_without_the_sandbox_is_refused(root: Path) -> None:
    (root / "sandboxes").unlink()
    (root / "sandboxes").mkdir()
    with pytest.raises(FileInvalid, match='sandbox: expected a sandbox in sandboxes/, got "python"'):
        new.write(catalog.load(root), ASKED)
    assert list((root / "tasks").iterdir()) == []


# Schemas


def test_schemas_are_written_whole_and_those_that_are_there_are_left_where_asked(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    first = schemas.write(folder)
    assert [path.stem for path in first] == ["badge", "expect", "issuer", "rubric", "sandbox", "task"]
    (folder / "task.json").write_text("old")
    (folder / "badge.json").unlink()
    assert [path.stem for path in schemas.write(folder, missing=True)] == ["badge"]
    assert (folder / "task.json").read_text() == "old"
    schemas.write(folder)
    assert json.loads((folder / "task.json").read_text()) == task.schema()
    assert sorted(os.listdir(folder)) == [path.name for path in first]


def test_unknown_kind_of_schema_is_refused() -> None:
    with pytest.raises(
        NotFound, match="expected one of badge, expect, issuer, rubric, sandbox, task, got 'x'"
    ):
        schemas.schema("x")


def test_schema_refuses_what_the_parser_refuses() -> None:
    made = new.draft(ASKED)
    value = yaml.safe_load(made["tasks/new-one/task.yaml"])
    validator = jsonschema.Draft202012Validator(schemas.schema("task"))
    assert validator.is_valid(value)
    assert not validator.is_valid(value | {"titel": "x"})
    assert not validator.is_valid(value | {"minutes": "ten"})
    assert not validator.is_valid(value | {"id": "Not An Id"})


# Grade


def ran(*failing: str, end: End | None = None) -> FakeSandbox:
    """A sandbox in which these tests fail."""

    def script(_order: Order) -> Iterable[Event | End | BaseException]:
        yield collected(*small.IDS)
        for name in small.IDS:
            yield finished(name, passed=name not in failing, message=f"assert 1 == 2 in {name}")
        yield end or Ended(wall_ms=1, processes=1)

    return FakeSandbox(script)


def graded(tasks: catalog.Catalog, sandbox: FakeSandbox) -> grade.Graded:
    frozen = catalog.thaw(catalog.freeze(tasks, "sum"))
    return grade.grade(frozen, {"solution.py": b""}, sandbox=sandbox, label="hand")


def test_work_that_passes_all_is_passed(tasks: catalog.Catalog) -> None:
    found = graded(tasks, ran())
    assert (found.assessment.verdict, found.assessment.total) == (Verdict.PASSED, 1)


def test_feedback_says_nothing_of_hidden_tests_unless_everything_is_asked_for(tasks: catalog.Catalog) -> None:
    found = graded(tasks, ran(ONE, TWO))
    told, whole = found.feedback(), found.everything()
    assert [test.name for test in told.tests] == [ONE]
    assert "test_two" not in json.dumps(told.dump())
    assert [test.name for test in whole.tests] == list(small.IDS)
    assert (whole.hidden, whole.visible, whole.total) == (told.hidden, told.visible, told.total)


@pytest.mark.parametrize(("losses", "runs"), [(1, 2), (2, 2)], ids=["once", "twice"])
def test_sandbox_that_goes_unexplained_is_tried_once_more(
    tasks: catalog.Catalog, losses: int, runs: int
) -> None:
    box, again = ran(), []

    def script(order: Order) -> Iterable[Event | End | BaseException]:
        yield finished(ONE)
        if order.epoch <= losses:
            yield End.LEARNER_LOST
        yield from (finished(name) for name in small.IDS)
        yield Ended(wall_ms=1, processes=1)

    box.script = script
    frozen = catalog.thaw(catalog.freeze(tasks, "sum"))
    found = grade.grade(frozen, {}, sandbox=box, label="h", on_again=lambda: again.append(1))
    assert len(box.orders) == runs
    assert len(again) == 1
    assert found.end is (End.COMPLETE if losses == 1 else End.LEARNER_LOST)
    assert [one.passed for one in found.results] == [True, losses == 1, losses == 1]


def shown(tasks: catalog.Catalog, *, everything: bool) -> str:
    out = io.StringIO()
    frozen = catalog.thaw(catalog.freeze(tasks, "sum"))
    with Run(Console(file=out, width=200), frozen, everything=everything) as run:
        for event in (
            collected(*small.IDS),
            finished(ONE),
            finished(ONE),
            finished("test_other.py::test_x"),
            finished(TWO, passed=False),
        ):
            run.heard(event)
    return out.getvalue()


def test_progress_is_a_plain_line_a_test_where_there_is_no_terminal(tasks: catalog.Catalog) -> None:
    assert shown(tasks, everything=False) == f"✓ {ONE} (1 of 3, 1 ms)\n· hidden test (2 of 3)\n"
    assert shown(tasks, everything=True) == (f"✓ {ONE} (1 of 3, 1 ms)\n✗ {TWO}, assertion (2 of 3, 1 ms)\n")


def test_progress_is_a_bar_on_a_terminal_and_a_line_for_visible_tests_alone(tasks: catalog.Catalog) -> None:
    out = io.StringIO()
    frozen = catalog.thaw(catalog.freeze(tasks, "sum"))
    with Run(Console(file=out, width=200, force_terminal=True, color_system=None), frozen) as run:
        for name in small.IDS:
            run.heard(finished(name))
    assert "hidden" not in out.getvalue()
    assert out.getvalue().count(f"✓ {ONE}") == 1
    assert "3/3" in out.getvalue()


# Preview


def previewed(tasks: catalog.Catalog, sandbox: FakeSandbox) -> preview.Preview:
    for name, text in (("starter", "# starter\n"), ("faulty/zero", "# zero\n")):
        folder = tasks.root / "tasks/sum" / name
        folder.mkdir(parents=True)
        (folder / "solution.py").write_text(text)
    return preview.preview(catalog.load(tasks.root), "sum", sandbox)


def by_work(**failing: tuple[str, ...]) -> FakeSandbox:
    """A sandbox in which work whose first line is `# name` fails these tests."""

    def script(order: Order) -> Iterable[Event | End | BaseException]:
        name = order.bundle["solution.py"].decode().split()[1]
        return ran(*failing.get(name, ())).script(order)

    return FakeSandbox(script)


def test_preview_shows_the_first_work_that_fails_and_a_reference(tasks: catalog.Catalog) -> None:
    found = previewed(tasks, by_work(zero=(ONE, TWO, THREE)))
    assert found.failed is not None
    assert (found.failed[0], found.passed[0]) == ("faulty/zero", "solutions/plain")
    assert found.failed[1].assessment.verdict is Verdict.FAILED
    assert found.passed[1].assessment.verdict is Verdict.PASSED
    assert found.starter == {"solution.py": b"# starter\n"}


def test_preview_without_failing_work_says_so(tasks: catalog.Catalog, tmp_path: Path) -> None:
    found = previewed(tasks, by_work())
    assert found.failed is None
    assert [path.name for path in preview.write(found, tmp_path / "out")] == ["index.html", "passed.html"]


def test_pages_tell_what_the_policy_tells_and_hide_what_would_move_them(
    tasks: catalog.Catalog, tmp_path: Path
) -> None:
    (tasks.root / "tasks/sum/README.md").write_text("# Add <script>up</script>\n")
    small.lock(tasks.root)
    found = previewed(tasks, by_work(starter=(ONE, TWO, THREE)))
    written = preview.write(found, tmp_path / "out")
    assert [path.name for path in written] == list(preview.PAGES)
    index, failed, passed = (path.read_text() for path in written)
    assert "&lt;script&gt;" in index
    assert "<script" not in index + failed + passed
    assert f"assert 1 == 2 in {ONE}" in failed
    assert "test_two" not in failed
    assert "Hidden tests: 0 of 2 passed." in failed
    assert "✓ Passed" in passed


# The command line


def said(root: Path, *arguments: str) -> Result:
    runner = CliRunner(env={name: "" for name in os.environ if name.startswith("ASSESSOR_")})
    return runner.invoke(main, ["--home", str(root / "home"), "--catalog", str(root), *arguments])


def test_missing_answers_are_usage_where_nobody_can_be_asked(root: Path) -> None:
    found = said(root, "tasks", "new", "x", "--title", "T", "--level", "beginner")
    assert found.exit_code == 2
    assert "expected --kind, what is handed in, got none, and standard input is no terminal" in found.output


def test_new_prints_the_files_that_it_made(root: Path) -> None:
    flags = ("--kind", "sql", "--title", "T", "--level", "advanced", "--json")
    found = said(root, "tasks", "new", "ask-sql", *flags)
    assert found.exit_code == 0
    made = json.loads(found.stdout)
    assert made["task"] == "ask-sql"
    assert str(root / "tasks/ask-sql/task.yaml") in made["files"]
    assert catalog.load(root).task("ask-sql").level == "advanced"
    assert said(root, "tasks", "new", "ask-sql", *flags).exit_code == 2


def test_new_asks_a_person_for_what_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assessor.cli.author._answers", lambda: True)
    answers = "asked-for\nfunction\nAsked\nadvanced\n\n45\n"
    runner = CliRunner()
    found = runner.invoke(main, ["--catalog", str(root), "tasks", "new"], input=answers)
    assert found.exit_code == 0, found.output
    made = catalog.load(root).task("asked-for")
    assert (made.title, made.summary, made.level, made.minutes) == ("Asked", "Asked", "advanced", 45)


def test_schema_prints_one_kind_or_writes_all(root: Path) -> None:
    assert json.loads(said(root, "schema", "rubric").stdout)["title"] == "rubric"
    written = said(root, "schema", "--write", str(root / "s"))
    assert written.stdout.splitlines() == [
        str(root / "s" / f"{kind}.json") for kind in sorted(schemas.SCHEMAS)
    ]
    assert said(root, "schema", "--markdown").stdout == (ROOT / "docs" / "reference.md").read_text()
    assert said(root, "schema").exit_code == 2
    assert said(root, "schema", "task", "--markdown").exit_code == 2
    assert said(root, "schema", "task", "--write", str(root / "s")).exit_code == 2
