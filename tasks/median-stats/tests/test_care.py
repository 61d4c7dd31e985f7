"""The caller's data: left as it was, and never forced through a float."""

from fractions import Fraction

import pytest
import stats


@pytest.mark.criterion("care", points=4)
@pytest.mark.inplace
@pytest.mark.parametrize(("name", "figure"), [("mean", 63.8), ("median", 8), ("mode", 1), ("outliers", [300])])
def test_argument_is_left_alone(name, figure):
    values = [9, 1, 8, 1, 300]
    assert getattr(stats, name)(values) == figure
    assert values == [9, 1, 8, 1, 300]


@pytest.mark.criterion("care", points=2)
@pytest.mark.inplace
def test_quantile_leaves_its_argument_alone():
    values = [9, 1, 8, 2]
    assert stats.quantile(values, 0.25) == 1.75
    assert values == [9, 1, 8, 2]


@pytest.mark.criterion("care", points=2)
def test_mean_of_fractions_is_exact():
    result = stats.mean([Fraction(1, 3), Fraction(1, 3), Fraction(1, 6)])
    assert result == Fraction(5, 18)
    assert isinstance(result, Fraction)


@pytest.mark.criterion("care", points=2)
def test_median_of_fractions_is_exact():
    result = stats.median([Fraction(1, 7), Fraction(1, 3)])
    assert result == Fraction(5, 21)
    assert isinstance(result, Fraction)


@pytest.mark.criterion("care", points=1)
def test_large_whole_numbers_keep_every_digit():
    assert stats.median([10**20 + 1, 10**20, 10**20 + 2]) == 10**20 + 1
