"""Blobs: bytes kept under their own digest.

Comes in: bytes. Goes out: their digest, and later the same bytes, checked. A blob is never changed; what
it means, and when it may go, is in the store.

    <folder>/sha256/ab/cdef...      a blob, mode 0600, by the digits of its digest
    <folder>/new/...                being written; of no worth to anybody after a crash

Kept in a local folder, or by URL in whatever `obstore` reaches (`s3://bucket/prefix`, ...). The folder is
written here and not through obstore: obstore does not flush to disk, and its threads are missing in a
forked child, where every call then waits for ever. So a process that forks children which use an object
store must not use it before.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from assessor import digest
from assessor.errors import BlobFault, NotFound

_URL = re.compile(r"[a-z][a-z0-9+.-]*://")


class Keeper(Protocol):
    """Where blobs lie. Every method may raise OSError, or BlobFault with the keeper's own words."""

    shown: str  #: the place as people are told

    def create(self, items: Mapping[str, bytes]) -> frozenset[str]:
        """Write all of these keys, safe from a power cut, but those that are there; which those were."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write all of it, whatever was there."""
        ...

    def read(self, key: str) -> bytes | None:
        """The bytes, or None where there is no such key."""
        ...

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        ...

    def remove(self, key: str) -> None:
        """Make the key go; it may be gone already."""
        ...

    def walk(self) -> Iterator[str]:
        """All keys, in no order."""
        ...


class Blobs:
    """A place for blobs; made by `open`. Threads and processes may share it."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    @classmethod
    def open(cls, url: str | Path) -> Self:
        """The blobs in this folder (a path or `file://` URL, made where it is missing) or object store.

        Raises:
            BlobFault: it cannot be opened.
        """
        folder = folder_of(url)
        try:
            return cls(_Bucket(str(url)) if folder is None else _Folder(folder))
        except OSError as error:
            raise BlobFault(f"blobs {folder or url}: cannot be opened: {error}") from error

    @property
    def place(self) -> str:
        """Where they are, for people."""
        return self._keeper.shown

    def put(self, data: bytes) -> str:
        """Keep these bytes; their digest. When it returns they are on disk; when it raises nothing is kept.

        Raises:
            BlobFault: they cannot be written; the disk is full, for example.
        """
        return self.put_all([data])[0]

    def put_all(self, data: Sequence[bytes]) -> tuple[str, ...]:
        """`put` for each, in less time: one wait for the disk serves several. Their digests, in order.

        Raises:
            BlobFault: they cannot be written; of several some may be kept, and the same call keeps the rest.
        """
        names = tuple(map(digest.sha256, data))
        items = {_key(name): one for name, one in zip(names, data, strict=True)}
        try:
            for key in self._keeper.create(items):
                # Bytes that are there but wrong (a disk that lied, an old crash) are mended, not trusted.
                if self._keeper.read(key) != items[key]:
                    self._keeper.replace(key, items[key])
        except OSError as error:
            told = ", ".join(f"{name} ({len(one)} bytes)" for name, one in zip(names, data, strict=True))
            kept = "nothing was kept" if len(items) == 1 else "not all are kept"
            raise BlobFault(f"blobs {self.place}: {told} cannot be written, {kept}: {error}") from error
        return names

    def get(self, name: str) -> bytes:
        """The bytes of this digest.

        Raises:
            NotFound: there are none.
            BlobFault: they cannot be read, or are not those that the digest names.
        """
        try:
            data = self._keeper.read(_key(name))
        except OSError as error:
            raise BlobFault(f"blobs {self.place}: {name} cannot be read: {error}") from error
        if data is None:
            # Without the place: who asks for what is gone may be anybody, and `doctor` says where blobs are.
            raise NotFound(f"expected a blob {name}, there is none")
        came = digest.sha256(data)
        if came != name:
            raise BlobFault(f"blobs {self.place}: expected bytes of digest {name}, got {came}")
        return data

    def has(self, name: str) -> bool:
        """Whether bytes of this digest are kept; whether they are right is told by `get`.

        Raises:
            BlobFault: that cannot be told.
        """
        try:
            return self._keeper.has(_key(name))
        except OSError as error:
            raise BlobFault(f"blobs {self.place}: cannot look for {name}: {error}") from error

    def remove(self, name: str) -> None:
        """Make the bytes of this digest go; they may be gone already.

        Raises:
            BlobFault: they cannot be removed.
        """
        try:
            self._keeper.remove(_key(name))
        except OSError as error:
            raise BlobFault(f"blobs {self.place}: {name} cannot be removed: {error}") from error

    def names(self) -> frozenset[str]:
        """The digests of everything that is kept.

        Raises:
            BlobFault: they cannot be listed.
        """
        try:
            found = [key.removeprefix("sha256/").replace("/", "") for key in self._keeper.walk()]
        except OSError as error:
            raise BlobFault(f"blobs {self.place}: cannot be listed: {error}") from error
        return frozenset(name for name in (f"sha256:{digits}" for digits in found) if _is_digest(name))


def folder_of(url: str | Path) -> Path | None:
    """The local folder that a path or URL means, or None for an object store."""
    text = str(url).removeprefix("file://")
    return None if _URL.match(text) else Path(text).absolute()


def _is_digest(name: str) -> bool:
    return digest.PATTERN.fullmatch(name) is not None


def _key(name: str) -> str:
    # A name from outside becomes a path here, so it is nothing but a digest.
    if not _is_digest(name):
        raise NotFound(f"expected a digest (sha256:<64 hex digits>), got {name!r}")
    digits = name.removeprefix("sha256:")
    return f"sha256/{digits[:2]}/{digits[2:]}"


class _Folder:
    """A local folder."""

    def __init__(self, root: Path) -> None:
        self.shown = str(root)
        self._root = root
        self._new = root / "new"
        self._new.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, items: Mapping[str, bytes]) -> frozenset[str]:
        there = {key for key in items if (self._root / key).exists()}
        return frozenset(there | self._write({key: items[key] for key in items.keys() - there}))

    def replace(self, key: str, data: bytes) -> None:
        self._write({key: data}, replace=True)

    def _write(self, items: Mapping[str, bytes], *, replace: bool = False) -> set[str]:
        """Write these keys; those that another process gave a name meanwhile.

        1. All are written under names that nobody looks for, then flushed: the first wait serves them all.
        2. Each is given its own name in one step, which fails where there is one (or replaces it when asked).
        3. The folders are flushed, so that the names are as lasting as the bytes.
        """
        new: dict[str, Path] = {}
        there: set[str] = set()
        folders: dict[Path, None] = {}  # a set that keeps its order: a new folder before the one it is in
        try:
            with contextlib.ExitStack() as stack:
                files = []
                for key, data in items.items():  # 1
                    handle, draft = tempfile.mkstemp(dir=self._new)
                    new[key] = Path(draft)
                    files.append(stack.enter_context(os.fdopen(handle, "wb")))
                    files[-1].write(data)
                    files[-1].flush()
                for file in files:
                    os.fsync(file.fileno())
            for key, path in new.items():  # 2
                target = self._root / key
                made = [folder for folder in (target.parent, target.parent.parent) if not folder.exists()]
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if replace:
                    path.replace(target)
                else:
                    try:
                        os.link(path, target)
                    except FileExistsError:
                        there.add(key)
                        continue
                folders |= dict.fromkeys((target.parent, *(folder.parent for folder in made)))
        finally:
            for path in new.values():
                path.unlink(missing_ok=True)
        for folder in folders:
            _flush(folder)  # 3
        return there

    def read(self, key: str) -> bytes | None:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, key: str) -> bool:
        return (self._root / key).is_file()

    def remove(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def walk(self) -> Iterator[str]:
        top = self._root / "sha256"
        if top.exists():
            for file in top.glob("*/*"):
                yield file.relative_to(self._root).as_posix()


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Bucket:
    """An object store that `obstore` reaches; it has its own idea of safe, and only whole objects."""

    def __init__(self, url: str) -> None:
        # Only those who use an object store wait for its import.
        import obstore
        import obstore.exceptions
        import obstore.store

        # What is before an @ can be a key or a password.
        self.shown = re.sub(r"//[^/@]*@", "//***@", url)
        self._obstore: Any = obstore
        self._failed: Any = obstore.exceptions.BaseError
        self._exists: Any = obstore.exceptions.AlreadyExistsError
        try:
            self._store: Any = obstore.store.from_url(url)
        except (self._failed, ValueError) as error:
            # From None: what the library says may repeat the URL whole.
            said = _first_line(error).replace(url, self.shown)
            raise BlobFault(f"blobs {self.shown}: cannot be opened: {said}") from None

    def create(self, items: Mapping[str, bytes]) -> frozenset[str]:
        there = set()
        for key, data in items.items():
            try:
                self._obstore.put(self._store, key, data, mode="create")
            except self._exists:
                there.add(key)
            except self._failed as error:
                raise self._fault("cannot be written", error) from error
        return frozenset(there)

    def replace(self, key: str, data: bytes) -> None:
        try:
            self._obstore.put(self._store, key, data, mode="overwrite")
        except self._failed as error:
            raise self._fault("cannot be written", error) from error

    def read(self, key: str) -> bytes | None:
        try:
            return bytes(self._obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None
        except self._failed as error:
            raise self._fault("cannot be read", error) from error

    def has(self, key: str) -> bool:
        try:
            self._obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        except self._failed as error:
            raise self._fault("cannot be read", error) from error
        return True

    def remove(self, key: str) -> None:
        try:
            self._obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except self._failed as error:
            raise self._fault("cannot be removed from", error) from error

    def walk(self) -> Iterator[str]:
        try:
            for page in self._obstore.list(self._store, prefix="sha256"):
                for entry in page:
                    yield entry["path"]
        except self._failed as error:
            raise self._fault("cannot be listed", error) from error

    def _fault(self, what: str, error: Exception) -> BlobFault:
        return BlobFault(f"blobs {self.shown}: {what}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
