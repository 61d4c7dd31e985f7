"""Time sheets of a bakery."""

from timesheet.billing import hours, tenths
from timesheet.report import overtime, table
from timesheet.sheet import Sheet
from timesheet.spans import merge, minutes, parse

__all__ = ["Sheet", "hours", "merge", "minutes", "overtime", "parse", "table", "tenths"]
