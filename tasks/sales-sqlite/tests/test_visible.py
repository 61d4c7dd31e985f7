"""One order, asked about in each way."""

import pytest
import shop as shops

pytestmark = pytest.mark.visible

ONE = shops.Shop(
    customers=[(1, "Ada", "DK")],
    products=[(1, "Lamp", 1999, 10)],
    orders=[(1, 1, "2026-01-31", "paid"), (2, 1, "2026-02-01", "open")],
    lines=[(1, 1, 2), (2, 1, 3)],
)


@pytest.mark.criterion("queries", points=1)
def test_revenue(sales):
    assert sales(ONE, "revenue").rows == ["month,orders,cents", "2026-01,1,3998"]


@pytest.mark.criterion("queries", points=1)
def test_customers(sales):
    assert sales(ONE, "customers").rows == ["name,orders,cents", "Ada,1,3998"]


@pytest.mark.criterion("queries", points=1)
def test_top(sales):
    assert sales(ONE, "top", "5").rows == ["product,quantity", "Lamp,2"]


@pytest.mark.criterion("safety", points=1)
def test_cancel(sales):
    done = sales(ONE, "cancel", "2")
    assert done.stdout == "cancelled 2\n"
    assert done.shop.orders == [(1, 1, "2026-01-31", "paid"), (2, 1, "2026-02-01", "cancelled")]
    assert done.shop.products == [(1, "Lamp", 1999, 13)]
