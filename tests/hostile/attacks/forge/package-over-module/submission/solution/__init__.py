def median(values):
    raise ValueError
