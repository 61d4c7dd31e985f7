"""What can go wrong in an inventory."""


class InventoryError(Exception):
    """Anything that goes wrong in this package."""
