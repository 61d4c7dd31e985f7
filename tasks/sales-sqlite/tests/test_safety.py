"""Text stays text, and a change happens wholly or not at all."""

import pytest
import shop as shops


@pytest.mark.criterion("safety", points=4)
@pytest.mark.parametrize(
    "country",
    ["x' OR '1'='1", "' OR 1=1 --", "DK'; DROP TABLE orders; --", '" OR ""="', "%", "dk"],
    ids=["or", "comment", "drop", "quotes", "percent", "case"],
)
def test_a_country_is_never_sql(sales, country):
    done = sales(shops.SMALL, "customers", "--country", country)
    assert (done.stdout, done.returncode) == ("name,orders,cents\n", 0)
    assert done.shop == shops.SMALL


@pytest.mark.criterion("safety", points=1)
def test_a_country_may_hold_a_quote(sales):
    shop = shops.SMALL._replace(customers=[(1, "Ada", "O'"), (2, "Bo", "O")])
    assert sales(shop, "customers", "--country", "O'").rows == ["name,orders,cents", "Ada,2,6294"]


@pytest.mark.criterion("safety", points=3)
def test_cancelling_gives_every_line_back(sales):
    done = sales(shops.SMALL, "cancel", "5")
    assert (done.stdout, done.returncode) == ("cancelled 5\n", 0)
    assert [status for _, _, _, status in done.shop.orders] == [
        "paid", "paid", "paid", "cancelled", "cancelled", "paid", "open",
    ]  # fmt: skip
    assert [stock for _, _, _, stock in done.shop.products] == [14, 54, 2, 3]
    assert done.shop.lines == shops.SMALL.lines


@pytest.mark.criterion("safety", points=3)
@pytest.mark.parametrize("order", ["1", "4", "8"], ids=["paid", "cancelled", "missing"])
def test_what_cannot_be_cancelled_is_left_alone(sales, order):
    done = sales(shops.SMALL, "cancel", order)
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.strip()
    assert done.shop == shops.SMALL


@pytest.mark.criterion("safety", points=4)
def test_a_line_without_its_product_stops_the_whole_change(sales):
    done = sales(shops.SMALL, "cancel", "7")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.strip()
    assert done.shop == shops.SMALL


@pytest.mark.criterion("safety", points=1)
@pytest.mark.parametrize("command", [["revenue"], ["customers"], ["top", "3"]], ids=["revenue", "customers", "top"])
def test_reports_change_nothing(sales, command):
    done = sales(shops.SMALL, *command)
    assert done.returncode == 0
    assert done.shop == shops.SMALL
    assert done.files == {}


@pytest.mark.criterion("safety", points=2)
def test_a_missing_database_is_not_made(program):
    done = program("none.sqlite", "revenue")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.strip()
    assert done.files == {}


@pytest.mark.criterion("safety", points=1)
@pytest.mark.parametrize(
    "command",
    [["sell"], ["top"], ["top", "many"], ["cancel", "x"], [], ["customers", "--land", "DK"]],
    ids=["unknown", "few", "word", "id", "none", "option"],
)
def test_mistakes_in_use(sales, command):
    done = sales(shops.SMALL, *command)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.shop == shops.SMALL
