"""Blobs: kept whole or not at all, checked on the way out, the same for a folder and an object store."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from assessor import digest
from assessor.blobs import Blobs
from assessor.errors import BlobFault, NotFound

DATA = b"def median(values): ...\n"
NAME = digest.sha256(DATA)


@pytest.fixture(params=["folder", "object store"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return Blobs.open("memory:///" if request.param == "object store" else tmp_path / "blobs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


def file_of(folder: Path, name: str = NAME) -> Path:
    digits = name.removeprefix("sha256:")
    return folder / "sha256" / digits[:2] / digits[2:]


def test_bytes_come_back_under_their_digest(blobs: Blobs) -> None:
    assert blobs.put(DATA) == NAME
    assert blobs.get(NAME) == DATA
    assert blobs.has(NAME)
    assert blobs.names() == {NAME}


@pytest.mark.parametrize("data", [b"", b"\0" * 100_000], ids=["empty", "large"])
def test_any_bytes_may_be_kept(blobs: Blobs, data: bytes) -> None:
    assert blobs.get(blobs.put(data)) == data


def test_same_bytes_twice_are_kept_once(blobs: Blobs) -> None:
    assert blobs.put(DATA) == blobs.put(DATA)
    assert blobs.names() == {NAME}


def test_missing_blob_is_told_by_name(blobs: Blobs) -> None:
    assert not blobs.has(NAME)
    with pytest.raises(NotFound, match=f"expected a blob {NAME}, there is none"):
        blobs.get(NAME)


def test_removed_blob_is_gone_and_may_be_removed_again(blobs: Blobs) -> None:
    blobs.put(DATA)
    blobs.remove(NAME)
    blobs.remove(NAME)
    assert not blobs.has(NAME)
    assert blobs.names() == frozenset()


@pytest.mark.parametrize("name", ["", "sha256:ab", "sha256:../../../etc/passwd", NAME.upper(), NAME + "\n"])
def test_name_that_is_no_digest_reaches_no_path(blobs: Blobs, name: str) -> None:
    for ask in (blobs.get, blobs.has, blobs.remove):
        with pytest.raises(NotFound, match="expected a digest"):
            ask(name)


def test_changed_bytes_are_never_given_out_and_mended_by_putting_again(folder: Path) -> None:
    blobs = Blobs.open(folder)
    blobs.put(DATA)
    file_of(folder).write_bytes(b"def median(values): return 1\n")
    with pytest.raises(BlobFault, match=f"expected bytes of digest {NAME}, got sha256:"):
        blobs.get(NAME)
    blobs.put(DATA)
    assert blobs.get(NAME) == DATA


def test_folder_is_for_its_owner_only(folder: Path) -> None:
    Blobs.open(folder).put(DATA)
    for path in (folder / "new", file_of(folder).parent, file_of(folder)):
        assert path.stat().st_mode & 0o077 == 0, path


def test_full_disk_is_a_fault_and_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs.open(folder)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BlobFault, match=r"cannot be written, nothing was kept: .*No space left on device"):
        blobs.put(DATA)
    monkeypatch.undo()
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert blobs.put(DATA) == NAME


def test_bytes_are_flushed_before_they_have_their_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs.open(folder)
    flushed: list[bool] = []
    fsync = os.fsync

    def spy(handle: int) -> None:
        flushed.append(file_of(folder).exists())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", spy)
    blobs.put(DATA)
    # The bytes before the name; then the folder that holds it and those that were made for it.
    assert flushed == [False, True, True, True]


def test_several_are_kept_as_one_by_one(blobs: Blobs) -> None:
    blobs.put(DATA)
    several = [b"one", DATA, b"", b"one"]
    assert blobs.put_all(several) == tuple(map(digest.sha256, several))
    assert [blobs.get(digest.sha256(data)) for data in several] == several
    assert blobs.put_all([]) == ()


def test_all_of_several_are_flushed_before_the_first_has_its_name_and_then_every_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs.open(folder)
    several = [b"%d" % number for number in range(5)]
    files = {file_of(folder, digest.sha256(data)) for data in several}
    named: list[int] = []
    folders: set[Path] = set()
    fsync = os.fsync

    def spy(handle: int) -> None:
        named.append(sum(file.exists() for file in files))
        folders.add(Path(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", spy)
    blobs.put_all(several)
    assert named[:6] == [0] * 5 + [5]
    assert folders >= {folder, folder / "sha256", *(file.parent for file in files)}


def test_changed_bytes_among_several_are_mended(folder: Path) -> None:
    blobs = Blobs.open(folder)
    blobs.put_all([b"1", DATA])
    file_of(folder).write_bytes(b"2")
    blobs.put_all([b"1", DATA, b"3"])
    assert blobs.get(NAME) == DATA


def test_place_that_cannot_be_opened_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BlobFault, match=f"^blobs {re.escape(str(tmp_path))}/file/blobs: cannot be opened: "):
        Blobs.open(tmp_path / "file" / "blobs")
    with pytest.raises(BlobFault, match=r"^blobs gopher://blobs: cannot be opened: "):
        Blobs.open("gopher://blobs")


def test_password_in_an_url_is_not_shown() -> None:
    with pytest.raises(BlobFault) as caught:
        Blobs.open("gopher://me:secret@blobs")
    assert "secret" not in str(caught.value)
