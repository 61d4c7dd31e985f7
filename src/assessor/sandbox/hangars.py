"""A pair of hangars: two containers that make a cell each for one attempt after the other.

Comes in: the configuration of both, and what their cells are to be like. Goes out: the same as from a `Pair`,
for the cells of the attempt at hand: a cell's end is told as a container's would be. What is said on the
streams stands in `harness.hangar`.

    start() -> ready() -> ( send() -> take()... -> finish() )... -> destroy()
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
import structlog

from assessor.errors import SandboxFault
from assessor.harness import frames
from assessor.sandbox import protocol
from assessor.sandbox.containers import Role
from assessor.sandbox.failure import Remains
from assessor.sandbox.pair import READY, Arrival, Pair
from assessor.sandbox.protocol import Identity

log = structlog.get_logger(__name__)

#: After so many cells a hangar is let go of: what leaks, leaks for so long and no longer.
MOST_CELLS = 500
#: How long the ending of both cells and the making of the next ones may take, seconds.
_FINISH_S = 15.0


class CellsRefused(SandboxFault):
    """This host lets no cell be made; the text says what it refused. Containers are the way left."""


@dataclass
class _Side:
    """What is known of one hangar.

    Attributes:
        waits: whether a cell waits in it.
        gone: whether the container's own output has ended.
        over: how the last cell ended, or None while it runs.
        decoder: of the events of the cell at hand.
    """

    waits: bool = False
    gone: bool = False
    over: dict[str, Any] | None = None
    decoder: frames.Decoder | None = None


class Hangars(Pair):
    """Two hangars that meet on one socket.

    Args:
        api: the engine.
        identity: what serves in it.
        token: part of their names; fresh.
        configs: the engine's configuration of either side.
        volume: name of the volume that both name in their configuration.
        moulds: what their cells are like.
        most_cells: how many attempts they serve.
    """

    def __init__(
        self,
        api: docker.APIClient,
        identity: Identity,
        *,
        token: str,
        configs: Mapping[Role, Mapping[str, Any]],
        volume: str,
        moulds: Mapping[Role, Mapping[str, Any]],
        most_cells: int,
    ) -> None:
        super().__init__(api, identity, token=token, configs=configs, volume=volume)
        self._moulds = moulds
        self._most_cells = most_cells
        self._change = threading.Condition()
        self._sides = {role: _Side() for role in Role}
        self.served = 0

    def send(self, messages: Mapping[Role, bytes]) -> None:
        """Give the cells that wait their start messages: from here on they are this attempt's.

        Raises:
            SandboxFault: a hangar has ended while it waited; nothing of a submission has run.
        """
        while self.take(timeout_s=0) is not None:
            pass  # what the cells before had still to say
        # Its end may be among what was just thrown away, and would not be told again.
        if not self.whole:
            names = " and ".join(sorted(self._gone))
            raise SandboxFault(f"{names}: expected a hangar that waits, it has ended")
        self._over.clear()
        self.served += 1
        for role, message in messages.items():
            side = self._sides[role]
            with self._change:
                side.waits, side.over = False, None
                side.decoder = frames.Decoder(limit_bytes=protocol.EVENT_BYTES)
            self._streams[role].fresh()
            self._streams[role].send(_order(op="start", bytes=len(message)) + message)

    def remains(self, role: Role) -> Remains:
        """What is left of a side whose cell, or whose container, has ended.

        Raises:
            SandboxFault: the engine does not answer.
        """
        over = self._sides[role].over
        if over is None:
            return super().remains(role)
        status = int(over["status"])
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        return Remains(running=False, exit_code=code, oom=bool(over["oom"]))

    def finish(self) -> bool:
        """End both cells, and wait until the next ones wait; whether the pair can serve another attempt.

        It cannot where a hangar is gone, where anything of a cell is left, or when it has served its number.
        """
        for role, side in self._sides.items():
            if side.over is None and not side.gone:
                self._streams[role].send(_order(op="end"))
        deadline = time.monotonic() + _FINISH_S
        with self._change:
            while not all(side.waits or side.gone for side in self._sides.values()):
                if not self._change.wait(max(0.0, deadline - time.monotonic())):
                    break
        for role, side in self._sides.items():
            problem = "expected its cell to end, and the next one to wait"
            if side.waits and not side.gone and side.over is not None:
                problem = str(side.over["problem"])
            if problem:
                log.warning("hangar retired", role=str(role), problem=problem, served=self.served)
                return False
        return self.served < self._most_cells

    def _begin(self, role: Role) -> None:
        self._streams[role].send(frames.encode(json.dumps(self._moulds[role]).encode()))

    def _most_frames(self, role: Role) -> int | None:
        return None

    def _heard(self, role: Role, payload: bytes | SandboxFault | None) -> None:
        side = self._sides[role]
        if payload is None:
            with self._change:
                side.gone = True
                self._gone.add(role)
                self._change.notify_all()
            super()._heard(role, None)
            return
        if isinstance(payload, SandboxFault):
            super()._heard(role, payload)
            return
        try:
            self._told(role, side, payload[:1], payload[1:])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            super()._heard(role, SandboxFault(f"{role}'s hangar: expected its own words, got: {error!r}"))

    def _told(self, role: Role, side: _Side, kind: bytes, body: bytes) -> None:
        if kind == b"e":
            if side.decoder is None:
                return
            try:
                for event in side.decoder.feed(body):
                    super()._heard(role, event)
            except frames.FrameError as error:
                side.decoder = None
                super()._heard(role, SandboxFault(f"standard output: {error}"))
            return
        told = json.loads(body)
        if told["kind"] == "over":
            with self._change:
                side.over = told
            self._arrivals.put(Arrival(role=role, payload=None))
        elif told["kind"] == "ready":
            with self._change:
                side.waits = True
                self._change.notify_all()
            if side.over is None:
                super()._heard(role, READY)
        else:
            problem = f"{role}'s hangar: expected to make a cell, got: {told['problem']}"
            super()._heard(role, CellsRefused(problem) if told["refused"] else SandboxFault(problem))


def _order(**order: Any) -> bytes:
    return frames.encode(json.dumps(order).encode())
