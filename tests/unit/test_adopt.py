"""Becoming fit to run programs: what a kernel may lack, and what it may not."""

from __future__ import annotations

import ctypes
import errno
import resource

import pytest

from assessor.harness import processes

SUBREAPER, DUMPABLE = 36, 4


class Kernel:
    """A C library whose kernel refuses one option."""

    def __init__(self, option: int, error: int) -> None:
        self.refused = {option: error}
        self.asked: list[tuple[int, int]] = []

    def prctl(self, option: int, value: int, *rest: int) -> int:
        self.asked.append((option, value))
        ctypes.set_errno(self.refused.get(option, 0))
        return -1 if option in self.refused else 0


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, int]]:
    told: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", told.__setitem__)
    return told


def test_kernel_that_knows_no_other_parent_of_orphans_is_done_with(
    monkeypatch: pytest.MonkeyPatch, limits: dict[int, tuple[int, int]]
) -> None:
    kernel = Kernel(SUBREAPER, errno.EINVAL)
    monkeypatch.setattr(processes, "_LIBC", kernel)
    processes.adopt(file_bytes=100)
    assert kernel.asked == [(SUBREAPER, 1), (DUMPABLE, 0)]
    assert limits == {resource.RLIMIT_FSIZE: (100, 100), resource.RLIMIT_CORE: (0, 0)}


@pytest.mark.parametrize(
    ("option", "error"), [(SUBREAPER, errno.EPERM), (DUMPABLE, errno.EINVAL), (DUMPABLE, errno.EPERM)]
)
def test_kernel_that_refuses_anything_else_is_an_error(
    monkeypatch: pytest.MonkeyPatch, limits: dict[int, tuple[int, int]], option: int, error: int
) -> None:
    monkeypatch.setattr(processes, "_LIBC", Kernel(option, error))
    with pytest.raises(OSError, match=rf"prctl\({option}, ") as caught:
        processes.adopt(file_bytes=100)
    assert caught.value.errno == error
    assert limits == {}
