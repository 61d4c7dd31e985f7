"""The command line's part for those who write: new tasks, previews, judging by hand, schemas for editors."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from assessor import catalog, intake, report, wiring
from assessor.authoring import grade as grading
from assessor.authoring import new as making
from assessor.authoring import preview as previewing
from assessor.authoring import reference, schemas
from assessor.cli import display, display_preview
from assessor.cli.display_run import Run
from assessor.scoring import Verdict
from assessor.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
#: Exit statuses of a judging by hand.
_STATUS = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.AWAITING_REVIEW: 4}


@click.command(name="new")
@click.argument("task_id", metavar="[ID]", required=False)
@click.option("--kind", type=click.Choice([kind.value for kind in making.Kind]), help="What is handed in.")
@click.option("--title", help="For people, one line.")
@click.option("--summary", help="What is asked for, one line; by default the title.")
@click.option("--level", type=click.Choice(making.LEVELS), help="How hard it is.")
@click.option("--minutes", type=click.IntRange(1, 10_000), help="How long it should take [60].")
@as_json
@click.pass_context
def new(
    context: click.Context,
    task_id: str | None,
    kind: str | None,
    title: str | None,
    summary: str | None,
    level: str | None,
    minutes: int | None,
    as_json: bool,
) -> None:
    """Make the task ID: a whole example of its kind, to be changed piece by piece.

    Asks for what is not given, where a person can answer.
    """
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    task_id = task_id or _asked("id", "ID", "the task's id, such as word-count")
    kind = kind or _asked(
        "kind", "--kind", "what is handed in", click.Choice([one.value for one in making.Kind])
    )
    title = title or _asked("title", "--title", "its title, for people")
    level = level or _asked("level", "--level", "how hard it is", click.Choice(making.LEVELS))
    if _answers():
        summary = summary or click.prompt("what is asked for, in one line", default=title, err=True)
        minutes = minutes or click.prompt("minutes that it should take", default=60, type=int, err=True)
    asked = making.Asked(
        id=task_id,
        kind=making.Kind(kind),
        title=title,
        summary=summary or title,
        level=level,
        minutes=minutes or 60,
    )
    made = making.write(tasks, asked)
    if as_json:
        click.echo(json.dumps({"task": asked.id, "files": [str(path) for path in made]}, indent=2))
        return
    for path in made:
        click.echo(path)
    Console(stderr=True).print(
        f"Change it piece by piece; README.md first. Then:\n"
        f"  assessor tasks lock {asked.id}      # which tests count\n"
        f"  assessor tasks prove {asked.id}     # references pass, known-bad work fails where it should\n"
        f"  assessor tasks check {asked.id}     # the whole: attacks, flakiness, how strong the tests are\n"
        f"  assessor tasks preview {asked.id}   # what a learner sees",
        highlight=False,
        soft_wrap=True,
    )


@click.command()
@click.argument("task")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write pages for a browser into this folder.",
)
@as_json
@click.pass_context
def preview(context: click.Context, task: str, out: Path | None, as_json: bool) -> None:
    """Show what a learner sees of TASK: before, after work that fails, after a reference."""
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    talk = Console(stderr=True)
    with wiring.by_hand(config) as box:
        found = previewing.preview(
            tasks,
            task,
            box,
            label=wiring.hand_label(),
            on_begin=lambda folder: talk.print(f"judging {display.plain(folder)}", style="dim"),
        )
    written = [] if out is None else previewing.write(found, out)
    if as_json:
        click.echo(json.dumps(_preview_values(found, written), indent=2))
    elif written:
        for path in written:
            click.echo(path)
    else:
        Console().print(display_preview.preview(found), highlight=False)


@click.command()
@click.argument("task")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--everything", is_flag=True, help="Hidden tests in full as well: for authors.")
@as_json
@click.pass_context
def grade(context: click.Context, task: str, path: Path, everything: bool, as_json: bool) -> None:
    """Judge PATH (a folder, zip or tar) for TASK here and now; nothing is stored or signed.

    Exit status 0: passed, 1: failed or refused, 2: usage or the task's own files, 3: ours, 4: a person has to
    mark it.
    """
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    frozen = catalog.thaw(catalog.freeze(tasks, task))
    received = intake.receive(path, rules=frozen.task.submission, spool=config.spool)
    talk = Console(stderr=True)
    for name, reason in received.dropped:
        talk.print(f"left out {display.plain(name)}: {display.plain(reason)}", style="yellow", soft_wrap=True)
    for flag in received.flags:
        talk.print(f"flagged for reviewers: {display.plain(flag)}", style="yellow", soft_wrap=True)
    with wiring.by_hand(config) as box, Run(talk, frozen, everything=everything) as progress:
        graded = grading.grade(
            frozen,
            received.bundle.files,
            sandbox=box,
            label=wiring.hand_label(),
            on_event=progress.heard,
            on_again=progress.again,
        )
    told = graded.everything() if everything else graded.feedback()
    if as_json:
        values = _values(graded, told) | {
            "bundle": received.bundle.digest,
            "dropped": [list(one) for one in received.dropped],
            "flags": list(received.flags),
        }
        if everything:
            values["problems"] = list(graded.problems)
        click.echo(json.dumps(values, indent=2))
    else:
        Console().print(display.outcome(told, frozen), highlight=False)
        for problem in graded.problems if everything else ():
            click.echo(report.shown(problem))
    context.exit(_STATUS[graded.assessment.verdict])


@click.command()
@click.argument("kind", type=click.Choice(sorted(schemas.SCHEMAS)), required=False)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write KIND.json of every kind into this folder, such as schemas.",
)
@click.option(
    "--markdown", is_flag=True, help="Print the reference of all kinds, as docs/reference.md has it."
)
def schema(kind: str | None, folder: Path | None, markdown: bool) -> None:
    """Print the JSON Schema of a KIND of file, or write those of all kinds, for editors."""
    given = [kind is not None, folder is not None, markdown].count(True)
    if given != 1:
        raise click.UsageError(
            "expected one of KIND, --write DIR and --markdown, got " + ("several" if given else "none")
        )
    if markdown:
        click.echo(reference.markdown(), nl=False)
    elif folder is not None:
        for path in schemas.write(folder):
            click.echo(path)
    elif kind is not None:
        click.echo(schemas.dump(kind), nl=False)


#: Commands of `assessor tasks`, and of the main group.
for_tasks = (new, preview)
writing = (grade, schema)


def _answers() -> bool:
    """Whether there is a person to answer."""
    return sys.stdin.isatty()


def _asked(name: str, flag: str, words: str, kind: click.Choice[str] | None = None) -> str:
    """What a person answers.

    Raises:
        click.UsageError: there is nobody to ask.
    """
    if not _answers():
        raise click.UsageError(f"expected {flag}, {words}, got none, and standard input is no terminal")
    answer: str = click.prompt(words, type=kind or str, err=True)
    return answer


def _values(graded: grading.Graded, told: report.Feedback) -> dict[str, Any]:
    total = graded.assessment.total
    return {
        "task": graded.frozen.task.id,
        "task_version": graded.frozen.task.version,
        "verdict": graded.assessment.verdict.value,
        "score": [total.numerator, total.denominator],
        "level": graded.assessment.level,
        "end": graded.end.value,
        "feedback": told.dump(),
    }


def _preview_values(found: previewing.Preview, written: list[Path]) -> dict[str, Any]:
    def of(judged: tuple[str, grading.Graded] | None) -> dict[str, Any] | None:
        return None if judged is None else {"work": judged[0], **_values(judged[1], judged[1].feedback())}

    return {
        "task": found.frozen.task.id,
        "rules": dict(previewing.rules(found.frozen)),
        "brief": found.frozen.task.brief,
        "starter": sorted(found.starter),
        "failed": of(found.failed),
        "passed": of(found.passed),
        "pages": [str(path) for path in written],
    }
