"""Orders, and what they come to by the rules of the brief, worked out in another way than any solution."""

from fractions import Fraction
from math import floor

from hypothesis import Phase, settings
from hypothesis import strategies as st

# Few, and not made smaller: a run has one clock for all tests, and the cases beside these name each rule.
SOME = settings(max_examples=25, phases=[Phase.generate])

KINDS = ("food", "book", "office", "toy")
CUSTOMERS = ("guest", "member", "business")


def item(name="thing", kind="toy", price=1000, quantity=1):
    return {"name": name, "kind": kind, "price": price, "quantity": quantity}


def order(*items, customer="guest"):
    return {"customer": customer, "items": list(items)}


def paid(one, customer):
    keep = 100
    for least, percent in ((10, 5), (50, 7)):
        if one["quantity"] >= least:
            keep -= percent
    if customer == "member":
        keep -= 3
    net = floor(Fraction(one["price"] * one["quantity"] * keep, 100))
    return floor(net * (Fraction(107, 100) if one["kind"] in ("food", "book") else Fraction(119, 100)))


def sent(asked):
    goods = sum(paid(one, asked["customer"]) for one in asked["items"])
    if asked["customer"] == "business" or not asked["items"]:
        return 0
    return 490 * (goods < 5000)


def due(asked):
    return sent(asked) + sum(paid(one, asked["customer"]) for one in asked["items"])


def euros(cents):
    text = f"{cents:03}"
    return f"{text[:-2]}.{text[-2:]}"


ITEMS = st.builds(
    item,
    name=st.sampled_from(["cup", "map", "oak", "jam"]),
    kind=st.sampled_from(KINDS),
    price=st.integers(0, 3000),
    quantity=st.sampled_from([1, 2, 9, 10, 11, 49, 50, 51]),
)
ORDERS = st.builds(
    lambda customer, items: {"customer": customer, "items": items},
    st.sampled_from(CUSTOMERS),
    st.lists(ITEMS, max_size=4),
)
