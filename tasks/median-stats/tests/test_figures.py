"""Right figures, for chosen data and for any data."""

import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stats

whole = st.integers(-(10**6), 10**6)
some = st.lists(whole, min_size=1, max_size=30)


@pytest.mark.criterion("correctness", points=2)
@pytest.mark.parametrize(
    ("values", "expected"), [([5], 5), ([1, 2], 1.5), ([-1, 1], 0), ([0.5, 0.25], 0.375), ([10, 0, 0, 0], 2.5)]
)
def test_mean(values, expected):
    assert stats.mean(values) == expected


@pytest.mark.criterion("correctness", points=2)
@pytest.mark.parametrize(
    ("values", "expected"),
    [([7, 1, 3, 5], 4), ([9, 8, 7, 6, 5, 4], 6.5), ([2, 2, 9], 2), ([-5, -1, -3], -3), ([10, 9, 100], 10)],
)
def test_median(values, expected):
    assert stats.median(values) == expected


@pytest.mark.criterion("correctness", points=2)
@pytest.mark.parametrize(
    ("values", "expected"), [([1, 2, 2, 3], 2), ([3, 3, 1, 1, 1], 1), ([0.5, 7, 0.5], 0.5), ([-1, 2, -1], -1)]
)
def test_mode(values, expected):
    assert stats.mode(values) == expected


@pytest.mark.criterion("correctness", points=4)
@pytest.mark.parametrize(
    ("q", "expected"), [(0.25, 17.5), (0.75, 32.5), (0.1, 13), (0.9, 37), (0.5, 25)]
)
def test_quantile_interpolates_in_any_order(q, expected):
    assert stats.quantile([40, 10, 30, 20], q) == pytest.approx(expected)


@pytest.mark.criterion("correctness", points=3)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4, 100], [100]),
        ([100, 10, 11, 12, 13, -50], [100, -50]),
        ([1, 2, 3, 4, 5], []),
    ],
)
def test_outliers_keep_their_order(values, expected):
    assert stats.outliers(values) == expected


@pytest.mark.criterion("correctness", points=3)
@given(some)
def test_median_is_the_one_of_the_definition(values):
    assert stats.median(values) == statistics.median(values)


@pytest.mark.criterion("correctness", points=2)
@given(some)
def test_quantile_one_half_is_the_median(values):
    assert stats.quantile(values, 0.5) == statistics.median(values)


@pytest.mark.criterion("correctness", points=2)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_mode_is_as_frequent_as_any(values):
    most = stats.mode(values)
    assert values.count(most) == max(values.count(value) for value in values)


@pytest.mark.criterion("correctness", points=2)
@given(some)
def test_mean_times_count_is_the_sum(values):
    exact = [Fraction(value) for value in values]
    assert stats.mean(values) == pytest.approx(float(sum(exact) / len(exact)), rel=1e-9, abs=1e-9)
