"""The attacks there are, and the bench that judges them: intake, store, containers, evidence; all real."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from rich.console import Console

from assessor import blobs, catalog, judging, pipeline, publish, settings, testing, wiring
from assessor.authoring import lock
from assessor.cli import display
from assessor.errors import UploadRefused
from assessor.intake import Received
from assessor.parts import Parts
from assessor.profile import Isolation
from assessor.sandbox.docker import Docker
from assessor.store import Attempt, AttemptState, Submission

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SHARED = ROOT.parent / "shared" / "attacks"


class Seal(StrEnum):
    """The place that an attack is tried in."""

    CELL_WARM = "cell-warm"  #: a cell of a hangar that waits, where other attacks have been
    CONTAINER_COLD = "container-cold"  #: containers of its own, made when it is there
    CELL_COLD = "cell-cold"  #: the first cell of a hangar that is made when it is there
    CONTAINER_WARM = "container-warm"  #: containers of its own that have waited for it

    def box(self, **how: Any) -> Docker:
        """A sandbox of this kind."""
        isolation, _, start = self.value.partition("-")
        return Docker(isolation=Isolation(isolation), warm=2 if start == "warm" else 0, **how)


#: Those that every run tries; the others are asked for by `--every-seal`.
USUAL = (Seal.CELL_WARM, Seal.CONTAINER_COLD)
#: How long the files of a verdict that is stored may take, seconds.
_PUBLISHED_S = 30


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One folder of attack.yaml and submission/."""

    name: str
    group: str
    task: str
    expect: str
    honest_score: Fraction
    folder: Path
    shared: bool

    @property
    def upload(self) -> Path:
        """What is handed in: the archive where there is one alone, else the folder."""
        files = list((self.folder / "submission").iterdir())
        if self.group == "archive" and len(files) == 1 and files[0].suffix in (".zip", ".tar", ".gz"):
            return files[0]
        return self.folder / "submission"

    def content(self) -> str:
        """The one file of a pipeline attack, as text."""
        (file,) = (self.folder / "submission").iterdir()
        return file.read_text(encoding="utf-8")


def read_attacks() -> list[Attack]:
    """All attacks: the project's own, and the shared ones where they lie beside the checkout."""
    found = []
    for root, shared in ((HERE / "attacks", False), (SHARED, True)):
        for path in sorted(root.glob("*/*/attack.yaml")):
            # A lone "-" for "no task" is no YAML.
            text = re.sub(r"(?m)^task: -$", "task: none", path.read_text(encoding="utf-8"))
            said = yaml.safe_load(text)
            found.append(
                Attack(
                    name=said["name"],
                    group=said["group"],
                    task=said["task"],
                    expect=said["expect"],
                    honest_score=Fraction(said["honest_score"]).limit_denominator(1000),
                    folder=path.parent,
                    shared=shared,
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An upload that intake refused."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A judged attack.

    Attributes:
        learner_sees: everything of it that its learner can see.
        private: the private report, parsed.
    """

    submission: Submission
    attempt: Attempt
    received: Received
    judged: judging.Judged
    learner_sees: str
    private: dict

    @property
    def score(self) -> Fraction:
        assert self.attempt.score is not None
        return self.attempt.score

    @property
    def reasons(self) -> set[str]:
        return {test.reason.value for test in self.judged.results if test.reason is not None}


class Bench:
    """Judges attacks in a small installation of its own."""

    def __init__(self, home: Path, *, shared: bool, seal: Seal) -> None:
        # Nothing of the environment but the runtime, so that all attacks can be tried in each.
        runtime = {"ASSESSOR_RUNTIME": os.environ.get("ASSESSOR_RUNTIME", "")}
        self.config = settings.read(runtime, home=home / "home", catalog=home / "catalog")
        self._shared = shared
        _write_catalog(self.config.catalog, shared=shared)
        self.store = wiring.store(self.config)
        self.sandbox = seal.box(
            root=self.config.catalog, owner=f"hostile-{secrets.token_hex(4)}", runtime=self.config.runtime
        )
        self.tasks = catalog.load(self.config.catalog)
        for name in self.tasks.ids():
            manifest = lock.lock(self.tasks, name, self.sandbox)
            (self.config.catalog / "tasks" / name / "manifest.json").write_bytes(manifest.dump())
        self.tasks = catalog.load(self.config.catalog)
        self.parts = Parts(
            store=self.store,
            blobs=blobs.Blobs.open(self.config.blobs_url),
            sandbox=self.sandbox,
            keyring=wiring.keys_of(self.config, self.store),
            issuer=testing.ISSUER,
            publisher=publish.Publisher(root=self.config.evidence),
            clock=wiring.now,
            new_id=wiring.new_id,
            new_salt=lambda: secrets.token_bytes(16),
            worker="hostile",
            host="bench",
            versions={},
            lease_s=30,
        )
        self._lock = threading.Lock()

    def submit(self, upload: Path, task: str, learner: str) -> tuple[Submission, Attempt, Received]:
        """Hand in, without a queue."""
        return pipeline.submit(
            upload,
            task_id=task,
            learner=learner,
            tasks=self.tasks,
            spool=self.config.spool,
            parts=self.parts,
            ring=lambda attempt, epoch: None,
        )

    def judge(self, upload: Path, task: str, learner: str) -> Outcome | Refused:
        """Hand in and judge."""
        try:
            submission, attempt, received = self.submit(upload, task, learner)
        except UploadRefused as error:
            return Refused(message=str(error))
        return self.finish(submission, attempt, received)

    def finish(self, submission: Submission, attempt: Attempt, received: Received) -> Outcome:
        """Judge what was handed in."""
        while (found := self.store.attempt(attempt.id)).state in (AttemptState.QUEUED, AttemptState.RUNNING):
            assert found.problem is None, found.problem
            # The one that is next may be the other thread's, and this one be judged over there.
            if pipeline.assess(attempt.id, attempt.epoch, self.parts) is None:
                time.sleep(0.02)
        assert found.problem is None, found.problem
        judged = judging.judge(attempt.id, self.parts)
        folder = self.parts.publisher.folder(attempt.id)
        # The verdict is stored before its files are written, and the other thread may be at just that.
        deadline = time.monotonic() + _PUBLISHED_S
        while not folder.is_dir() and time.monotonic() < deadline:
            time.sleep(0.02)
        console = Console(record=True, width=200, file=(self.config.home / "console").open("w"))
        console.print(display.result(judged))
        console.file.close()
        seen = [
            console.export_text(),
            json.dumps(display.feedback(judged).dump()),
            *((folder / name).read_text(encoding="utf-8") for name in (publish.PAGE, publish.RECORD)),
        ]
        return Outcome(
            submission=submission,
            attempt=found,
            received=received,
            judged=judged,
            learner_sees="\n".join(seen),
            private=json.loads(judged.report),
        )

    def close(self) -> None:
        self.sandbox.close()
        self.store.close()


def _write_catalog(root: Path, *, shared: bool) -> None:
    """A catalog of the two attacked tasks; with the shared hidden tests where asked for."""
    for name in ("tasks", "rubrics"):
        shutil.copytree(HERE / name, root / name)
    shutil.copytree(ROOT / "sandboxes", root / "sandboxes")
    if not shared:
        return
    for task in ("median", "cli-sum"):
        tests = root / "tasks" / task / "tests"
        for file in tests.glob("test_*.py"):
            file.unlink()
        for file in (SHARED / "_tasks" / task / "hidden").glob("*.py"):
            shutil.copy(file, tests / file.name)


def host() -> tuple[int, int]:
    """Memory that is free for use, and disk in use, of this machine, bytes."""
    return psutil.virtual_memory().available, psutil.disk_usage("/").used


class Benches:
    """The benches, and the attacks that they judge, two at a time, ahead of the tests that ask for them.

    Two run side by side in one place each, of one kind or of two.
    """

    def __init__(self, folder: Path, attacks: list[tuple[Attack, Seal]]) -> None:
        self._folder = folder
        self.before = host()
        self._made: dict[tuple[bool, Seal], Bench] = {}
        self._making = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="attack")
        self._futures: dict[tuple[Path, Seal], Future[Outcome | Refused]] = {
            (attack.folder, seal): self._pool.submit(self._judge, attack, seal) for attack, seal in attacks
        }

    def of(self, attack: Attack, seal: Seal = Seal.CELL_WARM) -> Bench:
        """The bench with the tests that this attack is measured by."""
        with self._making:
            key = attack.shared, seal
            if key not in self._made:
                name = f"{'shared' if attack.shared else 'own'}-{seal}"
                self._made[key] = Bench(self._folder / name, shared=attack.shared, seal=seal)
            return self._made[key]

    def outcome(self, attack: Attack, seal: Seal = Seal.CELL_WARM) -> Outcome | Refused:
        """What came of the attack."""
        key = attack.folder, seal
        if key not in self._futures:  # a control, which no test that was chosen is about
            self._futures[key] = self._pool.submit(self._judge, attack, seal)
        return self._futures[key].result()

    def _judge(self, attack: Attack, seal: Seal) -> Outcome | Refused:
        return self.of(attack, seal).judge(attack.upload, attack.task, f"{attack.group}-{attack.name}")

    def all(self) -> list[Bench]:
        """All of them, once every attack is judged and their sandboxes are closed."""
        wait(self._futures.values())
        for bench in self._made.values():
            bench.sandbox.close()
        return list(self._made.values())

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for bench in self._made.values():
            bench.close()


@pytest.fixture(scope="session")
def benches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches]:
    """Judges the attacks of all collected tests."""
    given = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {
        (params["attack"].folder, params["seal"]): (params["attack"], params["seal"])
        for params in given
        if "seal" in params
    }
    made = Benches(tmp_path_factory.mktemp("hostile"), list(wanted.values()))
    yield made
    made.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "attack" not in metafunc.fixturenames:
        return
    pipelines = metafunc.function.__name__ == "test_pipeline_attack_comes_out_as_its_file_says"
    chosen = [attack for attack in read_attacks() if (attack.group == "pipeline") is pipelines]
    if pipelines:
        metafunc.parametrize("attack", chosen, ids=[f"{one.group}/{one.name}" for one in chosen])
        return
    seals = tuple(Seal) if metafunc.config.getoption("--every-seal") else USUAL
    # An archive is met by intake, before there is any place to try it in.
    pairs = [(one, seal) for seal in seals for one in chosen if seal is USUAL[0] or one.group != "archive"]
    names = [f"{one.group}/{one.name}-{seal}" for one, seal in pairs]
    metafunc.parametrize(("attack", "seal"), pairs, ids=names)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not SHARED.is_dir():
        terminalreporter.section("hostile submissions")
        terminalreporter.line(
            f"only the project's own ran: there is no {SHARED.parent.name}/{SHARED.name} beside"
        )
