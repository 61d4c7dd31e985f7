"""The command line's part for whoever checks: verify, judge again, and packs to do either with elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from assessor import digest, note, pack, proof, publish, reproduce, signer, verify, wiring
from assessor.cli import display
from assessor.errors import FileInvalid, NotFound, RemoteFault, VerificationFailed, VerificationOpen
from assessor.openbadges import backing, checks, did, reading, trust
from assessor.openbadges.asked import Asked, State, Told, left_open, nothing, unasked
from assessor.openbadges.remote import Remote
from assessor.openbadges.sources import Files, Folder, Sources
from assessor.pack import Pack
from assessor.sandbox import protocol
from assessor.settings import Settings
from assessor.verify import Check

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_MARKS = {
    State.HELD: "[green]✓[/]",
    State.OPEN: "[yellow]?[/]",
    State.UNASKED: "[dim]-[/]",
    State.NOTHING: "[dim]-[/]",
}


@click.command(name="verify")
@click.argument("what")
@click.option("--trust", "trusted", multiple=True, help="Issuer to trust: a DID, its keys.json, or a list.")
@click.option("--email", help="Address of the person that it must have been given to.")
@click.option(
    "--online", is_flag=True, help="Fetch what is missing over https; never from private addresses."
)
@click.option(
    "--site",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Copy of what the issuer publishes, to look in instead of fetching.",
)
@click.option("--did-document", "documents", multiple=True, type=_FILE, help="An issuer's did.json.")
@click.option("--status-list", "lists", multiple=True, type=_FILE, help="A status list of the issuer.")
@click.option("--schema", type=_FILE, help="Official JSON Schema that it must fit, too.")
@click.option("--checkpoint", type=_FILE, help="Checkpoint of the log that you saw before.")
@click.option(
    "--key", "keys", multiple=True, type=_FILE, help="Engine's public key (PEM) to trust for evidence."
)
@click.option("--submission", help="Id of the submission that evidence must belong to.")
@as_json
@click.pass_context
def verify_(
    context: click.Context, /, what: str, as_json: bool, submission: str | None, **given: Any
) -> None:
    """Check WHAT: a credential (JSON, token, baked PNG or SVG), a folder of evidence, a pack, or an address.

    Exits with 0 if all that could be asked holds, 1 if it is refused, 3 if something could not be checked.
    """
    config: Settings = context.obj
    asking = _Asking(**given)
    talk = _Talk()
    told: dict[str, Any] = {"what": what}
    problem: VerificationFailed | VerificationOpen | None = None
    try:
        _checked(what, config, asking, submission, talk)
    except (VerificationFailed, VerificationOpen) as error:
        if not as_json and isinstance(error, VerificationFailed):
            talk.refused(error)
            raise  # told in one place, with its check
        problem = error
    verdict = {None: "holds", VerificationFailed: "refused", VerificationOpen: "cannot tell"}[
        None if problem is None else type(problem)
    ]
    told |= {"verdict": verdict, "holds": problem is None, "checks": talk.told}
    if isinstance(problem, VerificationFailed):
        told["refused"] = {
            "number": talk.number(problem.check),
            "check": problem.check,
            "problem": problem.problem,
        }
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"{display.plain(what)}: {talk.summary(problem)}")
    context.exit({"holds": 0, "refused": 1, "cannot tell": 3}[verdict])


@click.command(name="reproduce")
@click.argument("what")
@click.option("--attempt", help="Of a pack with several, the one to judge again; all of them by default.")
@as_json
@click.pass_context
def reproduce_(context: click.Context, what: str, attempt: str | None, as_json: bool) -> None:
    """Judge WHAT (an attempt's id, or a pack) again and compare the records."""
    config: Settings = context.obj
    with ExitStack() as stack:
        if Path(what).is_file():
            found = pack.read(_read(Path(what)))
        else:
            parts = stack.enter_context(wiring.parts(config, boxed=False))
            found = pack.of_attempt(what, parts, with_work=True)
        box = stack.enter_context(wiring.by_hand(config))
        chosen = found.attempts if attempt is None else (attempt,)
        if not chosen:
            raise NotFound(f"{what}: expected a pack with evidence, got one without")
        results = [(one, *_again(found, one, box)) for one in chosen]
    values = [
        {
            "attempt": one,
            "same": compared.same,
            "causes": list(compared.causes),
            "tests": list(compared.tests),
            "record": digest.sha256(new),
        }
        for one, new, compared in results
    ]
    same = all(compared.same for _, _, compared in results)
    if as_json:
        click.echo(
            json.dumps(values[0] if len(values) == 1 else {"same": same, "attempts": values}, indent=2)
        )
    else:
        for _, new, compared in results:
            if compared.same:
                click.echo(f"the same record came out again: {digest.sha256(new)}")
            for cause in compared.causes:
                click.echo(f"differs: {display.plain(cause)}")
    context.exit(0 if same else 1)


@click.command(name="export-pack")
@click.argument("what")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--with-work",
    is_flag=True,
    help="Put the tasks, hidden tests and all, and the learner's files in, to judge it again elsewhere.",
)
@as_json
@click.pass_context
def export_pack(context: click.Context, what: str, target: Path, with_work: bool, as_json: bool) -> None:
    """Write WHAT (an award's or an attempt's id) to TARGET, with all that it takes to check it offline."""
    with wiring.parts(context.obj, boxed=False) as parts:
        made = pack.of(what, parts, with_work=with_work)
    data = made.dump()
    pack.write(target, data)
    for attempt in made.withheld:
        click.echo(f"left out, since the learner keeps it to themselves: evidence of {attempt}", err=True)
    if as_json:
        click.echo(
            json.dumps({"pack": str(target), "bytes": len(data), "digest": digest.sha256(data)}, indent=2)
        )
        return
    warning = "; it holds hidden tests and the learner's files" if with_work else ""
    click.echo(f"{target}: {len(data)} bytes{warning}")


check = (verify_, reproduce_, export_pack)


@dataclass(frozen=True, kw_only=True)
class _Asking:
    """What was named on the command line."""

    trusted: tuple[str, ...]
    email: str | None
    online: bool
    site: Path | None
    documents: tuple[Path, ...]
    lists: tuple[Path, ...]
    schema: Path | None
    checkpoint: Path | None
    keys: tuple[Path, ...]


@dataclass
class _Talk:
    """Tells each check as it is made, and remembers it."""

    told: list[dict[str, Any]] = field(default_factory=list)
    checks: tuple[Check, ...] = checks.CHECKS

    def evidence(self, check: Check) -> None:
        """A check of evidence by itself, which holds."""
        self.check(check, Told(state=State.HELD, words=""))

    def check(self, check: Check, told: Told) -> None:
        """A check that does not refuse."""
        said = f" {told.words}" if told.state is State.HELD else f" {told.state.value}: {told.words}"
        Console(stderr=True).print(
            f"{_MARKS[told.state]} {check.number}. {check.sentence}"
            + (f"[dim]{display.line(said)}[/]" if told.words else ""),
            highlight=False,
            soft_wrap=True,
        )
        self.told.append(
            {
                "number": check.number,
                "name": check.name,
                "state": told.state.value,
                "sentence": check.sentence,
                "words": told.words,
            }
        )

    def refused(self, problem: VerificationFailed) -> None:
        """The check that does not hold."""
        for check in self.checks:
            if check.name == problem.check:
                Console(stderr=True).print(
                    f"[red]✗[/] {check.number}. {check.sentence} [red]It does not hold.[/]",
                    highlight=False,
                    soft_wrap=True,
                )

    def number(self, name: str) -> int | None:
        """The number of a check of what was looked at; None for what comes before all checks."""
        return next((check.number for check in self.checks if check.name == name), None)

    def summary(self, problem: VerificationFailed | VerificationOpen | None) -> str:
        """What it all comes to, in a line."""
        held = sum(one["state"] == State.HELD.value for one in self.told)
        unasked = [str(one["number"]) for one in self.told if one["state"] == State.UNASKED.value]
        asked = f"; not asked: {', '.join(unasked)}" if unasked else ""
        if problem is None:
            return f"holds, {held} checks{asked}"
        left = [str(one["number"]) for one in self.told if one["state"] == State.OPEN.value]
        return f"cannot tell: {held} checks hold, not checked: {', '.join(left)}{asked}"


def _checked(what: str, config: Settings, asking: _Asking, submission: str | None, talk: _Talk) -> None:
    """Check whatever it is.

    Raises:
        VerificationFailed, VerificationOpen: as the checks do.
    """
    remote = Remote() if asking.online else None
    if what.startswith(("https://", "http://")):
        if remote is None:
            raise click.UsageError(f"{what}: nothing is fetched unless asked for: add --online")
        try:
            data = remote.get(what)
        except RemoteFault as error:
            # It may be there for others, or later: nothing is known of it, which is no refusal.
            talk.check(checks.CHECKS[0], left_open(str(error)))
            raise VerificationOpen({checks.CHECKS[0].name: str(error)}) from error
        _credential(data, what, config, asking, submission, talk, remote=remote, along=None)
        return
    path = Path(what)
    if path.is_dir():
        record, run, envelope = (
            _read(path / name) for name in (publish.RECORD, publish.RUN, publish.ENVELOPE)
        )
        proven = path / publish.PROOF
        inclusion = _read(proven) if proven.exists() else None
        one = pack.Evidence(record=record, run=run, envelope=envelope, inclusion=inclusion)
        _evidence([one], config, asking, submission, talk)
        return
    data = _read(path)
    if not pack.is_pack(data):
        _credential(data, what, config, asking, submission, talk, remote=remote, along=None)
        return
    found = pack.read(data)
    if found.credential is None:
        _evidence([found.evidence(one) for one in found.attempts], config, asking, submission, talk)
        return
    _credential(
        found.files[found.credential], what, config, asking, submission, talk, remote=remote, along=found
    )


def _evidence(
    given: list[pack.Evidence], config: Settings, asking: _Asking, submission: str | None, talk: _Talk
) -> None:
    for option, value in (
        ("--email", asking.email),
        ("--schema", asking.schema),
        ("--checkpoint", asking.checkpoint),
        ("--status-list", asking.lists),
        ("--did-document", asking.documents),
    ):
        if value:
            raise click.UsageError(
                f"expected a credential, of which {option} asks, got evidence alone: it says nothing of that"
            )
    talk.checks = verify.CHECKS
    named = _trust(asking.trusted) or ()
    trusted = [signer.load_public(_read(path), name=str(path)) for path in asking.keys]
    trusted += backing.engine_keys(named)
    logs = backing.log_keys(named)
    if not trusted:
        trusted += wiring.public_keys(config)
        logs = tuple(note.Key(raw=key.raw) for key in wiring.public_keys(config, signer.Purpose.LOG))
    if not trusted:
        raise VerificationFailed(
            "signature", "expected a key to trust: name one with --key or --trust, got none"
        )
    if not given:
        raise VerificationFailed("pack", "expected a pack with a credential or evidence, got one without")
    for one in given:
        verify.evidence(
            record=one.record,
            run=one.run,
            envelope=one.envelope,
            keys=proof.keys(trusted),
            submission=submission,
            bundle=one.submission,
            snapshot=one.task,
            included=_included(one.inclusion, logs),
            on_check=talk.evidence,
        )
        if one.inclusion is None:
            talk.check(verify.CHECKS[-1], nothing("no proof of a log came with it"))
        elif not logs:
            talk.check(verify.CHECKS[-1], unasked("name the log's keys, with --trust"))


def _included(proof: bytes | None, keys: tuple[note.Key, ...]) -> Callable[[str], object] | None:
    """What looks a record up in the log, by the proof that came with it and keys that are known."""
    if proof is None or not keys:
        return None
    return lambda record: note.verify_proof(proof, digest=record, kind=note.Kind.EVIDENCE, keys=keys)


def _credential(
    data: bytes,
    name: str,
    config: Settings,
    asking: _Asking,
    submission: str | None,
    talk: _Talk,
    *,
    remote: Remote | None,
    along: Pack | None,
) -> None:
    if submission is not None:
        raise click.UsageError("expected evidence alone, of which --submission asks, got a credential")
    asked = Asked(
        now=wiring.now(),
        sources=Sources(
            named=dict(_named(path) for path in (*asking.documents, *asking.lists)),
            site=None if asking.site is None else Folder(root=asking.site),
            along=None if along is None else Files(files=along.files, names=along.names),
            remote=remote,
        ),
        trust=_trust(asking.trusted),
        own=wiring.own_issuer(config),
        email=asking.email,
        schema=None if asking.schema is None else (asking.schema.name, _json(asking.schema)),
        seen=None if asking.checkpoint is None else _read(asking.checkpoint),
        engine=tuple(signer.load_public(_read(path), name=str(path)).raw for path in asking.keys),
    )
    checks.credential(data, asked, name=name, on_check=talk.check)


def _named(path: Path) -> tuple[str, bytes]:
    """A document that the verifier names, by the address that it stands for."""
    data = _read(path)
    document = reading.strict(data, name=str(path))
    own = reading.text_of(document)
    if own is None:
        raise VerificationFailed("files", f"{path}: expected a document with an id, got one without")
    return (did.web_address(own) if own.startswith("did:web:") else own), data


def _trust(given: tuple[str, ...]) -> tuple[trust.Trusted, ...] | None:
    """The issuers that are trusted, or None where none was named: another thing than trusting none.

    Raises:
        FileInvalid: a list is none, or two have other keys for one issuer: a school's own list may name
            another school, and whose keys count must not be a matter of order.
    """
    found: list[trust.Trusted] = []
    first: dict[str, tuple[trust.Trusted, str]] = {}
    for one in given:
        if one.startswith(("did:", "https://")):
            found.append(trust.Trusted(id=one))
            continue
        for known in trust.read(_read(Path(one)), name=one):
            if known.issuer or known.engine or known.log:
                before, where = first.setdefault(known.id, (known, one))
                pairs = ((before.engine, known.engine), (before.log, known.log))
                # A DID document has the issuer's own keys alone.
                if before.issuer != known.issuer or any(a and b and a != b for a, b in pairs):
                    raise FileInvalid(
                        one,
                        f"expected the keys that {where} has for {known.id}, got others: name one of them",
                    )
            found.append(known)
    return tuple(found) or None


def _json(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(_read(path))
    except ValueError as error:
        raise VerificationFailed("schema", f"{path}: expected JSON, got: {error}") from error
    if not isinstance(schema, dict):
        raise VerificationFailed("schema", f"{path}: expected a JSON Schema, got {type(schema).__name__}")
    return schema


def _again(found: Pack, attempt: str, box: protocol.Sandbox) -> tuple[bytes, verify.Comparison]:
    one = found.evidence(attempt)
    if one.task is None or one.submission is None:
        raise VerificationFailed(
            "pack",
            f"expected the work of attempt {attempt} in it, got evidence alone: make it with --with-work",
        )
    return reproduce.again(
        one.record, task=one.task, submission=one.submission, sandbox=box, attempt=wiring.hand_label()
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VerificationFailed("files", f"expected {path}, got: {error.strerror}") from error
