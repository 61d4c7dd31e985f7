"""A tree of files that is kept up to date in a folder which others may use as well.

Comes in: names and bytes, one after the other. Goes out:

    <root>/<name>             each file, whole or as it was
          /.written           what was written here: a line a file, the digests of its name and of its bytes
          /.drafts/           being written; gone at the end, of no worth to anybody after a crash

A file that holds the same bytes already is not touched. What was written here and is not named again goes;
what somebody else wrote is neither replaced nor removed. `.written` can be served to anybody: nothing can be
found by it that one does not have.

Written in batches, so that the disk's waits are shared:

    1. drafts of all files, flushed
    2. their lines in `.written`, flushed: a crash after this leaves nothing that is not known as ours
    3. each draft gets its name in one step
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assessor.errors import BlobFault

LEDGER = ".written"
DRAFTS = ".drafts"

#: How many files, and about how many bytes, share the disk's waits.
BATCH = 256
BATCH_BYTES = 16 * 1024**2

_NAME = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_LINE = re.compile(r"([0-9a-f]{64}) ([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of the tree.

    Attributes:
        name: path below the root, with slashes.
        data: its bytes.
    """

    name: str
    data: bytes


@dataclass(kw_only=True)
class Outcome:
    """What came of an update.

    Attributes:
        files: how many files the tree has now.
        written: how many of them are new or changed.
        removed: how many are there no more.
        left: names of files that would have gone, had somebody else not changed them.
    """

    files: int = 0
    written: int = 0
    removed: int = 0
    left: list[str] = field(default_factory=list)


def update(root: Path, files: Iterable[File]) -> Outcome:
    """Make the tree hold these files, and no other that was written here before.

    Where the files end in an error, those that came before it are in the tree, and nothing was removed.

    Raises:
        BlobFault: a file is there that was not written here, the tree is being updated by somebody else, or
            cannot be written.
        ValueError: a name is none, or comes twice.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            return _Update(root).run(files)
    except OSError as error:
        raise BlobFault(f"{root}: expected a folder that can be written, got: {error}") from error


class _Update:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._drafts = root / DRAFTS
        self._known = _read(root / LEDGER)
        self._now: dict[str, str] = {}
        self._outcome = Outcome()

    def run(self, files: Iterable[File]) -> Outcome:
        shutil.rmtree(self._drafts, ignore_errors=True)  # of a run that was killed
        self._drafts.mkdir()
        try:
            for batch in _batches(files):
                self._write(batch)
            self._remove()
            self._settle()
        finally:
            shutil.rmtree(self._drafts, ignore_errors=True)
        self._outcome.files = len(self._now)
        return self._outcome

    def _write(self, batch: list[File]) -> None:
        changed = [file for file in batch if not self._same(file)]
        folders = {self._root}
        for number, file in enumerate(changed):
            _flushed(self._drafts / str(number), file.data)  # 1
        _append(self._root / LEDGER, self._lines(batch))  # 2
        for number, file in enumerate(changed):
            target = self._root / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            (self._drafts / str(number)).replace(target)  # 3
            folders.add(target.parent)
        for folder in folders if changed else ():
            _flush(folder)
        self._outcome.written += len(changed)

    def _lines(self, batch: list[File]) -> str:
        found = [(_hash(file.name.encode()), self._now[file.name]) for file in batch]
        return "".join(f"{name} {data}\n" for name, data in found if data not in self._known[name])

    def _same(self, file: File) -> bool:
        """Whether the tree has it already. Raises BlobFault where somebody else's is in its place."""
        if not _NAME.fullmatch(file.name) or file.name.split("/")[0] in (LEDGER, DRAFTS):
            raise ValueError(f"expected the name of a file in the tree, got {file.name!r}")
        if file.name in self._now:
            raise ValueError(f"expected each name once, got {file.name} again")
        new = self._now[file.name] = _hash(file.data)
        try:
            there = _hash((self._root / file.name).read_bytes())
        except FileNotFoundError:
            return False
        if there != new and there not in self._known[_hash(file.name.encode())]:
            raise BlobFault(
                f"{self._root / file.name}: expected no file, or one that was published here, got another; "
                "move it away, or publish to a folder of its own"
            )
        return there == new

    def _remove(self) -> None:
        """Make all go that was written here before and did not come again."""
        for path in sorted(_files(self._root)):
            name = path.relative_to(self._root).as_posix()
            known = self._known.get(_hash(name.encode()))
            if known is None or name in self._now:
                continue
            if _hash(path.read_bytes()) not in known:
                self._outcome.left.append(name)
                continue
            path.unlink()
            self._outcome.removed += 1
            for folder in path.relative_to(self._root).parents[:-1]:
                with contextlib.suppress(OSError):  # something else is in it
                    (self._root / folder).rmdir()

    def _settle(self) -> None:
        """Write what was written once more, without what is there no longer."""
        lines = sorted(f"{_hash(name.encode())} {data}\n" for name, data in self._now.items())
        text = "".join(lines).encode()
        if not (self._root / LEDGER).exists() or (self._root / LEDGER).read_bytes() != text:
            _flushed(self._drafts / "ledger", text)
            (self._drafts / "ledger").replace(self._root / LEDGER)
        _flush(self._root)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlobFault(
                f"{root}: expected to be alone with it, another process publishes there"
            ) from error
        yield
    finally:
        os.close(folder)


def _batches(files: Iterable[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    size = 0
    for file in files:
        batch.append(file)
        size += len(file.data)
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(ledger: Path) -> defaultdict[str, set[str]]:
    """Digests of bytes by digest of name; a line that a crash cut off says nothing."""
    known: defaultdict[str, set[str]] = defaultdict(set)
    if ledger.exists():
        for line in ledger.read_text("utf-8", "replace").splitlines():
            if found := _LINE.fullmatch(line):
                known[found[1]].add(found[2])
    return known


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name != DRAFTS]
        yield from (Path(folder) / name for name in names)


def _append(ledger: Path, lines: str) -> None:
    if not lines:
        return
    with ledger.open("ab") as file:
        # On a line of its own, whatever a crash left at the end.
        if file.tell():
            file.write(b"\n")
        file.write(lines.encode())
        file.flush()
        os.fsync(file.fileno())


def _flushed(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
