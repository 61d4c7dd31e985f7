"""Keeps count of what a shop has on its shelves."""
