"""What the grader tells of the tests that it ran: one event each, folded, in the words of the protocol."""

import textwrap

import pytest

from assessor.limits import Limits
from assessor.sandbox.protocol import Collected, End, Ended, Event, Finished, Order, Reason
from assessor.sandbox.unsafe_local import UnsafeLocal

SOLUTION = """
def double(x): return x * 2
def wrong(x): return 0 if x > 100 else x
def shout(): print("HEARD")
def fail(): raise ValueError("from the submission")
"""

TESTS = """
import unittest, pytest
import solution
from hypothesis import given, settings, strategies as st
def test_passes(): assert solution.double(2) == 4
def test_fails(): assert solution.double(2) == 5
def test_raises(): solution.fail()
def test_skips(): pytest.skip("not today")
@pytest.mark.skip
def test_marked_skip(): pass
@pytest.mark.xfail
def test_expected_failure(): assert False
@pytest.mark.xfail
def test_unexpected_pass(): pass
@pytest.mark.xfail(strict=True)
def test_strict_unexpected_pass(): pass
@pytest.fixture
def broken(): raise RuntimeError("set-up")
@pytest.fixture
def leaking(): yield; raise RuntimeError("tear-down")
def test_set_up(broken): pass
def test_tear_down(leaking): pass
class TestSub(unittest.TestCase):
    def test_subtests(self):
        for n in (1, 2):
            with self.subTest(n=n): self.assertEqual(n, 1)
    @unittest.skip("no")
    def test_unittest_skip(self): pass
    @unittest.expectedFailure
    def test_unittest_expected(self): self.fail()
def test_subtests_fixture(subtests):
    with subtests.test("one"): assert False
def test_prints(): solution.shout(); print("own")
@given(st.integers())
@settings(max_examples=300, database=None)
def test_property(x): assert solution.wrong(x) == x
@given(st.integers())
@settings(derandomize=True, max_examples=5, deadline=1)
def test_own_settings(x): assert solution.double(x) == 2 * x
@pytest.mark.criterion("speed", points=3)
@pytest.mark.visible
@pytest.mark.parametrize("x", [1, 2])
def test_marked(x): assert solution.double(x) == 2 * x
@pytest.mark.criterion("style")
class TestGroup:
    def test_inner(self): pass
"""


def run(tests: dict[str, str], **changes: object) -> list[Event]:
    values: dict[str, object] = {
        "attempt": "a",
        "epoch": 1,
        "profile": "python",
        "limits": Limits(),
        "bundle": {"solution.py": SOLUTION.encode()},
        "tests": {name: textwrap.dedent(text).encode() for name, text in tests.items()},
        "modules": ["solution"],
        "seed": 1,
    }
    events: list[Event] = []
    outcome = UnsafeLocal().run(Order(**{**values, **changes}), on_event=events.append)  # type: ignore[arg-type]
    assert outcome.end is End.COMPLETE
    return events


def finished(events: list[Event]) -> dict[str, Finished]:
    return {event.id.partition("::")[2]: event for event in events if isinstance(event, Finished)}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return run({"test_it.py": TESTS})


@pytest.fixture(scope="module")
def ran(events: list[Event]) -> dict[str, Finished]:
    return finished(events)


def test_order_is_collected_then_each_test_then_end(events: list[Event]) -> None:
    assert isinstance(events[0], Collected)
    assert isinstance(events[-1], Ended)
    visible_first = sorted(events[0].tests, key=lambda test: not test.visible)
    assert [event.id for event in events[1:-1] if isinstance(event, Finished)] == [
        test.id for test in visible_first
    ]
    # One for the visible tests, one for the others.
    assert events[-1].processes == 2


@pytest.mark.parametrize(
    "name", ["test_passes", "test_prints", "test_own_settings", "test_marked[1]", "TestGroup::test_inner"]
)
def test_plain_pass_is_passed(ran: dict[str, Finished], name: str) -> None:
    assert (ran[name].passed, ran[name].reason, ran[name].message) == (True, None, "")


@pytest.mark.parametrize(
    ("name", "reason", "told"),
    [
        ("test_fails", Reason.ASSERTION, "assert 4 == 5"),
        ("test_raises", Reason.ERROR, "from the submission"),
        ("test_skips", Reason.ERROR, "not today"),
        ("test_marked_skip", Reason.ERROR, "not run to its end"),
        ("test_expected_failure", Reason.ERROR, "not run to its end"),
        ("test_unexpected_pass", Reason.ERROR, "not run to its end"),
        ("test_strict_unexpected_pass", Reason.ASSERTION, "XPASS"),
        ("test_set_up", Reason.ERROR, "set-up"),
        ("test_tear_down", Reason.ERROR, "tear-down"),
        ("TestSub::test_subtests", Reason.ASSERTION, "2 != 1"),
        ("TestSub::test_unittest_skip", Reason.ERROR, "no"),
        ("TestSub::test_unittest_expected", Reason.ERROR, "not run to its end"),
        ("test_subtests_fixture", Reason.ASSERTION, ""),
        ("test_property", Reason.ASSERTION, "assert 0 == 101"),
    ],
)
def test_whatever_is_not_plainly_passed_has_failed(
    ran: dict[str, Finished], name: str, reason: Reason, told: str
) -> None:
    assert (ran[name].passed, ran[name].reason) == (False, reason), ran[name].message
    assert told in ran[name].message


def test_where_the_submission_raised_is_told_without_the_harness(ran: dict[str, Finished]) -> None:
    assert "solution.py:5: in fail" in ran["test_raises"].detail
    assert "harness" not in ran["test_raises"].detail


def test_what_the_submission_printed_is_told(ran: dict[str, Finished]) -> None:
    assert ran["test_prints"].output == "HEARD\n"
    assert ran["test_passes"].output == ""


def test_smallest_example_is_told(ran: dict[str, Finished]) -> None:
    assert ran["test_property"].example is not None
    assert "x=101" in ran["test_property"].example


def test_marks_are_collected(events: list[Event]) -> None:
    assert isinstance(events[0], Collected)
    tests = {test.id.partition("::")[2]: test for test in events[0].tests}
    marked = tests["test_marked[2]"]
    assert (marked.group, marked.criterion, marked.points, marked.visible) == (
        "test_it.py::test_marked",
        "speed",
        3,
        True,
    )
    plain = tests["test_passes"]
    assert (plain.group, plain.criterion, plain.points, plain.visible) == (
        "test_it.py::test_passes",
        None,
        None,
        False,
    )
    assert tests["TestGroup::test_inner"].criterion == "style"


def test_file_that_does_not_collect_is_told_and_the_others_run() -> None:
    events = run({"test_a.py": "def test_a(:\n", "sub/test_b.py": "def test_b(): pass\n", "helper.py": "1/0"})
    assert isinstance(events[0], Collected)
    assert len(events[0].errors) == 1
    assert events[0].errors[0].startswith("test_a.py: ")
    assert [(event.id, event.passed) for event in events[1:-1] if isinstance(event, Finished)] == [
        ("sub/test_b.py::test_b", True)
    ]


def test_same_seed_tries_the_same_examples_and_another_seed_others() -> None:
    tests = {
        "test_it.py": """
        import solution
        from hypothesis import given, strategies as st
        seen = []
        @given(st.integers())
        def test_seen(x): seen.append(x); solution.shout()
        def test_tell(): assert not seen, hash(tuple(seen))
        """
    }
    first, again, other = (finished(run(tests, seed=seed))["test_tell"].message for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_configuration_beside_the_tests_is_not_read() -> None:
    events = run(
        {
            "pytest.ini": "[pytest]\naddopts = --collect-only\n",
            "test_it.py": "def test_it(): pass\n",
        }
    )
    assert [event.passed for event in events if isinstance(event, Finished)] == [True]
