"""Which rows count, and why others do not."""

import pytest
import rides as exports

pytestmark = pytest.mark.criterion("rows")

GOOD = ["2026-07-06 10:00", "40", "no", "2"]
ROWS = [
    ["m1", "First", *GOOD],  # 1: sent again in row 4
    ["m2", "Alone", *GOOD],
    ["", "Nobody", *GOOD],  # 3
    [" M1 ", "Second", *GOOD],
    ["m3", "Fine", *GOOD],  # 5: sent again, and spoilt, in row 6
    ["m3", "Fine", "2026-07-32 10:00", "40", "no", "2"],
    ["-", "", "soon", "0", "no", "2"],  # 7: every reason there is
    ["m4", "n/a", "soon", "0", "no", "2"],
    ["m5", "Late", "29/02/2026 10:00", "0", "no", "2"],  # 9: 2026 has no such day
    ["m6", "Long", "2026-07-06 10:00", "1441", "no", "2"],
    ["m7", "Short", "2026-07-06 10:00", "0", "no", "2"],  # 11
    ["m8", "Odd", "2026-07-06 10:00", "12.5", "no", "2"],
    ["m9", "Word", "2026-07-06 10:00", "ten", "no", "2"],  # 13
    ["n1", "Minus", "2026-07-06 10:00", "-5", "no", "2"],
    ["n2", "Dateless", "-", "40", "no", "2"],  # 15
    ["n3", "Hour", "2026-07-06 25:00", "40", "no", "2"],
    ["n2", "Dated", "05/07/2026 10:00", "40", "no", "2"],  # 17: mends row 15
    ["n4", "Minuteless", "2026-07-06 10:00", "", "no", "2"],
]


@pytest.fixture(scope="module")
def written(hire):
    return hire(ROWS)


@pytest.fixture(scope="module")
def reasons(written):
    return {row["row"]: row["reason"] for row in exports.table(written["rejected"])}


@pytest.mark.criterion("rows", points=3)
def test_last_of_an_id_counts(written):
    assert {row["ride_id"]: row["station"] for row in exports.table(written["clean"])} == {
        "M1": "Second", "M2": "Alone", "N2": "Dated", "N4": "Minuteless",
    }  # fmt: skip


@pytest.mark.criterion("rows", points=2)
def test_rows_come_in_order(written):
    assert [row["ride_id"] for row in exports.table(written["clean"])] == ["N2", "M1", "M2", "N4"]
    numbers = [row["row"] for row in exports.table(written["rejected"])]
    assert numbers == sorted(numbers)
    assert len(numbers) == 11


@pytest.mark.criterion("rows", points=4)
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        *((3, "no id"), (7, "no id"), (8, "no station"), (6, "no start"), (9, "no start"), (16, "no start")),
        *(
            (10, "bad minutes"),
            (11, "bad minutes"),
            (12, "bad minutes"),
            (13, "bad minutes"),
            (14, "bad minutes"),
        ),
    ],
)
def test_row_is_rejected_for_the_first_reason(reasons, row, reason):
    assert reasons[row] == reason


@pytest.mark.criterion("rows", points=2)
def test_rows_that_were_replaced_are_not_rejected(reasons):
    assert sorted({1, 5, 15} & set(reasons)) == []
    assert reasons[6] == "no start"


def test_columns(written):
    assert exports.header(written["rejected"]) == ["row", "reason"]
    assert exports.header(written["clean"]) == exports.CLEAN


def test_export_without_rides_gives_headers(hire):
    written = hire([["", "Nobody", *GOOD]])
    assert {name: written[name].strip() for name in ("clean", "stations", "weekdays")} == {
        "clean": "ride_id,station,started,minutes,member,fee_cents",
        "stations": "station,month,rides,member_rides,median_minutes,fee_cents",
        "weekdays": "station,Mon,Tue,Wed,Thu,Fri,Sat,Sun",
    }
    assert exports.table(written["rejected"]) == [{"row": 1, "reason": "no id"}]


def test_second_run_replaces_what_the_first_wrote(program, workdir):
    for name, station in (("q1", "Before"), ("q2", "After")):
        workdir.write("rides.csv", exports.export([[name, station, *GOOD]]))
        done = program("rides.csv")
        assert done.returncode == 0, done.stderr
    assert [row["station"] for row in exports.table(workdir.read_text("clean.csv"))] == ["After"]
    assert exports.table(workdir.read_text("rejected.csv")) == []
    assert [row["station"] for row in exports.table(workdir.read_text("weekdays.csv"))] == ["After"]
