"""One person's work, by day."""

from datetime import timedelta

from timesheet import spans


class Sheet:
    """What somebody wrote down.

    Args:
        name: of the person.
        days: for each date that has any, its spans as texts; none where nothing is given.
    """

    def __init__(self, name, days=None):
        self.name = name
        self.days = {} if days is None else days

    def add(self, day, text):
        """Write down a span for a date.

        Raises:
            ValueError: the text is no span; nothing is written down.
        """
        spans.parse(text)
        self.days.setdefault(day, []).append(text)

    def minutes(self, day):
        """The minutes of the spans that begin on a date."""
        return spans.minutes(spans.parse(text) for text in self.days.get(day, []))

    def week(self, day):
        """The minutes of the week, Monday to Sunday, in which a date lies."""
        monday = day - timedelta(days=day.weekday())
        return sum(self.minutes(monday + timedelta(days=after)) for after in range(7))
