"""The trail is whole: each privileged act and its line are one transaction, and no act is left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assessor import awarding, judging, personal, pipeline, testing
from assessor.keyring import Keyring, Place
from assessor.regrading import apply, drop
from assessor.rows import accounts, audit, ledger, schema
from assessor.rows.audit import COMMAND_LINE, Act
from assessor.rows.awards import AwardRow
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role, Scope, User
from assessor.rows.webhooks import Event
from assessor.signer import Purpose
from assessor.store import Attempt, Store
from tests import honours, people, small, versioned, webbed
from tests.small import Bench

#: What a method of the store that writes leaves in the trail; or, in words, why nothing.
WRITERS: dict[str, set[str] | str] = {
    "add_assignment": {"assignment.add"},
    "add_cohort": {"cohort.add"},
    "add_endpoint": {"endpoint.add"},
    "add_events": "what a worker saw",
    "add_list": "signed by the engine for an award or a revocation, which has a line",
    "add_mark": {"review.mark"},
    "add_remark": {"review.remark"},
    "add_sign_in_link": {"sign-in-link.add"},
    "add_token": {"token.add"},
    "add_user": {"user.add"},
    "apply_regrade": {"regrade.apply", "award.revoke"},
    "bury": "files of what was erased or given up, which has a line",
    "claim": "what a worker does",
    "conclude": "what a worker saw, or what follows from a mark, which has a line",
    "delivered": "what the sender saw",
    "discard": "files that no row names",
    "doom": "files that no row names",
    "doom_all": "files that no row names",
    "drop_regrade": {"regrade.drop"},
    "due_deliveries": "what the sender does",
    "end_session": "people do it to themselves",
    "end_sessions": "people do it to themselves",
    "enrol": {"cohort.enrol"},
    "erase_learner": {"learner.erase"},
    "expire": "what the sweep does",
    "failed": "what the sender saw",
    "fault": "what a worker saw",
    "finish_run": "what a worker saw",
    "forget_worker": "what a worker does",
    "heartbeat": "what a worker does",
    "invite": {"cohort.invite"},
    "join": {"cohort.join"},
    "keep_awards": {"award.make", "award.reissue", "award.renew"},
    "keep_list": "signed by the engine for a revocation, which has a line",
    "learner": "made with the account, which has a line, or with the work of an operator",
    "leave": {"cohort.leave"},
    "link_identity": {"user.link-identity"},
    "link_learner": {"user.link-learner"},
    "note_act": "writes the line itself: `gradebook.read`, which leaves no other row",
    "open_session": "people do it to themselves",
    "ping": {"endpoint.ping"},
    "put_off": "what the sender does",
    "regrade": {"submission.regrade"},
    "rehash_password": "the same password",
    "remove_endpoint": {"endpoint.remove"},
    "rename": {"user.rename"},
    "renew": "what a worker does",
    "replay": {"delivery.replay"},
    "rescore": {"attempt.rescore"},
    "restart": "what a worker does",
    "revoke": {"award.revoke"},
    "revoke_token": {"token.revoke"},
    "rotate_session": "people do it to themselves",
    "see": "when a session was used last",
    "set_active": {"user.enable", "user.disable"},
    "set_email": {"learner.email"},
    "set_endpoint": {"endpoint.change", "endpoint.enable", "endpoint.disable"},
    "set_password": {"user.password"},
    "set_roles": {"user.roles"},
    "show_evidence": "learners say themselves who may see what is theirs",
    "show_award": "learners say themselves who may see what is theirs",
    "sign_in_by_link": "people do it to themselves; the link has a line",
    "start_regrade": {"regrade.start"},
    "submit": "a learner hands in",
    "tell": "what happened, which has its own line or row",
    "token": "when it was used last",
    "withdraw_invitations": {"cohort.withdraw"},
    "withdraw_remark": {"review.withdraw-remark"},
}


@dataclass(frozen=True, kw_only=True)
class World:
    """An installation with something of everything."""

    bench: Bench
    award: AwardRow
    open_review: Attempt
    judged: Attempt
    user: User
    act: Act

    @property
    def store(self) -> Store:
        return self.bench.parts.store


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    bench = honours.make_bench(tmp_path, "adder")
    store = bench.parts.store
    award = honours.earn(bench)["adder"]
    judged = store.attempt(award.attempts[0])
    user = people.add(store, "eve", Role.LEARNER)
    people.add(store, "kim", Role.ADMIN)
    _, waiting = bench.submit(honours.passing(2), learner="ben")
    now = bench.clock()
    act = Act(user_id="kim", address="192.0.2.9", now=now)
    store.add_cohort(id="c", name="C", act=act)
    store.add_cohort(id="d", name="D", act=act)
    store.enrol("d", "eve", Role.LEARNER, act=act)
    store.invite(secret="s" * 43, cohort_id="c", act=act)
    store.add_token(
        id="t", secret="t" * 43, user_id="eve", name="t", scopes={Scope.READ}, expires_at=None, act=act
    )
    store.add_endpoint(id="e", url="https://e.example/", secret="whsec_x", events=[Event.AWARD_MADE], act=act)
    store.tell(Event.AWARD_MADE, b"{}", new_id=lambda: "m", learner_id=None, now=now)
    yield World(bench=bench, award=award, open_review=waiting, judged=judged, user=user, act=act)
    store.close()


def regraded(world: World) -> None:
    versioned.edit(world.bench, "# strict", version="1.1")
    versioned.start(world.bench)
    versioned.work(world.bench)


#: Each act: what comes before it, and the act.
ACTS: dict[str, tuple[Callable[[World], object], Callable[[World], object]]] = {}


def _act(name: str, does: Callable[[World], object], before: Callable[[World], object] | None = None) -> None:
    ACTS[name] = (before or (lambda world: None), does)


_act(
    "assignment.add",
    lambda w: w.store.add_assignment(id="a", cohort_id="c", task_id="sum", act=w.act),
)
_act("attempt.rescore", lambda w: w.store.rescore(w.judged.id, new_id="r", now=w.act.now, act=w.act))
_act(
    "award.make",
    lambda w: awarding.award(w.bench.parts, "adder", "cy", act=w.act),
    lambda w: (_judge_waiting(w), honours.judge(w.bench, 3, learner="cy")),
)
_act("award.reissue", lambda w: awarding.reissue(w.bench.parts, w.award.id, act=w.act))
_act(
    "award.renew",
    lambda w: awarding.renew(w.bench.parts, w.award.id, act=w.act),
    lambda w: w.bench.clock.move(seconds=_until_renewable(w)),
)
_act("award.revoke", lambda w: awarding.revoke(w.bench.parts, w.award.id, reason="copied", act=w.act))
_act("cohort.add", lambda w: w.store.add_cohort(id="x", name="X", act=w.act))
_act("cohort.enrol", lambda w: w.store.enrol("c", "eve", Role.LEARNER, act=w.act))
_act("cohort.invite", lambda w: w.store.invite(secret="i" * 43, cohort_id="c", act=w.act))
_act("cohort.join", lambda w: w.store.join("s" * 43, "eve", act=w.act))
_act("cohort.leave", lambda w: w.store.leave("d", "eve", act=w.act))
_act("cohort.withdraw", lambda w: w.store.withdraw_invitations("c", act=w.act))
_act("delivery.replay", lambda w: w.store.replay("m", act=w.act))
_act(
    "endpoint.add",
    lambda w: w.store.add_endpoint(
        id="f", url="https://f.example/", secret="whsec_y", events=[Event.AWARD_MADE], act=w.act
    ),
)
_act(
    "endpoint.change",
    lambda w: w.store.set_endpoint("e", url="https://g.example/", events=[Event.AWARD_REVOKED], act=w.act),
)
_act("endpoint.disable", lambda w: w.store.set_endpoint("e", active=False, act=w.act))
_act("endpoint.enable", lambda w: w.store.set_endpoint("e", active=True, act=w.act))
_act("endpoint.ping", lambda w: w.store.ping("e", b"{}", id="p", act=w.act))
_act("endpoint.remove", lambda w: w.store.remove_endpoint("e", act=w.act))
_act("key.rotate", lambda w: _keyring(w).rotate(Purpose.LOG, now=w.act.now), lambda w: _keyring(w))
_act("learner.email", lambda w: w.store.set_email("ada", "ada@example.org", act=w.act))
_act(
    "learner.erase",
    lambda w: personal.erase(w.store, w.bench.parts.blobs, "ada", now=w.act.now, act=w.act),
)
_act(
    "regrade.apply",
    lambda w: apply("sum", w.bench.parts, by="kim", reason="stricter"),
    lambda w: (_judge_waiting(w), regraded(w)),
)
_act("regrade.drop", lambda w: drop("sum", w.bench.parts, by="kim"), regraded)
_act(
    "regrade.start",
    lambda w: versioned.start(w.bench),
    lambda w: versioned.edit(w.bench, "# strict", version="1.1"),
)
_act(
    "review.mark",
    lambda w: w.store.add_mark(w.open_review.id, "clear", 1, "kim", "", now=w.act.now, act=w.act),
)
_act("review.remark", lambda w: _remark(w))
_act(
    "review.withdraw-remark",
    lambda w: w.store.withdraw_remark("m", submission_id=w.judged.submission_id, act=w.act),
    lambda w: _remark(w),
)
_act(
    "sign-in-link.add",
    lambda w: w.store.add_sign_in_link(
        secret="l" * 43, user_id="eve", expires_at=w.act.now + timedelta(days=1), act=w.act
    ),
)
_act(
    "submission.regrade",
    lambda w: pipeline.regrade(w.judged.submission_id, w.bench.parts, ring=lambda attempt, epoch: None),
)
_act(
    "token.add",
    lambda w: w.store.add_token(
        id="u", secret="u" * 43, user_id="eve", name="u", scopes={Scope.READ}, expires_at=None, act=w.act
    ),
)
_act("token.revoke", lambda w: w.store.revoke_token("t", act=w.act))
_act(
    "user.add",
    lambda w: w.store.add_user(
        id="zoe", email="zoe@example.org", name="Zoe", roles={Role.ADMIN}, password=None, seed=SEED, act=w.act
    ),
)
_act("user.disable", lambda w: w.store.set_active("eve", False, act=w.act))
_act("user.enable", lambda w: w.store.set_active("eve", True, act=w.act))
_act("user.link-identity", lambda w: w.store.link_identity("eve", "https://id.example", "s", act=w.act))
_act(
    "user.link-learner",
    lambda w: w.store.link_learner("kim", w.store.learner_named("ben").id, act=w.act),
)
_act("user.password", lambda w: w.store.set_password("eve", webbed.hashed(), act=w.act))
_act("user.rename", lambda w: w.store.rename("eve", "Eva", act=w.act))
_act("user.roles", lambda w: w.store.set_roles("eve", {Role.ADMIN}, seed=SEED, act=w.act))

SEED = Seed(id="seed", salt=bytes(16))

#: Acts that are orders at the command line alone.
BY_OPERATOR = {"key.rotate", "regrade.apply", "regrade.drop", "regrade.start", "submission.regrade"}


def _remark(world: World) -> None:
    of = world.judged.submission_id
    world.store.add_remark(id="m", submission_id=of, path="solution.py", line=1, text="Neat.", act=world.act)


def _until_renewable(world: World) -> float:
    assert world.award.valid_until is not None, "the badge runs out"
    return (world.award.valid_until - timedelta(days=1) - world.bench.clock()).total_seconds()


def _keyring(world: World) -> Keyring:
    """Keys in files, the log's among them, as a process that has just started has them."""
    folder = world.bench.root / "own keys"
    places = {one: Place(file=folder / f"{one.value}.pem") for one in Purpose}
    keys = Keyring(world.store, places, passphrase=None, clock=world.bench.clock)
    keys.signer(Purpose.LOG)
    return keys


def _judge_waiting(world: World) -> None:
    pipeline.assess(world.open_review.id, 1, world.bench.parts)


def everything(store: Store) -> dict[str, list[Any]]:
    """All rows of all tables, but for those that only say what files are to be removed."""
    tables = {
        table.name: table
        for metadata in (schema.metadata, ledger.metadata, accounts.metadata)
        for table in metadata.sorted_tables
        if table is not schema.doomed
    }
    with store.reading() as connection:
        return {name: list(connection.execute(sa.select(table))) for name, table in tables.items()}


def writers() -> set[str]:
    """The public methods of the store that open a transaction that writes."""
    found = set()
    for kind in Store.__mro__:
        for name, method in vars(kind).items():
            if name.startswith("_") or name == "writing" or not inspect.isfunction(method):
                continue
            source = inspect.getsource(method)
            if "self.writing()" in source or "self._ended(" in source or "self.doom_all(" in source:
                found.add(name)
    return found


def test_every_method_that_writes_says_what_it_leaves_in_the_trail_or_why_nothing() -> None:
    assert writers() == set(WRITERS)
    acts = {name for one in WRITERS.values() if not isinstance(one, str) for name in one}
    assert acts | {"key.rotate"} == set(ACTS), "each act is tried below"


@pytest.mark.parametrize("name", sorted(ACTS))
def test_act_leaves_one_line_that_says_by_whom(world: World, name: str) -> None:
    before, does = ACTS[name]
    before(world)
    seen = {row.seq for row in world.store.audit(limit=1000)}
    does(world)
    new = [row for row in world.store.audit(limit=1000) if row.seq not in seen]
    assert [row.act for row in new] == [name]
    by = (None, COMMAND_LINE) if name in BY_OPERATOR else ("kim", "192.0.2.9")
    assert [(row.user_id, row.address) for row in new] == [by]
    for private in ("ada", "example.org", "Eva", "copied", "stricter"):
        assert private not in new[0].subject + new[0].detail, "ids alone"


@pytest.mark.parametrize("name", sorted(ACTS))
def test_act_without_its_line_is_not_done(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, does = ACTS[name]
    before(world)

    def fails(*_args: object, **_detail: object) -> None:
        raise KeyboardInterrupt("killed here")

    kept = everything(world.store)
    monkeypatch.setattr(audit, "note", fails)
    with pytest.raises(KeyboardInterrupt, match="killed here"):
        does(world)
    assert everything(world.store) == kept


def test_marks_by_the_way_of_a_review_are_traced_to_who_gave_them(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog", review=True)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(honours.script), tasks=tasks)
    attempt = honours.judge(bench, 3)
    people.add(bench.parts.store, "rosa", Role.REVIEWER)
    act = Act(user_id="rosa", address="192.0.2.9", now=bench.clock())
    judging.review(
        attempt, criterion="clear", marks=4, reviewer="rosa", comment="fine", parts=bench.parts, act=act
    )
    line = bench.parts.store.audit()[0]
    assert (line.act, line.subject, line.user_id) == ("review.mark", attempt, "rosa")
    assert "fine" not in line.detail
    # Of a judged one a new attempt is marked: the line names that one.
    again = judging.review(
        attempt, criterion="clear", marks=3, reviewer="rosa", comment="", parts=bench.parts, act=act
    )
    lines = [row for row in bench.parts.store.audit() if row.act != "user.add"]
    assert [(row.act, row.subject) for row in lines] == [("review.mark", again.id), ("review.mark", attempt)]
    bench.parts.store.close()


def test_own_erasure_leaves_a_line_without_an_address(world: World) -> None:
    store = world.store
    user = people.add(store, "dan", Role.LEARNER)
    learner = store.learner_named("dan@example.org")
    act = replace(world.act, user_id=user.id)
    personal.erase(store, world.bench.parts.blobs, "dan@example.org", now=act.now, act=act)
    line = store.audit()[0]
    assert (line.act, line.subject, line.user_id, line.address) == ("learner.erase", learner.id, "dan", "")


def test_awards_that_the_rules_make_are_nobodys_act(world: World) -> None:
    _judge_waiting(world)
    honours.earn(world.bench, learner="cy")
    assert honours.held(world.bench, "cy"), "awarded by itself"
    assert not [row for row in world.store.audit(limit=1000) if row.act.startswith("award.")]
