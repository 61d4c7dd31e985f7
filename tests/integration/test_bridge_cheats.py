"""Ways to be believed or to starve the grader that go through what a test asks of the submission."""

import textwrap

from assessor.limits import Limits
from assessor.sandbox.protocol import End, Event, Finished, Order, Reason
from assessor.sandbox.unsafe_local import UnsafeLocal


def run(solution: str, tests: str) -> dict[str, Finished]:
    order = Order(
        attempt="a",
        epoch=1,
        profile="python",
        limits=Limits(call_s=5, wall_s=20, output_bytes=100_000, reply_bytes=1_000_000),
        bundle={"solution.py": textwrap.dedent(solution).encode()},
        tests={"test_it.py": textwrap.dedent(tests).encode()},
        modules=["solution"],
        seed=1,
    )
    events: list[Event] = []
    outcome = UnsafeLocal().run(order, on_event=events.append)
    assert outcome.end is End.COMPLETE
    return {event.id.partition("::")[2]: event for event in events if isinstance(event, Finished)}


LIAR = """
class Liar:
    def __init__(self, *args): pass
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def __contains__(self, item): return True
    def __iter__(self): return iter(())
    __rsub__ = __mod__ = __sub__
"""


def test_class_in_place_of_a_function_never_sees_the_expected_value() -> None:
    ran = run(
        LIAR + "median = Liar",
        """
        import unittest, solution
        from solution import median
        def test_close(): assert abs(median([1]) - 1) < 1e-9
        def test_through_module(): assert abs(solution.median([1]) - 1) < 1e-9
        def test_reflected(): assert abs(1 - median([1])) < 1e-9
        def test_remainder(): assert median([1]) % 7 == 0
        def test_contains(): assert 1 in median([1])
        class TestUnit(unittest.TestCase):
            def test_almost(self): self.assertAlmostEqual(median([1]), 1)
        """,
    )
    assert len(ran) == 6
    assert not any(event.passed for event in ran.values()), ran


def test_class_that_a_test_names_as_one_keeps_its_operators() -> None:
    ran = run(
        """
        class Clock:
            def __init__(self, minutes): self.minutes = minutes
            def __add__(self, more): return Clock(self.minutes + more)
            def __eq__(self, other): return self.minutes == other.minutes
            def __contains__(self, minute): return minute <= self.minutes
            __hash__ = None
        class _Hidden(Clock): pass
        """,
        """
        import solution
        from solution import Clock, _Hidden
        def test_plus(): assert Clock(1) + 2 == Clock(3)
        def test_through_module(): assert solution.Clock(1) + 2 == Clock(3)
        def test_contains(): assert 1 in Clock(1) and 2 not in Clock(1)
        def test_underscore(): assert _Hidden(1) + 2 == Clock(3)
        """,
    )
    assert all(event.passed for event in ran.values()), ran


def test_prompts_count_as_output() -> None:
    ran = run(
        """
        def ask(n):
            for _ in range(n):
                try:
                    input("x" * 30_000)
                except EOFError:
                    pass
            return n
        """,
        """
        from solution import ask
        def test_few(): assert ask(3) == 3
        def test_many(): assert ask(4) == 4
        def test_next(): assert ask(1) == 1
        """,
    )
    assert {name: (event.passed, event.reason) for name, event in ran.items()} == {
        "test_few": (True, None),
        "test_many": (False, Reason.OUTPUT),
        "test_next": (True, None),
    }
