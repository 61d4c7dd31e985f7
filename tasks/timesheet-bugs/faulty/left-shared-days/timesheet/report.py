"""What the office looks at."""

from timesheet.billing import hours, tenths

FULL_WEEK = 40 * 60


def overtime(sheet, day):
    """The minutes beyond 40 hours in the week of a date; 0 where there are none."""
    return max(0, sheet.week(day) - FULL_WEEK)


def table(sheets, day):
    """The week of a date: for each sheet its name, hours as text, tenths to bill, and overtime as text.

    By name, whatever the case of its letters; a sheet without a minute in that week is left out.
    """
    lines = []
    for sheet in sorted(sheets, key=lambda sheet: sheet.name.casefold()):
        week = sheet.week(day)
        if week > 0:
            lines.append((sheet.name, hours(week), tenths(week), hours(overtime(sheet, day))))
    return lines
