"""Months that nobody wrote by hand. They are random, but the same for everybody."""

import pytest
import rides as exports
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

# Each run starts a program that imports pandas: two tests share one, and the property tries few examples.
MONTH = exports.random_month(20260131)


@pytest.fixture(scope="module")
def written(hire):
    return hire(MONTH[2])


@pytest.mark.criterion("values", points=6)
def test_any_export_is_cleaned(written):
    assert exports.table(written["clean"]) == exports.clean(MONTH[0])


@pytest.mark.criterion("rows", points=4)
def test_rejected_rows_of_any_export(written):
    assert [(row["row"], row["reason"]) for row in exports.table(written["rejected"])] == MONTH[1]


@pytest.mark.criterion("summary", points=4)
@settings(max_examples=2, phases=[Phase.generate])
@given(month=st.integers(1000, 10**9).map(exports.random_month))
def test_summaries_of_any_export(hire, month):
    rides, _, rows = month
    written = hire(rows)
    assert exports.table(written["stations"]) == exports.stations(rides)
    assert exports.table(written["weekdays"]) == exports.weekdays(rides)
