def median(values):
    error = ValueError("first") if values else KeyError("other")
    for number in range(100_000):
        new = RuntimeError(number)
        new.__cause__ = error
        error = new
    raise error
