import statistics
import unittest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solution import median


def test_odd():
    assert median([9, 2, 5]) == 5


def test_even():
    assert median([4, 10]) == 7.0


def test_single():
    assert median([17]) == 17


def test_negative():
    assert median([-8, -2, -4]) == -4


def test_fraction():
    assert median([0.5, 2.5, 1.25, 4.0]) == pytest.approx(1.875)


def test_result_is_float():
    result = median([6, 4, 5])
    assert isinstance(result, float)
    assert result == 5.0


def test_close():
    assert abs(median([0.2, 0.4, 0.9]) - 0.4) < 1e-9


def test_empty_is_refused():
    with pytest.raises(ValueError):
        median([])


@pytest.mark.parametrize(("values", "expected"), [([3, 1, 6, 8], 4.5), ([5, 5, 5], 5)])
def test_cases(values, expected):
    assert median(values) == expected


class TestUnit(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(median([11, 13, 12]), 12)

    def test_almost(self):
        self.assertAlmostEqual(median([1.5, 9.5, 5.5]), 5.5)


@pytest.mark.visible
def test_told():
    assert median([1, 2, 3]) == 2


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=20))
def test_property(values):
    assert median(values) == statistics.median(values)
