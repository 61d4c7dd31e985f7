"""A small installation that awards: the task of `small` with two levels, and badges that rest on it.

adder        the task, any level; holds for a year, renewed in its last 30 days
master       the task at its highest level
apprentice   the badge adder
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from assessor import catalog, pipeline, settling, testing
from assessor.achievement import Achievement
from assessor.issuer import Issuer
from assessor.parts import Parts
from assessor.rows.awards import AwardRow
from assessor.sandbox.protocol import End, Ended, Event, Order
from assessor.store import Store
from tests import small
from tests.small import IDS, Bench

ISSUER = Issuer(name="Bench", url="https://bench.example", did="did:web:bench.example")
BADGES = {
    "adder": """id: adder
version: "1.0"
name: Adder
description: Adds numbers up.
criteria: Pass the task on sums.
requires:
  - {task: sum}
valid_months: 12
renewal: {window_days: 30}
""",
    "master": """id: master
version: "1.0"
name: Master of sums
description: Adds everything up.
criteria: Pass the task on sums with all tests.
requires:
  - {task: sum, level: top}
""",
    "apprentice": """id: apprentice
version: "1.0"
name: Apprentice
description: Is on the way.
criteria: Hold the badge Adder.
requires:
  - {achievement: adder}
""",
}


def write_catalog(root: Path, *badges: str) -> catalog.Catalog:
    """The catalog with these badges, all of them where none is named."""
    small.write_catalog(root)
    rubric = root / "rubrics" / "sum.yaml"
    rubric.write_text(
        rubric.read_text().replace("pass: {from", "  - {id: top, title: Top, from: 95}\npass: {from")
    )
    small.lock(root)
    (root / "badges").mkdir()
    for name in badges or BADGES:
        (root / "badges" / f"{name}.yaml").write_text(BADGES[name])
    return catalog.load(root)


def every(root: Path) -> tuple[Achievement, ...]:
    """All the badges, added to a catalog that has some of them."""
    for name, text in BADGES.items():
        (root / "badges" / f"{name}.yaml").write_text(text)
    return catalog.load(root).achievements()


def passing(number: int) -> str:
    """A solution with which so many of the three tests pass: 3 reach the highest level, 2 pass, 1 fails."""
    return f"# {number} pass\n"


def script(order: Order) -> Iterable[Event | End | BaseException]:
    """As many tests pass as the solution says."""
    number = int(order.bundle["solution.py"].split()[1])
    yield testing.collected(*IDS)
    for at, name in enumerate(IDS):
        yield testing.finished(name, passed=at < number)
    yield Ended(wall_ms=1, processes=1)


def make_bench(root: Path, *badges: str, isolation: str = "cell") -> Bench:
    """An installation that awards; its store is the caller's to close."""
    tasks = write_catalog(root / "catalog", *badges)
    bench = small.make_bench(root, testing.FakeSandbox(script, isolation=isolation), tasks=tasks)
    numbers = itertools.count(1)
    bench.parts = replace(
        bench.parts,
        issuer=ISSUER,
        achievements=lambda: tasks.sound_achievements()[0],
        new_salt=lambda: next(numbers).to_bytes(16, "big"),
    )
    return bench


def reopen(bench: Bench) -> Bench:
    """The same installation as another process has it; its store is the caller's to close."""
    store = Store.open(f"sqlite:///{bench.root / 'assessor.db'}")
    parts = replace(
        bench.parts,
        store=store,
        keyring=testing.keys(store, folder=bench.root / "keys", clock=bench.clock),
        new_salt=lambda: secrets.token_bytes(16),
    )
    return replace(bench, parts=parts)


def judge(bench: Bench, number: int, *, learner: str = "ada", parts: Parts | None = None) -> str:
    """Hand in a solution with which so many tests pass, and judge it; the attempt's id."""
    _, attempt = bench.submit(passing(number), learner=learner)
    pipeline.assess(attempt.id, 1, parts or bench.parts)
    bench.clock.move(seconds=1)
    return attempt.id


def earn(bench: Bench, number: int = 3, *, learner: str = "ada") -> dict[str, AwardRow]:
    """Judge, and look at once for awards; what the learner has then, by achievement."""
    settling.follow_up(judge(bench, number, learner=learner), bench.parts)
    bench.clock.move(seconds=1)
    return held(bench, learner)


def held(bench: Bench, learner: str = "ada") -> dict[str, AwardRow]:
    """A learner's awards by achievement."""
    return {row.achievement_id: row for row in bench.parts.store.awards(learner=learner)}


def document(bench: Bench, row: AwardRow) -> dict[str, Any]:
    """The signed credential of an award."""
    assert row.credential is not None
    found: dict[str, Any] = json.loads(bench.parts.blobs.get(row.credential))
    return found
