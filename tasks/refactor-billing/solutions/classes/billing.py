"""Orders of a shop and what they cost, in cents."""

DISCOUNTS = ((50, 12), (10, 5))
TAX = {"food": 7, "book": 7}


class Item:
    """One item of an order, as a kind of customer pays for it."""

    def __init__(self, entry, customer):
        if entry["quantity"] < 1:
            raise ValueError("expected a quantity of 1 or more")
        self.entry = entry
        self.member = customer == "member"

    @property
    def discount(self):
        """Percent off."""
        off = next((percent for least, percent in DISCOUNTS if self.entry["quantity"] >= least), 0)
        return off + 3 if self.member else off

    @property
    def amount(self):
        """What it costs, with discount and tax, each cut to cents."""
        entry = self.entry
        net = entry["price"] * entry["quantity"] * (100 - self.discount) // 100
        return net * (100 + TAX.get(entry["kind"], 19)) // 100


class Order:
    """An order that makes sense."""

    def __init__(self, order):
        if order["customer"] not in ("guest", "member", "business"):
            raise ValueError("expected a guest, a member or a business")
        self.customer = order["customer"]
        self.items = [Item(entry, self.customer) for entry in order["items"]]

    @property
    def goods(self):
        """What all items cost."""
        return sum(item.amount for item in self.items)

    @property
    def shipping(self):
        """What sending costs."""
        if not self.items or self.customer == "business":
            return 0
        return 490 if self.goods < 5000 else 0


def total(order):
    """What is to be paid."""
    order = Order(order)
    return order.goods + order.shipping


def receipt(order):
    """The lines of a receipt."""
    order = Order(order)
    told = [(f"{item.entry['quantity']} x {item.entry['name']}", item.amount) for item in order.items]
    told += [("shipping", order.shipping), ("total", order.goods + order.shipping)]
    return ["{}: {}.{:02}".format(words, *divmod(cents, 100)) for words, cents in told]


def refund(order, name):
    """What is paid back for the first item of this name."""
    found = [item.amount for item in Order(order).items if item.entry["name"] == name]
    if not found:
        raise KeyError(name)
    return found[0]
