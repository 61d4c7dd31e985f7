"""Locks and proofs of tasks, with a sandbox that follows a script: what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import catalog
from assessor.authoring import expect, lock, prove
from assessor.errors import FileInvalid, ManifestStale, SandboxFault
from assessor.manifest import Manifest, ManifestTest
from assessor.sandbox.protocol import Collected, CollectedTest, End, Ended, Event, Order, Reason
from assessor.testing import FakeSandbox, finished

CEILING = (
    "ceiling: {wall_s: 60, call_s: 20, cpu_percent: 100, memory_mib: 256, pids: 64, output_kib: 4096, "
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
  - {id: right, title: Right, weight: 50, scored_by: tests}
  - {id: edges, title: Edges, weight: 30, scored_by: tests}
  - {id: clear, title: Clear, weight: 20, scored_by: review, marks: 4}
default: right
pass: {from: 60}
""",
    "tasks/t/task.yaml": """id: t
version: "1.0"
title: T
summary: S
level: beginner
minutes: 5
sandbox: python
submission: {required: [solution.py], allow: ["*.py"]}
tests: {modules: [solution]}
rubric: r
""",
    "tasks/t/README.md": "# Do it\n",
    "tasks/t/starter/solution.py": "# starter\n",
    "tasks/t/tests/test_t.py": "def test_f(): ...\n",
    "tasks/t/solutions/plain/solution.py": "# plain\n",
    "tasks/t/solutions/other/solution.py": "# other\n",
    "tasks/t/faulty/zero/solution.py": "# zero\n",
    "tasks/t/faulty/zero/expect.yaml": "summary: it gives 0\ncriteria: [edges]\n",
}
#: What the tests of the scripts are: two cases that share 3 points, and two tests of their own.
TESTS = (
    CollectedTest(
        id="test_t.py::test_f[1]", group="test_t.py::test_f", criterion=None, points=3, visible=False
    ),
    CollectedTest(
        id="test_t.py::test_f[2]", group="test_t.py::test_f", criterion=None, points=3, visible=False
    ),
    CollectedTest(
        id="test_t.py::test_g", group="test_t.py::test_g", criterion="edges", points=None, visible=True
    ),
    CollectedTest(
        id="test_t.py::test_h", group="test_t.py::test_h", criterion="edges", points=None, visible=False
    ),
)
F1, F2, G, H = (test.id for test in TESTS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        write(tmp_path, path, text)
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def scripted(
    fails: Callable[[str, int], Iterable[str]] = lambda work, hash_seed: (),
    *,
    tests: Callable[[Order], tuple[CollectedTest, ...]] = lambda order: TESTS,
    end: End | None = None,
    errors: tuple[str, ...] = (),
) -> FakeSandbox:
    """A sandbox in which the tests fail that `fails` names for a piece of work and a hash seed."""

    def script(order: Order) -> Iterator[Event | End | BaseException]:
        work = order.bundle["solution.py"].decode().split()[1]
        failing = set(fails(work, order.hash_seed))
        yield Collected(tests=tests(order), errors=errors)
        for test in tests(order):
            yield finished(test.id, passed=test.id not in failing, message="assert 1 == 2")
        yield end or Ended(wall_ms=1, processes=1)

    return FakeSandbox(script)


def known_bad(work: str, hash_seed: int) -> list[str]:
    """What fails where all is as it must be: the starter everywhere, the known-bad work at the edges."""
    return {"starter": [F1, F2, G, H], "zero": [G, H]}.get(work, [])


def locked(root: Path, sandbox: FakeSandbox) -> Manifest:
    tasks = catalog.load(root)
    made = lock.lock(tasks, "t", sandbox)
    lock.write(tasks.task("t"), made)
    return made


def proof(root: Path, sandbox: FakeSandbox) -> prove.Proof:
    locked(root, scripted(known_bad))
    return prove.prove(catalog.load(root), "t", sandbox)


# The lock


def test_references_that_pass_everything_make_the_lock(root: Path) -> None:
    made = locked(root, scripted())
    assert [(test.id, test.criterion, test.points) for test in made.tests] == [
        (F1, "right", Fraction(3, 2)),
        (F2, "right", Fraction(3, 2)),
        (G, "edges", Fraction(1)),
        (H, "edges", Fraction(1)),
    ]
    assert catalog.load(root).task("t").manifest == made


def test_each_reference_runs_under_two_hash_seeds(root: Path) -> None:
    sandbox = scripted()
    lock.lock(catalog.load(root), "t", sandbox, label="by-hand")
    assert [(order.bundle["solution.py"], order.hash_seed) for order in sandbox.orders] == [
        (b"# other\n", 0),
        (b"# other\n", 4242),
        (b"# plain\n", 0),
        (b"# plain\n", 4242),
    ]
    assert {order.attempt for order in sandbox.orders} == {"by-hand"}


def test_failing_reference_is_refused_with_the_test_and_the_reason(root: Path) -> None:
    with pytest.raises(FileInvalid) as caught:
        locked(root, scripted(lambda work, _: [F2, H] if work == "plain" else []))
    assert str(caught.value) == (
        "tasks/t/solutions/plain: expected a reference that passes every test, got test_t.py::test_f[2] "
        "failed (and 1 more): assertion: assert 1 == 2"
    )
    assert not (root / "tasks/t/manifest.json").exists()


def test_reference_that_fails_under_one_hash_seed_is_refused(root: Path) -> None:
    with pytest.raises(FileInvalid, match=r"tasks/t/solutions/other: .* got test_t.py::test_g failed"):
        locked(root, scripted(lambda work, seed: [G] if seed and work == "other" else []))


def test_id_that_moves_is_refused_with_its_parametrize(root: Path) -> None:
    def moving(order: Order) -> tuple[CollectedTest, ...]:
        case = f"test_t.py::test_f[{order.hash_seed}]"
        return (TESTS[0].model_copy(update={"id": case}), *TESTS[2:])

    with pytest.raises(FileInvalid) as caught:
        locked(root, scripted(tests=moving))
    assert str(caught.value) == (
        "tasks/t/tests/test_t.py::test_f: expected the same ids in every run, got ids that move: "
        "test_t.py::test_f[0], test_t.py::test_f[4242]; give its parametrize a list in a fixed order (not a "
        "set), and values or ids= without addresses"
    )


def test_order_that_moves_is_refused(root: Path) -> None:
    with pytest.raises(FileInvalid, match="expected the same order of tests in every run, got two orders"):
        locked(root, scripted(tests=lambda order: TESTS[::-1] if order.hash_seed else TESTS))


def test_file_that_cannot_be_collected_is_refused(root: Path) -> None:
    with pytest.raises(
        FileInvalid, match=r"^tasks/t/tests: expected tests that can be collected, got: NameError: x$"
    ):
        locked(root, scripted(errors=("NameError: x\n",)))


@pytest.mark.parametrize("end", [End.WALL, End.MEMORY, End.LEARNER_LOST])
def test_reference_that_hits_a_limit_of_the_run_is_refused(root: Path, end: End) -> None:
    with pytest.raises(FileInvalid, match=f"within the task's limits, got the end {end.value}$"):
        locked(root, scripted(end=end))


def test_test_that_never_finished_counts_as_failed(root: Path) -> None:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        yield Collected(tests=TESTS, errors=())
        for test in TESTS[:-1]:
            yield finished(test.id)
        yield Ended(wall_ms=1, processes=1)

    with pytest.raises(FileInvalid, match=r"got test_t\.py::test_h failed: it did not finish"):
        locked(root, FakeSandbox(script))


def test_broken_sandbox_is_not_the_authors_fault(root: Path) -> None:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        yield SandboxFault("engine went away")

    with pytest.raises(SandboxFault, match="engine went away"):
        locked(root, FakeSandbox(script))


def test_task_without_references_cannot_be_locked(root: Path) -> None:
    for name in ("plain", "other"):
        (root / f"tasks/t/solutions/{name}/solution.py").unlink()
    with pytest.raises(FileInvalid, match=r"^tasks/t/solutions: expected at least one reference, got none$"):
        locked(root, scripted())


def test_reference_that_a_learner_could_not_hand_in_is_refused(root: Path) -> None:
    write(root, "tasks/t/solutions/plain/helper.c", "int x;")
    with pytest.raises(
        FileInvalid, match=r"tasks/t/solutions/plain/helper\.c: expected a file that submission\.allow"
    ):
        locked(root, scripted())


def test_reference_without_a_required_file_is_refused(root: Path) -> None:
    (root / "tasks/t/solutions/plain/solution.py").rename(root / "tasks/t/solutions/plain/answer.py")
    with pytest.raises(FileInvalid, match=r"^tasks/t/solutions/plain: .* got no solution\.py$"):
        locked(root, scripted())


def test_manifest_that_cannot_be_written_leaves_the_old_one(root: Path) -> None:
    made = locked(root, scripted())
    tasks = catalog.load(root)
    (root / "tasks/t/manifest.json").unlink()
    (root / "tasks/t/manifest.json").mkdir()
    with pytest.raises(FileInvalid, match=r"^tasks/t/manifest\.json: expected to write it, got: "):
        lock.write(tasks.task("t"), made)
    assert [path.name for path in (root / "tasks/t").iterdir() if path.name.startswith(".")] == []


# The proof


def test_proof_holds_when_all_is_as_it_must_be(root: Path) -> None:
    found = proof(root, scripted(known_bad))
    assert found.problems == ()
    found.require()
    assert [(one.folder, one.criteria, one.failed) for one in found.tried] == [
        ("solutions/other", {"right": 1, "edges": 1}, ()),
        ("solutions/plain", {"right": 1, "edges": 1}, ()),
        ("starter", {"right": 0, "edges": 0}, (F1, F2, G, H)),
        ("faulty/zero", {"right": 1, "edges": 0}, (G, H)),
    ]


def test_reference_below_full_marks_is_a_problem(root: Path) -> None:
    found = proof(root, scripted(lambda work, seed: [G] if work == "plain" else known_bad(work, seed)))
    assert found.problems == (
        "tasks/t/solutions/plain: expected full marks, got failed: test_t.py::test_g; the first by "
        "assertion: assert 1 == 2",
    )


def test_starter_with_full_marks_is_a_problem(root: Path) -> None:
    found = proof(root, scripted(lambda work, seed: [] if work == "starter" else known_bad(work, seed)))
    assert found.problems == ("tasks/t/starter: expected less than full marks, got full marks",)


@pytest.mark.parametrize(
    ("failing", "lost"),
    [([], "none"), ([F1], "right"), ([F1, G], "right, edges")],
    ids=["passes", "other", "more"],
)
def test_known_bad_work_that_loses_other_points_is_a_problem(
    root: Path, failing: list[str], lost: str
) -> None:
    found = proof(root, scripted(lambda work, seed: failing if work == "zero" else known_bad(work, seed)))
    assert found.problems == (f"tasks/t/faulty/zero: expected points lost in edges alone, got: {lost}",)


def test_known_bad_work_must_fail_the_tests_that_are_named_and_no_others(root: Path) -> None:
    write(root, "tasks/t/faulty/zero/expect.yaml", f'summary: s\ncriteria: [edges]\ntests: ["{G}"]\n')
    found = proof(root, scripted(lambda work, seed: [H] if work == "zero" else known_bad(work, seed)))
    assert found.problems == (
        "tasks/t/faulty/zero: expected to fail, got passed: test_t.py::test_g",
        "tasks/t/faulty/zero: expected to pass, got failed: test_t.py::test_h",
    )
    with pytest.raises(FileInvalid) as caught:
        found.require()
    assert str(caught.value) == "\n".join(found.problems)


def test_known_bad_work_that_ends_the_run_fails_all_that_did_not_finish(root: Path) -> None:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        work = order.bundle["solution.py"].decode().split()[1]
        yield Collected(tests=TESTS, errors=())
        for test in TESTS:
            if work == "zero" and test.id == G:
                yield End.WALL
            yield finished(test.id, passed=work != "starter", reason=Reason.TIMEOUT)
        yield Ended(wall_ms=1, processes=1)

    assert proof(root, FakeSandbox(script)).tried[-1].failed == (G, H)


def test_expectation_is_not_handed_to_the_sandbox(root: Path) -> None:
    sandbox = scripted(known_bad)
    proof(root, sandbox)
    assert {path for order in sandbox.orders for path in order.bundle} == {"solution.py"}


def test_proof_needs_a_lock(root: Path) -> None:
    with pytest.raises(
        ManifestStale, match=r"tasks/t/manifest\.json: expected the lock of the tests, got nothing"
    ):
        prove.prove(catalog.load(root), "t", scripted(known_bad))


def test_proof_needs_known_bad_work(root: Path) -> None:
    for path in (root / "tasks/t/faulty/zero").iterdir():
        path.unlink()
    with pytest.raises(
        FileInvalid, match=r"^tasks/t/faulty: expected at least one folder of work, got none$"
    ):
        proof(root, scripted(known_bad))


def test_known_bad_work_needs_an_expectation_before_anything_runs(root: Path) -> None:
    locked(root, scripted(known_bad))
    (root / "tasks/t/faulty/zero/expect.yaml").unlink()
    sandbox = scripted(known_bad)
    with pytest.raises(
        FileInvalid,
        match=r"^tasks/t/faulty/zero/expect\.yaml: expected what this work must fail, got nothing$",
    ):
        prove.prove(catalog.load(root), "t", sandbox)
    assert sandbox.orders == []


FAILURES = "summary: s\ncriteria: [right, edges]\nfailures: "


def failing(root: Path, failures: str, *messages: str) -> tuple[str, ...]:
    """The problems of known-bad work whose tests fail, each with a message, against an expect.yaml."""
    locked(root, scripted(known_bad))
    write(root, "tasks/t/faulty/zero/expect.yaml", FAILURES + failures)

    def script(order: Order) -> Iterator[Event | End | BaseException]:
        bad = order.bundle["solution.py"] in (b"# zero\n", b"# starter\n")
        yield Collected(tests=TESTS, errors=())
        for test, message in zip(TESTS, messages, strict=True):
            yield finished(test.id, passed=not bad, message=message)
        yield Ended(wall_ms=1, processes=1)

    return prove.prove(catalog.load(root), "t", FakeSandbox(script)).problems


WRONG, CRASHED = "wrong answer: 1", "run-time error: 2\nand more"


@pytest.mark.parametrize(
    ("failures", "messages", "problem"),
    [
        ('{every: ["assertion: wrong*"]}', (WRONG, WRONG, WRONG, WRONG), None),
        (
            '{every: ["assertion: wrong*"]}',
            (WRONG, CRASHED, WRONG, WRONG),
            f"expected every failure to be assertion: wrong*, got {F2}: assertion: run-time error: 2",
        ),
        ('{every: ["*wrong*", "*: 2"]}', (WRONG, CRASHED, WRONG, WRONG), None),
        ('{first: ["*wrong*"]}', (WRONG, CRASHED, CRASHED, CRASHED), None),
        (
            '{first: ["*wrong*"]}',
            (CRASHED, WRONG, WRONG, WRONG),
            f"expected the first failure to be *wrong*, got {F1}: assertion: run-time error: 2",
        ),
        ('{some: ["*wrong*"]}', (CRASHED, CRASHED, CRASHED, WRONG), None),
        (
            '{some: ["*wrong*", "timeout*"]}',
            (CRASHED, CRASHED, CRASHED, CRASHED),
            "expected at least one failure to be *wrong* or timeout*, "
            f"got {F1}: assertion: run-time error: 2",
        ),
    ],
)
def test_known_bad_work_must_fail_in_the_way_that_its_author_says(
    root: Path, failures: str, messages: tuple[str, ...], problem: str | None
) -> None:
    found = failing(root, failures, *messages)
    assert found == (() if problem is None else (f"tasks/t/faulty/zero: {problem}",))


@pytest.mark.parametrize(
    ("at_most", "problem"),
    [
        (80, None),
        (79, "expected at most 79 % of the whole, as starter.at_most says, got 80 %"),
    ],
)
def test_starter_that_works_may_earn_what_reviewers_leave_to_tests(
    root: Path, at_most: int, problem: str | None
) -> None:
    write(root, "tasks/t/task.yaml", f"{FILES['tasks/t/task.yaml']}starter: {{at_most: {at_most}}}\n")
    found = proof(root, scripted(lambda work, _: [G, H] if work == "zero" else []))
    assert found.problems == (() if problem is None else (f"tasks/t/starter: {problem}",))


# expect.yaml


def expectation(root: Path, text: str) -> expect.Expectation:
    manifest = Manifest(
        tests_digest="sha256:" + "0" * 64,
        tests=tuple(
            ManifestTest(
                id=test.id,
                group=test.group,
                criterion=test.criterion or "right",
                points=Fraction(1),
                visible=test.visible,
            )
            for test in TESTS
        ),
    )
    return expect.load(
        text.encode(),
        "tasks/t/faulty/x/expect.yaml",
        rubric=catalog.load(root).rubric("r"),
        manifest=manifest,
    )


def test_star_stands_for_any_text_and_brackets_for_themselves(root: Path) -> None:
    found = expectation(root, f'summary: s\ncriteria: [right, edges]\ntests: ["test_t.py::test_f*", "{G}"]\n')
    assert found.tests == {F1, F2, G}
    assert expectation(root, f'summary: s\ncriteria: [right]\ntests: ["{F2}"]\n').tests == {F2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("summary: s\n", '1:1: expected the key "criteria", it is missing'),
        ("summary: s\ncriteria: []\n", "2:1: criteria: expected at least 1, got 0"),
        ("summary: s\ncriteria: [right]\ntests: []\n", "3:1: tests: expected at least 1, got 0"),
        ("summary: s\ncriteria: [right]\nonly: true\n", '3:1: unknown key "only"'),
        (
            "summary: s\ncriteria: [rigth]\n",
            "2:12: criteria.0: expected a criterion of rubric r that tests or static checks score, "
            'got "rigth"; did you mean "right"?',
        ),
        (
            "summary: s\ncriteria: [clear]\n",
            "2:12: criteria.0: expected a criterion of rubric r that tests or static checks score, "
            'got "clear"; known: edges, right',
        ),
        (
            'summary: s\ncriteria: [right]\ntests: ["test_t.py::test_F[1]"]\n',
            '3:9: tests.0: expected the id of a test that counts, got "test_t.py::test_F[1]"; '
            'did you mean "test_t.py::test_f[1]"?',
        ),
        (
            "summary: s\ncriteria: [right]\nfailures: {}\n",
            "3:1: failures: expected every, first or some, got none of them",
        ),
        (
            f'summary: s\ncriteria: [right]\ntests: ["{F1}", "{G}"]\n',
            "2:1: criteria: expected those that the named tests feed: edges, right, got right",
        ),
    ],
    ids=[
        "missing",
        "empty",
        "no-tests",
        "unknown",
        "typo",
        "review",
        "no-such-test",
        "no-way",
        "other-criteria",
    ],
)
def test_wrong_expectation_is_refused_with_its_place(root: Path, text: str, problem: str) -> None:
    with pytest.raises(FileInvalid) as caught:
        expectation(root, text)
    assert str(caught.value) == f"tasks/t/faulty/x/expect.yaml:{problem}"


@given(st.text())
def test_text_without_a_star_matches_itself_alone(text: str) -> None:
    plain = text.replace("*", "")
    assert expect.matcher(plain).fullmatch(plain)
    assert not expect.matcher(plain).fullmatch(plain + "x")
    assert expect.matcher(f"{plain}*").fullmatch(plain + text)


def test_schema_knows_its_keys() -> None:
    assert set(expect.schema()["properties"]) == {"summary", "criteria", "tests", "failures", "static"}
