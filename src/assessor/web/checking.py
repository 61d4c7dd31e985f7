"""A credential of anybody's, checked for somebody who sees a browser: every check, told in plain words.

Comes in: bytes that a stranger sent, or an address that they named. Goes out: an `Answer`, which has a line
for each check, those that were not made among them. The checks are `openbadges.checks` and `verify`; nothing
of them is made again here.

What this installation awarded itself is checked against its own store, whoever may see it: whoever has a
credential was given it, but not the evidence that its learner keeps to themselves, which is not looked at.
What others awarded names documents elsewhere, which are fetched within bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from assessor import digest, note, pack, proof, record, statuses, verify
from assessor.entry import IntakeLimits
from assessor.errors import NotFound, RemoteFault, VerificationFailed, VerificationOpen
from assessor.issuer import Issuer
from assessor.openbadges import backing, checks, credential, reading
from assessor.openbadges.asked import Asked, Told
from assessor.openbadges.reading import many, text_of
from assessor.openbadges.remote import Remote
from assessor.openbadges.sources import PROOF, Files, Sources
from assessor.parts import Parts
from assessor.verify import Check
from assessor.web.answer import Answer, Line, Said, Shown, Stands, Verdict

log = structlog.get_logger(__name__)

#: How many are checked at once, a third of the threads that answer; how many of them for one address; and
#: when others are told to come back, seconds.
AT_ONCE = 5
EACH = 2
RETRY_S = 10
#: The most that a pack may be here: all of it is in memory at once.
PACK = IntakeLimits(
    archive_bytes=reading.FILE_BYTES, total_bytes=32 * 1024**2, files=400, depth=8, name_bytes=240, ratio=200
)
#: The largest picture out of a credential that is shown.
PICTURE_CHARS = 512 * 1024

_PICTURE = re.compile(r"data:image/(png|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")
#: What is meant for the command line, in the words of a check.
_OPTIONS = re.compile(r",? with --[a-z-]+| \([^()]*--[a-z-]+[^()]*\)|: name [^:]*--[a-z-]+[^:]*$")


@dataclass
class _Tally:
    """Lines as they are told."""

    checks: Sequence[Check]
    lines: dict[str, Line] = field(default_factory=dict)

    def tell(self, check: Check, told: Told) -> None:
        stands = Stands(told.state.value)
        words = _unasked(check.name, told.words) if stands is Stands.UNASKED else _plain(told.words)
        self.lines[check.name] = _line(check, stands, words)

    def hold(self, check: Check) -> None:
        self.lines[check.name] = _line(check, Stands.HELD, "")

    def answer(self, problem: VerificationFailed | VerificationOpen | None) -> Answer:
        if isinstance(problem, VerificationFailed):
            return self._refused(problem)
        lines = tuple(self.lines[check.name] for check in self.checks if check.name in self.lines)
        open_ones = any(one.stands is Stands.OPEN for one in lines)
        return Answer(verdict=Verdict.OPEN if open_ones else Verdict.HOLDS, lines=lines)

    def _refused(self, problem: VerificationFailed) -> Answer:
        words = _plain(problem.problem)
        if all(check.name != problem.check for check in self.checks):
            # What came is nothing that any of the checks is of, such as a broken pack.
            first = self.checks[0]
            self.lines = {first.name: _line(first, Stands.REFUSED, words)}
        else:
            failed = next(check for check in self.checks if check.name == problem.check)
            self.lines[failed.name] = _line(failed, Stands.REFUSED, words)
        unmade = "An earlier check does not hold, so this was not looked at."
        lines = tuple(
            self.lines.get(check.name) or _line(check, Stands.UNMADE, unmade)
            for check in self.checks
            if check.name in self.lines or check.name != "members"
        )
        return Answer(verdict=Verdict.REFUSED, lines=lines)


def check(data: bytes, *, email: str | None, parts: Parts, remote: Remote) -> Answer:
    """Whether what somebody sent holds.

    Args:
        data: a credential in any form, a picture that carries one, or a pack; of any content at all.
        email: whose it is to be, or None.
        parts: the world; nothing of it is changed.
        remote: fetches what a credential of somebody else's names.
    """
    issuer, _ = statuses.issuing(parts)
    along = None
    if pack.is_pack(data):
        tally = _Tally(checks.CHECKS)
        try:
            along = pack.read(data, PACK)
        except VerificationFailed as error:
            return tally.answer(error)
        if along.credential is None:
            return _evidence(along, parts, issuer)
        data = along.files[along.credential]
    return _credential(data, along, email, parts, issuer, remote)


def fetch(link: str, remote: Remote) -> bytes:
    """What lies at an address that somebody named.

    Raises:
        RemoteFault: nothing that may be had; not why, which would tell what this machine can reach.
    """
    parts = urlsplit(link)
    if parts.path.endswith(".html"):
        # The page of a credential: the credential lies beside it, where we publish and where others do.
        link = parts._replace(path=f"{parts.path.removesuffix('.html')}.json", query="", fragment="").geturl()
    return Discreet(remote).get(link)


class Discreet(Remote):
    """Fetches as another does, and says only that it failed: why is for the log.

    Args:
        inner: what fetches.
    """

    def __init__(self, inner: Remote) -> None:
        self._inner = inner

    def get(self, url: str) -> bytes:
        """The document at an address.

        Raises:
            RemoteFault: there is none that may be had.
        """
        try:
            return self._inner.get(url)
        except RemoteFault as error:
            log.info("an address gave no document", problem=str(error))
            raise RemoteFault(f"{url[:300]}: expected a public document there, got none") from error


def _credential(
    data: bytes,
    along: pack.Pack | None,
    email: str | None,
    parts: Parts,
    issuer: Issuer,
    remote: Remote,
) -> Answer:
    tally = _Tally(checks.CHECKS)
    try:
        read = reading.read(data)
    except VerificationFailed as error:
        return tally.answer(error)
    trusted = pack.trusted(parts.keyring, issuer)
    sources = Sources(
        named={},
        along=None if along is None else Files(files=along.files, names=along.names),
        remote=Discreet(remote),
    )
    if text_of(read.document.get("issuer")) == issuer.did:
        sources = _own(read, parts, issuer)
    asked = Asked(now=parts.clock(), sources=sources, own=trusted, email=email)
    problem: VerificationFailed | VerificationOpen | None = None
    try:
        checks.credential(data, asked, on_check=tally.tell)
    except (VerificationFailed, VerificationOpen) as error:
        problem = error
    return replace(tally.answer(problem), said=_said(read.document))


def _own(read: reading.Reading, parts: Parts, issuer: Issuer) -> Sources:
    """What we have that stands behind a credential of ours; nothing of it is fetched."""
    name = text_of(read.document) or ""
    award_id = name.rpartition("/")[2].removesuffix(".json").removeprefix("urn:uuid:")
    files: dict[str, bytes] = {}
    names: Mapping[str, str] = {}
    withheld: frozenset[str] = frozenset()
    if name == credential.credential_id(issuer, award_id):
        try:
            found = pack.of(award_id, parts, with_work=False)
        except NotFound:
            files |= _lists(parts)
        else:
            files, names = dict(found.files), found.names
            withheld = frozenset(credential.evidence_id(issuer, one) for one in found.withheld)
            files |= _inclusion(read, award_id, parts)
    return Sources(
        named={f"{issuer.url}/{path}": data for path, data in files.items()},
        along=Files(files=files, names=names),
        withheld=withheld,
    )


def _inclusion(read: reading.Reading, award_id: str, parts: Parts) -> dict[str, bytes]:
    """The log's proof of this very revision: it may be an older one than was issued last."""
    for data in (read.data, digest.canonical(read.document)):
        try:
            made = parts.log.proof(note.Kind.AWARD, award_id, digest.sha256(data))
        except NotFound:
            continue
        return {f"credentials/{award_id}{PROOF}": made}
    return {}


def _lists(parts: Parts) -> dict[str, bytes]:
    """The status lists: all that is left where somebody was erased."""
    found = parts.store.status_lists()
    return {f"status/{one.id}.json": one.body for one in found if one.body is not None}


def _evidence(found: pack.Pack, parts: Parts, issuer: Issuer) -> Answer:
    tally = _Tally(verify.CHECKS)
    trusted = pack.trusted(parts.keyring, issuer)
    keys = proof.keys(backing.engine_keys([trusted]))
    logs = backing.log_keys([trusted])
    if not found.attempts:
        none = "expected a credential or evidence in the pack, got neither"
        return tally.answer(VerificationFailed("envelope", none))
    shown = []
    try:
        for attempt in found.attempts:
            one = found.evidence(attempt)
            verify.evidence(
                record=one.record,
                run=one.run,
                envelope=one.envelope,
                keys=keys,
                bundle=one.submission,
                snapshot=one.task,
                included=_included(one.inclusion, logs),
                on_check=tally.hold,
            )
            shown.append(_shown(record.own(one.record)))
    except VerificationFailed as error:
        return tally.answer(error)
    return replace(tally.answer(None), shown=tuple(shown))


def _shown(of: record.Record) -> Shown:
    decided = of.decision
    return Shown(task=of.task.id, verdict=decided.verdict, total=decided.total, level=decided.level)


def _included(given: bytes | None, keys: tuple[note.Key, ...]) -> Any:
    if given is None or not keys:
        return None
    return lambda record: note.verify_proof(given, digest=record, kind=note.Kind.EVIDENCE, keys=keys)


def _line(check: Check, stands: Stands, words: str) -> Line:
    return Line(number=check.number, name=check.name, sentence=check.sentence, stands=stands, words=words)


def _unasked(name: str, words: str) -> str:
    if name == "schema":
        return "Compared with no schema file; its form was checked above."
    if name == "recipient":
        return "Name the e-mail address that it is to belong to, and this is checked."
    if name == "checkpoint":
        return "Only who saw an earlier state of the log can ask this."
    return _plain(words)


def _plain(words: str) -> str:
    """What a check says, without what is of use on the command line alone."""
    return _OPTIONS.sub("", words).removeprefix("the file: ").strip()[:2000]


def _said(document: Mapping[str, Any]) -> Said:
    subject = next((one for one in many(document.get("credentialSubject")) if isinstance(one, Mapping)), {})
    earned = subject.get("achievement")
    earned = earned if isinstance(earned, Mapping) else {}
    issuer = document.get("issuer")
    called = issuer.get("name") if isinstance(issuer, Mapping) else None
    picture = earned.get("image")
    picture = picture.get("id") if isinstance(picture, Mapping) else picture
    shown = isinstance(picture, str) and len(picture) <= PICTURE_CHARS and _PICTURE.fullmatch(picture)
    return Said(
        name=_text(document.get("name")) or _text(earned.get("name")) or "A credential without a name",
        description=_text(earned.get("description")),
        issuer=_text(called) or _text(text_of(issuer)) or "somebody who is not named",
        since=_text(document.get("validFrom") or document.get("issuanceDate"))[:10] or None,
        until=_text(document.get("validUntil") or document.get("expirationDate"))[:10] or None,
        picture=picture if shown else None,
    )


def _text(value: object) -> str:
    """A text of a stranger's, cut to what a page can bear; empty for anything else."""
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))  # by language
    return value[:1000] if isinstance(value, str) else ""
