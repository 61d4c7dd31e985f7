"""What a shop's orders cost: totals, receipts and refunds, in cents."""

CUSTOMERS = {"guest", "member", "business"}
REDUCED_TAX = {"food", "book"}
FREE_SHIPPING_FROM = 5000
SHIPPING = 490


def total(order):
    """What is to be paid for an order."""
    check(order)
    goods = 0
    for item in order["items"]:
        if item["quantity"] < 1:
            raise ValueError(f"no such quantity: {item['quantity']}")
        off = discount(item["quantity"], order["customer"])
        net = item["price"] * item["quantity"] * (100 - off) // 100
        gross = net * (100 + tax(item["kind"])) // 100
        goods += gross
    return goods + shipping(order, goods)


def receipt(order):
    """The lines of an order's receipt."""
    check(order)
    goods, lines = 0, []
    for item in order["items"]:
        if item["quantity"] < 1:
            raise ValueError(f"no such quantity: {item['quantity']}")
        off = discount(item["quantity"], order["customer"])
        net = item["price"] * item["quantity"] * (100 - off) // 100
        gross = net * (100 + tax(item["kind"])) // 100
        goods += gross
        lines.append(f"{item['quantity']} x {item['name']}: {money(gross)}")
    sent = shipping(order, goods)
    return [*lines, f"shipping: {money(sent)}", f"total: {money(goods + sent)}"]


def refund(order, name):
    """What is paid back for the first item of this name."""
    check(order)
    found = []
    for item in order["items"]:
        if item["quantity"] < 1:
            raise ValueError(f"no such quantity: {item['quantity']}")
        off = discount(item["quantity"], order["customer"])
        net = item["price"] * item["quantity"] * (100 - off) // 100
        gross = net * (100 + tax(item["kind"])) // 100
        if item["name"] == name:
            found.append(gross)
    if not found:
        raise KeyError(name)
    return found[0]


def check(order):
    """Refuse a customer that there is not."""
    if order["customer"] not in CUSTOMERS:
        raise ValueError(f"no such customer: {order['customer']}")


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
