"""Which processor a run stays on: no two runs of this machine on one, and none is held by the dead."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from assessor.sandbox.processors import Processors

HOLD = """
import sys
from pathlib import Path
from assessor.sandbox.processors import Processors
with Processors(Path(sys.argv[1])).one() as number:
    print(number, flush=True)
    sys.stdin.read()
"""


def test_runs_at_the_same_time_stay_on_processors_of_their_own(tmp_path: Path) -> None:
    shared = [Processors(tmp_path / "locks") for _ in os.sched_getaffinity(0)]
    with contextlib.ExitStack() as runs:
        taken = [runs.enter_context(one.one()) for one in shared]
        assert sorted(number for number in taken if number is not None) == sorted(os.sched_getaffinity(0))
        with shared[0].one() as number:
            assert number is None, "one more run stays on none"
    with shared[0].one() as number:
        assert number == min(os.sched_getaffinity(0))


def test_processor_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    first = min(os.sched_getaffinity(0))
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == f"{first}\n"
        with Processors(tmp_path).one() as number:
            assert number != first
        other.kill()
        other.wait()
    with Processors(tmp_path).one() as number:
        assert number == first
