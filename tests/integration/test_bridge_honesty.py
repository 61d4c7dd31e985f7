# ruff: noqa: E501 - the submissions that are run are kept as one line each where they can be
"""Submissions that would cheat, starve or confuse the grader: each test that they should fail fails."""

import textwrap
from collections.abc import Mapping

import pytest

from assessor.limits import Limits
from assessor.sandbox.protocol import Collected, End, Ended, Event, Finished, Order, Reason
from assessor.sandbox.unsafe_local import UnsafeLocal


def run(solution: str | Mapping[str, str], tests: str, **changes: object) -> list[Event]:
    files = {"solution.py": solution} if isinstance(solution, str) else solution
    values: dict[str, object] = {
        "attempt": "a",
        "epoch": 1,
        "profile": "python",
        "limits": Limits(call_s=1, wall_s=20, output_bytes=100_000, reply_bytes=1_000_000),
        "bundle": {name: textwrap.dedent(text).encode() for name, text in files.items()},
        "tests": {"test_it.py": textwrap.dedent(tests).encode()},
        "modules": ["solution"],
        "seed": 1,
    }
    events: list[Event] = []
    outcome = UnsafeLocal().run(Order(**{**values, **changes}), on_event=events.append)  # type: ignore[arg-type]
    assert outcome.end is End.COMPLETE
    return events


def finished(events: list[Event]) -> dict[str, Finished]:
    return {event.id.partition("::")[2]: event for event in events if isinstance(event, Finished)}


LIES = '''
import collections, unittest
class Any:
    """Whatever a test asks of it, it says what pleases."""
    expected = 0
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 0
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __mul__ = __mod__ = __sub__
    def __abs__(self): return 0.0
    def __array__(self, *a, **k):
        import numpy; return numpy.array(2.0)
    @property
    def __class__(self): return float
class Float(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    __hash__ = float.__hash__
class Text(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
class List(list):
    def __eq__(self, other): return True
    __hash__ = None
    def __iter__(self): return iter([1, 2, 3])
def anything(*a): return Any()
def number(*a): return Float(7.5)
def text(*a): return Text("lie")
def items(*a): return List()
def emptied(xs): xs.clear(); return 0
def skipped(): raise unittest.SkipTest("no")
def interrupted(): raise KeyboardInterrupt
def exited(): raise SystemExit(0)
def generator_exit(): raise GeneratorExit
def named():
    class Skipped(Exception): pass
    Skipped.__module__ = "_pytest.outcomes"
    raise Skipped("no")
def frames(function):
    found = []
    for name in ("__globals__", "__code__", "__closure__", "__defaults__", "__wrapped__", "__dict__", "__self__"):
        try: found.append(getattr(function, name))
        except (AttributeError, TypeError): pass
    return sum("MARKER" in repr(item) for item in found)
def hidden(thing):
    try: return thing._secret
    except AttributeError: return "hidden"
def inner_frame(thing):
    try: return thing.gi_frame.f_globals
    except AttributeError: return "hidden"
'''

LIED_TO = """
import numpy, pytest, unittest
from hypothesis import given, strategies as st
from solution import *
import solution
def test_equal(): assert solution.anything() == 2.0
def test_equal_reflected(): assert 2.0 == solution.anything()
def test_not_unequal(): assert not (solution.anything() != 2.0)
def test_ordered(): assert 1 < solution.anything() < 3
def test_difference(): assert abs(solution.anything() - 2.0) < 1e-9
def test_difference_reflected(): assert abs(2.0 - solution.anything()) < 1e-9
def test_approx(): assert solution.anything() == pytest.approx(2.0)
def test_close(): numpy.testing.assert_allclose(solution.anything(), 2.0)
def test_membership(): assert 3 in solution.anything()
def test_type(): assert isinstance(solution.anything(), float)
def test_float_equal(): assert solution.number() == 2.0
def test_float_difference(): assert abs(solution.number() - 2.0) < 1e-9
def test_text(): assert solution.text() == "truth"
def test_list(): assert solution.items() == [1, 2, 3] or list(solution.items()) == [1, 2, 3]
def test_emptied(): xs = [1, 2]; assert solution.emptied(xs) == sum(xs)
def test_skip(): solution.skipped()
def test_interrupt(): solution.interrupted()
def test_exit(): solution.exited()
def test_generator_exit(): solution.generator_exit()
def test_named_like_a_skip(): solution.named()
@given(st.integers())
def test_skip_in_property(n): solution.skipped()
def test_expects_any_exception():
    with pytest.raises(Exception): solution.lacking()
def test_expects_any_exception_of_interrupt():
    with pytest.raises(Exception): solution.interrupted()
class TestUnit(unittest.TestCase):
    def test_almost(self): self.assertAlmostEqual(solution.anything(), 2.0)
"""


@pytest.fixture(scope="module")
def lies() -> dict[str, Finished]:
    return finished(run(LIES, LIED_TO))


LIED_NAMES = [line.split("(")[0].split()[-1] for line in LIED_TO.splitlines() if line.startswith("def test_")]


@pytest.mark.parametrize(
    "name", [n for n in LIED_NAMES if n != "test_expects_any_exception"] + ["TestUnit::test_almost"]
)
def test_lie_earns_nothing(lies: dict[str, Finished], name: str) -> None:
    assert not lies[name].passed
    assert lies[name].reason in (Reason.ASSERTION, Reason.ERROR)


FORGED = """
import sys
frame = sys._getframe()
while "objects" not in frame.f_globals: frame = frame.f_back
objects = frame.f_globals["objects"]
honest = objects._describe_class
names = "eq ne lt le gt ge sub rsub abs float contains bool float array".split()
def forged(cls):
    said = honest(cls)
    for name in names: said["functions"][f"__{name}__"] = ["method", "plain", None, None]
    for name in ("startswith", "is_integer", "_assessor_named", "_assessor_local"):
        said["functions"][name] = ["method", "plain", None, None]
    said["specials"] += [f"__{name}__" for name in names]
    said["meta"] += ["__instancecheck__", "__eq__"]
    return said
objects._describe_class = forged
class Yes:
    def __getattr__(self, name): return lambda *a, **k: True
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    __hash__ = None
class Word(str):
    def startswith(self, *a): return True
def anything(): return Yes()
def word(): return Word("lie")
def pretend():
    class Skipped(Exception): pass
    Skipped.__module__, Skipped.__qualname__ = "unittest.case", "SkipTest"
    raise Skipped("no")
"""


def test_forged_description_of_a_class_gives_it_no_more_than_any_other() -> None:
    ran = finished(
        run(
            FORGED,
            """
            import pytest, solution
            def test_equal(): assert solution.anything() == 2.0
            def test_reflected(): assert 2.0 == solution.anything()
            def test_difference(): assert abs(solution.anything() - 2.0) < 1e-9
            def test_approx(): assert solution.anything() == pytest.approx(2.0)
            def test_type(): assert isinstance(solution.anything(), float)
            def test_word(): assert solution.word().startswith("truth")
            def test_skip(): solution.pretend()
            """,
        )
    )
    assert [name for name, event in ran.items() if event.passed] == []
    assert len(ran) == 7


def test_what_a_test_lends_gives_nothing_but_what_it_offers() -> None:
    events = run(
        LIES,
        """
        import solution
        class Thing:
            _secret = 1
            open = 2
        HELD = "MARKER"
        def test_function():
            mark = "MARKER"
            assert solution.frames(lambda x=HELD: mark) == 0
        def test_private(): assert solution.hidden(Thing()) == "hidden"
        def test_generator(): assert solution.inner_frame(x for x in "ab") == "hidden"
        def test_runner(request):
            try: solution.hidden(request)
            except TypeError as error: assert "does not cross" in str(error)
            else: assert False
        """,
    )
    assert {name: event.message for name, event in finished(events).items() if not event.passed} == {}


ENDS = """
import ctypes, os, signal, socket, sys, threading, time
CALLS = []
def right(): CALLS.append(1); return len(CALLS)
def forever():
    while True: pass
def sleeper(): time.sleep(60)
def stubborn():
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True:
        try: time.sleep(60)
        except BaseException: pass
def gone(): os._exit(0)
def killed(): os.kill(os.getpid(), signal.SIGKILL)
def fault(): ctypes.string_at(0)
def flood():
    while True: os.write(1, b"x" * 65536)
def large(): return "x" * 5_000_000
def deep():
    x = []
    for _ in range(500): x = [x]
    return x
def garbage():
    for descriptor in range(3, 50):
        try: os.write(descriptor, b"\\0\\0\\0\\5hello")
        except OSError: pass
    return 1
def doubled():
    if os.fork() == 0: return 1
    os.wait(); return 2
def unsendable():
    class Odd(list):
        pass
    return memoryview(b"x")[::0] if False else (lambda: (yield))
def replaced(): os.execv(sys.executable, [sys.executable, "-c", "print('10 passed')"])
def closed():
    for descriptor in range(3, 50):
        try: os.close(descriptor)
        except OSError: pass
    time.sleep(60)
def full(): raise OSError(28, "No space left on device")
"""

ENDED = """
import pytest, solution
def test_forever(): solution.forever()
def test_after_forever(): assert solution.right() == 1
def test_sleeper(): solution.sleeper()
def test_stubborn(): solution.stubborn()
def test_gone():
    with pytest.raises(BaseException): solution.gone()
def test_killed(): solution.killed()
def test_fault(): solution.fault()
def test_after_fault(): assert solution.right() == 1
def test_flood(): solution.flood()
def test_large(): solution.large()
def test_deep(): solution.deep()
def test_garbage(): solution.garbage(); solution.garbage()
def test_after_garbage(): assert solution.right() == 1
def test_doubled(): assert solution.doubled() == 2 and solution.right() == 2
def test_replaced(): solution.replaced()
def test_closed(): solution.closed()
def test_full(): solution.full()
def test_swallowed():
    try: solution.killed()
    except BaseException: pass
def test_again_after_the_end():
    try: solution.killed()
    except BaseException: pass
    assert solution.right() == 1
"""


@pytest.fixture(scope="module")
def ends() -> dict[str, Finished]:
    return finished(run(ENDS, ENDED))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("forever", Reason.TIMEOUT),
        ("sleeper", Reason.TIMEOUT),
        ("stubborn", Reason.TIMEOUT),
        ("gone", Reason.CRASH),
        ("killed", Reason.CRASH),
        ("fault", Reason.CRASH),
        ("flood", Reason.OUTPUT),
        ("large", Reason.OUTPUT),
        ("deep", Reason.ERROR),
        ("garbage", Reason.PROTOCOL),
        ("replaced", Reason.CRASH),
        ("closed", Reason.CRASH),
        ("full", Reason.DISK),
        ("swallowed", Reason.CRASH),
        ("again_after_the_end", Reason.CRASH),
    ],
)
def test_broken_limit_fails_the_test_with_its_reason(
    ends: dict[str, Finished], name: str, reason: Reason
) -> None:
    event = ends[f"test_{name}"]
    assert (event.passed, event.reason) == (False, reason), event.message


@pytest.mark.parametrize("name", ["after_forever", "after_fault", "after_garbage", "doubled"])
def test_next_test_gets_a_fresh_process(ends: dict[str, Finished], name: str) -> None:
    assert ends[f"test_{name}"].passed, ends[f"test_{name}"].message


def test_output_kept_for_the_report_is_bounded(ends: dict[str, Finished]) -> None:
    assert len(ends["test_flood"].output) == 8192


def test_run_that_takes_too_long_fails_what_has_not_run() -> None:
    events = run(
        "import time\ndef slow():\n    time.sleep(0.8)\n    return 1\n",
        """
        import pytest, solution
        @pytest.mark.parametrize("n", range(30))
        def test_slow(n): assert solution.slow() == 1
        """,
        limits=Limits(wall_s=3, call_s=2),
    )
    ran = finished(events)
    assert len(ran) == 30
    assert ran["test_slow[0]"].passed
    assert ran["test_slow[29]"].reason is Reason.TIMEOUT
    assert isinstance(events[-1], Ended)


def test_tests_own_endless_loop_ends_with_the_run() -> None:
    events = run(
        "x = 1\n",
        """
        def test_loop():
            while True:
                try:
                    while True: pass
                except BaseException: pass
        def test_after(): pass
        """.replace("except BaseException: pass", "except ValueError: pass"),
        limits=Limits(wall_s=2, call_s=1),
    )
    assert [event.reason for event in finished(events).values()] == [Reason.TIMEOUT, Reason.TIMEOUT]


@pytest.mark.parametrize(
    ("solution", "reason", "told"),
    [
        ("def right(): return 1\n", Reason.ERROR, "cannot import name 'wrong' from 'solution'"),
        ("def right(:\n", Reason.ERROR, "solution could not be imported: SyntaxError"),
        ("1 / 0\n", Reason.ERROR, "solution could not be imported: ZeroDivisionError"),
        ("import sys; sys.exit(0)\n", Reason.ERROR, "solution could not be imported"),
        ("import os; os._exit(0)\n", Reason.CRASH, "exited with status 0"),
        ("import time; time.sleep(60)\n", Reason.TIMEOUT, "time was up"),
    ],
)
def test_what_the_submission_lacks_fails_only_the_tests_that_use_it(
    solution: str, reason: Reason, told: str
) -> None:
    events = run(
        solution,
        """
        import pytest
        from solution import wrong
        def test_wrong():
            with pytest.raises(Exception): wrong()
        def test_own(): pass
        """,
    )
    ran = finished(events)
    assert [event.errors for event in events if isinstance(event, Collected)] == [()]
    assert (ran["test_wrong"].passed, ran["test_wrong"].reason) == (False, reason)
    assert told in ran["test_wrong"].message
    assert ran["test_own"].passed


def test_missing_submission_fails_its_tests() -> None:
    ran = finished(run({"other.py": ""}, "from solution import f\ndef test_f(): assert f() is None\n"))
    assert "No module named 'solution'" in ran["test_f"].message


def test_only_source_is_loaded() -> None:
    import importlib.util
    import marshal

    code = marshal.dumps(compile("def f(): return 'byte code'", "solution.py", "exec"))
    stale = (
        importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + b"\0" * 8 + code
    )  # unchecked: always taken
    name = importlib.util.cache_from_source("solution.py")
    events = run(
        {},
        "from solution import f\nimport solution\ndef test_f(): assert f() == 'source'\n"
        "def test_lone():\n    from solution import lone\n    assert lone() is False\n",
        bundle={
            "solution.py": b"def f(): return 'source'\ndef lone():\n    try:\n        import hidden\n    except ImportError:\n        return False\n",
            name: stale,
            "hidden.pyc": stale,
            "sitecustomize.py": b"import os; os._exit(3)",
            "usercustomize.py": b"import os; os._exit(3)",
            "x.pth": b"import os; os._exit(3)",
        },
    )
    assert {n: event.message for n, event in finished(events).items()} == {"test_f": "", "test_lone": ""}


def test_learners_process_shows_no_sign_of_a_test_run() -> None:
    solution = """
    import os, sys
    def signs():
        words = ("pytest", "hypothesis", "assessor", "harness", "grader", "test")
        seen = [name for name in sys.modules if any(word in name.split(".")[0] for word in words)]
        seen += [f"{key}={value}" for key, value in os.environ.items() if any(word in (key + value).lower() for word in words[:5]) and key not in ("HOME",)]
        return seen + [type(sys.modules["__main__"]).__name__ if hasattr(sys.modules["__main__"], "__file__") else ""]
    """
    ran = finished(run(solution, "import solution\ndef test_signs(): assert solution.signs() == ['']\n"))
    assert ran["test_signs"].passed, ran["test_signs"].message


def test_library_names_in_a_submission_leave_the_graders_alone() -> None:
    ran = finished(
        run(
            {
                "solution.py": "import random\ndef own(): return random.x\n",
                "random.py": "x = 1\n",
                "json.py": "dumps = None\n",
            },
            """
            import json, random
            from solution import own
            def test_own(): assert own() == 1 and json.dumps(1) == "1" and 0 <= random.random() < 1
            """,
        )
    )
    assert ran["test_own"].passed, ran["test_own"].message
