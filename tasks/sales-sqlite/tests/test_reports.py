"""The figures that the data holds, and nobody left out."""

from collections import Counter, defaultdict

import pytest
import shop as shops
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


@pytest.mark.criterion("queries", points=3)
def test_revenue_by_month(sales):
    assert sales(shops.SMALL, "revenue").rows == [
        "month,orders,cents",
        "2025-12,1,45099",
        "2026-01,1,2296",
        "2026-02,2,5483",
    ]


@pytest.mark.criterion("queries", points=2)
def test_customers_by_what_they_paid(sales):
    assert sales(shops.SMALL, "customers").rows == [
        "name,orders,cents",
        "Di,1,45099",
        "Ada,2,6294",
        "Bo,1,1485",
        "Cy,0,0",
    ]


@pytest.mark.criterion("queries", points=2)
def test_customers_of_one_country(sales):
    assert sales(shops.SMALL, "customers", "--country", "DK").rows == ["name,orders,cents", "Ada,2,6294", "Cy,0,0"]


@pytest.mark.criterion("queries", points=2)
def test_top_products(sales):
    assert sales(shops.SMALL, "top", "2").rows == ["product,quantity", "Soap,19", "Lamp,3"]
    assert sales(shops.SMALL, "top", "9").rows == ["product,quantity", "Soap,19", "Lamp,3", "Desk,1"]
    assert sales(shops.SMALL, "top", "0").rows == ["product,quantity"]


@pytest.mark.criterion("queries", points=1)
def test_fields_are_quoted_where_csv_needs_it(sales):
    shop = shops.SMALL._replace(customers=[(1, 'Ada "A" Lund, Ltd', "DK")])
    assert sales(shop, "customers").rows[1] == '"Ada ""A"" Lund, Ltd",2,6294'


@pytest.mark.criterion("completeness", points=2)
def test_customers_without_paid_orders_count_nothing(sales):
    shop = shops.Shop(
        customers=[(1, "Open", "DK"), (2, "Never", "DK"), (3, "Gone", None)],
        products=[(1, "Lamp", 100, 1)],
        orders=[(1, 1, "2026-01-01", "open"), (2, 3, "2026-01-01", "cancelled")],
        lines=[(1, 1, 5), (2, 1, 7)],
    )
    assert sales(shop, "customers").rows == ["name,orders,cents", "Gone,0,0", "Never,0,0", "Open,0,0"]


@pytest.mark.criterion("completeness", points=2)
def test_namesakes_are_two_customers(sales):
    shop = shops.SMALL._replace(customers=[(1, "Ada", "DK"), (2, "Ada", "DK"), (3, "Ada", "SE"), (4, "Ada", "DK")])
    assert sales(shop, "customers").rows[1:] == ["Ada,1,45099", "Ada,2,6294", "Ada,1,1485", "Ada,0,0"]


@pytest.mark.criterion("completeness", points=1)
def test_products_of_one_name_are_two_products(sales):
    shop = shops.SMALL._replace(products=[(number, "Box", 100, 0) for number in (1, 2, 3, 4)])
    assert sales(shop, "top", "9").rows == ["product,quantity", "Box,19", "Box,3", "Box,1"]


@pytest.mark.criterion("completeness", points=1)
def test_equal_totals_come_by_name(sales):
    shop = shops.Shop(
        customers=[(1, "Zoe", "DK"), (2, "Ann", "DK"), (3, "Moe", "DK")],
        products=[(1, "Zinc", 100, 1), (2, "Apple", 100, 1)],
        orders=[(1, 1, "2026-01-01", "paid"), (2, 2, "2026-01-01", "paid")],
        lines=[(1, 1, 2), (2, 2, 2)],
    )
    assert sales(shop, "customers").rows[1:] == ["Ann,1,200", "Zoe,1,200", "Moe,0,0"]
    assert sales(shop, "top", "2").rows[1:] == ["Apple,2", "Zinc,2"]


@pytest.mark.criterion("completeness", points=1)
@pytest.mark.parametrize(
    ("command", "header"),
    [(["revenue"], "month,orders,cents"), (["customers"], "name,orders,cents"), (["top", "3"], "product,quantity")],
    ids=["revenue", "customers", "top"],
)
def test_an_empty_shop_gives_the_header_alone(sales, command, header):
    done = sales(shops.Shop([], [], [], []), *command)
    assert (done.stdout, done.returncode) == (header + "\n", 0)


rows = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from(["open", "paid", "cancelled"]), st.integers(1, 9)),
    min_size=1,
    max_size=12,
)


@pytest.mark.criterion("queries", points=3)
@settings(
    max_examples=8,
    phases=[Phase.generate],  # each example starts a program: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows)
def test_any_sales_add_up(sales, rows):
    prices = {1: 101, 2: 1003, 3: 10007}
    shop = shops.Shop(
        customers=[(1, "Ada", "DK"), (2, "Bo", "SE"), (3, "Cy", None)],
        products=[(number, f"P{number}", cents, 0) for number, cents in prices.items()],
        orders=[(i, who, f"2026-0{who}-01", status) for i, (who, _, status, _) in enumerate(rows)],
        lines=[(i, what, many) for i, (_, what, _, many) in enumerate(rows)],
    )
    cents, count = defaultdict(int), Counter()
    for who, what, status, many in rows:
        if status == "paid":
            cents[who] += many * prices[what]
            count[who] += 1
    expected = [f"2026-0{who},{count[who]},{cents[who]}" for who in sorted(cents)]
    assert sales(shop, "revenue").rows == ["month,orders,cents", *expected]
