"""Backing: what a credential rests on, and whether the log has it.

Comes in: a credential whose proof was checked. Goes out: what the checks `evidence`, `record`, `inclusion`
and `checkpoint` come to. What a record says of itself is left to `verify`, the log's texts to `note`.

    credential ── digest ──> record.json ── envelope, engine's key ──> signed as the engine made it
        │                        │
        └───── tlog-proof ───────┴──> log's checkpoint ── tiles ──> a checkpoint that was seen before

The engine's key is vouched for by the credential, which names it (`source`) under the issuer's proof; the
log's must come from elsewhere: from the issuer's site, or from who is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assessor import digest, merkle, note, proof, record, signer, verify
from assessor.errors import FileInvalid, KeyFault, RemoteFault, VerificationFailed
from assessor.openbadges import did, digests, structure, trust
from assessor.openbadges.asked import Asked, Told, held, left_open, nothing, unasked
from assessor.openbadges.reading import Reading, many, text_of
from assessor.openbadges.sources import Came, Found

#: Beside a record. Source: `publish`, whose folder it is.
RUN, ENVELOPE = "run.json", "evidence.dsse"
#: Below an issuer's address. Source: C2SP tlog-tiles.
CHECKPOINT, LOG = "log/checkpoint", "log"


@dataclass(frozen=True, kw_only=True)
class Backing:
    """What a credential names as evidence of this engine's kind, with what of it is at hand.

    Attributes:
        records: id and content of each evidence record; None where it is not at hand.
        withheld: ids of those that its learner keeps to themselves; none of them is in `records`.
        told: what the check `evidence` came to.
    """

    records: tuple[tuple[str, bytes | None], ...]
    withheld: tuple[str, ...]
    told: Told


def evidence(document: Mapping[str, Any], asked: Asked) -> Backing:
    """Whether the files that a credential names as evidence are those that it was signed with.

    Raises:
        VerificationFailed: `evidence`: a file is another one.
    """
    records, withheld, checked, missing, fetched = [], [], 0, [], False
    for item in many(document.get("evidence")):
        name = text_of(item)
        if not digests.bound(item) or name is None:
            continue
        if name in asked.sources.withheld:
            withheld.append(name)
            continue
        try:
            found = asked.sources.find(name)
        except RemoteFault as error:
            found, why = None, str(error)
        else:
            why = f"{name} is not here"
        if item.get("mediaType") == record.RECORD_MEDIA_TYPE:
            records.append((name, None if found is None else found.data))
        if found is None:
            missing.append(why)
            fetched = fetched or name.startswith("https://")
            continue
        digests.check(item, found.data, name=name)
        checked += 1
    for item in many(document.get("relatedResource")):
        # Tasks and submissions are no public files: what is at hand must fit, what is not is not asked for.
        name, tree = text_of(item), asked.sources.along
        if name is None or tree is None or name not in tree.names or not digests.bound(item):
            continue
        data = tree.file(tree.names[name])
        if data is not None:
            digests.check(item, data, name=name)
    if missing:
        mend = "--online fetches it, a pack has it" if fetched else "it has no address; a pack has it"
        told = left_open(f"{'; '.join(missing)} ({mend})")
    elif withheld:
        rest = f"; {checked} of its files are those that were signed for" if checked else ""
        told = unasked(f"{_kept(withheld)}{rest}")
    elif checked:
        told = held(f"{checked} of its files are, byte for byte, those that were signed for")
    else:
        told = nothing("the credential binds no evidence by digest")
    return Backing(records=tuple(records), withheld=tuple(withheld), told=told)


def records(document: Mapping[str, Any], backing: Backing, asked: Asked, issuer: str) -> Told:
    """Whether each evidence record is signed by an engine that the issuer vouches for, and adds up.

    Raises:
        VerificationFailed: `record`: it is not.
    """
    if not backing.records:
        if backing.withheld:
            return unasked(_kept(backing.withheld))
        return nothing("it has no evidence record of this engine")
    keys = _engine_keys(document, asked, issuer)
    for name, data in backing.records:
        try:
            run, envelope = (asked.sources.beside(name, one) for one in (RUN, ENVELOPE))
        except RemoteFault as error:
            return left_open(str(error))
        if data is None or run is None or envelope is None:
            return left_open(f"{name} is not here with {RUN} and {ENVELOPE}")
        if not keys:
            return left_open("the credential names no engine, and no key of one is trusted (--key)")
        try:
            verify.evidence(record=data, run=run.data, envelope=envelope.data, keys=keys)
        except VerificationFailed as error:
            raise VerificationFailed("record", f"{name}: {error}") from error
    words = f"{len(backing.records)} evidence records: signed by the engine, and the points add up"
    return unasked(f"{_kept(backing.withheld)}; {words}") if backing.withheld else held(words)


def inclusion(
    read: Reading, backing: Backing, asked: Asked, issuer: str, base: str | None
) -> tuple[Told, tuple[note.Checkpoint, ...]]:
    """Whether the log has the records and the award; and the checkpoints that show it.

    An award that rests on other badges alone is in the log as well. One without records is asked for where
    there is a proof of it, or where the verifier knows a log of its issuer: others' badges are in none.

    Raises:
        VerificationFailed: `inclusion`: a proof does not hold.
    """
    if structure.RECORD in many(read.document["type"]):
        return nothing("a learner record is no award; those in it are"), ()
    if not backing.records and not backing.withheld and not _logged(read, asked, issuer):
        return nothing("it has no evidence record of this engine"), ()
    keys, proven, words = _log_keys(asked, issuer, base)
    if not keys:
        return left_open(words), ()
    shown: list[tuple[str, note.Kind, tuple[str, ...]]] = [
        (name, note.Kind.EVIDENCE, (digest.sha256(data),)) for name, data in backing.records if data
    ]
    own = text_of(read.document)
    if own is None and not shown:
        return left_open("it has no name that the log could have it by"), ()
    if own is not None:
        # As it was issued, or written anew by who kept it: the canonical form is one.
        written = dict.fromkeys((read.data, digest.canonical(read.document)))
        shown.append((own, note.Kind.AWARD, tuple(map(digest.sha256, written))))
    checkpoints, missing = [], [name for name, data in backing.records if data is None]
    for name, kind, forms in shown:
        try:
            found = asked.sources.twin(name)
        except RemoteFault:
            found = None
        if found is None:
            missing.append(name)
        else:
            checkpoints.append(_included(found, kind, forms, keys, name))
    if missing:
        return left_open(f"there is no proof of the log here for {', '.join(missing)}"), tuple(checkpoints)
    if not proven:
        return left_open(words), tuple(checkpoints)
    records = f" and {len(backing.records)} of its records" if backing.records else ""
    words = f"the log has the award{records}"
    told = unasked(f"{_kept(backing.withheld)}; {words}") if backing.withheld else held(words)
    return told, tuple(checkpoints)


def _kept(withheld: Sequence[str]) -> str:
    """That these are not looked at, whoever asks, and what who asks can do."""
    pieces = "1 piece of evidence" if len(withheld) == 1 else f"{len(withheld)} pieces of evidence"
    return f"the learner keeps {pieces} to themselves: ask them"


def _logged(read: Reading, asked: Asked, issuer: str) -> bool:
    """Whether an award without records should be in a log."""
    own, trusted = text_of(read.document), asked.known(issuer)
    if trusted is not None and trusted.log:
        return True
    try:
        return own is not None and asked.sources.twin(own) is not None
    except RemoteFault:
        return False


def checkpoint(checkpoints: tuple[note.Checkpoint, ...], asked: Asked, issuer: str, base: str | None) -> Told:
    """Whether the log only grew since a checkpoint that was seen before.

    Raises:
        VerificationFailed: `checkpoint`: it was rewritten, or the one that was seen is none of this log.
    """
    if not checkpoints:
        return nothing("no checkpoint of a log came with it")
    if asked.seen is None:
        return unasked("name a checkpoint that you saw before, with --checkpoint")
    keys, proven, words = _log_keys(asked, issuer, base)
    try:
        seen = note.verify_checkpoint(asked.seen, keys=keys)
        found = asked.sources.published(base, CHECKPOINT)
        newest = max(checkpoints, key=lambda one: one.size)
        if found is not None:
            latest = note.verify_checkpoint(found.data, keys=keys)
            newest = max((newest, latest), key=lambda one: one.size)
        for one in (seen, *checkpoints):
            older, newer = sorted((one, newest), key=lambda each: each.size)
            _consistent(older, newer, asked, base)
    except VerificationFailed as error:
        raise VerificationFailed("checkpoint", error.problem) from error
    except _NoTile as error:
        return left_open(f"{error} (a copy of the site has the log's tiles, --site; --online fetches them)")
    except RemoteFault as error:
        return left_open(str(error))
    if not proven:
        return left_open(words)
    return held(f"the log of {newest.size} leaves begins with the {seen.size} that you saw")


class _NoTile(Exception):
    """A tile of the log is not at hand."""


def _consistent(older: note.Checkpoint, newer: note.Checkpoint, asked: Asked, base: str | None) -> None:
    if older.origin != newer.origin:
        raise VerificationFailed("log", f"expected a checkpoint of {newer.origin}, got one of {older.origin}")
    if older.size == newer.size and older.root != newer.root:
        raise VerificationFailed(
            "log", f"expected one tree of {newer.size} leaves, got two: each was shown to somebody else"
        )
    if older.root == newer.root or older.size == 0:
        return

    def read(path: str) -> bytes | None:
        found = asked.sources.published(base, f"{LOG}/{path}")
        return None if found is None else found.data

    def node(height: int, index: int) -> bytes:
        try:
            return tiled(height, index)
        except VerificationFailed as error:
            raise _NoTile(error.problem) from error

    tiled = merkle.tiled(read, newer.size)
    merkle.verify_consistency(
        old=older.size,
        old_root=older.root,
        size=newer.size,
        root=newer.root,
        proof=merkle.consistency(older.size, newer.size, node),
    )


def _included(
    found: Found, kind: note.Kind, forms: tuple[str, ...], keys: tuple[note.Key, ...], name: str
) -> note.Checkpoint:
    problem: VerificationFailed | None = None
    for form in forms:
        try:
            return note.verify_proof(found.data, digest=form, kind=kind, keys=keys)
        except VerificationFailed as error:
            problem = problem or error
    assert problem is not None, "there is a form"
    raise VerificationFailed("inclusion", f"{name}: {problem.problem}") from problem


def _engine_keys(document: Mapping[str, Any], asked: Asked, issuer: str) -> dict[str, signer.PublicKey]:
    """The engine's keys: those that the issuer's own signature names, and those that the verifier knows."""
    found: list[signer.PublicKey] = []
    try:
        for subject in many(document.get("credentialSubject")):
            for source in map(text_of, many(subject.get("source"))):
                if source is not None and source.startswith("did:key:"):
                    found.append(public(did.resolve_key(source).raw))
        found += [public(raw) for raw in asked.engine]
        known = asked.known(issuer)
        # Last, so that what is known of a key's end counts whoever else names it.
        found += engine_keys(() if known is None else (known,))
        return proof.keys(found)
    except (KeyFault, VerificationFailed, ValueError) as error:
        raise VerificationFailed("record", f"expected the engine's key, got: {error}") from error


def engine_keys(trusted: Iterable[trust.Trusted]) -> list[signer.PublicKey]:
    """The keys that engines of these issuers sign evidence with.

    Raises:
        VerificationFailed: `controller`: a key is none.
    """
    return [replace(public(did.raw(key.text)), until=key.until) for one in trusted for key in one.engine]


def log_keys(trusted: Iterable[trust.Trusted]) -> tuple[note.Key, ...]:
    """The keys that logs of these issuers sign checkpoints with.

    Raises:
        VerificationFailed: `controller`, `log`: a key is none.
    """
    return tuple(_log_key(key) for one in trusted for key in one.log)


def public(raw: bytes) -> signer.PublicKey:
    """A public key in the form that `verify` takes."""
    pem = Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return signer.load_public(pem, name="the key")


def _log_keys(asked: Asked, issuer: str, base: str | None) -> tuple[tuple[note.Key, ...], bool, str]:
    """The log's keys, whether they are surely its own, and where they are from or why there are none."""
    trusted = asked.known(issuer)
    if trusted is not None and trusted.log:
        return log_keys([trusted]), True, "the list of those you trust"
    try:
        found = asked.sources.published(base, trust.KEYS)
    except RemoteFault as error:
        return (), False, str(error)
    if found is None:
        return (), False, f"the log's keys are not here (--trust names them, --online fetches {trust.KEYS})"
    try:
        said = trust.read(found.data, name=trust.KEYS)
        keys = tuple(_log_key(key) for one in said if one.id == issuer for key in one.log)
    except (FileInvalid, VerificationFailed) as error:
        raise VerificationFailed("inclusion", f"{trust.KEYS}: {error}") from error
    proven = found.came is not Came.ALONG
    if proven:
        return keys, True, "the issuer's site"
    return keys, False, "the log's keys came along with the credential: name those that you know (--trust)"


def _log_key(key: trust.Key) -> note.Key:
    """A key of the log: a Multikey, or the line that tools for logs take."""
    return note.Key(raw=did.raw(key.text)) if key.text.startswith("z") else note.read_vkey(key.text)
