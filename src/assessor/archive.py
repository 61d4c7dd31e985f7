"""Reading archives that a stranger made: zip, tar and tar.gz, in one strict form.

Comes in: the bytes of an upload, in a file of ours. Goes out: entries, one after the other, their content
read on demand into memory; nothing is ever extracted to disk. Which names and how much are allowed is left
to `intake`.

Two programs that read one archive must see the same files, so whatever two readers may take in two ways is
refused: data before, between or behind the entries, a header that contradicts another, sizes that lie, zip64
and sparse files (no upload is that large), links and special files. The standard library's readers are
lenient by design, which is why the formats are read by `zips` and `tars`. An archive inside an archive is a
file like any other and never opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from assessor import tars, zips
from assessor.entry import Entry, IntakeLimits, read_at
from assessor.errors import UploadRefused


def entries(file: BinaryIO, scratch: BinaryIO, limits: IntakeLimits) -> Iterator[Entry]:
    """The entries of an archive, in its order. What the archive is, its content says, never its name.

    Args:
        file: the archive, seekable.
        scratch: an empty file of ours, for a compressed tar's plain form.
        limits: the most that it may be.

    Raises:
        UploadRefused: from here or while iterating; until the iterator is exhausted, nothing is sure.
    """
    size = file.seek(0, 2)
    start = read_at(file, 0, 512)
    if start[:4] in (zips.LOCAL, zips.END):
        return zips.entries(file, size, limits)
    if start[:2] == b"\x1f\x8b":
        size = tars.gunzip(file, scratch, size, limits)
        if not tars.is_tar(read_at(scratch, 0, 512)):
            raise UploadRefused("expected a tar inside the gzip, got something else")
        return tars.entries(scratch, size)
    if tars.is_tar(start):
        return tars.entries(file, size)
    if zips.END in read_at(file, max(0, size - zips.TAIL), zips.TAIL):
        raise UploadRefused("expected the zip to begin at the first byte, got other data in front of it")
    raise UploadRefused("expected a folder, a .zip, a .tar or a .tar.gz, got a file of another kind")
