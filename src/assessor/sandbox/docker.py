"""The sandbox on a container engine: a pair of locked containers, or of sealed cells in waiting ones.

Comes in: an `Order`. Goes out: events as they come, and the `Outcome`. Steps of a run:

1. see that both images are there;
2. take a pair that waits, else make and start one, and wait until both sides wait for their work;
3. send the start messages, and pass events on until the grader's end event, its end, or the wall limit;
4. look at what is left of both, and name the end;
5. give the pair back, however it ended: in the background it is seen to that nothing is left of the run.

How a pair is made stands in `maker`, what it may do in `containers`, whose fault an end is in `failure`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker.errors

from assessor.errors import SandboxFault
from assessor.limits import Limits
from assessor.profile import Isolation
from assessor.sandbox import containers, engine, failure, holder, images, protocol
from assessor.sandbox.containers import Role
from assessor.sandbox.failure import Remains, Seen
from assessor.sandbox.maker import Fit, Maker
from assessor.sandbox.pair import Pair
from assessor.sandbox.phases import Phases
from assessor.sandbox.pool import Pool
from assessor.sandbox.processors import Processors
from assessor.sandbox.protocol import End, Event, Identity, Order, Outcome, Reason

#: What the run may take above its wall limit, which the grader itself keeps: only a grader that is stuck in
#: foreign code, or starved, gets here.
GRACE_S = 5
#: How long the learner's side is given to end by itself where its end matters.
_END_S = 3

#: How long what has ended is left to its holder to look at and remove; only an engine that was away keeps it.
_DONE_WITH = timedelta(minutes=2)

#: A test that fails for one of these leaves the question whether the learner's container is still there.
_DOUBTFUL = frozenset({Reason.CRASH, Reason.MEMORY, Reason.PROCESSES, Reason.PROTOCOL, Reason.TIMEOUT})


class Docker:
    """Runs attempts in pairs of containers or of cells.

    Args:
        root: folder that holds `sandboxes/`.
        owner: names this installation; only what carries it is ever swept.
        runtime: the engine's runtime, where a profile names none.
        warm: how many pairs may wait for work; 0 starts one for each run.
        room: whether there is memory for one more pair that waits.
        processors: which processor each run stays on; None for any.
        isolation: how attempts are sealed, in place of what their profiles say.
        cache: folder for what can be fetched again; the user's by default.
        token: fresh text that nobody can guess, for names and nonces.

    Raises:
        EngineMissing: no engine can be reached.
    """

    def __init__(
        self,
        *,
        root: Path,
        owner: str,
        runtime: str = "runc",
        warm: int = 2,
        room: Callable[[], bool] = lambda: True,
        processors: Processors | None = None,
        isolation: Isolation | None = None,
        cache: Path | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._api = engine.connect()
        # It takes the engine a while to tell, and nothing waits for it before a run has ended.
        self._facts = futures.ThreadPoolExecutor(1, "engine-facts").submit(engine.facts, self._api)
        self._owner = owner
        self._processors = processors
        self._token = token
        self._maker = Maker(
            self._api,
            sandboxes=root / "sandboxes",
            cache=cache or images.cache_folder(),
            owner=owner,
            runtime=runtime,
            isolation=isolation,
            token=token,
        )
        self._pool: Pool[Fit, Pair] = Pool(start=self._maker.start, most=warm, room=room)

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        """What an attempt in this profile would run in; its images are built where they are not there.

        Raises:
            ImageFault: its images are neither there nor can they be made.
            FileInvalid: its sandbox.yaml is wrong.
        """
        return self._maker.identity(profile, service=service)

    def isolation(self, profile: str) -> Isolation:
        """How attempts in this profile are sealed on this host, as far as is known by now."""
        return self._maker.isolation(profile)

    @property
    def refused(self) -> str | None:
        """Why this host lets no cell be made; None while it is not known to."""
        return self._maker.refused

    def try_isolation(self, profile: str) -> Isolation:
        """How attempts in this profile are sealed on this host: found out by making a place for one.

        Raises:
            SandboxFault: none can be made.
            ImageFault: an image is neither there nor can it be made.
        """
        self._maker.start(self._maker.fit(_nothing(profile)), rehearsed=False).destroy()
        return self.isolation(profile)

    @property
    def owner(self) -> str:
        """Whose its containers are."""
        return self._owner

    def run(self, order: Order, *, on_event: Callable[[Event], None]) -> Outcome:
        """Run the order in a fresh sealed place; see `protocol.Sandbox`.

        Raises:
            SandboxFault: the sandbox broke in a way that the submission cannot cause.
            ImageFault: an image is neither there nor can it be made.
        """
        phases = Phases()
        with phases.measure("image"):  # 1.
            fit = self._maker.fit(order)
        # Of a profile whose image changed, none that waits is of use any more.
        self._pool.keep(lambda other: other.profile != fit.profile or other.images == fit.images)
        with phases.measure("take"):  # 2.
            pair = self._pool.take(fit)
        start = "cold" if pair is None else "warm"
        if pair is None:
            pair = self._maker.hurried(order, fit, phases)
        try:
            with phases.measure("run"), self._processor(order) as cpu:  # 3. and 4.
                grader, learner = protocol.start_messages(
                    order, socket=containers.SOCKET, nonce=self._token(), cpu=cpu
                )
                pair.send({Role.GRADER: grader, Role.LEARNER: learner})
                end = _follow(pair, on_event, wall_s=order.limits.wall_s + GRACE_S)
        finally:
            self._pool.give(fit, pair)  # 5.
        return Outcome(
            end=end, identity=pair.identity, facts=self._told(fit, start), phases_ms=phases.durations_ms
        )

    def prepare(self, order: Order) -> None:
        """Have a pair wait that is fit for orders like this one; started in the background."""
        self._pool.prepare(self._maker.fit(order))

    def shrink(self) -> None:
        """Remove every pair that waits."""
        self._pool.shrink()

    def sweep(self, *, alive: Callable[[str], bool] = holder.lives) -> list[str]:
        """Remove this installation's containers and volumes whose holder is not alive, or done with them.

        A holder that lives removes what it is done with itself; what an engine did not let it remove ended a
        while ago.

        Args:
            alive: whether the process that a holder's label names lives.

        Returns:
            Names of what was removed, sorted.

        Raises:
            SandboxFault: the engine does not list or remove them.
        """
        mine = {"label": [f"{protocol.LABEL_OWNER}={self._owner}"]}
        removed = []
        with engine.answers("sweep"):
            for found in self._api.containers(all=True, filters=mine):
                if not alive(_holder(found)) or self._ended(found):
                    _unless_gone(self._api.remove_container, found["Id"], force=True, v=True)
                    removed.append(found["Names"][0].lstrip("/"))
            unused = self._api.volumes(filters={**mine, "dangling": True})["Volumes"] or ()
            for volume in self._api.volumes(filters=mine)["Volumes"] or ():
                idle = any(other["Name"] == volume["Name"] for other in unused)
                if not alive(_holder(volume)) or (idle and _long_ago(volume["CreatedAt"])):
                    _unless_gone(self._api.remove_volume, volume["Name"], force=True)
                    removed.append(volume["Name"])
        return sorted(removed)

    def close(self) -> None:
        """Remove every pair that waits or is on its way, and let go of the engine."""
        self._pool.close()
        self._api.close()

    def _ended(self, found: dict[str, Any]) -> bool:
        if found.get("State") not in ("exited", "dead"):
            return False
        try:
            state = self._api.inspect_container(found["Id"])["State"]
        except docker.errors.NotFound:
            return False
        return _long_ago(state["FinishedAt"])

    @contextmanager
    def _processor(self, order: Order) -> Iterator[int | None]:
        # A submission that may use more than one processor is not held to one.
        if self._processors is None or order.limits.cpu_percent > 100:
            yield None
            return
        with self._processors.one() as number:
            yield number

    def _told(self, fit: Fit, start: str) -> dict[str, Any]:
        facts = self._facts.result()
        told = {
            "engine": f"{facts.product} {facts.version}",
            "kernel": facts.kernel,
            "learner_image": fit.images[0].id,
            "grader_image": fit.images[1].id,
            "start": start,
        }
        if self.refused is not None:
            told["cells_refused"] = self.refused
        return told


def _nothing(profile: str) -> Order:
    """An order in this profile that asks for nothing of its own."""
    return Order(
        attempt="", epoch=1, profile=profile, limits=Limits(), bundle={}, tests={}, modules=(), seed=0
    )


def _follow(pair: Pair, on_event: Callable[[Event], None], *, wall_s: float) -> End:
    """Pass events on until nothing more will come, and name the end.

    Raises:
        SandboxFault: it is not one that the submission can cause.
    """
    deadline = time.monotonic() + wall_s
    doubtful = False
    while True:
        arrival = pair.take(timeout_s=deadline - time.monotonic())
        if arrival is None:
            return failure.judge(_seen(pair, ended=False, wall=True, doubtful=doubtful))
        if arrival.role is Role.LEARNER:
            # Nothing that it says counts. Its end is for the grader to notice first: it fails the running
            # test and those that follow, and then ends by itself.
            doubtful |= arrival.payload is None
            continue
        if isinstance(arrival.payload, SandboxFault):
            raise arrival.payload
        if arrival.payload is None:
            return failure.judge(_seen(pair, ended=False, wall=False, doubtful=doubtful))
        event = protocol.parse_event(arrival.payload)
        on_event(event)
        if isinstance(event, protocol.Finished):
            doubtful |= event.reason in _DOUBTFUL
        if isinstance(event, protocol.Ended):
            return failure.judge(_seen(pair, ended=True, wall=False, doubtful=doubtful))


def _seen(pair: Pair, *, ended: bool, wall: bool, doubtful: bool) -> Seen:
    """What there is to see of both sides, looking only where it can matter."""
    runs = Remains(running=True)
    grader = pair.remains(Role.GRADER) if not ended and not wall else runs
    learner = runs
    if ended and doubtful:
        # A side that is whole exits with 0 once the grader is gone; what it left before tells more.
        deadline = time.monotonic() + _END_S
        while not pair.over(Role.LEARNER) and time.monotonic() < deadline:
            pair.take(timeout_s=deadline - time.monotonic())
        if pair.over(Role.LEARNER):
            learner = pair.remains(Role.LEARNER)
    return Seen(
        ended=ended, started=True, wall=wall, grader=grader, learner=learner, words=pair.words(Role.GRADER)
    )


def _holder(found: dict[str, Any]) -> str:
    return str((found.get("Labels") or {}).get(protocol.LABEL_HOLDER, ""))


def _long_ago(moment: str) -> bool:
    """Whether an engine's time is longer ago than a holder takes to remove what is done with."""
    return datetime.now(UTC) - datetime.fromisoformat(moment) > _DONE_WITH


def _unless_gone(remove: Callable[..., None], name: str, **how: bool) -> None:
    try:
        remove(name, **how)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        # Somebody else is removing it right now: that is as good.
        if error.status_code != 409:
            raise
