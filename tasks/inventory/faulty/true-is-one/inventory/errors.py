"""What can go wrong in an inventory."""


class InventoryError(Exception):
    """Anything that goes wrong in this package."""


class InvalidItem(InventoryError):
    """An item is made of values that make no sense."""


class InvalidQuantity(InventoryError):
    """A quantity is not a whole number of 1 or more."""

    def __init__(self, quantity):
        super().__init__(f"expected a whole number of 1 or more, got {quantity!r}")
        self.quantity = quantity


class UnknownItem(InventoryError):
    """The stock does not hold the item."""

    def __init__(self, sku):
        super().__init__(f"no item {sku!r} in stock")
        self.sku = sku


class OutOfStock(InventoryError):
    """More was wanted than there is."""

    def __init__(self, sku, wanted, available):
        super().__init__(f"{wanted} of {sku!r} wanted, {available} available")
        self.sku = sku
        self.wanted = wanted
        self.available = available
