"""What is not known."""

import club as clubs
import pytest

pytestmark = pytest.mark.criterion("nulls")

MEMBERS = [(1, "Ria", None), (2, "Sam", 1), (3, "Tea", None), (4, "Ria", 2)]


def test_members_without_a_coach_hide_nobody(ask):
    club = clubs.Club(members=MEMBERS, races=[], results=[])
    assert ask("no_trainees", club) == [("Ria",), ("Tea",)]


def test_namesakes_who_coach_nobody_are_two(ask):
    club = clubs.Club(members=[(1, "Uma", None), (2, "Uma", 3), (3, "Vic", None)], races=[], results=[])
    assert ask("no_trainees", club) == [("Uma",), ("Uma",)]


def test_percent_of_no_starters_is_unknown(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[
            (1, "Void", "2026-06-01", 5000),
            (2, "Full", "2026-06-02", 5000),
            (3, "Lost", "2026-06-03", 5000),
        ],
        results=[(2, 1, 1234), (3, 1, None)],
    )
    assert ask("turnout", club) == [("Void", 0, 0, None), ("Full", 1, 1, 100), ("Lost", 1, 0, 0)]


def test_who_did_not_finish_has_no_place(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "Void", "2026-06-01", 5000), (2, "Full", "2026-06-02", 5000)],
        results=[(1, 1, None), (1, 2, None), (2, 1, None), (2, 2, 1450), (2, 3, 1440)],
    )
    assert ask("podium", club) == [("Full", 1, "Tea", 1440), ("Full", 2, "Sam", 1450)]


def test_a_race_that_was_not_finished_is_no_progress(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(race, f"R{race}", f"2026-06-0{race}", 5000) for race in (1, 2, 3)],
        results=[(1, 2, 1480), (2, 2, None), (3, 2, 1477)],
    )
    assert ask("progress", club) == [
        ("Sam", 5000, "2026-06-01", 1480, None),
        ("Sam", 5000, "2026-06-03", 1477, -3),
    ]


def test_a_race_that_was_not_finished_adds_no_metres(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "R1", "2026-06-01", 5000), (2, "R2", "2026-06-09", 7000), (3, "R3", "2026-07-01", 7000)],
        results=[(1, 2, 1480), (2, 2, None), (3, 2, None), (3, 3, 2345)],
    )
    assert ask("months", club) == [("Sam", "2026-06", 5000, 5000), ("Tea", "2026-07", 7000, 7000)]


def test_best_is_unknown_where_no_trainee_finished(ask):
    club = clubs.Club(
        members=MEMBERS,
        races=[(1, "R1", "2026-06-01", 5000), (2, "R2", "2026-06-02", 7000)],
        results=[(1, 2, None), (2, 2, 2222), (1, 4, 1499), (1, 1, 1333)],
    )
    assert ask("coaches", club) == [("Ria", 1, None), ("Sam", 1, 1499)]


@pytest.mark.parametrize("name", clubs.COLUMNS)
def test_an_empty_club_gives_no_rows(ask, name):
    assert ask(name, clubs.EMPTY, columns=True) == clubs.COLUMNS[name]
    assert ask(name, clubs.EMPTY) == []
