"""The check of a task, with a sandbox that follows a script: what each gate finds, what goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from assessor import catalog
from assessor.authoring import attacks, check, junit, leaks, lock
from assessor.authoring.check import Asked, Checked
from assessor.authoring.finding import Gate, Gated, State
from assessor.cli import main
from assessor.errors import EngineMissing, ImageFault, SandboxFault
from assessor.sandbox.protocol import Collected, CollectedTest, End, Ended, Event, Identity, Order
from assessor.testing import FakeSandbox, finished
from tests.unit.test_authoring import FILES, write

TESTS = tuple(
    CollectedTest(
        id=f"test_t.py::{name}", group=f"test_t.py::{name}", criterion=criterion, points=None, visible=seen
    )
    for name, criterion, seen in (
        ("test_f", None, False),
        ("test_g", "edges", True),
        ("test_h", "edges", False),
    )
)
F, G, H = (test.id for test in TESTS)
#: Which tests fail, by a word that the work's solution.py holds.
FAILS = {"# starter": (F, G, H), "# zero": (G, H)}
SOURCE = """import solution

import pytest


def test_f():
    assert solution.f(1234) == 5678


@pytest.mark.visible
def test_g():
    assert solution.f(2) == 2


def test_h():
    assert solution.f("needle") == "n"
"""
REFERENCE = "def f(x):\n    return x < 2\n"


@dataclass
class World:
    """A catalog and how its sandbox answers."""

    root: Path
    fails: Callable[[Order, str], tuple[str, ...]] = lambda order, source: ()
    says: Callable[[Order, str], str] = lambda order, test: "assert 1 == 2"
    wall_ms: int = 1
    call_ms: int = 1
    orders: list[Order] = field(default_factory=list)

    def script(self, order: Order) -> Iterator[Event | End | BaseException]:
        self.orders.append(order)
        source = order.bundle["solution.py"].decode()
        failing = {name for word, names in FAILS.items() if word in source for name in names}
        if any(one in source for one in ("__getattr__", "os._exit")):
            failing = {F, G, H}
        if source.startswith("def f") and source != REFERENCE:
            failing = {F}  # a mutant
        failing |= set(self.fails(order, source))
        failing -= {name.removeprefix("!") for name in self.fails(order, source) if name.startswith("!")}
        yield Collected(tests=TESTS, errors=())
        for test in TESTS:
            yield finished(test.id, passed=test.id not in failing, message=self.says(order, test.id))
        yield Ended(wall_ms=self.wall_ms, processes=1, longest_call_ms=self.call_ms)

    def check(self, **asked: object) -> Checked:
        asked.setdefault("runs", 2)
        tasks = catalog.load(self.root)
        return check.check(tasks, "t", FakeSandbox(self.script), asked=Asked(**asked))  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> World:
    files = {
        **FILES,
        "tasks/t/README.md": "# Do it\n\nWrite `f` in solution.py.\n",
        "tasks/t/tests/test_t.py": SOURCE,
        "tasks/t/solutions/plain/solution.py": REFERENCE,
        "tasks/t/solutions/other/solution.py": REFERENCE,
    }
    for path, text in files.items():
        write(tmp_path, path, text)
    made = World(root=tmp_path)
    relock(made)
    return made


def relock(world: World) -> None:
    tasks = catalog.load(world.root)
    lock.write(tasks.task("t"), lock.lock(tasks, "t", FakeSandbox(world.script)))
    world.orders.clear()


def gate(checked: Checked, which: Gate) -> Gated:
    (found,) = [one for one in checked.gates if one.gate is which]
    return found


def told(checked: Checked, which: Gate) -> list[str]:
    return [f"{one.place}: {one.problem}" for one in gate(checked, which).found.findings]


def test_sound_task_passes_every_gate_in_order(world: World) -> None:
    checked = world.check()
    assert [(one.gate, one.state) for one in checked.gates] == [(one, State.PASSED) for one in Gate]
    assert checked.state is State.PASSED


def test_file_that_cannot_be_read_is_told_with_line_and_skips_what_cannot_be_run(world: World) -> None:
    write(world.root, "tasks/t/task.yaml", FILES["tasks/t/task.yaml"].replace("minutes: 5", "minutes: many"))
    checked = world.check()
    assert told(checked, Gate.STATIC) == ['tasks/t/task.yaml:6:1: minutes: expected a number, got "many"']
    assert {one.state for one in checked.gates[1:]} == {State.SKIPPED}
    assert world.orders == []


def test_every_line_of_a_wrong_file_is_a_finding_of_its_own(world: World) -> None:
    text = FILES["tasks/t/task.yaml"].replace("minutes: 5", "minutes: many").replace("title: T", "titel: T")
    write(world.root, "tasks/t/task.yaml", text)
    places = [one.split(" ")[0] for one in told(world.check(), Gate.STATIC)]
    assert places == ["tasks/t/task.yaml:1:1:", "tasks/t/task.yaml:3:1:", "tasks/t/task.yaml:6:1:"]


def test_stale_lock_is_told_and_the_brief_is_still_read(world: World) -> None:
    write(world.root, "tasks/t/tests/test_t.py", SOURCE + "\n\ndef test_i(): ...\n")
    write(world.root, "tasks/t/README.md", "solution.py and f\n")
    checked = world.check()
    assert gate(checked, Gate.STATIC).found.findings[0].mend == "lock the task again: assessor tasks lock"
    assert gate(checked, Gate.PROOF).state is State.SKIPPED
    assert told(checked, Gate.BRIEF) == [
        "tasks/t/README.md:1: expected one heading of level 1, the title, got 0"
    ]


def test_test_file_that_cannot_be_collected_explains_why_there_is_no_lock(world: World) -> None:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        yield Collected(tests=(), errors=("test_t.py: test_t.py:3: in <module>\nE   NameError: x",))
        yield Ended(wall_ms=1, processes=1)

    write(world.root, "tasks/t/tests/test_t.py", SOURCE + "\n\ndef test_i(): ...\n")
    checked = check.check(catalog.load(world.root), "t", FakeSandbox(script))
    assert told(checked, Gate.STATIC) == [
        "tasks/t/tests/test_t.py:3: expected a file that can be collected, got: NameError: x"
    ]
    assert {one.state for one in checked.gates[1:-1]} == {State.SKIPPED}


def test_name_that_no_learner_is_told_of_is_found(world: World) -> None:
    write(world.root, "tasks/t/README.md", "# Do it\n\nWrite solution.py.\n")
    assert told(world.check(only=[]), Gate.STATIC) == [
        'tasks/t/tests/test_t.py:7: expected names that the brief or the starter says, got "f"'
    ]


def test_hidden_test_under_another_name_in_the_starter_is_found(world: World) -> None:
    hidden = 'X = 1\n\n\ndef test_h():\n    assert solution.f("needle") == "n"\n'
    write(world.root, "tasks/t/starter/solution.py", f"# starter\n{hidden}")
    assert told(world.check(only=[]), Gate.STATIC) == [
        "tasks/t/starter/solution.py:5: expected nothing of the hidden tests, got test_h of tests/test_t.py"
    ]


def test_test_file_that_is_no_python_is_told_with_its_line(world: World) -> None:
    write(world.root, "tasks/t/tests/helper.py", "x = (\n")
    relock(world)
    assert told(world.check(only=[]), Gate.STATIC) == [
        "tasks/t/tests/helper.py:1:5: expected Python, got: '(' was never closed"
    ]


@pytest.mark.parametrize("terms", [600, 20_000])
def test_test_file_that_is_nested_too_deeply_is_told_and_stops_nothing_else(world: World, terms: int) -> None:
    long = "+".join(["'abcd'"] * terms)
    deep = f"import pytest\n\n\n@pytest.mark.visible\ndef test_d():\n    assert {long}\n"
    (world.root / "tasks/t/tests/test_deep.py").write_text(deep)
    (world.root / "tasks/t/starter/deep.py").write_text(f"x = {long}\n")
    relock(world)
    checked = world.check()
    said = [str(one) for gated in checked.gates for one in gated.found.findings]
    assert any("nested too deeply" in one for one in said)
    assert State.BROKEN not in {gated.state for gated in checked.gates}


def test_static_check_that_another_file_escapes_is_told_and_fails_nothing(world: World) -> None:
    def found(files: str, kind: str = "forbid", most: int = 50) -> list[str]:
        check = f"{{id: c, kind: {kind}, constructs: [loop], files: [{files}]}}"
        text = FILES["rubrics/r.yaml"].replace(
            "clear, title: Clear, weight: 20, scored_by: review, marks: 4",
            f"clear, title: Clear, weight: 20, scored_by: static, checks: [{check}]",
        )
        write(world.root, "rubrics/r.yaml", text)
        write(
            world.root,
            "tasks/t/task.yaml",
            FILES["tasks/t/task.yaml"].replace('"*.py"]', f'"*.py"], max_files: {most}'),
        )
        gated = gate(world.check(only=[]), Gate.STATIC)
        assert gated.state is State.PASSED
        return [one.problem for one in gated.found.findings]

    assert found("solution.py") == [
        "expected the static check clear/c to look at all Python that may be handed in, got solution.py "
        "alone, beside such as another_file.py"
    ]
    assert found('"*.py"') == []
    assert found("solution.py", kind="require") == []
    assert found("solution.py", most=1) == []


def test_failing_reference_fails_the_proof_and_leaves_strength_for_later(world: World) -> None:
    world.fails = lambda order, source: (H,) if source == REFERENCE else ()
    checked = world.check()
    assert told(checked, Gate.PROOF)[0] == (
        f"tasks/t/solutions/other: expected full marks, got failed: {H}; the first by "
        "assertion: assert 1 == 2"
    )
    assert gate(checked, Gate.STRENGTH).state is State.SKIPPED
    assert gate(checked, Gate.FLAKY).state is State.PASSED


def test_starter_that_earns_more_than_its_author_says_is_found(world: World) -> None:
    write(world.root, "tasks/t/task.yaml", FILES["tasks/t/task.yaml"] + "starter: {at_most: 29}\n")
    world.fails = lambda order, source: (f"!{F}",) if "starter" in source else ()
    assert told(world.check(only=[Gate.PROOF]), Gate.PROOF) == [
        "tasks/t/starter: expected at most 29 % of the whole, as starter.at_most says, got 50 %"
    ]


def test_image_that_does_not_build_is_told_once_with_its_line(world: World) -> None:
    class Unbuilt(FakeSandbox):
        def identity(self, profile: str, *, service: bool = False) -> Identity:
            raise ImageFault(
                "image assessor/grader:12ab: expected the image to build, got: Step 1/2 : FROM x\n"
                "Step 2/2 : RUN apt-get install nothing-such\nE: Unable to locate"
            )

    write(world.root, "sandboxes/grader/Dockerfile", "FROM x\n\nRUN apt-get install \\\n  nothing-such\n")
    checked = check.check(catalog.load(world.root), "t", Unbuilt(world.script))
    assert told(checked, Gate.STATIC) == [
        "sandboxes/grader/Dockerfile:3: image assessor/grader:12ab: expected the image to build, got: E: "
        "Unable to locate"
    ]
    assert {one.state for one in checked.gates[1:-1]} == {State.SKIPPED}


def test_attack_that_earns_a_hidden_test_is_found(world: World) -> None:
    world.fails = lambda order, source: (f"!{H}",) if "return True" in source else ()
    assert told(world.check(only=[Gate.ATTACKS]), Gate.ATTACKS) == [
        f"tasks/t/tests/{H}: expected the attack always-equal to earn nothing, got this test passed"
    ]


def test_attack_may_earn_what_the_starter_earns(world: World) -> None:
    world.fails = lambda order, source: (f"!{H}",) if "return True" in source or "starter" in source else ()
    assert told(world.check(only=[Gate.ATTACKS]), Gate.ATTACKS) == []


def test_attack_that_reads_a_test_is_found(world: World) -> None:
    world.says = lambda order, test: f"ValueError: {attacks.READ}test_t.py" if test == H else "assert 1 == 2"
    assert told(world.check(only=[Gate.ATTACKS]), Gate.ATTACKS)[0] == (
        "tasks/t/tests/test_t.py: expected tests that no submission can read, the attack always-equal read "
        "this one"
    )


def test_attacks_hold_python_and_every_required_file(world: World) -> None:
    made = attacks.attacks(catalog.load(world.root).task("t"), (F, G, H))
    assert sorted(made) == ["always-equal", "forges", "leaves", "patches", "reads", "returns-none"]
    for name, files in made.items():
        assert set(files) == {"solution.py"}
        compile(files["solution.py"], name, "exec")
    assert b"f = __getattr__('f')" in made["always-equal"]["solution.py"]


def test_outcome_that_depends_on_the_hash_seed_is_found(world: World) -> None:
    world.fails = lambda order, source: (H,) if source == REFERENCE and order.hash_seed else ()
    found = told(world.check(only=[Gate.FLAKY]), Gate.FLAKY)
    assert found == [
        f"tasks/t/tests/{H}: expected the same outcome in every run of solutions/{name}, got failed in "
        "1 of 2, first with hash seed 7919, order 1, hypothesis seed + 1, busy processors: assert 1 == 2"
        for name in ("other", "plain")
    ]


def test_everything_runs_again_with_another_seed_order_and_hash(world: World) -> None:
    world.check(only=[Gate.FLAKY], runs=3)
    seen = [
        (one.hash_seed, one.shuffle, one.seed)
        for one in world.orders
        if one.bundle["solution.py"] == REFERENCE.encode()
    ]
    assert len(set(seen)) == 3
    others = {(one.seed, one.shuffle) for one in world.orders if b"# zero" in one.bundle["solution.py"]}
    assert others == {(seen[0][2], None)}


def test_mutant_that_nobody_notices_is_shown_with_its_diff(world: World) -> None:
    world.fails = lambda order, source: (f"!{F}",) if source.startswith("def f") else ()
    checked = world.check(only=[Gate.STRENGTH])
    found = gate(checked, Gate.STRENGTH).found.findings
    assert told(checked, Gate.STRENGTH)[0] == (
        "tasks/t/tests: expected tests that notice at least 80 % of 6 mutants, got 0, 0 %"
    )
    assert str(found[1]).startswith(
        "tasks/t/solutions/other/solution.py:2: nobody noticed that `return x < 2` became `return None`; add"
    )
    assert found[1].detail.splitlines()[-2:] == ["-    return x < 2", "+    return None"]
    assert [one.serious for one in found] == [True] + [False] * 6


def test_mutants_are_judged_up_to_the_first_failure(world: World) -> None:
    checked = world.check(only=[Gate.STRENGTH], mutants=2)
    assert gate(checked, Gate.STRENGTH).found.told == "4 of 4 mutants noticed, 100 %"


def test_waived_mutants_do_not_count_and_stale_waivers_are_refused(world: World) -> None:
    world.fails = lambda order, source: (f"!{F}",) if "<=" in source else ()
    text = FILES["tasks/t/task.yaml"] + (
        "strength:\n  at_least: 100\n  waived:\n"
        "    - {file: solutions/plain/solution.py, line: 2, mutation: '`<` became `<=`', reason: same}\n"
        "    - {file: solutions/other/solution.py, line: LINE, mutation: '`<` became `<=`', reason: same}\n"
    )
    write(world.root, "tasks/t/task.yaml", text.replace("LINE", "2"))
    assert gate(world.check(only=[Gate.STRENGTH]), Gate.STRENGTH).found.told == (
        "4 of 4 mutants noticed, 100 %, 2 waived"
    )
    write(world.root, "tasks/t/task.yaml", text.replace("LINE", "1"))
    assert told(world.check(only=[Gate.STRENGTH]), Gate.STRENGTH) == [
        'tasks/t/task.yaml:15:7: strength.waived.1: expected a mutant of a reference, got "`<` became `<=`"; '
        "there is none in solutions/other/solution.py:1"
    ]


def test_reference_that_needs_more_than_a_third_of_a_limit_is_found(world: World) -> None:
    world.wall_ms, world.call_ms = 10_001, 1334
    assert told(world.check(only=[Gate.HEADROOM]), Gate.HEADROOM) == [
        problem
        for name in ("other", "plain")
        for problem in (
            f"tasks/t/task.yaml: limits: expected at least 3 times the time of solutions/{name}, 10001 ms, "
            "as wall_s, got 30",
            f"tasks/t/task.yaml: limits: expected at least 3 times the longest call of solutions/{name}, "
            "1334 ms, as call_s, got 4",
        )
    ]


@pytest.mark.parametrize(
    ("message", "place"),
    [("got 5678, not 12", "tasks/t/tests/test_t.py:7"), ("got needle", "tasks/t/tests/test_t.py:16")],
)
def test_value_of_a_hidden_test_in_a_visible_message_is_a_leak(
    world: World, message: str, place: str
) -> None:
    world.says = lambda order, test: message if test == G else "nothing"
    (found,) = told(world.check(only=[Gate.LEAKS]), Gate.LEAKS)
    assert found.startswith(f"{place}: expected nothing of hidden tests in what learners are told, got")


def test_message_of_a_hidden_test_or_a_longer_number_is_no_leak(world: World) -> None:
    world.says = lambda order, test: "needle 5678" if test == H else "15678 and 5678.5"
    assert told(world.check(only=[Gate.LEAKS]), Gate.LEAKS) == []


def test_values_are_what_tests_hold_and_not_what_they_call_it() -> None:
    source = (
        b"import pytest\n\n\n"
        b'@pytest.mark.parametrize("argument", ["needle\\n", 5678], ids=["a needle", "a number"])\n'
        b"def test_one(argument):\n"
        b'    """Looks for hay."""\n'
        b'    assert argument != "haystack"\n'
    )
    hidden, visible = leaks.literals({"test_t.py": source})
    found = {one.value: one for one in hidden}
    assert {value: one.line for value, one in found.items()} == {"needle\n": 4, "5678": 4, "haystack": 7}
    assert visible == ""
    assert found["needle\n"].is_in("a needle, then")
    assert not found["5678"].is_in("56789")


def test_fault_of_ours_breaks_its_gate_and_the_rest_goes_on(world: World) -> None:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        if order.hash_seed:
            yield SandboxFault("the engine was away")
        yield from world.script(order)

    checked = check.check(catalog.load(world.root), "t", FakeSandbox(script), asked=Asked(runs=2))
    assert [one.gate for one in checked.gates if one.state is State.BROKEN] == [Gate.FLAKY]
    assert checked.state is State.BROKEN
    assert gate(checked, Gate.BRIEF).state is State.PASSED


def test_engine_that_is_missing_stops_everything(world: World) -> None:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        yield EngineMissing("none")

    with pytest.raises(EngineMissing):
        check.check(catalog.load(world.root), "t", FakeSandbox(script))


def test_junit_has_a_case_for_each_gate(world: World) -> None:
    world.says = lambda order, test: "needle \x1b[0m" if test == G else "nothing"
    write(world.root, "tasks/t/README.md", "solution.py and f\n")
    root = ET.fromstring(junit.dump([world.check()]))
    (suite,) = root
    assert dict(suite.attrib, time="") == {
        "name": "t",
        "tests": "8",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
        "time": "",
    }
    assert [case.get("name") for case in suite] == [one.value for one in Gate]
    failed = {
        case.get("name"): case[0].get("message") for case in suite if len(case) and case[0].tag == "failure"
    }
    assert sorted(failed) == ["brief", "leaks"]
    assert failed["brief"].startswith("tasks/t/README.md:1: expected one heading")  # type: ignore[union-attr]


def test_command_names_every_broken_task_and_goes_on(world: World, tmp_path: Path) -> None:
    for path in list(FILES):
        if path.startswith("tasks/t/"):
            text = (
                (world.root / path)
                .read_text()
                .replace("id: t\n", "id: u\n")
                .replace("level: beginner", "level: 3")
            )
            write(world.root, path.replace("tasks/t/", "tasks/u/"), text)
    xml = tmp_path / "found.xml"
    asked = ["tasks", "check", "--all", "--only", "static", "--only", "brief", "--json", "--junit", str(xml)]
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "--catalog", str(world.root), *asked])
    assert done.exit_code == 2, done.output
    values = json.loads(done.stdout)
    assert [(one["task"], one["state"]) for one in values] == [("t", "passed"), ("u", "failed")]
    assert values[1]["gates"][0]["findings"][0]["line"] == 5
    assert "tasks/u/task.yaml:5:1: level: expected beginner or intermediate" in done.stderr
    assert [suite.get("failures") for suite in ET.parse(xml).getroot()] == ["0", "1"]


def test_task_is_understood_as_tasks(world: World, tmp_path: Path) -> None:
    root = ["--home", str(tmp_path / "home"), "--catalog", str(world.root)]
    done = CliRunner().invoke(main, [*root, "task", "check", "t", "--only", "static"])
    assert (done.exit_code, done.stdout) == (0, "1 tasks checked, 0 to mend\n")


def test_what_is_wrong_with_the_order_itself_is_told_before_anything_runs(
    world: World, tmp_path: Path
) -> None:
    def told(*asked: str) -> tuple[int, str, str]:
        root = ["--home", str(tmp_path / "home"), "--catalog", str(world.root), "tasks", "check"]
        done = CliRunner().invoke(main, [*root, *asked, "--only", "static"])
        return done.exit_code, done.stdout, done.stderr

    code, out, talk = told("t", "tt")
    assert (code, out) == (2, "")
    assert 'expected a task in tasks/, got "tt"; did you mean "t"?' in talk
    (tmp_path / "file").write_text("")
    code, out, talk = told("t", "--junit", str(tmp_path / "file/found.xml"))
    assert (code, out) == (2, "")
    assert "expected --junit to name a file that can be written, got" in talk
    assert told("t", "--junit", str(tmp_path / "new/folder/found.xml"))[0] == 0
    assert ET.parse(tmp_path / "new/folder/found.xml").getroot().tag == "testsuites"


def test_busy_processes_end_with_the_one_that_started_them() -> None:
    code = (
        "import os, signal\nfrom assessor.authoring import flaky\n"
        "loaded = flaky._load()\nloaded.__enter__()\n"
        "print(*os.popen(f'pgrep -P {os.getpid()} -f getppid').read().split(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    started = [int(pid) for pid in done.stdout.split()]
    assert started
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started):
        assert time.monotonic() < deadline
        time.sleep(0.05)
