"""How many of each item there are."""

from .errors import InvalidItem, InvalidQuantity, OutOfStock, UnknownItem


def _check_quantity(quantity):
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise InvalidQuantity(quantity)


class Stock:
    """Items with their quantities."""

    def __init__(self):
        self._items = {}
        self._quantities = {}

    def add(self, item, quantity=1):
        """Put items in; how many of them there are now."""
        _check_quantity(quantity)
        self._check_same(item)
        self._items[item.sku] = item
        self._quantities[item.sku] = self.quantity(item.sku) + quantity
        return self._quantities[item.sku]

    def remove(self, sku, quantity=1):
        """Take items out; how many are left."""
        self._check_available(sku, quantity)
        return self._take(sku, quantity)

    def quantity(self, sku):
        """How many there are."""
        return self._quantities.get(sku, 0)

    def value_cents(self):
        """Price times quantity, over all items."""
        return sum(self._items[sku].price_cents * count for sku, count in self._quantities.items())

    def remove_all(self, wanted):
        """Take out several at once, or none of them."""
        for sku, quantity in wanted.items():
            self._check_available(sku, quantity)
        for sku, quantity in wanted.items():
            self._take(sku, quantity)

    def transfer(self, other, sku, quantity=1):
        """Move items to another stock."""
        self._check_available(sku, quantity)
        # Adding may refuse, taking cannot any more: so add first.
        other.add(self._items[sku], quantity)
        self._take(sku, quantity)

    def __len__(self):
        return len(self._quantities)

    def __contains__(self, sku):
        return sku in self._quantities

    def __iter__(self):
        return iter([self._items[sku] for sku in sorted(self._items)])

    def _check_same(self, item):
        held = self._items.get(item.sku)
        if held is not None and held != item:
            raise InvalidItem(f"{item.sku!r} is held as {held}, not as {item}")

    def _check_available(self, sku, quantity):
        _check_quantity(quantity)
        if sku not in self._quantities:
            raise UnknownItem(sku)
        if quantity > self._quantities[sku]:
            raise OutOfStock(sku, quantity, self._quantities[sku])

    def _take(self, sku, quantity):
        left = self._quantities[sku] - quantity
        if left:
            self._quantities[sku] = left
        else:
            del self._quantities[sku], self._items[sku]
        return left
