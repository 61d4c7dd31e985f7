"""The command line's part for keys: which there are, their public halves, new ones, their passphrase."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from assessor import keyring, note, settings, wiring
from assessor.cli import display
from assessor.errors import NotFound
from assessor.issuer import Method
from assessor.keyring import Keyring
from assessor.openbadges import did
from assessor.settings import Settings
from assessor.signer import PublicKey, Purpose

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
purpose_ = click.Choice([one.value for one in Purpose])


@click.group(name="keys")
def keys_() -> None:
    """The three keys: engine (evidence), issuer (credentials), log (checkpoints)."""


@keys_.command(name="list")
@as_json
@click.pass_obj
def list_(config: Settings, as_json: bool) -> None:
    """List every key that ever signed here, retired ones with their end."""
    with _opened(config) as held:
        rows = held.rows()
        where = {purpose: held.where(purpose) for purpose in Purpose}
    if not as_json:
        Console().print(display.keys_table(rows, where), soft_wrap=True)
        return
    values = [
        {
            "purpose": row.purpose.value,
            "key": row.key_id,
            "multikey": None if row.public is None else did.multikey(row.public.raw),
            "since": _time(row.since),
            "until": _time(row.until),
            "private_half": where[row.purpose] if row.until is None else None,
        }
        for row in rows
    ]
    click.echo(json.dumps(values, indent=2))


@keys_.command()
@click.argument("purpose", type=purpose_, required=False)
@click.option(
    "--form",
    type=click.Choice(["pem", "multikey", "vkey", "did"]),
    default="pem",
    show_default=True,
    help="PEM; multibase text; a line for checkers of the log; the issuer's DID document.",
)
@click.option("--retired", is_flag=True, help="Retired keys too; a DID document has them always.")
@click.pass_obj
def export(config: Settings, purpose: str | None, form: str, retired: bool) -> None:
    """Print the public keys of PURPOSE, or of all: for whoever checks what was signed."""
    wanted = list(Purpose) if purpose is None else [Purpose(purpose)]
    for needed, only in (("vkey", Purpose.LOG), ("did", Purpose.ISSUER)):
        if form == needed:
            if purpose is not None and wanted != [only]:
                raise click.UsageError(f"--form {form}: expected the {only.value}'s key, got the {purpose}'s")
            wanted = [only]
    with _opened(config) as held:
        found = [(one, key) for one in wanted for key in held.keys(one)]
        if not found:
            raise NotFound("expected a key that was used, got none: assessor up makes them")
        if form == "did":
            named = wiring.issuer_of(config, held).did
            document = did.document(named, keyring.methods(named, [key for _, key in found]))
            click.echo(json.dumps(document, indent=2))
            return
    origin = wiring.issuer_written(config).place if form == "vkey" else ""
    for line in _lines([pair for pair in found if retired or pair[1].until is None], form, origin):
        click.echo(line)


def _lines(found: Iterable[tuple[Purpose, PublicKey]], form: str, origin: str) -> Iterator[str]:
    for purpose, key in found:
        if form == "vkey":
            yield note.vkey(origin, key.raw)
        elif form == "multikey":
            yield did.multikey(key.raw)
        else:
            end = "" if key.until is None else f", retired {_time(key.until)}"
            yield f"# {purpose.value} {key.key_id}{end}\n{key.pem.decode().strip()}"


@keys_.command()
@click.argument("purpose", type=purpose_)
@click.option("--keep", is_flag=True, help="Keep the private half of the retired key in keys/retired/.")
@click.option("--lost", is_flag=True, help="The key in use is gone for ever: go on without it.")
@click.option("--new-issuer", is_flag=True, help="Where the issuer is named by its key: become another one.")
@click.confirmation_option(
    prompt="Retire the key in use and remove its private half? What it signed stays valid."
)
@as_json
@click.pass_obj
def rotate(config: Settings, purpose: str, keep: bool, lost: bool, new_issuer: bool, as_json: bool) -> None:
    """Retire the key of PURPOSE and use a new one; what the old one signed stays valid.

    The new one is made as a file, or is the one that ASSESSOR_..._KEY gives now.
    """
    wanted = Purpose(purpose)
    if keep and lost:
        raise click.UsageError("--keep and --lost: expected one of them, since a lost key cannot be kept")
    if wanted is Purpose.ISSUER and not new_issuer and wiring.issuer_written(config).method is Method.KEY:
        raise click.UsageError(
            "the issuer is named by its key (did:key), so a new key is another issuer, who cannot revoke "
            "what this one awarded; name it by its domain first (issuer.yaml, did: web), or add --new-issuer"
        )
    with _opened(config) as held:
        old, new = held.rotate(wanted, now=wiring.now(), keep=keep, lost=lost)
    values = {
        "purpose": purpose,
        "key": new.key_id,
        "since": _time(new.since),
        "retired": [row.key_id for row in old],
    }
    names = ", ".join(row.key_id for row in old) or "no key"
    words = (
        f"{purpose}: {new.key_id} is in use now; {names} is retired. Processes that run go over to it by "
        "themselves, unless a setting gave them the old one. Make a backup: those before hold the old key."
    )
    _print(as_json, values, words)


@keys_.command()
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File that holds the new passphrase; by default it is asked for.",
)
@click.option("--remove", is_flag=True, help="Write the keys without encryption.")
@as_json
@click.pass_obj
def encrypt(config: Settings, passphrase_file: Path | None, remove: bool, as_json: bool) -> None:
    """Encrypt the key files with a new passphrase; the present one is ASSESSOR_KEY_PASSPHRASE."""
    if remove and passphrase_file is not None:
        raise click.UsageError("--remove and --passphrase-file: expected one of them, got both")
    if remove:
        new = None
    elif passphrase_file is not None:
        new = settings.passphrase(passphrase_file, name="--passphrase-file")
    else:
        new = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    with _opened(config) as held:
        written = held.encrypt(new)
    how = "without encryption" if new is None else "under the new passphrase"
    words = f"{len(written)} key files written {how}"
    if new is not None:
        words += (
            "; set ASSESSOR_KEY_PASSPHRASE (or ASSESSOR_KEY_PASSPHRASE_FILE) to it before anything starts"
        )
    _print(as_json, {"files": [str(path) for path in written], "encrypted": new is not None}, words)


@contextlib.contextmanager
def _opened(config: Settings) -> Iterator[Keyring]:
    with contextlib.closing(wiring.store(config)) as store:
        yield wiring.keys_of(config, store)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _print(as_json: bool, values: Any, words: str) -> None:
    click.echo(json.dumps(values, indent=2) if as_json else words)
