"""The sandbox on a container engine: a pair of locked containers, or of sealed cells in waiting ones.

Comes in: an `Order`. Goes out: events as they come, and the `Outcome`. Steps of a run:

1. see that both images are there;
2. take a pair that waits, else make and start one, and wait until both sides wait for their work;
3. send the start messages, and pass events on until the grader's end event, its end, or the wall limit;
4. look at what is left of both, and name the end;
5. give the pair back, however it ended: in the background it is seen to that nothing is left of the run.

A profile says how its attempts are sealed. `cell`: in a fresh cell of a hangar, one after the other; where
this host lets no cell be made, in containers, and the outcome says so. `container`: in two containers of
their own, used once. What a pair may do stands in `containers`, whose fault an end is in `failure`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import docker.errors
import structlog

from assessor import profile as profile_
from assessor.errors import ImageFault, SandboxFault
from assessor.limits import Limits
from assessor.profile import Isolation, Profile
from assessor.sandbox import containers, engine, failure, holder, images, protocol
from assessor.sandbox.containers import Role
from assessor.sandbox.failure import Remains, Seen
from assessor.sandbox.hangars import MOST_CELLS, CellsRefused, Hangars
from assessor.sandbox.pair import Pair
from assessor.sandbox.pool import Pool
from assessor.sandbox.processors import Processors
from assessor.sandbox.protocol import End, Event, Identity, Order, Outcome, Reason

log = structlog.get_logger(__name__)

#: How long both sides may take to come up. Generous: a machine under load is nobody's fault.
READY_S = 60
#: What the run may take above its wall limit, which the grader itself keeps: only a grader that is stuck in
#: foreign code, or starved, gets here.
GRACE_S = 5
#: How long the learner's side is given to end by itself where its end matters.
_END_S = 3

#: A test that fails for one of these leaves the question whether the learner's container is still there.
_DOUBTFUL = frozenset({Reason.CRASH, Reason.MEMORY, Reason.PROCESSES, Reason.PROTOCOL, Reason.TIMEOUT})


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a pair is made for: it serves every order that asks for the same.

    Attributes:
        profile: name of the profile.
        limits: the limits that the containers hold; those that the grader keeps are left at their defaults.
        service: whether loopback streams are let through.
        hash_seed: PYTHONHASHSEED of both sides.
        properties: whether hypothesis is imported while it waits.
        images: the engine's ids of both images, the learner's first: another image, another pair.
    """

    profile: str
    limits: Limits
    service: bool
    hash_seed: int
    properties: bool
    images: tuple[str, str]


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
        self._facts = engine.facts(self._api)
        self._sandboxes = root / "sandboxes"
        self._images = images.Images(
            self._api, sandboxes=self._sandboxes, cache=cache or images.cache_folder()
        )
        self._owner = owner
        self._runtime = runtime
        self._processors = processors
        self._isolation = isolation
        self._token = token
        self._profiles: dict[str, Profile] = {}
        self._refused: str | None = None
        self._pool: Pool[Fit, Pair] = Pool(start=self._started, most=warm, room=room)

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        """What an attempt in this profile would run in; its images are built where they are not there.

        Raises:
            ImageFault: its images are neither there nor can they be made.
            FileInvalid: its sandbox.yaml is wrong.
        """
        found = self._profile(profile)
        return Identity(
            profile=profile,
            learner=self._images.get(profile).image,
            grader=self._images.get(_grader(found)).image,
            isolation=str(self.isolation(profile)),
            runtime=found.runtime or self._runtime,
            seccomp=self._filter(found, service=service).digest,
        )

    def isolation(self, profile: str) -> Isolation:
        """How attempts in this profile are sealed on this host, as far as is known by now."""
        found = self._profile(profile)
        wanted = self._isolation or found.isolation
        if self._refused is not None or (found.runtime or self._runtime) == containers.GVISOR:
            return Isolation.CONTAINER
        return wanted

    @property
    def owner(self) -> str:
        """Whose its containers are."""
        return self._owner

    @property
    def refused(self) -> str | None:
        """Why this host lets no cell be made; None while it is not known to."""
        return self._refused

    def run(self, order: Order, *, on_event: Callable[[Event], None]) -> Outcome:
        """Run the order in a fresh sealed place; see `protocol.Sandbox`.

        Raises:
            SandboxFault: the sandbox broke in a way that the submission cannot cause.
            ImageFault: an image is neither there nor can it be made.
        """
        phases = _Phases()
        with phases.measure("image"):  # 1.
            fit = self._fit(order)
        with phases.measure("take"):  # 2.
            pair = self._pool.take(fit)
        start = "cold" if pair is None else "warm"
        if pair is None:
            pair = self._hurried(order, fit, phases)
        # Only now is it known what this host lets be made.
        identity = self.identity(order.profile, service=fit.service)
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
            end=end, identity=identity, facts=self._told(order, start), phases_ms=phases.durations_ms
        )

    def prepare(self, order: Order) -> None:
        """Have a pair wait that is fit for orders like this one; started in the background."""
        self._pool.prepare(self._fit(order))

    def shrink(self) -> None:
        """Remove every pair that waits."""
        self._pool.shrink()

    def sweep(self, *, alive: Callable[[str], bool] = holder.lives) -> list[str]:
        """Remove this installation's containers and volumes whose holder is not alive.

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
                if not alive((found.get("Labels") or {}).get(protocol.LABEL_HOLDER, "")):
                    _unless_gone(self._api.remove_container, found["Id"], force=True, v=True)
                    removed.append(found["Names"][0].lstrip("/"))
            for volume in self._api.volumes(filters=mine)["Volumes"] or ():
                if not alive((volume.get("Labels") or {}).get(protocol.LABEL_HOLDER, "")):
                    _unless_gone(self._api.remove_volume, volume["Name"], force=True)
                    removed.append(volume["Name"])
        return sorted(removed)

    def close(self) -> None:
        """Remove every pair that waits or is on its way, and let go of the engine."""
        self._pool.close()
        self._api.close()

    def _profile(self, name: str) -> Profile:
        # Read once, as the images are: a worker runs on what it started with.
        if name not in self._profiles:
            path = self._sandboxes / name / "sandbox.yaml"
            try:
                data = path.read_bytes()
            except OSError as error:
                raise ImageFault(f"{path}: expected a sandbox's profile, got: {error}") from error
            self._profiles[name] = profile_.load(data, name=name)
        return self._profiles[name]

    def _fit(self, order: Order) -> Fit:
        limits = Limits()
        return Fit(
            profile=order.profile,
            limits=replace(
                order.limits,
                wall_s=limits.wall_s,
                call_s=limits.call_s,
                output_bytes=limits.output_bytes,
                reply_bytes=limits.reply_bytes,
            ),
            service=order.service is not None,
            hash_seed=order.hash_seed,
            # Many tasks share a hangar; a container is one task's.
            properties=self.isolation(order.profile) is Isolation.CELL or _has_properties(order),
            images=(
                self._images.get(order.profile).id,
                self._images.get(_grader(self._profile(order.profile))).id,
            ),
        )

    def _hurried(self, order: Order, fit: Fit, phases: _Phases) -> Pair:
        """A pair for an order that waits: nothing is done for the sake of later ones.

        Raises:
            SandboxFault: it does not come up.
        """
        return self._started(replace(fit, properties=_has_properties(order)), phases, rehearsed=False)

    def _started(self, fit: Fit, phases: _Phases | None = None, *, rehearsed: bool = True) -> Pair:
        """A pair that waits for its work, started now.

        Raises:
            SandboxFault: it does not come up.
        """
        phases = phases or _Phases()
        while True:
            pair = self._pair(fit, rehearsed=rehearsed)
            try:
                with phases.measure("start"):
                    pair.start()
                with phases.measure("ready"):
                    pair.ready(timeout_s=READY_S)
            except CellsRefused as error:
                pair.destroy()
                log.warning("this host lets no cell be made; containers from here on", problem=str(error))
                self._refused = str(error)
            except BaseException:
                pair.destroy()
                raise
            else:
                return pair

    def _filter(self, found: Profile, *, service: bool) -> containers.Filter:
        runtime = found.runtime or self._runtime
        return containers.read_filter(self._sandboxes, service=service, runtime=runtime)

    def _pair(self, fit: Fit, *, rehearsed: bool) -> Pair:
        found = self._profile(fit.profile)
        token = self._token()
        place = containers.Place(
            labels={protocol.LABEL_OWNER: self._owner, protocol.LABEL_HOLDER: holder.me()},
            volume=f"assessor-{token}",
            limits=fit.limits,
            hash_seed=fit.hash_seed,
            runtime=found.runtime or self._runtime,
            preload={
                Role.LEARNER: found.preload,
                Role.GRADER: (
                    *self._profile(_grader(found)).preload,
                    *(("hypothesis.strategies",) if fit.properties else ()),
                ),
            },
            rehearsed=rehearsed,
            unconfined="apparmor" in self._facts.security,
        )
        image = dict(zip((Role.LEARNER, Role.GRADER), fit.images, strict=True))
        # The grader speaks to one unix socket alone, whatever the learner's side starts.
        calls = {
            Role.LEARNER: self._filter(found, service=fit.service),
            Role.GRADER: self._filter(found, service=False),
        }
        if self.isolation(fit.profile) is Isolation.CONTAINER:
            configs = {
                role: containers.config(role, place, image=image[role], calls=calls[role]) for role in Role
            }
            return Pair(self._api, token=token, volume=place.volume, configs=configs)
        own = {role: containers.hangar_filter(self._sandboxes, calls[role]) for role in Role}
        return Hangars(
            self._api,
            token=token,
            volume=place.volume,
            configs={
                role: containers.hangar(role, place, image=image[role], calls=own[role]) for role in Role
            },
            moulds={
                role: containers.mould(role, place, calls=calls[role], service=fit.service) for role in Role
            },
            # One that was made in a hurry is no place to come back to.
            most_cells=MOST_CELLS if rehearsed else 1,
        )

    @contextmanager
    def _processor(self, order: Order) -> Iterator[int | None]:
        # A submission that may use more than one processor is not held to one.
        if self._processors is None or order.limits.cpu_percent > 100:
            yield None
            return
        with self._processors.one() as number:
            yield number

    def _told(self, order: Order, start: str) -> dict[str, Any]:
        told = {
            "engine": f"{self._facts.product} {self._facts.version}",
            "kernel": self._facts.kernel,
            "learner_image": self._images.get(order.profile).id,
            "grader_image": self._images.get(_grader(self._profile(order.profile))).id,
            "start": start,
        }
        if self._refused is not None:
            told["cells_refused"] = self._refused
        return told


def _has_properties(order: Order) -> bool:
    return any(b"hypothesis" in content for content in order.tests.values())


def _grader(found: Profile) -> str:
    if found.grader is None:
        raise ImageFault(f"sandboxes/{found.name}: expected a learner's profile, it is a grader's")
    return found.grader


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
