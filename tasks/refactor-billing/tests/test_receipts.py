import pytest
import shop
from billing import receipt
from hypothesis import given
from shop import item, order


def expected(asked):
    lines = [
        f"{one['quantity']} x {one['name']}: {shop.euros(shop.paid(one, asked['customer']))}"
        for one in asked["items"]
    ]
    return [*lines, f"shipping: {shop.euros(shop.sent(asked))}", f"total: {shop.euros(shop.due(asked))}"]


@pytest.mark.parametrize("customer", shop.CUSTOMERS)
def test_receipt_of_one_item(customer):
    asked = order(item(price=205, quantity=3), customer=customer)
    assert receipt(asked) == expected(asked)


def test_receipt_of_nothing():
    assert receipt(order()) == ["shipping: 0.00", "total: 0.00"]


def test_cents_have_two_digits():
    asked = order(item(kind="food", price=1), customer="business")
    assert receipt(asked)[0] == "1 x thing: 0.01"


@shop.SOME
@given(shop.ORDERS)
def test_any_receipt(asked):
    assert receipt(asked) == expected(asked)
