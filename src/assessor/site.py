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
not given it: its name is random, and no list names it. Evidence is there where an award that rests on it is,
unless its learner keeps it to themselves.

Nothing in it is private: no name, no address, no submission, no hidden test. Credentials and leaves of the
log hold salted hashes, records hold digests and counts. What is in a file is left to
`site_files`, which file is written when to `tree`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from assessor import hosting, site_files, statuses, tree
from assessor.catalog import Catalog
from assessor.issuer import Issuer
from assessor.note import Kind
from assessor.openbadges.sources import PROOF
from assessor.parts import Parts
from assessor.rows.awards import AwardRow, Visibility
from assessor.site_files import There
from assessor.site_pages import Listed
from assessor.tree import File


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
    shelf = site_files.shelf_of(tasks)
    rows = [row for row in parts.store.awards() if row.credential is not None]
    shown = [row for row in rows if site_files.is_shown(row)]
    at = site_files.did_path_of(issuer)
    for name, data in hosting.files(prefix(issuer)).items():
        yield File(name=name, data=data)
    yield from site_files.keys(parts, issuer, at)
    signed_at = {}
    for found in parts.store.status_lists():
        if found.body is not None and found.valid_until is not None:
            signed_at[found.id] = found.valid_until - statuses.LIFE
            yield File(name=f"status/{found.id}.json", data=found.body)
    proofs = site_files.Proofs(parts, there)
    yield File(name="log.vkey", data=f"{proofs.vkey}\n".encode())
    backed: dict[str, list[AwardRow]] = {}
    withheld = parts.store.withheld()
    for row in shown:
        for attempt_id in set(row.attempts) - withheld:
            backed.setdefault(attempt_id, []).append(row)
    for attempt_id in sorted(backed):
        yield from site_files.evidence(attempt_id, backed[attempt_id], parts, issuer, proofs)
    listed: list[tuple[AwardRow, Listed]] = []
    known = set(shelf.achievements)
    for row in shown:
        data = parts.blobs.get(str(row.credential))
        document = json.loads(data)
        as_of = signed_at.get(row.status_list)
        yield from site_files.award(row, data, document, parts, issuer, at, as_of, withheld=withheld)
        yield from proofs.files(f"credentials/{row.id}{PROOF}", Kind.AWARD, row.id, str(row.credential))
        if row.visibility is Visibility.PUBLIC and row.revoked_at is None:
            listed.append((row, site_files.listed_of(row, document)))
        if row.achievement_id not in known:
            known.add(row.achievement_id)
            yield from site_files.gone(row.achievement_id, document)
    for one in shelf.achievements.values():
        yield from site_files.achievement(
            one, issuer, shelf, [each for row, each in listed if row.achievement_id == one.id]
        )
    yield from site_files.indexes(issuer, shelf, [each for _, each in listed], did_path=at, log=proofs.vkey)


def prefix(issuer: Issuer) -> str:
    """The path at which the tree is served: empty for the root of a host."""
    return "".join(issuer.place.partition("/")[1:])


def _reader(root: Path) -> There:
    def read(name: str) -> bytes | None:
        try:
            return (root / name).read_bytes()
        except OSError:
            return None

    return read
