"""Kill -9 of the worker, the queue server, or both, at every stage: each attempt is judged exactly once.

One installation of real processes takes all the blows, one attempt for each stage and victim; each test then
looks at what became of its attempt.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from assessor import catalog, judging, pipeline, proof, queueserver, signer, verify
from assessor.parts import Parts
from assessor.store import AttemptState, Store

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent.parent / "bench"
sys.path[:0] = [str(BENCH), str(HERE)]
import chaos  # noqa: E402
import doomed  # noqa: E402

del sys.path[:2]

#: A worker's start takes most of the time, so both die together only where it is most likely to hurt.
DOOMS = [
    *((stage, victim) for stage in doomed.STAGES for victim in ("worker", "server")),
    ("running", "both"),
    ("run kept", "both"),
]


class Installation:
    """Supervisor, two workers and a sweep in processes of their own."""

    def __init__(self, home: Path) -> None:
        self.plan = chaos.Plan(
            home=home, count=0, workers=2, seed=0, every=0, lease_s=3, sweep_s=0.5, fake=True
        )
        chaos.write_catalog(home / "catalog")
        self.uploads = chaos.uploads(self.plan)
        self.number = itertools.count(1)
        (home / "doom").mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        told = json.dumps(dataclasses.asdict(self.plan) | {"home": str(self.plan.home)})
        with (self.plan.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "doomed.py"), "supervisor", told, "0"], stdout=log, stderr=log
            )

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        queueserver.stop(self.plan.home)

    def submit(self, parts: Parts, *, doom: str | None = None) -> str:
        """The id of a new attempt that will pass, doomed before anyone can take it."""
        task, folder, _ = self.uploads[0]

        def ring(attempt: str, epoch: int) -> None:
            if doom is not None:
                (self.plan.home / "doom" / attempt).write_text(doom)
            chaos._ring(self.plan, attempt, epoch)

        _, attempt, _ = pipeline.submit(
            folder,
            task_id=task,
            learner=f"learner-{next(self.number)}",  # one each: none takes another's place
            tasks=catalog.load(self.plan.settings.catalog),
            spool=self.plan.settings.spool,
            parts=parts,
            ring=ring,
        )
        return attempt.id

    def settle(self, store: Store) -> None:
        def over() -> bool:
            counts = store.counts()
            return counts.queued == counts.running == 0

        until(over, lambda: (self.plan.home / "log").read_text()[-4000:])

    def lines(self, name: str) -> Counter[str]:
        path = self.plan.home / name
        return Counter(path.read_text().split()) if path.exists() else Counter()


def until(holds: Callable[[], bool], what: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, f"not within 120 s; {what()}"
        time.sleep(0.05)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survived:
    """What became of the doomed: attempts by stage and victim."""

    installation: Installation
    parts: Parts
    attempts: dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    installation = Installation(tmp_path_factory.mktemp("home"))
    with chaos.parts(installation.plan, boxed=False) as parts:
        installation.start()
        try:
            attempts = {
                (stage, victim): installation.submit(parts, doom=f"{stage} {victim}")
                for stage, victim in DOOMS
            }
            installation.settle(parts.store)
        finally:
            installation.stop()
        yield Survived(installation=installation, parts=parts, attempts=attempts)


each = pytest.mark.parametrize(("stage", "victim"), DOOMS)


@each
def test_attempt_is_judged_exactly_once_whatever_dies_when(
    survived: Survived, stage: str, victim: str
) -> None:
    name = survived.attempts[stage, victim]
    assert not (survived.installation.plan.home / "doom" / name).exists(), "its doom never struck"
    attempt = survived.parts.store.attempt(name)
    assert (attempt.state, attempt.verdict, attempt.problem) == (AttemptState.JUDGED, "passed", None)
    # Concluding and noting it are two steps, and the doom comes after both.
    assert survived.installation.lines("concluded")[name] == 1
    row = survived.parts.store.evidence(name)
    assert row is not None
    blobs = survived.parts.blobs
    verify.evidence(
        record=blobs.get(row.record),
        run=blobs.get(row.run),
        envelope=blobs.get(row.envelope),
        keys=proof.keys([signer.load_public(survived.parts.signer.public_pem, name="engine")]),
        submission=attempt.submission_id,
    )


@each
def test_page_that_a_death_left_unpublished_is_published_again(
    survived: Survived, stage: str, victim: str
) -> None:
    judging.republish(survived.parts)
    page = survived.parts.publisher.folder(survived.attempts[stage, victim]) / "index.html"
    assert page.read_text().startswith("<!")


@each
def test_death_costs_an_epoch_only_where_a_worker_held_the_attempt(
    survived: Survived, stage: str, victim: str
) -> None:
    attempt = survived.parts.store.attempt(survived.attempts[stage, victim])
    held = victim != "server" and stage not in ("unclaimed", "concluded")
    assert (attempt.epoch, attempt.lost, attempt.faults) == ((2, 1, 0) if held else (1, 0, 0))


@each
def test_run_that_was_kept_is_not_repeated(survived: Survived, stage: str, victim: str) -> None:
    runs = survived.installation.lines("ran")[survived.attempts[stage, victim]]
    again = victim != "server" and stage in ("running", "run over")
    assert runs == (2 if again else 1)


def test_nothing_is_left_of_the_installation(survived: Survived) -> None:
    home = survived.installation.plan.home
    assert not queueserver.running(home)
    mine = [p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or ())]
    assert mine == []


def test_killed_supervisor_leaves_no_process_and_its_successor_judges_the_rest(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with chaos.parts(installation.plan, boxed=False) as parts:
        installation.start()
        try:
            first = installation.submit(parts)
            installation.settle(parts.store)
            assert installation.process is not None
            children = psutil.Process(installation.process.pid).children()
            installation.process.kill()
            installation.process.wait()
            until(lambda: not any(child.is_running() for child in children))
            second = installation.submit(parts)
            assert parts.store.attempt(second).state is AttemptState.QUEUED
        finally:
            installation.start()
        try:
            installation.settle(parts.store)
        finally:
            installation.stop()
        for name in (first, second):
            assert parts.store.attempt(name).state is AttemptState.JUDGED


def test_queue_that_lost_everything_is_filled_again(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with chaos.parts(installation.plan, boxed=False) as parts:
        names = [installation.submit(parts) for _ in range(3)]
        queueserver.stop(tmp_path)
        for path in (tmp_path / "queue").rglob("*.aof"):
            path.unlink()
        for path in (tmp_path / "queue").rglob("*.manifest"):
            path.unlink()
        installation.start()
        try:
            installation.settle(parts.store)
        finally:
            installation.stop()
        assert all(parts.store.attempt(name).state is AttemptState.JUDGED for name in names)


def test_chaos_in_short() -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(BENCH / "chaos.py"),
            "--count",
            "60",
            "--seed",
            "35",
            "--every",
            "8",
            "--json",
        ],
        capture_output=True,
        check=False,
        timeout=300,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    result = json.loads(done.stdout)
    assert result["held"]
    assert (result["submitted"], result["judged"], result["twice"], result["lost"]) == (60, 60, 0, 0)
    assert set(result["kills"]) == {"worker", "sweep", "queue server"}
