"""The command line's part for bringing tasks in from elsewhere, and taking them out again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from rich.console import Console

from assessor import wiring
from assessor.authoring import exercism, imported, kattis, kattis_export, quixbugs
from assessor.authoring.imported import Imported
from assessor.authoring.kattis_programs import BY_ID
from assessor.cli import display
from assessor.errors import AuthorError
from assessor.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
folder = click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.group(name="import")
def import_() -> None:
    """Make tasks from what others wrote; name all that does not come along."""


@import_.command(name="exercism")
@folder
@click.option("--prefix", default=exercism.PREFIX, show_default=True, help="First words of each id.")
@as_json
@click.pass_context
def exercism_(context: click.Context, folder: Path, prefix: str, as_json: bool) -> None:
    """Import the practice exercise in DIR, or all of a track's working copy."""
    found = exercism.exercises(folder)
    _bring_in(context, found, lambda one: [exercism.read(one, prefix=prefix)], as_json)


@import_.command(name="kattis")
@folder
@click.option("--prefix", default=kattis.PREFIX, show_default=True, help="First words of each id.")
@click.option(
    "--language",
    "languages",
    multiple=True,
    type=click.Choice(sorted(BY_ID)),
    help="Make a task for this language alone; may be given again.",
)
@as_json
@click.pass_context
def kattis_(
    context: click.Context, folder: Path, prefix: str, languages: tuple[str, ...], as_json: bool
) -> None:
    """Import the problem package in DIR: a task for each language that has an accepted submission."""
    _bring_in(context, [folder], lambda one: kattis.read(one, prefix=prefix, languages=languages), as_json)


@import_.command(name="quixbugs")
@folder
@click.option("--prefix", default=quixbugs.PREFIX, show_default=True, help="First words of each id.")
@as_json
@click.pass_context
def quixbugs_(context: click.Context, folder: Path, prefix: str, as_json: bool) -> None:
    """Import the Python programs of QuixBugs' working copy in DIR, each as a mistake to be found."""
    _bring_in(context, quixbugs.programs(folder), lambda one: [quixbugs.read(one, prefix=prefix)], as_json)


@click.group(name="export")
def export() -> None:
    """Make of a task what other systems read; name all that does not go along."""


@export.command(name="kattis")
@click.argument("task")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@as_json
@click.pass_context
def to_kattis(context: click.Context, task: str, target: Path, as_json: bool) -> None:
    """Write TASK as a problem package into DIR, which must not be there yet."""
    made = kattis_export.export(wiring.tasks(context.obj).task(task))
    kattis_export.write(made, target)
    for note in made.notes:
        Console(stderr=True).print(
            f"  {display.plain(note)}", style="yellow", highlight=False, soft_wrap=True
        )
    if as_json:
        click.echo(json.dumps({"folder": str(target), "notes": list(made.notes)}, indent=2))
    else:
        click.echo(f"{task}: {target}")


def _bring_in(
    context: click.Context,
    sources: Iterable[Path],
    read: Callable[[Path], Iterable[Imported]],
    as_json: bool,
) -> None:
    """Write each task and tell what did not come along; one that is refused does not hold back the rest."""
    config: Settings = context.obj
    talk = Console(stderr=True)
    values, refused = [], []
    for source in sources:
        try:
            for made in read(source):
                imported.parsed(made, config.catalog)
                where = imported.write(made, config.catalog)
                values.append({"task": made.task_id, "folder": str(where), "notes": list(made.notes)})
                if not as_json:
                    click.echo(f"{made.task_id}: {where}")
                for note in made.notes:
                    talk.print(f"  {display.plain(note)}", style="yellow", highlight=False, soft_wrap=True)
        except AuthorError as error:
            refused.append({"source": str(source), "problem": str(error)})
            talk.print(f"refused: {display.plain(str(error))}", style="red", highlight=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({"tasks": values, "refused": refused}, indent=2, ensure_ascii=False))
    else:
        talk.print("next: assessor tasks lock, then assessor tasks prove", highlight=False)
    context.exit(2 if refused else 0)
