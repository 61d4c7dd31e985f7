"""The sandbox on a container engine: two locked containers an attempt, used once.

Comes in: an `Order`. Goes out: events as they come, and the `Outcome`. Steps of a run:

1. see that both images are there;
2. make and start both containers, and wait until both sides wait for their work;
3. send the start messages, and pass events on until the grader's end event, its end, or the wall limit;
4. look at what is left of both, and name the end;
5. remove everything, however it ended.

What the containers may do stands in `containers`, whose fault an end is in `failure`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors

from assessor.errors import SandboxFault
from assessor.sandbox import containers, engine, failure, images, protocol
from assessor.sandbox.containers import Role
from assessor.sandbox.failure import Remains, Seen
from assessor.sandbox.pair import Pair
from assessor.sandbox.protocol import End, Event, Identity, Order, Outcome, Reason

#: How long both sides may take to come up. Generous: a machine under load is nobody's fault.
READY_S = 60
#: What the run may take above its wall limit, which the grader itself keeps: only a grader that is stuck in
#: foreign code, or starved, gets here.
GRACE_S = 5
#: How long the learner's side is given to end by itself where its end matters.
_END_S = 3

#: A test that fails for one of these leaves the question whether the learner's container is still there.
_DOUBTFUL = frozenset({Reason.CRASH, Reason.MEMORY, Reason.PROCESSES, Reason.PROTOCOL, Reason.TIMEOUT})


class Docker:
    """Runs attempts in pairs of containers.

    Args:
        root: folder that holds `sandboxes/`.
        owner: names this installation; only what carries it is ever swept.
        runtime: the engine's runtime.
        cpu: the one processor that both sides of each attempt run on, or None for any.
        cache: folder for what can be fetched again; the user's by default.
        grader: folder of the grader's image.
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
        cpu: int | None = None,
        cache: Path | None = None,
        grader: str = "grader",
        token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._api = engine.connect()
        self._facts = engine.facts(self._api)
        self._sandboxes = root / "sandboxes"
        self._images = images.Images(
            self._api, sandboxes=self._sandboxes, cache=cache or images.cache_folder()
        )
        self._owner = owner
        self._runtime = runtime
        self._cpu = cpu
        self._grader = grader
        self._token = token

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        """What an attempt in this profile would run in; its images are built where they are not there.

        Raises:
            ImageFault: its images are neither there nor can they be made.
        """
        return Identity(
            profile=profile,
            learner=self._images.get(profile).image,
            grader=self._images.get(self._grader).image,
            isolation="container",
            runtime=self._runtime,
            seccomp=containers.read_filter(self._sandboxes, service=service).digest,
        )

    def run(self, order: Order, *, on_event: Callable[[Event], None]) -> Outcome:
        """Run the order in two fresh containers; see `protocol.Sandbox`.

        Raises:
            SandboxFault: the sandbox broke in a way that the submission cannot cause.
            ImageFault: an image is neither there nor can it be made.
        """
        phases = _Phases()
        with phases.measure("image"):  # 1.
            identity = self.identity(order.profile, service=order.service is not None)
        pair = self._pair(order)
        try:
            with phases.measure("start"):  # 2.
                pair.start()
            with phases.measure("ready"):
                pair.ready(timeout_s=READY_S)
            with phases.measure("run"):  # 3. and 4.
                grader, learner = protocol.start_messages(
                    order, socket=containers.SOCKET, nonce=self._token()
                )
                pair.send({Role.GRADER: grader, Role.LEARNER: learner})
                end = _follow(pair, on_event, wall_s=order.limits.wall_s + GRACE_S)
        finally:
            with phases.measure("remove"):  # 5.
                pair.destroy()
        return Outcome(end=end, identity=identity, facts=self._told(order), phases_ms=phases.durations_ms)

    def sweep(self, *, alive: Callable[[str, int], bool]) -> list[str]:
        """Remove this installation's containers and volumes whose attempt and epoch are not alive.

        Returns:
            Names of what was removed, sorted.

        Raises:
            SandboxFault: the engine does not list or remove them.
        """
        mine = {"label": [f"{protocol.LABEL_OWNER}={self._owner}"]}
        removed = []
        with engine.answers("sweep"):
            for found in self._api.containers(all=True, filters=mine):
                if not _lives(found.get("Labels"), alive):
                    _unless_gone(self._api.remove_container, found["Id"], force=True, v=True)
                    removed.append(found["Names"][0].lstrip("/"))
            for volume in self._api.volumes(filters=mine)["Volumes"] or ():
                if not _lives(volume.get("Labels"), alive):
                    _unless_gone(self._api.remove_volume, volume["Name"], force=True)
                    removed.append(volume["Name"])
        return sorted(removed)

    def close(self) -> None:
        """Let go of the engine."""
        self._api.close()

    def _pair(self, order: Order) -> Pair:
        token = self._token()
        place = containers.Place(
            labels={
                protocol.LABEL_OWNER: self._owner,
                protocol.LABEL_ATTEMPT: order.attempt,
                protocol.LABEL_EPOCH: str(order.epoch),
            },
            volume=f"assessor-{token}",
            limits=order.limits,
            hash_seed=order.hash_seed,
            runtime=self._runtime,
            cpu=self._cpu,
        )
        # The grader speaks to one unix socket alone, whatever the learner's side starts.
        closed = containers.read_filter(self._sandboxes, service=False)
        calls = containers.read_filter(self._sandboxes, service=order.service is not None)
        return Pair(
            self._api,
            token=token,
            volume=place.volume,
            configs={
                Role.LEARNER: containers.config(
                    Role.LEARNER, place, image=self._images.get(order.profile).id, calls=calls
                ),
                Role.GRADER: containers.config(
                    Role.GRADER, place, image=self._images.get(self._grader).id, calls=closed
                ),
            },
        )

    def _told(self, order: Order) -> dict[str, Any]:
        return {
            "engine": f"{self._facts.product} {self._facts.version}",
            "kernel": self._facts.kernel,
            "learner_image": self._images.get(order.profile).id,
            "grader_image": self._images.get(self._grader).id,
            "start": "cold",
        }


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


def _lives(labels: dict[str, str] | None, alive: Callable[[str, int], bool]) -> bool:
    labels = labels or {}
    epoch = labels.get(protocol.LABEL_EPOCH, "")
    return epoch.isdigit() and alive(labels.get(protocol.LABEL_ATTEMPT, ""), int(epoch))


def _unless_gone(remove: Callable[..., None], name: str, **how: bool) -> None:
    try:
        remove(name, **how)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        # Somebody else is removing it right now: that is as good.
        if error.status_code != 409:
            raise


class _Phases:
    """How long each phase took."""

    def __init__(self) -> None:
        self.durations_ms: dict[str, int] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.durations_ms[name] = round((time.monotonic() - begun) * 1000)
