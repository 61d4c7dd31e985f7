"""Handing in: what came with a form becomes the one thing that intake takes in.

Comes in: files as they were uploaded, or texts that were typed. Goes out: the path of an archive. Nothing of
it is judged here: names that lead elsewhere, and files that the task does not take, are intake's to refuse.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from assessor.errors import UploadRefused
from assessor.store import Store
from assessor.waiting import Class
from assessor.web.uploads import File

#: How an archive begins: a zip, an empty zip, a gzip.
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b")
#: Where a tar says what it is.
_TAR = slice(257, 262)


def files(uploaded: Sequence[File], folder: Path, *, required: Collection[str]) -> Path:
    """What several files, or one archive, come to.

    Browsers put the name of a folder that was chosen before its files. It is taken off where what the task
    asks for is in that folder, and left where the folder is what it asks for.

    Args:
        uploaded: at least one.
        required: paths that the task asks for.
        folder: where an archive of them may be made.

    Raises:
        UploadRefused: there is none, or an archive among others.
    """
    if not uploaded:
        raise UploadRefused("expected files, got none: choose at least one")
    if len(uploaded) == 1 and is_archive(uploaded[0].path):
        return uploaded[0].path
    for one in uploaded:
        if is_archive(one.path) and one.name.lower().endswith((".zip", ".tar", ".gz", ".tgz")):
            raise UploadRefused(
                f"upload {one.name}: expected one archive alone, or files, got an archive among files"
            )
    inside = _inside([one.name for one in uploaded], required)
    target = folder / "files.tar"
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for one in uploaded:
            with one.path.open("rb") as file:
                archive.addfile(_entry(one.name.removeprefix(inside), one.size), file)
    return target


def called(uploaded: Sequence[File]) -> str:
    """What a refusal calls them: on disk they have no name that the learner knows."""
    return uploaded[0].name or "your file" if len(uploaded) == 1 else "your files"


def texts(typed: Mapping[str, str], folder: Path) -> Path:
    """What texts by path come to; ends of lines as editors outside of a browser write them.

    Raises:
        UploadRefused: all are empty.
    """
    # Source: HTML, "constructing the entry list": forms send each end of line as CR LF.
    kept = {path: text.replace("\r\n", "\n").encode(errors="replace") for path, text in typed.items()}
    if not any(data.strip() for data in kept.values()):
        raise UploadRefused("expected code, got none: write something first")
    target = folder / "texts.tar"
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in kept.items():
            archive.addfile(_entry(path, len(data)), io.BytesIO(data))
    return target


def queue_class(store: Store, user_id: str, task_id: str, *, now: datetime) -> Class | None:
    """The class of the queue that an open assignment of somebody gives, or None: the task's own."""
    found = [
        one.queue_class
        for one in store.assignments(for_user=user_id)
        if one.task_id == task_id and one.queue_class and (one.opens_at is None or one.opens_at <= now)
    ]
    return min(found, key=list(Class).index, default=None)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, a gzip or a tar, by its content."""
    with path.open("rb") as file:
        begin = file.read(512)
    return begin.startswith(_ARCHIVES) or begin[_TAR] == b"ustar"


def _inside(names: Sequence[str], required: Collection[str]) -> str:
    """The folder, with its slash, in which what is required is, where all files are in it; else empty."""
    top, slash, _ = names[0].partition("/")
    prefix = top + slash
    if top in ("", ".", "..") or not slash or any(not name.startswith(prefix) for name in names):
        return ""
    wrapped = not set(required) & set(names) and {prefix + path for path in required} & set(names)
    return prefix if wrapped else ""


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry
