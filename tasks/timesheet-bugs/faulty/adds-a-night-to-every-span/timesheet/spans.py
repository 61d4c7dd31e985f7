"""Spans of work: pairs of begin and end, in minutes after midnight of the day on which they begin."""

import re


def parse(text):
    """The span that a text such as "09:00-17:30" names; blanks around it do not matter.

    A span whose end is an earlier time than its begin goes on into the next day: its end is beyond 24 hours.

    Raises:
        ValueError: the text is no span, one of its times is none (24:00 is none), or the span has no length.
    """
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text.strip())
    if found is None:
        raise ValueError(f"expected a span such as 09:00-17:30, got {text!r}")
    hours, minutes, end_hours, end_minutes = map(int, found.groups())
    if hours > 23 or end_hours > 23 or minutes > 59 or end_minutes > 59:
        raise ValueError(f"expected times from 00:00 to 23:59, got {text!r}")
    begin, end = hours * 60 + minutes, end_hours * 60 + end_minutes
    if begin == end:
        raise ValueError(f"expected a span of a minute or more, got {text!r}")
    if end < begin or end <= 12 * 60:
        end += 24 * 60
    return begin, end


def merge(spans):
    """The same time as a list of spans that neither overlap nor touch, by begin; the argument is left alone."""
    merged = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def minutes(spans):
    """How many minutes the spans cover; what several of them cover counts once."""
    return sum(end - begin for begin, end in merge(spans))
