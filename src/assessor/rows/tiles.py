"""The log's tree, grown from the leaves in the database, with its tiles in files.

Comes in: an open database, a folder. Goes out: the tree's edge and nodes. What is signed of it is `log`'s.

    <folder>/tile/<level>/<index>           a full tile: 256 hashes; never changes
    <folder>/tile/<level>/<index>.p/<width>  the newest partial tile of a level from 1 on
    <folder>/.draft-<process>-<thread>      a file that is being written

The leaves are the truth and the files a copy that spares the reading of all leaves: a file that is missing or
cut is worked out again from what is below it, and `rebuild` makes all of them anew. So they are not flushed,
and a crash can leave nothing worse than fewer files. Any number of processes may share the folder: whatever
they write at a path is the same, and appears whole.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from assessor import merkle
from assessor.errors import LogFault, StoreFault
from assessor.merkle import HEIGHT, WIDTH
from assessor.rows import ledger
from assessor.rows.database import Database

#: Leaves that are read at a time.
BATCH = 4096

_L = ledger.leaves.c
_AFTER = (
    sa.select(_L.index, _L.entry)
    .where(_L.index >= sa.bindparam("start"), _L.index < sa.bindparam("end"))
    .order_by(_L.index)
)


class Tree:
    """The tree over all leaves that were seen so far; one thread at a time.

    Attributes:
        edge: its right edge; every leaf before its size was committed when it was read.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self.edge = merkle.Edge()
        self._database = database
        self._folder = folder

    def load(self, size: int) -> None:
        """Begin at a tree of this size, of which the tiles were written before, by whomever.

        Raises:
            LogFault: neither tile nor leaf is there.
            StoreFault: the database or a file cannot be used.
        """
        levels: list[tuple[bytes, ...]] = []
        while size >> (HEIGHT * len(levels)):
            levels.append(self._partial(size, len(levels)))
        self.edge = merkle.Edge(size=size, levels=tuple(levels))

    def grow(self) -> None:
        """Take in the leaves that came since.

        Raises:
            LogFault: a leaf is missing among them.
            StoreFault: the database or a file cannot be used; the tree is right as far as it goes.
        """
        before = self.edge
        for entries in self._after(self.edge.size):
            edge, full = self.edge.extended(map(merkle.leaf_hash, entries))
            for tile in full:
                self._write(tile)
            self.edge = edge
        for tile in self.edge.tiles():
            # Those of level 0 change with each leaf and are read from the database faster than written.
            if tile.level and tile not in before.tiles():
                self._write(tile)

    def rebuild(self) -> None:
        """Make the tree, and every tile, from the leaves alone; reads all of them.

        Raises:
            LogFault: a leaf is missing.
            StoreFault: the database or a file cannot be used.
        """
        self.edge = merkle.Edge()
        self.grow()

    def node(self, height: int, index: int) -> bytes:
        """The hash of this subtree, which lies in the tree.

        Raises:
            LogFault: neither its tile nor its leaves are there.
            StoreFault: the database or a file cannot be used.
        """
        found = self.edge.node(height, index)
        if found is None:
            level, tile, start, end = merkle.span(height, index)
            found = merkle.fold(self.full(level, tile).hashes[start:end])
        return found

    def full(self, level: int, index: int) -> merkle.Tile:
        """A full tile: its file, or where that is missing or cut, what the leaves make of it, written anew.

        Raises:
            LogFault: neither it nor its leaves are there.
            StoreFault: the database or a file cannot be used.
        """
        path = merkle.tile_path(level, index)
        data = read(self._folder / path)
        if data is not None and len(data) == WIDTH * merkle.HASH_BYTES:
            return merkle.Tile(level=level, index=index, hashes=merkle.split(data))
        tile = merkle.Tile(level=level, index=index, hashes=self._hashes(level, index, WIDTH))
        self._write(tile)
        return tile

    def entries(self, start: int, end: int) -> tuple[bytes, ...]:
        """The entries of these leaves, the last one excluded.

        Raises:
            LogFault: one of them is missing.
        """
        return _whole(self._rows(start, end), start, end - start)

    def _after(self, start: int) -> Iterator[tuple[bytes, ...]]:
        """The entries of all leaves from this one on, some at a time."""
        while rows := self._rows(start, start + BATCH):
            yield _whole(rows, start, len(rows))
            start += len(rows)
            if len(rows) < BATCH:
                return

    def _rows(self, start: int, end: int) -> Sequence[sa.Row[int, bytes]]:
        with self._database.reading() as connection:
            return connection.execute(_AFTER, {"start": start, "end": end}).all()

    def _partial(self, size: int, level: int) -> tuple[bytes, ...]:
        """The hashes of the partial tile of a level, in a tree of this size."""
        index, width = divmod(size >> (HEIGHT * level), WIDTH)
        if width == 0:
            return ()
        if level:
            # One that is wider, or full, was written for a larger tree: it begins with the same hashes.
            data = read(self._folder / merkle.tile_path(level, index)) or self._widest(level, index)
            if len(data) >= width * merkle.HASH_BYTES:
                return merkle.split(data)[:width]
        return self._hashes(level, index, width)

    def _hashes(self, level: int, index: int, width: int) -> tuple[bytes, ...]:
        """The first hashes of a tile, from the leaves or the tiles below it."""
        start = index * WIDTH
        if level == 0:
            return tuple(map(merkle.leaf_hash, self.entries(start, start + width)))
        return tuple(merkle.fold(self.full(level - 1, start + at).hashes) for at in range(width))

    def _widest(self, level: int, index: int) -> bytes:
        folder = _partials(self._folder, level, index)
        found = [read(path) or b"" for path in (folder.iterdir() if folder.is_dir() else ())]
        return max(found, key=len, default=b"")

    def _write(self, tile: merkle.Tile) -> None:
        write(self._folder, tile.path, tile.data)
        folder = _partials(self._folder, tile.level, tile.index)
        if len(tile.hashes) == WIDTH:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for path in folder.iterdir():
            if path.name != str(len(tile.hashes)):
                path.unlink(missing_ok=True)


def read(path: Path) -> bytes | None:
    """A file, or None where there is none.

    Raises:
        StoreFault: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreFault(f"log {path}: cannot be read: {error}") from error


def write(root: Path, path: str, data: bytes, *, lasting: bool = False) -> None:
    """Put a file at a path below `root`, whole or not at all, in place of what was there.

    Args:
        root: a folder.
        path: below it.
        data: what the file is to hold.
        lasting: whether it is flushed first, so that its name never stands for less.

    Raises:
        StoreFault: it cannot be written; what was there is still there.
    """
    draft = root / f".draft-{os.getpid()}-{threading.get_ident()}"
    target = root / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        try:
            draft.replace(target)
        except FileNotFoundError:
            # Another process has just taken the folder of partial tiles away.
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreFault(f"log {target}: cannot be written: {error}") from error


def _partials(root: Path, level: int, index: int) -> Path:
    return (root / merkle.tile_path(level, index, 1)).parent


def _whole(rows: Sequence[sa.Row[int, bytes]], start: int, count: int) -> tuple[bytes, ...]:
    """The entries of these rows, none of which is missing."""
    found = [index for index, _ in rows]
    for wanted, came in zip(range(start, start + count), [*found, "none"], strict=False):
        if wanted != came:
            raise LogFault(
                f"log: expected leaf {wanted} in the store, got {came}: leaves are never taken away; bring "
                "the database back from a backup that has it"
            )
    return tuple(entry for _, entry in rows)
