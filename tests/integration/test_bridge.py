# ruff: noqa: E501 - the tests that are run are kept as one line each
"""Ordinary tests over the bridge: what an author may write, each line of it through two real processes."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from assessor.limits import Limits
from assessor.sandbox.protocol import Collected, End, Event, Finished, Order
from assessor.sandbox.unsafe_local import UnsafeLocal

SOLUTION = '''
"""A shop."""
from __future__ import annotations
import abc, asyncio, collections, contextlib, dataclasses, decimal, enum, json, random, sys

TAX = 0.2
STOCK = {"pear": 3}

class ShopError(Exception):
    """Something of the shop's."""

class SoldOut(ShopError):
    def __init__(self, item, left):
        super().__init__(f"{item}: {left} left")
        self.item = item
        self.left = left

class Cart:
    def __init__(self, *items):
        self.items = list(items)
        self.watchers = []
    def add(self, item):
        self.items.append(item)
        for watcher in self.watchers: watcher(item)
        return self
    def total(self): return sum(self.price(item) for item in self.items)
    def price(self, item): return len(item)
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __eq__(self, other): return isinstance(other, Cart) and self.items == other.items
    def __add__(self, other): return Cart(*self.items, *(other.items if isinstance(other, Cart) else [other]))
    def __getitem__(self, key): return self.items[key]
    def __contains__(self, item): return item in self.items
    def __repr__(self): return f"Cart{tuple(self.items)}"
    @property
    def first(self): return self.items[0]
    @classmethod
    def empty(cls): return cls()
    @staticmethod
    def currency(): return "EUR"

@dataclasses.dataclass(frozen=True, order=True)
class Item:
    name: str
    price: int = 1

class Size(enum.IntEnum):
    S = 1
    L = 2

class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"

class Label(str):
    def shout(self): return self.upper() + "!"

Pair = collections.namedtuple("Pair", "left right")

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
    def describe(self): return f"area {self.area()}"

def take(item):
    if STOCK.get(item, 0) < 1: raise SoldOut(item, 0)
    STOCK[item] -= 1
    return STOCK[item]

def parse(text): return json.loads(text)
def chained():
    try: parse("{")
    except ValueError as error: raise ShopError("bad order") from error
def countdown(n):
    while n:
        step = yield n
        n -= step or 1
    return "lift-off"
async def later(x):
    await asyncio.sleep(0.01)
    return x * 2
@contextlib.contextmanager
def opened(name):
    print("open", name)
    yield name.upper()
    print("close", name)
def each(function, values): return [function(value) for value in values]
def echo(x): return x
def shuffle(values): values.sort(reverse=True); return values
def loud(): print("out"); print("err", file=sys.stderr)
def question(): return input("name? ").strip()
def lines(): return [line.strip() for line in sys.stdin]
def dice(): return random.randint(1, 1000)
def price(): return decimal.Decimal("1.10")
def write(file): file.write("hello"); return file.getvalue()
def leave(code): sys.exit(code)
def taxed(x): return x * (1 + TAX)
'''

TESTS = """
import asyncio, copy, dataclasses, inspect, io, json, random, unittest
from decimal import Decimal
from unittest.mock import Mock, patch
import pytest
import solution
from solution import *
from solution import (Cart, Colour, Item, Label, Pair, Shape, ShopError, Size, SoldOut, chained, countdown, dice, each,
    echo, later, leave, lines, loud, opened, parse, price, question, shuffle, take, taxed, write)
from hypothesis import given, strategies as st

def test_instance_methods_and_attributes():
    cart = Cart("pear"); assert cart.add("fig").total() == 7 and cart.items == ["pear", "fig"] and cart.first == "pear"
def test_attribute_set_from_the_test(): c = Cart(); c.items = ["a"]; assert c.total() == 1 and len(c) == 1
def test_class_and_static_methods(): assert len(Cart.empty()) == 0 and Cart.currency() == "EUR"
def test_operators_between_their_objects(): assert Cart("a") + Cart("b") == Cart("a", "b") and Cart("a") != Cart("b")
def test_operator_with_plain_data_of_a_named_class(): assert (Cart("a") + "b").items == ["a", "b"]
def test_container_protocol(): c = Cart("a", "b"); assert list(c) == ["a", "b"] and c[1] == "b" and "a" in c and "z" not in c
def test_repr_and_type_name(): assert repr(Cart("a")) == "Cart('a',)" and type(Cart()).__name__ == "Cart"
def test_unhashable_class_is_unhashable():
    with pytest.raises(TypeError): {Cart()}
def test_frozen_dataclass():
    item = Item("pear"); assert item == Item("pear", 1) and item < Item("pear", 2) and hash(item) == hash(Item("pear"))
    with pytest.raises(dataclasses.FrozenInstanceError): item.price = 3
def test_dataclass_helpers(): assert dataclasses.is_dataclass(Item) and [f.name for f in dataclasses.fields(Item)] == ["name", "price"]
def test_int_enum_is_a_number(): assert Size.S == 1 and Size(2) is Size.L and Size.S.name == "S" and isinstance(Size.L, int)
def test_enum_members(): assert Colour("r") is Colour.RED and [c.value for c in Colour] == ["r", "b"] and len(Colour) == 2 and Colour["BLUE"] is Colour.BLUE
def test_str_subclass_is_text_with_more(): assert Label("a") == "a" and Label("a").shout() == "A!" and isinstance(Label("a"), Label)
def test_namedtuple(): p = Pair(1, 2); assert p == (1, 2) and p.right == 2 and p._replace(left=5) == (5, 2) and isinstance(p, tuple)
def test_exception_with_attributes():
    with pytest.raises(ShopError, match="gone: 0 left") as caught: take("gone")
    assert caught.type is SoldOut and caught.value.item == "gone" and caught.value.left == 0 and issubclass(SoldOut, Exception)
def test_exception_caught_by_hand():
    try: take("gone")
    except SoldOut as error: assert str(error) == "gone: 0 left"
    else: assert False
def test_library_exception():
    with pytest.raises(json.JSONDecodeError): parse("{")
def test_cause_comes_along():
    with pytest.raises(ShopError) as caught: chained()
    assert isinstance(caught.value.__cause__, ValueError)
def test_generator_protocol():
    g = countdown(3); assert next(g) == 3 and g.send(2) == 1
    with pytest.raises(StopIteration) as stop: next(g)
    assert stop.value.value == "lift-off" and inspect.isgenerator(countdown(1))
def test_generator_in_a_loop(): assert list(countdown(3)) == [3, 2, 1]
def test_coroutines_run_side_by_side():
    async def both(): return await asyncio.gather(later(1), later(2))
    assert asyncio.run(both()) == [2, 4] and inspect.iscoroutinefunction(later)
def test_context_manager(capsys):
    with opened("door") as name: assert name == "DOOR"
    assert capsys.readouterr().out == "open door\\nclose door\\n"
def test_callback(): assert each(lambda v: v + 1, [1, 2]) == [2, 3]
def test_callback_that_raises():
    class Mine(Exception): pass
    def fail(v): raise Mine(v)
    with pytest.raises(Mine) as caught: each(fail, [7])
    assert caught.value.args == (7,)
def test_callback_stored_and_called_later():
    seen = []; cart = Cart(); cart.watchers = [seen.append]; cart.add("fig"); assert seen == ["fig"]
def test_callback_that_calls_back(): assert each(lambda v: len(Cart(*"ab")) + v, [1]) == [3]
def test_mock(): m = Mock(return_value=5); assert each(m, [1]) == [5]; m.assert_called_once_with(1)
def test_object_of_the_tests_own():
    class Person:
        def __init__(self): self.age = 3
        def grow(self): self.age += 1; return self.age
    p = Person(); assert echo(p) is p
def test_iterator_of_the_tests_own(): assert each(str, iter([1, 2])) == ["1", "2"] and each(str, (i for i in "ab")) == ["a", "b"]
def test_file_like_object(): f = io.StringIO(); assert write(f) == "hello" and f.getvalue() == "hello"
def test_class_derived_in_the_test():
    class Half(Cart):
        def price(self, item): return super().price(item) / 2
    assert Half("pear").total() == 2 and isinstance(Half(), Cart) and isinstance(Half("a").add("b"), Half)
def test_abstract_class_derived_in_the_test():
    class Square(Shape):
        def __init__(self, side): self.side = side
        def area(self): return self.side ** 2
    assert Square(3).describe() == "area 9"
    with pytest.raises(TypeError): Shape()
def test_arguments_go_by_value(): x = [1, 2]; assert shuffle(x) == [2, 1] and x == [1, 2]
def test_unchanged_argument_keeps_its_identity(): x = {"a": [1]}; assert echo(x) is x and echo(x["a"]) is x["a"]
@pytest.mark.inplace
def test_marked_test_gets_changes_back(): x = [1, 2]; assert shuffle(x) is x and x == [2, 1]
def test_streams_are_told_apart(capsys): loud(); assert capsys.readouterr() == ("out\\n", "err\\n")
def test_input_from_the_test(monkeypatch): monkeypatch.setattr("builtins.input", lambda prompt: "Ada "); assert question() == "Ada"
def test_standard_input_from_the_test(monkeypatch): monkeypatch.setattr("sys.stdin", io.StringIO("a\\nb\\n")); assert lines() == ["a", "b"]
def test_standard_input_is_empty_otherwise():
    with pytest.raises(EOFError): question()
def test_seed_is_followed(): random.seed(5); a = dice(); random.seed(5); assert dice() == a
def test_constant_patched(monkeypatch): monkeypatch.setattr(solution, "TAX", 1); assert taxed(2) == 4
def test_constant_is_back(): assert taxed(10) == 12 and solution.TAX == 0.2
def test_method_patched():
    with patch.object(Cart, "price", return_value=10): assert Cart("a", "b").total() == 20
    assert Cart("a", "b").total() == 2
def test_function_patched_by_name():
    with patch("solution.random.randint", return_value=4): assert dice() == 4
def test_source_can_be_read(): assert "STOCK[item] -= 1" in inspect.getsource(take) and "A shop" in inspect.getsource(solution)
def test_signature(): assert list(inspect.signature(countdown).parameters) == ["n"] and list(inspect.signature(Cart.add).parameters) == ["self", "item"]
def test_exit_that_is_expected():
    with pytest.raises(SystemExit) as caught: leave(3)
    assert caught.value.code == 3
def test_decimal(): assert price() == Decimal("1.10") and type(price()) is Decimal
class TestCase(unittest.TestCase):
    def setUp(self): self.cart = Cart("a")
    def test_unittest(self): self.assertEqual(len(self.cart), 1); self.assertRaises(SoldOut, take, "gone")
@given(st.lists(st.integers()))
def test_property(xs): assert shuffle(xs) == sorted(xs, reverse=True)
@pytest.mark.parametrize("cls", [Cart, Item])
def test_class_as_parameter(cls): assert isinstance(cls("x"), cls)
CART = Cart("made while collecting")
def test_object_made_while_collecting(): assert len(CART) == 1
def test_state_lives_on_between_tests_of_a_file(): assert take("pear") == 2
"""


def run(solution: str | Mapping[str, str], tests: Mapping[str, str], **changes: object) -> list[Event]:
    files = {"solution.py": solution} if isinstance(solution, str) else solution
    values: dict[str, object] = {
        "attempt": "a",
        "epoch": 1,
        "profile": "python",
        "limits": Limits(),
        "bundle": {name: textwrap.dedent(text).encode() for name, text in files.items()},
        "tests": {name: textwrap.dedent(text).encode() for name, text in tests.items()},
        "modules": sorted({name.split("/")[0].removesuffix(".py") for name in files}),
        "seed": 1,
    }
    events: list[Event] = []
    outcome = UnsafeLocal().run(Order(**{**values, **changes}), on_event=events.append)  # type: ignore[arg-type]
    assert outcome.end is End.COMPLETE
    return events


def finished(events: list[Event]) -> dict[str, Finished]:
    return {event.id.partition("::")[2]: event for event in events if isinstance(event, Finished)}


@pytest.fixture(scope="module")
def ordinary() -> dict[str, Finished]:
    events = run(SOLUTION, {"test_it.py": TESTS})
    assert [event.errors for event in events if isinstance(event, Collected)] == [()]
    return finished(events)


NAMES = [line.split("(")[0].split()[-1] for line in TESTS.splitlines() if line.startswith("def test_")]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("test_class_as_parameter",)])
def test_ordinary_test_passes(ordinary: dict[str, Finished], name: str) -> None:
    assert ordinary[name].passed, f"{ordinary[name].message}\n{ordinary[name].detail}"


def test_unittest_and_parametrized_tests_pass(ordinary: dict[str, Finished]) -> None:
    for name in ("TestCase::test_unittest", "test_class_as_parameter[Cart]", "test_class_as_parameter[Item]"):
        assert ordinary[name].passed, ordinary[name].message


def test_packages_and_modules_import_as_usual() -> None:
    events = run(
        {
            "shop/__init__.py": "from .cart import Cart\n",
            "shop/cart.py": "class Cart:\n    size = 3\n",
            "shop/tools/helpers.py": "def help(): return 'helped'\n",
            "main.py": "import shop\ndef go(): return shop.Cart().size\n",
        },
        {
            "test_it.py": """
                import shop.cart, main
                from shop import Cart, tools
                from shop.tools.helpers import help
                from shop.tools import helpers
                import shop.tools.helpers as h
                def test_all():
                    assert Cart().size == 3 and main.go() == 3 and help() == helpers.help() == h.help() == "helped"
                    assert shop.cart.Cart is Cart and isinstance(Cart(), shop.Cart)
                def test_missing():
                    import importlib, pytest
                    with pytest.raises(ModuleNotFoundError): importlib.import_module("shop.nothing")
            """
        },
    )
    assert {name: event.passed for name, event in finished(events).items()} == {
        "test_all": True,
        "test_missing": True,
    }


def test_each_file_has_a_process_and_a_conftest_serves_all() -> None:
    events = run(
        "N = []\ndef count():\n    N.append(1)\n    return len(N)\nclass A:\n    pass\n",
        {
            "conftest.py": """
                import pytest
                from solution import A
                @pytest.fixture
                def a(): return A()
            """,
            "test_a.py": "from solution import count, A\ndef test_a(a): assert count() == 1 and isinstance(a, A)\n",
            "test_b.py": "from solution import count, A\ndef test_b(a): assert count() == 1 and isinstance(a, A)\n",
        },
    )
    assert [(event.id, event.message) for event in events if isinstance(event, Finished)] == [
        ("test_a.py::test_a", ""),
        ("test_b.py::test_b", ""),
    ]


def test_changes_to_arguments_come_back_where_the_task_asks_for_it() -> None:
    solution = """
        def change(d): d["k"].append(1); d["new"] = {1}
        def swap(a, b): a[:], b[:] = b[:], a[:]
        def fail(xs): xs.clear(); raise ValueError
        def fill(array): array[:] = 7
    """
    tests = """
        import numpy, pytest
        from solution import change, fail, fill, swap
        def test_nested(): inner = []; d = {"k": inner}; change(d); assert d == {"k": [1], "new": {1}} and d["k"] is inner
        def test_two(): a, b = [1], [2]; swap(a, b); assert (a, b) == ([2], [1])
        def test_raised():
            xs = [1]
            with pytest.raises(ValueError): fail(xs)
            assert xs == []
        def test_array(): a = numpy.zeros(2); fill(a); assert a.tolist() == [7, 7]
    """
    asked = finished(run(solution, {"test_it.py": tests}, inplace=True))
    assert [name for name, event in asked.items() if not event.passed] == []
    unasked = finished(run(solution, {"test_it.py": tests}))
    assert [name for name, event in unasked.items() if event.passed] == []


def test_shared_suite_of_ordinary_tests() -> None:
    folder = Path(__file__).parents[3] / "shared" / "bridge"
    if not folder.is_dir():
        # Kept beside the project, not in it: what it shows is shown above as well.
        return
    tests = {"test_all.py": (folder / "tests" / "test_all.py").read_text()}
    solution = (folder / "sub" / "solution.py").read_text()
    plain = finished(run(solution, {"test_all.py": tests["test_all.py"]}))
    inplace = finished(run(solution, {"test_all.py": tests["test_all.py"]}, inplace=True))
    assert sum(event.passed for event in plain.values()) >= 72
    assert sum(event.passed for event in inplace.values()) >= 76
