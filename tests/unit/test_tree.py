"""A tree of files: each whole or as it was, nothing of others touched, and what a crash leaves is mended."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import tree
from assessor.errors import BlobFault
from assessor.tree import File, Outcome

FILES = {"index.html": b"<!doctype html>", "status/1.json": b"{}", "a/b/c": b"c"}


def update(root: Path, files: Mapping[str, bytes]) -> Outcome:
    return tree.update(root, [File(name=name, data=data) for name, data in files.items()])


def content(root: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    found.pop(tree.LEDGER, None)
    return found


def test_tree_holds_the_files_and_nothing_is_left_beside(tmp_path: Path) -> None:
    root = tmp_path / "new" / "site"
    assert update(root, FILES) == Outcome(files=3, written=3)
    assert content(root) == FILES


def test_second_update_with_the_same_files_touches_nothing(tmp_path: Path) -> None:
    update(tmp_path, FILES)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert update(tmp_path, FILES) == Outcome(files=3)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_file_that_does_not_come_again_goes_and_its_empty_folder_too(tmp_path: Path) -> None:
    update(tmp_path, FILES)
    assert update(tmp_path, {"index.html": b"new"}) == Outcome(files=1, written=1, removed=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [tree.LEDGER, "index.html"]


def test_what_others_wrote_stays_and_keeps_its_folder(tmp_path: Path) -> None:
    update(tmp_path, FILES)
    for name in ("own.txt", "a/b/own.txt", "status/2.json"):
        (tmp_path / name).write_bytes(b"own")
    (tmp_path / "empty").mkdir()
    update(tmp_path, {})
    assert content(tmp_path) == dict.fromkeys(("own.txt", "a/b/own.txt", "status/2.json"), b"own")
    assert (tmp_path / "empty").is_dir()


def test_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(b"theirs")
    with pytest.raises(BlobFault, match=r"index\.html: expected no file, or one that was published here"):
        update(tmp_path, FILES)
    assert content(tmp_path) == {"index.html": b"theirs"}


def test_file_of_somebody_else_that_is_the_same_becomes_ours(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(FILES["index.html"])
    assert update(tmp_path, FILES) == Outcome(files=3, written=2)
    assert update(tmp_path, {}).removed == 3


def test_file_that_somebody_changed_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    update(tmp_path, FILES)
    (tmp_path / "index.html").write_bytes(b"changed")
    with pytest.raises(BlobFault, match="got another"):
        update(tmp_path, FILES)
    assert update(tmp_path, {"a/b/c": b"c"}) == Outcome(files=1, removed=1, left=["index.html"])
    assert content(tmp_path)["index.html"] == b"changed"


def test_error_among_the_files_removes_nothing(tmp_path: Path) -> None:
    update(tmp_path, FILES)

    def broken():
        yield File(name="new", data=b"new")
        raise BlobFault("blob is gone")

    with pytest.raises(BlobFault, match="blob is gone"):
        tree.update(tmp_path, broken())
    assert content(tmp_path) == FILES


@pytest.mark.parametrize(
    "name", ["", "/etc/x", "../x", "a/../x", "a//b", "./a", "a/.", "a b", "é", tree.LEDGER]
)
def test_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a file in the tree"):
        update(tmp_path / "site", {name: b"x"})
    assert content(tmp_path) == {}


def test_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected each name once, got a again"):
        tree.update(tmp_path, [File(name="a", data=b"1"), File(name="a", data=b"2")])


def test_folder_in_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(BlobFault, match=r"expected a folder that can be written, got: .*directory"):
        update(tmp_path, FILES)


def test_second_publisher_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(BlobFault, match="another process publishes there"):
            update(tmp_path, FILES)
    finally:
        os.close(handle)
    update(tmp_path, FILES)


class Killed(BaseException):
    pass


def calls_of(monkeypatch: pytest.MonkeyPatch, root: Path, at: int | None, files: Mapping[str, bytes]) -> int:
    """Update, killed before the system call of this number; how many calls there were."""
    made = 0

    def counted(real):
        def call(*arguments, **named):
            nonlocal made
            made += 1
            if made == at:
                raise Killed
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counted(os.fsync))
        patched.setattr(Path, "replace", counted(Path.replace))
        patched.setattr(Path, "unlink", counted(Path.unlink))
        patched.setattr(Path, "mkdir", counted(Path.mkdir))
        # Who is killed does not tidy up.
        patched.setattr(shutil, "rmtree", counted(lambda path, **_named: None))
        update(root, files)
    return made


def test_killed_at_any_step_leaves_whole_files_and_the_next_update_goes_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "BATCH", 2)
    old = FILES | {"gone": b"gone"}
    new = {"index.html": b"newer", "status/1.json": b"{}", "added": b"added", "a/b/c": b"other"}
    update(tmp_path / "count", old)
    total = calls_of(monkeypatch, tmp_path / "count", None, new)
    assert total > 15
    for at in range(1, total + 1):
        root = tmp_path / str(at)
        update(root, old)
        (root / "own").write_bytes(b"own")
        with pytest.raises(Killed):
            calls_of(monkeypatch, root, at, new)
        for name, data in content(root).items():
            if not name.startswith(tree.DRAFTS):
                assert data in (old.get(name), new.get(name), b"own"), (at, name)
        third = new | {"index.html": b"newest"}
        update(root, third)
        assert content(root) == third | {"own": b"own"}, at
        assert not (root / tree.DRAFTS).exists()


def test_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update(tmp_path, FILES)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BlobFault, match="No space left on device"):
        update(tmp_path, {"index.html": b"new"})
    assert content(tmp_path) == FILES


def test_ledger_tells_nobody_a_name(tmp_path: Path) -> None:
    update(tmp_path, {"credentials/2b1f.json": b"{}"})
    assert b"2b1f" not in (tmp_path / tree.LEDGER).read_bytes()


NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "f/g/h"])
TREES = st.dictionaries(NAMES, st.sampled_from([b"", b"1", b"2"]))


@given(trees=st.lists(TREES, max_size=4), own=st.dictionaries(st.just("c/own"), st.just(b"own")))
def test_tree_is_always_the_last_one_and_what_others_wrote(
    trees: list[dict[str, bytes]], own: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, data in own.items():
            (root / name).parent.mkdir()
            (root / name).write_bytes(data)
        for files in trees:
            update(root, files)
            assert content(root) == files | own
