"""How many of each item there are."""


class Stock:
    """Items with their quantities."""

    def add(self, item, quantity=1):
        raise NotImplementedError

    def remove(self, sku, quantity=1):
        raise NotImplementedError
