"""Publishing for everybody: all that others need to check what was awarded here, as files for any web server.

Comes in: store, blobs, keys, log, and the catalog. Goes out:

    .well-known/did.json, or did.json       the keys behind the issuer's name, where it is a did:web
    issuer.json  index.html                 the issuer
    keys.json  keys/<digits>.pem            every key that ever signed, and until when: a list for `--trust`
    log.vkey  log/checkpoint  log/tile/...  the transparency log
    status/<list>.json                      which awards are revoked
    achievements/<id>.json .html .svg .png
    credentials/<award>.json                the signed credential; .tlog-proof that the log has it
               /<award>.html .svg .png      the same for people, and in a picture
    evidence/<attempt>/record.json run.json evidence.dsse signer.pem index.html record.tlog-proof
    _headers  .htaccess  nginx.conf.example for servers

How much of an award is in it is its `Visibility`. By its link alone a credential is found by nobody who was
not given it: its name is random, and no list names it. Evidence is there where an award that rests on it is.

Nothing in it is private: no name, no address, no submission, no hidden test. Credentials and leaves of the
log hold salted hashes, records hold digests and counts. Which file is written when is left to `tree`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assessor import handout, hosting, judging, note, pack, page, publish, site_pages, statuses, tree
from assessor.achievement import Achievement, TaskRequired
from assessor.awards import AwardRow, Visibility
from assessor.catalog import Catalog
from assessor.errors import AuthorError, NotFound, VerificationFailed
from assessor.issuer import Issuer, Method
from assessor.keyring import methods
from assessor.note import Kind
from assessor.openbadges import artwork, credential, did, trust
from assessor.openbadges.sources import PROOF
from assessor.parts import Parts
from assessor.rubric import Rubric
from assessor.signer import Purpose
from assessor.site_pages import Listed, Pictured, Status
from assessor.task import Task
from assessor.tree import File

#: The bytes of a file of the tree as they are, or None.
There = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """What the catalog has for the pages; what is broken in it is left out, and told by `badge check`.

    Attributes:
        achievements: by id, each after those that it requires.
        tasks: by id.
        rubrics: that of each task, by the task's id.
    """

    achievements: Mapping[str, Achievement]
    tasks: Mapping[str, Task]
    rubrics: Mapping[str, Rubric]


def write(parts: Parts, tasks: Catalog, root: Path) -> tree.Outcome:
    """Bring the tree at `root` up to date.

    Lists that must be signed anew are signed first. One that cannot be is not in the tree: a badge that
    nobody can check is told as such, and never as valid.

    Raises:
        BlobFault: a blob is missing, or the tree cannot be written.
        KeyFault: a key cannot be used.
        StoreFault: the store cannot be read, or the log would not extend what it has shown.
    """
    statuses.republish(parts, now=parts.clock())
    parts.log.write(root / "log")  # it holds all that the proofs below are of
    return tree.update(root, files(parts, tasks, there=_reader(root)))


def files(parts: Parts, tasks: Catalog, *, there: There) -> Iterator[File]:
    """All files of the tree, in the order in which they should appear: what others rest on comes first.

    Args:
        parts: the world.
        tasks: the catalog.
        there: gives what the tree has now; a proof that still holds is not made again.
    """
    issuer, _ = statuses.issuing(parts)
    shelf = _shelf(tasks)
    rows = [row for row in parts.store.awards() if row.credential is not None]
    shown = [row for row in rows if row.visibility is not Visibility.PRIVATE]
    at = _did_path(issuer)
    for name, data in hosting.files(prefix(issuer)).items():
        yield File(name=name, data=data)
    yield from _keys(parts, issuer, at)
    signed_at = {}
    for found in parts.store.status_lists():
        if found.body is not None and found.valid_until is not None:
            signed_at[found.id] = found.valid_until - statuses.LIFE
            yield File(name=f"status/{found.id}.json", data=found.body)
    proofs = _Proofs(parts, there)
    yield File(name="log.vkey", data=f"{proofs.vkey}\n".encode())
    yield from _evidence({name for row in shown for name in row.attempts}, parts, proofs)
    listed: list[tuple[AwardRow, Listed]] = []
    known = set(shelf.achievements)
    for row in shown:
        data = parts.blobs.get(str(row.credential))
        document = json.loads(data)
        yield from _credential(row, data, document, parts, issuer, at, signed_at.get(row.status_list))
        yield from proofs.files(f"credentials/{row.id}{PROOF}", Kind.AWARD, row.id, str(row.credential))
        if row.visibility is Visibility.PUBLIC and row.revoked_at is None:
            listed.append((row, _listed(row, document)))
        if row.achievement_id not in known:
            known.add(row.achievement_id)
            yield from _gone(row.achievement_id, document)
    for one in shelf.achievements.values():
        yield from _achievement(
            one, issuer, shelf, [each for row, each in listed if row.achievement_id == one.id]
        )
    yield from _indexes(issuer, shelf, [each for _, each in listed], did_path=at, log=proofs.vkey)


def _keys(parts: Parts, issuer: Issuer, at: str | None) -> Iterator[File]:
    for purpose in Purpose:
        for key in parts.keyring.keys(purpose):
            yield File(name=f"keys/{key.key_id.removeprefix('sha256:')}.pem", data=key.pem)
    yield File(name=trust.KEYS, data=trust.dump([pack.trusted(parts.keyring, issuer)]))
    if at is not None:
        found = methods(issuer.did, parts.keyring.keys(Purpose.ISSUER))
        yield _json(at, did.document(issuer.did, found))
    yield _json("issuer.json", credential.profile(issuer))


def _evidence(attempts: Iterable[str], parts: Parts, proofs: _Proofs) -> Iterator[File]:
    for attempt_id in sorted(attempts):
        row = parts.store.evidence(attempt_id)
        if row is None:
            raise NotFound(f"attempt {attempt_id}: expected evidence, an award rests on it; there is none")
        record, run, envelope = (parts.blobs.get(name) for name in (row.record, row.run, row.envelope))
        attempt = parts.store.attempt(attempt_id)
        frozen = judging.thaw(attempt.judged_with(parts.store.submission(attempt.submission_id)), parts)
        html = page.evidence_page(record, run, frozen=frozen, key_id=row.key_id)
        found = {
            publish.RECORD: record,
            publish.RUN: run,
            publish.ENVELOPE: envelope,
            publish.SIGNER: parts.keyring.public(row.key_id).pem,
            publish.PAGE: html.encode(),
        }
        for name, data in found.items():
            yield File(name=f"evidence/{attempt_id}/{name}", data=data)
        yield from proofs.files(
            f"evidence/{attempt_id}/{publish.PROOF}", Kind.EVIDENCE, attempt_id, row.record
        )


def _credential(
    row: AwardRow,
    data: bytes,
    document: Mapping[str, Any],
    parts: Parts,
    issuer: Issuer,
    at: str | None,
    as_of: datetime | None,
) -> Iterator[File]:
    base = f"credentials/{row.id}"
    status = Status(
        id=row.id,
        achievement_id=row.achievement_id,
        attempts=frozenset(row.attempts),
        listed=row.visibility is Visibility.PUBLIC,
        revoked_at=row.revoked_at,
        as_of=as_of,
    )
    html = site_pages.credential(document, data, issuer, status, did_path=at)
    yield File(name=f"{base}.json", data=data)
    yield File(name=f"{base}.svg", data=handout.svg(row, parts))
    yield File(name=f"{base}.png", data=handout.png(row, parts))
    yield File(name=f"{base}.html", data=html.encode())


def _achievement(one: Achievement, issuer: Issuer, shelf: Shelf, listed: list[Listed]) -> Iterator[File]:
    base = f"achievements/{one.id}"
    svg = one.image or artwork.svg(one.name, None)
    required = [each.task for each in one.requires if isinstance(each, TaskRequired)]
    judged = [
        credential.Judged(task=shelf.tasks[name], rubric=shelf.rubrics[name])
        for name in required
        if name in shelf.tasks
    ]
    takes = site_pages.takes(one, tasks=shelf.tasks, rubrics=shelf.rubrics, achievements=shelf.achievements)
    html = site_pages.achievement(one, issuer, svg=svg, requirements=takes, awards=listed)
    yield _json(f"{base}.json", credential.achievement(one, issuer, judged))
    yield File(name=f"{base}.svg", data=svg)
    yield File(name=f"{base}.png", data=handout.drawn(one.name, None))
    yield File(name=f"{base}.html", data=html.encode())


def _gone(achievement_id: str, document: Mapping[str, Any]) -> Iterator[File]:
    """An achievement that the catalog has no longer, as somebody was awarded it: its name still answers."""
    earned = document["credentialSubject"]["achievement"]
    yield _json(f"achievements/{achievement_id}.json", earned)


def _indexes(
    issuer: Issuer, shelf: Shelf, listed: list[Listed], *, did_path: str | None, log: str
) -> Iterator[File]:
    pages = {
        "index.html": site_pages.issuer(
            issuer,
            [
                Pictured(achievement=one, svg=one.image or artwork.svg(one.name, None))
                for one in shelf.achievements.values()
            ],
            did_path=did_path,
            log=log,
            picture=issuer.image,
        ),
        "credentials/index.html": site_pages.folder(
            "credentials",
            issuer,
            title="Credentials",
            summary="Each is found by its link. Listed are those whose holders want them seen.",
            awards=listed,
        ),
        "evidence/index.html": site_pages.folder(
            "evidence",
            issuer,
            title="Evidence",
            summary="Each piece of evidence is found by the link in the credential that rests on it.",
        ),
    }
    for name, html in pages.items():
        yield File(name=name, data=html.encode())


class _Proofs:
    """Proofs that the log has what is published."""

    def __init__(self, parts: Parts, there: There) -> None:
        self._log = parts.log
        self._there = there
        self._keys = [note.Key(raw=key.raw) for key in parts.keyring.keys(Purpose.LOG)]

    @property
    def vkey(self) -> str:
        """The log's key, as tools for such logs take it."""
        assert self._log.key.name is not None, "a log signs in its own name"
        return note.vkey(self._log.key.name, self._log.key.raw)

    def files(self, name: str, kind: Kind, subject: str, digest: str) -> Iterator[File]:
        """The proof; one that is there and holds stays, though the log has grown since.

        None for what was judged before there was a log.
        """
        old = self._there(name)
        if old is not None and self._holds(old, kind, digest):
            yield File(name=name, data=old)
            return
        try:
            made = self._log.proof(kind, subject, digest)
        except NotFound:
            return
        yield File(name=name, data=made)

    def _holds(self, proof: bytes, kind: Kind, digest: str) -> bool:
        try:
            note.verify_proof(proof, digest=digest, kind=kind, keys=self._keys)
        except VerificationFailed:
            return False
        return True


def _shelf(tasks: Catalog) -> Shelf:
    achievements, _problems = tasks.sound_achievements()
    found: dict[str, Task] = {}
    rubrics: dict[str, Rubric] = {}
    for name in tasks.ids():
        try:
            found[name] = tasks.task(name)
            rubrics[name] = tasks.rubric(found[name].rubric_id)
        except AuthorError:
            found.pop(name, None)
    return Shelf(achievements={one.id: one for one in achievements}, tasks=found, rubrics=rubrics)


def _listed(row: AwardRow, document: Mapping[str, Any]) -> Listed:
    name = str(document.get("name", row.achievement_id))
    return Listed(id=row.id, name=name, awarded_at=row.awarded_at, valid_until=row.valid_until)


def _did_path(issuer: Issuer) -> str | None:
    """Where the DID document is, below the root; None where the name itself holds the key."""
    if issuer.method is not Method.WEB:
        return None
    return did.web_address(issuer.did).removeprefix(f"{issuer.url}/")


def prefix(issuer: Issuer) -> str:
    """The path at which the tree is served: empty for the root of a host."""
    return "".join(issuer.place.partition("/")[1:])


def _json(name: str, value: Any) -> File:
    return File(name=name, data=json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")


def _reader(root: Path) -> There:
    def read(name: str) -> bytes | None:
        try:
            return (root / name).read_bytes()
        except OSError:
            return None

    return read
