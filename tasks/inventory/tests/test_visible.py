"""A first look at each part."""

import pytest
from inventory.errors import InventoryError, OutOfStock
from inventory.item import Item
from inventory.stock import Stock

pytestmark = pytest.mark.visible


@pytest.mark.criterion("model", points=2)
def test_what_was_added_is_there():
    stock = Stock()
    assert stock.add(Item("A-1", "Lamp", 1250), 3) == 3
    assert stock.quantity("A-1") == 3


@pytest.mark.criterion("model", points=1)
def test_item_reads_well():
    assert str(Item("A-1", "Lamp", 1250)) == "A-1 Lamp 12.50"


@pytest.mark.criterion("errors", points=2)
def test_taking_too_many_is_refused():
    stock = Stock()
    stock.add(Item("A-1", "Lamp", 1250), 3)
    with pytest.raises(OutOfStock) as caught:
        stock.remove("A-1", 4)
    assert (caught.value.sku, caught.value.wanted, caught.value.available) == ("A-1", 4, 3)
    assert isinstance(caught.value, InventoryError)


@pytest.mark.criterion("interface", points=1)
def test_stock_has_a_length():
    stock = Stock()
    assert len(stock) == 0
    stock.add(Item("A-1", "Lamp", 1250), 3)
    assert len(stock) == 1
