import pytest
import shop
from billing import total
from hypothesis import given
from shop import item, order


@pytest.mark.parametrize("customer", shop.CUSTOMERS)
@pytest.mark.parametrize("quantity", [1, 9, 10, 49, 50])
def test_discount_goes_by_quantity_and_customer(customer, quantity):
    asked = order(item(price=777, quantity=quantity), customer=customer)
    assert total(asked) == shop.due(asked)


@pytest.mark.parametrize("kind", shop.KINDS)
def test_tax_goes_by_kind(kind):
    asked = order(item(kind=kind, price=333))
    assert total(asked) == shop.due(asked)


@pytest.mark.parametrize("price", [4671, 4672, 4673, 4674])
def test_shipping_is_free_from_a_sum_on(price):
    asked = order(item(kind="book", price=price))
    assert total(asked) == shop.due(asked)


def test_shipping_at_the_very_sum():
    asked = order(item(kind="food", price=4673))
    assert shop.due(asked) == 5000
    assert total(asked) == 5000


@pytest.mark.parametrize("customer", shop.CUSTOMERS)
def test_nothing_costs_nothing(customer):
    assert total(order(customer=customer)) == 0
    assert total(order(item(price=100), customer=customer)) > 0


@shop.SOME
@given(shop.ORDERS)
def test_any_total(asked):
    assert total(asked) == shop.due(asked)
