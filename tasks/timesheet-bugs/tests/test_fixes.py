"""The complaints again, with other hours and days. A test's first word says which of them it is about."""

from datetime import date

import pytest
from timesheet import Sheet, hours, minutes, overtime, table, tenths

pytestmark = pytest.mark.criterion("fixes")

TUESDAY, SUNDAY = date(2026, 6, 16), date(2026, 6, 21)


def test_night_shift_counts_forwards():
    assert Sheet("Uwe", {TUESDAY: ["23:30-04:10"]}).minutes(TUESDAY) == 280


def test_night_shift_may_end_at_midnight():
    assert Sheet("Uwe", {TUESDAY: ["20:15-00:00"]}).minutes(TUESDAY) == 225


def test_inner_span_takes_nothing_away():
    assert minutes([(600, 900), (660, 690)]) == 300


def test_inner_span_is_covered_by_the_longest_before_it():
    assert minutes([(600, 900), (610, 620), (630, 640), (870, 930)]) == 330


@pytest.mark.criterion("fixes", points=1)
@pytest.mark.parametrize(("worked", "billed"), [(27, 5), (39, 7), (63, 11), (447, 75)])
def test_tenths_are_rounded_up_from_the_half(worked, billed):
    assert tenths(worked) == billed


def test_tenths_of_a_week_are_billed_so(work):
    assert [row[2] for row in table([work("Uwe", {TUESDAY: ["06:00-08:15"]})], TUESDAY)] == [23]


def test_shared_days_are_no_more():
    first = Sheet("Uwe")
    first.add(TUESDAY, "10:00-12:45")
    second = Sheet("Vera")
    second.add(SUNDAY, "10:00-11:00")
    assert (first.minutes(TUESDAY), first.minutes(SUNDAY)) == (165, 0)
    assert (second.minutes(TUESDAY), second.minutes(SUNDAY)) == (0, 60)


def test_shared_weeks_are_no_more():
    for name in ("Uwe", "Vera", "Willi"):
        sheet = Sheet(name)
        sheet.add(date(2026, 6, 17), "10:00-10:50")
        sheet.add(date(2026, 6, 18), "10:00-10:01")
        assert sheet.week(TUESDAY) == 51
        assert sheet.days == {date(2026, 6, 17): ["10:00-10:50"], date(2026, 6, 18): ["10:00-10:01"]}


def test_sunday_is_in_the_week_before_it(work):
    sheet = work("Uwe", {SUNDAY: ["12:00-13:10"], TUESDAY: ["12:00-12:20"]})
    assert [sheet.week(TUESDAY), sheet.week(SUNDAY)] == [90, 90]


def test_sunday_counts_as_overtime(work):
    days = {date(2026, 6, day): ["08:00-18:00"] for day in (15, 16, 17, 18)}
    assert overtime(work("Uwe", {**days, SUNDAY: ["07:00-08:17"]}), TUESDAY) == 77


@pytest.mark.criterion("fixes", points=1)
@pytest.mark.parametrize(("worked", "text"), [(61, "1:01"), (129, "2:09"), (600, "10:00"), (4, "0:04")])
def test_zero_stands_before_one_digit(worked, text):
    assert hours(worked) == text


def test_zero_stands_in_the_table(work):
    assert [row[1::2] for row in table([work("Uwe", {TUESDAY: ["08:00-12:08"]})], TUESDAY)] == [
        ("4:08", "0:00")
    ]
