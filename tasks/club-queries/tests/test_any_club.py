"""Clubs that nobody thought of. They are random, but the same for everybody."""

import club as clubs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

NAMES = ["Wim", "Xia", "Yara", "Zoe"]
DAYS = ["2025-11-30", "2026-01-31", "2026-02-01", "2026-02-15"]


@st.composite
def any_club(draw):
    """A few members and races; few names, days and times, so that there are ties."""
    people, count = draw(st.integers(3, 7)), draw(st.integers(2, 6))
    members = [
        (
            who,
            draw(st.sampled_from(NAMES)),
            draw(st.none() | st.integers(1, people).filter(lambda one: one != who)),
        )
        for who in range(1, people + 1)
    ]
    races = [
        (
            race,
            f"Run {draw(st.integers(1, 3))}",
            draw(st.sampled_from(DAYS)),
            draw(st.sampled_from([3000, 5000])),
        )
        for race in range(1, count + 1)
    ]
    time = st.none() | st.integers(1001, 1006)
    started = st.booleans()
    results = [
        (race, who, draw(time))
        for race in range(1, count + 1)
        for who in range(1, people + 1)
        if draw(started) or race == who
    ]
    return clubs.Club(members, races, results)


# Each example starts a process, so there are few, and a failing one is not made smaller.
few = settings(max_examples=8, phases=[Phase.generate])


@pytest.mark.criterion("windows", points=3)
@pytest.mark.parametrize("name", ["podium", "progress", "months"])
@few
@given(club=any_club())
def test_windows_of_any_club(ask, name, club):
    assert ask(name, club) == clubs.ANSWERS[name](club)


@pytest.mark.criterion("joins", points=2)
@pytest.mark.parametrize("name", ["turnout", "coaches"])
@few
@given(club=any_club())
def test_joins_of_any_club(ask, name, club):
    assert ask(name, club) == clubs.ANSWERS[name](club)


@pytest.mark.criterion("nulls")
@few
@given(club=any_club())
def test_who_coaches_nobody_in_any_club(ask, club):
    assert ask("no_trainees", club) == clubs.no_trainees(club)
