"""Groups, medians, sums and weekdays."""

import pytest
import rides as exports

pytestmark = pytest.mark.criterion("summary")

ROWS = [
    ["s1", "quay", "2026-08-03 10:00", "10", "yes", "1.10"],  # a Monday
    ["s2", "Quay", "2026-08-31 10:00", "25", "no", "2.20"],
    ["s3", "QUAY", "2026-08-08 10:00", "-", "y", "-"],
    ["s4", "quay", "2026-08-09 10:00", "300", "", "0"],
    ["s5", "quay", "2026-09-01 00:00", "", "yes", "n/a"],
    ["s6", "arch", "2025-08-31 23:59", "7", "no", "9,99"],
    ["s7", "arch", "2026-08-06 12:00", "8", "1", "0.01"],
    ["s8", "arch", "2026-08-07 12:00", "11", "0", "x"],
]


@pytest.fixture(scope="module")
def written(hire):
    return hire(ROWS)


@pytest.fixture(scope="module")
def stations(written):
    return {(row["station"], row["month"]): row for row in exports.table(written["stations"])}


@pytest.mark.criterion("summary", points=2)
def test_groups_are_by_station_and_month_of_the_year(written, stations):
    assert list(stations) == [
        ("Arch", "2025-08"),
        ("Arch", "2026-08"),
        ("Quay", "2026-08"),
        ("Quay", "2026-09"),
    ]
    assert exports.header(written["stations"])[2:] == ["rides", "member_rides", "median_minutes", "fee_cents"]


@pytest.mark.criterion("summary", points=6)
@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("rides", [1, 2, 4, 1]),
        ("member_rides", [0, 1, 2, 1]),
        ("median_minutes", [7, 9.5, 25, None]),
        ("fee_cents", [999, 1, 330, 0]),
    ],
    ids=["rides", "members", "median", "fees"],
)
def test_figures_of_stations(stations, column, expected):
    assert [row[column] for row in stations.values()] == expected


@pytest.mark.criterion("summary", points=4)
def test_rides_by_weekday(written):
    assert exports.table(written["weekdays"]) == [
        {"station": "Arch", "Mon": 0, "Tue": 0, "Wed": 0, "Thu": 1, "Fri": 1, "Sat": 0, "Sun": 1},
        {"station": "Quay", "Mon": 2, "Tue": 1, "Wed": 0, "Thu": 0, "Fri": 0, "Sat": 1, "Sun": 1},
    ]
    assert exports.header(written["weekdays"]) == ["station", *exports.DAYS]
