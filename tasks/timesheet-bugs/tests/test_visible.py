"""The complaints, one by one, and a little of what works already."""

from datetime import date

import pytest
from timesheet import Sheet, hours, merge, minutes, parse, table, tenths

pytestmark = pytest.mark.visible

MONDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 8)


@pytest.mark.criterion("fixes")
def test_complaint_night():
    assert Sheet("Rosa", {MONDAY: ["22:00-06:00"]}).minutes(MONDAY) == 480


@pytest.mark.criterion("fixes")
def test_complaint_inner():
    assert Sheet("Tim", {MONDAY: ["08:00-12:00", "09:00-10:00"]}).minutes(MONDAY) == 240


@pytest.mark.criterion("fixes")
def test_complaint_tenths():
    assert [tenths(3), tenths(9), tenths(15)] == [1, 2, 3]


@pytest.mark.criterion("fixes")
def test_complaint_shared():
    tim, rosa = Sheet("Tim"), Sheet("Rosa")
    tim.add(MONDAY, "08:00-12:00")
    assert (tim.minutes(MONDAY), rosa.minutes(MONDAY)) == (240, 0)


@pytest.mark.criterion("fixes")
def test_complaint_sunday():
    assert Sheet("Ana", {SUNDAY: ["08:00-13:00"]}).week(SUNDAY) == 300


@pytest.mark.criterion("fixes")
def test_complaint_zero():
    assert hours(425) == "7:05"


@pytest.mark.criterion("kept")
def test_a_plain_day_is_right():
    assert parse("09:00-17:30") == (540, 1050)
    assert minutes([(540, 600), (570, 630)]) == 90
    assert merge([(700, 800), (100, 200)]) == [(100, 200), (700, 800)]


@pytest.mark.criterion("kept")
def test_a_plain_week_is_right():
    assert Sheet("Tim", {MONDAY: ["08:00-18:00"]}).week(date(2026, 3, 4)) == 600
    assert [row[0] for row in table([Sheet("tim", {MONDAY: ["08:00-18:00"]})], MONDAY)] == ["tim"]
