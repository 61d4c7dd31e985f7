"""What everybody may see, by the names that it has where it is published, as the world is now.

Comes in: the name of a file of the published tree (`site` draws it). Goes out: its bytes, made by the same
functions as the tree's. What was made is kept in memory, bounded, for as long as what it was made from stays
as it is: who withdraws an award has withdrawn it with the next request.

    credentials/<award>.*        kept while the award's row and its status list stay; pictures for themselves
    evidence/<attempt>/*         kept while an award that shows it does, and its learner
    achievements/<id>.*          kept while the catalog and the awards of it stay
    index.html ...               likewise
    log/*                        files in a folder, written when the log has grown
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from assessor import pack, site_files, statuses
from assessor.catalog import Catalog
from assessor.errors import NotFound, Withdrawn
from assessor.openbadges import trust
from assessor.parts import Parts
from assessor.rows.awards import AwardRow
from assessor.tree import File

#: How much is kept in memory.
BYTES = 32 * 1024**2

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_FILE = re.compile(r"([A-Za-z0-9_-]{1,100})(\.[a-z-]{2,12})")
_TILE = re.compile(r"tile/(entries|[0-9]{1,2})(/x?[0-9]{3}){1,4}(\.p/[0-9]{1,3})?")

#: What is drawn of an award: for itself, when somebody asks for it.
PICTURES = frozenset({".svg", ".png"})

#: Pages that list, beside those of single things.
INDEXES = frozenset({"index.html", "credentials/index.html", "evidence/index.html"})


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file.

    Attributes:
        data: its bytes.
        mark: the same for the same bytes: 32 hexadecimal digits of their SHA-256.
    """

    data: bytes
    mark: str


@dataclass(kw_only=True)
class _Group:
    """Files that were made together.

    Attributes:
        state: what they were made from.
        files: by name.
        size: bytes of all of them.
        mark: what was as it is now when it was last seen that they stand; None: nothing tells.
    """

    state: Hashable
    files: dict[str, Piece]
    size: int
    mark: Hashable = None


class Exhibit:
    """Gives what everybody may see; threads may share it.

    Args:
        parts: the world.
        catalog: gives the catalog, as it is on disk now.
        folder: where the log's files are written.
        verifier: path of the page on which a credential can be checked, or None.
        most: how many bytes are kept in memory.
    """

    def __init__(
        self,
        *,
        parts: Parts,
        catalog: Callable[[], Catalog],
        folder: Path,
        verifier: str | None,
        most: int = BYTES,
    ) -> None:
        self._parts = parts
        self._catalog = catalog
        self._folder = folder
        self._verifier = verifier
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, _Group] = OrderedDict()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._written: bytes | None = None

    def ready(self, name: str) -> Piece | None:
        """The file of this name, if it is kept and what it stands on was not touched since.

        None: ask for it by `file`. It takes microseconds and waits for nobody.

        Raises:
            StoreFault: the store cannot be read.
        """
        kept = self._group(name)
        if kept is None or kept.mark is None or kept.mark != self._mark(name, kept):
            return None
        return kept.files[name]

    def file(self, name: str) -> Piece:
        """The file of this name.

        Raises:
            NotFound: there is none.
            Withdrawn: there was, and it is not shown any more.
            AuthorError: the catalog cannot be read.
            BlobFault, KeyFault, StoreFault: what it is made from cannot be read.
        """
        kept = self._group(name)
        found: Mapping[str, Piece] = {}
        if kept is None:
            found = self._files(name)
            kept = self._group(name)
        if kept is not None:
            # The mark is older than the look at the rows that follows: who writes in between makes it differ.
            mark = self._mark(name, kept)
            found = self._files(name)
            if kept.files is found:
                kept.mark = mark
        piece = found.get(name)
        if piece is None:
            raise _none()
        return piece

    def _files(self, name: str) -> dict[str, Piece]:
        """The file of this name, with those that were made together with it."""
        folder, _, rest = name.partition("/")
        if name in INDEXES:
            return self._of_catalog("", lambda tasks: site_files.of_indexes(self._parts, tasks), None)
        if folder == "credentials" and (matched := _FILE.fullmatch(rest)):
            return self._award(matched[1], matched[2])
        if folder == "evidence" and _ID.fullmatch(rest.partition("/")[0]):
            return self._evidence(rest.partition("/")[0], rest)
        if folder == "achievements" and (matched := _FILE.fullmatch(rest)):
            own = matched[1]
            return self._of_catalog(
                f"achievements/{own}", lambda tasks: site_files.of_achievement(own, self._parts, tasks), own
            )
        if folder == "status" and (matched := _FILE.fullmatch(rest)):
            return {name: self._status(matched[1], name)}
        if folder == "log" and (rest == "checkpoint" or _TILE.fullmatch(rest)):
            return {name: self._log(rest)}
        return self._issuer()

    def _mark(self, name: str, kept: _Group) -> Hashable:
        """What is as it was, as long as these files stand; None: nothing tells.

        Evidence stands on the row of the award that shows it, and on whether it is withheld; a credential on
        more, so on all of the store.
        """
        if name.startswith("evidence/"):
            return self._parts.store.evidence_as_kept(str(kept.state), name.split("/")[1])
        return self._parts.store.version()

    def award(self, award_id: str) -> AwardRow:
        """An award that is shown.

        Raises:
            NotFound, Withdrawn: as for `file`.
        """
        try:
            row = self._parts.store.award(award_id)
        except NotFound as error:
            raise _none() from error
        if row.credential is None:
            raise Withdrawn("This badge was removed with all that was kept of the person it was about.")
        if not site_files.is_shown(row):
            raise Withdrawn("Whoever this badge belongs to does not show it any more.")
        return row

    def _award(self, award_id: str, ending: str) -> dict[str, Piece]:
        row = self.award(award_id)
        if ending == ".zip":
            return {
                f"credentials/{award_id}.zip": piece(pack.of(row.id, self._parts, with_work=False).dump())
            }
        issuer, _ = statuses.issuing(self._parts)
        if ending in PICTURES:
            return self._made(
                f"credentials/{award_id}.pictures",
                (row, issuer),
                lambda: site_files.pictures_of(row, self._parts),
            )
        withheld = self._parts.store.withheld(row.attempts)
        state = (row, issuer, site_files.signed_at(row, self._parts), withheld)
        verifier = self._checked_at(f"credentials/{row.id}.json")
        return self._made(
            f"credentials/{award_id}",
            state,
            lambda: site_files.of_award(row, self._parts, withheld=withheld, verifier=verifier),
        )

    def _checked_at(self, path: str) -> str | None:
        """Where what is at a path can be checked in a browser, or None."""
        if self._verifier is None:
            return None
        return f"{self._verifier}?link={quote(f'{self._parts.issuer.url}/{path}', safe='')}"

    def _evidence(self, attempt_id: str, rest: str) -> dict[str, Piece]:
        key = f"evidence/{attempt_id}"
        kept = self._look(key)
        # What was signed is never changed: only whether it is shown is asked again, of the award that did.
        if kept is None or not self._shows(str(kept.state), attempt_id):
            shown = self._resting_on(attempt_id)
            verifier = self._checked_at(f"evidence/{attempt_id}/")
            files = site_files.of_evidence(attempt_id, shown, self._parts, verifier=verifier)
            # For as long as the award is shown whose badge is on the page: `site_files.evidence` chooses it.
            kept = self._keep(key, min(shown, key=lambda one: one.achievement_id).id, files)
        if rest.endswith("/pack.zip"):
            made = pack.of_attempt(attempt_id, self._parts, with_work=False)
            return {f"evidence/{attempt_id}/pack.zip": piece(made.dump())}
        return kept.files

    def _shows(self, award_id: str, attempt_id: str) -> bool:
        row = self._parts.store.award(award_id)
        shown = site_files.is_shown(row) and attempt_id in row.attempts
        return shown and not self._parts.store.withheld([attempt_id])

    def _resting_on(self, attempt_id: str) -> tuple[AwardRow, ...]:
        """The awards that are shown and rest on an attempt, at least one."""
        store = self._parts.store
        try:
            submission_id = store.attempt(attempt_id).submission_id
        except NotFound as error:
            raise _none() from error
        try:
            learner = store.learner_of(submission_id)
        except NotFound as error:
            raise Withdrawn(
                "This evidence was removed with all that was kept of the person it was about."
            ) from error
        resting = tuple(one for one in store.awards_of(learner.id).values() if attempt_id in one.attempts)
        if not resting:
            raise _none()
        shown = tuple(filter(site_files.is_shown, resting))
        if not shown or store.withheld([attempt_id]):
            raise Withdrawn("Whoever this evidence is about does not show it any more.")
        return shown

    def _of_catalog(
        self, key: str, make: Callable[[Catalog], Iterable[File]], achievement: str | None
    ) -> dict[str, Piece]:
        tasks = self._catalog()
        issuer, _ = statuses.issuing(self._parts)
        rows = self._parts.store.awards(achievement=achievement)
        shown = hash(tuple((row.id, row.credential, row.visibility, row.revoked_at) for row in rows))
        # The catalog itself is part of it, and not a name of it: so it lives as long as it is compared.
        return self._made(key, (_Same(tasks), issuer, shown), lambda: make(tasks))

    def _issuer(self) -> dict[str, Piece]:
        issuer, _ = statuses.issuing(self._parts)
        state = (issuer, pack.trusted(self._parts.keyring, issuer))
        return self._made(trust.KEYS, state, lambda: site_files.of_issuer(self._parts))

    def _status(self, list_id: str, name: str) -> Piece:
        try:
            found = self._parts.store.status_list(list_id)
        except NotFound as error:
            raise _none() from error
        if found.body is None or name != f"status/{list_id}.json":
            raise _none()
        return piece(found.body)

    def _log(self, name: str) -> Piece:
        path = self._folder / name
        # The checkpoint is asked for first, and the files of its tree afterwards.
        if name == "checkpoint" or not path.is_file():
            with self._writing:
                # Anybody may ask for what there is not: only a tree that was not written yet costs the disk.
                newest = self._parts.log.checkpoint().note
                if newest != self._written or not (self._folder / "checkpoint").is_file():
                    self._written = self._parts.log.write(self._folder).note
        try:
            return piece(path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise _none() from error

    def _made(self, key: str, state: Hashable, make: Callable[[], Iterable[File]]) -> dict[str, Piece]:
        kept = self._look(key)
        if kept is None or kept.state != state:
            kept = self._keep(key, state, make())
        return kept.files

    def _group(self, name: str) -> _Group | None:
        """What is kept of one award, or of one attempt, with this file in it."""
        key = _single(name)
        kept = None if key is None else self._look(key)
        return kept if kept is not None and name in kept.files else None

    def _look(self, key: str) -> _Group | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _keep(self, key: str, state: Hashable, files: Iterable[File]) -> _Group:
        made = {file.name: piece(file.data) for file in files}
        group = _Group(state=state, files=made, size=sum(len(one.data) for one in made.values()))
        with self._lock:
            old = self._kept.pop(key, None)
            self._size -= 0 if old is None else old.size
            # An address that nothing is at costs a line of memory at most: nothing is kept of it.
            if made:
                self._kept[key] = group
                self._size += group.size
            while self._size > self._most:
                _, gone = self._kept.popitem(last=False)
                self._size -= gone.size
        return group


@dataclass(frozen=True, eq=False)
class _Same:
    """Equal to what holds the very same catalog."""

    tasks: Catalog

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.tasks is self.tasks

    def __hash__(self) -> int:
        return id(self.tasks)


def _single(name: str) -> str | None:
    """What the files of one award, or of one attempt, are kept under; None for any other.

    Those are made of the store alone; others of the catalog, too, of whose files the store knows nothing.
    """
    folder, _, rest = name.partition("/")
    if folder == "evidence":
        return f"evidence/{rest.partition('/')[0]}"
    return f"credentials/{rest.rpartition('.')[0]}" if folder == "credentials" else None


def piece(data: bytes) -> Piece:
    """A file of these bytes."""
    return Piece(data=data, mark=hashlib.sha256(data).hexdigest()[:32])


def _none() -> NotFound:
    return NotFound("There is no page at this address.")
