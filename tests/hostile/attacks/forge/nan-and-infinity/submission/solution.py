import itertools

VALUES = itertools.cycle([float("nan"), float("inf"), -float("inf"), complex("nan"), -0.0])

def median(values):
    return next(VALUES)
