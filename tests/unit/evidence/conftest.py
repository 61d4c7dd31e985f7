"""A small frozen task and a judged attempt of it, built by the real loaders from memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor import bundle, catalog, evidence, proof, results, scoring, signer
from assessor.catalog import Frozen
from assessor.results import TestResult
from assessor.sandbox.protocol import End, Finished, Identity, Image, Outcome, Reason

SALT = b"0123456789abcdef"

RUBRIC = b"""\
id: median
version: "1.0"
title: Small functions
criteria:
  - id: correctness
    title: Correct results
    description: Gives the median of any list of numbers.
    weight: 60
    scored_by: tests
    competency: {framework: ESCO, code: S5.6.1, name: computer programming, url: "https://data.europa.eu/esco/skill/x"}
    gate: 50
    levels:
      - {id: developing, title: Developing, from: 40}
      - {id: proficient, title: Proficient, from: 80}
  - id: robustness
    title: Robust against bad input
    weight: 20
    scored_by: tests
  - id: style
    title: Readable code
    weight: 20
    scored_by: review
    marks: 4
default: correctness
levels:
  - {id: pass, title: Pass, from: 60}
  - {id: distinction, title: Distinction, from: 90}
pass: {from: 60}
"""

TASK = b"""\
id: median
version: "1.0"
title: Median
summary: Write a function that gives the median of a list of numbers.
level: beginner
minutes: 30
sandbox: python
submission: {required: [solution.py], allow: ["*.py"]}
tests: {modules: [solution]}
rubric: median
policy: {tries: 10, cooldown_s: 0, feedback: {visible: full, hidden: counts}}
"""

SANDBOX = b"""\
name: python
summary: Python 3.11 with numpy
languages: [python]
grader: grader
isolation: container
ceiling:
  wall_s: 120
  call_s: 20
  cpu_percent: 100
  memory_mib: 1024
  pids: 256
  output_kib: 4096
  reply_kib: 65536
  disk_mib: 256
  files: 20000
"""

TESTS = {
    "test_median.py": b"from solution import median\n\n\ndef test_odd():\n    assert median([3, 1, 2]) == 2\n"
}

#: id, criterion, points, visible
MANIFEST = (
    ("test_median.py::test_odd", "correctness", (1, 1), True),
    ("test_median.py::test_even[1]", "correctness", (1, 3), False),
    ("test_median.py::test_even[2]", "correctness", (1, 3), False),
    ("test_median.py::test_even[3]", "correctness", (1, 3), False),
    ("test_median.py::test_property", "correctness", (2, 1), False),
    ("test_median.py::test_empty", "robustness", (1, 1), False),
    ("test_median.py::test_text", "robustness", (1, 1), False),
)


def manifest_file(tests_digest: str) -> bytes:
    return json.dumps(
        {
            "tests_digest": tests_digest,
            "tests": [
                {
                    "id": test_id,
                    "group": test_id.split("[")[0],
                    "criterion": criterion,
                    "points": list(points),
                    "visible": visible,
                }
                for test_id, criterion, points, visible in MANIFEST
            ],
        }
    ).encode()


@pytest.fixture(scope="session")
def snapshot() -> bundle.Bundle:
    """The snapshot of a task with seven tests and a criterion that a reviewer marks."""
    root = "tasks/median/"
    return bundle.pack(
        {
            f"{root}task.yaml": TASK,
            f"{root}README.md": b"# Median\n\nReturn the **median**.\n\n<script>alert(1)</script>\n",
            f"{root}starter/solution.py": b"def median(values):\n    ...\n",
            **{f"{root}tests/{path}": data for path, data in TESTS.items()},
            f"{root}manifest.json": manifest_file(bundle.pack(TESTS).digest),
            "rubrics/median.yaml": RUBRIC,
            "sandboxes/python/sandbox.yaml": SANDBOX,
        }
    )


@pytest.fixture(scope="session")
def frozen(snapshot: bundle.Bundle) -> Frozen:
    return catalog.thaw(snapshot)


def image(letter: str) -> Image:
    return Image(recipe="sha256:" + letter * 64, packages="sha256:" + letter * 63 + "0")


IDENTITY = Identity(
    profile="python",
    learner=image("a"),
    grader=image("b"),
    isolation="container",
    runtime="runc",
    seccomp="sha256:" + "c" * 64,
)


def finished(test_id: str, reason: Reason | None = None, **given: Any) -> Finished:
    values: dict[str, Any] = {
        "passed": reason is None,
        "message": "",
        "detail": "",
        "output": "",
        "example": None,
        "duration_ms": 3,
    }
    return Finished(id=test_id, reason=reason, **{**values, **given})


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The three signed files of one attempt, and what they were made with."""

    record: bytes
    run: bytes
    envelope: bytes
    signer: signer.LocalSigner
    keys: Mapping[str, signer.PublicKey]


class Factory:
    """Makes judged attempts with defaults; every part can be given."""

    def __init__(self, frozen: Frozen) -> None:
        self.frozen = frozen
        self.bundle = bundle.pack({"solution.py": b"def median(values):\n    return sorted(values)[1]\n"})
        self.signer = signer.LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

    def results(
        self, failed: Mapping[int, Reason] | None = None, end: End = End.COMPLETE
    ) -> tuple[TestResult, ...]:
        """One result a test; `failed` names positions with their reasons."""
        failed = failed or {}
        events = [
            finished(test.id, failed.get(position))
            for position, test in enumerate(self.frozen.manifest.tests, start=1)
        ]
        return results.fold(self.frozen.manifest, events, end)

    def marks(self, marks: int = 3) -> tuple[scoring.Mark, ...]:
        reviewer = evidence.commitment(SALT, "Ada Reviewer")
        return (scoring.Mark(criterion="style", marks=marks, reviewer=reviewer, comment="private words"),)

    def record(self, failed: Mapping[int, Reason] | None = None, *, style: int = 3, **given: Any) -> bytes:
        tests = self.results(failed)
        values: dict[str, Any] = {
            "frozen": self.frozen,
            "bundle_digest": self.bundle.digest,
            "identity": IDENTITY,
            "learner": evidence.commitment(SALT, "learner-1"),
            "seed": 2**64 - 1,
            "end": End.COMPLETE,
            "results": tests,
            "assessment": scoring.score(self.frozen.rubric, tests, self.marks(style)),
            "marks": self.marks(style),
        }
        return evidence.record(**{**values, **given})

    def run(self, **given: Any) -> bytes:
        values: dict[str, Any] = {
            "submission": "submission-1",
            "attempt": "attempt-1",
            "number": 1,
            "epoch": 1,
            "received_at": datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
            "started_at": datetime(2026, 11, 24, 9, 0, 1, tzinfo=UTC),
            "finished_at": datetime(2026, 11, 24, 9, 0, 2, tzinfo=UTC),
            "host": "machine",
            "versions": {"assessor": "0.1.0"},
            "outcome": Outcome(
                end=End.COMPLETE,
                identity=IDENTITY,
                facts={"engine": "20.10", "warm": True, "memory_bytes": 2**60, "load": 0.5},
                phases_ms={"start": 20, "run": 30},
            ),
        }
        return evidence.run(**{**values, **given})

    def folder(self, record: bytes | None = None, run: bytes | None = None) -> Folder:
        """A signed folder; what is signed may be anything."""
        record = self.record() if record is None else record
        run = self.run() if run is None else run
        return Folder(
            record=record,
            run=run,
            envelope=proof.seal(evidence.statement(record, run), self.signer),
            signer=self.signer,
            keys=proof.keys([self.signer.public_key]),
        )


@pytest.fixture(scope="session")
def make(frozen: Frozen) -> Factory:
    return Factory(frozen)
