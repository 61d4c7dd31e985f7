"""One value at a time: all of them stand in one export, so that the program runs once."""

import pytest
import rides as exports

pytestmark = pytest.mark.criterion("values")

PLAIN = {"station": "Mole", "started": "2026-05-11 09:30", "minutes": "33", "member": "no", "fee": "1.25"}

#: Column of the export, what stands there, column of clean.csv, what must come out.
CASES = [
    ("station", "  mill   HILL north ", "station", "Mill Hill North"),
    ("station", "MOLE", "station", "Mole"),
    ("started", "2026-05-31 23:59", "started", "2026-05-31 23:59"),
    ("started", " 2026-05-09T07:04:00", "started", "2026-05-09 07:04"),
    ("started", "04/12/2026 06:01 ", "started", "2026-12-04 06:01"),
    ("started", "25/02/2026 00:00", "started", "2026-02-25 00:00"),
    ("minutes", "1", "minutes", 1),
    ("minutes", "1440.0", "minutes", 1440),
    ("minutes", " 77 ", "minutes", 77),
    ("minutes", "", "minutes", None),
    ("minutes", "N/A", "minutes", None),
    ("minutes", " - ", "minutes", None),
    ("member", "YES", "member", "yes"),
    ("member", "y", "member", "yes"),
    ("member", "True", "member", "yes"),
    ("member", "1", "member", "yes"),
    ("member", "No ", "member", "no"),
    ("member", "N", "member", "no"),
    ("member", "false", "member", "no"),
    ("member", "0", "member", "no"),
    ("member", "", "member", "unknown"),
    ("member", "n/a", "member", "unknown"),
    ("member", "new", "member", "unknown"),
    ("fee", "7", "fee_cents", 700),
    ("fee", "4.35", "fee_cents", 435),
    ("fee", "1,1", "fee_cents", 110),
    ("fee", "€2,07", "fee_cents", 207),
    ("fee", " €  20.9", "fee_cents", 2090),
    ("fee", "0", "fee_cents", 0),
    ("fee", "-", "fee_cents", None),
    ("fee", "free", "fee_cents", None),
    ("fee", "1.234", "fee_cents", None),
    ("fee", "$ 5", "fee_cents", None),
    ("fee", "-1.50", "fee_cents", None),
]
NAMES = [f"{column}-{number}" for number, (column, *_) in enumerate(CASES)]


@pytest.fixture(scope="module")
def clean(hire):
    rows = [list({"ride_id": f"k{at}", **PLAIN, case[0]: case[1]}.values()) for at, case in enumerate(CASES)]
    return {row["ride_id"]: row for row in exports.table(hire(rows)["clean"])}


@pytest.mark.criterion("values", points=12)
@pytest.mark.parametrize("at", range(len(CASES)), ids=NAMES)
def test_value_is_cleaned(clean, at):
    _, _, column, expected = CASES[at]
    assert clean[f"K{at}"][column] == expected


@pytest.mark.criterion("values", points=2)
def test_other_values_of_the_row_stay(clean):
    assert [clean["K0"][name] for name in ("started", "minutes", "member", "fee_cents")] == [
        "2026-05-11 09:30", 33, "no", 125,
    ]  # fmt: skip
    assert len(clean) == len(CASES)
