"""The command line's part for `assessor tasks check`: live progress, findings, JSON, JUnit XML."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from assessor import report, wiring
from assessor.authoring import check as checking
from assessor.authoring import flaky, junit, strength
from assessor.authoring.finding import Gate, Gated, State
from assessor.cli import display
from assessor.errors import NotFound
from assessor.settings import Settings

_MARKS = {State.PASSED: "[green]✓[/]", State.FAILED: "[red]✗[/]", State.BROKEN: "[magenta]![/]"}
_WIDTH = 60


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All tasks of the catalog.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "--junit", "xml", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML to this file."
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100),
    default=flaky.RUNS,
    show_default=True,
    help="Runs of each reference that must say the same.",
)
@click.option(
    "--mutants",
    type=click.IntRange(0, 10_000),
    default=strength.MOST,
    show_default=True,
    help="Mutants of each reference that are tried.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([gate.value for gate in Gate]),
    help="This gate alone, beside reading the task; may be given several times.",
)
@click.pass_context
def check(
    context: click.Context,
    names: tuple[str, ...],
    everything: bool,
    as_json: bool,
    xml: Path | None,
    runs: int,
    mutants: int,
    only: tuple[str, ...],
) -> None:
    """Take the tasks NAMES through every gate before a learner sees them.

    Exit status 0: all passed; 2: an author has something to mend; 3: something could not be run.
    """
    config: Settings = context.obj
    tasks = wiring.tasks(config)
    if not names and not everything:
        raise NotFound("expected the ids of tasks, or --all, got neither")
    if names and everything:
        raise click.UsageError(f"expected the ids of tasks or --all, got both: {' '.join(names)}")
    for name in set(names).difference(tasks.ids()):
        tasks.task(name)  # raises: a slip of the pen is told now, and not after an hour of other tasks
    if xml is not None:
        _require_writable(xml)
    asked = checking.Asked(only=tuple(Gate(name) for name in only) or tuple(Gate), runs=runs, mutants=mutants)
    talk = Console(stderr=True)
    checks = []
    with (
        wiring.by_hand(config) if asked.needs_sandbox() else contextlib.nullcontext() as box,
        _Talk(talk) as progress,
    ):
        for name in tasks.ids() if everything else dict.fromkeys(names):
            label = wiring.hand_label()
            checks.append(checking.check(tasks, name, box, label=label, asked=asked, progress=progress))
    if xml is not None:
        xml.write_bytes(junit.dump(checks))
    if as_json:
        click.echo(json.dumps([one.dump() for one in checks], indent=2, ensure_ascii=False))
    else:
        wrong = [one.task_id for one in checks if one.state is not State.PASSED]
        told = f": {', '.join(wrong[:20])}" if wrong else ""
        click.echo(f"{len(checks)} tasks checked, {len(wrong)} to mend{told}")
    states = {one.state for one in checks}
    context.exit(3 if State.BROKEN in states else 2 if State.FAILED in states else 0)


def _require_writable(xml: Path) -> None:
    """Make the folder of a report, before all that it will tell of has run.

    Raises:
        click.UsageError: it cannot be written there.
    """
    try:
        xml.parent.mkdir(parents=True, exist_ok=True)
        xml.open("ab").close()
    except OSError as error:
        raise click.UsageError(
            f"expected --junit to name a file that can be written, got {xml}: {error.strerror}"
        ) from error


class _Talk:
    """Tells how it goes on standard error: a moving line where that is a terminal, and one for each gate."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[where]}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._at = self._bar.add_task("", where="", what="", total=None)
        self._shown: str | None = None

    def __enter__(self) -> _Talk:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, task_id: str, gate: Gate) -> None:
        """A gate begins."""
        if task_id != self._shown:
            self._shown = task_id
            self._console.print(display.plain(task_id), style="bold")
        where = display.plain(f"{task_id}: {gate.value}")
        self._bar.reset(self._at, total=None, where=where, what="")

    def step(self, done: int, total: int, what: str) -> None:
        """So many of so many steps are done."""
        self._bar.update(self._at, completed=done, total=total, what=display.plain(what[:_WIDTH]))

    def end(self, gated: Gated) -> None:
        """The gate is done: say what it came to."""
        line = f"  {_MARKS[gated.state]} {gated.gate.value}: {display.plain(gated.found.told or gated.state)}"
        self._console.print(f"{line} [dim]({gated.seconds:.1f} s)[/]", highlight=False, soft_wrap=True)
        for one in gated.found.findings:
            style = "red" if one.serious else "yellow"
            self._console.print(Text(f"    {report.shown(str(one))}", style=style), soft_wrap=True)
            for detail in one.detail.splitlines():
                shade = "green" if detail.startswith("+") else "red" if detail.startswith("-") else "dim"
                self._console.print(Text(f"      {report.shown(detail)}", style=shade), soft_wrap=True)
