"""Evidence folders: whole or not at all, whoever publishes at the same moment."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from assessor.errors import BlobFault
from assessor.publish import Publisher

FILES = {"record.json": b"{}", "index.html": b"<!doctype html>"}


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(root=tmp_path / "evidence")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folder_holds_the_files_and_nothing_is_left_beside(publisher: Publisher) -> None:
    assert content(publisher.publish("a1", FILES)) == FILES
    assert [path.name for path in publisher.root.iterdir()] == ["a1"]


def test_file_that_comes_later_is_told_as_lacking_and_put_into_the_folder(
    publisher: Publisher,
) -> None:
    publisher.publish("a1", FILES)
    publisher.publish("a2", FILES)
    assert publisher.lacking("proof") == ["a1", "a2"]
    publisher.add("a1", "proof", b"1")
    assert publisher.lacking("proof") == ["a2"]
    assert content(publisher.folder("a1")) == FILES | {"proof": b"1"}
    with pytest.raises(BlobFault, match=r"a3/proof: expected to write it"):
        publisher.add("a3", "proof", b"1")
    assert [path.name for path in sorted(publisher.root.iterdir())] == ["a1", "a2"]


def test_publishing_again_replaces_all_of_it(publisher: Publisher) -> None:
    publisher.publish("a1", FILES | {"old": b"1"})
    assert content(publisher.publish("a1", FILES)) == FILES
    assert [path.name for path in publisher.root.iterdir()] == ["a1"]


def test_full_disk_leaves_the_folder_that_was_there_and_no_draft(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish("a1", FILES)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for name in ("a1", "a2"):
        with pytest.raises(BlobFault, match="No space left on device"):
            publisher.publish(name, {"other": b"2"})
    assert content(publisher.folder("a1")) == FILES
    assert [path.name for path in publisher.root.iterdir()] == ["a1"]


def test_folder_comes_back_when_its_successor_cannot_take_its_place(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish("a1", FILES)
    rename, drafts = Path.rename, []

    def flaky(self: Path, target: Path) -> Path:
        if self.name.startswith(".draft"):
            drafts.append(self)
            if len(drafts) == 2:  # the first one finds the old folder in its place
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", flaky)
    with pytest.raises(BlobFault, match="Input/output error"):
        publisher.publish("a1", {"other": b"2"})
    assert len(drafts) == 2
    assert content(publisher.folder("a1")) == FILES
    assert [path.name for path in publisher.root.iterdir()] == ["a1"]


def test_two_who_publish_at_once_both_go_well(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, others = os.fsync, []

    def overtaken(fd: int) -> None:
        fsync(fd)
        if not others:
            others.append(1)
            publisher.publish("a1", FILES)

    monkeypatch.setattr(os, "fsync", overtaken)
    assert content(publisher.publish("a1", FILES)) == FILES
    assert [path.name for path in publisher.root.iterdir()] == ["a1"]
