"""What worked before. The starter passes all of this."""

from datetime import date

import pytest
from timesheet import Sheet, hours, merge, minutes, overtime, parse, table, tenths

pytestmark = pytest.mark.criterion("kept")

MONDAY = date(2026, 11, 2)
WEEK = [date(2026, 11, day) for day in range(2, 8)]  # Monday to Saturday


@pytest.mark.criterion("kept", points=1)
@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:00-23:59", (0, 1439)),
        ("07:05-12:00", (425, 720)),
        ("\t11:59-12:01 ", (719, 721)),
        ("23:58-23:59", (1438, 1439)),
    ],
    ids=["day", "morning", "blanks", "late"],
)
def test_spans_are_read(text, span):
    assert parse(text) == span


@pytest.mark.criterion("kept", points=2)
@pytest.mark.parametrize(
    "text",
    ["", "09:00", "9:00-10:00", "09:00-24:00", "24:00-09:00", "09:60-10:00", "09:00-10:60", "09:00-09:00", "09:00-10:00x",
     "x09:00-10:00", "09:00 - 10:00", "29:00-10:00", "09:00-30:00"],
    ids=["nothing", "one", "digit", "end-24", "begin-24", "begin-60", "end-60", "length", "more", "before", "blanks", "29",
         "30"],
)  # fmt: skip
def test_what_is_no_span_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse(text)
    assert parse("09:00-10:00") == (540, 600)


def test_merge_joins_what_overlaps_or_touches():
    assert merge([(60, 90), (10, 20), (20, 30), (80, 120), (121, 130)]) == [(10, 30), (60, 120), (121, 130)]


def test_merge_takes_any_iterable_and_gives_a_list():
    assert merge(iter([(5, 6), (1, 2)])) == [(1, 2), (5, 6)]
    assert merge(()) == []


@pytest.mark.inplace
def test_merge_leaves_its_argument_alone():
    spans = [(30, 40), (10, 20), (15, 25)]
    assert merge(spans) == [(10, 25), (30, 40)]
    assert spans == [(30, 40), (10, 20), (15, 25)]


def test_minutes_of_spans():
    assert minutes([(1, 2), (10, 20), (15, 25)]) == 16
    assert minutes([]) == 0


@pytest.mark.criterion("kept", points=1)
@pytest.mark.parametrize(
    ("worked", "billed"),
    [(0, 0), (2, 0), (4, 1), (6, 1), (8, 1), (9, 2), (10, 2), (21, 4), (480, 80), (2399, 400)],
)
def test_tenths_that_were_right(worked, billed):
    assert tenths(worked) == billed


@pytest.mark.criterion("kept", points=1)
@pytest.mark.parametrize(
    ("worked", "text"), [(10, "0:10"), (450, "7:30"), (719, "11:59"), (2475, "41:15"), (6015, "100:15")]
)
def test_hours_that_were_right(worked, text):
    assert hours(worked) == text


def test_days_are_summed(work):
    sheet = work("Bea", {MONDAY: ["13:00-14:00", "08:00-09:30", "09:00-10:00"], WEEK[1]: ["08:00-08:45"]})
    assert [sheet.minutes(day) for day in WEEK[:3]] == [180, 45, 0]
    assert sheet.name == "Bea"


def test_spans_are_added(work):
    sheet = work("Bea", {MONDAY: ["08:00-09:00"]})
    sheet.add(MONDAY, "10:00-10:40")
    sheet.add(WEEK[2], "10:00-10:15")
    assert sheet.days == {MONDAY: ["08:00-09:00", "10:00-10:40"], WEEK[2]: ["10:00-10:15"]}
    assert [sheet.minutes(MONDAY), sheet.minutes(WEEK[2]), sheet.week(WEEK[4])] == [100, 15, 115]


def test_what_is_no_span_is_not_added(work):
    sheet = work("Bea", {MONDAY: ["08:00-09:00"]})
    with pytest.raises(ValueError, match="expected"):
        sheet.add(WEEK[1], "all day")
    assert sheet.days == {MONDAY: ["08:00-09:00"]}
    assert sheet.week(MONDAY) == 60


def test_week_is_the_same_for_each_of_its_days(work):
    sheet = work("Bea", {day: ["12:00-12:11"] for day in WEEK})
    assert [sheet.week(day) for day in WEEK] == [66] * 6
    assert [sheet.week(date(2026, 10, 31)), sheet.week(date(2026, 11, 9))] == [0, 0]


@pytest.mark.criterion("kept", points=1)
@pytest.mark.parametrize(("last", "expected"), [("08:00-08:10", 0), ("08:00-13:00", 0), ("08:00-13:10", 10)])
def test_overtime_begins_after_forty_hours(work, last, expected):
    days = {day: ["08:00-15:00"] for day in WEEK[:5]}
    assert overtime(work("Bea", {**days, WEEK[5]: [last]}), MONDAY) == expected


def test_table_is_by_name_and_leaves_out_who_did_nothing(work):
    full = {day: ["06:00-16:10"] for day in WEEK[:4]}
    sheets = [
        work("emil", {MONDAY: ["08:00-09:12"]}),
        work("Dora", {date(2026, 11, 9): ["08:00-09:10"]}),
        work("Carl", {**full, WEEK[4]: ["08:00-08:31"]}),
        work("bea", {WEEK[5]: ["08:00-08:01", "09:00-09:11"]}),
    ]
    assert table(sheets, WEEK[3]) == [
        ("bea", "0:12", 2, hours(0)),
        ("Carl", "41:11", 412, "1:11"),
        ("emil", "1:12", 12, hours(0)),
    ]
    assert table([], MONDAY) == []
    assert Sheet("Bea", {}).week(MONDAY) == 0
