"""Minutes as they are billed and as they are printed."""


def tenths(minutes):
    """How many tenths of an hour are billed for whole minutes: the nearest number, half a tenth rounded up."""
    whole, rest = divmod(minutes, 6)
    return whole + 1 if rest >= 3 else whole


def hours(minutes):
    """Whole minutes as a text of hours and minutes: 450 are "7:30"."""
    whole, rest = divmod(minutes, 60)
    return "{}:{:0>2}".format(whole, rest)
