"""The files of what is published, made a few at a time: of the issuer, an achievement, an award, an attempt.

Comes in: the world as it is now, and the catalog. Goes out: files by the names that they have in the tree,
which `site` draws. A tree is all of them; a web application that serves what a tree would hold makes those
that are asked for, by the functions `of_...`: the same bytes, but that its pages also lead to what it can do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assessor import handout, judging, note, pack, page, publish, site_pages, statuses
from assessor.achievement import Achievement, TaskRequired
from assessor.catalog import Catalog
from assessor.errors import AuthorError, NotFound, VerificationFailed
from assessor.issuer import Issuer, Method
from assessor.keyring import methods
from assessor.note import Kind
from assessor.openbadges import artwork, credential, did, trust
from assessor.openbadges.sources import PROOF
from assessor.parts import Parts
from assessor.rows.awards import AwardRow, Visibility
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


def of_issuer(parts: Parts) -> Iterator[File]:
    """What is published of the issuer itself but its pages: name and keys, its log's too."""
    issuer, _ = statuses.issuing(parts)
    yield from keys(parts, issuer, did_path_of(issuer))
    yield File(name="log.vkey", data=f"{Proofs(parts, _nothing).vkey}\n".encode())


def of_indexes(parts: Parts, tasks: Catalog) -> Iterator[File]:
    """The pages that list: the issuer's own, and those in place of folders."""
    issuer, _ = statuses.issuing(parts)
    vkey = Proofs(parts, _nothing).vkey
    listed = _all_listed(parts.store.awards(), parts)
    yield from indexes(issuer, shelf_of(tasks), listed, did_path=did_path_of(issuer), log=vkey)


def of_achievement(achievement_id: str, parts: Parts, tasks: Catalog) -> Iterator[File]:
    """What is published of an achievement; nothing where nobody ever knew it."""
    issuer, _ = statuses.issuing(parts)
    shelf = shelf_of(tasks)
    rows = parts.store.awards(achievement=achievement_id)
    known = shelf.achievements.get(achievement_id)
    if known is not None:
        yield from achievement(known, issuer, shelf, _all_listed(rows, parts))
        return
    for row in rows:
        if is_shown(row):
            yield from gone(achievement_id, json.loads(parts.blobs.get(str(row.credential))))
            return


def of_award(
    row: AwardRow, parts: Parts, *, withheld: Set[str], verifier: str | None = None
) -> Iterator[File]:
    """What is published of an award that is shown, but its pictures: drawing them takes longer than the rest.

    Args:
        row: the award.
        parts: the world.
        withheld: attempts whose evidence their learners keep to themselves.
        verifier: where it can be checked in a browser, or None.
    """
    issuer, _ = statuses.issuing(parts)
    data = parts.blobs.get(str(row.credential))
    yield from award(
        row,
        data,
        json.loads(data),
        parts,
        issuer,
        did_path_of(issuer),
        signed_at(row, parts),
        withheld=withheld,
        verifier=verifier,
        packed=f"{row.id}.zip",
        pictures=False,
    )
    proofs = Proofs(parts, _nothing)
    yield from proofs.files(f"credentials/{row.id}{PROOF}", Kind.AWARD, row.id, str(row.credential))


def of_evidence(
    attempt_id: str, shown: Iterable[AwardRow], parts: Parts, *, verifier: str | None = None
) -> Iterator[File]:
    """What is published of an attempt that these awards, all of them shown, rest on.

    Args:
        attempt_id: which; its learner shows it (`Store.withheld`).
        shown: the awards.
        parts: the world.
        verifier: where it can be checked in a browser, or None.
    """
    issuer, _ = statuses.issuing(parts)
    proofs = Proofs(parts, _nothing)
    yield from evidence(attempt_id, shown, parts, issuer, proofs, packed="pack.zip", verifier=verifier)


def is_shown(row: AwardRow) -> bool:
    """Whether what an award is, and what it rests on but for what is withheld, is published."""
    return row.credential is not None and row.visibility is not Visibility.PRIVATE


def signed_at(row: AwardRow, parts: Parts) -> datetime | None:
    """When the list was signed that says whether an award was revoked; None where it was not yet."""
    found = parts.store.status_list(row.status_list)
    return None if found.body is None or found.valid_until is None else found.valid_until - statuses.LIFE


def _nothing(_name: str) -> bytes | None:
    return None


def _all_listed(rows: Iterable[AwardRow], parts: Parts) -> list[Listed]:
    return [
        listed_of(row, json.loads(parts.blobs.get(str(row.credential))))
        for row in rows
        if is_shown(row) and row.visibility is Visibility.PUBLIC and row.revoked_at is None
    ]


def keys(parts: Parts, issuer: Issuer, at: str | None) -> Iterator[File]:
    """The issuer's name and all keys; `at` is where its DID document is, or None."""
    for purpose in Purpose:
        for key in parts.keyring.keys(purpose):
            yield File(name=f"keys/{key.key_id.removeprefix('sha256:')}.pem", data=key.pem)
    yield File(name=trust.KEYS, data=trust.dump([pack.trusted(parts.keyring, issuer)]))
    if at is not None:
        found = methods(issuer.did, parts.keyring.keys(Purpose.ISSUER))
        yield _json(at, did.document(issuer.did, found))
    yield _json("issuer.json", credential.profile(issuer))


def evidence(
    attempt_id: str,
    shown: Iterable[AwardRow],
    parts: Parts,
    issuer: Issuer,
    proofs: Proofs,
    *,
    packed: str | None = None,
    verifier: str | None = None,
) -> Iterator[File]:
    """The evidence of an attempt, which the awards `shown` rest on, with the log's proof of it.

    Raises:
        NotFound: there is no evidence of this attempt.
    """
    row = parts.store.evidence(attempt_id)
    if row is None:
        raise NotFound(f"attempt {attempt_id}: expected evidence, an award rests on it; there is none")
    record, run, envelope = (parts.blobs.get(name) for name in (row.record, row.run, row.envelope))
    attempt = parts.store.attempt(attempt_id)
    frozen = judging.thaw(attempt.judged_with(parts.store.submission(attempt.submission_id)), parts)
    # The achievement's picture, never the award's: who was given this link was not given that one.
    badge = min(one.achievement_id for one in shown)
    card = page.Card(
        url=f"{issuer.url}/evidence/{attempt_id}/",
        site=issuer.name,
        picture=f"{issuer.url}/achievements/{badge}.png",
    )
    html = page.evidence_page(
        record, run, frozen=frozen, key_id=row.key_id, card=card, pack=packed, verifier=verifier
    )
    found = {
        publish.RECORD: record,
        publish.RUN: run,
        publish.ENVELOPE: envelope,
        publish.SIGNER: parts.keyring.public(row.key_id).pem,
        publish.PAGE: html.encode(),
    }
    for name, data in found.items():
        yield File(name=f"evidence/{attempt_id}/{name}", data=data)
    yield from proofs.files(f"evidence/{attempt_id}/{publish.PROOF}", Kind.EVIDENCE, attempt_id, row.record)


def award(
    row: AwardRow,
    data: bytes,
    document: Mapping[str, Any],
    parts: Parts,
    issuer: Issuer,
    at: str | None,
    as_of: datetime | None,
    *,
    withheld: Set[str],
    verifier: str | None = None,
    packed: str | None = None,
    pictures: bool = True,
) -> Iterator[File]:
    """The credential of an award, as it was signed (`data`), as a page and in pictures.

    Args:
        row, data, document: the award, its credential's bytes, and the document in them.
        parts, issuer: the world, and who awards.
        at: where the issuer's DID document is, or None.
        as_of: when its status list was signed, or None.
        withheld: attempts whose evidence their learners keep to themselves; of other awards as well.
        verifier, packed: what its page leads to, as `site_pages.credential` has it.
        pictures: whether they are among it.
    """
    base = f"credentials/{row.id}"
    status = Status(
        id=row.id,
        achievement_id=row.achievement_id,
        attempts=frozenset(row.attempts) - withheld,
        withheld=frozenset(row.attempts) & withheld,
        listed=row.visibility is Visibility.PUBLIC,
        revoked_at=row.revoked_at,
        as_of=as_of,
    )
    html = site_pages.credential(document, data, issuer, status, did_path=at, verifier=verifier, pack=packed)
    yield File(name=f"{base}.json", data=data)
    if pictures:
        yield from pictures_of(row, parts)
    yield File(name=f"{base}.html", data=html.encode())


def pictures_of(row: AwardRow, parts: Parts) -> Iterator[File]:
    """The pictures of an award that is shown, its credential in them."""
    yield File(name=f"credentials/{row.id}.svg", data=handout.svg(row, parts))
    yield File(name=f"credentials/{row.id}.png", data=handout.png(row, parts))


def achievement(one: Achievement, issuer: Issuer, shelf: Shelf, listed: list[Listed]) -> Iterator[File]:
    """An achievement of the catalog, with the awards of it that are listed."""
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


def gone(achievement_id: str, document: Mapping[str, Any]) -> Iterator[File]:
    """An achievement that the catalog has no longer, as somebody was awarded it: its name still answers."""
    earned = document["credentialSubject"]["achievement"]
    yield _json(f"achievements/{achievement_id}.json", earned)


def indexes(
    issuer: Issuer, shelf: Shelf, listed: list[Listed], *, did_path: str | None, log: str
) -> Iterator[File]:
    """The pages that list: the issuer's own, and those in place of folders."""
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


class Proofs:
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


def shelf_of(tasks: Catalog) -> Shelf:
    """What the catalog has."""
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


def listed_of(row: AwardRow, document: Mapping[str, Any]) -> Listed:
    """The line of an award in a list."""
    name = str(document.get("name", row.achievement_id))
    return Listed(id=row.id, name=name, awarded_at=row.awarded_at, valid_until=row.valid_until)


def did_path_of(issuer: Issuer) -> str | None:
    """Where the DID document is, below the root; None where the name itself holds the key."""
    if issuer.method is not Method.WEB:
        return None
    return did.web_address(issuer.did).removeprefix(f"{issuer.url}/")


def _json(name: str, value: Any) -> File:
    return File(name=name, data=json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
