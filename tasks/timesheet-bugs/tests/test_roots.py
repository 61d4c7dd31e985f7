"""What was wrong at the root of the complaints. A test's first word says which of them it is about."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timesheet import Sheet, hours, merge, minutes, parse, tenths

pytestmark = pytest.mark.criterion("roots")


@pytest.mark.criterion("roots", points=1)
@pytest.mark.parametrize(("text", "span"), [("22:40-05:20", (1360, 1760)), ("00:01-00:00", (1, 1440))])
def test_night_spans_end_beyond_the_day(text, span):
    assert parse(text) == span


def test_night_spans_are_merged_with_others():
    assert merge([parse("22:40-05:20"), parse("22:00-23:00"), parse("08:00-09:00")]) == [
        (480, 540),
        (1320, 1760),
    ]


def test_inner_spans_leave_the_outer_one_as_it_is():
    assert merge([(105, 115), (100, 200), (110, 120), (199, 201), (300, 301)]) == [(100, 201), (300, 301)]


spans = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda one: (one[0], one[0] + one[1]))


@settings(max_examples=40)
@given(st.lists(spans, max_size=6))
def test_inner_minutes_count_once(some):
    assert minutes([(0, 100), (10, 20), *some]) == 100
    covered = {minute for begin, end in some for minute in range(begin, end)}
    assert minutes(some) == len(covered)


@settings(max_examples=40)
@given(st.integers(0, 500))
def test_tenths_are_the_nearest_and_the_greater_of_two(count):
    assert tenths(count * 12 + 3) == count * 2 + 1
    assert [tenths(count * 6 + extra) - count for extra in range(6)] == [0, 0, 0, 1, 1, 1]


def test_shared_days_do_not_come_back_with_days_that_are_given():
    for day in (date(2026, 9, 7), date(2026, 9, 8)):
        empty, given_none = Sheet("Xenia"), Sheet("Yusuf", {})
        empty.add(day, "07:00-07:30")
        given_none.add(day, "07:00-07:10")
        assert (empty.week(day), given_none.week(day)) == (30, 10)


@settings(max_examples=30)
@given(st.dates(date(2024, 12, 20), date(2027, 1, 10)))
def test_sunday_and_monday_part_the_weeks(work, day):
    monday = day - timedelta(days=day.weekday())
    every = {monday + timedelta(days=after): [f"10:00-10:{after + 20}"] for after in range(-3, 10)}
    assert work("Zoe", every).week(day) == sum(range(20, 27))


@settings(max_examples=30)
@given(st.integers(0, 99), st.integers(0, 9), st.integers(10, 59))
def test_zero_never_hides_a_digit(whole, few, many):
    assert hours(whole * 60 + few) == f"{whole}:0{few}"
    assert hours(whole * 60 + many) == f"{whole}:{many}"
