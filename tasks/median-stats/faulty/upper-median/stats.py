"""Figures that describe a list of numbers."""

import math


def _require(values):
    if not values:
        raise ValueError("expected at least one value, got none")


def mean(values):
    """The sum of the values divided by how many there are."""
    _require(values)
    return sum(values) / len(values)


def median(values):
    """The middle of the sorted values, or half the sum of the two in the middle."""
    _require(values)
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle]


def mode(values):
    """The most frequent value; the first one in `values` where several are equally frequent."""
    _require(values)
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    # Dictionaries keep the order of first sight, and max() keeps the first of equals.
    return max(counts, key=counts.get)


def quantile(values, q):
    """The point below which the share `q` (0 to 1) of the data lies."""
    _require(values)
    if not 0 <= q <= 1:
        raise ValueError(f"expected a share from 0 to 1, got {q}")
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def outliers(values):
    """The values more than 1.5 times the quartiles' distance outside the quartiles, in their order."""
    if not values:
        return []
    first, third = quantile(values, 0.25), quantile(values, 0.75)
    reach = 1.5 * (third - first)
    return [value for value in values if value < first - reach or value > third + reach]
