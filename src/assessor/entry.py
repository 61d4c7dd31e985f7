"""One entry of an upload's archive, how much an upload may be, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Never

from assessor.errors import UploadRefused

CHUNK = 64 * 1024
#: Below this size, how well something is compressed says nothing.
RATIO_FROM_BYTES = 1024**2


@dataclass(frozen=True, kw_only=True)
class IntakeLimits:
    """The most that an upload may be, whatever its task.

    Attributes:
        archive_bytes: the archive as it comes.
        total_bytes: all its files together.
        files: entries, folders and what is dropped included.
        depth: folders within folders.
        name_bytes: one path, in UTF-8.
        ratio: unpacked size in terms of packed size, counted from 1 MiB on.
    """

    archive_bytes: int = 32 * 1024**2
    total_bytes: int = 64 * 1024**2
    files: int = 2000
    depth: int = 16
    name_bytes: int = 240
    ratio: int = 100


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: as written in the archive, unchecked; of a folder, without the slash at its end.
        folder: whether it is a folder.
        size: bytes of its content, as the archive says; `read` holds it to that.
        read: gives the content, or raises UploadRefused.
    """

    name: str
    folder: bool
    size: int
    read: Callable[[], bytes]


def refuse(name: str, reason: str) -> Never:
    """Refuse the upload because of one entry."""
    raise UploadRefused(f"{shown(name)}: {reason}")


def shown(name: str) -> str:
    """A name that a stranger chose, quoted, cut, and with everything unprintable escaped."""
    cut = name if len(name) <= 80 else f"{name[:60]}...{name[-17:]}"
    escaped = cut.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in escaped) + '"'


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """The bytes at a place of a file, fewer where it ends."""
    file.seek(offset)
    return file.read(size)
