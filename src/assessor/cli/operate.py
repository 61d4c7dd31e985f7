"""The command line's part for operators: run the installation, look at it, keep and restore it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import structlog
from rich.console import Console

from assessor import (
    ahead,
    backup,
    checkup,
    jobs,
    judging,
    personal,
    pipeline,
    queueserver,
    reconcile,
    settings,
    settling,
    site,
    supervisor,
    telling,
    versioning,
    wiring,
)
from assessor.cli import display
from assessor.cli.health import health_
from assessor.errors import QueueFault, StoreFault
from assessor.openbadges import remote
from assessor.parts import Parts
from assessor.probe import examine
from assessor.rows import leaves
from assessor.settings import Settings

log = structlog.get_logger(__name__)

#: Commands whose log is their talk.
LONG_RUNNING = frozenset({"up", "worker", "sweep", "web", "serve"})

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command()
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes [ASSESSOR_WORKERS, cores].")
@click.option("--health", metavar="HOST:PORT", help="Answer GET /health there [ASSESSOR_HEALTH, nowhere].")
@click.pass_obj
def up(config: Settings, workers: int | None, health: str | None) -> None:
    """Run everything on this machine: queue server, workers, sweep. Ctrl-C ends it in order."""
    told_health = config.health if health is None else settings.address(health, name="--health")
    number = workers or config.workers
    prepare(config)
    Console(stderr=True).print(
        f"assessor is up: workers: {number}, home {config.home}; Ctrl-C ends it", soft_wrap=True
    )
    keep_up(config, children(config, workers=number, health=told_health))


def prepare(config: Settings) -> None:
    """Make once what processes could race for, and refuse now what none of them could work with.

    Raises:
        AssessorError: a key, the catalog, the engine or the queue server.
    """
    # The tables and the key are made once, before workers could race for them.
    with wiring.parts(config, boxed=False) as parts:
        # Told, and no reason to keep the learners of all other tasks waiting.
        for problem in versioning.unraised(wiring.tasks(config), parts.store, parts.blobs):
            Console(stderr=True).print(
                f"[red]not taken in until its version is raised:[/] {display.plain(str(problem))}",
                highlight=False,
                soft_wrap=True,
            )
    checkup.require_engine(config)
    queueserver.url(config)


def child(config: Settings, name: str, *command: str) -> supervisor.Child:
    """A command of this program as a child that ends with this process."""
    told = ["--home", str(config.home), "--catalog", str(config.catalog)]
    parent = ["--parent", str(os.getpid())]
    return supervisor.Child(name=name, command=[sys.executable, "-m", "assessor", *told, *command, *parent])


def children(
    config: Settings, *, workers: int, health: tuple[str, int] | None
) -> tuple[supervisor.Child, ...]:
    """Workers, sweep, and the health server where it has an address."""
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    found = [
        *(child(config, name, "worker", "--name", name) for name in names),
        child(config, "sweep", "sweep"),
    ]
    if health is not None:
        found.append(child(config, "health", "health", "--serve", settings.shown(health)))
    return tuple(found)


def keep_up(config: Settings, kept: Sequence[supervisor.Child]) -> None:
    """Keep processes running until a signal; the embedded queue server ends with them."""
    try:
        supervisor.run(kept)
    finally:
        if config.redis_url is None:
            # Whoever started it: a worker that somebody runs beside us starts it again, with all it held.
            queueserver.stop(config.home)


@click.command()
@click.option("--name", default="worker", help="Its name, for people.")
@click.option("--parent", type=int, hidden=True)
@click.option("--burst", is_flag=True, help="Stop when the queue is empty.")
@click.pass_obj
def worker(config: Settings, name: str, parent: int | None, burst: bool) -> None:
    """Run one worker until told to stop."""
    with wiring.parts(config) as parts:

        def assess(attempt_id: str, epoch: int) -> None:
            pipeline.assess(attempt_id, epoch, parts, then=lambda judged: settling.follow_up(judged, parts))

        def beat(doing: str) -> None:
            parts.store.heartbeat(
                parts.worker, host=parts.host, pid=os.getpid(), doing=doing, now=parts.clock()
            )

        try:
            ahead.prepare(parts, wiring.tasks(config), most=config.warm)
            _ring_for_what_waits(config, parts)
            jobs.work(
                url=lambda: queueserver.url(config),
                assess=assess,
                name=name,
                beat=beat,
                parent=parent,
                burst=burst,
                gate=wiring.gate(parts),
            )
        finally:
            parts.store.forget_worker(parts.worker)


def _ring_for_what_waits(config: Settings, parts: Parts) -> None:
    """What was handed in while no queue server was up has no job yet; a worker alone would never see it."""
    try:
        with contextlib.closing(jobs.Ring(queueserver.url(config))) as bell:
            reconcile.sweep(parts.store, bell, now=parts.clock())
    except (QueueFault, StoreFault) as error:
        log.warning("what waits was not rung for; the sweep tries again", error=str(error))


@click.command(hidden=True)
@click.option("--parent", type=int)
@click.pass_obj
def sweep(config: Settings, parent: int | None) -> None:
    """Sweep until told to stop: give attempts of silent workers away, ring for what waits, clean up."""
    stop, target = threading.Event(), config.site
    way = remote.Remote(bounds=telling.BOUNDS)
    wiring.stop_on_signals(stop)
    with wiring.parts(config, boxed=False) as parts:
        looked = False

        def publish() -> None:
            nonlocal looked
            judging.republish(parts)
            # Evidence from before there was a log; nothing comes to it later, so one look is enough.
            while not looked and (older := leaves.append_missing(parts.store, new_salt=parts.new_salt)):
                log.info("evidence that is older than the log is in it now", number=older)
            looked = True
            judging.prove(parts)

        reconcile.loop(
            store=parts.store,
            url=lambda: queueserver.url(config),
            sandbox=wiring.Cleaner(config),
            clock=parts.clock,
            every_s=config.sweep_s,
            stop=stop,
            parent=parent,
            publish=publish,
            tend=lambda: settling.tend(parts),
            site=None if target is None else lambda: site.write(parts, wiring.tasks(config), target),
            tell=lambda: telling.tell(parts.store, clock=parts.clock, pick=parts.pick, way=way),
        )


@click.command(name="doctor")
@click.option(
    "--sandbox",
    "profile",
    is_flag=False,
    flag_value=checkup.EVERY,
    help="Try from inside what the sandbox of this profile promises (of every one, if none is named).",
)
@as_json
@click.pass_context
def doctor_(context: click.Context, profile: str | None, as_json: bool) -> None:
    """Look at each part that the system stands on, and say what to do where one is missing."""
    if profile is not None:
        _examine(context, profile, as_json)
        return
    found = checkup.look(context.obj)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found], indent=2))
    else:
        Console().print(display.checks_table(found))
    context.exit(0 if all(check.ok for check in found) else 3)


def _examine(context: click.Context, profile: str, as_json: bool) -> None:
    talk = Console(stderr=True)
    reports = []
    for report in checkup.examine(
        context.obj, profile, on_stage=lambda name, stage: talk.print(f"{name}: {stage}", style="dim")
    ):
        reports.append(report)
        if not as_json:
            Console().print(display.guarantees_table(report))
    if as_json:
        click.echo(json.dumps([examine.values(report) for report in reports], indent=2))
    context.exit(0 if reports and all(report.held for report in reports) else 1)


@click.command(name="backup")
@click.argument("target", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def backup_(config: Settings, target: Path, as_json: bool) -> None:
    """Copy everything that is kept, keys included, to TARGET while the system runs."""
    with wiring.parts(config, boxed=False) as parts:
        contents = backup.create(parts.store, parts.blobs, target, keys=config.keys)
    values = {"backup": str(target), "files": len(contents.files), "keys": contents.keys}
    _print(as_json, values, f"{target}: {len(contents.files)} files, signing keys among them; keep it safe")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@as_json
@click.pass_obj
def restore(config: Settings, source: Path, as_json: bool) -> None:
    """Bring a backup back into an empty home."""
    contents = backup.restore(source, home=config.home)
    with wiring.parts(config, boxed=False) as parts:
        pages = judging.republish(parts)
    values = {"home": str(config.home), "files": len(contents.files), "published": pages}
    _print(
        as_json,
        values,
        f"{config.home}: {len(contents.files)} files, {pages} evidence folders published again",
    )


@click.command()
@click.argument("learner")
@click.argument("target", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def export(config: Settings, learner: str, target: Path, as_json: bool) -> None:
    """Write everything about LEARNER to the folder TARGET; it quotes hidden tests."""
    with wiring.parts(config, boxed=False) as parts:
        rows = personal.export(parts.store, parts.blobs, learner, target=target)
    submissions = len(rows["submissions"])
    _print(
        as_json,
        {"export": str(target), "submissions": submissions},
        f"{target}: {submissions} submissions, with all that is kept of them",
    )


@click.command()
@click.argument("learner")
@click.confirmation_option(prompt="Erase this learner's name, files and reports for ever?")
@as_json
@click.pass_obj
def erase(config: Settings, learner: str, as_json: bool) -> None:
    """Erase LEARNER: name, salt, files and reports; evidence stays, and points at nobody."""
    with wiring.parts(config, boxed=False) as parts:
        removed = personal.erase(parts.store, parts.blobs, learner, now=parts.clock())
    _print(as_json, {"removed": removed}, f"erased; {removed} blobs removed")


def _print(as_json: bool, values: Any, words: str) -> None:
    click.echo(json.dumps(values, indent=2) if as_json else words)


operate: tuple[click.Command, ...] = (up, worker, sweep, doctor_, health_, backup_, restore, export, erase)
