class InventoryError(Exception):
    pass


class InvalidItem(InventoryError, ValueError):
    pass


class InvalidQuantity(InventoryError, ValueError):
    def __init__(self, quantity):
        ValueError.__init__(self, f"not a quantity: {quantity!r}")
        self.quantity = quantity


class UnknownItem(InventoryError):
    def __init__(self, sku):
        self.sku = sku
        super().__init__(sku)


class OutOfStock(InventoryError):
    def __init__(self, sku, wanted, available):
        self.sku, self.wanted, self.available = sku, wanted, available
        super().__init__(sku, wanted, available)
