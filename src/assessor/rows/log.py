"""The transparency log: every evidence record, award and change of status, in a tree that only grows.

Comes in: the leaves that `append` has made part of transactions (see `leaves`); the log's key, a folder, a
clock. Goes out: checkpoints, proofs, and a tree of files that any web server can serve. The formats are
`note`'s and `merkle`'s, the tiles `tiles`'.

    checkpoint   leaves -> tiles -> root -> beside the last one? -> signed -> row -> file -> shown
    proof        leaf -> checkpoint that has it -> path -> checked -> text
    write        checkpoint -> tiles and entries -> checkpoint's file

    <folder>/tile/...         the tiles, as `tiles` draws them
    <folder>/checkpoint       the newest checkpoint that this machine has signed

The log never forks, whatever crashes:
- leaves have numbers without a gap, given under one lock, and are never changed;
- a tree is signed only where it begins with the last one that was signed, and the row that says so is
  committed under the same lock before the note is shown to anybody. So there is one note for a size, however
  many processes sign, and a crash in between costs a signature that nobody saw;
- the folder's checkpoint, and the one of a published tree, tell of a database that went back in time (a
  backup that was restored): a log that would contradict them raises `LogFault` and signs nothing.

Source: https://c2sp.org/tlog-tiles, https://c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from assessor import digest as digests
from assessor import merkle, note
from assessor.errors import KeyFault, LogFault, NotFound, VerificationFailed
from assessor.note import Checkpoint, Kind
from assessor.rows import leaves, ledger, schema, tiles
from assessor.rows.database import Database
from assessor.rows.leaves import append, append_missing, evidence_salt
from assessor.signer import Signer

__all__ = ["Checkpoint", "Kind", "Log", "append", "append_missing", "evidence_salt"]

CHECKPOINT = "checkpoint"

#: A process that is so many leaves behind begins again from the tiles, which others have written.
BEHIND = 512

_MEND = "nothing is signed until the database is brought back from a backup"

# Made once: to make a statement takes longer than to run it.
_SIGNED = ledger.checkpoints.insert()
_NEWEST = sa.select(ledger.checkpoints).order_by(ledger.checkpoints.c.size.desc()).limit(1)
_LARGEST = sa.select(sa.func.max(ledger.checkpoints.c.size))
_UNTIL = sa.select(schema.keys.c.until).where(schema.keys.c.key_id == sa.bindparam("key_id"))


class Log:
    """The log of one database; threads may share it."""

    def __init__(
        self,
        *,
        database: Database,
        signer: Signer,
        origin: str,
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        """A log; nothing is read yet.

        Args:
            database: holds the leaves and what was signed.
            signer: the log's key.
            origin: the log's name: the address that it is published at, without `https://`.
            folder: for the tiles; several processes may share it.
            clock: the time, aware, UTC.
        """
        self._database = database
        self._signer = signer
        self._raw = signer.public_raw
        self._origin = origin
        self._folder = folder
        self._clock = clock
        self._tree = tiles.Tree(database, folder)
        self._looked = False
        self._checked: Checkpoint | None = None
        self._lock = threading.RLock()

    @property
    def key(self) -> note.Key:
        """What its checkpoints are checked with."""
        return note.Key(name=self._origin, raw=self._raw)

    def checkpoint(self) -> Checkpoint:
        """The tree of all leaves, signed; the last one where none came since.

        1. Read what was signed last.
        2. Take the new leaves in, tiles first.
        3. Refuse a tree that does not begin with the last one.
        4. Sign, and commit the row, unless another process has just done so.
        5. Write the file that tells of it.

        Raises:
            LogFault: the leaves contradict what was signed: an alarm, nothing was signed.
            KeyFault: the key was retired while this process had it.
            StoreFault: the database or a file cannot be used; nothing is lost, try again.
        """
        with self._lock:
            while True:
                last = self._last()  # 1
                self._grow(last)  # 2, 3
                size = self._tree.edge.size
                if last is not None and last.size == size:
                    return last
                made = self._sign(size, self._tree.edge.root())  # 4
                if self._keep(made, after=last):
                    tiles.write(self._folder, CHECKPOINT, made.note)  # 5
                    self._checked = made
                    return made

    def proof(self, kind: Kind, subject: str, digest: str) -> bytes:
        """The proof that this is in the log; a checkpoint is made where none has it yet.

        Raises:
            NotFound: there is no such leaf.
            LogFault, KeyFault, StoreFault: as `checkpoint`.
        """
        with self._database.reading() as connection:
            found = leaves.find(connection, kind=kind, subject=subject, digest=digest)
        if found is None:
            raise NotFound(f"log: expected a leaf for {kind.value} {subject}, {digest}: there is none")
        index, salt = found
        hash_ = merkle.leaf_hash(note.entry(kind, digest, salt))
        with self._lock:
            last = self._last()
            if last is None or last.size <= index or last.origin != self._origin:
                last = self.checkpoint()
            else:
                self._grow(last)
            try:
                hashes = self._path(hash_, index, last)
            except VerificationFailed:
                self._mend(last)
                try:
                    hashes = self._path(hash_, index, last)
                except VerificationFailed as error:
                    raise LogFault(f"log: leaf {index} is not what was signed; {_MEND}") from error
        return note.proof(kind=kind, salt=salt, index=index, hashes=hashes, checkpoint=last)

    def consistency(self, old: int, size: int) -> tuple[bytes, ...]:
        """The proof that the tree of `size` leaves, which was signed, begins with that of `old` leaves.

        Raises:
            ValueError: there is no such tree yet, or `old` is larger.
            LogFault, StoreFault: as `checkpoint`.
        """
        with self._lock:
            self._grow(self._last())
            if size > self._tree.edge.size:
                raise ValueError(f"expected a tree of at most {self._tree.edge.size} leaves, got {size}")
            return merkle.consistency(old, size, self._tree.node)

    def write(self, target: Path) -> Checkpoint:
        """Publish the log: what a web server serves below its name; the checkpoint that it ends with.

            <target>/checkpoint
            <target>/tile/<level>/<index>, <index>.p/<width>
            <target>/tile/entries/<index>, <index>.p/<width>

        Files that are there stay, a full tile takes the place of its partial ones, the checkpoint is
        written last.

        Raises:
            LogFault: what is published there already is no beginning of this log.
            KeyFault, StoreFault: as `checkpoint`.
        """
        with self._lock:
            made = self.checkpoint()
            if made.origin != self._origin:
                raise LogFault(
                    f"log {self._origin}: the newest tree is signed in the name of {made.origin}, by a "
                    "process with other settings: stop it, or start this one again"
                )
            anew = not self._follows(tiles.read(target / CHECKPOINT), made, str(target))
            for level in range(len(self._tree.edge.levels)):
                for index in range(made.size >> (merkle.HEIGHT * (level + 1))):
                    self._write_full(target, level, index, made, anew=anew)
            for tile in self._tree.edge.tiles():
                tiles.write(target, tile.path, tile.data, lasting=True)
                if tile.level == 0:
                    path = merkle.bundle_path(tile.index, len(tile.hashes))
                    tiles.write(target, path, self._bundle(tile), lasting=True)
            tiles.write(target, CHECKPOINT, made.note, lasting=True)
            return made

    def _last(self) -> Checkpoint | None:
        """What was signed last; looked at, the first time, beside what this machine has shown."""
        # The file before the rows: it is written after them, so they know of it if they know all.
        shown = None if self._looked else tiles.read(self._folder / CHECKPOINT)
        with self._database.reading() as connection:
            last = _newest(connection)
        if not self._looked:
            self._grow(last)
            self._follows(shown, last, str(self._folder))
            if last is not None and last.origin != self._origin:
                self._rename(last)
            self._looked = True
        return last

    def _rename(self, last: Checkpoint) -> None:
        """Begin under a new name, by a leaf that says so: one size is never signed in two names."""
        with self._database.writing() as connection:
            append(
                connection,
                kind=Kind.LOG,
                subject=self._origin,
                digest=digests.sha256(last.note),
                salt=bytes(note.SALT_BYTES[0]),
            )

    def _grow(self, last: Checkpoint | None) -> None:
        """Take all leaves in, and see that they begin with what was signed last."""
        if last is not None and last.size - self._tree.edge.size > BEHIND:
            self._tree.load(last.size)
        self._tree.grow()
        if last != self._checked:
            if not self._begins(last):
                self._mend(last)
            self._checked = last

    def _mend(self, last: Checkpoint | None) -> None:
        """Make all tiles anew; they were damaged, or the leaves were."""
        self._tree.rebuild()
        if not self._begins(last):
            size = 0 if last is None else last.size
            raise LogFault(
                f"log: the leaves in the store do not make the tree of {size} leaves that was signed: a leaf "
                f"was changed or taken away; {_MEND}"
            )

    def _begins(self, last: Checkpoint | None) -> bool:
        """Whether the tree begins with this one, and this one with what was last seen to be signed."""
        for one in (self._checked, last):
            if one is not None and not self._holds(one):
                return False
        return self._checked is None or (last is not None and self._checked.size <= last.size)

    def _holds(self, signed: Checkpoint) -> bool:
        size = signed.size
        return size <= self._tree.edge.size and merkle.root(size, self._tree.node) == signed.root

    def _sign(self, size: int, root: bytes) -> Checkpoint:
        text = note.text(self._origin, size, root)
        signature = self._signer.sign(text)
        signed = note.signed(text, name=self._origin, raw=self._raw, signature=signature)
        return Checkpoint(origin=self._origin, size=size, root=root, note=signed)

    def _keep(self, made: Checkpoint, *, after: Checkpoint | None) -> bool:
        """Commit what was signed; not where something else was signed since `after`."""
        with self._database.writing() as connection:
            count = leaves.locked(connection)
            if connection.execute(_LARGEST).scalar() != (None if after is None else after.size):
                return False
            if count < made.size:
                raise LogFault(
                    f"log: expected {made.size} leaves in the store, as were there before, got {count}: the "
                    "database was put back while this process ran; nothing was signed"
                )
            until = connection.execute(_UNTIL, {"key_id": self._signer.key_id}).scalar()
            if until is not None:
                raise KeyFault(
                    f"log: expected the key that is in use, got {self._signer.key_id}, which was retired "
                    f"{until.isoformat()}: start this process again"
                )
            connection.execute(
                _SIGNED,
                {"size": made.size, "root": made.root, "note": made.note, "signed_at": self._clock()},
            )
        return True

    def _follows(self, shown: bytes | None, last: Checkpoint | None, where: str) -> bool:
        """Whether a checkpoint that was shown is one of this log; False for none, or another log's."""
        try:
            old = None if shown is None else note.read_checkpoint(shown)
        except VerificationFailed:
            old = None  # cut by a crash: it was no more than a copy
        if old is None or old.origin != self._origin:
            return False
        if last is not None and old.size <= last.size:
            if not self._holds(old):
                self._mend(last)
            if self._holds(old):
                return True
        raise LogFault(
            f"log {where}: a tree of {old.size} leaves was signed and shown, which the store does not know "
            f"(its last is of {0 if last is None else last.size}): was an old backup restored? Bring the "
            "newer database back, or give the log another name, which begins a log of its own"
        )

    def _path(self, leaf: bytes, index: int, of: Checkpoint) -> tuple[bytes, ...]:
        """The proof that a leaf is in a signed tree, checked."""
        hashes = merkle.inclusion(index, of.size, self._tree.node)
        merkle.verify_inclusion(leaf, index=index, size=of.size, proof=hashes, root=of.root)
        return hashes

    def _write_full(self, target: Path, level: int, index: int, made: Checkpoint, *, anew: bool) -> None:
        path = merkle.tile_path(level, index)
        bundle = merkle.bundle_path(index) if level == 0 else path
        if not anew and (target / path).exists() and (target / bundle).exists():
            return
        tile = self._tree.full(level, index)
        if merkle.fold(tile.hashes) != self._tree.node(merkle.HEIGHT * (level + 1), index):
            self._mend(made)
            tile = self._tree.full(level, index)
        if level == 0:
            tiles.write(target, bundle, self._bundle(tile), lasting=True)
        tiles.write(target, path, tile.data, lasting=True)
        for one in {path, bundle}:
            shutil.rmtree(target / f"{one}.p", ignore_errors=True)

    def _bundle(self, tile: merkle.Tile) -> bytes:
        """The entries of a tile of level 0, looked at."""
        start = tile.index * merkle.WIDTH
        entries = self._tree.entries(start, start + len(tile.hashes))
        for at, (entry, wanted) in enumerate(zip(entries, tile.hashes, strict=True), start=start):
            if merkle.leaf_hash(entry) != wanted:
                raise LogFault(f"log: leaf {at} is not what was signed; {_MEND}")
        return merkle.bundle(entries)


def _newest(connection: sa.Connection) -> Checkpoint | None:
    row = connection.execute(_NEWEST).first()
    if row is None:
        return None
    origin = note.read_checkpoint(row.note).origin
    return Checkpoint(origin=origin, size=row.size, root=row.root, note=row.note)
