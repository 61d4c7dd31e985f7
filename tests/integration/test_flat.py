"""What one submission costs beside few and many others is measured; a job takes little memory."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import flat

del sys.path[0]


def test_each_size_is_measured_and_a_job_takes_less_than_two_kibibytes() -> None:
    figures = flat.measure([10, 40], rounds=2)
    assert [one.size for one in figures] == [10, 40]
    for one in figures:
        assert len(one.medians) == 9
        assert all(value > 0 for value in one.medians.values())
        assert one.medians[flat.MEMORY] < 2048
    assert flat.growth(figures, flat.MEMORY) < 0.1
