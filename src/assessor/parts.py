"""The world, as the stages are given it, and how a run is kept until it is concluded.

Comes in through `wiring` (or a test's own bench). Nothing here decides anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pydantic

from assessor import publish, signer
from assessor.achievement import Achievement
from assessor.blobs import Blobs
from assessor.errors import SettingInvalid
from assessor.gauge import Gauge
from assessor.inspection import Inspection
from assessor.issuer import Issuer
from assessor.keyring import Keyring
from assessor.rows.leases import STARVE_S
from assessor.rows.log import Log
from assessor.sandbox import protocol
from assessor.store import Store
from assessor.waiting import Rate


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The world, as the pipeline is given it.

    Attributes:
        store: the truth about submissions and attempts.
        blobs: content by digest.
        sandbox: where attempts run, or None for a process that runs none.
        keyring: the keys of engine, issuer and log; asked each time that something is to be signed.
        issuer: who awards.
        publisher: where evidence folders go.
        clock: the time, aware, UTC.
        new_id: a fresh random id.
        new_salt: fresh random bytes for a learner's commitment.
        worker: name of this process in leases.
        host: name of this machine, for run.json.
        versions: versions of what takes part, for run.json.
        lease_s: how long a lease holds unrenewed, seconds.
        gauge: says what is short on this machine, or None where nobody looks.
        rate: how often a learner may hand in, or None for any number.
        achievements: gives the achievements that can be awarded, each after those that it requires.
        open_log: gives the transparency log under the key in use; None in a process that signs no tree.
        pick: a random number from 0 up to below another one.
        starve_s: how long an attempt waits before it goes first whatever its class, seconds.
    """

    store: Store
    blobs: Blobs
    sandbox: protocol.Sandbox | None
    keyring: Keyring
    issuer: Issuer
    publisher: publish.Publisher
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    new_salt: Callable[[], bytes]
    worker: str
    host: str
    versions: Mapping[str, str]
    lease_s: int
    gauge: Gauge | None = None
    rate: Rate | None = None
    starve_s: float = STARVE_S
    achievements: Callable[[], tuple[Achievement, ...]] = tuple
    open_log: Callable[[], Log] | None = None
    pick: Callable[[int], int] = secrets.randbelow

    @property
    def log(self) -> Log:
        """The transparency log, under the key in use at this moment.

        Raises:
            SettingInvalid: this process was wired without one.
            KeyFault: its key cannot be used.
        """
        if self.open_log is None:
            raise SettingInvalid("expected a log to write to, this process was wired without one")
        return self.open_log()

    @property
    def signer(self) -> signer.Signer:
        """The engine's key in use, at this moment.

        Raises:
            KeyFault: it cannot be used.
        """
        return self.keyring.signer(signer.Purpose.ENGINE)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run, as it is kept beside its events so that it can be concluded at any later time.

    `inspection` is what static checks came to, None where the rubric has none.
    """

    outcome: protocol.Outcome
    phases_ms: Mapping[str, int]
    started_at: datetime
    finished_at: datetime
    host: str
    versions: Mapping[str, str]
    inspection: Inspection | None = None


RUN = pydantic.TypeAdapter(Run)
