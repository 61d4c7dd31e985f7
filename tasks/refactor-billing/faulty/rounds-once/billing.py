"""What a shop's orders cost: totals, receipts and refunds, in cents."""

CUSTOMERS = {"guest", "member", "business"}
REDUCED_TAX = {"food", "book"}
FREE_SHIPPING_FROM = 5000
SHIPPING = 490


def total(order):
    """What is to be paid for an order."""
    goods = sum(amounts(order))
    return goods + shipping(order, goods)


def receipt(order):
    """The lines of an order's receipt."""
    paid = amounts(order)
    goods = sum(paid)
    sent = shipping(order, goods)
    lines = [
        f"{item['quantity']} x {item['name']}: {money(amount)}"
        for item, amount in zip(order["items"], paid, strict=True)
    ]
    return [*lines, f"shipping: {money(sent)}", f"total: {money(goods + sent)}"]


def refund(order, name):
    """What is paid back for the first item of this name."""
    for item, amount in zip(order["items"], amounts(order), strict=True):
        if item["name"] == name:
            return amount
    raise KeyError(name)


def amounts(order):
    """What each item of an order costs; refuses orders that make no sense."""
    if order["customer"] not in CUSTOMERS:
        raise ValueError(f"no such customer: {order['customer']}")
    return [amount(item, order["customer"]) for item in order["items"]]


def amount(item, customer):
    """What one item costs, with discount and tax."""
    if item["quantity"] < 1:
        raise ValueError(f"no such quantity: {item['quantity']}")
    net = item["price"] * item["quantity"] * (100 - discount(item["quantity"], customer))
    return net * (100 + tax(item["kind"])) // 10000


def discount(quantity, customer):
    """Percent off."""
    more = 3 if customer == "member" else 0
    if quantity >= 50:
        return 12 + more
    if quantity >= 10:
        return 5 + more
    return more


def tax(kind):
    """Percent on top."""
    return 7 if kind in REDUCED_TAX else 19


def shipping(order, goods):
    """What sending costs."""
    free = not order["items"] or order["customer"] == "business" or goods >= FREE_SHIPPING_FROM
    return 0 if free else SHIPPING


def money(cents):
    """Cents as people write them."""
    return f"{cents // 100}.{cents % 100:02}"
