"""Items as values, and counting through any series of changes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.item import Item
from inventory.stock import Stock

LAMP = ("A-1", "Lamp", 1250)
SOAP = ("B-7", "Soap", 99)


@pytest.mark.criterion("model", points=2)
def test_items_with_equal_parts_are_equal():
    assert Item(*LAMP).sku == "A-1"
    assert Item(*LAMP) == Item(*LAMP)
    assert hash(Item(*LAMP)) == hash(Item(*LAMP))


@pytest.mark.criterion("model", points=2)
@pytest.mark.parametrize("other", [("A-2", "Lamp", 1250), ("A-1", "lamp", 1250), ("A-1", "Lamp", 1251)])
def test_items_that_differ_in_one_part_differ(other):
    assert Item(*LAMP) != Item(*other)


@pytest.mark.criterion("model", points=2)
@pytest.mark.parametrize("name", ["sku", "name", "price_cents"])
def test_item_cannot_be_changed(name):
    item = Item(*LAMP)
    with pytest.raises(AttributeError):
        setattr(item, name, "x")
    assert (item.sku, item.name, item.price_cents) == LAMP


@pytest.mark.criterion("model", points=2)
@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (99, "0.99"), (100, "1.00"), (123456, "1234.56")]
)
def test_prices_read_with_two_places(cents, text):
    assert str(Item("X", "Thing", cents)) == f"X Thing {text}"


@pytest.mark.criterion("model", points=2)
def test_counting_up_and_down():
    stock = Stock()
    assert stock.add(Item(*LAMP)) == 1
    assert stock.add(Item(*LAMP), 4) == 5
    assert stock.remove("A-1") == 4
    assert stock.remove("A-1", 3) == 1
    assert stock.quantity("A-1") == 1


@pytest.mark.criterion("model", points=1)
def test_nothing_of_an_item_never_seen():
    assert Stock().quantity("A-1") == 0


@pytest.mark.criterion("model", points=2)
def test_value_is_price_times_quantity():
    stock = Stock()
    assert stock.value_cents() == 0
    stock.add(Item(*LAMP), 2)
    stock.add(Item(*SOAP), 10)
    assert stock.value_cents() == 2 * 1250 + 10 * 99


@pytest.mark.criterion("model", points=2)
def test_two_stocks_share_nothing():
    first, second = Stock(), Stock()
    first.add(Item(*LAMP), 2)
    assert second.quantity("A-1") == 0
    assert len(second) == 0


@pytest.mark.criterion("model", points=2)
def test_transfer_moves_between_stocks():
    shop, store = Stock(), Stock()
    store.add(Item(*LAMP), 5)
    store.transfer(shop, "A-1", 2)
    assert (store.quantity("A-1"), shop.quantity("A-1")) == (3, 2)
    store.transfer(shop, "A-1", 3)
    assert "A-1" not in store
    assert shop.quantity("A-1") == 5


@pytest.mark.criterion("model", points=1)
def test_transfer_moves_one_where_no_number_is_given():
    shop, store = Stock(), Stock()
    store.add(Item(*LAMP), 5)
    store.transfer(shop, "A-1")
    assert (store.quantity("A-1"), shop.quantity("A-1")) == (4, 1)


@pytest.mark.criterion("model", points=2)
def test_remove_all_takes_each():
    stock = Stock()
    stock.add(Item(*LAMP), 5)
    stock.add(Item(*SOAP), 5)
    stock.remove_all({"A-1": 5, "B-7": 2})
    assert "A-1" not in stock
    assert stock.quantity("B-7") == 3


@pytest.mark.criterion("model", points=4)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3, 3).filter(bool)), max_size=12))
def test_any_series_of_changes_keeps_count(changes):
    stock, expected = Stock(), Counter()
    items = {sku: Item(sku, sku.upper(), 10) for sku in "abc"}
    for sku, change in changes:
        if change > 0:
            expected[sku] += change
            assert stock.add(items[sku], change) == expected[sku]
        elif expected[sku] >= -change:
            expected[sku] += change
            assert stock.remove(sku, -change) == expected[sku]
    held = sorted(sku for sku in expected if expected[sku])
    assert [item.sku for item in stock] == held
    assert stock.value_cents() == 10 * sum(expected.values())
