"""A backup: everything that is kept, in one folder, made while the system runs, and brought back.

Comes in: an open store, its blobs, the folder of keys. Goes out:

    <backup>/backup.json        what is in it: size and digest of each file, ids of the keys in use
    <backup>/assessor.db        the database at one moment
    <backup>/blobs/sha256/...   every blob that this database names, and no other
    <backup>/keys/...           the signing keys, mode 0600: guard the folder like them

Both directions write beside the target and rename when all is there and checked, so a target is whole or
missing, and neither ever overwrites. Published pages are not in it: they follow from what is. A backup
still holds the learners who were erased after it was made: keep none longer than that may be.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pydantic
import sqlalchemy as sa

from assessor import digest, store
from assessor.blobs import Blobs
from assessor.errors import BlobFault, NotFound, StoreFault
from assessor.rows import keyrows, schema

DATABASE = "assessor.db"
BLOBS = "blobs"
KEYS = "keys"
CONTENTS = "backup.json"


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class Entry(_Strict):
    """One file of a backup."""

    bytes: int
    digest: str


class Contents(_Strict):
    """What a backup says of itself.

    Attributes:
        version: of this format.
        revision: of the database's tables.
        keys: ids of the keys that signed so far.
        files: every file but this one, by path.
    """

    version: Literal[1] = 1
    revision: str
    keys: list[str]
    files: dict[str, Entry]


def create(opened: store.Store, blobs: Blobs, target: Path, *, keys: Path | None) -> Contents:
    """Copy store, blobs and keys to `target` while others go on writing.

    Args:
        opened: the store; SQLite (PostgreSQL brings its own `pg_dump`).
        blobs: the blobs.
        target: a folder that does not exist yet.
        keys: the folder of the signing keys, or None to leave them out.

    Raises:
        StoreFault: the target exists or cannot be written, the store is not SQLite, or a key was rotated at
            this very moment.
        BlobFault: a blob that the store names is missing or wrong: the backup would be worth nothing.
    """
    if opened.file is None:
        raise StoreFault(
            f"backup: expected a SQLite store, got {opened.url}: use the database's own dump, "
            "and copy the blobs after it"
        )
    with _beside(target) as made:
        # The database first: blobs are written before the rows that name them, so all it names are there.
        _copy_database(opened.file, made / DATABASE)
        named, used = _read(made / DATABASE)
        copies = Blobs.open(made / BLOBS)
        for name in sorted(named):
            try:
                copies.put(blobs.get(name))
            except NotFound as error:
                raise BlobFault(f"backup: the store names a blob that is missing: {error}") from error
        if keys is not None and keys.exists():
            _copy_keys(opened, keys, made / KEYS, used)
        contents = Contents(revision=schema.REVISION, keys=sorted(used), files=_entries(made))
        (made / CONTENTS).write_text(json.dumps(contents.model_dump(), indent=1) + "\n")
    return contents


def restore(source: Path, *, home: Path) -> Contents:
    """Bring a backup back as the home of an installation that does not exist yet.

    Args:
        source: a folder that `create` made.
        home: gets `assessor.db`, `blobs/` and `keys/`; missing, or an empty folder.

    Raises:
        StoreFault: `source` is no whole backup, or something is at `home` already; nothing was changed.
    """
    contents = check(source)
    with _beside(home) as made:
        for path in contents.files:
            (made / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy_private(source / path, made / path)
        # Copied bytes are looked at again: a disk that failed meanwhile is found now, not in a year.
        _same(made, contents.files, _entries(made))
    return contents


def check(source: Path) -> Contents:
    """What a backup holds, every file of it looked at.

    Raises:
        StoreFault: it is no backup, or a file is missing, too many, or not as it was made.
    """
    try:
        contents = Contents.model_validate_json((source / CONTENTS).read_bytes())
    except FileNotFoundError as error:
        raise StoreFault(f"backup {source}: expected a folder with {CONTENTS}, there is none") from error
    except (OSError, pydantic.ValidationError) as error:
        raise StoreFault(f"backup {source}: {CONTENTS} cannot be read: {error}") from error
    found = _entries(source)
    found.pop(CONTENTS)
    _same(source, contents.files, found)
    return contents


def _same(folder: Path, expected: Mapping[str, Entry], found: Mapping[str, Entry]) -> None:
    for path in sorted({*expected, *found}):
        if expected.get(path) != found.get(path):
            raise StoreFault(
                f"backup {folder}: {path}: expected {_said(expected.get(path))}, got {_said(found.get(path))}"
            )


def _said(entry: Entry | None) -> str:
    return "no such file" if entry is None else f"{entry.bytes} bytes of {entry.digest}"


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place when the body is done, and goes when it fails."""
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreFault(f"expected nothing at {target}, or an empty folder; nothing was overwritten")
    made = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        made.mkdir(mode=0o700, parents=True)
        yield made
        # Fails, as it should, when somebody has put something there meanwhile.
        made.rename(target)
    except (OSError, sqlite3.Error) as error:
        raise StoreFault(f"{target}: cannot be written, nothing was kept: {error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _copy_database(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    # Online, page by page, of one moment; a plain copy would miss the write-ahead log.
    reader, writer = sqlite3.connect(source, timeout=10), sqlite3.connect(target)
    try:
        reader.backup(writer)
        # One file that needs no log beside it.
        writer.execute("PRAGMA journal_mode=DELETE").close()
    finally:
        writer.close()
        reader.close()


def _read(database: Path) -> tuple[frozenset[str], set[str]]:
    """The blobs that a copied database names, and the keys that signed for it."""
    engine = sa.create_engine(f"sqlite:///{database}", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return store.digests(connection), _key_ids(connection)
    finally:
        engine.dispose()


def _copy_keys(opened: store.Store, source: Path, target: Path, used: set[str]) -> None:
    """Copy the key files that fit the copied database; while this writes, nobody rotates a key."""
    with opened.writing() as connection:
        keyrows.lock(connection)
        if _key_ids(connection) != used:
            raise StoreFault("backup: a key came into use while it was made; make it once more")
        for key in sorted(path for path in source.rglob("*") if path.is_file()):
            if key.name.startswith("."):
                continue  # what a process that died was writing
            place = target / key.relative_to(source)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy_private(key, place)


def _key_ids(connection: sa.Connection) -> set[str]:
    return {row.key_id for row in keyrows.read(connection)}


def _copy_private(source: Path, target: Path) -> None:
    data = source.read_bytes()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _entries(folder: Path) -> dict[str, Entry]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            entry = Entry(bytes=len(data), digest=digest.sha256(data))
            found[path.relative_to(folder).as_posix()] = entry
    return found
