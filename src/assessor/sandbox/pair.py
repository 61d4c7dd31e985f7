"""The two containers of one attempt, from before they exist to after they are gone.

    Pair() -> start() -> ready() -> send() -> take()... -> finish() -> destroy()

`start` and `ready` need nothing of a submission, so pairs can be started ahead of need and wait. What comes
out of `take` is what the grader wrote, in order, and the ends of both streams. What any of it means is left
to `docker` and `failure`; a pair whose containers make cells for many attempts is `hangars`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import structlog

from assessor.errors import SandboxFault
from assessor.sandbox import engine
from assessor.sandbox.containers import Role
from assessor.sandbox.failure import KILLED, Remains
from assessor.sandbox.protocol import Identity
from assessor.sandbox.stream import Stream

log = structlog.get_logger(__name__)

#: The engine may tell of the end of a stream before it has taken note of the container's end.
_SETTLE_S = 3.0
#: The news that memory ran out travels apart from the news of the exit.
_OOM_NEWS_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Something that came out of a container.

    Attributes:
        role: which one.
        payload: a frame of its standard output, the error that ended them, or None for the stream's end.
    """

    role: Role
    payload: bytes | SandboxFault | None


#: What a side says when it waits for its work.
READY = b'{"kind":"ready"}'


class Pair:
    """The two containers of one attempt.

    Args:
        api: the engine.
        identity: what serves in it, as evidence names it: what it was made of, whatever is changed since.
        token: part of their names; fresh.
        configs: the engine's configuration of either side.
        volume: name of the volume that both name in their configuration.
    """

    def __init__(
        self,
        api: docker.APIClient,
        identity: Identity,
        *,
        token: str,
        configs: Mapping[Role, Mapping[str, Any]],
        volume: str,
    ) -> None:
        self._api = api
        self.identity = identity
        self._configs = configs
        self._volume = volume
        self._names = {role: f"assessor-{token}-{role}" for role in Role}
        self._streams: dict[Role, Stream] = {}
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._over: set[Role] = set()
        self._gone: set[Role] = set()

    def start(self) -> None:
        """Make and start both, at the same time.

        Raises:
            SandboxFault: the engine does not.
        """
        failed: list[BaseException] = []

        def learner() -> None:
            try:
                self._start(Role.LEARNER)
            except BaseException as error:  # carried over to the caller's thread below
                failed.append(error)

        thread = threading.Thread(target=learner, daemon=True, name="sandbox-start")
        thread.start()
        try:
            self._start(Role.GRADER)
        finally:
            thread.join()
        if failed:
            raise failed[0]

    def ready(self, *, timeout_s: float) -> None:
        """Wait until both sides wait for their work.

        Raises:
            SandboxFault: one does not come up; nothing of a submission has run by then.
        """
        waiting = set(Role)
        deadline = time.monotonic() + timeout_s
        while waiting:
            arrival = self.take(timeout_s=deadline - time.monotonic())
            if arrival is None:
                names = " and ".join(sorted(waiting))
                raise SandboxFault(f"{names}: expected to be ready within {timeout_s:g} s, got nothing")
            if isinstance(arrival.payload, SandboxFault):
                raise arrival.payload
            if arrival.payload is None:
                remains = self.remains(arrival.role)
                raise SandboxFault(
                    f"{arrival.role}: expected it to be ready, got the end of its output "
                    f"(status {remains.exit_code}{', out of memory' if remains.oom else ''}), "
                    f"last words: {self.words(arrival.role).strip()[-2000:]}"
                )
            if arrival.payload != READY:
                raise SandboxFault(f"{arrival.role}: expected it to be ready, got {arrival.payload[:200]!r}")
            waiting.discard(arrival.role)

    @property
    def whole(self) -> bool:
        """Whether both containers run, as far as is known."""
        return not self._gone

    def send(self, messages: Mapping[Role, bytes]) -> None:
        """Give both sides their start messages."""
        for role, message in messages.items():
            self._streams[role].send(message)

    def take(self, *, timeout_s: float) -> Arrival | None:
        """The next thing that comes out, or None where nothing does in time."""
        try:
            arrival = self._arrivals.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None
        if arrival.payload is None:
            self._over.add(arrival.role)
        return arrival

    def over(self, role: Role) -> bool:
        """Whether the end of this side's output was taken."""
        return role in self._over

    def words(self, role: Role) -> str:
        """The last that this side wrote on standard error."""
        stream = self._streams.get(role)
        return stream.words if stream else ""

    def remains(self, role: Role) -> Remains:
        """What the engine says of a side whose output has ended.

        Raises:
            SandboxFault: the engine does not answer, or the container is not there any more.
        """
        deadline = time.monotonic() + _SETTLE_S
        told: Remains | None = None
        while True:
            with engine.answers(f"inspect the {role}"):
                state = self._api.inspect_container(self._names[role])["State"]
            remains = Remains(
                running=bool(state["Running"]),
                exit_code=int(state["ExitCode"]),
                oom=bool(state["OOMKilled"]),
                problem=str(state.get("Error") or ""),
            )
            if time.monotonic() > deadline or (told is not None and not told.running):
                return remains
            if not remains.running and (remains.oom or remains.exit_code != KILLED):
                return remains
            told = remains
            time.sleep(0.02 if remains.running else _OOM_NEWS_S)

    def finish(self) -> bool:
        """See that nothing of the run is left; whether the pair can serve another one: this kind, never."""
        return False

    def destroy(self) -> None:
        """Remove both containers and the volume, whatever state they are in.

        The streams are drained until the engine ends them. What cannot be removed is logged and left to the
        sweep, which finds it by its labels: by now the run has its result, or its error.
        """
        threads = [
            threading.Thread(target=self._remove, args=(role,), daemon=True, name="sandbox-remove")
            for role in Role
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        try:
            self._api.remove_volume(self._volume, force=True)
        except docker.errors.NotFound:
            pass  # never made
        except engine.TROUBLE as error:
            log.warning("sandbox left behind", volume=self._volume, error=str(error))
        for stream in self._streams.values():
            stream.close()

    def _start(self, role: Role) -> None:
        with engine.answers(f"make the {role}"):
            made = self._api.create_container_from_config(dict(self._configs[role]), self._names[role])["Id"]
        self._streams[role] = Stream(
            self._api,
            made,
            most_frames=self._most_frames(role),
            arrived=lambda payload: self._heard(role, payload),
        )
        with engine.answers(f"start the {role}"):
            self._api.start(made)
        self._begin(role)

    def _begin(self, role: Role) -> None:
        """Tell a container that has just started what it has to know at once: this kind, nothing."""

    def _most_frames(self, role: Role) -> int | None:
        # The learner's side has nothing to say but that it is ready; whatever else comes out of it is thrown
        # away where it is read, so that a flood costs no memory here.
        return 1 if role is Role.LEARNER else None

    def _heard(self, role: Role, payload: bytes | SandboxFault | None) -> None:
        """Take what came out of a container; called from the thread that drains it."""
        if payload is None:
            self._gone.add(role)
        self._arrivals.put(Arrival(role=role, payload=payload))

    def _remove(self, role: Role) -> None:
        try:
            self._api.remove_container(self._names[role], force=True, v=True)
        except docker.errors.NotFound:
            pass  # never made, or swept
        except engine.TROUBLE as error:
            log.warning("sandbox left behind", container=self._names[role], error=str(error))
