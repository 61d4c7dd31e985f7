"""The command line's part for cohorts: who learns together, what they are assigned, and their gradebook."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console

from assessor import gradebook, waiting, wiring
from assessor.cli.users import (
    PAGE,
    address_of,
    as_json,
    at_url,
    listing,
    named,
    opened,
    say,
    shown,
    user_values,
)
from assessor.rows import cohorts
from assessor.rows.cohorts import IN_COHORT, Assignment, Cohort, Counts
from assessor.rows.users import Role
from assessor.settings import Settings
from assessor.store import Store

in_cohort = click.option(
    "--role",
    type=click.Choice([one.value for one in IN_COHORT]),
    default=Role.LEARNER.value,
    show_default=True,
    help="What they are in the cohort; a role that they have.",
)


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """A time with its offset: without one it could mean any hour."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"expected a time such as 2026-03-01T12:00+01:00, got {value!r}") from error
    if moment.tzinfo is None:
        raise click.BadParameter(
            f"expected a time with its offset, such as 2026-03-01T12:00+01:00, got {value!r}"
        )
    return moment.astimezone(UTC)


@click.group(name="cohorts")
def cohorts_() -> None:
    """Cohorts: people who learn together. COHORT is a name or an id."""


@cohorts_.command()
@click.argument("name")
@as_json
@click.pass_obj
def add(config: Settings, name: str, as_json: bool) -> None:
    """Make a cohort called NAME."""
    with opened(config) as (store, act):
        made = store.add_cohort(id=wiring.new_id(), name=name, act=act)
    say(as_json, _cohort_values(made), f"{made.name}: id {made.id}")


@cohorts_.command(name="list")
@as_json
@click.pass_obj
def list_(config: Settings, as_json: bool) -> None:
    """List all cohorts, the oldest first."""
    with opened(config) as (store, _act):
        found: list[Cohort] = []
        while page := store.cohorts(after=found[-1].id if found else None, limit=PAGE):
            found += page
        sizes = {one.id: len(store.members(one.id)) for one in found}
    if as_json:
        click.echo(json.dumps([_cohort_values(one) | {"members": sizes[one.id]} for one in found], indent=2))
        return
    table = listing("cohort", "id", "members", "since")
    for one in found:
        table.add_row(shown(one.name), one.id, str(sizes[one.id]), f"{one.created_at:%Y-%m-%d}")
    Console().print(table)


@cohorts_.command()
@click.argument("cohort")
@as_json
@click.pass_obj
def show(config: Settings, cohort: str, as_json: bool) -> None:
    """Show who is in COHORT, and what it is assigned."""
    with opened(config) as (store, _act):
        found = store.cohort_named(cohort)
        members = store.members(found.id)
        assigned = _assignments(store, found.id)
    if as_json:
        values = _cohort_values(found) | {
            "members": [user_values(user) | {"role": role.value} for user, role in members],
            "assignments": [_assignment_values(one) for one in assigned],
        }
        click.echo(json.dumps(values, indent=2))
        return
    console = Console()
    table = listing("name", "e-mail", "role")
    for user, role in members:
        table.add_row(shown(user.name), shown(user.email), role.value)
    console.print(table)
    console.print(_assignments_table(assigned))


@cohorts_.command()
@click.argument("cohort")
@in_cohort
@click.option("--uses", type=click.IntRange(1, 100_000), help="How many may join by it [any number].")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How long it holds.")
@at_url
@as_json
@click.pass_obj
def invite(
    config: Settings, cohort: str, role: str, uses: int | None, days: int, url: str | None, as_json: bool
) -> None:
    """Print a link by which people join COHORT."""
    secret = wiring.new_secret()
    with opened(config) as (store, act):
        made = store.invite(
            secret=secret,
            cohort_id=store.cohort_named(cohort).id,
            role=Role(role),
            uses=uses,
            expires_at=act.now + timedelta(days=days),
            act=act,
        )
    link = address_of(config, url, cohorts.JOIN_PATH + secret)
    assert made.expires_at is not None, "it was made with an end"
    say(as_json, {"link": link, "uses": uses, "expires_at": made.expires_at.isoformat()}, link)


@cohorts_.command()
@click.argument("cohort")
@as_json
@click.pass_obj
def withdraw(config: Settings, cohort: str, as_json: bool) -> None:
    """Let nobody join COHORT by any link that was given out so far."""
    with opened(config) as (store, act):
        gone = store.withdraw_invitations(store.cohort_named(cohort).id, act=act)
    say(as_json, {"withdrawn": gone}, f"{gone} links hold no more")


@cohorts_.command()
@click.argument("cohort")
@click.argument("email")
@in_cohort
@as_json
@click.pass_obj
def enrol(config: Settings, cohort: str, email: str, role: str, as_json: bool) -> None:
    """Take the user of EMAIL into COHORT, or change what they are in it."""
    with opened(config) as (store, act):
        found = store.cohort_named(cohort)
        made = store.enrol(found.id, named(store, email).id, Role(role), act=act)
    values = {"cohort": made.cohort_id, "user": made.user_id, "role": made.role.value}
    say(as_json, values, f"{email}: {made.role} in {found.name}")


@cohorts_.command()
@click.argument("cohort")
@click.argument("email")
@as_json
@click.pass_obj
def leave(config: Settings, cohort: str, email: str, as_json: bool) -> None:
    """Take the user of EMAIL out of COHORT."""
    with opened(config) as (store, act):
        found = store.cohort_named(cohort)
        user = named(store, email)
        store.leave(found.id, user.id, act=act)
    say(as_json, {"cohort": found.id, "user": user.id}, f"{email}: not in {found.name} any more")


@click.group(name="assignments")
def assignments_() -> None:
    """Assignments: the tasks that a cohort is to do."""


@assignments_.command(name="add")
@click.argument("cohort")
@click.argument("task")
@click.option("--title", help="What to call it [the task's title].")
@click.option("--opens", callback=_moment, help="What is handed in before does not count (ISO 8601).")
@click.option("--due", callback=_moment, help="What is handed in from then on is late (ISO 8601).")
@click.option(
    "--class",
    "queue_class",
    type=click.Choice([one.value for one in waiting.ASKED]),
    help="The class of the queue that it waits in [the task's own].",
)
@click.option(
    "--counts",
    type=click.Choice([one.value for one in Counts]),
    default=Counts.BEST.value,
    show_default=True,
    help="Which of several results is the learner's.",
)
@as_json
@click.pass_obj
def add_assignment(
    config: Settings,
    cohort: str,
    task: str,
    title: str | None,
    opens: datetime | None,
    due: datetime | None,
    queue_class: str | None,
    counts: str,
    as_json: bool,
) -> None:
    """Assign TASK to COHORT."""
    task_id = wiring.tasks(config).task(task).id
    with opened(config) as (store, act):
        made = store.add_assignment(
            id=wiring.new_id(),
            cohort_id=store.cohort_named(cohort).id,
            task_id=task_id,
            title=title,
            opens_at=opens,
            due_at=due,
            queue_class=None if queue_class is None else waiting.Class(queue_class),
            counts=Counts(counts),
            act=act,
        )
    say(as_json, _assignment_values(made), f"{made.title or made.task_id}: assignment {made.id}")


@assignments_.command(name="list")
@click.argument("cohort", required=False)
@as_json
@click.pass_obj
def list_assignments(config: Settings, cohort: str | None, as_json: bool) -> None:
    """List the assignments of COHORT, or all, the oldest first."""
    with opened(config) as (store, _act):
        found = _assignments(store, None if cohort is None else store.cohort_named(cohort).id)
    if as_json:
        click.echo(json.dumps([_assignment_values(one) for one in found], indent=2))
    else:
        Console().print(_assignments_table(found))


@click.command(name="gradebook")
@click.argument("assignment")
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet; no cell is taken for a formula.")
@as_json
@click.pass_obj
def gradebook_(config: Settings, assignment: str, as_csv: bool, as_json: bool) -> None:
    """Show the result of each learner for ASSIGNMENT, by its id."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: expected one of them")
    with opened(config) as (store, act):
        found = store.assignment(assignment)
        grades = store.gradebook(assignment)
        store.note_act(act, "gradebook.read", assignment)
    if as_csv:
        # Its lines end as RFC 4180 says; they are made of text that no terminal is meant to see.
        click.echo(gradebook.as_csv(grades).encode(), nl=False)
        return
    if as_json:
        click.echo(json.dumps(gradebook.values(found, grades), indent=2))
        return
    table = listing("name", "e-mail", "verdict", "score", "handed in", "tries", "attempt")
    for one in grades:
        score = "" if one.score is None else gradebook.percent(one.score)
        came = "" if one.submitted_at is None else f"{one.submitted_at:%Y-%m-%d %H:%M}"
        verdict = one.verdict or ("waiting" if one.waiting else "")
        table.add_row(
            shown(one.user.name),
            shown(one.user.email),
            verdict,
            score,
            came + (" late" if one.late else ""),
            str(one.tries),
            one.attempt_id or "",
        )
    Console().print(table)


def _assignments(store: Store, cohort_id: str | None) -> list[Assignment]:
    found: list[Assignment] = []
    while page := store.assignments(cohort_id, after=found[-1].id if found else None, limit=PAGE):
        found += page
    return found


def _assignments_table(found: list[Assignment]) -> Any:
    table = listing("assignment", "task", "title", "opens", "due", "class", "counts")
    for one in found:
        times = ["" if at is None else at.isoformat(timespec="minutes") for at in (one.opens_at, one.due_at)]
        table.add_row(
            one.id, one.task_id, shown(one.title or ""), *times, one.queue_class or "the task's", one.counts
        )
    return table


def _cohort_values(cohort: Cohort) -> dict[str, Any]:
    return {"cohort": cohort.id, "name": cohort.name, "created_at": cohort.created_at.isoformat()}


def _assignment_values(assignment: Assignment) -> dict[str, Any]:
    return {
        "assignment": assignment.id,
        "cohort": assignment.cohort_id,
        "task": assignment.task_id,
        "title": assignment.title,
        "opens_at": None if assignment.opens_at is None else assignment.opens_at.isoformat(),
        "due_at": None if assignment.due_at is None else assignment.due_at.isoformat(),
        "class": assignment.queue_class,
        "counts": assignment.counts.value,
    }


teaching: tuple[click.Command, ...] = (cohorts_, assignments_, gradebook_)
