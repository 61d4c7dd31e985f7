"""An installation with people, a thousand judged attempts, badges, and a queue: what a web process meets.

Comes in: an empty folder. Goes out: `People`, who learn and teach there. All of it is made by the pipeline:
shipped tasks, real intake, signed evidence, awards with their leaves in the log. The tests alone follow a
script, so that a run takes no time; a worker of the same kind (`work`) takes as long as it is told to.

    <home>/catalog/        what is shipped; handed in is for tasks that no person and no analyser looks at
           uploads/<task>/ a solution; passed/ as it is, failed/ with a note at which the script fails tests
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assessor import catalog, passwords, pipeline, settings, settling, testing, wiring
from assessor.catalog import Catalog
from assessor.parts import Parts
from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role, Scope, User
from assessor.sandbox.protocol import End, Ended, Event, Order
from assessor.settings import Settings
from assessor.wiring import new_id, new_token

PROJECT = Path(__file__).resolve().parent.parent
TASKS = (
    *("median-stats", "word-count", "slugify-js", "inventory", "todo-api"),
    *("sales-sqlite", "bike-hire", "timesheet-bugs", "club-queries"),
)
#: A file that every task allows; with it a run fails some of its tests.
NOTE = "NOTES.md"
PASSWORD = "correct horse battery staple"  # noqa: S105  # of people who are made up
#: How often anybody may hand in: this is no measurement of refusals.
ENVIRON = {"ASSESSOR_RATE": "none"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who uses the site.

    Attributes:
        cookie: the secret of their session.
        token: the text of a token that reads.
        judged: ids of their attempts that are judged.
        live: id of the attempt of theirs that waits, or empty.
        live_task: the task that it is for, or empty.
    """

    email: str
    cookie: str
    token: str
    judged: tuple[str, ...] = ()
    live: str = ""
    live_task: str = ""


@dataclass(frozen=True, kw_only=True)
class People:
    """Who and what is there.

    Attributes:
        learners, instructor: people.
        gradebook: its path below the origin; `assignment` its id.
        awards: ids of awards that anybody may see.
        evidence: ids of attempts whose evidence anybody may see.
    """

    learners: tuple[Person, ...]
    instructor: Person
    gradebook: str
    assignment: str
    awards: tuple[str, ...]
    evidence: tuple[str, ...]


def configured(home: Path, *, port: int) -> Settings:
    """The settings of the installation in this folder."""
    return settings.read(ENVIRON | {"ASSESSOR_WEB": f"127.0.0.1:{port}"}, home=home, catalog=home / "catalog")


def stock(config: Settings, *, learners: int, attempts: int) -> People:
    """Make all of it.

    Args:
        config: an empty home.
        learners: how many; each has one attempt that waits, too.
        attempts: how many are judged, shared out evenly; every fifth failed.
    """
    tasks = _write(config)
    with scripted(config, tasks, each_s=0.0) as parts:
        hashed = passwords.hashed(PASSWORD)
        act = Act.by_operator(parts.clock())
        cohort = parts.store.add_cohort(id=new_id(), name="Autumn", act=act)
        users = [_user(parts, hashed, f"learner{one}@example.org", Role.LEARNER) for one in range(learners)]
        teacher = _user(parts, hashed, "teacher@example.org", Role.INSTRUCTOR)
        parts.store.enrol(cohort.id, teacher.id, Role.INSTRUCTOR, act=act)
        for user in users:
            parts.store.enrol(cohort.id, user.id, Role.LEARNER, act=act)
        assignments = [
            parts.store.add_assignment(id=new_id(), cohort_id=cohort.id, task_id=name, act=act)
            for name in TASKS
        ]
        judged: dict[str, list[str]] = {user.id: [] for user in users}
        for number in range(attempts):
            user, name = users[number % learners], TASKS[number // learners % len(TASKS)]
            attempt = _hand_in(config, parts, tasks, user, name, passes=bool(number % 5))
            pipeline.assess(attempt, 1, parts)
            judged[user.id].append(attempt)
        for user in users:
            assert user.learner_id is not None
            settling.settle_learner(user.learner_id, parts)
        parts.log.checkpoint()
        people = []
        for number, user in enumerate(users):
            name = TASKS[number % len(TASKS)]
            live = _hand_in(config, parts, tasks, user, name, passes=True)
            found = _person(parts, user, judged=tuple(judged[user.id]), live=live, live_task=name)
            people.append(found)
        awards = [row for user in users for row in parts.store.awards_of(user.learner_id or "").values()]
        return People(
            learners=tuple(people),
            instructor=_person(parts, teacher),
            gradebook=f"/cohorts/{cohort.id}/gradebooks/{assignments[0].id}",
            assignment=assignments[0].id,
            awards=tuple(row.id for row in awards),
            evidence=tuple(dict.fromkeys(name for row in awards for name in row.attempts)),
        )


@contextlib.contextmanager
def scripted(config: Settings, tasks: Catalog, *, each_s: float) -> Iterator[Parts]:
    """The parts of the installation, its sandbox following a script.

    Args:
        config: its settings.
        tasks: its catalog.
        each_s: how long each test takes, seconds.
    """
    # Which run it is, is told by the seed: each task has its own.
    ids = {task.seed: tuple(one.id for one in task.manifest.tests) for task in tasks.tasks() if task.manifest}
    with wiring.parts(config, boxed=False) as real:
        # As sealed as the real one says it is: evidence of anything else backs no award.
        box = testing.FakeSandbox(_script(ids, each_s), isolation="cell")
        yield dataclasses.replace(real, sandbox=box)


def work(config: Settings, *, each_s: float, over: Callable[[], bool]) -> None:
    """Judge what waits, one after the other, until told that it is over."""
    with scripted(config, catalog.load(config.catalog), each_s=each_s) as parts:
        seen = 0.0
        while not over():
            if time.monotonic() - seen > 5:
                seen = time.monotonic()
                parts.store.heartbeat(parts.worker, host="bench", pid=0, doing="", now=parts.clock())
            if pipeline.assess("", 0, parts) is None:
                time.sleep(0.1)


def upload(config: Settings, name: str, *, passes: bool = True) -> Path:
    """The folder that is handed in for a task."""
    return config.home / "uploads" / name / ("passed" if passes else "failed")


def _script(ids: Mapping[int, tuple[str, ...]], each_s: float) -> testing.Script:
    def script(order: Order) -> Iterator[Event | End | BaseException]:
        names = ids[order.seed]
        failing = len(names) // 2 if NOTE in order.bundle else 0
        yield testing.collected(*names)
        for place, name in enumerate(names):
            time.sleep(each_s)
            yield testing.finished(name, passed=place >= failing, message="expected 3, got 4")
        yield Ended(wall_ms=500, processes=1)

    return script


def _write(config: Settings) -> Catalog:
    root = config.catalog
    for name in ("tasks", "rubrics", "sandboxes", "badges"):
        shutil.copytree(PROJECT / name, root / name)
    for name in TASKS:
        task = root / "tasks" / name / "task.yaml"
        text = re.sub(r"(?m)^( +tries): \d+$", r"\1: 1000", task.read_text())
        task.write_text(re.sub(r"(?m)^( +cooldown_s): \d+$", r"\1: 0", text))
        solution = min((root / "tasks" / name / "solutions").iterdir())
        for passes in (True, False):
            shutil.copytree(solution, upload(config, name, passes=passes))
        (upload(config, name, passes=False) / NOTE).write_text("Not done yet.\n")
    return catalog.load(root)


def _hand_in(config: Settings, parts: Parts, tasks: Catalog, user: User, name: str, *, passes: bool) -> str:
    _, attempt, _ = pipeline.submit(
        upload(config, name, passes=passes),
        task_id=name,
        learner=user.email,
        tasks=tasks,
        spool=config.spool,
        parts=parts,
        ring=lambda _attempt, _epoch: None,
    )
    return attempt.id


def _user(parts: Parts, hashed: str, email: str, role: Role) -> User:
    return parts.store.add_user(
        id=new_id(),
        email=email,
        name=email.partition("@")[0].title(),
        roles={role},
        password=hashed,
        seed=Seed(id=new_id(), salt=secrets.token_bytes(16)),
        act=Act.by_operator(parts.clock()),
    )


def _person(
    parts: Parts, user: User, *, judged: tuple[str, ...] = (), live: str = "", live_task: str = ""
) -> Person:
    cookie, token = wiring.new_secret(), new_token()
    now = parts.clock()
    parts.store.open_session(secret=cookie, user_id=user.id, csrf=wiring.new_secret(), now=now)
    parts.store.add_token(
        id=new_id(),
        secret=token,
        user_id=user.id,
        name="command line",
        scopes={Scope.READ},
        expires_at=None,
        act=Act.by_operator(now),
    )
    return Person(email=user.email, cookie=cookie, token=token, judged=judged, live=live, live_task=live_task)
