import copy

from inventory.errors import InvalidItem, InvalidQuantity, OutOfStock, UnknownItem


class Stock:
    def __init__(self):
        self.shelves = {}  # sku -> [item, quantity]

    def add(self, item, quantity=1):
        if type(quantity) is not int or quantity < 1:
            raise InvalidQuantity(quantity)
        shelf = self.shelves.get(item.sku, [item, 0])
        if shelf[0] != item:
            raise InvalidItem(f"{item.sku} is another item here")
        self.shelves[item.sku] = [item, shelf[1] + quantity]
        return shelf[1] + quantity

    def remove(self, sku, quantity=1):
        if type(quantity) is not int or quantity < 1:
            raise InvalidQuantity(quantity)
        if sku not in self.shelves:
            raise UnknownItem(sku)
        item, available = self.shelves[sku]
        if available < quantity:
            raise OutOfStock(sku, quantity, available)
        if available == quantity:
            del self.shelves[sku]
        else:
            self.shelves[sku] = [item, available - quantity]
        return available - quantity

    def quantity(self, sku):
        return self.shelves[sku][1] if sku in self.shelves else 0

    def value_cents(self):
        return sum(item.price_cents * quantity for item, quantity in self.shelves.values())

    def remove_all(self, wanted):
        before = copy.copy(self.shelves)
        try:
            for sku, quantity in wanted.items():
                self.remove(sku, quantity)
        except Exception:
            self.shelves = before
            raise

    def transfer(self, other, sku, quantity=1):
        item = self.shelves[sku][0] if sku in self.shelves else None
        self.remove(sku, quantity)
        try:
            other.add(item, quantity)
        except Exception:
            self.add(item, quantity)
            raise

    def __len__(self):
        return len(self.shelves)

    def __contains__(self, sku):
        return sku in self.shelves

    def __iter__(self):
        for sku in sorted(self.shelves):
            yield self.shelves[sku][0]
