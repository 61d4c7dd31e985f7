def median(values):
    while True:
        yield values
