"""What the brief says in so many words."""

import pytest
import stats

pytestmark = pytest.mark.visible


@pytest.mark.criterion("correctness", points=2)
def test_mean_of_a_few():
    assert stats.mean([2, 4, 9]) == 5


@pytest.mark.criterion("correctness", points=2)
@pytest.mark.parametrize(("values", "expected"), [([3, 1, 2], 2), ([4, 1, 3, 2], 2.5)])
def test_median_is_the_middle(values, expected):
    assert stats.median(values) == expected


@pytest.mark.criterion("correctness", points=2)
def test_quantile_between_neighbours():
    assert stats.quantile([10, 20, 30, 40], 0.5) == 25


@pytest.mark.criterion("edges", points=2)
@pytest.mark.parametrize("name", ["mean", "median", "mode"])
def test_no_values_is_refused(name):
    with pytest.raises(ValueError):
        getattr(stats, name)([])
