"""An installation whose worker dies, or kills the queue server, at the stage that a note asks for; once each.

    <home>/doom/<attempt>     "<stage> <victim>", removed as the doom strikes
    <home>/ran                one line for each run of an attempt in the sandbox

Run by `test_recovery`; the installation is that of bench/chaos.py, with its fake sandbox.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "bench"))

import chaos

from assessor import supervisor
from assessor.logs import configure
from assessor.rows.leases import STARVE_S
from assessor.sandbox.protocol import End, Event, Finished, Order
from assessor.settings import LogFormat
from assessor.store import Attempt, AttemptState, Claim, Conclusion

STAGES = ("unclaimed", "claimed", "running", "run over", "run kept", "concluded")

home = Path()


def doomed(stage: str, attempt_id: str) -> str | None:
    """Whom this attempt is doomed to take with it at this stage, or None."""
    try:
        at, victim = (home / "doom" / attempt_id).read_text().rsplit(maxsplit=1)
    except FileNotFoundError:
        return None
    return victim if at == stage else None


def reach(stage: str, attempt_id: str) -> None:
    """Die here if this attempt is doomed to."""
    victim = doomed(stage, attempt_id)
    if victim is None:
        return
    try:
        (home / "doom" / attempt_id).unlink()
    except FileNotFoundError:  # it is another worker's by now
        return
    if victim in ("server", "both"):
        os.kill(int((home / "queue" / "server.pid").read_text()), signal.SIGKILL)
    if victim in ("worker", "both"):
        os.kill(os.getpid(), signal.SIGKILL)


class DoomedStore(chaos.NotingStore):
    """A store that says which stage is reached."""

    def claim(
        self, *, worker: str, lease_s: float, now: datetime, starve_s: float = STARVE_S
    ) -> Claim | None:
        for attempt_id, _ in self.due(now=now, limit=1):
            reach("unclaimed", attempt_id)
        claim = super().claim(worker=worker, lease_s=lease_s, now=now, starve_s=starve_s)
        if claim is not None:
            reach("claimed", claim.attempt.id)
        return claim

    def add_events(self, claim: Claim, events_json: Sequence[bytes]) -> None:
        super().add_events(claim, events_json)
        if any(b'"test"' in event for event in events_json):
            reach("running", claim.attempt.id)

    def finish_run(
        self, claim: Claim, run_json: bytes, *, now: datetime, events_json: Sequence[bytes] = ()
    ) -> None:
        reach("run over", claim.attempt.id)
        super().finish_run(claim, run_json, now=now, events_json=events_json)
        reach("run kept", claim.attempt.id)

    def conclude(self, of: Claim | Attempt, conclusion: Conclusion, *, now: datetime) -> None:
        super().conclude(of, conclusion, now=now)
        if conclusion.state is AttemptState.JUDGED:
            reach("concluded", of.attempt.id if isinstance(of, Claim) else of.id)


plain = chaos.script


def script(order: Order) -> Iterable[Event | End | BaseException]:
    """As chaos has it, and noted."""
    with (home / "ran").open("a") as file:
        file.write(f"{order.attempt}\n")
    for step in plain(order):
        yield step
        # Events are stored a moment after they came: a doom in the midst of a run waits for that.
        while isinstance(step, Finished) and doomed("running", order.attempt) is not None:
            time.sleep(0.005)


if __name__ == "__main__":
    role, told, parent = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    home = Path(told["home"])
    plan = chaos.Plan(**(told | {"home": home}))
    configure(LogFormat.JSON)
    chaos.HERE = Path(__file__)
    chaos.NotingStore = DoomedStore
    chaos.script = script
    if role == "supervisor":
        supervisor.MOST_WAIT_S = 0.25  # deaths are many here, and none is a crash loop
        supervisor.run(
            [
                supervisor.Child(
                    name=name,
                    command=[sys.executable, __file__, name, sys.argv[2], str(os.getpid())],
                )
                for name in ("worker", "worker", "sweep")
            ]
        )
    elif role == "worker":
        chaos.work(plan, parent)
    else:
        chaos.sweep(plan, parent)
