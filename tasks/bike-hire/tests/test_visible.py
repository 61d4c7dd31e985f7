"""The example of the brief."""

import pytest
import rides as exports

pytestmark = pytest.mark.visible

ROWS = [
    ["b1", "harbour", "2026-03-02 08:05", "12", "yes", "1,50"],
    ["b2", "Old  town", "03/03/2026 17:40", "n/a", "no", "€ 2"],
    ["b1", "HARBOUR", "2026-03-02T08:15:00", "14.0", "Y", "1.5"],
    ["b3", "", "2026-03-04 09:00", "5", "no", "2"],
]


@pytest.fixture(scope="module")
def written(hire):
    """One run for all tests of this file."""
    return hire(ROWS)


@pytest.mark.criterion("values", points=2)
def test_clean(written):
    harbour = ("B1", "Harbour", "2026-03-02 08:15", 14, "yes", 150)
    old_town = ("B2", "Old Town", "2026-03-03 17:40", None, "no", 200)
    assert [tuple(row.values()) for row in exports.table(written["clean"])] == [harbour, old_town]


@pytest.mark.criterion("rows")
def test_rejected(written):
    assert exports.table(written["rejected"]) == [{"row": 4, "reason": "no station"}]


@pytest.mark.criterion("summary")
def test_stations(written):
    harbour, old_town = ("Harbour", "2026-03", 1, 1, 14, 150), ("Old Town", "2026-03", 1, 0, None, 200)
    assert [tuple(row.values()) for row in exports.table(written["stations"])] == [harbour, old_town]


@pytest.mark.criterion("summary")
def test_weekdays(written):
    assert written["weekdays"].splitlines()[0] == "station,Mon,Tue,Wed,Thu,Fri,Sat,Sun"
    assert [list(row.values())[:3] for row in exports.table(written["weekdays"])] == [
        ["Harbour", 1, 0],
        ["Old Town", 0, 1],
    ]
