"""Profiles, rubrics, tasks, locks and snapshots, from small catalogs in a temporary folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from assessor import bundle, catalog, manifest, profile, rubric, rules, task
from assessor.errors import FileInvalid, ManifestStale, NotFound
from assessor.waiting import Class

CEILING = (
    "ceiling: {wall_s: 60, call_s: 20, cpu_percent: 100, memory_mib: 128, pids: 64, output_kib: 4096, "
    "reply_kib: 65536, disk_mib: 64, files: 4096}\n"
)
FILES = {
    "sandboxes/python/sandbox.yaml": "name: python\nsummary: s\nlanguages: [python]\ngrader: grader\n"
    + CEILING,
    "sandboxes/grader/sandbox.yaml": f"name: grader\nsummary: s\nrole: grader\n{CEILING}",
    "rubrics/r.yaml": """id: r
version: "1.0"
title: R
criteria:
  - {id: right, title: Right, weight: 60, scored_by: tests, gate: 50}
  - {id: clear, title: Clear, weight: 40, scored_by: review, marks: 4}
default: right
levels:
  - {id: pass, title: Pass, from: 60}
  - {id: merit, title: Merit, from: 80}
pass: {from: 60}
""",
    "tasks/t/task.yaml": """id: t
version: 1.10
title: T
summary: S
level: beginner
minutes: 5
sandbox: python
limits: {wall_s: 20}
submission: {required: [solution.py], allow: ["*.py"]}
tests: {modules: [solution]}
rubric: r
""",
    "tasks/t/README.md": "# Do it\n",
    "tasks/t/starter/solution.py": "def f(): ...\n",
    "tasks/t/tests/test_t.py": "from solution import f\n\ndef test_f():\n    assert f() == 1\n",
    "tasks/t/solutions/plain/solution.py": "def f(): return 1\n",
    "tasks/t/faulty/two/solution.py": "def f(): return 2\n",
}


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        write(tmp_path, path, text)
    return tmp_path


def change(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def lock(root: Path) -> None:
    loaded = catalog.load(root)
    found = loaded.task("t")
    marked = manifest.Marked(id="test_t.py::test_f", group="test_t.py::test_f", criterion=None, points=None,
                             visible=False)  # fmt: skip
    made = manifest.make(
        [marked], rubric=loaded.rubric("r"), tests_digest=found.tests_digest, path="tasks/t/tests"
    )
    (root / "tasks/t/manifest.json").write_bytes(made.dump())


def refused(root: Path) -> str:
    with pytest.raises(FileInvalid) as caught:
        catalog.load(root).task("t")
    return str(caught.value)


def test_task_is_read_with_defaults_lowered_to_the_ceiling(root: Path) -> None:
    found = catalog.load(root).task("t")
    assert (found.version, found.limits.wall_s, found.limits.memory_bytes) == ("1.10", 20, 128 * 1024**2)
    assert (found.solutions, found.faulty) == (("plain",), ("two",))
    assert found.policy == task.Policy(
        tries=10,
        cooldown_s=0,
        visible=task.Feedback.FULL,
        hidden=task.Feedback.COUNTS,
        queue_class=Class.NORMAL,
    )
    assert set(found.starter) == {"solution.py"}
    assert set(found.test_files) == {"test_t.py"}


@pytest.mark.parametrize("queue_class", [Class.EXAM, Class.NORMAL, Class.PRACTICE])
def test_task_names_the_class_of_the_queue_that_it_waits_in(root: Path, queue_class: Class) -> None:
    change(root, "tasks/t/task.yaml", "rubric: r\n", f"rubric: r\npolicy: {{class: {queue_class}}}\n")
    assert catalog.load(root).task("t").policy.queue_class is queue_class


def test_class_of_regrades_is_no_author_s_to_ask_for(root: Path) -> None:
    change(root, "tasks/t/task.yaml", "rubric: r\n", "rubric: r\npolicy: {class: regrade}\n")
    assert refused(root) == (
        'tasks/t/task.yaml:12:10: policy.class: expected exam or normal or practice, got "regrade"'
    )


def test_digest_ignores_solutions_and_tool_leavings_but_nothing_else(root: Path) -> None:
    before = catalog.load(root).task("t").digest
    write(root, "tasks/t/solutions/other/solution.py", "x")
    write(root, "tasks/t/tests/__pycache__/test_t.pyc", "x")
    write(root, "tasks/t/.DS_Store", "x")
    assert catalog.load(root).task("t").digest == before
    write(root, "tasks/t/tests/data.csv", "x")
    assert catalog.load(root).task("t").digest != before


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            "tasks/t/task.yaml",
            "id: t",
            "id: u",
            'task.yaml:1:1: id: expected the folder\'s name "t", got "u"',
        ),
        (
            "tasks/t/task.yaml",
            "rubric: r",
            "rubric: rr",
            "task.yaml:11:1: rubric: expected a rubric in rubrics/",
        ),
        ("tasks/t/task.yaml", "sandbox: python", "sandbox: pithon", 'got "pithon"; did you mean "python"?'),
        ("tasks/t/task.yaml", "sandbox: python", "sandbox: grader", "expected a sandbox for learners"),
        (
            "tasks/t/task.yaml",
            "{wall_s: 20}",
            "{wall_s: 90, memory_mib: 129}",
            'limits.wall_s: expected at most 60, the ceiling of sandbox "python", got 90\n'
            "tasks/t/task.yaml:8:22: limits.memory_mib: expected at most 128, "
            'the ceiling of sandbox "python", got 129',
        ),
        (
            "tasks/t/task.yaml",
            "{wall_s: 20}",
            "{wall_s: 5, call_s: 6}",
            "limits.call_s: expected at most wall_s, 5",
        ),
        (
            "tasks/t/task.yaml",
            "[solution]",
            "[other]",
            "tests.modules.0: expected other.py or other/ in starter/",
        ),
        ("tasks/t/task.yaml", "[solution]", "[json]", 'expected a name of its own, got "json"'),
        (
            "tasks/t/task.yaml",
            '"*.py"',
            '"*.js"',
            "submission.required.0: expected a path that submission.allow",
        ),
        ("tasks/t/task.yaml", "[solution.py]", "[../x.py]", "expected a path in the submission"),
        (
            "tasks/t/task.yaml",
            "level: beginner",
            "level: easy",
            "expected beginner or intermediate or advanced",
        ),
        ("tasks/t/README.md", "# Do it\n", " \n", "tasks/t/README.md: expected text, got an empty file"),
        (
            "rubrics/r.yaml",
            "weight: 60",
            "weight: 61",
            "rubrics/r.yaml:4:1: criteria: expected weights that add up",
        ),
        (
            "rubrics/r.yaml",
            "default: right",
            "default: clear",
            "expected a criterion that is scored by tests",
        ),
        ("rubrics/r.yaml", "from: 80", "from: 60", "levels.1.from: expected more than 60, got 60"),
        ("rubrics/r.yaml", ", marks: 4", "", 'criteria.1: expected the key "marks"'),
        ("rubrics/r.yaml", "gate: 50", "marks: 5", "criteria.0.marks: expected none"),
        (
            "rubrics/r.yaml",
            "id: clear",
            "id: right",
            'criteria.1.id: expected each criterion once, got "right" again',
        ),
        ("rubrics/r.yaml", "id: r\n", "id: s\n", 'id: expected the file\'s name "r", got "s"'),
        ("rubrics/r.yaml", "pass: {from: 60}", "pass: {from: 0}", "pass.from: expected at least 1"),
        ("sandboxes/python/sandbox.yaml", "pids: 64, ", "", "ceiling: expected every limit, missing: pids"),
        ("sandboxes/python/sandbox.yaml", "grader: grader\n", "", 'expected the key "grader"'),
        (
            "sandboxes/python/sandbox.yaml",
            "grader: grader",
            "grader: gone",
            "grader: expected a sandbox in sandboxes/",
        ),
        (
            "sandboxes/python/sandbox.yaml",
            "grader: grader",
            "grader: python",
            'expected a sandbox with "role: grader"',
        ),
    ],
)
def test_mistake_is_refused_with_its_place(root: Path, path: str, old: str, new: str, expected: str) -> None:
    change(root, path, old, new)
    assert expected in refused(root)


def missing_readme(folder: Path) -> None:
    (folder / "README.md").unlink()


def missing_file(folder: Path) -> None:
    (folder / "task.yaml").unlink()


def empty_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def no_tests(folder: Path) -> None:
    shutil.rmtree(folder / "tests")


def only_helpers(folder: Path) -> None:
    (folder / "tests/test_t.py").rename(folder / "tests/t.py")


def leaked_tests(folder: Path) -> None:
    shutil.copy(folder / "tests/test_t.py", folder / "starter/try_it.py")


def link(folder: Path) -> None:
    (folder / "tests/data").symlink_to("/etc/passwd")


def damaged_lock(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"tests_digest": 1}')


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (missing_readme, "tasks/t/README.md: expected the brief for learners, got nothing"),
        (missing_file, "tasks/t/task.yaml: expected the task's own file, got nothing"),
        (empty_folder, "tasks/t: expected files, got an empty folder"),
        (no_tests, "tasks/t/tests: expected tests, got nothing"),
        (only_helpers, "tasks/t/tests: expected at least one test_*.py, got t.py"),
        (
            leaked_tests,
            "tasks/t/starter/try_it.py: expected nothing of the hidden tests, got the content of tests/",
        ),
        (link, "tasks/t/tests/data: expected a regular file, got a symbolic link"),
        (damaged_lock, "tasks/t/manifest.json: expected what `assessor tasks lock` writes, got tests_digest"),
    ],
)
def test_broken_folder_is_refused(root: Path, spoil: Callable[[Path], None], expected: str) -> None:
    spoil(root / "tasks/t")
    assert expected in refused(root)


def test_unreadable_file_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert "expected a readable file, got: Permission denied" in refused(root)


def test_visible_tests_may_be_in_the_starter(root: Path) -> None:
    text = "import pytest\n\npytestmark = pytest.mark.visible\n\ndef test_f():\n    assert 1\n"
    write(root, "tasks/t/tests/test_v.py", text)
    write(root, "tasks/t/starter/test_v.py", text)
    assert "test_v.py" in catalog.load(root).task("t").starter


def test_partly_visible_tests_may_not_be_in_the_starter(root: Path) -> None:
    text = "import pytest\n\n@pytest.mark.visible\ndef test_f(): pass\n\ndef test_g(): pass\n"
    write(root, "tasks/t/tests/test_v.py", text)
    write(root, "tasks/t/starter/test_v.py", text)
    assert "expected nothing of the hidden tests" in refused(root)


def test_unknown_names_say_the_nearest(root: Path) -> None:
    write(root, "tasks/median/task.yaml", "id: median")
    with pytest.raises(NotFound, match=r'expected a task in tasks/, got "medain"; did you mean "median"\?'):
        catalog.load(root).task("medain")


def test_path_as_a_name_is_not_found(root: Path) -> None:
    with pytest.raises(NotFound):
        catalog.load(root).task("../tasks/t")


def test_missing_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match="expected a readable folder of tasks, got: No such file"):
        catalog.load(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "path", "kept"),
    [
        ("*.py", "a.py", True),
        ("*.py", "pkg/sub/a.py", True),
        ("*.py", ".a.py", False),
        ("*.py", ".git/a.py", False),
        ("*.py", "a.pyc", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/b/a.py", False),
        ("src/**/*.py", "src/b/c/a.py", True),
        ("src/**/*.py", "src/a.py", True),
        ("src/**", "src/b/a.txt", True),
        ("main.?s", "main.js", True),
        (".env", ".env", True),
        ("a+b.py", "aab.py", False),
    ],
)
def test_pattern_keeps_what_it_says(pattern: str, path: str, kept: bool) -> None:
    found = rules.SubmissionRules(required=(), allow=(pattern,))
    assert bool(found.patterns(path)) is kept


def test_snapshot_thaws_to_the_same_task(root: Path) -> None:
    lock(root)
    loaded = catalog.load(root)
    frozen = catalog.freeze(loaded, "t")
    assert sorted(frozen.files) == [
        "rubrics/r.yaml", "sandboxes/grader/recipe.json", "sandboxes/python/recipe.json",
        "sandboxes/python/sandbox.yaml", "tasks/t/README.md", "tasks/t/manifest.json",
        "tasks/t/starter/solution.py", "tasks/t/task.yaml", "tasks/t/tests/test_t.py",
    ]  # fmt: skip
    thawed = catalog.thaw(bundle.unpack(frozen.data, expected=frozen.digest))
    there = loaded.task("t")
    assert (thawed.task.digest, thawed.task.tests_digest) == (there.digest, there.tests_digest)
    assert (thawed.task.limits, thawed.digest) == (there.limits, frozen.digest)
    assert (thawed.rubric, thawed.manifest) == (loaded.rubric("r"), there.manifest)
    assert loaded.problems() == ()


def test_missing_lock_cannot_be_frozen(root: Path) -> None:
    with pytest.raises(
        ManifestStale, match=r"tasks/t/manifest\.json: expected the lock of the tests, got nothing"
    ):
        catalog.freeze(catalog.load(root), "t")


def test_changed_tests_make_the_lock_stale(root: Path) -> None:
    lock(root)
    change(root, "tasks/t/tests/test_t.py", "== 1", "== 2")
    with pytest.raises(ManifestStale, match="expected the lock of tests sha256:"):
        catalog.freeze(catalog.load(root), "t")
    assert len(catalog.load(root).problems()) == 1


def test_renamed_criterion_makes_the_lock_stale(root: Path) -> None:
    lock(root)
    change(root, "rubrics/r.yaml", "right", "wright")
    with pytest.raises(ManifestStale, match=r'expected a criterion of rubric r, got "right"'):
        catalog.freeze(catalog.load(root), "t")


def test_snapshot_of_nothing_is_refused() -> None:
    with pytest.raises(FileInvalid, match="expected one task, got 0"):
        catalog.thaw(bundle.pack({"rubrics/r.yaml": b""}))


@pytest.mark.parametrize("kind", ["task", "rubric", "sandbox", "badge"])
def test_schema_of_each_kind_is_json(kind: str) -> None:
    assert json.loads(json.dumps(catalog.schema(kind)))["type"] == "object"


def test_schema_of_another_kind_is_not_found() -> None:
    with pytest.raises(NotFound, match="expected one of task, rubric, sandbox, badge, issuer, got 'bagde'"):
        catalog.schema("bagde")


# The lock

DIGEST = "sha256:" + "0" * 64


def marked(test_id: str, criterion: str | None = None, points: int | None = None) -> manifest.Marked:
    group = test_id.split("[")[0]
    return manifest.Marked(id=test_id, group=group, criterion=criterion, points=points, visible=False)


def judged(text: str = FILES["rubrics/r.yaml"]) -> rubric.Rubric:
    return rubric.load(text.encode(), rubric_id="r")


def test_points_of_a_mark_are_shared_among_its_cases() -> None:
    tests = [marked("a[1]", points=2), marked("a[2]", points=2), marked("a[3]", points=2), marked("b")]
    made = manifest.make(tests, rubric=judged(), tests_digest=DIGEST, path="tasks/t/tests")
    assert [test.points for test in made.tests] == [Fraction(2, 3)] * 3 + [Fraction(1)]
    assert {test.criterion for test in made.tests} == {"right"}


def test_lock_round_trips() -> None:
    made = manifest.make([marked("a[é]")], rubric=judged(), tests_digest=DIGEST, path="p")
    assert manifest.load(made.dump(), "m") == made
    assert manifest.load(made.dump(), "m").digest == made.digest


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([], "expected at least one test that every reference passes"),
        ([marked("a"), marked("a")], "expected each test id once, got a again"),
        ([marked("a[1]", points=1), marked("a[2]", points=2)], "p/a: expected the same criterion and points"),
        ([marked("a", points=0)], "p/a: expected points of at least 1, got 0"),
        ([marked("a", "rihgt")], 'expected a criterion of rubric r, got "rihgt"; did you mean "right"?'),
        ([marked("a", "clear")], 'expected a criterion that is scored by tests, got "clear"'),
    ],
)
def test_tests_that_make_no_lock(tests: list[manifest.Marked], expected: str) -> None:
    with pytest.raises(FileInvalid) as caught:
        manifest.make(tests, rubric=judged(), tests_digest=DIGEST, path="p")
    assert expected in str(caught.value)


def test_criterion_that_no_test_feeds_is_refused() -> None:
    text = FILES["rubrics/r.yaml"].replace("scored_by: review, marks: 4", "scored_by: tests")
    with pytest.raises(FileInvalid, match="got none for: clear"):
        manifest.make([marked("a")], rubric=judged(text), tests_digest=DIGEST, path="p")


def test_unmarked_test_without_a_default_is_refused() -> None:
    text = FILES["rubrics/r.yaml"].replace("default: right\n", "")
    with pytest.raises(FileInvalid, match="since rubric r has no default"):
        manifest.make([marked("a")], rubric=judged(text), tests_digest=DIGEST, path="p")


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff", b"[" * 100_000, b'{"tests_digest": "x", "tests_digest": "y", "tests": []}',
     b'{"tests_digest": "sha256:%s", "tests": []}' % (b"0" * 64)],
)  # fmt: skip
def test_damaged_lock_is_refused(data: bytes) -> None:
    with pytest.raises(FileInvalid, match="expected what `assessor tasks lock` writes"):
        manifest.load(data, "m")


def test_profile_needs_languages_for_learners() -> None:
    text = FILES["sandboxes/python/sandbox.yaml"].replace("languages: [python]\n", "")
    with pytest.raises(FileInvalid, match="languages"):
        profile.load(text.encode(), name="python")
