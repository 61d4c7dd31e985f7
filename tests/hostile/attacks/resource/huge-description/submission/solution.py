def method(self, *args):
    """Nothing."""

method.__doc__ = "d" * 3000
Many = type("Many", (), {f"name_{n}": method for n in range(20_000)})

def median(values):
    return Many()
