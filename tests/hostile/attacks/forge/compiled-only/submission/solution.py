def median(values):
    return None
