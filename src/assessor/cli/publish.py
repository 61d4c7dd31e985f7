"""The command line's part for what others see: write what is published, and say who may see an award."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from assessor import hosting, site, wiring
from assessor.cli import display
from assessor.errors import BlobFault
from assessor.rows.awards import Visibility
from assessor.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command(name="publish")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--serve", "port", type=click.IntRange(1, 65535), help="Then serve it here, for a trial.")
@as_json
@click.pass_obj
def publish_(config: Settings, target: Path, port: int | None, as_json: bool) -> None:
    """Write all that others need to check our badges to DIR, for any web server.

    What is there from an earlier time is brought up to date; what others put there is left alone.
    """
    with wiring.parts(config, boxed=False) as parts:
        outcome = site.write(parts, wiring.tasks(config), target)
        url, prefix = parts.issuer.url, site.prefix(parts.issuer)
    talk = Console(stderr=True)
    for name in outcome.left:
        talk.print(f"left, since somebody changed it: {display.plain(name)}", style="yellow", soft_wrap=True)
    values = {
        "site": str(target),
        "url": url,
        "files": outcome.files,
        "written": outcome.written,
        "removed": outcome.removed,
        "left": outcome.left,
    }
    _print(
        as_json,
        values,
        f"{target}: {outcome.files} files and the log, {outcome.written} new or changed, "
        f"{outcome.removed} removed; to be served at {url}",
    )
    if port is not None:
        _serve(target, port=port, prefix=prefix, talk=talk)


@click.command()
@click.argument("award")
@click.argument("who", type=click.Choice([one.value for one in Visibility]))
@click.option(
    "--evidence",
    "attempt",
    metavar="ATTEMPT",
    help="Only this piece of its evidence: link, where the award is, or private.",
)
@as_json
@click.pass_obj
def visibility(config: Settings, award: str, who: str, attempt: str | None, as_json: bool) -> None:
    """Say who may see AWARD once it is published: anybody, whoever has its link, or nobody."""
    if attempt is not None:
        _evidence(config, award, attempt, Visibility(who), as_json)
        return
    with wiring.parts(config, boxed=False) as parts:
        row = parts.store.show_award(award, Visibility(who))
    values = {"award": row.id, "visibility": row.visibility.value}
    _print(as_json, values, f"award {row.id} is {row.visibility.value} from the next assessor publish on")


def _evidence(config: Settings, award: str, attempt: str, who: Visibility, as_json: bool) -> None:
    if who is Visibility.PUBLIC:
        raise click.UsageError("expected link or private for evidence, which nothing lists, got public")
    shown = who is Visibility.LINK
    with wiring.parts(config, boxed=False) as parts:
        parts.store.show_evidence(award, {attempt: shown}, now=parts.clock())
    values = {"award": award, "evidence": attempt, "shown": shown}
    words = "shown where the award is" if shown else "kept by its learner"
    _print(as_json, values, f"evidence of {attempt} is {words} from the next assessor publish on")


def _serve(target: Path, *, port: int, prefix: str, talk: Console) -> None:
    try:
        server = hosting.serve(target, port=port, prefix=prefix)
    except OSError as error:
        raise BlobFault(f"port {port}: expected one that is free here, got: {error}") from error
    with server:
        talk.print(f"http://localhost:{port}{prefix}/ until Ctrl-C", highlight=False, soft_wrap=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            talk.print("stopped")


def _print(as_json: bool, values: Any, words: str) -> None:
    click.echo(json.dumps(values, indent=2) if as_json else words)


publishing: tuple[click.Command, ...] = (publish_, visibility)
