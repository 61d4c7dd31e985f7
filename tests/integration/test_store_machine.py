"""Whatever workers, sweeper and clock do, in any order: an attempt is judged once or given up, never lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from assessor.errors import LeaseLost
from assessor.rows import database, schema
from assessor.store import Attempt, AttemptState, Claim, Conclusion, EvidenceRow, Store

LEASE_S = 15
MAX_LOST = 3
MAX_FAULTS = 3
FINAL = (AttemptState.JUDGED, AttemptState.UNJUDGED)


class Workers(RuleBasedStateMachine):
    """Workers of one name (the worst case) and a sweeper; the model holds who may conclude what."""

    template: Path
    claims: Bundle[Claim] = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.mkdtemp(dir=self.template.parent)
        file = Path(self.folder) / "store.sqlite"
        shutil.copy(self.template, file)
        self.store = Store.open(f"sqlite:///{file}")
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.number = 0
        self.owner: dict[str, Claim] = {}  # attempt -> the one claim that may still write
        self.epoch: dict[str, int] = {}
        self.judged: dict[str, str] = {}  # attempt -> the one verdict
        self.given_up: set[str] = set()
        self.events: dict[tuple[str, int], list[bytes]] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    @precondition(lambda self: self.number < 3)
    @rule()
    def submit(self) -> None:
        self.number += 1
        attempt = f"a{self.number}"
        self.store.submit(
            id=f"s{self.number}",
            attempt_id=attempt,
            learner_id="ada-id",
            task_id=f"task-{self.number}",
            task_version="1",
            task_digest="t",
            snapshot="t",
            bundle="b",
            tries=None,
            cooldown_s=0,
            now=self.now,
        )
        self.epoch[attempt] = 1

    @rule(target=claims)
    def claim(self) -> object:
        due = self.store.due(now=self.now)
        claim = self.store.claim(worker="w", lease_s=LEASE_S, now=self.now)
        assert (claim is not None) == bool(due)
        if claim is None:
            return multiple()
        attempt, epoch = claim.attempt.id, claim.epoch
        assert (attempt, epoch) in due
        assert epoch == self.epoch[attempt]
        assert attempt not in self.owner
        assert attempt not in self.judged
        self.owner[attempt] = claim
        self.events[attempt, epoch] = []
        return claim

    def rows(self) -> dict[str, Attempt]:
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(schema.attempts)).all()
        return {row.id: schema.as_attempt(row) for row in rows}

    def own(self, claim: Claim) -> bool:
        return self.owner.get(claim.attempt.id) is claim

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        if self.own(claim):
            self.store.renew(claim, lease_s=LEASE_S, now=self.now)
        else:
            with pytest.raises(LeaseLost):
                self.store.renew(claim, lease_s=LEASE_S, now=self.now)

    @rule(claim=claims, body=st.binary(max_size=4))
    def event(self, claim: Claim, body: bytes) -> None:
        if self.own(claim):
            self.store.add_events(claim, [body])
            self.events[claim.attempt.id, claim.epoch].append(body)
        else:
            with pytest.raises(LeaseLost):
                self.store.add_events(claim, [body])

    @rule(target=claims, claim=claims)
    def restart(self, claim: Claim) -> object:
        if not self.own(claim):
            with pytest.raises(LeaseLost):
                self.store.restart(claim, lease_s=LEASE_S, now=self.now)
            return multiple()
        fresh = self.store.restart(claim, lease_s=LEASE_S, now=self.now)
        assert fresh.epoch == claim.epoch + 1
        self.owner[claim.attempt.id] = fresh
        self.epoch[claim.attempt.id] = fresh.epoch
        self.events[claim.attempt.id, fresh.epoch] = []
        return fresh

    @rule(claim=claims, verdict=st.sampled_from(["passed", "failed"]))
    def conclude(self, claim: Claim, verdict: str) -> None:
        attempt = claim.attempt.id
        conclusion = Conclusion(
            state=AttemptState.JUDGED,
            verdict=verdict,
            score=Fraction(1),
            level=None,
            evidence=EvidenceRow(attempt_id=attempt, record="r", run="u", envelope="e", key_id="k"),
        )
        if self.own(claim):
            assert attempt not in self.judged
            self.store.conclude(claim, conclusion, now=self.now)
            self.judged[attempt] = verdict
            del self.owner[attempt]
        else:
            with pytest.raises(LeaseLost):
                self.store.conclude(claim, conclusion, now=self.now)

    @rule(claim=claims)
    def fault(self, claim: Claim) -> None:
        attempt = claim.attempt.id
        if not self.own(claim):
            with pytest.raises(LeaseLost):
                self.store.fault(claim, "late", now=self.now)
            return
        faults = self.store.attempt(attempt).faults + 1
        state = self.store.fault(claim, f"fault {faults}", max_faults=MAX_FAULTS, now=self.now)
        del self.owner[attempt]
        if faults == MAX_FAULTS:
            assert state is AttemptState.UNJUDGED
            self.given_up.add(attempt)
        else:
            assert state is AttemptState.QUEUED
            self.epoch[attempt] += 1

    @rule(claim=consumes(claims))
    def die(self, claim: Claim) -> None:
        """A worker that is killed says nothing to anybody."""

    @rule()
    def sweep(self) -> None:
        before = self.rows()
        queued = dict(self.store.expire(now=self.now, max_lost=MAX_LOST))
        after = self.rows()
        for name, was in before.items():
            gone = was.lease_until is not None and was.lease_until <= self.now
            if name in queued:
                assert name in self.owner
                assert queued[name] == was.epoch + 1
                self.epoch[name] = was.epoch + 1
                del self.owner[name]
            elif after[name].state is AttemptState.UNJUDGED and name in self.owner:
                assert was.lost == MAX_LOST
                self.given_up.add(name)
                del self.owner[name]
            else:
                assert not (gone and name in self.owner)

    @rule()
    def lease_runs_out(self) -> None:
        self.now += timedelta(seconds=LEASE_S + 11)  # past the first two backoffs as well
        self.sweep()

    @rule(by_s=st.sampled_from([0.5, 2, 14, 16, 60, -1, -4, -600]))
    def clock(self, by_s: float) -> None:
        self.now += timedelta(seconds=by_s)

    @invariant()
    def nothing_is_lost_or_judged_twice(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = self.rows()
        with self.store.reading() as connection:
            evidence = set(connection.execute(sa.select(schema.evidence.c.attempt_id)).scalars())
        assert evidence == set(self.judged)
        for name, epoch in self.epoch.items():
            attempt = rows[name]
            assert attempt.epoch == epoch
            assert (attempt.lease_until is not None) == (name in self.owner)
            if name in self.judged:
                assert attempt.state is AttemptState.JUDGED
                assert attempt.verdict == self.judged[name]
            elif name in self.given_up:
                assert attempt.state is AttemptState.UNJUDGED
                assert attempt.problem
            elif name in self.owner:
                assert attempt.state is AttemptState.RUNNING
            else:
                assert attempt.state is AttemptState.QUEUED
            if name in self.owner:
                assert self.store.events(name, epoch) == self.events[name, epoch]


def test_any_interleaving_judges_each_attempt_once_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up = database._set_up_sqlite

    def hasty(connection: Any, record: Any) -> None:
        # No power cut happens here, and waiting for the disk is most of the time.
        set_up(connection, record)
        connection.execute("PRAGMA synchronous=OFF").close()

    monkeypatch.setattr(database, "_set_up_sqlite", hasty)
    template = tmp_path / "store.sqlite"
    opened = Store.open(f"sqlite:///{template}")
    opened.learner("ada", new_id="ada-id", salt=b"salt")
    opened.close()
    Workers.template = template
    run_state_machine_as_test(
        Workers,
        settings=settings(
            max_examples=int(os.environ.get("ASSESSOR_TEST_EXAMPLES", "15")),
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
