"""The right exception, the facts in it, and nothing half done."""

import pytest
from inventory import errors
from inventory.item import Item
from inventory.stock import Stock

LAMP = ("A-1", "Lamp", 1250)
SOAP = ("B-7", "Soap", 99)


def stocked():
    stock = Stock()
    stock.add(Item(*LAMP), 2)
    stock.add(Item(*SOAP), 5)
    return stock


def content(stock):
    return {item.sku: stock.quantity(item.sku) for item in stock}


@pytest.mark.criterion("errors", points=2)
@pytest.mark.parametrize("name", ["InvalidItem", "InvalidQuantity", "UnknownItem", "OutOfStock"])
def test_every_exception_is_an_inventory_error(name):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.InventoryError)
    assert kind is not errors.InventoryError


@pytest.mark.criterion("errors", points=3)
@pytest.mark.parametrize(
    "parts",
    [
        ("", "Lamp", 1),
        ("  ", "Lamp", 1),
        ("A", "", 1),
        ("A", "\t", 1),
        (7, "Lamp", 1),
        ("A", None, 1),
        ("A", "Lamp", -1),
        ("A", "Lamp", 1.5),
        ("A", "Lamp", "1"),
        ("A", "Lamp", True),
    ],
)
def test_item_of_nonsense_is_refused(parts):
    with pytest.raises(errors.InvalidItem):
        Item(*parts)


@pytest.mark.criterion("errors", points=3)
@pytest.mark.parametrize("quantity", [0, -1, 1.0, "2", True, None])
@pytest.mark.parametrize("method", ["add", "remove"])
def test_quantity_of_nonsense_is_refused(method, quantity):
    stock = stocked()
    with pytest.raises(errors.InvalidQuantity) as caught:
        getattr(stock, method)(Item(*LAMP) if method == "add" else "A-1", quantity)
    assert caught.value.quantity == quantity
    assert content(stock) == {"A-1": 2, "B-7": 5}


@pytest.mark.criterion("errors", points=2)
@pytest.mark.parametrize("sku", ["A-2", "a-1", ""])
def test_removing_what_is_not_held_is_refused(sku):
    stock = stocked()
    with pytest.raises(errors.UnknownItem) as caught:
        stock.remove(sku)
    assert caught.value.sku == sku


@pytest.mark.criterion("errors", points=1)
def test_removing_what_is_used_up_is_unknown():
    stock = stocked()
    stock.remove("A-1", 2)
    with pytest.raises(errors.UnknownItem):
        stock.remove("A-1")


@pytest.mark.criterion("errors", points=1)
def test_quantity_is_checked_before_the_item():
    with pytest.raises(errors.InvalidQuantity):
        stocked().remove("nothing", 0)


@pytest.mark.criterion("errors", points=2)
@pytest.mark.parametrize("parts", [("A-1", "Lampe", 1250), ("A-1", "Lamp", 1300)])
def test_other_item_under_a_known_sku_is_refused(parts):
    stock = stocked()
    with pytest.raises(errors.InvalidItem):
        stock.add(Item(*parts), 3)
    assert content(stock) == {"A-1": 2, "B-7": 5}
    assert stock.value_cents() == 2 * 1250 + 5 * 99


@pytest.mark.criterion("errors", points=4)
@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ({"B-7": 5, "A-1": 3}, "OutOfStock"),
        ({"A-1": 1, "C-3": 1}, "UnknownItem"),
        ({"B-7": 1, "A-1": 0}, "InvalidQuantity"),
    ],
)
def test_remove_all_takes_nothing_when_one_fails(wanted, kind):
    stock = stocked()
    with pytest.raises(getattr(errors, kind)):
        stock.remove_all(wanted)
    assert content(stock) == {"A-1": 2, "B-7": 5}


@pytest.mark.criterion("errors", points=2)
def test_transfer_of_too_many_moves_nothing():
    store, shop = stocked(), Stock()
    with pytest.raises(errors.OutOfStock) as caught:
        store.transfer(shop, "A-1", 3)
    assert (caught.value.wanted, caught.value.available) == (3, 2)
    assert content(store) == {"A-1": 2, "B-7": 5}
    assert content(shop) == {}


@pytest.mark.criterion("errors", points=3)
def test_transfer_that_the_other_side_refuses_moves_nothing():
    store, shop = stocked(), Stock()
    shop.add(Item("A-1", "Ladder", 9900))
    with pytest.raises(errors.InvalidItem):
        store.transfer(shop, "A-1", 2)
    assert content(store) == {"A-1": 2, "B-7": 5}
    assert content(shop) == {"A-1": 1}
    assert store.value_cents() == 2 * 1250 + 5 * 99
