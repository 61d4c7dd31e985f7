"""Whoever is killed while a regrade is started, applied or dropped leaves none of it or all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor import judging, regrading, settling, statuses
from assessor.blobs import Blobs
from assessor.rows import awards, ledger, log, regrades, revocations
from assessor.rows.schema import AttemptState
from assessor.store import Store
from tests.honours import earn, held
from tests.integration.test_award_crash import after, before, check_files, check_log, killed, rows
from tests.small import Bench
from tests.versioned import edit, make_bench, start, verdicts, work

OLD = {"ada": ("passed", 1), "bob": ("passed", 1)}
NEW = {"ada": ("passed", 2), "bob": ("failed", 2)}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    earn(made, 3, learner="ada")
    earn(made, 2, learner="bob")
    edit(made, "# strict", version="1.1")
    yield made
    made.parts.store.close()


def apply(bench: Bench) -> regrading.Applied:
    return regrading.apply("sum", bench.parts, by="kim", reason="stricter", revoke=True)


STARTING = {
    "task kept": after(Blobs, "put"),
    "first queued": after(regrades.queued, "add"),
    "marks copied": after(regrades.queued, "copy_marks", times=2),
    "kept": after(Store, "start_regrade"),
}


@pytest.mark.parametrize("step", STARTING)
def test_killed_while_starting(bench: Bench, step: str) -> None:
    killed(bench, STARTING[step], start)
    there = bench.parts.store.regrade_open("sum")
    assert (there is not None) is (step == "kept")
    again = start(bench)
    assert (len(again.made), again.there) == ((0, 2) if step == "kept" else (2, 0))
    assert work(bench) == [AttemptState.HELD] * 2
    assert verdicts(bench) == OLD


APPLYING = {
    "signed": after(judging, "signed", times=2),
    "files announced": after(Store, "doom_all"),
    "files written": after(Blobs, "put_all"),
    "closed": after(regrades, "_close"),
    "first result counts": after(regrades, "_count"),
    "all results count": after(regrades, "_count", times=2),
    "award revoked": after(revocations, "revoke"),
    "first leaf written": after(log, "append", times=2),
    "last leaf written": after(log, "append", times=4),
    "kept": after(Store, "apply_regrade"),
    "page published": after(judging, "published"),
    "looked at for awards": after(settling, "follow_up"),
    "list being signed": before(statuses, "sign"),
}
KEPT = ("kept", "page published", "looked at for awards", "list being signed")


@pytest.mark.parametrize("step", APPLYING)
def test_killed_while_applying(bench: Bench, step: str) -> None:
    start(bench)
    work(bench)
    killed(bench, APPLYING[step], apply)
    done = step in KEPT
    assert verdicts(bench) == (NEW if done else OLD)
    (regrade,) = bench.parts.store.regrades("sum")
    assert regrade.state == ("applied" if done else "open")
    assert len(rows(bench, ledger.leaves)) == len(
        {(r.kind, r.subject, r.digest) for r in rows(bench, ledger.leaves)}
    )
    assert (held(bench, "bob")["adder"].revoked_at is not None) is done
    if not done:
        assert len(apply(bench).attempts) == 2
    assert verdicts(bench) == NEW
    check_files(bench)
    judging.republish(bench.parts)
    assert {
        row.attempt_id for row in rows(bench, awards.schema.evidence)
    } == bench.parts.publisher.published()
    assert held(bench, "bob")["adder"].revoked_at is not None
    assert held(bench, "ada")["adder"].revoked_at is None
    assert all(one.body is not None for one in bench.parts.store.status_lists())
    check_log(bench)


DROPPING = {
    "closed": after(regrades, "_close"),
    "attempts dropped": after(regrades, "_drop"),
    "kept": after(Store, "drop_regrade"),
}


@pytest.mark.parametrize("step", DROPPING)
def test_killed_while_dropping(bench: Bench, step: str) -> None:
    start(bench)
    work(bench)
    killed(bench, DROPPING[step], lambda other: regrading.drop("sum", other.parts, by="kim"))
    assert (bench.parts.store.regrade_open("sum") is None) is (step == "kept")
    if step != "kept":
        regrading.drop("sum", bench.parts, by="kim")
    assert verdicts(bench) == OLD
    check_files(bench)
