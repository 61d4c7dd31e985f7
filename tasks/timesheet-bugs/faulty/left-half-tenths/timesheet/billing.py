"""Minutes as they are billed and as they are printed."""


def tenths(minutes):
    """How many tenths of an hour are billed for whole minutes: the nearest number, half a tenth rounded up."""
    return round(minutes / 6)


def hours(minutes):
    """Whole minutes as a text of hours and minutes: 450 are "7:30"."""
    return f"{minutes // 60}:{minutes % 60:02}"
