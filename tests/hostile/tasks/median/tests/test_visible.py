import pytest
from solution import median

pytestmark = pytest.mark.visible


def test_three():
    assert median([3, 1, 2]) == 2


def test_four():
    assert median([1, 2, 3, 4]) == 2.5
