"""One kind of thing that the shop sells."""


class Item:
    """A sku, a name and a price in cents."""
