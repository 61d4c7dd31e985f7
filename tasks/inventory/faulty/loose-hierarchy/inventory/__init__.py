"""Keeps count of what a shop has on its shelves."""

from .errors import InvalidItem, InvalidQuantity, InventoryError, OutOfStock, UnknownItem
from .item import Item
from .stock import Stock

__all__ = ["InvalidItem", "InvalidQuantity", "InventoryError", "Item", "OutOfStock", "Stock", "UnknownItem"]
