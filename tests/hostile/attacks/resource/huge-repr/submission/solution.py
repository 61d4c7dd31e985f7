class Long:
    def __repr__(self):
        return "x" * 50_000_000

    __str__ = __repr__

class LongError(Exception):
    def __str__(self):
        return "y" * 50_000_000

def median(values):
    if len(values) % 2:
        return Long()
    raise LongError("z" * 50_000_000)
