"""The command line's part for authors: list, lock, prove and check tasks."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assessor import catalog, report, wiring
from assessor.authoring import locked
from assessor.authoring import prove as proving
from assessor.cli import check, display, versions
from assessor.cli.importing import export, import_
from assessor.errors import AuthorError, NotFound
from assessor.settings import Settings
from assessor.task import Task

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
every = click.option("--all", "everything", is_flag=True, help="All tasks of the catalog.")


@click.group(name="tasks")
def author() -> None:
    """List, lock, prove and check tasks."""


author.add_command(check.check)
author.add_command(versions.diff)

author.add_command(import_)
author.add_command(export)


@author.command(name="list")
@as_json
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the catalog's tasks, and what is wrong with any."""
    tasks = wiring.tasks(context.obj)
    problems = tasks.problems()
    found = [task for name in tasks.ids() if (task := _readable(tasks, name)) is not None]
    for problem in problems:
        Console(stderr=True).print(display.plain(str(problem)), style="red", highlight=False, soft_wrap=True)
    if as_json:
        values = [
            {"id": task.id, "version": task.version, "title": task.title, "digest": task.digest}
            for task in found
        ]
        click.echo(json.dumps({"tasks": values, "problems": [str(one) for one in problems]}, indent=2))
    else:
        table = Table(
            "task", "version", "title", "level", "minutes", "sandbox", show_edge=False, pad_edge=False
        )
        for task in found:
            table.add_row(
                task.id, task.version, Text(task.title), task.level, str(task.minutes), task.sandbox
            )
        Console().print(table)
    context.exit(2 if problems else 0)


@author.command()
@click.argument("names", nargs=-1)
@every
@click.option("--bump", is_flag=True, help="Raise the version where results stand under it.")
@as_json
@click.pass_context
def lock(context: click.Context, names: tuple[str, ...], everything: bool, bump: bool, as_json: bool) -> None:
    """Run the references of NAMES and write which tests count: tasks/<id>/manifest.json.

    Refused where results stand under the task's version with another content; --bump raises it. One that is
    wrong is told, and the others are locked.
    """
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    values = []
    broken = False
    talk = Console(stderr=True)
    with versions.kept(config) as (store, blobs), wiring.by_hand(config) as box:
        for name in _chosen(tasks, names, everything):
            try:
                done = locked.lock(
                    config.catalog,
                    name,
                    box,
                    store=store,
                    blobs=blobs,
                    bump=bump,
                    label=wiring.hand_label(),
                    say=lambda line: talk.print(display.plain(line), highlight=False),
                )
            except AuthorError as error:
                broken = True
                _tell(talk, error)
                continue
            tests = done.manifest.tests
            visible = sum(test.visible for test in tests)
            values.append(
                {
                    "manifest": str(done.path),
                    "tests": len(tests),
                    "visible": visible,
                    "version": done.version,
                    "raised_from": done.before,
                }
            )
            if not as_json:
                raised = "" if done.before is None else f", version {done.before} > {done.version}"
                click.echo(f"{done.path}: {len(tests)} tests, {visible} visible{raised}")
    if as_json:
        click.echo(json.dumps(values, indent=2))
    context.exit(2 if broken else 0)


@author.command()
@click.argument("names", nargs=-1)
@every
@as_json
@click.pass_context
def prove(context: click.Context, names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Try all work beside NAMES: references earn full marks, known-bad work fails where it should.

    A task that cannot be read is told, and the others are tried.
    """
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    talk = Console(stderr=True)

    def tried(one: proving.Tried) -> None:
        mark = "[red]✗[/]" if one.problems else "[green]✓[/]"
        reached = ", ".join(f"{name} {report.percent(share)}" for name, share in one.criteria.items())
        talk.print(f"  {mark} {display.plain(one.folder)}: {reached}", highlight=False, soft_wrap=True)
        for problem in one.problems:
            talk.print(f"    {display.plain(problem)}", style="red", highlight=False, soft_wrap=True)

    proofs: list[proving.Proof] = []
    unread: dict[str, str] = {}
    with wiring.by_hand(config) as box:
        for name in _chosen(tasks, names, everything):
            talk.print(name, style="bold")
            try:
                proofs.append(proving.prove(tasks, name, box, label=wiring.hand_label(), on_tried=tried))
            except AuthorError as error:
                unread[name] = str(error)
                _tell(talk, error)
    problems = [*unread.values(), *(problem for proof in proofs for problem in proof.problems)]
    if as_json:
        values: list[dict[str, object]] = [
            {"task": proof.task_id, "digest": proof.digest, "problems": list(proof.problems)}
            for proof in proofs
        ]
        values += [{"task": name, "digest": None, "problems": [told]} for name, told in unread.items()]
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(f"{len(proofs) + len(unread)} tasks tried, {len(problems)} problems")
    context.exit(2 if problems else 0)


def _chosen(tasks: catalog.Catalog, names: tuple[str, ...], everything: bool) -> tuple[str, ...]:
    if not names and not everything:
        raise NotFound("expected the ids of tasks, or --all, got neither")
    return tasks.ids() if everything else names


def _tell(talk: Console, error: AuthorError) -> None:
    """Say what is wrong with one task, where others may follow."""
    talk.print(f"[red]error:[/] {display.plain(str(error))}", highlight=False, soft_wrap=True)


def _readable(tasks: catalog.Catalog, name: str) -> Task | None:
    """The task, or None for one that `problems` tells about: it must not hide those that are right."""
    try:
        return tasks.task(name)
    except AuthorError:
        return None
