"""What a task's digest covers, and what two versions are told to differ in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor import bundle, catalog, freezing, versions
from assessor.bundle import Bundle
from assessor.errors import FileInvalid
from assessor.versions import Diff, Effect, Kind
from tests import small

#: Every file that judging the small task reads, or that says what was asked.
COVERED = (
    "tasks/sum/task.yaml",
    "tasks/sum/README.md",
    "tasks/sum/starter/solution.py",
    "tasks/sum/tests/test_sum.py",
    "tasks/sum/tests/data/cases.bin",
    "tasks/sum/manifest.json",
    "rubrics/sum.yaml",
    "sandboxes/python/sandbox.yaml",
    "sandboxes/python/Dockerfile",
    "sandboxes/python/.dockerignore",
    "sandboxes/python/lib/extra.txt",
    "sandboxes/grader/sandbox.yaml",
    "sandboxes/grader/Dockerfile",
)
#: What no learner's result depends on.
APART = (
    "tasks/sum/solutions/plain/solution.py",
    "tasks/sum/faulty/zero/solution.py",
    "sandboxes/python/requirements.in",
    "sandboxes/other/Dockerfile",
    "rubrics/other.yaml",
    "tasks/other/task.yaml",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("catalog"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return make(tmp_path)


def make(folder: Path) -> Path:
    small.write_catalog(folder)
    for path in (*COVERED, *APART):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / path).exists():
            (folder / path).write_bytes(f"# {path}\n".encode())
    small.lock(folder)
    return folder


def gathered(folder: Path) -> Bundle:
    return catalog.gather(catalog.load(folder), "sum")


def stored(folder: Path) -> Bundle:
    """The same as it is read back: its files in the order of their names."""
    made = gathered(folder)
    return bundle.unpack(made.data, expected=made.digest)


def change(folder: Path, path: str, old: str, new: str) -> None:
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new, 1))


def changed(folder: Path, path: str, old: str, new: str) -> Diff:
    before = gathered(folder)
    change(folder, path, old, new)
    return versions.compare(before, gathered(folder))


@given(path=st.sampled_from(COVERED), data=st.data())
@settings(max_examples=60, deadline=None)
def test_another_byte_of_any_file_that_judging_reads_is_another_digest(
    root: Path, path: str, data: st.DataObject
) -> None:
    before, file = gathered(root), root / path
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1), label="position")
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != whole[at]), label="byte")
    file.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        after = gathered(root)
    except FileInvalid:
        return  # refused: nothing is judged by it
    finally:
        file.write_bytes(whole)
    assert after.digest != before.digest
    assert not versions.compare(before, after).same


@pytest.mark.parametrize("path", COVERED)
def test_file_that_is_gone_is_another_digest_or_refused(own: Path, path: str) -> None:
    before = gathered(own)
    (own / path).unlink()
    try:
        after = gathered(own)
    except FileInvalid:
        return
    assert after.digest != before.digest


@pytest.mark.parametrize("path", APART)
def test_file_that_no_result_depends_on_is_not_covered(own: Path, path: str) -> None:
    before = gathered(own)
    (own / path).write_bytes(b"id: other\n")
    assert gathered(own).digest == before.digest


def test_thawed_it_is_the_same_task(own: Path) -> None:
    snapshot = catalog.freeze(catalog.load(own), "sum")
    again = bundle.unpack(snapshot.data, expected=snapshot.digest)
    assert freezing.thaw(again).task.digest == catalog.load(own).task("sum").digest


def test_same_task_does_not_differ(own: Path) -> None:
    found = versions.compare(gathered(own), gathered(own))
    assert (found.same, found.can_change, found.redraws) == (True, False, False)


def test_brief_alone_changes_no_result(own: Path) -> None:
    found = changed(own, "tasks/sum/README.md", "Add up", "Add all up")
    (file,) = found.files
    assert (file.path, file.kind, file.effect) == ("README.md", Kind.CHANGED, Effect.NONE)
    assert file.lines[2:] == ("@@ -1 +1 @@", "-# Add up", "+# Add all up")
    assert not found.can_change


def test_brief_of_a_task_with_property_tests_draws_other_examples(own: Path) -> None:
    change(own, "tasks/sum/tests/test_sum.py", "import pytest", "import hypothesis\nimport pytest")
    small.lock(own)
    found = changed(own, "tasks/sum/README.md", "Add up", "Add all up")
    assert found.effects == {Effect.NONE}
    assert (found.redraws, found.can_change) == (True, True)


@pytest.mark.parametrize(
    ("path", "old", "new", "name", "effect"),
    [
        ("tasks/sum/task.yaml", "tries: 100", "tries: 3", "policy.tries", Effect.NONE),
        ("tasks/sum/task.yaml", "minutes: 5", "minutes: 6", "minutes", Effect.NONE),
        ("tasks/sum/task.yaml", "rubric: sum", "rubric: sum\nlimits: {wall_s: 7}", "limits.wall_s", "result"),
        (
            "tasks/sum/task.yaml",
            "modules: [solution]",
            "modules: [solution], inplace: true",
            "tests.inplace",
            Effect.RESULT,
        ),
        (
            "tasks/sum/task.yaml",
            "rubric: sum",
            "rubric: sum\nstrength: {at_least: 70}",
            "strength.at_least",
            Effect.NONE,
        ),
        (
            "rubrics/sum.yaml",
            "weight: 80",
            "weight: 80, description: D",
            "rubric.criteria.right.description",
            "none",
        ),
        ("rubrics/sum.yaml", "gate: 50", "gate: 60", "rubric.criteria.right.gate", Effect.RESULT),
        ("rubrics/sum.yaml", "pass: {from: 60}", "pass: {from: 70}", "rubric.pass_from", Effect.RESULT),
        (
            "rubrics/sum.yaml",
            "title: Clear,",
            "title: Clear, competency: {framework: own, code: c, name: C},",
            "rubric.criteria.clear.competency",
            Effect.AWARD,
        ),
    ],
)
def test_value_is_told_with_what_it_can_do(
    own: Path, path: str, old: str, new: str, name: str, effect: str
) -> None:
    found = changed(own, path, old, new)
    values = {one.name: one for one in found.values}
    assert values[name].effect == effect
    assert found.can_change is (effect == Effect.RESULT)
    assert [one.effect for one in found.files] == [values[name].effect]


def test_comment_in_task_yaml_changes_no_value(own: Path) -> None:
    found = changed(own, "tasks/sum/task.yaml", "minutes: 5", "minutes: 5  # or six")
    assert ([one.path for one in found.files], found.values) == (["task.yaml"], ())
    assert not found.can_change


def test_tests_and_their_lock_are_told_by_id(own: Path) -> None:
    before = gathered(own)
    path = own / "tasks/sum/manifest.json"
    locked = json.loads(path.read_text())
    gone, more = locked["tests"][1], locked["tests"][2]
    more["points"] = [2, 1]
    locked["tests"].remove(gone)
    path.write_text(json.dumps(locked))
    found = versions.compare(before, gathered(own))
    assert [(one.id, one.kind) for one in found.tests] == [
        (small.IDS[1], Kind.REMOVED),
        (small.IDS[2], Kind.CHANGED),
    ]
    last = found.tests[1]
    assert last.before is not None
    assert last.after is not None
    assert (last.before.points, last.after.points) == (1, 2)
    assert {one.path: one.effect for one in found.files} == {"manifest.json": Effect.RESULT}


def test_stale_lock_is_told(own: Path) -> None:
    found = changed(own, "tasks/sum/tests/test_sum.py", "== 3", "== 4")
    assert (found.before.lock, found.after.lock) == (True, False)


def test_binary_file_is_told_by_size(own: Path) -> None:
    before = gathered(own)
    (own / "tasks/sum/tests/data/cases.bin").write_bytes(b"\xff\x00" * 9)
    (file,) = versions.compare(before, gathered(own)).files
    assert (file.sizes[1], file.lines, file.effect) == (18, (), Effect.RESULT)


@pytest.mark.parametrize("path", ["python/Dockerfile", "grader/Dockerfile", "grader/sandbox.yaml"])
def test_recipe_of_either_side_can_change_results(own: Path, path: str) -> None:
    before = gathered(own)
    with (own / "sandboxes" / path).open("a") as file:
        file.write("# more\n")
    (found,) = versions.compare(before, gathered(own)).files
    assert (found.path, found.effect) == (f"sandboxes/{path}", Effect.RESULT)


def test_older_snapshot_that_tells_no_recipe_is_compared_without(own: Path) -> None:
    now = gathered(own)
    older = bundle.pack({path: data for path, data in now.files.items() if "recipe.json" not in path})
    assert older.digest != now.digest
    assert versions.compare(older, now).same


def test_words_name_what_changed_first(own: Path) -> None:
    before = gathered(own)
    change(own, "tasks/sum/task.yaml", "tries: 100", "tries: 3")
    change(own, "tasks/sum/tests/test_sum.py", "== 3", "== 4")
    assert versions.compare(before, gathered(own)).words == "policy.tries, tests/test_sum.py changed"


@pytest.mark.parametrize("path", ["rubrics/sum.yaml", "sandboxes/python/sandbox.yaml"])
def test_file_of_the_task_hides_no_rubric_and_no_sandbox_of_the_same_name(own: Path, path: str) -> None:
    (own / "tasks/sum" / path).parent.mkdir(parents=True)
    (own / "tasks/sum" / path).write_text("# kept for later\n")
    before = stored(own)
    assert versions.compare(before, gathered(own)).same
    (own / path).write_bytes((own / path).read_bytes() + b"# changed\n")
    assert [one.path for one in versions.compare(before, gathered(own)).files] == [path]
    assert [one.path for one in versions.compare(before, stored(own)).files] == [path]
