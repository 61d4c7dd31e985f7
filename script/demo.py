"""The main job, shown: four submissions through queue and real sandboxes, each record verified, and a badge.

Exit status 0 only if every one came out as it must, and the badge that a pass became is one that holds.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.table import Table

from assessor import (
    display,
    handout,
    judging,
    logs,
    pack,
    pipeline,
    proof,
    publish,
    queueserver,
    report,
    settings,
    settling,
    site,
    verify,
    wiring,
)
from assessor.errors import VerificationFailed, VerificationOpen
from assessor.openbadges import checks
from assessor.openbadges.asked import Asked, State, Told
from assessor.openbadges.sources import Files, Sources
from assessor.parts import Parts
from assessor.settings import Settings
from assessor.store import Attempt, AttemptState
from assessor.verify import Check

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """A submission and what must come of it.

    Attributes:
        what: for the table.
        verdict: what must come out.
        least: the lowest score that it may get, 0 to 1.
        most: the highest.
    """

    learner: str
    task: str
    upload: str
    what: str
    verdict: str
    least: Fraction
    most: Fraction


CASES = (
    Case(
        learner="Ada",
        task="median-stats",
        upload="tasks/median-stats/solutions/plain",
        what="a right one",
        verdict="passed",
        least=Fraction(1),
        most=Fraction(1),
    ),
    Case(
        learner="Ben",
        task="word-count",
        upload="tasks/word-count/faulty/ascii-only",
        what="a program that is partly right",
        verdict="passed",
        least=Fraction(6, 10),
        most=Fraction(99, 100),
    ),
    Case(
        learner="Chloe",
        task="todo-api",
        upload="tasks/todo-api/solutions/routes",
        what="a web service, right",
        verdict="passed",
        least=Fraction(1),
        most=Fraction(1),
    ),
    Case(
        learner="Mallory",
        task="median-stats",
        upload="script/demo-hostile",
        what="a hostile one",
        verdict="failed",
        least=Fraction(0),
        most=Fraction(0),
    ),
)


def main() -> int:
    """Run the demonstration; its exit status."""
    console = Console()
    logs.configure(settings.LogFormat.CONSOLE, level=logging.WARNING)
    home = ROOT / ".assessor" / "demo"
    queueserver.stop(home)  # of an earlier demonstration that was killed
    shutil.rmtree(home, ignore_errors=True)  # it starts from nothing, so that no earlier run can help it
    config = settings.read(os.environ, home=home, catalog=ROOT)
    with wiring.parts(config, boxed=False) as parts, _engine(config, console):
        tasks = wiring.tasks(config)
        attempts = []
        for case in CASES:
            _, attempt, _ = pipeline.submit(
                ROOT / case.upload,
                task_id=case.task,
                learner=case.learner,
                tasks=tasks,
                spool=config.spool,
                parts=parts,
                ring=wiring.ring(config),
            )
            attempts.append(attempt.id)
        found = display.follow(attempts, parts.store, console)
        table = Table("learner", "task", "what", "verdict", "score", "record", "as it must")
        right = True
        for case, attempt in zip(CASES, found, strict=True):
            problem = _problem(case, attempt, parts, config)
            right &= problem is None
            table.add_row(
                case.learner,
                case.task,
                case.what,
                attempt.verdict or attempt.state.value,
                "" if attempt.score is None else report.percent(attempt.score),
                "verified" if problem is None else "",
                "[green]yes[/]" if problem is None else f"[bold red]no: {display.plain(problem)}[/]",
            )
        console.print(table)
        for attempt in found:
            print(parts.publisher.folder(attempt.id) / publish.PAGE)
        site.write(parts, tasks, config.home / "site")
        print(config.home / "site" / "index.html")
        right &= _badge(CASES[0].learner, parts, config, console)
    return 0 if right else 1


def _badge(learner: str, parts: Parts, config: Settings, console: Console) -> bool:
    """Write the badge that a learner earned, check it as an employer would, print where it is."""
    settling.settle(parts)  # the worker is about to do it, or has done it
    rows = parts.store.awards(learner=learner)
    if not rows:
        console.print(f"[bold red]no: expected a badge for {learner}, got none[/]")
        return False
    picture = config.home / f"{rows[0].achievement_id}.png"
    picture.write_bytes(handout.png(rows[0], parts))
    beside = pack.of(rows[0].id, parts, with_work=False)
    held: list[str] = []

    def told(check: Check, came: Told) -> None:
        if came.state is State.HELD:
            held.append(check.name)

    asked = Asked(
        now=wiring.now(),
        sources=Sources(named={}, along=Files(files=beside.files, names=beside.names)),
        own=wiring.own_issuer(config),
    )
    try:
        checks.credential(picture.read_bytes(), asked, name=picture.name, on_check=told)
    except (VerificationFailed, VerificationOpen) as error:
        console.print(f"[bold red]no: {display.plain(str(error))}[/]")
        return False
    console.print(f"{learner}'s badge, [green]verified[/]: {len(held)} checks hold")
    print(picture)
    return True


def _problem(case: Case, attempt: Attempt, parts: Parts, config: Settings) -> str | None:
    """What is not as it must be, or None."""
    if attempt.state is not AttemptState.JUDGED or attempt.score is None:
        return f"expected it judged, got {attempt.state.value}: {attempt.problem}"
    if attempt.verdict != case.verdict or not case.least <= attempt.score <= case.most:
        wanted = f"{case.verdict} with {case.least} to {case.most}"
        return f"expected {wanted}, got {attempt.verdict}, {attempt.score}"
    folder = judging.published(attempt.id, parts)
    try:
        verify.evidence(
            record=(folder / publish.RECORD).read_bytes(),
            run=(folder / publish.RUN).read_bytes(),
            envelope=(folder / publish.ENVELOPE).read_bytes(),
            keys=proof.keys(wiring.public_keys(config)),
            submission=attempt.submission_id,
        )
    except VerificationFailed as error:
        return str(error)
    return None


@contextmanager
def _engine(config: Settings, console: Console) -> Iterator[None]:
    """`assessor up` beside us, its log in a file."""
    log = config.home / "up.log"
    with log.open("wb") as sink:
        engine = subprocess.Popen(
            [
                *(sys.executable, "-m", "assessor"),
                *("--home", str(config.home), "--catalog", str(config.catalog)),
                "up",
            ],
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield
    except KeyboardInterrupt:
        console.print("stopped")
        raise
    finally:
        engine.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while engine.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if engine.poll() is None:
            console.print(f"the engine did not stop; see {log}", style="red")
            engine.kill()
            engine.wait()


if __name__ == "__main__":
    sys.exit(main())
