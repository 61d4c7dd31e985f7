# ruff: noqa: E501 - the tests that are run are kept as one line each
"""What crosses the bridge in one call: how many messages, and that the short forms of values change nothing."""

import textwrap

import pytest

from assessor.limits import Limits
from assessor.sandbox.protocol import Collected, End, Event, Finished, Order
from assessor.sandbox.unsafe_local import UnsafeLocal

SOLUTION = """
import os

def one(): return 1
def two(): return 2
class Box:
    def size(self): return 3
TABLE = [1]
helper = lambda: "first"

def swap():
    global one
    one = two
def swap_helper(then):
    global helper
    helper = lambda: "second"
    return then()
def drop():
    global two
    del two
def grow(): TABLE.append(2)

made = 0
def __getattr__(name):
    global made
    if name != "fresh": raise AttributeError(name)
    made += 1
    number = made
    return lambda: number

def echo(x): return x
def alike(a, b): return a is b
def kinds(xs): return [type(x).__name__ for x in xs]
def add(xs, x): xs.append(x); return xs
def clear(xs): xs.clear()
def double(xs): return [2 * x for x in xs]
def named(*args, **named): return [list(args), named]
def powers(n): return [2 ** k for k in range(n)]
def halves(): return ["\\ud800"] * 3
def stray(): return "\\udfff"
def huge(): return -(2 ** 64)
def forked():
    if os.fork() == 0: return "child"
    os.wait()
    return "parent"
class Forking(Exception):
    def __str__(self):
        if os.fork() == 0: return "child"
        os.wait()
        return "parent"
def raise_forked(): raise Forking()
"""

NAMES = """
import importlib
import pytest, solution
from solution import *
from solution import Box, one

def trips(function):
    from assessor.harness import remote
    b = remote.bridge(); before = b._sequence; function(); return b._sequence - before

def test_function_of_a_module_is_asked_for_once():
    solution.one()
    assert trips(lambda: solution.one()) == 1 and trips(lambda: solution.one) == 0 and trips(lambda: solution.Box) == 0
    assert trips(lambda: solution.TABLE) == 1 and solution.one is one and solution.Box is Box
def test_call_of_a_method_is_one_trip():
    box = Box(); assert trips(box.size) == 1
def test_module_that_makes_its_names_is_asked_each_time():
    assert [solution.fresh(), solution.fresh()] == [1, 2]
def test_value_that_changes_is_asked_each_time():
    grow(); assert solution.TABLE[-1] == 2 and len(solution.TABLE) == 2
def test_name_that_the_submission_binds_anew():
    assert (solution.one(), solution.two()) == (1, 2)
    solution.swap()
    assert solution.one() == 2 and one() == 1 and solution.one() == 2 and solution.two() == 2
def test_name_that_is_bound_anew_before_the_test_is_asked_back():
    assert solution.helper() == "first"
    assert solution.swap_helper(lambda: solution.helper()) == "second"
def test_name_that_the_test_binds_anew(monkeypatch):
    assert solution.double([1]) == [2]
    with monkeypatch.context() as patch:
        patch.setattr(solution, "double", lambda xs: "patched")
        assert solution.double([1]) == "patched"
    assert solution.double([1]) == [2]
def test_name_that_the_submission_deletes():
    assert solution.two() == 2
    solution.drop()
    with pytest.raises(AttributeError): solution.two
def test_module_that_is_loaded_anew():
    solution.helper
    importlib.reload(solution)
    assert importlib.import_module("solution").helper() == "first"
"""

VALUES = """
import math
import pytest
from solution import *

FLOATS = [n / 3 for n in range(1000)]
def test_long_lists_cross_both_ways():
    for xs in (FLOATS, list(range(-500, 500)), [str(n) for n in range(100)], [None, True, 1, 1.0, "a"] * 50):
        assert list(map(type, add(xs, 1))) == [*map(type, xs), int] and echo(tuple(xs)) == tuple(xs)
        assert kinds(xs) == [type(x).__name__ for x in xs]
    assert double(FLOATS) == [2 * x for x in FLOATS]
def test_argument_that_comes_back_is_the_tests_own():
    assert echo(FLOATS) is FLOATS and add(FLOATS, 1.0) is not FLOATS and FLOATS[-1] != 1.0
    nans = [math.nan, float("nan")] * 50; assert echo(nans) is nans
    mixed = [1] * 100; assert echo(mixed) is mixed
    assert echo([True] * 100) == [1] * 100 and type(echo([True] * 100)[0]) is bool
def test_list_passed_twice_is_one_list(): assert alike(FLOATS, FLOATS) and not alike([1.0] * 100, [1.0] * 100)
def test_arguments_by_place_and_by_name():
    assert named() == [[], {}] and named(1, [2], a=3) == [[1, [2]], {"a": 3}] and named(None, None) == [[None, None], {}]
    assert named(self=1, op=2, handle=3, name=4) == [[], {"self": 1, "op": 2, "handle": 3, "name": 4}]
def test_what_messagepack_refuses():
    assert powers(200) == [2 ** k for k in range(200)] and echo(2 ** 64) == 2 ** 64 and huge() == -(2 ** 64)
    assert echo([2 ** 70] * 100) == [2 ** 70] * 100 and kinds([2 ** 70, -1]) == ["int", "int"]
    assert halves() == ["\\ud800"] * 3 and stray() == "\\udfff" and echo("\\ud800") == "\\ud800" and echo({"\\ud800": 1}) == {"\\ud800": 1}
    with pytest.raises(AttributeError): solution_attribute("\\ud800")
def solution_attribute(name): import solution; return getattr(solution, name)
def test_large_messages():
    text = "x" * 3_000_000; assert echo(text) == text and echo([text, text]) == [text, text]
    assert echo(1) == 1 and len(echo([0.5] * 300_000)) == 300_000 and echo(2) == 2
def test_fork_that_comes_back_says_nothing():
    assert forked() == "parent" and echo(1) == 1
    with pytest.raises(Exception, match="parent"): raise_forked()
    assert echo(2) == 2
@pytest.mark.inplace
def test_changes_of_long_lists_come_back():
    xs = [0.5] * 100; add(xs, 2.5); assert len(xs) == 101 and xs[-1] == 2.5
    assert echo(xs) is xs and double(xs) == [1.0] * 100 + [5.0]
    clear(xs); assert xs == [] and echo(5) == 5
"""


def run(tests: str) -> dict[str, Finished]:
    events: list[Event] = []
    order = Order(
        attempt="a",
        epoch=1,
        profile="python",
        limits=Limits(),
        bundle={"solution.py": SOLUTION.encode()},
        tests={"test_it.py": textwrap.dedent(tests).encode()},
        modules=["solution"],
        seed=1,
    )
    assert UnsafeLocal().run(order, on_event=events.append).end is End.COMPLETE
    assert [event.errors for event in events if isinstance(event, Collected)] == [()]
    return {event.id.partition("::")[2]: event for event in events if isinstance(event, Finished)}


def names(tests: str) -> list[str]:
    return [line.split("(")[0].split()[-1] for line in tests.splitlines() if line.startswith("def test_")]


@pytest.fixture(scope="module")
def done() -> dict[str, Finished]:
    return run(NAMES) | run(VALUES)


@pytest.mark.parametrize("name", names(NAMES) + names(VALUES))
def test_over_the_bridge(done: dict[str, Finished], name: str) -> None:
    assert done[name].passed, f"{done[name].message}\n{done[name].detail}"
