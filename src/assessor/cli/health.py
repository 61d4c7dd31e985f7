"""The command line's part that says how the installation is: once, or to whoever asks over HTTP."""

from __future__ import annotations

import json
import threading

import click
from rich.console import Console

from assessor import health, healthserver, settings, wiring
from assessor.cli import display
from assessor.settings import Settings

#: Exit statuses: well, it waits, a part is missing.
STATUS = {health.State.WELL: 0, health.State.PRESSED: 1, health.State.MISSING: 3}


@click.command(name="health")
@click.option("--serve", metavar="HOST:PORT", help="Answer GET /health there until told to stop.")
@click.option("--parent", type=int, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def health_(context: click.Context, serve: str | None, parent: int | None, as_json: bool) -> None:
    """Say whether work is judged now, and if not, why: 0 well, 1 it waits, 3 a part is missing."""
    config: Settings = context.obj
    looker = wiring.Looker(config)
    if serve is not None:
        stop = threading.Event()
        wiring.stop_on_signals(stop)
        healthserver.serve(settings.address(serve, name="--serve"), looker.report, stop=stop, parent=parent)
        return
    report = looker.report()
    if as_json:
        click.echo(json.dumps(report.values(), indent=2))
    else:
        Console().print(display.health_table(report))
    context.exit(STATUS[report.state])
