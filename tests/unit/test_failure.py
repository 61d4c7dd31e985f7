"""How an end is named, for every line of the table in `assessor.sandbox.failure`."""

from __future__ import annotations

import pytest

from assessor.errors import SandboxFault
from assessor.sandbox.failure import KILLED, Remains, Seen, judge
from assessor.sandbox.protocol import End

RUNS = Remains(running=True)
GONE = Remains(running=False, exit_code=KILLED)
OOM = Remains(running=False, exit_code=KILLED, oom=True)
DONE = Remains(running=False, exit_code=0)


def seen(
    *,
    ended: bool = False,
    started: bool = True,
    wall: bool = False,
    grader: Remains = RUNS,
    learner: Remains = RUNS,
    words: str = "",
) -> Seen:
    return Seen(ended=ended, started=started, wall=wall, grader=grader, learner=learner, words=words)


@pytest.mark.parametrize("learner", [RUNS, DONE, Remains(running=True, oom=True)])
def test_end_event_with_a_whole_learner_side_is_complete(learner: Remains) -> None:
    assert judge(seen(ended=True, learner=learner)) is End.COMPLETE


def test_first_process_killed_for_memory_is_memory() -> None:
    assert judge(seen(ended=True, learner=OOM)) is End.MEMORY


def test_learner_container_gone_unexplained_is_lost() -> None:
    assert judge(seen(ended=True, learner=GONE)) is End.LEARNER_LOST


def test_learner_container_that_left_by_itself_with_an_error_is_lost_even_if_memory_once_ran_out() -> None:
    left = Remains(running=False, exit_code=1, oom=True)
    assert judge(seen(ended=True, learner=left)) is End.LEARNER_LOST


@pytest.mark.parametrize("learner", [RUNS, GONE, OOM, DONE])
def test_time_up_is_wall_whatever_the_learner_side_did(learner: Remains) -> None:
    assert judge(seen(wall=True, learner=learner)) is End.WALL


@pytest.mark.parametrize("learner", [RUNS, GONE, OOM, DONE])
def test_grader_out_of_memory_while_served_counts_against_the_learner(learner: Remains) -> None:
    assert judge(seen(grader=OOM, learner=learner)) is End.GRADER_MEMORY


def test_grader_out_of_memory_before_the_start_messages_is_ours() -> None:
    with pytest.raises(SandboxFault, match="out of memory"):
        judge(seen(started=False, grader=OOM))


@pytest.mark.parametrize("learner", [RUNS, GONE, OOM, DONE])
def test_grader_killed_from_outside_is_ours_whatever_the_learner_side_did(learner: Remains) -> None:
    with pytest.raises(SandboxFault) as caught:
        judge(seen(grader=GONE, learner=learner, words="Traceback: last line\n"))
    assert str(caught.value) == (
        "grader: expected its end event, got the end of its output (status 137), "
        "last words: Traceback: last line"
    )


def test_grader_that_closed_its_output_and_still_runs_is_ours() -> None:
    with pytest.raises(SandboxFault, match="it still runs"):
        judge(seen())
