"""The gauge: reads how much disk, memory and patience of the engine is left, and says what is short.

Comes in: where things lie and the least of each. Goes out: why no work is to be taken now (a worker's gate),
whether a fault came of what is short, whether there is room for one more pair of containers, and a refusal
to take in what could not be kept. What is short is decided in `pressure`.

A reading is kept for a second. The engine is asked in a thread of its own: one that hangs keeps nobody
waiting for longer than the time that it has for an answer, and while it hangs nobody waits at all.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import docker
import docker.utils

from assessor import memory, pressure
from assessor.errors import Pressed
from assessor.pressure import Answer, Disk, Kind, Least, Pressure, Readings
from assessor.sandbox import engine

#: How long a reading is good for, seconds.
KEEP_S = 1.0
#: An engine that has not answered after so many times what it is given is asked anew.
_PATIENCE = 2
_USUAL = "unix:///var/run/docker.sock"
_INFO_BYTES = 4 * 1024**2


class Asked(Protocol):
    """What can be asked whether it is there."""

    def ping(self, timeout_s: float) -> None:
        """Nothing, once it has answered.

        Raises:
            OSError, and whatever else the engine's client raises: it does not.
        """
        ...

    def folder(self) -> Path | None:
        """Where its data lies on a disk of this machine; None where that is not known."""
        ...

    def close(self) -> None:
        """Let go of what asking took."""
        ...


class Gauge:
    """Says what is short. Threads may share it.

    Args:
        least: how much there must be.
        disks: what of ours lies where.
        asked: the engine, or None where none is used.
        clock: seconds that only go forward.
        remembered: reads what memory there is.
    """

    def __init__(
        self,
        *,
        least: Least,
        disks: Mapping[str, Path],
        asked: Asked | None,
        clock: Callable[[], float] = time.monotonic,
        remembered: Callable[[], tuple[pressure.Memory, ...]] = memory.read,
    ) -> None:
        self.least = least
        self._places = dict(disks)
        self._asked = asked
        self._clock = clock
        self._remembered = remembered
        self._ping: _Ping | None = None
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._readings = Readings()
        self._pressures: tuple[Pressure, ...] = ()

    def pressures(self, *, fresh: bool = False) -> tuple[Pressure, ...]:
        """What is short now, or was a second ago; read anew where `fresh`."""
        return self._look(fresh=fresh)[1]

    def readings(self) -> Readings:
        """What there is now, or was a second ago."""
        return self._look(fresh=False)[0]

    def why(self) -> str | None:
        """Why no work is to be taken now, or None: a worker's gate."""
        return pressure.why(self.pressures())

    def room(self, memory_bytes: int) -> bool:
        """Whether a sandbox may be started ahead of need that may use so much memory."""
        readings, pressures = self._look(fresh=False)
        return not pressures and pressure.room(readings, self.least, memory_bytes=memory_bytes)

    def blames(self, error: BaseException) -> str | None:
        """What was short where a fault came of that, else None.

        It did where the error says so itself, and where anything is short at this moment.
        """
        if isinstance(error, Pressed):
            return str(error)
        return pressure.cause(error) or pressure.why(self.pressures(fresh=True))

    def short_of_memory(self) -> str | None:
        """What memory is short now, or None: processes may have been killed for it whoever used it."""
        return pressure.why([one for one in self.pressures(fresh=True) if one.kind is Kind.MEMORY])

    def require_intake(self) -> None:
        """See that an upload can be kept; the engine is not asked.

        Raises:
            Pressed: less is left of a disk than what is kept for intake.
        """
        full = pressure.too_full(_disks(self._places), self.least)
        if full is not None:
            raise Pressed(f"{full}; nothing was taken in: come back when the operator has made room")

    def close(self) -> None:
        """Let go of the engine."""
        if self._asked is not None:
            self._asked.close()

    def _look(self, *, fresh: bool) -> tuple[Readings, tuple[Pressure, ...]]:
        with self._lock:
            now = self._clock()
            if fresh or self._read_at is None or now - self._read_at >= KEEP_S:
                held = {one.key for one in self._pressures}
                self._readings = self._read()
                self._pressures = pressure.find(self._readings, self.least, held=held)
                self._read_at = self._clock()
            return self._readings, self._pressures

    def _read(self) -> Readings:
        answer = None if self._asked is None else self._answer(self._asked)
        places = dict(self._places)
        data = None if self._asked is None else self._asked.folder()
        if data is not None:
            places["engine"] = data
        return Readings(disks=_disks(places), memory=self._remembered(), engine=answer)

    def _answer(self, asked: Asked) -> Answer:
        # One that hangs is asked once, not once a second: what is left open would add up at its door.
        if self._ping is None or not self._ping.runs():
            self._ping = _Ping(asked, timeout_s=self.least.slow_s * _PATIENCE)
        return self._ping.wait(self.least.slow_s)


class _Ping:
    """One question to the engine, in a thread of its own."""

    def __init__(self, asked: Asked, *, timeout_s: float) -> None:
        self.answer: Answer | None = None
        self._asked = asked
        self._timeout_s = timeout_s
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._ask, name="engine-ping", daemon=True)
        self._thread.start()

    def runs(self) -> bool:
        """Whether it still waits for an answer."""
        return self._thread.is_alive()

    def wait(self, wait_s: float) -> Answer:
        """The answer, waited for until `wait_s` after the question."""
        self._thread.join(max(0.0, self._began + wait_s - time.monotonic()))
        if self.answer is not None:
            return self.answer
        return Answer(took_s=None, problem=f"no answer for {time.monotonic() - self._began:.0f} s")

    def _ask(self) -> None:
        try:
            self._asked.ping(self._timeout_s)
        except (*engine.TROUBLE, http.client.HTTPException, ValueError) as error:
            self.answer = Answer(took_s=None, problem=f"no answer: {type(error).__name__}")
        else:
            self.answer = Answer(took_s=time.monotonic() - self._began)


class Engine:
    """The container engine that the environment names, asked by as little as it can be asked by."""

    def __init__(self) -> None:
        self._client: docker.APIClient | None = None
        self._data: Path | None = None

    def ping(self, timeout_s: float) -> None:
        """Nothing, once it has answered; the first time it is asked where its data lies, too.

        Raises:
            OSError, HTTPException, ValueError, DockerException: it does not answer.
        """
        settings = docker.utils.kwargs_from_env()
        scheme, _, path = str(settings.get("base_url") or _USUAL).partition("://")
        if scheme not in ("unix", "http+unix"):
            if self._client is None:
                self._client = docker.APIClient(version="1.41", timeout=timeout_s, **settings)
            self._client.ping()
            return
        # Without the client library: it leaves its socket open where nobody listens.
        door = "/" + path.lstrip("/")
        _get(door, "/_ping", timeout_s)
        if self._data is None:
            said = json.loads(_get(door, "/info", timeout_s))
            if not isinstance(said, dict):
                raise ValueError(f"/info: expected an object, got {type(said).__name__}")
            self._data = Path(str(said.get("DockerRootDir") or "/nowhere"))

    def close(self) -> None:
        """Let go of what a far engine's client holds."""
        if self._client is not None:
            self._client.close()

    def folder(self) -> Path | None:
        """The engine's data, where it is on a disk that this process sees."""
        return self._data if self._data is not None and self._data.is_dir() else None


def _get(door: str, path: str, timeout_s: float) -> bytes:
    connection = _Unix(door, timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(_INFO_BYTES)
        if answer.status != 200:
            raise http.client.HTTPException(f"{path}: expected 200, got {answer.status}")
        return body
    finally:
        connection.close()


class _Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, door: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._door = door

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._door)


def _disks(places: Mapping[str, Path]) -> tuple[Disk, ...]:
    """What is left where these lie, each file system once."""
    found: dict[int, Disk] = {}
    broken = []
    for name, path in places.items():
        try:
            path = _nearest(path)
            device = path.stat().st_dev
            if device in found:
                found[device] = replace(found[device], place=f"{found[device].place}, {name}")
                continue
            seen = os.statvfs(path)
        except OSError as error:
            broken.append(Disk(place=name, problem=f"cannot be looked at: {error.strerror}"))
            continue
        found[device] = Disk(
            place=name,
            free_bytes=seen.f_bavail * seen.f_frsize,
            # Some file systems make inodes as they go, and count none.
            free_files=seen.f_favail if seen.f_files else None,
        )
    return (*found.values(), *broken)


def _nearest(path: Path) -> Path:
    """The path, or the folder above it in which it would be made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
