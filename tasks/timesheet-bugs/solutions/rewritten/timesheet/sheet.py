"""One person's work, by day."""

from dataclasses import dataclass, field

from timesheet import spans


@dataclass
class Sheet:
    """What somebody wrote down.

    Args:
        name: of the person.
        days: for each date that has any, its spans as texts; none where nothing is given.
    """

    name: str
    days: dict = field(default_factory=dict)

    def add(self, day, text):
        """Write down a span for a date.

        Raises:
            ValueError: the text is no span; nothing is written down.
        """
        spans.parse(text)
        self.days[day] = [*self.days.get(day, []), text]

    def minutes(self, day):
        """The minutes of the spans that begin on a date."""
        return spans.minutes([spans.parse(text) for text in self.days.get(day, [])])

    def week(self, day):
        """The minutes of the week, Monday to Sunday, in which a date lies."""
        week = day.isocalendar()[:2]
        return sum(self.minutes(date) for date in self.days if date.isocalendar()[:2] == week)
