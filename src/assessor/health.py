"""Health: whether the installation judges, and if not, why; for machines that ask often.

Comes in: facts that somebody has read. Goes out: a `Report`: well, pressed (it waits, or will soon have to)
or missing (a part of it is not there), with what to do. It names no learner, attempt, path or address, so
that whoever can reach the answer may have it; what is wrong in full is for `assessor doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assessor import jobs
from assessor.pressure import Kind, Pressure
from assessor.rows.attempts import Counts
from assessor.rows.schema import WorkerRow
from assessor.statuses import Late, told

#: How many different reasons to wait are told; the rest is counted.
REASONS = 10


class State(StrEnum):
    """How it is, from well to worst."""

    WELL = "well"  #: it judges
    PRESSED = "pressed"  #: it waits, in part or as a whole, and goes on by itself once there is enough
    MISSING = "missing"  #: a part is not there: an operator must look


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found.

    Attributes:
        store: why the database cannot be used, or None.
        queue: why the queue server cannot be used, or None.
        queue_refuses: whether it is up and refuses, as it does while its disk is full.
        key: why nothing can be signed, or None.
        pressures: what is short on this machine.
        counts: how many attempts are in each state; None without a store.
        oldest_s: how long the oldest queued attempt has waited, seconds, or None where none waits.
        workers: those that reported lately.
        late: status lists that cannot be relied on.
        unsettled: attempts that passed and were not looked at for awards for longer than that takes.
        unpublished: judged attempts whose evidence folder is missing for longer than it takes to write one.
    """

    store: str | None = None
    queue: str | None = None
    queue_refuses: bool = False
    key: str | None = None
    pressures: Sequence[Pressure] = ()
    counts: Counts | None = None
    oldest_s: int | None = None
    workers: Sequence[WorkerRow] = ()
    late: Sequence[Late] = ()
    unsettled: int = 0
    unpublished: int = 0


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: how it is.
        found: what is there.
        mend: what to do; empty where it is well.
    """

    name: str
    state: State
    found: str
    mend: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """How the installation is.

    Attributes:
        lines: everything that was looked at.
        counts: attempts by state; empty where they are not known.
        oldest_s: how long the oldest queued attempt has waited, seconds, or None.
        workers: how many are idle, working and waiting.
    """

    lines: tuple[Line, ...]
    counts: Mapping[str, int]
    oldest_s: int | None
    workers: Mapping[str, int]

    @property
    def state(self) -> State:
        """The worst of all lines."""
        return max((line.state for line in self.lines), key=list(State).index)

    @property
    def why(self) -> tuple[str, ...]:
        """What is not well, a sentence each."""
        return tuple(f"{line.name}: {line.found}" for line in self.lines if line.state is not State.WELL)

    def values(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "status": self.state.value,
            "why": list(self.why),
            "checks": [
                {"name": line.name, "status": line.state.value, "found": line.found, "mend": line.mend}
                for line in self.lines
            ],
            "attempts": dict(self.counts),
            "oldest_queued_s": self.oldest_s,
            "workers": dict(self.workers),
        }


def report(facts: Facts) -> Report:
    """What these facts come to."""
    waiting = [row.doing.removeprefix(jobs.WAITING) for row in facts.workers if _waits(row)]
    full = any(one.kind in (Kind.DISK, Kind.FILES) for one in facts.pressures)
    idle = sum(row.doing == jobs.IDLE for row in facts.workers)
    counts = {} if facts.counts is None else {state: getattr(facts.counts, state) for state in _STATES}
    return Report(
        lines=(
            _part("database", facts.store, "opens and can be written", waits=full),
            _part("queue", facts.queue, "answers", waits=full and facts.queue_refuses),
            *([] if facts.store is not None else [_part("key", facts.key, "is there")]),
            *_workers(facts, waiting, full=full),
            *(
                Line(
                    name=one.name,
                    state=State.PRESSED,
                    found=f"{one.found}, expected {one.limit}",
                    mend=one.mend,
                )
                for one in facts.pressures
            ),
            *_evidence(facts),
            *_awards(facts),
        ),
        counts=counts,
        oldest_s=facts.oldest_s,
        workers={
            "idle": idle,
            "working": len(facts.workers) - idle - len(waiting),
            "waiting": len(waiting),
        },
    )


_STATES = tuple(Counts.__dataclass_fields__)


def _part(name: str, problem: str | None, good: str, *, waits: bool = False) -> Line:
    if problem is None:
        return Line(name=name, state=State.WELL, found=good)
    if waits:
        return Line(name=name, state=State.PRESSED, found=problem, mend="see the disk first")
    return Line(name=name, state=State.MISSING, found=problem, mend="assessor doctor says more")


def _waits(row: WorkerRow) -> bool:
    return row.doing.startswith(jobs.WAITING)


def _workers(facts: Facts, waiting: Sequence[str], *, full: bool) -> list[Line]:
    if facts.store is not None:
        return []  # they report to the database: nothing is known of them
    number = len(facts.workers)
    if not number and full:
        # What they say is written to the disk that has no room for it.
        return [_part("workers", "none could report lately", "", waits=True)]
    if not number:
        return [
            Line(name="workers", state=State.MISSING, found="none has reported lately", mend="assessor up")
        ]
    if not waiting:
        return [Line(name="workers", state=State.WELL, found=f"{number} have reported lately")]
    reasons = sorted(set(waiting))
    told = "; ".join(reasons[:REASONS]) + ("; and more" if len(reasons) > REASONS else "")
    return [
        Line(
            name="workers",
            state=State.PRESSED,
            found=f"{len(waiting)} of {number} wait: {told}",
            mend="they go on by themselves once there is enough",
        )
    ]


def _evidence(facts: Facts) -> list[Line]:
    if facts.store is not None:
        return []
    if not facts.unpublished:
        return [Line(name="evidence", state=State.WELL, found="published")]
    return [
        Line(
            name="evidence",
            state=State.PRESSED,
            found=f"{facts.unpublished} judged attempts have no evidence folder yet",
            mend="the sweep publishes them once their disk has room; see its log",
        )
    ]


def _awards(facts: Facts) -> list[Line]:
    if facts.store is not None:
        return []
    problems = [told(one) for one in facts.late]
    if facts.unsettled:
        problems.append(f"{facts.unsettled} passed attempts were not looked at for awards")
    if not problems:
        return [Line(name="awards", state=State.WELL, found="given, and their status lists signed")]
    # Not pressed: it may be a key that is gone, and until it is mended badges cannot be checked.
    return [
        Line(
            name="awards",
            state=State.MISSING,
            found="; ".join(problems),
            mend="see the sweep's log; it tries again all the time",
        )
    ]
