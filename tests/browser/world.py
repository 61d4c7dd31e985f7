"""A site on which much has happened: the shipped tasks and badges, people of every role, work in each state.

Served as `webbed` serves it, with a sandbox that follows a script: what is real here is what a browser meets.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from assessor import awarding, catalog, judging, pipeline, settling, testing
from assessor.issuer import Issuer
from assessor.rows.audit import Act
from assessor.rows.awards import AwardRow, Visibility
from assessor.rows.cohorts import JOIN_PATH
from assessor.rows.log import Log
from assessor.rows.sessions import LINK_PATH
from assessor.rows.users import Role, Scope, User
from assessor.rows.webhooks import TOLD
from assessor.rows.webhooks import Event as Told
from assessor.sandbox.protocol import Collected, CollectedTest, End, Ended, Event, Finished, Order, Reason
from assessor.signer import Purpose
from assessor.store import AttemptState
from tests import small, webbed

ROOT = Path(__file__).parents[2]
HOST = "bench.example"
URL = f"https://{HOST}"
ISSUER = Issuer(
    name="Bench College",
    url=URL,
    did=f"did:web:{HOST}",
    description="Badges for work that ran.",
    email="badges@bench.example",
)
#: Learners' names, as a reader of the pages meets them.
ADA, GRACE, ALAN = "ada@example.org", "grace@example.org", "alan@example.org"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What comes of a run.

    Attributes:
        failed: tests that fail, with the comparison that does not hold in each.
        hold: holds the run after its visible tests until it is set, or None.
    """

    failed: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


class Script:
    """Runs each attempt as it is planned; without a plan everything passes."""

    def __init__(self) -> None:
        self.tasks: catalog.Catalog | None = None
        self.plans: dict[str, Plan] = {}
        self.task_of: dict[str, str] = {}
        self.held = threading.Event()

    def __call__(self, order: Order) -> Iterable[Event | End | BaseException]:
        assert self.tasks is not None
        locked = self.tasks.task(self.task_of[order.attempt]).manifest
        assert locked is not None
        plan = self.plans.get(order.attempt, Plan())
        tests = sorted(locked.tests, key=lambda one: not one.visible)
        yield Collected(
            tests=tuple(
                CollectedTest(id=one.id, group=one.group, criterion=None, points=None, visible=one.visible)
                for one in locked.tests
            ),
            errors=(),
        )
        for one in tests:
            if plan.hold is not None and not one.visible:
                self.held.set()
                plan.hold.wait(600)
            yield _finished(one.id, plan.failed.get(one.id))
        yield Ended(wall_ms=900, processes=1)


def _finished(name: str, wrong: str | None) -> Finished:
    if wrong is None:
        return testing.finished(name)
    return Finished(
        id=name,
        passed=False,
        reason=Reason.ASSERTION,
        message=wrong,
        detail=f"def test():\n>   {wrong}\nE   {wrong}",
        output="rounding\n",
        example="values=[0, 1]",
        duration_ms=4,
    )


@dataclass
class World:
    """The site and what is on it.

    Attributes:
        web: as it is served.
        users: by role; learners by their address beside it.
        ids: of what pages show, by name.
        secrets: of links that were given out, by name.
    """

    web: webbed.Web
    script: Script
    users: dict[str, User] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)

    def cookies(self, who: str) -> dict[str, str]:
        """The cookie of somebody who is signed in, everywhere the same: a role, or a learner's address."""
        if who not in self._sessions:
            self._sessions[who] = self._sign_in(who)
        return {"__Host-assessor": self._sessions[who]}

    def _sign_in(self, who: str) -> str:
        secret, parts = self.web.here.new_secret(), self.web.bench.parts
        csrf = self.web.here.new_secret()
        parts.store.open_session(
            secret=secret, user_id=self.users[who].id, csrf=csrf, now=self.web.bench.clock()
        )
        return secret

    def award(self, learner: str, achievement: str) -> AwardRow:
        """A learner's award."""
        rows = self.web.bench.parts.store.awards(learner=learner)
        return next(one for one in rows if one.achievement_id == achievement)

    def submit(self, task_id: str, learner: str, work: Path, plan: Plan | None = None) -> str:
        """Hand in a folder; the attempt's id."""
        bench = self.web.bench
        _, attempt, _ = pipeline.submit(
            work,
            task_id=task_id,
            learner=learner,
            tasks=bench.tasks,
            spool=bench.root / "spool",
            parts=bench.parts,
            ring=lambda attempt, epoch: bench.rung.append((attempt, epoch)),
        )
        self.script.task_of[attempt.id] = task_id
        if plan is not None:
            self.script.plans[attempt.id] = plan
        bench.clock.move(minutes=1)
        return attempt.id

    def judge(self, task_id: str, learner: str, work: Path, plan: Plan | None = None) -> str:
        """The same, and have it judged."""
        attempt_id = self.submit(task_id, learner, work, plan)
        state = pipeline.assess(attempt_id, 1, self.web.bench.parts)
        assert state in (AttemptState.JUDGED, AttemptState.AWAITING_REVIEW), state
        settling.follow_up(attempt_id, self.web.bench.parts)
        self.web.bench.clock.move(minutes=30)
        return attempt_id


def _make(root: Path, script: Script) -> small.Bench:
    for name in ("tasks", "rubrics", "sandboxes", "badges"):
        shutil.copytree(ROOT / name, root / "catalog" / name)
    tasks = catalog.load(root / "catalog")
    script.tasks = tasks
    bench = small.make_bench(root, testing.FakeSandbox(script, isolation="cell"), tasks=tasks)
    salts = iter(range(1, 1_000_000))
    log = Log(
        database=bench.parts.store,
        signer=bench.parts.keyring.signer(Purpose.LOG),
        origin=HOST,
        folder=root / "log",
        clock=bench.clock,
    )
    bench.parts = replace(
        bench.parts,
        issuer=ISSUER,
        achievements=lambda: tasks.sound_achievements()[0],
        new_salt=lambda: next(salts).to_bytes(16, "big"),
        open_log=lambda: log,
    )
    return bench


@contextlib.contextmanager
def served(root: Path) -> Iterator[World]:
    """The site, until the block ends."""
    script, end = Script(), threading.Event()

    def make(root: Path) -> small.Bench:
        (root / "catalog").mkdir()
        return _make(root, script)

    with (
        webbed.served(root, {"ASSESSOR_WEB_URL": URL}, make=make, throttle=webbed.unlimited()) as web,
        contextlib.ExitStack() as opened,
    ):
        world = World(web=web, script=script)
        _people(world)
        _work(world)
        _awards(world)
        _told(world)
        opened.enter_context(_running(world, end))
        world.ids["queued"] = world.submit("word-count", GRACE, ROOT / "tasks/word-count/starter")
        yield world


def _people(world: World) -> None:
    web = world.web
    for role in Role:
        world.users[role.value] = web.user(role, email=f"{role.value}@bench.example")
    for email in (ADA, GRACE, ALAN):
        world.users[email] = web.user(Role.LEARNER, email=email)
    store, act, now = web.bench.parts.store, web.act(), web.bench.clock()
    cohort = store.add_cohort(id="spring", name="Spring course", act=act)
    store.enrol(cohort.id, world.users["instructor"].id, Role.INSTRUCTOR, act=act)
    for email in (ADA, GRACE):
        store.enrol(cohort.id, world.users[email].id, Role.LEARNER, act=act)
    for at, task_id in enumerate(("median-stats", "word-count")):
        store.add_assignment(
            id=f"assigned-{task_id}",
            cohort_id=cohort.id,
            task_id=task_id,
            due_at=now + timedelta(days=7) if not at else None,
            act=act,
        )
    world.ids["cohort"] = cohort.id
    world.secrets["join"] = JOIN_PATH + "join-by-this-link"
    store.invite(
        secret="join-by-this-link",
        cohort_id=cohort.id,
        role=Role.LEARNER,
        uses=None,
        expires_at=now + timedelta(days=30),
        act=act,
    )
    world.secrets["link"] = LINK_PATH + "sign-in-by-this-link"
    store.add_sign_in_link(
        secret="sign-in-by-this-link",
        user_id=world.users[ALAN].id,
        expires_at=now + timedelta(days=7),
        act=act,
    )
    world.ids["ada"] = world.users[ADA].id
    web.token(world.users[ADA], Scope.READ)


def _work(world: World) -> None:
    task = ROOT / "tasks/median-stats"
    locked = world.web.bench.tasks.task("median-stats").manifest
    assert locked is not None
    wrong = {
        one.id: "assert 3 == 2.5"
        for one in locked.tests
        if "median" in one.id or (not one.visible and "test_figures" in one.id)
    }
    world.ids["failed"] = world.judge("median-stats", ADA, task / "starter", Plan(failed=wrong))
    world.ids["passed"] = world.judge("median-stats", ADA, task / "solutions/plain")
    world.judge("median-stats", GRACE, task / "solutions/stdlib")
    report = ROOT / "tasks/log-report/solutions/counters"
    world.ids["reviewed"] = world.judge("log-report", ADA, report)
    store, parts = world.web.bench.parts.store, world.web.bench.parts
    judged = judging.judge(world.ids["reviewed"], parts)
    for criterion in judged.frozen.rubric.criteria:
        if criterion.marks is not None:
            judging.review(
                world.ids["reviewed"],
                criterion=criterion.id,
                marks=criterion.marks - 1,
                reviewer=world.users["reviewer"].id,
                comment="Clear from the first line on. NOTES.md:3 could say why.",
                parts=parts,
            )
    assert store.attempt(world.ids["reviewed"]).state is AttemptState.JUDGED
    store.add_remark(
        id="remark",
        submission_id=store.attempt(world.ids["reviewed"]).submission_id,
        path="main.py",
        line=3,
        text="Good to say so here.\nWhat becomes of a file that is no log?",
        act=Act(user_id=world.users["reviewer"].id, address="192.0.2.7", now=world.web.bench.clock()),
    )
    world.ids["open"] = world.judge("log-report", GRACE, report)


def _awards(world: World) -> None:
    store = world.web.bench.parts.store
    own, other = world.award(ADA, "python-statistics"), world.award(GRACE, "python-statistics")
    store.show_award(own.id, Visibility.PUBLIC)
    world.ids["award"] = own.id
    world.ids["evidence"] = own.attempts[0]
    awarding.revoke(world.web.bench.parts, other.id, reason="by mistake")
    world.ids["revoked"] = other.id
    # Awarded, and shown to nobody.
    hidden = world.judge("inventory", ALAN, _solution("inventory"))
    private = world.award(ALAN, "python-packages")
    store.show_award(private.id, Visibility.PRIVATE)
    world.ids["private"], world.ids["unseen"] = private.id, hidden


def _solution(task_id: str) -> Path:
    return sorted((ROOT / "tasks" / task_id / "solutions").iterdir())[0]


def _told(world: World) -> None:
    store, act = world.web.bench.parts.store, world.web.act()
    store.add_endpoint(
        id="hook", url="https://hooks.example.org/assessor", secret="whsec_c2VjcmV0", events=TOLD, act=act
    )
    for name in ("message-1", "message-2"):
        store.tell(
            Told.AWARD_MADE,
            b'{"type":"award.made"}',
            new_id=iter([name]).__next__,
            learner_id=None,
            now=world.web.bench.clock(),
        )
    store.delivered("message-1", status=204)
    store.failed("message-2", problem="expected an answer of 200 to 299, got 500", status=500, next_at=None)


@contextlib.contextmanager
def _running(world: World, end: threading.Event) -> Iterator[None]:
    """Have an attempt run for as long as the world is there."""
    task = ROOT / "tasks/median-stats"
    attempt_id = world.submit("median-stats", GRACE, task / "starter", Plan(hold=end))
    world.ids["running"] = attempt_id
    parts = world.web.bench.parts
    thread = threading.Thread(target=pipeline.assess, args=(attempt_id, 1, parts))
    thread.start()
    try:
        assert world.script.held.wait(60), "the attempt does not run"
        yield
    finally:
        end.set()
        thread.join()
