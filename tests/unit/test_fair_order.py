"""Who is next: class, then the learner's turn, then age; who waited too long; what takes whose place."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from assessor import reconcile, waiting
from assessor.errors import RateLimited, StoreFault, TryRefused
from assessor.rows import database, schema
from assessor.rows.leases import OVERDUE_SHARE, STARVE_S
from assessor.store import SKEW, Attempt, AttemptState, Claim, Conclusion, EvidenceRow, Store
from assessor.waiting import Class, Rate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE_S = 30


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "store.sqlite"
    opened = Store.open(f"sqlite:///{file}")
    for name in ("ada", "bob", "dan", "eve", "fay"):
        opened.learner(name, new_id=name, salt=b"salt")
    opened.close()
    return file


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Iterator[Store]:
    shutil.copy(migrated, tmp_path)
    opened = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()


def submit(
    store: Store,
    name: str,
    *,
    learner: str = "ada",
    task: str | None = None,
    queue_class: Class = Class.NORMAL,
    tries: int | None = None,
    cooldown_s: int = 0,
    rate: Rate | None = None,
    now: datetime = NOW,
) -> Attempt:
    """The attempt `name` of the submission `s-name`, for a task of its own unless one is named."""
    _, attempt, _ = store.submit(
        id=f"s-{name}",
        attempt_id=name,
        learner_id=learner,
        task_id=task or f"task-{name}",
        task_version="1.0",
        task_digest="task-digest",
        snapshot="snapshot-digest",
        bundle=f"bundle-{name}",
        tries=tries,
        cooldown_s=cooldown_s,
        now=now,
        queue_class=queue_class,
        rate=rate,
    )
    return attempt


def take(store: Store, *, now: datetime = NOW) -> Claim:
    claim = store.claim(worker="w", lease_s=LEASE_S, now=now)
    assert claim is not None
    return claim


def drained(store: Store, *, now: datetime = NOW) -> list[str]:
    """The attempts in the order in which workers take them."""
    found = []
    while (claim := store.claim(worker="w", lease_s=LEASE_S, now=now)) is not None:
        found.append(claim.attempt.id)
    return found


def judge(store: Store, claim: Claim, *, now: datetime = NOW) -> None:
    name = claim.attempt.id
    store.finish_run(claim, b"{}", now=now)
    store.conclude(
        claim,
        Conclusion(
            state=AttemptState.JUDGED,
            verdict="passed",
            score=Fraction(1),
            level=None,
            evidence=EvidenceRow(attempt_id=name, record=name, run="u", envelope="e", key_id="k"),
        ),
        now=now,
    )


# --- classes and turns


def test_class_goes_before_age_and_rescores_nobody_s_turn(store: Store) -> None:
    submit(store, "old", task="t")
    judge(store, take(store))
    store.regrade("s-old", attempt_id="regrade", now=NOW)
    submit(store, "practice", queue_class=Class.PRACTICE)
    submit(store, "normal")
    submit(store, "exam", queue_class=Class.EXAM)
    assert [name for name, _ in store.due(now=NOW)] == ["exam", "normal", "practice", "regrade"]
    assert drained(store) == ["exam", "normal", "practice", "regrade"]


def test_learner_with_one_goes_before_the_rest_of_a_learner_with_many(store: Store) -> None:
    for number in range(5):
        submit(store, f"ada{number}")
    assert take(store).attempt.id == "ada0"
    submit(store, "bob0", learner="bob")
    submit(store, "bob1", learner="bob")
    submit(store, "eve0", learner="eve")
    assert drained(store) == ["bob0", "eve0", "ada1", "bob1", "ada2", "ada3", "ada4"]


def test_turns_taken_long_ago_are_held_against_nobody(store: Store) -> None:
    for number in range(20):
        submit(store, f"ada{number}")
    drained(store)
    submit(store, "bob0", learner="bob")
    submit(store, "bob1", learner="bob")
    submit(store, "ada20")
    submit(store, "ada21")
    assert drained(store) == ["bob0", "bob1", "ada20", "ada21"], (
        "one of her twenty is the last that was taken"
    )
    submit(store, "bob2", learner="bob")
    submit(store, "ada22")
    submit(store, "bob3", learner="bob")
    submit(store, "ada23")
    assert drained(store) == ["bob2", "ada22", "bob3", "ada23"]


def test_turns_of_one_class_do_not_count_in_another(store: Store) -> None:
    for number in range(9):
        submit(store, f"practice{number}", queue_class=Class.PRACTICE)
    submit(store, "bob", learner="bob")
    submit(store, "ada")
    assert drained(store)[:2] == ["bob", "ada"]


def test_attempt_sent_back_by_a_fault_keeps_its_turn_and_gives_newcomers_none_before_those_who_wait(
    store: Store,
) -> None:
    for number in range(3):
        submit(store, f"ada{number}")
    spoiled = take(store)
    drained(store)
    for number in range(3):
        submit(store, f"bob{number}", learner="bob")
    store.fault(spoiled, "engine away", backoff_s=[5], now=NOW)
    submit(store, "eve0", learner="eve")
    assert drained(store, now=later(4)) == ["bob0", "eve0", "bob1", "bob2"]
    submit(store, "fay0", learner="fay", now=later(5))
    assert take(store, now=later(5)).attempt.id == "ada0"
    submit(store, "dan0", learner="dan", now=later(5))
    assert drained(store, now=later(5)) == ["fay0", "dan0"], "the class was not taken back to an early turn"


# --- overdue


def test_attempt_that_waited_too_long_goes_first_whatever_its_class(store: Store) -> None:
    submit(store, "practice", queue_class=Class.PRACTICE)
    submit(store, "exam", queue_class=Class.EXAM, now=later(1))
    submit(store, "exam2", queue_class=Class.EXAM, now=later(1))
    assert take(store, now=later(STARVE_S - 1)).attempt.id == "exam"
    assert take(store, now=later(STARVE_S)).attempt.id == "practice"


def test_longest_waiting_of_those_overdue_goes_first(store: Store) -> None:
    submit(store, "normal", now=later(1))
    submit(store, "practice", queue_class=Class.PRACTICE)
    assert take(store, now=later(STARVE_S + 1)).attempt.id == "practice"


def test_crowd_of_overdue_ones_takes_its_share_and_no_more(store: Store) -> None:
    for number in range(4):
        submit(store, f"practice{number}", queue_class=Class.PRACTICE)
    for number in range(8):
        submit(store, f"exam{number}", queue_class=Class.EXAM, now=later(STARVE_S))
    taken = drained(store, now=later(STARVE_S))
    assert [name for name in taken if name.startswith("p")] == [f"practice{n}" for n in range(4)]
    assert [taken.index(f"practice{n}") for n in range(3)] == [0, OVERDUE_SHARE, 2 * OVERDUE_SHARE]


def test_shorter_wait_may_be_asked_for(store: Store) -> None:
    submit(store, "practice", queue_class=Class.PRACTICE)
    submit(store, "exam", queue_class=Class.EXAM, now=later(5))
    claim = store.claim(worker="w", lease_s=LEASE_S, now=later(10), starve_s=10)
    assert claim is not None
    assert claim.attempt.id == "practice"


def test_clock_set_back_lets_nobody_wait_longer(store: Store) -> None:
    submit(store, "practice", queue_class=Class.PRACTICE)
    back = NOW - SKEW - timedelta(seconds=1)
    submit(store, "exam", queue_class=Class.EXAM, now=back)
    assert take(store, now=back).attempt.id == "practice"


# --- laws

LEARNERS = ("ada", "bob", "eve")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(LEARNERS), st.sampled_from(waiting.ASKED)),
        st.sampled_from(["take", "take", "fault", "expire", "wait"]),
    ),
    max_size=40,
)


def hasty(connection: Any, record: Any) -> None:
    database_set_up(connection, record)
    connection.execute("PRAGMA synchronous=OFF").close()


database_set_up = database._set_up_sqlite


class Tried:
    """A store that steps are tried on, and what they did."""

    def __init__(self, folder: str, migrated: Path) -> None:
        file = Path(folder) / "store.sqlite"
        shutil.copy(migrated, file)
        self.store = Store.open(f"sqlite:///{file}")
        self.now = NOW
        self.made: dict[str, tuple[str, Class]] = {}
        self.claims: list[Claim] = []
        self.held: list[Claim] = []

    def step(self, step: object) -> None:
        if isinstance(step, tuple):
            learner, queue_class = step
            name = f"a{len(self.made)}"
            self.made[name] = (learner, queue_class)
            submit(self.store, name, learner=learner, queue_class=queue_class, now=self.now)
        elif step == "take":
            self.take()
        elif step == "fault" and self.held:
            self.store.fault(self.held.pop(0), "ours", max_faults=100, backoff_s=[7], now=self.now)
        elif step == "expire":
            gone = {name for name, _ in self.store.expire(now=self.now, max_lost=100)}
            self.held = [claim for claim in self.held if claim.attempt.id not in gone]
        elif step == "wait":
            self.now += timedelta(seconds=LEASE_S + 1)

    def take(self) -> Claim | None:
        claim = self.store.claim(worker="w", lease_s=LEASE_S, now=self.now, starve_s=10**6)
        if claim is not None:
            self.claims.append(claim)
            self.held.append(claim)
        return claim


@given(steps=STEPS)
def test_every_attempt_is_taken_once_an_epoch_and_none_before_a_higher_class(
    migrated: Path, steps: list[Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_set_up_sqlite", hasty)
        tried = Tried(folder, migrated)
        ranks = {one: rank for rank, one in enumerate(Class)}
        for step in [*steps, *["wait", "expire"]]:
            due = tried.store.due(now=tried.now)
            taken = len(tried.claims)
            tried.step(step)
            if len(tried.claims) > taken:
                claim = tried.claims[-1]
                assert due[0] == (claim.attempt.id, claim.epoch)
                best = min(ranks[tried.made[name][1]] for name, _ in due)
                assert ranks[claim.attempt.queue_class] == best
            elif step == "take":
                assert due == []
        while tried.take() is not None:
            pass
        times = Counter((claim.attempt.id, claim.epoch) for claim in tried.claims)
        assert set(times.values()) <= {1}
        assert {name for name, _ in times} == set(tried.made)
        assert tried.store.counts().queued == 0
        tried.store.close()


@given(data=st.data())
def test_learners_who_both_wait_are_served_alike_whatever_they_had_before(
    migrated: Path, data: st.DataObject
) -> None:
    """The law of start-time fair queueing: while both have something queued, no more than two apart."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_set_up_sqlite", hasty)
        tried = Tried(folder, migrated)
        steps = st.one_of(st.sampled_from(LEARNERS), st.just("take"))
        waits: Counter[str] = Counter()
        apart = {("ada", "bob"): 0, ("ada", "eve"): 0, ("bob", "eve"): 0}
        spread = dict.fromkeys(apart, (0, 0))
        for step in data.draw(st.lists(steps, max_size=60)):
            if step != "take":
                tried.step((step, Class.NORMAL))
                waits[step] += 1
                continue
            claim = tried.take()
            if claim is None:
                continue
            learner, _ = tried.made[claim.attempt.id]
            for pair in apart:
                if not all(waits[name] for name in pair):
                    apart[pair], spread[pair] = 0, (0, 0)
                elif learner in pair:
                    apart[pair] += 1 if learner == pair[0] else -1
                    least, most = spread[pair]
                    spread[pair] = min(least, apart[pair]), max(most, apart[pair])
                    assert spread[pair][1] - spread[pair][0] <= 2
            waits[learner] -= 1
        tried.store.close()


def test_burst_of_one_learner_with_a_hundred_holds_up_no_learner_with_four(store: Store) -> None:
    """In places of the queue: no learner's mean wait is over three times the median of the others'."""
    for number in range(100):
        submit(store, f"hog-{number}", learner="ada")
    for number in range(50):
        store.learner(f"l{number}", new_id=f"l{number}", salt=b"s")
    for turn in range(4):
        for number in range(50):
            submit(store, f"l{number}-{turn}", learner=f"l{number}")
    places: dict[str, list[int]] = {}
    for place, name in enumerate(drained(store), start=1):
        places.setdefault(name.rpartition("-")[0], []).append(place)
    means = {name: sum(found) / len(found) for name, found in places.items()}
    for name, mean in means.items():
        others = sorted(value for other, value in means.items() if other != name)
        assert mean <= 3 * others[len(others) // 2]
    assert max(means[name] for name in means if name != "hog") <= 127.5  # 51, 102, 153, 204


# --- superseded


def test_newer_submission_takes_the_place_and_the_turn_of_one_that_waits(store: Store) -> None:
    first = submit(store, "first", task="t")
    submit(store, "bob", learner="bob")
    second = submit(store, "second", task="t", now=later(1))
    old = store.attempt("first")
    assert (old.state, old.superseded_by, old.finished_at) == (AttemptState.SUPERSEDED, "s-second", later(1))
    assert (second.turn, second.queue_class) == (first.turn, first.queue_class)
    assert drained(store, now=later(1)) == ["bob", "second"]
    assert store.counts().superseded == 1


def test_superseded_submission_uses_no_try_and_starts_no_cooldown(store: Store) -> None:
    for number in range(5):
        submit(store, f"a{number}", task="t", tries=1, cooldown_s=60)
    judge(store, take(store))
    with pytest.raises(TryRefused):
        submit(store, "late", task="t", tries=1)


@pytest.mark.parametrize("then", ["running", "faulted", "lost", "judged"])
def test_attempt_that_a_worker_has_had_is_not_superseded(store: Store, then: str) -> None:
    submit(store, "first", task="t")
    claim = take(store)
    if then == "faulted":
        store.fault(claim, "ours", now=NOW)
    elif then == "lost":
        store.expire(now=later(LEASE_S))
    elif then == "judged":
        judge(store, claim)
    before = store.attempt("first")
    submit(store, "second", task="t")
    assert store.attempt("first") == before


def test_other_task_other_learner_and_regrade_are_not_superseded(store: Store) -> None:
    submit(store, "old", task="t")
    judge(store, take(store))
    store.regrade("s-old", attempt_id="regrade", now=NOW)
    submit(store, "other-task", task="u")
    submit(store, "other-learner", task="t", learner="bob")
    submit(store, "new", task="t")
    assert {name for name, _ in store.due(now=NOW)} == {"regrade", "other-task", "other-learner", "new"}


def test_refused_submission_supersedes_nothing(store: Store) -> None:
    submit(store, "judged", task="t")
    judge(store, take(store))
    submit(store, "waits", task="t")
    with pytest.raises(TryRefused):
        submit(store, "refused", task="t", cooldown_s=60)
    assert store.attempt("waits").state is AttemptState.QUEUED


def test_submission_in_another_class_gets_a_turn_of_that_class(store: Store) -> None:
    for number in range(3):
        submit(store, f"a{number}")
    submit(store, "first", task="t")
    assert submit(store, "second", task="t", queue_class=Class.EXAM).turn == 0
    assert store.attempt("first").state is AttemptState.SUPERSEDED


def test_superseded_attempt_without_its_successor_is_refused_by_the_database(store: Store) -> None:
    submit(store, "a")
    update = sa.text("UPDATE attempts SET state = 'superseded'")
    with pytest.raises(StoreFault, match="ck_attempts_superseded"), store.writing() as connection:
        connection.execute(update)


def test_superseded_submission_may_be_regraded_and_then_uses_a_try(store: Store) -> None:
    submit(store, "first", task="t")
    submit(store, "second", task="t", tries=2)
    store.regrade("s-first", attempt_id="again", now=NOW)
    assert drained(store) == ["second", "again"]
    with pytest.raises(TryRefused):
        submit(store, "third", task="t", tries=2)


# --- rate


RATE = Rate(count=3, per_s=600)


def test_too_many_submissions_are_refused_and_told_when_to_come_back(store: Store) -> None:
    for number in range(3):
        submit(store, f"a{number}", rate=RATE, now=later(100 * number))
    with pytest.raises(
        RateLimited,
        match=r"^expected at most 3 submissions in 600 s, got one more; the next one is possible at "
        r"2026-03-01T12:10:00\+00:00, in 300 s$",
    ):
        submit(store, "late", rate=RATE, now=later(300))
    assert len(store.submissions()) == 3
    submit(store, "late", rate=RATE, now=later(600))
    with pytest.raises(RateLimited, match="in 100 s"):
        submit(store, "later", rate=RATE, now=later(600))


def test_rate_counts_superseded_ones_and_no_other_learner(store: Store) -> None:
    for number in range(3):
        submit(store, f"a{number}", task="t", rate=RATE)
    submit(store, "bob", learner="bob", rate=RATE)
    with pytest.raises(RateLimited):
        submit(store, "late", rate=RATE)
    assert store.attempt("a2").state is AttemptState.QUEUED


def test_clock_set_back_locks_nobody_out(store: Store) -> None:
    for number in range(3):
        submit(store, f"a{number}", rate=RATE)
    submit(store, "back", rate=RATE, now=NOW - timedelta(days=1))


# --- places and times


def test_place_is_where_the_attempt_is_taken(store: Store) -> None:
    for number in range(3):
        submit(store, f"ada{number}")
    for number in range(2):
        submit(store, f"bob{number}", learner="bob")
    submit(store, "exam", learner="eve", queue_class=Class.EXAM)
    names = [name for name, _ in store.due(now=NOW)]
    for position, name in enumerate(names, start=1):
        place = store.place(name, workers=1)
        assert place is not None
        assert place.position == position
        assert place.expected_s is None
    assert drained(store) == names
    assert store.place("exam", workers=1) is None, "a worker has it"


def test_expected_time_comes_from_the_task_s_own_runs_or_else_from_all(store: Store) -> None:
    for number, (task, seconds) in enumerate([("slow", 30), ("slow", 50), ("fast", 1), ("slow", 40)]):
        submit(store, f"a{number}", task=task, now=later(60 * number))
        judge(store, take(store, now=later(60 * number)), now=later(60 * number + seconds))
    submit(store, "slow", task="slow", now=later(600))
    submit(store, "new", task="new", learner="bob", now=later(600))
    slow, new = store.place("slow", workers=2), store.place("new", workers=1)
    assert slow is not None
    assert (slow.position, slow.expected_s) == (2, 40)
    assert new is not None
    assert (new.position, new.expected_s) == (1, 35), "the median of 1, 30, 40 and 50"


@pytest.mark.parametrize(
    ("position", "workers", "seconds"),
    [(1, 1, 10), (1, 4, 10), (4, 4, 10), (5, 4, 20), (9, 1, 90)],
)
def test_expected_time_is_the_median_run_for_each_round_of_the_workers(
    position: int, workers: int, seconds: float
) -> None:
    assert waiting.expected_s(position, runs_s=[1, 10, 99], workers=workers) == seconds


def test_nothing_measured_or_nobody_at_work_is_no_expected_time() -> None:
    assert waiting.expected_s(1, runs_s=[], workers=1) is None
    assert waiting.expected_s(1, runs_s=[1], workers=0) is None


@given(
    position=st.integers(1, 500),
    runs_s=st.lists(st.floats(0, 100), min_size=1, max_size=50),
    workers=st.integers(1, 9),
)
def test_later_place_or_fewer_workers_never_means_a_shorter_wait(
    position: int, runs_s: list[float], workers: int
) -> None:
    here = waiting.expected_s(position, runs_s=runs_s, workers=workers)
    behind = waiting.expected_s(position + 1, runs_s=runs_s, workers=workers)
    more = waiting.expected_s(position, runs_s=runs_s, workers=workers + 1)
    assert here is not None
    assert behind is not None
    assert more is not None
    assert more <= here <= behind


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "a moment"),
        (3.6, "about 4 s"),
        (41.7, "about 40 s"),
        (99, "about 100 s"),
        (100, "about 2 min"),
        (3000, "about 50 min"),
        (7300, "about 2 h"),
    ],
)
def test_estimated_time_is_told_no_more_exactly_than_it_is_known(seconds: float, words: str) -> None:
    assert waiting.about(seconds) == words


# --- cost


def test_no_step_of_an_attempt_reads_a_whole_table_or_sorts_it(store: Store) -> None:
    """SQLite plans without statistics here, as in every new installation: the same for any number of rows."""
    said: list[tuple[str, Any]] = []
    submit(store, "old", task="t")

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        said.append((statement, parameters))

    sa.event.listen(store._engine, "before_cursor_execute", note)
    store.learner("ada", new_id="x", salt=b"s")
    submit(store, "new", task="t", tries=3, cooldown_s=1, rate=RATE, now=later(2))
    claim = take(store, now=later(STARVE_S - 1))
    store.renew(claim, lease_s=LEASE_S, now=later(STARVE_S))
    claim = store.restart(claim, lease_s=LEASE_S, now=later(STARVE_S))
    store.add_events(claim, [b"{}"])
    judge(store, claim, now=later(STARVE_S))
    store.regrade("s-new", attempt_id="again", now=NOW)
    store.place("again", workers=1)
    store.fault(take(store), "ours", now=NOW)
    reconcile.sweep(store, Silent(), now=later(1))
    sa.event.remove(store._engine, "before_cursor_execute", note)

    plans = 0
    with store.reading() as connection:
        for statement, parameters in said:
            if not statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
                continue
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            for detail in (row.detail for row in steps):
                plans += 1
                large = any(name in detail for name in ("attempts", "submissions", "events", "runs"))
                assert not ("SCAN" in detail and large), f"{detail} in {statement}"
                assert "TEMP B-TREE" not in detail, f"{detail} in {statement}"
                # All that is queued is in reach of this index: only the first of it may be read, or counted.
                if "attempts" in detail and detail.endswith("(state=?)"):
                    assert "LIMIT" in statement, f"{detail} in {statement}"
    assert plans > 30


class Silent:
    """A bell that nobody hears."""

    def ring(self, attempt_id: str, epoch: int) -> None:
        """Nothing."""

    def pending(self, limit: int | None = None) -> set[tuple[str, int]]:
        """None."""
        return set()


# --- databases of before


def test_database_of_before_keeps_its_queue_in_its_order(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    old = sa.create_engine(url)
    with old.begin() as connection:
        first_tables(connection)
        lease = "NULL, NULL, NULL"
        connection.exec_driver_sql("INSERT INTO learners VALUES ('ada', 'ada', x'00'), ('bob', 'bob', x'01')")
        for seq, learner in enumerate(["ada", "ada", "bob", "ada"], start=1):
            connection.exec_driver_sql(
                f"INSERT INTO submissions VALUES ({seq}, 's{seq}', '{learner}', 't', '1', 't', 't', 'b', 0)"
            )
            kind = "regrade" if seq == 2 else "grade"
            connection.exec_driver_sql(
                f"INSERT INTO attempts VALUES ({seq}, 'a{seq}', 's{seq}', 1, '{kind}', 'queued', 1, 0, 0, 0, "
                f"NULL, NULL, {seq}, {seq}, {lease}, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
            )
        connection.exec_driver_sql("INSERT INTO events VALUES ('a1', 1, 1, x'00')")
    old.dispose()
    store = Store.open(url)
    try:
        assert store.events("a1") == [b"\0"]
        now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=10)
        submit(store, "new", learner="bob", now=now)
        assert drained(store, now=now) == ["a1", "a3", "a4", "new", "a2"]
        assert submit(store, "again", task="t", now=now).superseded_by is None
    finally:
        store.close()


def test_several_that_waited_before_there_was_superseding_go_together(store: Store) -> None:
    for name in ("one", "two"):
        submit(store, name)
    with store.writing() as connection:
        connection.execute(schema.submissions.update().values(task_id="t"))
    submit(store, "new", task="t")
    assert [store.attempt(name).superseded_by for name in ("one", "two")] == ["s-new", "s-new"]
    assert drained(store) == ["new"]


def first_tables(connection: sa.Connection) -> None:
    """The tables as revision 0001 made them."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    from assessor.rows import migrations

    script = migrations._script()
    with EnvironmentContext(
        Config(), script, fn=lambda revision, _context: script._upgrade_revs("0001", revision)
    ) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
