"""The command line's part about versions of tasks: what differs, and stored results judged again."""

from __future__ import annotations

import contextlib
import getpass
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assessor import regraded, regrading, report, versioning, versions, wiring
from assessor.blobs import Blobs
from assessor.cli import display
from assessor.errors import StoreFault
from assessor.manifest import ManifestTest
from assessor.parts import Parts
from assessor.regraded import Change, Compared, Shown
from assessor.rows import database
from assessor.rows.awards import AwardRow
from assessor.rows.standings import Regrade
from assessor.settings import Settings
from assessor.store import Store
from assessor.versions import Diff, Effect

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

_MEANS = {
    Effect.RESULT: "can change results",
    Effect.AWARD: "changes no result, and what a badge may rest on",
    Effect.NONE: "changes no result",
}


@contextlib.contextmanager
def kept(config: Settings) -> Iterator[tuple[Store, Blobs] | tuple[None, None]]:
    """The store and its blobs, where there are any; authors have none, and lock and compare all the same."""
    file = database.file_of(config.database_url)
    if file is not None and not file.exists():
        yield None, None
        return
    try:
        opened = wiring.store(config)
    except StoreFault as error:
        talk = Console(stderr=True)
        talk.print(
            f"versions are not compared with stored results: {display.plain(str(error))}",
            style="yellow",
            soft_wrap=True,
        )
        yield None, None
        return
    try:
        yield opened, Blobs.open(config.blobs_url)
    finally:
        opened.close()


@click.command(name="diff")
@click.argument("before")
@click.argument("after")
@as_json
@click.pass_context
def diff(context: click.Context, before: str, after: str, as_json: bool) -> None:
    """Show what differs between two versions of a task, and which stored results could change.

    BEFORE and AFTER are each the id of a task in the catalog, a task's folder (with a slash in it),
    ID@VERSION of one that results are stored of, or the digest of such a one. Exit status 0: nothing differs,
    1: something does.
    """
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    with kept(config) as (store, blobs):
        found = versions.compare(
            versioning.named(before, tasks, store, blobs), versioning.named(after, tasks, store, blobs)
        )
        could = {} if store is None else versioning.could_change(found, store)
        stored = {} if store is None else versioning.stored(found, store)
    if as_json:
        click.echo(json.dumps(_diff_values(found, could, stored), indent=2))
    else:
        _print_diff(found, could, stored)
    context.exit(0 if found.same else 1)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be done with a task's stored results; the fields are the options of `assessor regrade`."""

    judged_with: str | None
    attempts: tuple[str, ...]
    show: bool
    apply: bool
    drop: bool
    reason: str | None
    by: str | None
    revoke_awards: bool

    @property
    def any(self) -> bool:
        """Whether something was asked that only a task can be asked."""
        return any(vars(self).values())


def is_task(name: str, config: Settings) -> bool:
    """Whether this names a task rather than a submission: one of the catalog, or one with an open regrade."""
    with kept(config) as (store, _):
        if store is not None and store.has_submission(name):
            return False
        if store is not None and store.regrade_open(name) is not None:
            return True
    return name in wiring.tasks(config).ids()


def regrade(context: click.Context, task: str, asked: Asked, as_json: bool) -> None:
    """Do what is asked with a task's stored results."""
    if asked.show + asked.apply + asked.drop > 1:
        raise click.UsageError("expected one of --show, --apply and --drop")
    if asked.apply and not (asked.reason or "").strip():
        raise click.UsageError("expected --reason with --apply: why the results of learners change")
    if (asked.show or asked.apply or asked.drop) and (asked.judged_with or asked.attempts):
        raise click.UsageError("expected --from and --attempt only where a regrade is started")
    if asked.revoke_awards and not asked.apply:
        raise click.UsageError("expected --revoke-awards only with --apply")
    config: Settings = context.obj
    with wiring.parts(config, boxed=False) as parts:
        if asked.show:
            _show(regraded.show(task, parts), parts, as_json)
        elif asked.apply:
            _apply(task, asked, parts, as_json)
        elif asked.drop:
            dropped = regrading.drop(task, parts, by=_by(asked), reason=asked.reason)
            _print(as_json, regrade_values(dropped), f"regrade {dropped.id} is dropped; no result changed")
        else:
            _start(task, asked, config, parts, as_json)


def _start(task: str, asked: Asked, config: Settings, parts: Parts, as_json: bool) -> None:
    started = regrading.start(
        task,
        wiring.tasks(config),
        parts,
        ring=wiring.ring(config),
        judged_with=asked.judged_with,
        attempts=asked.attempts,
    )
    found = started.regrade
    values = {
        "regrade": None if found is None else regrade_values(found),
        "queued": [one.id for one in started.made],
        "there": started.there,
    }
    if found is None:
        _print(as_json, values, f"{task}: every result that was asked for is of the task as it is now")
        return
    there = f", {started.there} were there already" if started.there else ""
    _print(
        as_json,
        values,
        f"regrade {found.id} of {task} on version {found.task_version}: {len(started.made)} results are "
        f"judged again{there}; nothing counts yet\nlook at them with: assessor regrade {task} --show",
    )


def _apply(task: str, asked: Asked, parts: Parts, as_json: bool) -> None:
    done = regrading.apply(task, parts, by=_by(asked), reason=asked.reason or "", revoke=asked.revoke_awards)
    values = {
        "regrade": regrade_values(done.regrade),
        "attempts": list(done.attempts),
        "revoked": _awards(done.revoked, parts),
        "kept": _awards(done.kept, parts),
    }
    words = f"regrade {done.regrade.id} is applied: {len(done.attempts)} results count now"
    if done.revoked:
        words += f", {len(done.revoked)} awards are revoked"
    if done.kept:
        words += (
            f"\n{len(done.kept)} awards stay that their evidence does not back any more; look at them with: "
            "assessor awards --attention"
        )
    _print(as_json, values, words)


def _by(asked: Asked) -> str:
    if asked.by:
        return asked.by
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise click.UsageError("expected --by, this system has no name for you") from error


def regrade_values(found: Regrade) -> dict[str, Any]:
    """A regrade as JSON values."""
    return {
        "id": found.id,
        "task": found.task_id,
        "version": found.task_version,
        "digest": found.task_digest,
        "snapshot": found.snapshot,
        "state": found.state.value,
        "started_at": found.started_at.isoformat(),
        "closed_at": None if found.closed_at is None else found.closed_at.isoformat(),
        "by": found.closed_by,
        "reason": found.reason,
        "revoked": found.revoked,
    }


def _show(shown: Shown, parts: Parts, as_json: bool) -> None:
    lost = _awards(shown.lost, parts)
    counts = {change.value: shown.count(change) for change in Change}
    if as_json:
        values = {
            "regrade": regrade_values(shown.regrade),
            "results": [_compared_values(one) for one in shown.compared],
            "counts": counts,
            "lost": lost,
        }
        click.echo(json.dumps(values, indent=2))
        return
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("learner", "attempt", "old", "new", "criteria", "change"):
        table.add_column(heading)
    for one in shown.compared:
        table.add_row(
            Text("(erased)" if one.learner is None else report.line(one.learner)),
            one.base,
            f"{one.version}: {_words(one.old)}",
            "" if one.new is None else _words(one.new),
            Text(_criteria(one)),
            Text(one.change.value, style=_STYLE[one.change]),
        )
    console = Console()
    console.print(table)
    console.print(
        f"{len(shown.compared)} results on version {shown.regrade.task_version}: "
        + ", ".join(f"{number} {name}" for name, number in counts.items() if number),
        highlight=False,
    )
    for row in lost:
        console.print(
            display.plain(
                f"award {row['award']} of {row['achievement']} to {row['learner']} would rest on nothing: "
                "it stays unless --revoke-awards is given with --apply"
            ),
            highlight=False,
            soft_wrap=True,
        )


_STYLE = {
    Change.UP: "green",
    Change.DOWN: "red",
    Change.SAME: "dim",
    Change.WAITING: "yellow",
    Change.UNJUDGED: "magenta",
    Change.STALE: "magenta",
}


def _words(one: regraded.Outcome) -> str:
    level = f", {one.level}" if one.level else ""
    return f"{one.verdict} {report.percent(one.total)}{level}"


def _criteria(one: Compared) -> str:
    """The criteria whose points differ, old and new."""
    if one.new is None:
        return ""
    new = one.new.points
    return ", ".join(
        f"{name} {_points(one.old.points.get(name))} > {_points(new.get(name))}"
        for name in {**one.old.points, **new}
        if one.old.points.get(name) != new.get(name)
    )


def _points(value: Fraction | None) -> str:
    return "-" if value is None else f"{float(value):g}"


def _compared_values(one: Compared) -> dict[str, Any]:
    def of(outcome: regraded.Outcome | None) -> dict[str, Any] | None:
        if outcome is None:
            return None
        return {
            "verdict": outcome.verdict,
            "score": [outcome.total.numerator, outcome.total.denominator],
            "level": outcome.level,
            "points": {name: [n.numerator, n.denominator] for name, n in outcome.points.items()},
        }

    return {
        "learner": one.learner,
        "submission": one.submission,
        "attempt": one.base,
        "version": one.version,
        "old": of(one.old),
        "new_attempt": one.attempt.id,
        "state": one.attempt.state.value,
        "new": of(one.new),
        "change": one.change.value,
        "problem": one.attempt.problem,
    }


def _awards(rows: tuple[AwardRow, ...], parts: Parts) -> list[dict[str, Any]]:
    return [
        {
            "award": row.id,
            "achievement": row.achievement_id,
            "learner": None if row.learner_id is None else parts.store.learner_known(row.learner_id).name,
        }
        for row in rows
    ]


def _diff_values(found: Diff, could: dict[str, int], stored: dict[str, int]) -> dict[str, Any]:
    def test(one: ManifestTest | None) -> dict[str, Any] | None:
        if one is None:
            return None
        points = [one.points.numerator, one.points.denominator]
        return {"criterion": one.criterion, "points": points, "visible": one.visible}

    return {
        "same": found.same,
        "before": vars(found.before),
        "after": vars(found.after),
        "files": [
            {
                "path": one.path,
                "kind": one.kind.value,
                "effect": one.effect.value,
                "bytes": list(one.sizes),
                "diff": list(one.lines),
            }
            for one in found.files
        ],
        "values": [
            {"name": one.name, "before": one.before, "after": one.after, "effect": one.effect.value}
            for one in found.values
        ],
        "tests": [
            {"id": one.id, "kind": one.kind.value, "before": test(one.before), "after": test(one.after)}
            for one in found.tests
        ],
        "redraws": found.redraws,
        "can_change": found.can_change,
        "stored": stored,
        "could_change": could,
    }


def _print_diff(found: Diff, could: dict[str, int], stored: dict[str, int]) -> None:
    def say(line: str) -> None:
        click.echo(report.shown(line))

    for name, side in (("before", found.before), ("after", found.after)):
        stale = "" if side.lock else "  (its lock does not fit its tests)"
        say(f"{name}: {side.id} {side.version}  {side.digest}{stale}")
    if found.same:
        say("nothing differs")
        return
    for file in found.files:
        sizes = " to ".join("-" if one is None else f"{one} bytes" for one in file.sizes)
        told = "" if file.sizes == (None, None) else f", {sizes}"
        say(f"\n{file.path}: {file.kind.value}{told}; {_MEANS[file.effect]}")
        for line in file.lines:
            say(line)
    if found.values:
        say("")
    for value in found.values:
        say(f"{value.name}: {json.dumps(value.before)} > {json.dumps(value.after)}; {_MEANS[value.effect]}")
    if found.tests:
        say("")
    for test in found.tests:
        say(f"test {test.id}: {test.kind.value}, {_test_words(test.before)} > {_test_words(test.after)}")
    say("")
    if found.redraws:
        say(
            "another digest is another seed: property tests draw other examples, and may find what was missed"
        )
    total = sum(stored.values())
    by = ", ".join(f"{number} {verdict}" for verdict, number in could.items())
    if not found.can_change:
        say(f"no result can change; {total} are stored of the first version")
    else:
        say(f"stored results that could change: {sum(could.values())}" + (f" ({by})" if by else ""))


def _test_words(one: ManifestTest | None) -> str:
    return "-" if one is None else f"{one.criterion} {one.points} points"


def _print(as_json: bool, values: Any, words: str) -> None:
    click.echo(json.dumps(values, indent=2) if as_json else words)
