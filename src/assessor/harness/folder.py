"""A folder that hostile programs write in: filled, read, compared and emptied without following a link.

Comes in: an open folder and relative paths. Goes out: bytes by path. Runs on the learner's side, with the
standard library only; `check_path` serves the grader's side too, on what comes back.

Everything goes through descriptors (`openat` and its kin with `O_NOFOLLOW`), so that a folder that was
moved or replaced by a link while we look at it leads nowhere.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping

#: The deepest path that is written, read or collected, in components.
DEPTH = 24
#: The longest path, bytes of UTF-8.
PATH_BYTES = 1024

#: What a path may cost in a reply beside its own text, bytes.
_PATH_OVERHEAD = 32

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO put in a file's place must not hold us.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderError(Exception):
    """A path, or what lies in the folder, is not as the harness allows it."""


def check_path(path: object) -> str:
    """The path, if it is relative, plain POSIX and within bounds.

    Raises:
        FolderError: it is absolute, empty, too long or too deep, or has a `.`, a `..` or a NUL in it.
    """
    if not isinstance(path, str):
        raise FolderError(f"expected a relative path as text, got {type(path).__name__}")
    parts = path.split("/")
    try:
        length = len(path.encode())
    except UnicodeEncodeError as error:
        raise FolderError(f"expected a path in UTF-8, got {path[:200]!r}") from error
    if length > PATH_BYTES or len(parts) > DEPTH:
        raise FolderError(
            f"expected a path of at most {PATH_BYTES} bytes and {DEPTH} parts, "
            f"got {length} bytes and {len(parts)} parts: {path[:200]!r}"
        )
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise FolderError(f"expected a relative path without '.', '..' and empty parts, got {path[:200]!r}")
    return path


def open_folder(path: str | os.PathLike[str], *, within: int | None = None) -> int:
    """A descriptor of the folder, which must not be a link."""
    return os.open(path, _OPEN_FOLDER, dir_fd=within)


def write(root: int, files: Mapping[str, bytes]) -> None:
    """Write the files, making the folders that they need; what lies in a file's place is replaced.

    Raises:
        FolderError: a path is refused, or a folder lies where a file should go, or the other way round.
        OSError: the disk is full.
    """
    for path, content in files.items():
        *folders, name = check_path(path).split("/")
        with _descend(root, folders, path=path, make=True) as parent:
            try:
                with contextlib.suppress(FileNotFoundError):  # the usual case: nothing is there yet
                    os.unlink(name, dir_fd=parent.fd)
            except (IsADirectoryError, PermissionError) as error:
                raise FolderError(f"{path}: expected a file or nothing there, got a folder") from error
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(name, flags, 0o644, dir_fd=parent.fd), "wb") as file:
                file.write(content)


def read(root: int, path: str, *, limit_bytes: int) -> bytes:
    """The content of a regular file.

    Raises:
        FolderError: it is not there, not a regular file, or larger than `limit_bytes`.
    """
    *folders, name = check_path(path).split("/")
    with _descend(root, folders, path=path, make=False) as parent:
        return _read_at(parent.fd, name, path=path, limit_bytes=limit_bytes)


def names(root: int, *, entries: int) -> list[str]:
    """The paths of all regular files, sorted.

    Raises:
        FolderError: there are more than `entries` entries, or folders deeper than `DEPTH`.
    """
    return sorted(path for path, _, _ in _visit(root, entries=entries))


def digests(root: int, *, entries: int, look_bytes: int) -> dict[str, bytes]:
    """A digest by path of every regular file, to compare with later.

    Args:
        root: the folder.
        entries: how many entries it may have.
        look_bytes: how large all its files may be together; a sparse file counts with its holes.

    Raises:
        FolderError: there is more than that, or folders deeper than `DEPTH`.
    """
    return {path: _digest(content) for path, content in _contents(root, entries, look_bytes)}


def changed(
    root: int, before: Mapping[str, bytes], *, entries: int, look_bytes: int, limit_bytes: int
) -> dict[str, bytes]:
    """The content of every regular file that is not in `before`, or is there with another digest.

    Args:
        root: the folder.
        before: what `digests` gave earlier.
        entries: as for `digests`.
        look_bytes: as for `digests`.
        limit_bytes: how large all files returned may be together, with their paths.

    Raises:
        FolderError: there is more than that, or folders deeper than `DEPTH`.
    """
    found: dict[str, bytes] = {}
    left = limit_bytes
    for path, content in _contents(root, entries, look_bytes):
        if before.get(path) == _digest(content):
            continue
        left -= len(content) + len(path.encode()) + _PATH_OVERHEAD
        if left < 0:
            raise FolderError(f"expected at most {limit_bytes} bytes of new files, got more, up to {path!r}")
        found[path] = content
    return found


def _contents(root: int, entries: int, look_bytes: int) -> Iterator[tuple[str, bytes]]:
    left = look_bytes
    for path, name, parent in _visit(root, entries=entries):
        content = _read_at(parent, name, path=path, limit_bytes=left)
        left -= len(content)
        yield path, content


def empty(root: int, *, spare: Collection[str] = ()) -> None:
    """Remove all that is in the folder but the spared names, however deep and whatever its permissions.

    Folders inside folders are moved up to the top before they are emptied in turn: no path grows and no
    call recurses, so that ten thousand nested folders cost no more than ten thousand beside each other.
    """
    os.fchmod(root, 0o700)
    serial = 0
    while entries := [name for name in os.listdir(root) if name not in spare]:
        for name in entries:
            if _unlinked(name, root):
                continue
            os.chmod(name, 0o700, dir_fd=root)
            inner = open_folder(name, within=root)
            try:
                for child in os.listdir(inner):
                    if not _unlinked(child, inner):
                        os.chmod(child, 0o700, dir_fd=inner)
                        serial = _lift(child, inner, root, serial)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=root)


def _unlinked(name: str, parent: int) -> bool:
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        return False
    return True


def _lift(name: str, parent: int, root: int, serial: int) -> int:
    """Move a folder up to the root under a free name; the serial number that was free."""
    while True:
        serial += 1
        try:
            os.rename(name, f"{serial:x}", src_dir_fd=parent, dst_dir_fd=root)
        except OSError as error:
            # Taken: by a file, or by a folder that is not empty.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        else:
            return serial


class _descend:
    """A descriptor of a folder below the root, closed at the end."""

    def __init__(self, root: int, folders: list[str], *, path: str, make: bool) -> None:
        self.fd = os.dup(root)
        try:
            for folder in folders:
                if make:
                    # Made before, maybe: if it is not a folder, opening it says so.
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(folder, 0o755, dir_fd=self.fd)
                inner = open_folder(folder, within=self.fd)
                os.close(self.fd)
                self.fd = inner
        except OSError as error:
            os.close(self.fd)
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENOENT, errno.EACCES):
                raise FolderError(f"{path}: expected folders above it, got: {error.strerror}") from error
            raise

    def __enter__(self) -> _descend:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _visit(root: int, *, entries: int) -> Iterator[tuple[str, str, int]]:
    """Path, name and parent's descriptor of each regular file, in the order of names."""
    left = entries
    stack: list[tuple[str, int, Iterator[os.DirEntry[str]]]] = []
    try:
        stack.append(("", os.dup(root), iter(_sorted(root, entries))))
        while stack:
            prefix, fd, rest = stack[-1]
            entry = next(rest, None)
            if entry is None:
                os.close(stack.pop()[1])
                continue
            left -= 1
            if left < 0:
                raise FolderError(f"expected at most {entries} files and folders, got more")
            path = check_path(prefix + entry.name)
            if entry.is_dir(follow_symlinks=False):
                try:
                    inner = open_folder(entry.name, within=fd)
                except OSError as error:
                    raise FolderError(f"{path}: expected a folder to read, got: {error.strerror}") from error
                stack.append((path + "/", inner, iter(_sorted(inner, entries))))
            elif entry.is_file(follow_symlinks=False):
                yield path, entry.name, fd
    finally:
        for _, fd, _ in stack:
            os.close(fd)


def _sorted(folder: int, limit: int) -> list[os.DirEntry[str]]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(entry)
            if len(found) > limit:
                raise FolderError(f"expected at most {limit} files and folders, got more")
    return sorted(found, key=lambda entry: entry.name)


def _read_at(parent: int, name: str, *, path: str, limit_bytes: int) -> bytes:
    try:
        fd = os.open(name, _OPEN_FILE, dir_fd=parent)
    except OSError as error:
        raise FolderError(f"{path}: expected a regular file, got: {error.strerror}") from error
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FolderError(f"{path}: expected a regular file, got something else")
        if status.st_size > limit_bytes:
            raise FolderError(f"{path}: expected at most {limit_bytes} bytes, got {status.st_size}")
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:  # it grew while it was read
        raise FolderError(f"{path}: expected at most {limit_bytes} bytes, got more")
    return content


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
