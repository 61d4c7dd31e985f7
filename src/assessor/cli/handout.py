"""The command line's part for handing out what was awarded, and for the address that awards are bound to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from assessor import handout, report, wiring
from assessor.errors import BlobFault
from assessor.rows.audit import Act
from assessor.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command(name="export-badge")
@click.argument("award")
@click.argument("target", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def export_badge(config: Settings, award: str, target: Path, as_json: bool) -> None:
    """Write AWARD to TARGET: .json the credential, .png or .svg the badge with it, .pdf a certificate."""
    form = handout.FORMS.get(target.suffix.lower())
    if form is None:
        raise click.UsageError(f"expected a TARGET that ends in {', '.join(handout.FORMS)}, got {target}")
    with wiring.parts(config, boxed=False) as parts:
        data = form(parts.store.award(award), parts)
    _write(target, data)
    _print(as_json, {"file": str(target), "bytes": len(data)}, f"{target}: {len(data)} bytes")


@click.command(name="linkedin")
@click.argument("award")
@as_json
@click.pass_obj
def linkedin_(config: Settings, award: str, as_json: bool) -> None:
    """Print the address at which a learner adds AWARD to their LinkedIn profile."""
    with wiring.parts(config, boxed=False) as parts:
        url = handout.link(parts.store.award(award), parts)
    _print(as_json, {"url": url}, url)


@click.command()
@click.argument("learner")
@click.argument("target", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def transcript(config: Settings, learner: str, target: Path, as_json: bool) -> None:
    """Write all that LEARNER holds to TARGET, as one signed document (CLR 2.0)."""
    with wiring.parts(config, boxed=False) as parts:
        data = handout.transcript(learner, parts)
    _write(target, data)
    _print(as_json, {"file": str(target), "bytes": len(data)}, f"{target}: {len(data)} bytes")


@click.group()
def learner() -> None:
    """What is known of a learner beside their work."""


@learner.command(name="email")
@click.argument("name")
@click.argument("address", required=False)
@click.option("--remove", is_flag=True, help="Keep none from now on.")
@as_json
@click.pass_obj
def email_(config: Settings, name: str, address: str | None, remove: bool, as_json: bool) -> None:
    """Keep the ADDRESS that awards of the learner NAME are bound to from now on.

    Awards that were given before keep theirs; `assessor reissue` binds one to the new address.
    """
    if remove is (address is not None):
        raise click.UsageError("expected an ADDRESS, or --remove")
    with wiring.parts(config, boxed=False) as parts:
        parts.store.set_email(name, address, act=Act.by_operator(parts.clock()))
    words = f"{name}: no address" if address is None else f"{name}: awards are bound to {address}"
    _print(as_json, {"learner": name, "email": address}, report.shown(words))


def _write(target: Path, data: bytes) -> None:
    # It names a person: for its owner alone, and never half written.
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BlobFault(f"{target}: expected to write it, got: {error}") from error


def _print(as_json: bool, values: Any, words: str) -> None:
    click.echo(json.dumps(values, indent=2) if as_json else words)


hand_out: tuple[click.Command, ...] = (export_badge, linkedin_, transcript, learner)
