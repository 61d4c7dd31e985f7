"""Months that nobody wrote by hand. They are random, but the same for everybody."""

import pytest
import rides as exports
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

# Each example starts a program that imports pandas: few, and a failing one is not made smaller.
few = settings(max_examples=2, phases=[Phase.generate])
months = st.integers(1000, 10**9).map(exports.random_month)


@pytest.mark.criterion("values", points=6)
@few
@given(month=months)
def test_any_export_is_cleaned(hire, month):
    rides, _, rows = month
    assert exports.table(hire(rows)["clean"]) == exports.clean(rides)


@pytest.mark.criterion("rows", points=4)
@few
@given(month=months)
def test_rejected_rows_of_any_export(hire, month):
    _, rejected, rows = month
    assert [(row["row"], row["reason"]) for row in exports.table(hire(rows)["rejected"])] == rejected


@pytest.mark.criterion("summary", points=4)
@few
@given(month=months)
def test_summaries_of_any_export(hire, month):
    rides, _, rows = month
    written = hire(rows)
    assert exports.table(written["stations"]) == exports.stations(rides)
    assert exports.table(written["weekdays"]) == exports.weekdays(rides)
