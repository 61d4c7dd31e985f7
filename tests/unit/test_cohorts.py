"""Cohorts: who is in one and how they came in, what it is assigned, and which result is a learner's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from assessor.errors import AccountRefused, NotFound
from assessor.rows import schema
from assessor.rows.cohorts import Counts
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role
from assessor.store import AttemptState, Conclusion, EvidenceRow, Store
from assessor.waiting import Class
from tests import people
from tests.people import NOW, act, add

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = people.open_store(tmp_path)
    opened.add_cohort(id="c", name="Spring", act=act())
    yield opened
    opened.close()


def test_cohort_is_found_by_name_or_id_and_has_its_name_alone(store: Store) -> None:
    assert store.cohort_named("Spring") == store.cohort_named("c") == store.cohort("c")
    with pytest.raises(AccountRefused, match="a name that is free, 'Spring' is a cohort's"):
        store.add_cohort(id="d", name=" Spring ", act=act())
    with pytest.raises(AccountRefused, match="expected a name of 1 to 200 characters, got 0"):
        store.add_cohort(id="d", name=" ", act=act())
    with pytest.raises(NotFound, match="expected a cohort, got 'Autumn'"):
        store.cohort_named("Autumn")
    assert [row.act for row in store.audit()] == ["cohort.add"]


def test_somebody_is_in_a_cohort_once_as_what_they_were_made_last(store: Store) -> None:
    add(store, "ada", Role.LEARNER, Role.REVIEWER)
    add(store, "ben")
    for role in (Role.LEARNER, Role.REVIEWER):
        store.enrol("c", "ada", role, act=act())
    assert [(user.id, role) for user, role in store.members("c")] == [("ada", Role.REVIEWER)]
    assert [one.id for one in store.cohorts("ada")] == ["c"]
    assert store.cohorts("ben") == ()
    store.leave("c", "ada", act=act())
    assert (store.members("c"), store.membership("c", "ada")) == ((), None)
    with pytest.raises(NotFound, match="cohort c: expected one of its members, got user 'ada'"):
        store.leave("c", "ada", act=act())


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.ADMIN])
def test_cohort_raises_nobody(store: Store, role: Role) -> None:
    add(store)
    with pytest.raises(AccountRefused, match=r"expected (one with the role instructor|a role among learner)"):
        store.enrol("c", "ada", role, act=act())
    if role is Role.INSTRUCTOR:
        store.invite(secret="s", cohort_id="c", role=role, act=act())
        with pytest.raises(AccountRefused, match="expected one with the role instructor, they have it not"):
            store.join("s", "ada", act=act())
    assert store.members("c") == ()


def test_invitation_lets_in_as_many_as_it_says(store: Store) -> None:
    for name in ("ada", "ben", "cy"):
        add(store, name)
    store.invite(secret="s", cohort_id="c", uses=2, act=act())
    assert store.join("s", "ada", act=act()).cohort_id == "c"
    # Once more by the same person takes nothing.
    store.join("s", "ada", act=act())
    found = store.invitation("s", now=NOW)
    assert found is not None
    assert found.uses_left == 1
    store.join("s", "ben", act=act())
    with pytest.raises(AccountRefused, match="an invitation that can be used, it is used up, over, or none"):
        store.join("s", "cy", act=act())
    assert [user.id for user, _ in store.members("c")] == ["ada", "ben"]
    assert [row.act for row in store.audit()].count("cohort.join") == 2


REFUSED: dict[str, Callable[[Store], object]] = {
    "over": lambda store: None,
    "withdrawn": lambda store: store.withdraw_invitations("c", act=act()),
    "switched off": lambda store: store.set_active("ada", False, act=act()),
}


@pytest.mark.parametrize("why", REFUSED)
def test_nobody_joins_by_what_does_not_hold(store: Store, why: str) -> None:
    add(store)
    store.invite(secret="s", cohort_id="c", expires_at=NOW + DAY, act=act())
    REFUSED[why](store)
    with pytest.raises(AccountRefused):
        store.join("s", "ada", act=act(NOW + DAY if why == "over" else NOW))
    assert store.members("c") == ()


def test_invitation_that_nobody_can_use_is_not_made(store: Store) -> None:
    with pytest.raises(AccountRefused, match="invitation: expected 1 use or more, got 0"):
        store.invite(secret="s", cohort_id="c", uses=0, act=act())
    with pytest.raises(
        AccountRefused, match="expected a role among learner, reviewer, instructor, got admin"
    ):
        store.invite(secret="s", cohort_id="c", role=Role.ADMIN, act=act())
    with pytest.raises(NotFound, match="expected a cohort, got 'd'"):
        store.invite(secret="s", cohort_id="d", act=act())


def test_assignments_are_those_of_a_cohort_or_of_whoever_is_in_it(store: Store) -> None:
    add(store)
    store.add_cohort(id="d", name="Autumn", act=act())
    store.enrol("d", "ada", Role.LEARNER, act=act())
    made = store.add_assignment(
        id="g1",
        cohort_id="c",
        task_id="median",
        title="First",
        opens_at=NOW,
        due_at=NOW + DAY,
        queue_class=Class.EXAM,
        counts=Counts.LAST,
        act=act(),
    )
    store.add_assignment(id="g2", cohort_id="d", task_id="median", act=act())
    assert store.assignment("g1") == made
    assert store.assignments("c") == (made,)
    assert [one.id for one in store.assignments()] == ["g1", "g2"]
    assert [one.id for one in store.assignments(after="g1")] == ["g2"]
    assert [one.id for one in store.assignments(for_user="ada")] == ["g2"]
    with pytest.raises(NotFound, match="expected the id of an assignment, got 'g3'"):
        store.gradebook("g3")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"opens_at": NOW, "due_at": NOW}, "expected it to be due after it opens"),
        ({"title": " "}, "expected a title of 1 to 200 characters"),
    ],
)
def test_assignment_that_makes_no_sense_is_refused(
    store: Store, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(AccountRefused, match=problem):
        store.add_assignment(id="g", cohort_id="c", task_id="median", act=act(), **change)
    assert store.assignments() == ()


# --- results


def judge(store: Store, name: str, score: Fraction, *, passed: bool) -> None:
    """The verdict of the one attempt that waits."""
    claim = store.claim(worker="w", lease_s=30, now=NOW + 30 * DAY)
    assert claim is not None
    assert claim.attempt.id == name
    store.finish_run(claim, b"{}", now=NOW + 30 * DAY)
    row = EvidenceRow(attempt_id=name, record=f"r {name}", run="u", envelope="e", key_id="key")
    verdict = "passed" if passed else "failed"
    conclusion = Conclusion(state=AttemptState.JUDGED, verdict=verdict, score=score, level=None, evidence=row)
    store.conclude(claim, conclusion, now=NOW + 30 * DAY)


RESULTS = st.lists(
    st.none() | st.tuples(st.integers(0, 4).map(lambda one: Fraction(one, 4)), st.booleans()), max_size=5
)


@given(results=RESULTS, counts=st.sampled_from(Counts), opens=st.integers(-1, 5), due=st.integers(0, 6))
def test_result_is_the_one_that_the_assignment_says(
    tmp_path_factory: pytest.TempPathFactory,
    results: list[tuple[Fraction, bool] | None],
    counts: Counts,
    opens: int,
    due: int,
) -> None:
    store = people.open_store(tmp_path_factory.mktemp("grades"))
    learner = add(store).learner_id or ""
    add(store, "ben")
    stranger = add(store, "stranger").learner_id or ""
    store.add_cohort(id="c", name="Spring", act=act())
    for name in ("ada", "ben"):
        store.enrol("c", name, Role.LEARNER, act=act())
    # One of each hour; those without a result wait for one.
    for hour, result in enumerate(results):
        people.submit(store, learner, str(hour), now=NOW + timedelta(hours=hour), bundle=f"b{hour}")
        if result is None:
            with store.writing() as connection:  # it ran, and waits for a reviewer
                connection.execute(
                    schema.attempts.update()
                    .where(schema.attempts.c.id == str(hour))
                    .values(state=AttemptState.AWAITING_REVIEW, verdict="awaiting review", score=Fraction(1))
                )
        else:
            judge(store, str(hour), result[0], passed=result[1])
    people.submit(store, stranger, "of a stranger")
    people.submit(store, learner, "of another task", task="other")
    opens_at = None if opens < 0 else NOW + timedelta(hours=opens)
    due_at = NOW + timedelta(hours=opens + due + 1)
    store.add_assignment(
        id="g", cohort_id="c", task_id="median", opens_at=opens_at, due_at=due_at, counts=counts, act=act()
    )
    ada, ben = store.gradebook("g")
    store.close()

    count = [hour for hour in range(len(results)) if hour >= opens]
    judged = [(hour, result) for hour in count if (result := results[hour]) is not None]
    chosen = None
    for hour, result in judged:
        if chosen is None or counts is Counts.LAST or (result[1], result[0]) > (chosen[1][1], chosen[1][0]):
            chosen = (hour, result)
    assert (ada.user.id, ada.tries, ada.waiting) == ("ada", len(count), len(count) - len(judged))
    if chosen is None:
        assert (ada.attempt_id, ada.verdict, ada.score, ada.submitted_at, ada.late) == (None,) * 4 + (False,)
    else:
        hour, (score, passed) = chosen
        assert (ada.attempt_id, ada.score) == (str(hour), score)
        assert ada.verdict == ("passed" if passed else "failed")
        assert ada.submitted_at == NOW + timedelta(hours=hour)
        assert ada.late is (ada.submitted_at >= due_at)
    assert (ben.user.id, ben.tries, ben.attempt_id) == ("ben", 0, None)


def test_regrade_takes_the_place_of_the_attempt_before_it_once_it_is_judged(store: Store) -> None:
    learner = add(store).learner_id or ""
    store.enrol("c", "ada", Role.LEARNER, act=act())
    store.add_assignment(id="g", cohort_id="c", task_id="median", act=act())
    people.submit(store, learner, "a1")
    judge(store, "a1", Fraction(1), passed=True)
    store.regrade("s-a1", attempt_id="a2", now=NOW)
    assert [(one.attempt_id, one.tries, one.waiting) for one in store.gradebook("g")] == [("a1", 1, 0)]
    judge(store, "a2", Fraction(1, 2), passed=False)
    (one,) = store.gradebook("g")
    assert (one.attempt_id, one.verdict, one.score, one.tries) == ("a2", "failed", Fraction(1, 2), 1)


def test_attempt_that_was_given_up_by_our_fault_is_no_try(store: Store) -> None:
    learner = add(store).learner_id or ""
    store.enrol("c", "ada", Role.LEARNER, act=act())
    store.add_assignment(id="g", cohort_id="c", task_id="median", act=act())
    people.submit(store, learner, "a1")
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE attempts SET state = 'unjudged', problem = 'ours'"))
    assert [(one.tries, one.waiting) for one in store.gradebook("g")] == [(0, 0)]


def test_who_reviews_or_teaches_has_no_line_in_the_gradebook(store: Store) -> None:
    add(store, "ada", Role.LEARNER, Role.REVIEWER)
    add(store, "ben", Role.INSTRUCTOR)
    store.enrol("c", "ada", Role.REVIEWER, act=act())
    store.enrol("c", "ben", Role.INSTRUCTOR, act=act())
    store.add_assignment(id="g", cohort_id="c", task_id="median", act=act())
    assert store.gradebook("g") == ()


def test_gradebook_is_in_the_order_of_names(store: Store) -> None:
    for id, name in (("1", "ben"), ("2", "Ada"), ("3", "ärmel"), ("4", "Ada")):
        store.add_user(
            id=id,
            email=f"{id}@example.org",
            name=name,
            roles=[Role.LEARNER],
            password=None,
            seed=Seed(id=id, salt=b"s"),
            act=act(),
        )
        store.enrol("c", id, Role.LEARNER, act=act())
    store.add_assignment(id="g", cohort_id="c", task_id="median", act=act())
    assert [one.user.id for one in store.gradebook("g")] == ["2", "4", "1", "3"]
