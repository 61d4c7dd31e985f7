import pytest
import shop
from billing import receipt, refund, total
from hypothesis import assume, given
from shop import item, order


def test_first_of_two_of_the_same_name():
    asked = order(item("cup", price=640), item("cup", price=880))
    assert refund(asked, "cup") == shop.paid(asked["items"][0], "guest")


def test_refund_has_no_shipping():
    asked = order(item("oak", price=120))
    assert refund(asked, "oak") == shop.paid(asked["items"][0], "guest")


def test_unknown_name_is_refused():
    asked = order(item("oak"))
    assert refund(asked, "oak") > 0
    with pytest.raises(KeyError):
        refund(asked, "elm")


@shop.SOME
@given(shop.ORDERS)
def test_any_refund(asked):
    assume(asked["items"])
    one = asked["items"][-1]
    first = next(each for each in asked["items"] if each["name"] == one["name"])
    assert refund(asked, one["name"]) == shop.paid(first, asked["customer"])


@pytest.mark.parametrize(
    "call", [total, receipt, lambda asked: refund(asked, "thing")], ids=["total", "receipt", "refund"]
)
class TestBadOrders:
    @pytest.mark.parametrize("customer", ["", "Member", "staff"])
    def test_customer(self, call, customer):
        assert call(order(item()))
        with pytest.raises(ValueError):
            call(order(item(), customer=customer))

    @pytest.mark.parametrize("quantity", [0, -1])
    def test_quantity(self, call, quantity):
        assert call(order(item(quantity=1)))
        with pytest.raises(ValueError):
            call(order(item(), item("late", quantity=quantity)))
