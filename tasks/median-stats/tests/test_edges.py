"""One value, ties, the ends of the scale, and what makes no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stats


@pytest.mark.criterion("edges", points=2)
@pytest.mark.parametrize("name", ["mean", "median", "mode"])
def test_one_value_is_its_own_figure(name):
    assert getattr(stats, name)([42]) == 42


@pytest.mark.criterion("edges", points=1)
@pytest.mark.parametrize("q", [0, 0.3, 1])
def test_one_value_is_every_quantile(q):
    assert stats.quantile([42], q) == 42


@pytest.mark.criterion("edges", points=3)
@pytest.mark.parametrize(
    ("values", "expected"), [([3, 1, 3, 1], 3), ([5, 9, 1], 5), ([1, 2, 2, 1, 0], 1), ([8, 0, 0, 8, 4, 4], 8)]
)
def test_mode_takes_the_first_of_equals(values, expected):
    assert stats.mode(values) == expected


@pytest.mark.criterion("edges", points=2)
def test_quantile_refuses_no_values():
    with pytest.raises(ValueError):
        stats.quantile([], 0.5)


@pytest.mark.criterion("edges", points=2)
@pytest.mark.parametrize("q", [-0.01, 1.01, -1, 2])
def test_quantile_refuses_shares_outside_the_scale(q):
    with pytest.raises(ValueError):
        stats.quantile([1, 2, 3], q)


@pytest.mark.criterion("edges", points=2)
@pytest.mark.parametrize(("q", "expected"), [(0, -4), (1, 12), (0.0, -4), (1.0, 12)])
def test_quantile_ends_are_the_smallest_and_the_largest(q, expected):
    assert stats.quantile([3, 12, -4, 7], q) == expected


@pytest.mark.criterion("edges", points=1)
def test_no_values_no_outliers():
    assert stats.outliers([]) == []


@pytest.mark.criterion("edges", points=3)
@pytest.mark.parametrize(
    ("values", "expected"), [([0, 4, 4, 8, 8, 14], []), ([-2, 4, 4, 8, 8, 14], []), ([-3, 4, 4, 8, 8, 15], [-3, 15])]
)
def test_a_value_on_the_fence_is_no_outlier(values, expected):
    # Quartiles 4 and 8: the fences stand at -2 and 14.
    assert stats.outliers(values) == expected


@pytest.mark.criterion("edges", points=2)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=12), st.sampled_from([0, 0.25, 0.5, 0.75, 1]))
def test_quantile_stays_within_the_data(values, q):
    assert min(values) <= stats.quantile(values, q) <= max(values)
