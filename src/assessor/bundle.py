"""A bundle: files frozen under one digest, a learner's submission as much as a task's own files.

Comes in: relative POSIX paths with their bytes. Goes out: one deterministic tar (ustar/pax, sorted by
path, mode 0644, no owner, time 0), whose SHA-256 is the bundle's digest: `sha256sum` and `tar` are all
that a stranger needs to check and read one. What may be in a submission is decided in `intake`.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from assessor import digest
from assessor.errors import BlobFault


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Frozen files.

    Attributes:
        files: content by relative POSIX path.
        data: the deterministic tar.
        digest: `sha256:...` of `data`.
    """

    files: Mapping[str, bytes]
    data: bytes
    digest: str


def pack(files: Mapping[str, bytes]) -> Bundle:
    """The bundle of these files; equal files give equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size = len(files[path])
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    data = buffer.getvalue()
    return Bundle(files=dict(files), data=data, digest=digest.sha256(data))


def unpack(data: bytes, *, expected: str) -> Bundle:
    """The bundle in `data`, which must have the digest `expected`.

    Raises:
        BlobFault: the bytes are not those that the digest names, or not a bundle.
    """
    came = digest.sha256(data)
    if came != expected:
        raise BlobFault(f"bundle: expected bytes of digest {expected}, got {came}")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                # A sparse one can say to be larger than all memory.
                content = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
                if content is None:
                    raise BlobFault(f"bundle {expected}: expected regular files only, got {entry.name!r}")
                if entry.name in files:
                    raise BlobFault(f"bundle {expected}: expected each path once, got {entry.name!r} twice")
                files[entry.name] = content.read()
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise BlobFault(f"bundle {expected}: expected a tar, got: {error}") from error
    return Bundle(files=files, data=data, digest=came)
