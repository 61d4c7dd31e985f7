"""Figures that describe a list of numbers, with as much of the standard library as fits."""

import statistics
from collections import Counter


def mean(values):
    if not values:
        raise ValueError("no mean without values")
    return sum(values) / len(values)


def median(values):
    if len(values) == 0:
        raise ValueError("no median without values")
    return statistics.median(values)


def mode(values):
    if len(values) == 0:
        raise ValueError("no mode without values")
    return Counter(values).most_common(1)[0][0]


def quantile(values, q):
    if len(values) == 0:
        raise ValueError("no quantile without values")
    if q < 0 or q > 1:
        raise ValueError("q must lie between 0 and 1")
    ordered = sorted(values)
    whole, rest = divmod(q * (len(ordered) - 1), 1)
    index = int(whole)
    if rest == 0:
        return ordered[index]
    return ordered[index] * (1 - rest) + ordered[index + 1] * rest


def outliers(values):
    if len(values) == 0:
        return []
    q1 = quantile(values, 0.25)
    q3 = quantile(values, 0.75)
    low = q1 - 1.5 * (q3 - q1)
    high = q3 + 1.5 * (q3 - q1)
    return [v for v in values if not low <= v <= high]
