def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("expected at least one value")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return (ordered[middle - 1] + ordered[middle]) / 2
