"""What is passed is awarded once, better work makes it newer, and nothing takes it away but an issuer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from assessor import awarding, deserving, digest, pipeline, settling, statuses
from assessor.achievement import Ability, CompetencyRequired, Passed, TaskRequired
from assessor.errors import AwardOvertaken, AwardRefused, BlobFault, KeyFault, NotFound
from assessor.openbadges import linked, recipient
from assessor.rows import ledger
from assessor.rows.audit import Act
from assessor.rows.awards import Change
from assessor.rows.users import Role, User
from assessor.signer import Purpose
from tests import honours, people
from tests.honours import document, earn, held, judge, make_bench
from tests.small import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.parts.store.close()


def rows(bench: Bench, table: sa.Table) -> list[Any]:
    with bench.parts.store.reading() as connection:
        return list(connection.execute(sa.select(table)).all())


def everything(bench: Bench) -> list[list[Any]]:
    return [rows(bench, table) for table in ledger.metadata.sorted_tables]


def leaves(bench: Bench, kind: str) -> list[tuple[str, str]]:
    return [(row.subject, row.digest) for row in rows(bench, ledger.leaves) if row.kind == kind]


def changes(bench: Bench, achievement: str = "adder") -> list[Change]:
    row = held(bench)[achievement]
    return [one.kind for one in bench.parts.store.award_changes(row.id)]


def test_pass_is_awarded_with_all_that_rests_on_it(bench: Bench) -> None:
    attempt = judge(bench, 3)
    at = bench.clock.now
    made = settling.follow_up(attempt, bench.parts)
    assert [row.achievement_id for row in made] == ["adder", "master", "apprentice"]
    adder, master, apprentice = made
    assert (adder.attempts, adder.level, master.level, apprentice.attempts) == ((attempt,), "top", "top", ())
    assert (adder.revision, adder.awarded_at, adder.valid_from) == (1, at, at)
    assert adder.valid_until == at.replace(year=at.year + 1)
    assert master.valid_until is None
    assert tuple(held(bench)[row.achievement_id] for row in made) == made
    assert leaves(bench, "award") == [(row.id, row.credential) for row in made]
    assert rows(bench, ledger.due) == []


def test_credential_is_signed_by_the_issuer_and_names_evidence_status_and_learner(bench: Bench) -> None:
    attempt = judge(bench, 3)
    adder, _, apprentice = settling.follow_up(attempt, bench.parts)
    signed = document(bench, adder)
    (proof,) = linked.proofs(signed)
    key = bench.parts.keyring.signer(Purpose.ISSUER)
    linked.verify(signed, proof, key=key.public_raw)
    assert proof["verificationMethod"].startswith("did:web:bench.example#z6Mk")
    assert signed["id"] == f"https://bench.example/credentials/{adder.id}.json"
    status = signed["credentialStatus"]
    assert status["statusListCredential"] == "https://bench.example/status/1.json"
    assert status["statusListIndex"] == str(adder.status_index)
    assert signed["evidence"][0]["id"] == f"https://bench.example/evidence/{attempt}/record.json"
    (identity,) = signed["credentialSubject"]["identifier"]
    assert identity["identityType"] == "userName"
    assert recipient.matches(identity, "ada")
    assert [one["id"] for one in document(bench, apprentice)["evidence"]] == [signed["id"]]


@pytest.mark.parametrize(
    ("name", "email", "kind", "known"),
    [
        ("ada", None, "userName", "ada"),
        ("ada@example.org", None, "emailAddress", "ada@example.org"),
        ("ada", "ada@example.org", "emailAddress", "ada@example.org"),
        ("ada@example.org", "other@example.org", "emailAddress", "other@example.org"),
    ],
)
def test_award_is_bound_to_the_address_that_is_known(
    bench: Bench, name: str, email: str | None, kind: str, known: str
) -> None:
    attempt = judge(bench, 2, learner=name)
    bench.parts.store.set_email(name, email, act=people.act())
    (adder, _) = settling.follow_up(attempt, bench.parts)
    (identity,) = document(bench, adder)["credentialSubject"]["identifier"]
    assert identity["identityType"] == kind
    assert recipient.matches(identity, known)


def test_failure_is_awarded_nothing(bench: Bench) -> None:
    assert earn(bench, 1) == {}
    assert rows(bench, ledger.status_lists) == []


def test_same_again_changes_nothing(bench: Bench) -> None:
    first = earn(bench, 2)
    assert earn(bench, 2) == first
    assert rows(bench, ledger.due) == []


def test_better_attempt_issues_again_under_the_same_id(bench: Bench) -> None:
    before = earn(bench, 2)["adder"]
    after = earn(bench, 3)["adder"]
    assert (before.level, after.level) == ("pass", "top")
    assert (after.id, after.awarded_at, after.valid_until) == (
        before.id,
        before.awarded_at,
        before.valid_until,
    )
    assert (after.status_list, after.status_index) == (before.status_list, before.status_index)
    assert after.revision == 2
    assert after.valid_from > before.valid_from
    old, new = document(bench, before), document(bench, after)
    assert (new["id"], new["awardedDate"]) == (old["id"], old["awardedDate"])
    assert new["validFrom"] > old["validFrom"]
    assert changes(bench) == [Change.AWARD, Change.REISSUE]
    assert [digest for subject, digest in leaves(bench, "award") if subject == after.id] == [
        before.credential,
        after.credential,
    ]


def test_worse_attempt_changes_nothing(bench: Bench) -> None:
    first = earn(bench, 3)
    assert earn(bench, 2) == first


def test_clock_that_was_set_back_still_makes_a_newer_credential(bench: Bench) -> None:
    before = earn(bench, 2)["adder"]
    bench.clock.move(days=-3)
    after = earn(bench, 3)["adder"]
    assert after.valid_from == before.valid_from + timedelta(seconds=1)


def test_regrade_that_lowers_takes_nothing_away_and_is_listed(bench: Bench) -> None:
    given = earn(bench, 3)
    assert awarding.attention(bench.parts) == ()
    submission = bench.parts.store.attempt(given["adder"].attempts[0]).submission_id
    bench.fake.script = lambda order: honours.script(replace(order, bundle={"solution.py": b"# 1 pass\n"}))
    again = pipeline.regrade(submission, bench.parts, ring=lambda attempt, epoch: None)
    pipeline.assess(again.id, 1, bench.parts, then=lambda one: settling.follow_up(one, bench.parts))
    assert bench.parts.store.attempt(again.id).verdict == "failed"
    assert held(bench) == given
    bench.fake.script = honours.script
    # What counts now is worse than what the award rests on: that does not change it either.
    assert earn(bench, 2) == given
    told = awarding.attention(bench.parts)
    assert [one.row.achievement_id for one in told] == ["adder", "master"]
    assert all(again.id in one.why for one in told)


def test_work_that_was_not_sealed_is_awarded_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, isolation="none")
    try:
        assert earn(bench, 3) == {}
        assert rows(bench, ledger.due) == []
    finally:
        bench.parts.store.close()


def test_without_badges_passes_wait_to_be_looked_at(bench: Bench) -> None:
    attempt = judge(bench, 3)
    bare = replace(bench.parts, achievements=tuple)
    assert settling.follow_up(attempt, bare) == ()
    assert settling.settle(bare) == ()
    assert [row.attempt_id for row in rows(bench, ledger.due)] == [attempt]
    assert len(settling.settle(bench.parts)) == 3


def test_sweep_leaves_to_a_worker_what_it_has_just_judged(bench: Bench) -> None:
    judge(bench, 3)
    early = bench.clock.now - settling.GRACE
    assert settling.settle(bench.parts, before=early) == ()
    bench.clock.move(seconds=20)
    assert len(settling.settle(bench.parts, before=bench.clock.now - settling.GRACE)) == 3


def test_one_learners_broken_evidence_keeps_nobody_else_waiting(bench: Bench) -> None:
    broken, whole = judge(bench, 3, learner="ada"), judge(bench, 3, learner="ben")
    evidence = bench.parts.store.evidence(broken)
    assert evidence is not None
    # The same work of two learners has two records: each commits to its learner.
    bench.parts.blobs.remove(evidence.record)
    with capture_logs() as logged:
        made = settling.settle(bench.parts)
    assert [one["log_level"] for one in logged if "not looked at" in one["event"]] == ["error"]
    assert {row.attempts for row in made if row.attempts} == {(whole,)}
    assert [row.attempt_id for row in rows(bench, ledger.due)] == [broken]


def test_follow_up_never_raises(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = judge(bench, 3)

    def gone(purpose: Purpose) -> Any:
        raise KeyFault("issuer.pem: expected a key, got no file")

    monkeypatch.setattr(bench.parts.keyring, "signer", gone)
    with capture_logs() as logged:
        assert settling.follow_up(attempt, bench.parts) == ()
    assert [one["log_level"] for one in logged] == ["error"]
    assert held(bench) == {}
    assert [row.attempt_id for row in rows(bench, ledger.due)] == [attempt]


def test_credential_that_cannot_be_kept_leaves_no_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = judge(bench, 3)
    before = bench.parts.blobs.names()

    def refuse(*_: object, **__: object) -> None:
        raise BlobFault("no room")

    monkeypatch.setattr(bench.parts.store, "keep_awards", refuse)
    settling.follow_up(attempt, bench.parts)
    assert bench.parts.blobs.names() == before
    assert bench.parts.store.doomed() == ()


def test_second_of_two_that_award_at_once_looks_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = judge(bench, 3)
    keep = bench.parts.store.keep_awards
    others: list[int] = []

    def late(*arguments: Any, **named: Any) -> None:
        if not others:
            others.append(0)
            others.append(len(settling.follow_up(attempt, bench.parts)))
        keep(*arguments, **named)

    monkeypatch.setattr(bench.parts.store, "keep_awards", late)
    assert settling.settle_learner(bench.parts.store.learner_named("ada").id, bench.parts) == ()
    assert others == [0, 3]
    assert len(rows(bench, ledger.awards)) == len(leaves(bench, "award")) == 3
    assert bench.parts.blobs.names() >= {row.credential for row in held(bench).values()}


def test_threads_that_look_at_one_learner_make_one_award(bench: Bench) -> None:
    attempt = judge(bench, 3)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(settling.follow_up(attempt, bench.parts))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 0, 0, 3]
    assert len(rows(bench, ledger.awards)) == len(leaves(bench, "award")) == 3


def test_learner_who_is_erased_meanwhile_is_awarded_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(bench, 3)
    keep = bench.parts.store.keep_awards

    def late(*arguments: Any, **named: Any) -> None:
        bench.parts.store.erase_learner("ada", now=bench.clock.now)
        keep(*arguments, **named)

    monkeypatch.setattr(bench.parts.store, "keep_awards", late)
    settling.settle(bench.parts)
    assert rows(bench, ledger.awards) == rows(bench, ledger.due) == []


def test_award_near_its_end_is_renewed_by_a_new_pass_alone(bench: Bench) -> None:
    given = earn(bench, 3)["adder"]
    bench.clock.move(days=300)
    assert earn(bench, 3)["adder"] == given
    bench.clock.move(days=40)
    renewed = earn(bench, 2)["adder"]
    assert changes(bench) == [Change.AWARD, Change.RENEW]
    assert renewed.valid_until is not None
    assert given.valid_until is not None
    assert renewed.valid_until > given.valid_until
    assert renewed.attempts[0] != given.attempts[0]
    assert renewed.awarded_at == given.awarded_at


def test_old_work_that_is_judged_again_renews_nothing(bench: Bench) -> None:
    given = earn(bench, 3)["adder"]
    submission = bench.parts.store.attempt(given.attempts[0]).submission_id
    for days in (340, 60):  # near its end, and after it
        bench.clock.move(days=days)
        again = pipeline.regrade(submission, bench.parts, ring=lambda attempt, epoch: None)
        pipeline.assess(again.id, 1, bench.parts, then=lambda one: settling.follow_up(one, bench.parts))
        assert bench.parts.store.attempt(again.id).verdict == "passed"
        assert held(bench)["adder"] == given
    assert earn(bench, 2)["adder"].revision == 2


def test_award_that_ran_out_carries_no_other(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, "adder")
    try:
        given = earn(bench, 2)["adder"]
        both = replace(bench.parts, achievements=lambda: honours.every(tmp_path / "catalog"))
        bench.clock.move(days=364)
        assert awarding.award(both, "apprentice", "ada", dry_run=True).kind is Change.AWARD
        bench.clock.move(days=2)
        with pytest.raises(AwardRefused, match="expected evidence that meets"):
            awarding.award(both, "apprentice", "ada")
        assert given.valid_until is not None
        assert given.holds(given.valid_until - timedelta(seconds=1))
        assert not given.holds(given.valid_until)
    finally:
        bench.parts.store.close()


def test_revoked_award_is_never_given_again_by_itself(bench: Bench) -> None:
    given = earn(bench, 2)["adder"]
    awarding.revoke(bench.parts, given.id, reason="copied")
    assert earn(bench, 2)["adder"].revision == 1
    assert earn(bench, 3)
    (told,) = [one for one in awarding.attention(bench.parts) if one.row.revoked_at is not None]
    assert told.row.achievement_id == "adder"
    assert "since it was revoked" in told.why
    assert changes(bench)[:2] == [Change.AWARD, Change.REVOKE]
    assert set(changes(bench)[2:]) == {Change.WITHHELD}
    with pytest.raises(AwardRefused, match="that is for good"):
        awarding.award(bench.parts, "adder", "ada")


def test_award_that_builds_on_a_revoked_one_is_listed(bench: Bench) -> None:
    given = earn(bench, 2)
    awarding.revoke(bench.parts, given["adder"].id, reason="copied")
    (told,) = awarding.attention(bench.parts)
    assert told.row.id == given["apprentice"].id
    assert told.why == f"it builds on award {given['adder'].id} of adder, which is revoked"
    awarding.revoke(bench.parts, given["apprentice"].id, reason="copied")
    assert awarding.attention(bench.parts) == ()


def test_tending_does_each_part_whatever_happens_to_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(bench, 3)
    bench.clock.move(seconds=60)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    done: list[str] = []
    monkeypatch.setattr(settling, "settle", broken)
    monkeypatch.setattr(statuses, "republish", lambda parts, now: done.append("lists"))
    monkeypatch.setattr(settling.personal, "sweep", lambda store, blobs: done.append("files"))
    with capture_logs() as logged:
        settling.tend(bench.parts)
    assert done == ["lists", "files"]
    assert [(one["log_level"], one["step"]) for one in logged] == [("error", "settle")]


def shown(attempt: str, levels: tuple[str, ...], skill: bool) -> Passed:
    ability = Ability(framework="own", code="sums", levels=("good",) if skill else (), passed=skill)
    total = Fraction(len(levels), 2)
    return Passed(attempt=attempt, task="sum", levels=levels, total=total, competencies=(ability,))


@pytest.mark.parametrize(
    ("passed", "attempts"),
    [
        ((shown("high", ("pass", "top"), False), shown("skilled", ("pass",), True)), None),
        ((shown("high", ("pass", "top"), False), shown("both", ("pass", "top"), True)), ("both",)),
        ((shown("low", ("pass",), False), shown("both", ("pass", "top"), True)), ("both",)),
    ],
)
def test_two_halves_of_a_task_are_not_the_whole(
    bench: Bench, passed: tuple[Passed, ...], attempts: tuple[str, ...] | None
) -> None:
    achievement = replace(
        bench.parts.achievements()[0],
        requires=(
            TaskRequired(task="sum", level="top"),
            CompetencyRequired(framework="own", code="sums", level="good", tasks=1),
        ),
    )
    met = deserving.meets(achievement, passed, frozenset())
    assert (None if met is None else met.attempts) == attempts


# By hand.


def test_hand_awards_what_is_met_and_keeps_the_address(bench: Bench) -> None:
    attempt = judge(bench, 2)
    done = awarding.award(bench.parts, "adder", "ada", email="ada@example.org", reason="ceremony")
    assert done.kind is Change.AWARD
    assert done.row == held(bench)["adder"]
    assert done.row is not None
    assert done.row.attempts == (attempt,)
    assert bench.parts.store.learner_named("ada").email == "ada@example.org"
    (line,) = bench.parts.store.award_changes(done.row.id)
    assert line.reason == "ceremony"
    again = awarding.award(bench.parts, "adder", "ada")
    assert (again.kind, again.row) == (None, done.row)


def test_hand_awards_nothing_that_is_not_met_unless_an_attempt_is_named(bench: Bench) -> None:
    attempt = judge(bench, 2)
    with pytest.raises(AwardRefused, match="got 1 passed attempts that do not"):
        awarding.award(bench.parts, "master", "ada")
    with pytest.raises(AwardRefused, match="expected a reason"):
        awarding.award(bench.parts, "master", "ada", attempt=attempt)
    done = awarding.award(bench.parts, "master", "ada", attempt=attempt, reason="shown in person")
    assert done.row is not None
    assert (done.row.attempts, done.row.level) == ((attempt,), "pass")


def test_nobody_says_of_their_own_work_that_it_is_enough(bench: Bench) -> None:
    store = bench.parts.store
    own, other = (
        people.add(store, name, Role.LEARNER, Role.ISSUER) for name in ("ada-lovelace", "ben-jonson")
    )
    attempt = judge(bench, 2, learner=own.email)

    def named_by(user: User) -> awarding.Done:
        act = Act(user_id=user.id, address="", now=bench.clock())
        return awarding.award(bench.parts, "master", own.email, attempt=attempt, reason="enough", act=act)

    with pytest.raises(AwardRefused, match="expected somebody else"):
        named_by(own)
    assert named_by(other).row is not None


@pytest.mark.parametrize("number", [1, 3])
def test_hand_awards_on_no_attempt_of_others_or_that_failed(bench: Bench, number: int) -> None:
    other = judge(bench, number, learner="ben" if number == 3 else "ada")
    judge(bench, 2)
    with pytest.raises(AwardRefused, match="'ada' passed in a sealed sandbox"):
        awarding.award(bench.parts, "master", "ada", attempt=other, reason="a mistake")


def test_hand_refuses_whom_and_what_nobody_knows(bench: Bench) -> None:
    judge(bench, 3)
    with pytest.raises(NotFound, match="one of adder, apprentice, master, got 'addre'"):
        awarding.award(bench.parts, "addre", "ada")
    with pytest.raises(NotFound, match="expected the name of a learner, got 'eve'"):
        awarding.award(bench.parts, "adder", "eve")
    with pytest.raises(NotFound, match="there is none"):
        awarding.held_by(bench.parts, "adder", "ada")


def test_dry_run_changes_nothing(bench: Bench) -> None:
    judge(bench, 2, learner="ben")
    given = earn(bench, 2)["adder"]
    bench.clock.move(days=340)
    before, files = everything(bench), bench.parts.blobs.names()
    assert awarding.award(bench.parts, "adder", "ben", dry_run=True).kind is Change.AWARD
    assert awarding.reissue(bench.parts, given.id, dry_run=True).kind is Change.REISSUE
    assert awarding.renew(bench.parts, given.id, dry_run=True).kind is Change.RENEW
    assert awarding.revoke(bench.parts, given.id, reason="x", dry_run=True).kind is Change.REVOKE
    assert everything(bench) == before
    assert bench.parts.blobs.names() == files


def test_reissue_binds_to_the_new_address_and_keeps_the_rest(bench: Bench) -> None:
    before = earn(bench, 2)["adder"]
    bench.parts.store.set_email("ada", "ada@example.org", act=people.act())
    done = awarding.reissue(bench.parts, before.id, reason="a new address")
    after = held(bench)["adder"]
    assert done.row == after
    assert replace(after, revision=1, valid_from=before.valid_from, credential=before.credential) == before
    (identity,) = document(bench, after)["credentialSubject"]["identifier"]
    assert recipient.matches(identity, "ada@example.org")


def test_renewal_is_refused_before_its_time_and_for_what_holds_for_ever(bench: Bench) -> None:
    given = earn(bench, 3)
    with pytest.raises(AwardRefused, match="it can be renewed from 2027-10-25"):
        awarding.renew(bench.parts, given["adder"].id)
    with pytest.raises(AwardRefused, match="this one holds for ever"):
        awarding.renew(bench.parts, given["master"].id)
    bench.clock.move(days=400)
    done = awarding.renew(bench.parts, given["adder"].id)
    assert done.row is not None
    assert done.row.valid_until == bench.clock.now.replace(year=2028)
    assert done.row.attempts == given["adder"].attempts


def test_nothing_is_signed_anew_of_a_revoked_award_or_an_erased_learner(bench: Bench) -> None:
    given = earn(bench, 2)
    awarding.revoke(bench.parts, given["adder"].id, reason="copied")
    for action in (awarding.reissue, awarding.renew):
        with pytest.raises(AwardRefused, match="expected one that holds, it was revoked at 2026-11-24"):
            action(bench.parts, given["adder"].id)
    with pytest.raises(AwardRefused, match="expected one that holds, it was revoked at 2026-11-24"):
        awarding.revoke(bench.parts, given["adder"].id, reason="again")
    bench.parts.store.erase_learner("ada", now=bench.clock.now)
    with pytest.raises(AwardRefused, match="they were erased"):
        awarding.reissue(bench.parts, given["apprentice"].id)
    # Whoever has it still has it: it can be revoked for good.
    awarding.revoke(bench.parts, given["apprentice"].id, reason="asked for")


def test_hand_gives_up_where_others_are_always_quicker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(bench, 2)
    tried = []

    def overtaken(*_: object, **__: object) -> None:
        tried.append(1)
        raise AwardOvertaken("somebody else was quicker")

    monkeypatch.setattr(bench.parts.store, "keep_awards", overtaken)
    with pytest.raises(AwardOvertaken):
        awarding.award(bench.parts, "adder", "ada")
    assert len(tried) == settling.TRIES


def test_leaf_of_an_award_commits_to_the_bytes_that_are_kept(bench: Bench) -> None:
    given = earn(bench, 2)["adder"]
    assert given.credential is not None
    assert digest.sha256(bench.parts.blobs.get(given.credential)) == given.credential
    assert (given.id, given.credential) in leaves(bench, "award")
