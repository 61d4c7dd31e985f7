"""Visible tests run before hidden ones, so that what these showed the submission never comes back in them."""

import textwrap

import pytest

from assessor.limits import Limits
from assessor.sandbox.protocol import Collected, End, Event, Finished, Order
from assessor.sandbox.unsafe_local import UnsafeLocal

#: Remembers what it was asked, and tells.
SOLUTION = """
ASKED = []
def ask(x): ASKED.append(x); print(ASKED); return list(ASKED)
class Box:
    def __init__(self): self.held = []
    def put(self, x): self.held.append(x); return list(self.held)
"""

HEAD = "import pytest\nfrom solution import Box, ask\nvisible = pytest.mark.visible\n"


def run(**tests: str) -> list[Event]:
    order = Order(
        attempt="a",
        epoch=1,
        profile="python",
        limits=Limits(),
        bundle={"solution.py": SOLUTION.encode()},
        tests={f"{name}.py": (HEAD + textwrap.dedent(text)).encode() for name, text in tests.items()},
        modules=["solution"],
        seed=1,
    )
    events: list[Event] = []
    outcome = UnsafeLocal().run(order, on_event=events.append)
    assert outcome.end is End.COMPLETE
    return events


def ran(events: list[Event]) -> list[Finished]:
    return [event for event in events if isinstance(event, Finished)]


def names(events: list[Event]) -> list[str]:
    return [event.id.partition("::")[2] for event in ran(events)]


@pytest.fixture(scope="module")
def mixed() -> list[Event]:
    return run(
        test_a="""
        def test_one(): assert ask("hidden") == ["hidden"]
        @visible
        def test_two(): assert ask("shown") == ["shown"]
        def test_three(): assert ask("more") == ["hidden", "more"]
        """,
        test_b="""
        @visible
        @pytest.mark.parametrize("x", [1, 2])
        def test_four(x): assert len(ask(x)) == x
        def test_five(): assert ask("late") == ["late"]
        """,
    )


def test_visible_tests_run_first_else_in_the_order_of_the_files(mixed: list[Event]) -> None:
    assert names(mixed) == ["test_two", "test_four[1]", "test_four[2]", "test_one", "test_three", "test_five"]


def test_collection_is_told_in_the_order_of_the_files(mixed: list[Event]) -> None:
    (told,) = [event for event in mixed if isinstance(event, Collected)]
    assert [test.id.partition("::")[2] for test in told.tests] == [
        *("test_one", "test_two", "test_three", "test_four[1]", "test_four[2]", "test_five")
    ]


def test_each_kind_of_test_in_a_file_has_a_process_of_its_own(mixed: list[Event]) -> None:
    assert all(event.passed for event in ran(mixed)), [event.message for event in ran(mixed)]
    assert "hidden" not in "".join(event.output for event in ran(mixed)[:3])


def test_fixtures_of_a_module_are_made_anew_for_its_hidden_tests() -> None:
    events = run(
        test_a="""
        made = []
        @pytest.fixture(scope="module")
        def box():
            made.append("made")
            yield Box()
            made.append("ended")
        def test_one(box): assert box.put("hidden") == ["hidden"]
        @visible
        def test_two(box): assert box.put("shown") == ["shown"]
        def test_three(box): assert (box.put(1), made) == (["hidden", 1], ["made", "ended", "made"])
        """
    )
    assert all(event.passed for event in ran(events)), [event.message for event in ran(events)]


def test_a_fixture_that_fails_to_end_between_the_kinds_fails_its_visible_test_alone() -> None:
    events = run(
        test_a="""
        @pytest.fixture(scope="module")
        def box():
            yield Box()
            raise RuntimeError("no end")
        def test_one(): assert ask(1) == [1]
        @visible
        def test_two(box): pass
        """
    )
    assert {event.id.partition("::")[2]: event.passed for event in ran(events)} == {
        "test_two": False,
        "test_one": True,
    }
