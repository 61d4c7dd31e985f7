"""The command line's part for those who write badges: list them, check them, look at their pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assessor import pack, wiring
from assessor.achievement import Achievement
from assessor.cli import display
from assessor.errors import AuthorError
from assessor.openbadges import artwork
from assessor.requirement import AchievementRequired, CompetencyRequired, Requirement, TaskRequired

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(name="badge")
def badges() -> None:
    """List badges, check them, and see their pictures."""


@badges.command(name="list")
@as_json
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the catalog's badges, each after those that it requires, and what is wrong with any."""
    found, problems = wiring.tasks(context.obj).sound_achievements()
    _tell(problems)
    if as_json:
        _print_json(found, problems)
    else:
        table = Table(show_edge=False, pad_edge=False)
        table.add_column("badge", no_wrap=True)
        for heading in ("name", "requires", "holds"):
            table.add_column(heading)
        for one in found:
            holds = "for good" if one.valid_months is None else f"{one.valid_months} months"
            table.add_row(one.id, Text(one.name), Text("\n".join(in_words(one))), holds)
        Console().print(table)
    context.exit(2 if problems else 0)


@badges.command()
@as_json
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Check every badge of the catalog: its file, its picture, and that what it requires can be had."""
    found, problems = wiring.tasks(context.obj).sound_achievements()
    _tell(problems)
    if as_json:
        _print_json(found, problems)
    else:
        click.echo(f"{len(found)} badges can be awarded, {len(problems)} problems")
    context.exit(2 if problems else 0)


@badges.command()
@click.argument("badge")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--level", help="The title of a level that the picture is to name.")
@click.pass_context
def image(context: click.Context, badge: str, target: Path, level: str | None) -> None:
    """Write the picture of BADGE to TARGET, a new file that ends with .svg or .png.

    An SVG is the badge's own picture where it has one; a PNG is always drawn from name and level.
    """
    found = wiring.tasks(context.obj).achievement(badge)
    match target.suffix:
        case ".svg":
            data = found.image or artwork.svg(found.name, level)
        case ".png":
            data = artwork.png(found.name, level)
        case other:
            raise click.UsageError(f'expected a TARGET that ends with .svg or .png, got "{other}"')
    pack.write(target, data)
    click.echo(f"{target}: {len(data)} bytes")


def in_words(one: Achievement) -> list[str]:
    """What an achievement requires, for people."""
    names = {(skill.framework, skill.code): skill.name for skill in one.competencies}

    def words(required: Requirement) -> str:
        match required:
            case TaskRequired(task=task, level=level):
                return f"task {task}" + (f", {level}" if level else "")
            case CompetencyRequired(framework=framework, code=code, level=level, tasks=tasks):
                name = names.get((framework, code), f"{framework} {code}")
                return f"skill {name}" + (f", {level}" if level else "") + f", in {tasks} tasks" * (tasks > 1)
            case AchievementRequired(achievement=other):
                return f"badge {other}"

    return [words(required) for required in one.requires]


def _tell(problems: tuple[AuthorError, ...]) -> None:
    for problem in problems:
        Console(stderr=True).print(display.plain(str(problem)), style="red", highlight=False, soft_wrap=True)


def _print_json(found: tuple[Achievement, ...], problems: tuple[AuthorError, ...]) -> None:
    values = [
        {
            "id": one.id,
            "version": one.version,
            "name": one.name,
            "digest": one.digest,
            "requires": in_words(one),
            "valid_months": one.valid_months,
        }
        for one in found
    ]
    click.echo(json.dumps({"badges": values, "problems": [str(one) for one in problems]}, indent=2))
