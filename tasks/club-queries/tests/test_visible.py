"""The example of the brief."""

import club as clubs
import pytest

pytestmark = pytest.mark.visible

EXAMPLE = clubs.Club(
    members=[(1, "Ada", None), (2, "Bo", 1), (3, "Cy", 1)],
    races=[(1, "Canal", "2026-05-02", 5000)],
    results=[(1, 2, 1300), (1, 3, None)],
)


@pytest.mark.criterion("joins")
def test_turnout(ask):
    assert ask("turnout", EXAMPLE) == [("Canal", 2, 1, 50)]


@pytest.mark.criterion("windows")
def test_podium(ask):
    assert ask("podium", EXAMPLE) == [("Canal", 1, "Bo", 1300)]


@pytest.mark.criterion("nulls")
def test_no_trainees(ask):
    assert ask("no_trainees", EXAMPLE) == [("Bo",), ("Cy",)]


@pytest.mark.criterion("windows")
def test_progress(ask):
    assert ask("progress", EXAMPLE) == [("Bo", 5000, "2026-05-02", 1300, None)]


@pytest.mark.criterion("windows")
def test_months(ask):
    assert ask("months", EXAMPLE) == [("Bo", "2026-05", 5000, 5000)]


@pytest.mark.criterion("joins")
def test_coaches(ask):
    assert ask("coaches", EXAMPLE) == [("Ada", 2, 1300)]


@pytest.mark.criterion("joins", points=1)
@pytest.mark.parametrize("name", clubs.COLUMNS)
def test_columns_have_their_names(ask, name):
    assert ask(name, EXAMPLE, columns=True) == clubs.COLUMNS[name]
