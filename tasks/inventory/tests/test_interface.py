"""The package's names, and a stock as a container."""

import inventory
import pytest
from inventory.item import Item
from inventory.stock import Stock


@pytest.mark.criterion("interface", points=2)
@pytest.mark.parametrize(
    "name", ["Item", "Stock", "InventoryError", "InvalidItem", "InvalidQuantity", "UnknownItem", "OutOfStock"]
)
def test_package_offers_its_names(name):
    assert isinstance(getattr(inventory, name), type)


@pytest.mark.criterion("interface", points=2)
def test_length_counts_different_items():
    stock = Stock()
    stock.add(Item("A", "Lamp", 1), 10)
    stock.add(Item("B", "Soap", 1), 10)
    assert len(stock) == 2
    stock.remove("A", 10)
    assert len(stock) == 1


@pytest.mark.criterion("interface", points=2)
def test_in_asks_by_sku():
    stock = Stock()
    assert "A" not in stock
    stock.add(Item("A", "Lamp", 1))
    assert "A" in stock
    stock.remove("A")
    assert "A" not in stock


@pytest.mark.criterion("interface", points=3)
def test_iteration_gives_items_sorted_by_sku():
    stock = Stock()
    for sku in ("m", "b", "Z", "a"):
        stock.add(Item(sku, f"Thing {sku}", 1), 2)
    stock.remove("b", 2)
    assert [item.sku for item in stock] == ["Z", "a", "m"]
    assert [item.name for item in stock] == ["Thing Z", "Thing a", "Thing m"]


@pytest.mark.criterion("interface", points=1)
def test_iteration_can_begin_again():
    stock = Stock()
    stock.add(Item("A", "Lamp", 1))
    assert [item.sku for item in stock] == [item.sku for item in stock] == ["A"]


@pytest.mark.criterion("interface", points=1)
def test_stock_can_be_emptied_while_going_through_it():
    stock = Stock()
    for sku in "abc":
        stock.add(Item(sku, sku, 1), 2)
    for item in list(stock):
        stock.remove(item.sku, 2)
    assert len(stock) == 0
