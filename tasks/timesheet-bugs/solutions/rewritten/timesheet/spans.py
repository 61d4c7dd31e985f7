"""Spans of work: pairs of begin and end, in minutes after midnight of the day on which they begin."""

import re

HOUR = 60
DAY = 24 * HOUR
TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])"


def parse(text):
    """The span that a text such as "09:00-17:30" names; blanks around it do not matter.

    A span whose end is an earlier time than its begin goes on into the next day: its end is beyond 24 hours.

    Raises:
        ValueError: the text is no span, one of its times is none (24:00 is none), or the span has no length.
    """
    found = re.fullmatch(rf"\s*{TIME}-{TIME}\s*", text)
    if not found:
        raise ValueError(f"expected a span of two times such as 09:00-17:30, got {text!r}")
    begin = int(found[1]) * HOUR + int(found[2])
    length = (int(found[3]) * HOUR + int(found[4]) - begin) % DAY
    if not length:
        raise ValueError(f"expected a span of a minute or more, got {text!r}")
    return begin, begin + length


def merge(spans):
    """The same time as a list of spans that neither overlap nor touch, by begin; the argument is left alone."""
    merged = []
    for span in sorted(spans):
        while merged and merged[-1][1] >= span[0]:
            before = merged.pop()
            span = (before[0], max(before[1], span[1]))
        merged.append(span)
    return merged


def minutes(spans):
    """How many minutes the spans cover; what several of them cover counts once."""
    covered = set()
    for begin, end in spans:
        covered.update(range(begin, end))
    return len(covered)
