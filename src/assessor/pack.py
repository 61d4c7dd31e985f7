"""Packs: a credential or an attempt's evidence with all that a stranger needs to check it, in one file.

Comes in: files by path, or the bytes of a pack that anybody made. Goes out: the other of the two. Whether any
of it holds is left to `openbadges.checks` and `verify`; judging it again to `reproduce`.

    pack.zip
        pack.json                                   what it is of; paths of what has no address of its own
        credentials/<award>.json  .tlog-proof       the credential as it was issued; the log's proof of it
        did.json keys.json                          the issuer's keys, as they are published
        status/<list>.json                          the list by which it could be revoked
        achievements/<achievement>.json             what it was awarded for
        evidence/<attempt>/                         record.json record.tlog-proof run.json evidence.dsse
                                                    signer.pem
        log/checkpoint                              the log's newest tree
        work/<attempt>/task.tar submission.tar      the frozen task, hidden tests and all, and the learner's
                                                    files: only where they were asked for

Paths are those of the issuer's site, so a pack is a piece of it. It is a zip so that anybody can open one;
the same files give the same bytes.
"""

from __future__ import annotations

import io
import json
import os
import posixpath
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from assessor import digest, keyring, publish, zips
from assessor.entry import IntakeLimits
from assessor.errors import NotFound, StoreFault, UploadRefused, VerificationFailed
from assessor.issuer import Issuer
from assessor.keyring import Keyring
from assessor.note import Kind
from assessor.openbadges import credential, did, reading, resources, trust
from assessor.openbadges.sources import PROOF
from assessor.parts import Parts
from assessor.signer import Purpose

INDEX = "pack.json"
TASK = "task.tar"
SUBMISSION = "submission.tar"

#: The most that a pack may be. One with work holds a task and a submission for each of its attempts.
LIMITS = IntakeLimits(
    archive_bytes=256 * 1024**2, total_bytes=512 * 1024**2, files=4000, depth=8, name_bytes=240, ratio=200
)
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}){0,7}")
_ATTEMPT = r"[A-Za-z0-9_-]{1,64}"


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class Index(_Strict):
    """pack.json.

    Attributes:
        credential: path of the credential, or None where the pack is of an attempt alone.
        attempts: ids of the attempts whose evidence is in it.
        names: paths of what has a name that is no address: a trial's evidence, a task by its digest.
    """

    media_type: Literal["application/vnd.assessor.pack+json"] = "application/vnd.assessor.pack+json"
    schema_version: Literal[1] = 1
    credential: str | None
    attempts: tuple[Annotated[str, pydantic.StringConstraints(pattern=f"^{_ATTEMPT}$")], ...]
    names: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One attempt's evidence, all bytes as they were kept.

    Attributes:
        record, run, envelope: its files.
        inclusion: the log's proof of the record, or None where there is none.
        task, submission: what it takes to judge it again, or None where they were left out.
    """

    record: bytes
    run: bytes
    envelope: bytes
    inclusion: bytes | None = None
    task: bytes | None = None
    submission: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Pack:
    """What is in a pack.

    Attributes:
        files: content by path, `pack.json` apart.
        credential, attempts, names: as in `Index`.
        withheld: ids of attempts that were left out, as their learner keeps them to themselves; who reads a
            pack is not told.
    """

    files: Mapping[str, bytes]
    attempts: tuple[str, ...]
    credential: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()

    def dump(self) -> bytes:
        """The pack as one file, always the same bytes for the same content."""
        index = Index(credential=self.credential, attempts=self.attempts, names=dict(self.names))
        files = {INDEX: digest.canonical(index.model_dump(mode="json")), **self.files}
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=False, compresslevel=6) as archive:
            for path in sorted(files):
                entry = zipfile.ZipInfo(path)  # 1980-01-01: no clock in it
                entry.external_attr = 0o644 << 16
                entry.create_system = 3
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[path])
        return target.getvalue()

    def evidence(self, attempt: str) -> Evidence:
        """The evidence of one of its attempts.

        Raises:
            VerificationFailed: `pack`: it is not in it, or not whole.
        """
        folder, work = f"evidence/{attempt}", f"work/{attempt}"
        needed = (publish.RECORD, publish.RUN, publish.ENVELOPE)
        missing = [name for name in needed if f"{folder}/{name}" not in self.files]
        if missing:
            raise VerificationFailed("pack", f"expected {folder} with {', '.join(missing)}, got it without")
        return Evidence(
            record=self.files[f"{folder}/{publish.RECORD}"],
            run=self.files[f"{folder}/{publish.RUN}"],
            envelope=self.files[f"{folder}/{publish.ENVELOPE}"],
            inclusion=self.files.get(f"{folder}/{publish.PROOF}"),
            task=self.files.get(f"{work}/{TASK}"),
            submission=self.files.get(f"{work}/{SUBMISSION}"),
        )


def is_pack(data: bytes) -> bool:
    """Whether these bytes begin as a pack does."""
    return data.startswith(zips.LOCAL)


def read(data: bytes, limits: IntakeLimits = LIMITS) -> Pack:
    """The pack in one file; nothing is written anywhere, and nothing in it is believed.

    Args:
        data: the file.
        limits: the most that it may be.

    Raises:
        VerificationFailed: `pack`: it is none, or larger than a pack may be.
    """
    if len(data) > limits.archive_bytes:
        raise VerificationFailed("pack", f"expected at most {limits.archive_bytes} bytes, got {len(data)}")
    try:
        files = _files(data, limits)
    except UploadRefused as error:
        raise VerificationFailed("pack", str(error)) from error
    if INDEX not in files:
        raise VerificationFailed("pack", f"expected {INDEX} in it, got a zip without")
    index = _index(files.pop(INDEX))
    for path in (*index.names.values(), *(() if index.credential is None else (index.credential,))):
        if path not in files:
            raise VerificationFailed("pack", f"expected {path!r}, which {INDEX} names, got a pack without")
    return Pack(files=files, credential=index.credential, attempts=index.attempts, names=index.names)


def write(target: Path, data: bytes) -> None:
    """Write a pack to a file that does not exist yet, whole or not at all.

    Raises:
        StoreFault: there is something at the target, or it cannot be written; nothing was left.
    """
    try:
        with target.open("xb") as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                target.unlink()
                raise
    except OSError as error:
        raise StoreFault(f"{target}: expected a file that can be made and written, got: {error}") from error


def of(what: str, parts: Parts, *, with_work: bool) -> Pack:
    """The pack of an award, or of an attempt alone, by its id.

    That of an award is without the evidence that its learner keeps to themselves, whoever makes it.

    Raises:
        NotFound: there is neither of this id, or nothing of it to pack.
        BlobFault: something of it cannot be read.
    """
    try:
        row = parts.store.award(what)
    except NotFound:
        return of_attempt(what, parts, with_work=with_work)
    if row.credential is None:
        raise NotFound(f"award {what}: expected one of a learner who is here, they were erased")
    signed = parts.blobs.get(row.credential)
    document = json.loads(signed)
    path = f"credentials/{row.id}.json"
    files = {
        path: signed,
        path.removesuffix(".json") + PROOF: parts.log.proof(Kind.AWARD, row.id, row.credential),
        f"achievements/{row.achievement_id}.json": digest.canonical(
            document["credentialSubject"]["achievement"]
        ),
    }
    names = {str(document["id"]): path}
    listed = parts.store.status_list(row.status_list)
    if listed.body is not None:
        files[f"status/{listed.id}.json"] = listed.body
    named = {reading.text_of(one) for one in reading.many(document.get("evidence"))}
    withheld = parts.store.withheld(row.attempts)
    attempts = tuple(one for one in row.attempts if one not in withheld)
    for attempt in attempts:
        files |= _evidence(attempt, parts, with_work=with_work)
        if with_work:
            names |= {
                resources.ni(digest.sha256(files[path])): path
                for path in (f"work/{attempt}/{TASK}", f"work/{attempt}/{SUBMISSION}")
            }
        if (own := credential.evidence_id(parts.issuer, attempt)) in named:
            names[own] = f"evidence/{attempt}/{publish.RECORD}"
    return Pack(
        files=files | _public(parts),
        credential=path,
        attempts=attempts,
        names=names,
        withheld=tuple(one for one in row.attempts if one in withheld),
    )


def of_attempt(attempt: str, parts: Parts, *, with_work: bool) -> Pack:
    """The pack of a judged attempt.

    Raises:
        NotFound: there is no evidence of this attempt.
        BlobFault: something of it cannot be read.
    """
    return Pack(files=_evidence(attempt, parts, with_work=with_work) | _public(parts), attempts=(attempt,))


def trusted(keyring: Keyring, issuer: Issuer) -> trust.Trusted:
    """An installation's own keys, as it publishes them for others to trust."""

    def of(purpose: Purpose) -> tuple[trust.Key, ...]:
        keys = keyring.keys(purpose)
        return tuple(trust.Key(text=did.multikey(key.raw), until=key.until) for key in keys)

    return trust.Trusted(
        id=issuer.did,
        name=issuer.name,
        issuer=of(Purpose.ISSUER),
        engine=of(Purpose.ENGINE),
        log=of(Purpose.LOG),
    )


def _evidence(attempt: str, parts: Parts, *, with_work: bool) -> dict[str, bytes]:
    row = parts.store.evidence(attempt)
    if row is None:
        state = parts.store.attempt(attempt).state.value
        raise NotFound(f"attempt {attempt}: expected one with evidence, it is {state}")
    folder, work = f"evidence/{attempt}", f"work/{attempt}"
    files = {
        f"{folder}/{publish.RECORD}": parts.blobs.get(row.record),
        f"{folder}/{publish.RUN}": parts.blobs.get(row.run),
        f"{folder}/{publish.ENVELOPE}": parts.blobs.get(row.envelope),
        f"{folder}/{publish.SIGNER}": parts.keyring.public(row.key_id).pem,
        f"{folder}/{publish.PROOF}": parts.log.proof(Kind.EVIDENCE, attempt, row.record),
    }
    if with_work:
        judged = parts.store.attempt(attempt)
        submission = parts.store.submission(judged.submission_id)
        files[f"{work}/{TASK}"] = parts.blobs.get(judged.judged_with(submission))
        files[f"{work}/{SUBMISSION}"] = parts.blobs.get(submission.bundle)
    return files


def _public(parts: Parts) -> dict[str, bytes]:
    """What an issuer publishes whatever it awards."""
    issuer = parts.issuer
    files = {
        trust.KEYS: trust.dump([trusted(parts.keyring, issuer)]),
        "log/checkpoint": parts.log.checkpoint().note,
    }
    methods = keyring.methods(issuer.did, parts.keyring.keys(Purpose.ISSUER))
    if methods:  # one that has never awarded anything has none
        files["did.json"] = digest.canonical(did.document(issuer.did, methods))
    return files


def _files(data: bytes, limits: IntakeLimits) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for entry in zips.entries(io.BytesIO(data), len(data), limits):
        if entry.folder:
            continue
        if not _PATH.fullmatch(entry.name) or posixpath.normpath(entry.name) != entry.name:
            raise UploadRefused(f"expected plain paths, got {entry.name[:120]!r}")
        if entry.name in found:
            raise UploadRefused(f"expected each path once, got {entry.name!r} twice")
        total += entry.size
        if total > limits.total_bytes:
            raise UploadRefused(f"expected at most {limits.total_bytes} bytes of files, got more")
        found[entry.name] = entry.read()
    return found


def _index(data: bytes) -> Index:
    try:
        digest.read(data, limit_bytes=1024**2)
        return Index.model_validate_json(data)
    except digest.NotCanonical as error:
        raise VerificationFailed("pack", f"{INDEX}: {error}") from error
    except pydantic.ValidationError as error:
        one = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in one["loc"]) or "the whole"
        raise VerificationFailed("pack", f"{INDEX}: {where}: {one['msg']}") from error
