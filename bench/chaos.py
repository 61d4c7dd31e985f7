"""Many submissions while workers, sweep and queue server are killed at random; exit 0 only if all held.

    python bench/chaos.py --count 1000 --workers 2 --seed 1 --sandbox fake

Real processes: the supervisor, workers, the sweep, the embedded queue server, the real pipeline and store.
With `--sandbox fake` an attempt's tests are events of a script, so that a thousand take minutes; with
`docker` they run the shipped tasks in containers. Held means: every submission judged, as it must come out;
none concluded twice (each worker notes every conclusion that it committed, so this does not rest on the
store's word); none lost; evidence for each; nothing left waiting, running or unjudged, and no container.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import psutil
import rich.console
import rich.table

from assessor import (
    bundle,
    catalog,
    jobs,
    manifest,
    pipeline,
    queueserver,
    reconcile,
    supervisor,
    testing,
    wiring,
)
from assessor.logs import configure
from assessor.parts import Parts
from assessor.sandbox.protocol import End, Ended, Event, Order
from assessor.settings import LogFormat, SandboxKind, Settings
from assessor.store import Attempt, AttemptState, Claim, Conclusion, Store

HERE = Path(__file__).resolve()
PROJECT = HERE.parent.parent
SHIPPED = ("median-stats", "inventory", "word-count")
#: Tests of a task of the fake sandbox.
TESTS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be endured.

    Attributes:
        home: the installation.
        count: submissions.
        workers: worker processes.
        seed: of what is killed when.
        every: mean number of conclusions between two kills; there is one at least, so that a machine too slow
            to start a worker between two kills still gets done.
        lease_s: how long a lease holds, seconds.
        sweep_s: time between two sweeps, seconds.
        fake: whether attempts follow a script.
        patience_s: how long nothing may move before it counts as lost, seconds.
    """

    home: Path
    count: int
    workers: int
    seed: int
    every: float
    lease_s: int
    sweep_s: float
    fake: bool
    patience_s: float = 60.0

    @property
    def settings(self) -> Settings:
        """The installation's settings."""
        return Settings(
            home=self.home,
            catalog=self.home / "catalog" if self.fake else PROJECT,
            database_url=f"sqlite:///{self.home / 'assessor.db'}",
            blobs_url=str(self.home / "blobs"),
            sandbox=SandboxKind.DOCKER,
            workers=self.workers,
            lease_s=self.lease_s,
            sweep_s=self.sweep_s,
            log_format=LogFormat.JSON,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it; `held` says whether it is as it must be."""

    submitted: int
    judged: int
    wrong: int
    twice: int
    lost: int
    left: int
    again: int
    kills: Counter[str]
    seconds: float

    @property
    def held(self) -> bool:
        """All judged, rightly, once, and nothing left."""
        return self.submitted == self.judged > 0 and not (self.wrong or self.twice or self.lost or self.left)


class NotingStore(Store):
    """A store that notes every conclusion it has committed, in a file that only grows."""

    notes: Path

    def conclude(self, of: Claim | Attempt, conclusion: Conclusion, *, now: datetime) -> None:
        """As a store does; then one line, written at once."""
        super().conclude(of, conclusion, now=now)
        name = of.attempt.id if isinstance(of, Claim) else of.id
        fd = os.open(self.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, f"{name}\n".encode())
        os.close(fd)


def script(order: Order) -> Iterable[Event | End | BaseException]:
    """A run of a fake task: as many tests pass as the submission says, with time to be killed in between."""
    ids = test_ids()
    passing = int(order.bundle["solution.py"].split(b"=")[1])
    yield testing.collected(*ids)
    for number, name in enumerate(ids):
        time.sleep(0.005)
        yield testing.finished(name, passed=number < passing)
    yield Ended(wall_ms=1, processes=1)


def test_ids() -> list[str]:
    """The tests of each fake task."""
    return [f"test_it.py::test_{number}" for number in range(TESTS)]


def write_catalog(root: Path) -> None:
    """Three small tasks for the fake sandbox."""
    for role, name in (("learner", "python"), ("grader", "grader")):
        folder = root / "sandboxes" / name
        folder.mkdir(parents=True)
        grader = "grader: grader\n" if role == "learner" else ""
        (folder / "sandbox.yaml").write_text(
            f"name: {name}\nsummary: {name}\nlanguages: [python]\nrole: {role}\n{grader}"
            "isolation: container\nceiling: {wall_s: 60, call_s: 10, cpu_percent: 100, memory_mib: 512, "
            "pids: 64, output_kib: 1024, reply_kib: 16384, disk_mib: 64, files: 4096}\n"
        )
    (root / "rubrics").mkdir()
    for name in ("one", "two", "three"):
        (root / "rubrics" / f"{name}.yaml").write_text(
            f'id: {name}\nversion: "1.0"\ntitle: {name}\ncriteria:\n  - id: right\n    title: Right\n'
            "    description: It is right.\n    weight: 100\n    scored_by: tests\ndefault: right\n"
            "levels:\n  - {id: pass, title: Pass, from: 60}\npass: {from: 60}\n"
        )
        folder = root / "tasks" / name
        (folder / "tests").mkdir(parents=True)
        tests = {"test_it.py": b"".join(b"def test_%d(): pass\n" % n for n in range(TESTS))}
        (folder / "tests" / "test_it.py").write_bytes(tests["test_it.py"])
        (folder / "README.md").write_text(f"# {name}\n")
        (folder / "task.yaml").write_text(
            f'id: {name}\nversion: "1.0"\ntitle: {name}\nsummary: {name}\nlevel: beginner\nminutes: 5\n'
            f"sandbox: python\nsubmission:\n  required: [solution.py]\n  allow: ['*.py']\nrubric: {name}\n"
            "policy:\n  tries: 1000\n  cooldown_s: 0\n  feedback: {visible: full, hidden: counts}\n"
        )
        marked = [
            manifest.Marked(id=test, group=test, criterion=None, points=None, visible=False)
            for test in test_ids()
        ]
        made = manifest.make(
            marked,
            rubric=catalog.load(root).rubric(name),
            tests_digest=bundle.pack(tests).digest,
            path=f"tasks/{name}/tests",
        )
        (folder / "manifest.json").write_bytes(made.dump())


def uploads(plan: Plan) -> list[tuple[str, Path, str]]:
    """What is submitted in turn: task, folder, and the verdict that it must get."""
    if plan.fake:
        made = []
        for task in ("one", "two", "three"):
            for passing in (TESTS, 1):
                folder = plan.home / "uploads" / f"{task}-{passing}"
                folder.mkdir(parents=True)
                (folder / "solution.py").write_text(f"PASSING = {passing}")
                made.append((task, folder, "passed" if passing == TESTS else "failed"))
        return made
    solutions = [(task, sorted((PROJECT / "tasks" / task / "solutions").iterdir())[0]) for task in SHIPPED]
    starters = [(task, PROJECT / "tasks" / task / "starter") for task in SHIPPED]
    return [(*one, "passed") for one in solutions] + [(*one, "failed") for one in starters]


@contextlib.contextmanager
def parts(plan: Plan, *, boxed: bool) -> Iterator[Parts]:
    """The parts of the installation, with a store that notes, and the script where one is asked for."""
    store = NotingStore.open(plan.settings.database_url)
    store.notes = plan.home / "concluded"
    try:
        with wiring.parts(plan.settings, boxed=boxed and not plan.fake) as real:
            sandbox = testing.FakeSandbox(script) if plan.fake else real.sandbox
            yield dataclasses.replace(real, store=store, sandbox=sandbox)
    finally:
        store.close()


def work(plan: Plan, parent: int) -> None:
    """A worker's process."""
    with parts(plan, boxed=True) as real:
        jobs.work(
            url=lambda: queueserver.url(plan.settings),
            assess=lambda attempt, epoch: pipeline.assess(attempt, epoch, real),
            parent=parent,
        )


def sweep(plan: Plan, parent: int) -> None:
    """The sweep's process."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with parts(plan, boxed=True) as real:
        reconcile.loop(
            store=real.store,
            url=lambda: queueserver.url(plan.settings),
            sandbox=real.sandbox,
            clock=real.clock,
            every_s=plan.sweep_s,
            stop=stop,
            parent=parent,
        )


def supervise(plan: Plan) -> None:
    """The supervisor's process."""
    told = dataclasses.asdict(plan) | {"home": str(plan.home)}

    def child(role: str, name: str) -> supervisor.Child:
        command = [sys.executable, str(HERE), "--role", role, "--plan", json.dumps(told)]
        return supervisor.Child(name=name, command=[*command, "--parent", str(os.getpid())])

    workers = [child("worker", f"worker-{number}") for number in range(plan.workers)]
    supervisor.run([*workers, child("sweep", "sweep")])


def endure(plan: Plan, *, say: rich.console.Console) -> Result:
    """Submit, kill, wait, count.

    1. The installation: tables, key, catalog, queue server, supervisor.
    2. One thread kills at random while this one submits.
    3. When all are submitted, wait until none is open, or nothing moves any more.
    4. Stop killing, stop in order, and count.
    """
    began = time.monotonic()
    if plan.fake:
        write_catalog(plan.home / "catalog")
    todo = uploads(plan)
    tasks = catalog.load(plan.settings.catalog)
    verdicts: dict[str, str] = {}
    kills: Counter[str] = Counter()
    with parts(plan, boxed=False) as real:
        queueserver.ensure(plan.home)
        told = json.dumps(dataclasses.asdict(plan) | {"home": str(plan.home)})
        with (plan.home / "log").open("wb") as log:
            above = subprocess.Popen(
                [sys.executable, str(HERE), "--role", "supervisor", "--plan", told], stdout=log, stderr=log
            )
        done = threading.Event()
        killer = threading.Thread(target=_kill, args=(plan, above.pid, kills, done))
        killer.start()
        try:
            for number in range(plan.count):
                task, folder, verdict = todo[number % len(todo)]
                _, attempt, _ = pipeline.submit(
                    folder,
                    task_id=task,
                    learner=f"learner-{number}",  # one each: none takes another's place
                    tasks=tasks,
                    spool=plan.settings.spool,
                    parts=real,
                    ring=lambda attempt, epoch: _ring(plan, attempt, epoch),
                )
                verdicts[attempt.id] = verdict
            _settled(plan, real.store, say)
        finally:
            done.set()
            killer.join()
            above.send_signal(signal.SIGTERM)
            try:
                above.wait(timeout=plan.patience_s)
            except subprocess.TimeoutExpired:
                above.kill()
                above.wait()
            queueserver.stop(plan.home)
        return _count(plan, real.store, verdicts, kills, time.monotonic() - began)


def _ring(plan: Plan, attempt: str, epoch: int) -> None:
    """As a submitter does: the server may have been killed a moment ago."""
    bell = jobs.Ring(queueserver.url(plan.settings))
    try:
        bell.ring(attempt, epoch)
    finally:
        bell.close()


def _kill(plan: Plan, supervisor_pid: int, kills: Counter[str], done: threading.Event) -> None:
    chance = random.Random(plan.seed)  # noqa: S311  # a repeatable order of kills, no secret
    # One of each first, then more of those that have more to lose: a short run has seen all of them.
    first = chance.sample(["worker", "sweep", "queue server"], 3)
    while True:
        due = _concluded(plan).total() + 1 + int(chance.expovariate(1 / plan.every))
        while _concluded(plan).total() < due:
            if done.wait(0.02):
                return
        if done.wait(chance.uniform(0, 0.3)):  # any stage of what runs now
            return
        victim = first[0] if first else chance.choices(["worker", "sweep", "queue server"], [6, 1, 3])[0]
        pids = _pids(plan, supervisor_pid, victim)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
                kills[victim] += 1
                first = [one for one in first if one != victim]


def _concluded(plan: Plan) -> Counter[str]:
    """How often each attempt was concluded, by the word of those who did it."""
    try:
        return Counter((plan.home / "concluded").read_text().split())
    except FileNotFoundError:
        return Counter()


def _pids(plan: Plan, supervisor_pid: int, victim: str) -> list[int]:
    if victim == "queue server":
        try:
            return (
                [int((plan.home / "queue" / "server.pid").read_text())]
                if queueserver.running(plan.home)
                else []
            )
        except (OSError, ValueError):  # it is just starting
            return []
    found = []
    for process in psutil.Process(supervisor_pid).children():
        try:
            if victim in process.cmdline():
                found.append(process.pid)
        except psutil.Error:  # it ended meanwhile
            continue
    return sorted(found)


def _settled(plan: Plan, store: Store, say: rich.console.Console) -> None:
    moved, before = time.monotonic(), -1
    while True:
        counts = store.counts()
        over = counts.judged + counts.unjudged
        if over == plan.count and _containers(plan) == 0:
            return
        if over != before:
            moved, before = time.monotonic(), over
        elif time.monotonic() - moved > plan.patience_s:
            say.print(f"nothing moved for {plan.patience_s:g} s: {counts}")
            return
        time.sleep(0.2)


def _count(plan: Plan, store: Store, verdicts: dict[str, str], kills: Counter[str], seconds: float) -> Result:
    concluded = _concluded(plan)
    attempts = [store.attempt(name) for name in verdicts]
    counts = store.counts()
    judged = [
        one for one in attempts if one.state is AttemptState.JUDGED and store.evidence(one.id) is not None
    ]
    return Result(
        submitted=len(verdicts),
        judged=len(judged),
        wrong=sum(one.verdict != verdicts[one.id] for one in judged),
        # A line may be missing, of a worker that was killed just after its commit; one too many may not be.
        twice=sum(number > 1 for number in concluded.values()),
        lost=len(verdicts) - len(judged),
        left=counts.queued + counts.running + counts.unjudged + _containers(plan),
        again=sum(one.epoch > 1 for one in attempts),
        kills=kills,
        seconds=seconds,
    )


def _containers(plan: Plan) -> int:
    if plan.fake:
        return 0
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=assessor.owner={plan.home}"],
        capture_output=True,
        check=True,
    )
    return len(listed.stdout.split())


def show(plan: Plan, result: Result, say: rich.console.Console) -> None:
    """The result, as a table."""
    table = rich.table.Table(
        title=f"chaos, seed {plan.seed}, {plan.workers} workers, {'fake' if plan.fake else 'docker'}"
    )
    table.add_column("what")
    table.add_column("number", justify="right")
    for name in ("submitted", "judged", "twice", "lost", "wrong", "left", "again"):
        table.add_row(name, str(getattr(result, name)))
    for name, number in sorted(result.kills.items()):
        table.add_row(f"kill -9 of a {name}", str(number))
    table.add_row("seconds", f"{result.seconds:.1f}")
    table.add_row("held", "yes" if result.held else "NO")
    say.print(table)


def main() -> int:
    """Parse, endure, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="submissions")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of what is killed when")
    parser.add_argument(
        "--every", type=float, default=15, help="mean number of conclusions between two kills"
    )
    parser.add_argument("--lease-s", type=int, default=3)
    parser.add_argument("--sweep-s", type=float, default=1.0)
    parser.add_argument("--sandbox", choices=["fake", "docker"], default="fake")
    parser.add_argument("--home", type=Path, help="an empty folder for the installation; kept")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--role", choices=["supervisor", "worker", "sweep"], help=argparse.SUPPRESS)
    parser.add_argument("--plan", help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        told = json.loads(given.plan)
        plan = Plan(**(told | {"home": Path(told["home"])}))
        configure(LogFormat.JSON)
        {"supervisor": lambda: supervise(plan), "worker": lambda: work(plan, given.parent)}.get(
            given.role, lambda: sweep(plan, given.parent)
        )()
        return 0
    configure(LogFormat.CONSOLE, level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="assessor-chaos-") as scratch:
        plan = Plan(
            home=(given.home or Path(scratch)).absolute(),
            count=given.count,
            workers=given.workers,
            seed=given.seed,
            every=given.every,
            lease_s=given.lease_s,
            sweep_s=given.sweep_s,
            fake=given.sandbox == "fake",
        )
        say = rich.console.Console()
        result = endure(plan, say=rich.console.Console(stderr=True))
        if given.json:
            print(json.dumps(vars(result) | {"held": result.held}))
        else:
            show(plan, result, say)
        if not result.held and not given.home:
            sys.stderr.write((plan.home / "log").read_text(errors="replace")[-20000:])
    return 0 if result.held else 1


if __name__ == "__main__":
    sys.exit(main())
