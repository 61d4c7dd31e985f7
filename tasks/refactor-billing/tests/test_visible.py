import pytest
from billing import receipt, refund, total

pytestmark = pytest.mark.visible

ORDER = {
    "customer": "member",
    "items": [
        {"name": "pen", "kind": "office", "price": 150, "quantity": 12},
        {"name": "atlas", "kind": "book", "price": 2900, "quantity": 1},
    ],
}


def test_total():
    assert total(ORDER) == 5469


def test_receipt():
    assert receipt(ORDER) == ["12 x pen: 19.70", "1 x atlas: 30.09", "shipping: 4.90", "total: 54.69"]


def test_refund():
    assert refund(ORDER, "atlas") == 3009


def test_unknown_customer_is_refused():
    with pytest.raises(ValueError):
        total({"customer": "ghost", "items": []})
