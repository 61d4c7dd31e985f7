P = (1 << 61) - 1

def median(values):
    return {1 + n * P: n for n in range(60_000)}
