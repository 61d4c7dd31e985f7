"""Makes pairs: what an order needs of one, and one that is fit for it, started and ready.

Comes in: orders, and the folder of sandboxes. Goes out: a `Fit` for each order, and pairs that wait for work.
How long a pair is kept is left to `pool`, what it is given to do to `docker`.

A profile says how its attempts are sealed. `cell`: in a fresh cell of a hangar, one after the other; where
this host lets no cell be made, in containers, and the outcome says so. `container`: in two containers of
their own, used once. What a pair may do stands in `containers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import structlog

from assessor import profile as profile_
from assessor.errors import ImageFault
from assessor.limits import Limits
from assessor.profile import Isolation, Profile
from assessor.sandbox import containers, holder, images, protocol
from assessor.sandbox.containers import Role
from assessor.sandbox.hangars import MOST_CELLS, CellsRefused, Hangars
from assessor.sandbox.pair import Pair
from assessor.sandbox.phases import Phases
from assessor.sandbox.protocol import Identity, Order

log = structlog.get_logger(__name__)

#: How long both sides may take to come up. Generous: a machine under load is nobody's fault.
READY_S = 60


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a pair is made for: it serves every order that asks for the same.

    Attributes:
        profile: name of the profile.
        limits: the limits that the containers hold; those that the grader keeps are left at their defaults.
        service: whether loopback streams are let through.
        hash_seed: PYTHONHASHSEED of both sides.
        properties: whether hypothesis is imported while it waits.
        images: both images, the learner's first: another image, another pair.
    """

    profile: str
    limits: Limits
    service: bool
    hash_seed: int
    properties: bool
    images: tuple[images.Built, images.Built]


class Maker:
    """Makes the pairs of one installation.

    Args:
        api: the engine.
        sandboxes: folder that holds one folder for each sandbox.
        cache: folder for what can be fetched again.
        owner: names the installation.
        runtime: the engine's runtime, where a profile names none.
        isolation: how attempts are sealed, in place of what their profiles say.
        token: fresh text that nobody can guess, for names.
    """

    def __init__(
        self,
        api: docker.APIClient,
        *,
        sandboxes: Path,
        cache: Path,
        owner: str,
        runtime: str,
        isolation: Isolation | None,
        token: Callable[[], str],
    ) -> None:
        self._api = api
        self._sandboxes = sandboxes
        self._images = images.Images(api, sandboxes=sandboxes, cache=cache)
        self._owner = owner
        self._runtime = runtime
        self._isolation = isolation
        self._token = token
        self._profiles: dict[str, tuple[bytes, Profile]] = {}
        self._refused: str | None = None

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        """What an attempt in this profile would run in; its images are built where they are not there.

        Raises:
            ImageFault: its images are neither there nor can they be made.
            FileInvalid: its sandbox.yaml is wrong.
        """
        found = self._profile(profile)
        calls = self._filter(found, service=service)
        return self._identity(found, self._both(found), calls, isolation=self.isolation(profile))

    def isolation(self, profile: str) -> Isolation:
        """How attempts in this profile are sealed on this host, as far as is known by now."""
        found = self._profile(profile)
        wanted = self._isolation or found.isolation
        if self._refused is not None or (found.runtime or self._runtime) == containers.GVISOR:
            return Isolation.CONTAINER
        return wanted

    @property
    def refused(self) -> str | None:
        """Why this host lets no cell be made; None while it is not known to."""
        return self._refused

    def fit(self, order: Order) -> Fit:
        """What a pair must be to serve an order.

        Raises:
            ImageFault: its images are neither there nor can they be made.
            FileInvalid: its sandbox.yaml is wrong.
        """
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
            images=self._both(self._profile(order.profile)),
        )

    def hurried(self, order: Order, fit: Fit, phases: Phases) -> Pair:
        """A pair for an order that waits: nothing is done for the sake of later ones.

        Raises:
            SandboxFault: it does not come up.
        """
        return self.start(replace(fit, properties=_has_properties(order)), phases, rehearsed=False)

    def start(self, fit: Fit, phases: Phases | None = None, *, rehearsed: bool = True) -> Pair:
        """A pair that waits for its work, started now.

        Raises:
            SandboxFault: it does not come up.
        """
        phases = phases or Phases()
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

    def _both(self, found: Profile) -> tuple[images.Built, images.Built]:
        return self._images.get(found.name), self._images.get(_grader(found))

    def _identity(
        self,
        found: Profile,
        both: tuple[images.Built, images.Built],
        calls: containers.Filter,
        *,
        isolation: Isolation,
    ) -> Identity:
        learner, grader = both
        return Identity(
            profile=found.name,
            learner=learner.image,
            grader=grader.image,
            isolation=str(isolation),
            runtime=found.runtime or self._runtime,
            seccomp=calls.digest,
        )

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
            compiled=found.compiled,
        )
        image = {Role.LEARNER: fit.images[0].id, Role.GRADER: fit.images[1].id}
        # The grader speaks to one unix socket alone, whatever the learner's side starts.
        bare = self._filter(found, service=False)
        calls = {
            Role.LEARNER: self._filter(found, service=True) if fit.service else bare,
            Role.GRADER: bare,
        }
        isolation = self.isolation(fit.profile)
        identity = self._identity(found, fit.images, calls[Role.LEARNER], isolation=isolation)
        if isolation is Isolation.CONTAINER:
            configs = {
                role: containers.config(role, place, image=image[role], calls=calls[role]) for role in Role
            }
            return Pair(self._api, identity, token=token, volume=place.volume, configs=configs)
        own = {role: containers.hangar_filter(self._sandboxes, calls[role]) for role in Role}
        return Hangars(
            self._api,
            identity,
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

    def _profile(self, name: str) -> Profile:
        path = self._sandboxes / name / "sandbox.yaml"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ImageFault(f"{path}: expected a sandbox's profile, got: {error}") from error
        known = self._profiles.get(name)
        if known is None or known[0] != data:
            known = self._profiles[name] = data, profile_.load(data, name=name)
        return known[1]


def _has_properties(order: Order) -> bool:
    return any(b"hypothesis" in content for content in order.tests.values())


def _grader(found: Profile) -> str:
    if found.grader is None:
        raise ImageFault(f"sandboxes/{found.name}: expected a learner's profile, it is a grader's")
    return found.grader
