"""Judged work, an issuer and an achievement for tests of credentials, by the real loaders from memory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from assessor import bundle, catalog, evidence, results, scoring
from assessor.achievement import Achievement, TaskRequired
from assessor.issuer import Issuer
from assessor.openbadges import credential, recipient
from assessor.openbadges.credential import Award, Work
from assessor.rubric import Competency
from assessor.sandbox.protocol import End, Finished, Identity, Image, Reason

SALT = bytes(range(16))
ADDRESS = "ada@example.org"
AWARD = "3f0c7a52-6a0e-4c57-9a43-0f5c2b8f7f10"
ENGINE = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"

RUBRIC = """\
id: NAME
version: "1.0"
title: Small functions
criteria:
  - id: correctness
    title: Correct results
    weight: 75
    scored_by: tests
    competency: {framework: ESCO, code: S5.6.1, name: computer programming, url: "https://data.europa.eu/esco/skill/x"}
    gate: 50
    levels:
      - {id: developing, title: Developing, from: 40}
      - {id: proficient, title: Proficient, from: 80}
  - id: style
    title: Readable code
    weight: 25
    scored_by: review
    competency: {framework: own, code: style, name: clear writing}
    marks: 3
default: correctness
levels:
  - {id: pass, title: Pass, from: 60}
  - {id: distinction, title: With distinction, from: 90}
pass: {from: 60}
"""
TASK = """\
id: NAME
version: "1.0"
title: Median
summary: Write a function that gives the median of a list of numbers.
level: beginner
minutes: 30
sandbox: python
submission: {required: [solution.py], allow: ["*.py"]}
tests: {modules: [solution]}
rubric: NAME
policy: {tries: 10, cooldown_s: 0, feedback: {visible: full, hidden: counts}}
"""
SANDBOX = """\
name: python
summary: Python 3.11
languages: [python]
grader: grader
isolation: container
ceiling: {wall_s: 120, call_s: 20, cpu_percent: 100, memory_mib: 1024, pids: 256, output_kib: 4096,
  reply_kib: 65536, disk_mib: 256, files: 20000}
"""
TESTS = {"test_median.py": b"def test_odd():\n    assert True\n"}
IMAGE = Image(recipe="sha256:" + "a" * 64, packages="sha256:" + "b" * 64)


def frozen(name: str = "median") -> catalog.Frozen:
    """A task with six tests of one point each, and one criterion that a reviewer marks."""
    manifest = {
        "tests_digest": bundle.pack(TESTS).digest,
        "tests": [
            {
                "id": f"test_median.py::test_odd[{at}]",
                "group": "test_median.py::test_odd",
                "criterion": "correctness",
                "points": [1, 6],
                "visible": at == 0,
            }
            for at in range(6)
        ],
    }
    files = {
        f"tasks/{name}/task.yaml": TASK.replace("NAME", name).encode(),
        f"tasks/{name}/README.md": b"# Median\n",
        f"tasks/{name}/manifest.json": json.dumps(manifest).encode(),
        f"rubrics/{name}.yaml": RUBRIC.replace("NAME", name).encode(),
        "sandboxes/python/sandbox.yaml": SANDBOX.encode(),
        **{f"tasks/{name}/tests/{path}": data for path, data in TESTS.items()},
    }
    return catalog.thaw(bundle.pack(files))


def record(task: catalog.Frozen, *, failed: int = 0, marks: int = 3, isolation: str = "container") -> bytes:
    """The evidence of an attempt in which this many of six tests failed."""
    events = [
        Finished(
            id=test.id,
            passed=at >= failed,
            reason=None if at >= failed else Reason.ASSERTION,
            message="",
            detail="",
            output="",
            example=None,
            duration_ms=1,
        )
        for at, test in enumerate(task.manifest.tests)
    ]
    folded = results.fold(task.manifest, events, End.COMPLETE)
    mark = scoring.Mark(criterion="style", marks=marks, reviewer=evidence.commitment(SALT, "Ada Reviewer"))
    return evidence.record(
        frozen=task,
        bundle_digest=bundle.pack({"solution.py": b"pass\n"}).digest,
        identity=Identity(
            profile="python", learner=IMAGE, grader=IMAGE, isolation=isolation, runtime="runc", seccomp=None
        ),
        learner=evidence.commitment(SALT, "learner-1"),
        seed=1,
        end=End.COMPLETE,
        results=folded,
        assessment=scoring.score(task.rubric, folded, [mark]),
        marks=[mark],
    )


def work(name: str = "median", *, failed: int = 0, marks: int = 3) -> Work:
    """Judged work that passed."""
    task = frozen(name)
    return credential.work(
        attempt=f"attempt-{name}", data=record(task, failed=failed, marks=marks), frozen=task
    )


def issuer(**given: Any) -> Issuer:
    """An organisation."""
    one = Issuer(
        name="Example School",
        url="https://badges.example.org",
        did="did:web:badges.example.org",
        description="Teaches programming.",
        email="badges@example.org",
        image=None,
        trial=False,
    )
    return replace(one, **given)


def achievement(**given: Any) -> Achievement:
    """An achievement for one task, with one competency that has an address."""
    one = Achievement(
        id="small-functions",
        version="1.0",
        name="Small functions",
        description="Writes small functions that hold.",
        criteria="Pass the task **Median** with distinction.",
        image=None,
        competencies=(
            Competency(
                framework="CASE", code="1.2", name="Functions", url="https://case.example.org/items/functions"
            ),
        ),
        requires=(TaskRequired(task="median", level="distinction"),),
        valid_months=24,
        renew_days=None,
        tags=("python",),
        digest="sha256:" + "d" * 64,
        source=b"",
    )
    return replace(one, **given)


def award(**given: Any) -> Award:
    """An award of that achievement by that organisation, for that work."""
    one = Award(
        id=AWARD,
        achievement=achievement(),
        issuer=issuer(),
        recipient=recipient.hashed("emailAddress", ADDRESS, salt=SALT),
        awarded_at=datetime(2025, 11, 24, 9, 0, 0, 999_999, tzinfo=UTC),
        valid_from=datetime(2025, 11, 25, 9, 0, tzinfo=UTC),
        valid_until=datetime(2027, 11, 24, 9, 0, tzinfo=UTC),
        level="distinction",
        works=(work(),),
        held=(),
        engine=ENGINE,
        status_list="https://badges.example.org/status/1.json",
        status_index=4711,
    )
    return replace(one, **given)
