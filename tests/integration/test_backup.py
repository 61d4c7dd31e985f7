"""A backup comes back as it was, whole or not at all, and never over something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from assessor import backup
from assessor.blobs import Blobs
from assessor.errors import BlobFault, StoreFault
from assessor.store import AttemptState, Conclusion, EvidenceRow, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "keys").mkdir(parents=True)
    (tmp_path / "home" / "keys" / "engine.pem").write_text("the key")
    return tmp_path / "home"


@pytest.fixture
def blobs(home: Path) -> Blobs:
    return Blobs.open(home / "blobs")


@pytest.fixture
def store(home: Path, blobs: Blobs) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{home / 'assessor.db'}")
    opened.learner("ada", new_id="ada-id", salt=b"salt")
    opened.submit(
        id="s1",
        attempt_id="a1",
        learner_id="ada-id",
        task_id="median",
        task_version="1.0",
        task_digest="task",
        snapshot=blobs.put(b"the task"),
        bundle=blobs.put(b"the work"),
        tries=None,
        cooldown_s=0,
        now=NOW,
    )
    claim = opened.claim(worker="w", lease_s=30, now=NOW)
    assert claim is not None
    opened.add_events(claim, [b"event"])
    opened.conclude(
        claim,
        Conclusion(
            state=AttemptState.JUDGED,
            verdict="passed",
            score=Fraction(1, 3),
            level=None,
            evidence=EvidenceRow(
                attempt_id="a1",
                record=blobs.put(b"record"),
                run=blobs.put(b"run"),
                envelope=blobs.put(b"envelope"),
                key_id="key-id",
            ),
            report=blobs.put(b"report"),
        ),
        now=NOW,
    )
    yield opened
    opened.close()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_restored_home_answers_like_the_one_that_was_backed_up(
    store: Store, blobs: Blobs, home: Path, tmp_path: Path
) -> None:
    blobs.put(b"of a submission that was never kept")
    target = tmp_path / "backup"
    contents = backup.create(store, blobs, target, keys=home / "keys")
    assert contents.keys == ["key-id"]
    # What came after the backup is not in it.
    store.learner("bob", new_id="bob-id", salt=b"other")
    backup.restore(target, home=tmp_path / "second")
    again = Store.open(f"sqlite:///{tmp_path / 'second' / 'assessor.db'}")
    copies = Blobs.open(tmp_path / "second" / "blobs")
    assert again.submission("s1") == store.submission("s1")
    assert again.attempt("a1") == store.attempt("a1")
    assert again.events("a1") == [b"event"]
    assert again.evidence("a1") == store.evidence("a1")
    assert again.salt("ada-id") == b"salt"
    assert copies.names() == again.blob_digests() == store.blob_digests()
    assert {copies.get(name) for name in copies.names()} == {
        b"the task",
        b"the work",
        b"record",
        b"run",
        b"envelope",
        b"report",
    }
    assert (tmp_path / "second" / "keys" / "engine.pem").read_text() == "the key"
    assert len(list(again.submissions())) == 1
    again.close()


def test_backup_and_restored_home_are_for_their_owner_only(
    store: Store, blobs: Blobs, home: Path, tmp_path: Path
) -> None:
    backup.create(store, blobs, tmp_path / "backup", keys=home / "keys")
    backup.restore(tmp_path / "backup", home=tmp_path / "second")
    for folder in (tmp_path / "backup", tmp_path / "second"):
        assert folder.stat().st_mode & 0o077 == 0
    assert (tmp_path / "backup" / "keys" / "engine.pem").stat().st_mode & 0o077 == 0


def test_backup_sees_what_is_only_in_the_write_ahead_log(store: Store, blobs: Blobs, tmp_path: Path) -> None:
    assert store.file is not None
    assert store.file.with_name("assessor.db-wal").stat().st_size > 0
    backup.create(store, blobs, tmp_path / "backup", keys=None)
    assert sorted(tree(tmp_path / "backup"))[:2] == ["assessor.db", "backup.json"]
    backup.check(tmp_path / "backup")


def test_nothing_is_ever_overwritten(store: Store, blobs: Blobs, home: Path, tmp_path: Path) -> None:
    backup.create(store, blobs, tmp_path / "backup", keys=None)
    before = tree(tmp_path / "backup"), tree(home)
    with pytest.raises(
        StoreFault, match=r"expected nothing at .*backup, or an empty folder; nothing was over"
    ):
        backup.create(store, blobs, tmp_path / "backup", keys=None)
    with pytest.raises(StoreFault, match=r"expected nothing at .*home, or an empty folder"):
        backup.restore(tmp_path / "backup", home=home)
    assert (tree(tmp_path / "backup"), tree(home)) == before


def test_blob_that_is_missing_or_wrong_ends_the_backup_and_leaves_nothing(
    store: Store, blobs: Blobs, home: Path, tmp_path: Path
) -> None:
    bundle = store.submission("s1").bundle
    digits = bundle.removeprefix("sha256:")
    file = home / "blobs" / "sha256" / digits[:2] / digits[2:]
    file.write_bytes(b"changed")
    with pytest.raises(BlobFault, match=f"expected bytes of digest {bundle}"):
        backup.create(store, blobs, tmp_path / "backup", keys=None)
    file.unlink()
    with pytest.raises(BlobFault, match="the store names a blob that is missing"):
        backup.create(store, blobs, tmp_path / "backup", keys=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (
            lambda folder: (folder / "assessor.db").write_bytes(b""),
            r"assessor\.db: expected \d+ bytes of sha256",
        ),
        (
            lambda folder: (folder / "keys" / "engine.pem").unlink(),
            r"engine\.pem: expected .*, got no such file",
        ),
        (lambda folder: (folder / "more").write_bytes(b"x"), "more: expected no such file, got 1 bytes"),
        (lambda folder: (folder / "backup.json").unlink(), r"expected a folder with backup\.json"),
        (lambda folder: (folder / "backup.json").write_text("{}"), r"backup\.json cannot be read"),
    ],
    ids=["changed", "missing", "added", "no contents", "broken contents"],
)
def test_backup_that_is_not_as_it_was_made_is_refused_and_nothing_restored(
    store: Store, blobs: Blobs, home: Path, tmp_path: Path, harm: object, text: str
) -> None:
    backup.create(store, blobs, tmp_path / "backup", keys=home / "keys")
    harm(tmp_path / "backup")  # type: ignore[operator]
    with pytest.raises(StoreFault, match=text):
        backup.restore(tmp_path / "backup", home=tmp_path / "second")
    assert not (tmp_path / "second").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]


def test_path_in_the_contents_leads_nowhere_outside(
    store: Store, blobs: Blobs, home: Path, tmp_path: Path
) -> None:
    backup.create(store, blobs, tmp_path / "backup", keys=None)
    file = tmp_path / "backup" / "backup.json"
    contents = json.loads(file.read_text())
    contents["files"]["../evil"] = contents["files"]["assessor.db"]
    file.write_text(json.dumps(contents))
    with pytest.raises(StoreFault, match=r"\.\./evil: expected .*, got no such file"):
        backup.restore(tmp_path / "backup", home=tmp_path / "second")


def test_empty_folder_may_be_restored_into(store: Store, blobs: Blobs, home: Path, tmp_path: Path) -> None:
    backup.create(store, blobs, tmp_path / "backup", keys=None)
    (tmp_path / "second").mkdir()
    backup.restore(tmp_path / "backup", home=tmp_path / "second")
    assert (tmp_path / "second" / "assessor.db").exists()
