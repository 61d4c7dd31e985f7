"""Orders of an issuer at the command line: for one learner or award, or for a CSV of learners.

Each line of a CSV is done as a whole or refused as a whole, and the others go on; the exit status is 1 where
one was refused. Which order it is, is left to `cli.awards`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from assessor import awarding, report, roster, wiring
from assessor.awarding import Done
from assessor.errors import AssessorError, FileInvalid, OperatorError
from assessor.parts import Parts
from assessor.roster import Entry
from assessor.rows.awards import AwardRow


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one order: `done`, or the `problem` for which it was refused or not tried."""

    entry: Entry
    done: Done | None
    problem: str | None

    def values(self) -> dict[str, Any]:
        """JSON values; `line` is null for an order that no file gave."""
        row = None if self.done is None else self.done.row
        kind = None if self.done is None or self.done.kind is None else self.done.kind.value
        return {
            "line": self.entry.line or None,
            "learner": self.entry.learner or None,
            "award": None if row is None else row.id,
            "done": kind,
            "words": None if self.done is None else self.done.words,
            "problem": self.problem,
        }


def entries(name: str | None, csv_file: Path | None, what: str) -> tuple[Entry, ...]:
    """Whom an order is for: the one that is named, or the lines of a file."""
    if (name is None) is (csv_file is None):
        raise click.UsageError(f"expected {what} or --csv, and not both")
    if name is not None:
        return (Entry(line=0, learner=name),)
    assert csv_file is not None, "one of the two is there"
    try:
        return roster.read(csv_file.read_bytes(), path=str(csv_file))
    except OSError as error:
        raise FileInvalid(csv_file, f"expected a readable file, got: {error.strerror}") from error


def of_awards(
    context: click.Context,
    award: str | None,
    csv_file: Path | None,
    achievement: str | None,
    act: Callable[[Parts, AwardRow, Entry], Done],
    *,
    dry_run: bool,
    as_json: bool,
    after: Callable[[Parts], bool] | None = None,
) -> None:
    """Orders about awards that are there."""
    if (csv_file is None) is not (achievement is None):
        raise click.UsageError("--csv and --achievement go together")

    def one(parts: Parts, entry: Entry) -> Done:
        if achievement is None:
            return act(parts, parts.store.award(entry.learner), entry)
        return act(parts, awarding.held_by(parts, achievement, entry.learner), entry)

    run(context, entries(award, csv_file, "AWARD"), one, dry_run=dry_run, as_json=as_json, after=after)


def run(
    context: click.Context,
    ordered: Sequence[Entry],
    act: Callable[[Parts, Entry], Done],
    *,
    dry_run: bool,
    as_json: bool,
    after: Callable[[Parts], bool] | None = None,
) -> None:
    """Do what was ordered, line by line, and tell; `after` comes at the end, and says if it went well."""
    many = ordered[0].line > 0
    signed, stopped = True, False
    with wiring.parts(context.obj, boxed=False) as parts:
        if not many:
            # One that is refused says so as any command does.
            outcomes = [Outcome(entry=ordered[0], done=act(parts, ordered[0]), problem=None)]
        else:
            outcomes, stopped = _each(ordered, functools.partial(act, parts))
        if after is not None and not dry_run:
            signed = after(parts)
    _tell(outcomes, dry_run=dry_run, as_json=as_json, many=many)
    if not signed:
        Console(stderr=True).print(
            "[red]error:[/] revoked, but the status list cannot be signed; until it is, nobody can check any "
            "badge of it. See assessor doctor; the sweep tries again",
            soft_wrap=True,
        )
        context.exit(3)
    context.exit(3 if stopped else 1 if any(one.problem for one in outcomes) else 0)


def _each(ordered: Sequence[Entry], act: Callable[[Entry], Done]) -> tuple[list[Outcome], bool]:
    """Each line by itself; where an operator is needed it stops, the rest is not tried, and that is told."""
    outcomes = []
    stopped: str | None = None
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        for entry in bar.track(ordered, description="learners"):
            problem, done = entry.problem or stopped, None
            if problem is None:
                try:
                    done = act(entry)
                except OperatorError as error:
                    problem, stopped = str(error), f"not tried, after line {entry.line}"
                except AssessorError as error:
                    problem = str(error)
            outcomes.append(Outcome(entry=entry, done=done, problem=problem))
    return outcomes, stopped is not None


def _tell(outcomes: Sequence[Outcome], *, dry_run: bool, as_json: bool, many: bool) -> None:
    refused = sum(one.problem is not None for one in outcomes)
    done = sum(one.done is not None and one.done.kind is not None for one in outcomes)
    same = len(outcomes) - refused - done
    if as_json:
        values = [one.values() for one in outcomes]
        counts = {"dry_run": dry_run, "done": done, "unchanged": same, "refused": refused}
        click.echo(json.dumps(counts | {"orders": values}, indent=2))
        return
    would = "would be done: " if dry_run else ""
    for one in outcomes:
        where = f"line {one.entry.line}: " if many else ""
        if one.done is None:
            click.echo(report.line(f"{where}refused: {one.problem}"))
        else:
            row = one.done.row
            named = "" if row is None or row.id in one.done.words else f", award {row.id}"
            lead = would if one.done.kind is not None else ""
            click.echo(report.line(f"{where}{lead}{one.done.words}{named}"))
    if many:
        click.echo(f"{would}{done}, unchanged: {same}, refused: {refused}")
