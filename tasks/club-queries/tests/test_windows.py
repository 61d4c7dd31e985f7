"""Ranks, differences to the row before, running totals."""

import club as clubs
import pytest

pytestmark = pytest.mark.criterion("windows")

MEMBERS = [(1, "Ines", None), (2, "Jon", 1), (3, "Kai", 1), (4, "Jon", 2), (5, "Liv", None)]


def test_equal_times_share_a_place_and_the_next_is_left_out(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "Moor", "2026-03-01", 8000)],
        results=[(1, 1, 2005), (1, 2, 1990), (1, 3, 1990), (1, 4, 2001), (1, 5, 2005)],
    )
    assert ask("podium", club) == [
        ("Moor", 1, "Jon", 1990),
        ("Moor", 1, "Kai", 1990),
        ("Moor", 3, "Jon", 2001),
    ]


def test_equal_thirds_are_all_on_the_podium(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "Moor", "2026-03-01", 8000)],
        results=[(1, 1, 2003), (1, 2, 1990), (1, 3, 1999), (1, 4, 2003), (1, 5, 2003)],
    )
    assert [row[1:3] for row in ask("podium", club)] == [
        (1, "Jon"),
        (2, "Kai"),
        (3, "Ines"),
        (3, "Jon"),
        (3, "Liv"),
    ]


def test_each_race_has_its_own_podium_in_the_order_of_days(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[
            (1, "Moor", "2026-03-08", 8000),
            (2, "Alp", "2026-03-01", 8000),
            (3, "Moor", "2026-03-08", 3000),
        ],
        results=[(1, 1, 2100), (2, 1, 2200), (2, 5, 2150), (3, 3, 701), (3, 1, 703)],
    )
    assert ask("podium", club) == [
        ("Alp", 1, "Liv", 2150),
        ("Alp", 2, "Ines", 2200),
        ("Moor", 1, "Ines", 2100),
        ("Moor", 1, "Kai", 701),
        ("Moor", 2, "Ines", 703),
    ]


def test_progress_is_by_distance_and_by_day(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[
            (1, "Late", "2026-04-11", 3000),
            (2, "Early", "2026-04-04", 3000),
            (3, "Long", "2026-04-05", 8000),
            (4, "Twice", "2026-04-11", 3000),
        ],
        results=[(1, 5, 720), (2, 5, 744), (3, 5, 2111), (4, 5, 731)],
    )
    assert ask("progress", club) == [
        ("Liv", 3000, "2026-04-04", 744, None),
        ("Liv", 3000, "2026-04-11", 720, -24),
        ("Liv", 3000, "2026-04-11", 731, 11),
        ("Liv", 8000, "2026-04-05", 2111, None),
    ]


def test_progress_of_namesakes_stays_apart(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "One", "2026-04-04", 3000), (2, "Two", "2026-04-05", 3000)],
        results=[(1, 2, 800), (1, 4, 650), (2, 2, 790), (2, 4, 655)],
    )
    assert [row[3:] for row in ask("progress", club)] == [(800, None), (790, -10), (650, None), (655, 5)]


def test_total_runs_over_gaps_and_years(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[
            (1, "Snow", "2025-12-27", 3000),
            (2, "Ice", "2026-02-01", 8000),
            (3, "Thaw", "2026-02-28", 1500),
            (4, "Leaf", "2026-11-01", 8000),
        ],
        results=[(1, 3, 900), (2, 3, 2400), (3, 3, 500), (4, 3, 2300), (4, 5, 2290)],
    )
    assert ask("months", club) == [
        ("Kai", "2025-12", 3000, 3000),
        ("Kai", "2026-02", 9500, 12500),
        ("Kai", "2026-11", 8000, 20500),
        ("Liv", "2026-11", 8000, 8000),
    ]


def test_totals_of_namesakes_stay_apart(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "Ice", "2026-02-01", 8000), (2, "Thaw", "2026-03-07", 1500)],
        results=[(1, 4, 2400), (2, 4, 500), (1, 2, 2345), (2, 2, 480)],
    )
    jon = [("Jon", "2026-02", 8000, 8000), ("Jon", "2026-03", 1500, 9500)]
    assert ask("months", club) == jon + jon
