"""Wiring: settings in, the parts of an installation out. Nothing here decides anything."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import metadata

import structlog

from assessor import (
    __version__,
    blobs,
    catalog,
    health,
    issuer,
    keyring,
    pack,
    pressure,
    publish,
    queueserver,
    statuses,
)
from assessor.achievement import Achievement
from assessor.errors import EngineMissing, KeyFault, SandboxFault, StoreFault
from assessor.gauge import Engine, Gauge
from assessor.issuer import Issuer, Method
from assessor.jobs import Ring
from assessor.keyring import Keyring, Place
from assessor.openbadges import trust
from assessor.parts import Parts
from assessor.pressure import Kind
from assessor.rows import database, tokens
from assessor.rows.database import Database
from assessor.rows.learnerrows import Seed
from assessor.rows.log import Log
from assessor.sandbox import engine, protocol
from assessor.sandbox.docker import Docker
from assessor.sandbox.processors import Processors
from assessor.sandbox.protocol import Sandbox
from assessor.sandbox.unsafe_local import UnsafeLocal
from assessor.settings import SandboxKind, Settings
from assessor.signer import PublicKey, Purpose
from assessor.store import AttemptState, Store

log = structlog.get_logger(__name__)

#: Named in run.json: what takes part in an outcome.
NAMED = ("docker", "pytest", "hypothesis", "pydantic", "cryptography")

#: How long an operator who looks at the installation is kept waiting by an engine that hangs, seconds.
STATUS_S = 3

#: Seconds between two looks for evidence folders that are missing, and how old an attempt without one is no
#: news any more.
UNPUBLISHED_S = 60
#: How many without one are looked at.
MISSING = 1000


def store(settings: Settings) -> Store:
    """The store, its tables made or brought up to date.

    Raises:
        StoreFault: it cannot be opened.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Store.open(settings.database_url)


def sandbox(
    settings: Settings, *, owner: str | None = None, room: Callable[[], bool] = lambda: True
) -> Sandbox:
    """The sandbox that the settings name.

    Args:
        settings: the settings.
        owner: whose its containers are; by default the installation's, which its sweep may remove.
        room: whether there is room for one more place that waits for work.

    Raises:
        EngineMissing: no engine can be reached.
    """
    if settings.sandbox is SandboxKind.UNSAFE_LOCAL:
        return UnsafeLocal()
    return Docker(
        root=settings.catalog,
        runtime=settings.runtime,
        owner=owner or str(settings.home),
        warm=settings.warm,
        room=room,
        processors=Processors(settings.home / "processors"),
    )


def gauge(settings: Settings) -> Gauge:
    """What says whether disk, memory or the engine is short; nothing is read yet."""
    places = {"home": settings.home}
    file = database.file_of(settings.database_url)
    if file is not None:
        places["database"] = file.parent
    folder = blobs.folder_of(settings.blobs_url)
    if folder is not None:
        places["blobs"] = folder
    return Gauge(
        least=pressure.Least(
            disk_bytes=settings.least_disk_mib * 1024**2,
            memory_bytes=settings.least_memory_mib * 1024**2,
            slow_s=settings.slow_engine_s,
        ),
        disks=places,
        asked=Engine() if settings.sandbox is SandboxKind.DOCKER else None,
    )


def gate(parts: Parts) -> Callable[[], str | None]:
    """A worker's gate: why it may take no job now, or None. While it may not, no sandbox waits for one."""

    def why() -> str | None:
        try:
            parts.keyring.signer(Purpose.ENGINE)
        except KeyFault:
            return "the engine's key cannot be used here; assessor doctor says more"
        except StoreFault:
            pass  # told by whoever takes a job
        short = () if parts.gauge is None else parts.gauge.pressures()
        # Where the engine itself does not answer, nothing can be taken away by it.
        if short and parts.sandbox is not None and all(one.kind is not Kind.ENGINE for one in short):
            parts.sandbox.shrink()
        return pressure.why(short)

    return why


class Looker:
    """Looks at the installation, as often as somebody asks how it is; nothing is made or mended by it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gauge = gauge(settings)
        self._unpublished = 0
        self._counted: float | None = None

    def report(self) -> health.Report:
        """How it is now."""
        queue = queueserver.trouble(self._settings)
        facts = health.Facts(
            queue=None if queue is None else queue[0],
            queue_refuses=queue is not None and queue[1],
            pressures=self._gauge.pressures(),
        )
        return health.report(self._stored(facts))

    def _stored(self, facts: health.Facts) -> health.Facts:
        file = database.file_of(self._settings.database_url)
        if file is not None and not file.exists():
            return replace(facts, store="is not there yet; assessor up makes it")
        try:
            with contextlib.closing(store(self._settings)) as opened:
                with opened.writing():
                    pass  # the right to write is there, and nobody holds it for ever
                waiting = opened.attempts_in(AttemptState.QUEUED, limit=1)
                ages = [max(0, int((now() - one.queued_at).total_seconds())) for one in waiting]
                return replace(
                    facts,
                    counts=opened.counts(),
                    oldest_s=ages[0] if ages else None,
                    workers=opened.workers(now()),
                    key=self._key(opened),
                    late=statuses.late(opened.status_lists(), now()),
                    unsettled=self._unsettled(opened),
                    unpublished=self._missing(opened),
                )
        except StoreFault:
            return replace(facts, store="cannot be opened, or not be written")

    def _key(self, opened: Store) -> str | None:
        keys = keys_of(self._settings, opened)
        for purpose in Purpose:
            try:
                if keys.look(purpose) is None:
                    return f"the {purpose.value}'s is not there"
            except KeyFault:
                return f"the {purpose.value}'s cannot be used"
        return None

    def _unsettled(self, opened: Store) -> int:
        if not (self._settings.catalog / "badges").is_dir():
            return 0
        found = opened.unsettled(before=now() - statuses.PATIENCE)
        return sum(map(len, found.values()))

    def _missing(self, opened: Store) -> int:
        # Every judged attempt is looked at: not each time that somebody asks.
        if self._counted is None or time.monotonic() - self._counted >= UNPUBLISHED_S:
            published = publish.Publisher(root=self._settings.evidence).published()
            missing = sorted(opened.with_evidence() - published)[:MISSING]
            ended = [opened.attempt(name).finished_at for name in missing]
            late = timedelta(seconds=UNPUBLISHED_S)
            self._unpublished = sum(one is not None and now() - one > late for one in ended)
            self._counted = time.monotonic()
        return self._unpublished


class Cleaner:
    """Cleans what the installation's runs left, opening the engine for each time alone.

    So an engine that is away when the sweep starts, or goes later, stops no other part of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def sweep(self) -> list[str]:
        """Remove what processes of this installation left behind that are gone; names of the removed."""
        box = sandbox(self._settings)
        try:
            return box.sweep()
        finally:
            box.close()


@contextmanager
def by_hand(settings: Settings) -> Iterator[Sandbox]:
    """A sandbox for what a person runs by hand, beside the queue: no sweep of workers touches it.

    What an earlier hand left behind is removed first, if that process is gone.
    """
    box = sandbox(settings, owner=f"{settings.home}#hand")
    try:
        box.sweep()
        yield box
    finally:
        box.close()


def hand_label() -> str:
    """What runs by hand are called, in place of an attempt's id."""
    return f"hand-{os.getpid()}-{secrets.token_hex(4)}"


def keys_of(settings: Settings, opened: Database) -> Keyring:
    """The keys of engine, issuer and log; none is looked at yet."""
    given = {
        Purpose.ENGINE: settings.engine_key,
        Purpose.ISSUER: settings.issuer_key,
        Purpose.LOG: settings.log_key,
    }
    return Keyring(
        opened,
        {
            purpose: Place(
                file=settings.keys / f"{purpose.value}.pem",
                given=text,
                setting=f"ASSESSOR_{purpose.name}_KEY",
            )
            for purpose, text in given.items()
        },
        passphrase=settings.key_passphrase,
        clock=now,
    )


def issuer_of(settings: Settings, held: Keyring) -> Issuer:
    """Who awards: what `issuer.yaml` says, or a trial where there is none.

    Raises:
        FileInvalid: the file, or its picture, is wrong.
        KeyFault: its key cannot be used.
        SettingInvalid: ASSESSOR_PUBLIC_URL is none.
    """

    def named(method: Method, url: str) -> str:
        return keyring.issuer_did(method, url, held.signer(Purpose.ISSUER).public_raw)

    return issuer.find(settings.catalog, named=named) or issuer.trial(settings.public_url, named=named)


def issuer_written(settings: Settings) -> Issuer:
    """Who awards, as far as it is written: of the DID, how it is named alone, since no key is asked for.

    Raises:
        FileInvalid: `issuer.yaml`, or its picture, is wrong.
        SettingInvalid: ASSESSOR_PUBLIC_URL is none.
    """

    def named(method: Method, _url: str) -> str:
        return f"did:{method.value}:"

    return issuer.find(settings.catalog, named=named) or issuer.trial(settings.public_url, named=named)


def public_keys(settings: Settings, purpose: Purpose = Purpose.ENGINE) -> tuple[PublicKey, ...]:
    """The public keys that this installation signs evidence with, or something else; retired ones among them.

    None where there is no installation: nothing is made.
    """
    file = database.file_of(settings.database_url)
    if file is not None and not file.exists():
        return ()
    with contextlib.closing(store(settings)) as opened:
        return keys_of(settings, opened).keys(purpose)


def ring(settings: Settings) -> Callable[[str, int], None]:
    """What tells the queue of an epoch that waits.

    It starts no server: where the embedded one is not up nobody listens, and the first sweep of `assessor up`
    rings for all that waits. It raises QueueFault where a server is named or up, and does not answer.
    """

    def tell(attempt_id: str, epoch: int) -> None:
        if settings.redis_url is not None or queueserver.running(settings.home):
            with contextlib.closing(Ring(queueserver.url(settings))) as bell:
                bell.ring(attempt_id, epoch)

    return tell


def tasks(settings: Settings) -> catalog.Catalog:
    """The catalog of tasks.

    Raises:
        AuthorError: a file in it is wrong.
    """
    return catalog.load(settings.catalog)


def achievements(settings: Settings) -> Callable[[], tuple[Achievement, ...]]:
    """Gives what can be awarded, read once it is asked for: a mistake in one badge holds no other back."""

    @functools.cache
    def read() -> tuple[Achievement, ...]:
        if not (settings.catalog / "badges").is_dir():
            return ()
        found, problems = tasks(settings).sound_achievements()
        for problem in problems:
            log.error("a badge that cannot be awarded", problem=str(problem))
        return found

    return read


def log_of(settings: Settings, opened: Database, held: Keyring, who: Issuer) -> Callable[[], Log]:
    """Gives the transparency log, under the key in use at that moment."""
    made: dict[str, Log] = {}

    def current() -> Log:
        signer = held.signer(Purpose.LOG)
        found = made.get(signer.key_id)
        if found is None:
            found = made[signer.key_id] = Log(
                database=opened, signer=signer, origin=who.place, folder=settings.home / "log", clock=now
            )
        return found

    return current


@contextmanager
def parts(settings: Settings, *, boxed: bool = True) -> Iterator[Parts]:
    """Everything that the pipeline touches, let go of at the end.

    Args:
        settings: the settings.
        boxed: whether attempts are to be run; else no engine is needed.
    """
    opened = store(settings)
    measured = gauge(settings)
    box = sandbox(settings, room=lambda: measured.room(pressure.WAITING_BYTES)) if boxed else None
    try:
        held = keys_of(settings, opened)
        for purpose in Purpose:
            held.signer(purpose)  # one that is missing, or open to others, is told of now
        who = issuer_of(settings, held)
        yield Parts(
            store=opened,
            blobs=blobs.Blobs.open(settings.blobs_url),
            sandbox=box,
            keyring=held,
            issuer=who,
            publisher=publish.Publisher(root=settings.evidence),
            clock=now,
            new_id=new_id,
            new_salt=lambda: secrets.token_bytes(16),
            worker=worker_name(),
            host=platform.node(),
            versions={"assessor": __version__}
            | {name: metadata.version(name) for name in NAMED}
            | {"python": platform.python_version()},
            lease_s=settings.lease_s,
            gauge=measured,
            rate=settings.rate,
            starve_s=settings.starve_s,
            achievements=achievements(settings),
            open_log=log_of(settings, opened, held, who),
        )
    finally:
        measured.close()
        if box is not None:
            box.close()
        opened.close()


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh id: 20 random base-32 characters (100 bits), lower case, safe in a path."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(secrets.choice(alphabet) for _ in range(20))


def new_secret() -> str:
    """A fresh secret for a cookie or a link: 43 characters (256 bits), safe in a path."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """The text of a fresh token."""
    return tokens.written(secrets.token_bytes(32))


def new_seed() -> Seed:
    """What the row of a learner is made from."""
    return Seed(id=new_id(), salt=secrets.token_bytes(16))


def worker_name() -> str:
    """This process among all workers."""
    return f"{socket.gethostname()}:{os.getpid()}"


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` at a SIGTERM or SIGINT. For the main thread of a process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())


def sandboxes(settings: Settings) -> list[str] | None:
    """Who holds each sandbox that this installation has now; None where no engine tells."""
    if settings.sandbox is not SandboxKind.DOCKER:
        return None
    owned = {"label": [f"{protocol.LABEL_OWNER}={settings.home}", f"{protocol.LABEL_ROLE}=grader"]}
    try:
        with contextlib.closing(engine.connect(timeout_s=STATUS_S)) as api, engine.answers("list"):
            found = api.containers(all=True, filters=owned)
    except (EngineMissing, SandboxFault):
        return None
    return sorted((container.get("Labels") or {}).get(protocol.LABEL_HOLDER, "") for container in found)


def own_issuer(settings: Settings) -> trust.Trusted | None:
    """This installation's issuer with all its keys; None where there is no installation: nothing is made.

    Raises:
        FileInvalid, SettingInvalid: who it is cannot be read.
    """
    file = database.file_of(settings.database_url)
    if file is not None and not file.exists():
        return None
    with contextlib.closing(store(settings)) as opened:
        held = keys_of(settings, opened)
        used = held.keys(Purpose.ISSUER)
        if not used:
            return None

        def named(method: Method, url: str) -> str:
            return keyring.issuer_did(method, url, used[-1].raw)

        found = issuer.find(settings.catalog, named=named) or issuer.trial(settings.public_url, named=named)
        return pack.trusted(held, found)
