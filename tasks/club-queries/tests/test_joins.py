"""Rows put together, none twice and none left out."""

import club as clubs
import pytest

pytestmark = pytest.mark.criterion("joins")


def test_a_race_that_nobody_started_is_there(ask):
    club = clubs.Club(
        members=[(1, "Mia", None)],
        races=[(1, "Fog", "2026-01-11", 5000), (2, "Dew", "2026-01-04", 5000)],
        results=[(1, 1, 1500)],
    )
    assert [row[:3] for row in ask("turnout", club)] == [("Dew", 0, 0), ("Fog", 1, 1)]


def test_races_of_one_name_stay_two(ask):
    club = clubs.Club(
        members=[(1, "Mia", None), (2, "Nils", None)],
        races=[
            (1, "Fog", "2026-01-11", 5000),
            (2, "Fog", "2025-01-12", 5000),
            (3, "Fog", "2026-01-11", 9000),
        ],
        results=[(1, 1, 1500), (2, 1, 1501), (2, 2, 1502), (3, 2, 3003)],
    )
    assert ask("turnout", club) == [("Fog", 2, 2, 100), ("Fog", 1, 1, 100), ("Fog", 1, 1, 100)]


def test_percent_is_cut_off(ask):
    club = clubs.Club(
        members=[(who, f"M{who}", None) for who in range(1, 8)],
        races=[(1, "Fog", "2026-01-11", 5000)],
        results=[(1, who, 1500 if who < 7 else None) for who in range(1, 8)],
    )
    assert ask("turnout", club) == [("Fog", 7, 6, 85)]


def test_trainees_are_counted_once_however_many_races_they_ran(ask):
    club = clubs.Club(
        members=[(1, "Mia", None), (2, "Nils", 1), (3, "Oda", 1)],
        races=[(race, f"R{race}", f"2026-01-0{race}", 5000) for race in (1, 2, 3)],
        results=[(1, 2, 1601), (2, 2, 1588), (3, 2, 1595), (1, 3, 1700), (2, 3, 1710)],
    )
    assert ask("coaches", club) == [("Mia", 2, 1588)]


def test_best_is_over_five_thousand_metres_and_of_trainees_only(ask):
    club = clubs.Club(
        members=[(1, "Mia", None), (2, "Nils", 1)],
        races=[
            (1, "Short", "2026-01-01", 400),
            (2, "Five", "2026-01-02", 5000),
            (3, "Long", "2026-01-03", 9000),
        ],
        results=[(1, 2, 77), (2, 2, 1633), (3, 2, 3111), (2, 1, 1111)],
    )
    assert ask("coaches", club) == [("Mia", 1, 1633)]


def test_coaches_are_in_order_and_namesakes_stay_two(ask):
    club = clubs.Club(
        members=[
            (1, "Pia", None), (2, "Mia", None), (3, "Mia", 9), (4, "A", 1), (5, "B", 2), (6, "C", 3), (7, "D", 3),
            (8, "E", 3), (9, "Ole", None),
        ],
        races=[],
        results=[],
    )  # fmt: skip
    assert ask("coaches", club) == [("Mia", 3, None), ("Mia", 1, None), ("Ole", 1, None), ("Pia", 1, None)]
