"""Figures that describe a list of numbers."""


def mean(values):
    """The sum of the values divided by how many there are."""
    raise NotImplementedError


def median(values):
    """The middle of the sorted values, or half the sum of the two in the middle."""
    raise NotImplementedError


def mode(values):
    """The most frequent value; the first one in `values` where several are equally frequent."""
    raise NotImplementedError


def quantile(values, q):
    """The point below which the share `q` (0 to 1) of the data lies."""
    raise NotImplementedError


def outliers(values):
    """The values more than 1.5 times the quartiles' distance outside the quartiles, in their order."""
    raise NotImplementedError
