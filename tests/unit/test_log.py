"""The log: leaves in other people's transactions, trees that begin with those before, proofs, alarms."""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor import merkle, note
from assessor.errors import KeyFault, LogFault, NotFound, StoreFault, VerificationFailed
from assessor.rows import ledger, log, schema, tiles
from assessor.rows.log import Checkpoint, Kind, Log
from assessor.signer import LocalSigner
from assessor.store import AttemptState, Conclusion, EvidenceRow, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN = "badges.example/log"
SALT = bytes(range(16))


def key(number: int = 0) -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


@functools.cache
def tables() -> bytes:
    """A database with all its tables: copying it is faster than migrating."""
    with tempfile.TemporaryDirectory() as folder:
        Store.open(f"sqlite:///{folder}/store").close()
        return Path(folder, "store").read_bytes()


class Bench:
    """A database, its log, and every checkpoint that was shown."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not self.file.exists():
            self.file.write_bytes(tables())
        self.store = Store.open(f"sqlite:///{self.file}")
        self.log = self.open()
        self.shown: list[Checkpoint] = []
        self.number = itertools.count()

    @property
    def file(self) -> Path:
        return self.root / "store.sqlite"

    @property
    def folder(self) -> Path:
        return self.root / "log"

    def open(self, signer: LocalSigner | None = None, origin: str = ORIGIN) -> Log:
        """A log as another process has it."""
        return Log(
            database=self.store,
            signer=signer or key(),
            origin=origin,
            folder=self.folder,
            clock=lambda: NOW,
        )

    def add(self, count: int = 1) -> None:
        """So many leaves, the digest of each its number."""
        numbers = list(itertools.islice(self.number, count))
        with self.store.writing() as connection:
            # One by one takes long where they are many.
            few = len(numbers) if len(numbers) < 20 else 3
            for number in numbers[:few]:
                append(connection, number)
            fill(connection, numbers[few:])

    def show(self, of: Log | None = None) -> Checkpoint:
        """A checkpoint, and it goes with all that were shown."""
        made = (of or self.log).checkpoint()
        self.shown.append(made)
        for one in self.shown:
            small, large = sorted((one, made), key=lambda checkpoint: checkpoint.size)
            merkle.verify_consistency(
                old=small.size,
                old_root=small.root,
                size=large.size,
                root=large.root,
                proof=(of or self.log).consistency(small.size, large.size),
            )
        return made

    def prove(self, number: int, of: Log | None = None) -> Checkpoint:
        """The tree that the proof of a leaf is for."""
        text = (of or self.log).proof(Kind.AWARD, f"award-{number}", str(number))
        return note.verify_proof(
            text, digest=str(number), kind=Kind.AWARD, keys=[(of or self.log).key, self.log.key]
        )

    def tile(self, path: str) -> Path:
        return self.folder / path


def append(connection: sa.Connection, number: int) -> int:
    return log.append(connection, kind=Kind.AWARD, subject=f"award-{number}", digest=str(number), salt=SALT)


def fill(connection: sa.Connection, numbers: list[int]) -> None:
    """Many leaves at once."""
    counter = schema.counters
    held = connection.execute(sa.select(counter.c.value).where(counter.c.name == "leaves")).scalar_one()
    made = [
        {
            "index": index,
            "kind": "award",
            "subject": f"award-{number}",
            "salt": SALT,
            "digest": str(number),
            "entry": note.entry(Kind.AWARD, str(number), SALT),
        }
        for index, number in enumerate(numbers, start=held)
    ]
    if made:
        connection.execute(ledger.leaves.insert(), made)
        connection.execute(counter.update().where(counter.c.name == "leaves").values(value=held + len(made)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def rows(store: Store, table: sa.Table) -> list[tuple[object, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def change(store: Store, statement: str) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql(statement)


# --- leaves


def test_leaves_are_numbered_in_the_order_of_their_transactions(bench: Bench) -> None:
    bench.add(2)
    bench.add(1)
    assert [row[0] for row in rows(bench.store, ledger.leaves)] == [0, 1, 2]


def test_leaf_of_a_transaction_that_fails_leaves_no_gap(bench: Bench) -> None:
    bench.add(1)
    with contextlib.suppress(ZeroDivisionError), bench.store.writing() as connection:
        assert append(connection, 7) == 1
        raise ZeroDivisionError
    bench.add(1)
    assert [row[:3] for row in rows(bench.store, ledger.leaves)] == [
        (0, "award", "award-0"),
        (1, "award", "award-1"),
    ]


def test_same_leaf_again_is_the_one_that_is_there(bench: Bench) -> None:
    def append(digest: str, kind: Kind = Kind.AWARD, salt: bytes = SALT) -> int:
        with bench.store.writing() as connection:
            return log.append(connection, kind=kind, subject="one", digest=digest, salt=salt)

    assert append("first") == 0
    assert append("second") == 1
    assert append("first", salt=bytes(16)) == 0
    assert append("first", kind=Kind.STATUS) == 2
    assert bench.log.checkpoint().size == 3


def test_salt_that_could_be_guessed_is_refused_and_nothing_kept(bench: Bench) -> None:
    with (
        bench.store.writing() as connection,
        pytest.raises(ValueError, match="expected a salt of 16 to 64 bytes, got 4"),
    ):
        log.append(connection, kind=Kind.AWARD, subject="s", digest="d", salt=b"salt")
    assert rows(bench.store, ledger.leaves) == []


# --- checkpoints


def test_log_without_leaves_has_a_checkpoint(bench: Bench) -> None:
    made = bench.show()
    assert (made.size, made.root) == (0, merkle.EMPTY)
    assert note.verify_checkpoint(made.note, keys=[bench.log.key]) == made
    bench.add()
    assert bench.show().size == 1


def test_checkpoint_is_of_all_leaves_and_stays_while_none_comes(bench: Bench) -> None:
    bench.add(3)
    made = bench.show()
    assert (made.size, made.origin) == (3, ORIGIN)
    entries = [row[5] for row in rows(bench.store, ledger.leaves)]
    edge, _ = merkle.Edge().extended(merkle.leaf_hash(entry) for entry in entries)
    assert made.root == edge.root()
    assert bench.show() == bench.open().checkpoint() == made
    assert rows(bench.store, ledger.checkpoints) == [(3, made.root, made.note, NOW)]
    assert (bench.folder / "checkpoint").read_bytes() == made.note


@given(st.lists(st.sampled_from([0, 1, 2, 255, 256, 257, 700]), max_size=5), st.booleans())
@settings(max_examples=15)
def test_every_checkpoint_goes_with_those_before(counts: list[int], opened_anew: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for count in counts:
            bench.add(count)
            bench.show(bench.open() if opened_anew else None)
        for number in range(0, sum(counts), 97):
            assert bench.prove(number).size == sum(counts)
        bench.store.close()


def test_two_processes_come_to_one_checkpoint_for_a_size(bench: Bench) -> None:
    other = bench.open(key(1))
    bench.add(1)
    assert bench.show() == bench.show(other)
    bench.add(300)
    made = bench.show(other)
    assert bench.show() == made
    assert bench.log.key not in (None, other.key)
    assert note.verify_checkpoint(made.note, keys=[other.key]) == made
    bench.add(1)
    bench.show()
    bench.show(other)
    assert [row[0] for row in rows(bench.store, ledger.checkpoints)] == [1, 301, 302]


def test_process_that_loses_the_race_takes_the_others_checkpoint(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(2)
    other = bench.open(key(1))
    sign = Log._sign

    def late(self: Log, size: int, root: bytes) -> Checkpoint:
        monkeypatch.undo()
        other.checkpoint()  # between the signature and its row
        return sign(self, size, root)

    monkeypatch.setattr(Log, "_sign", late)
    made = bench.show()
    assert note.verify_checkpoint(made.note, keys=[other.key]) == made
    assert len(rows(bench.store, ledger.checkpoints)) == 1


def test_new_key_signs_on_and_what_the_old_one_signed_still_holds(bench: Bench) -> None:
    bench.add(1)
    before = bench.show()
    kept = bench.log.proof(Kind.AWARD, "award-0", "0")
    new = bench.open(key(1))
    assert bench.show(new) == before  # nothing came: nothing is signed twice
    bench.add(1)
    after = bench.show(new)
    assert note.verify_checkpoint(after.note, keys=[new.key]) == after
    assert note.verify_proof(kept, digest="0", kind=Kind.AWARD, keys=[bench.log.key]) == before
    assert bench.prove(0, new) == after


def test_retired_key_signs_nothing_more(bench: Bench) -> None:
    bench.add(1)
    with bench.store.writing() as connection:
        connection.execute(
            schema.keys.insert().values(
                key_id=key().key_id, purpose="log", since=NOW, until=NOW + timedelta(days=1)
            )
        )
    with pytest.raises(
        KeyFault, match=r"which was retired 2026-03-02T12:00:00\+00:00: start this process ag"
    ):
        bench.log.checkpoint()
    assert rows(bench.store, ledger.checkpoints) == []
    assert bench.show(bench.open(key(1))).size == 1


# --- proofs


def test_proof_makes_the_checkpoint_that_it_needs_and_no_other(bench: Bench) -> None:
    bench.add(2)
    assert bench.prove(0).size == 2
    bench.add(1)
    assert bench.prove(1).size == 2
    assert bench.prove(2).size == 3
    assert bench.prove(1, bench.open()).size == 3


def test_proof_of_what_is_not_in_the_log_is_refused(bench: Bench) -> None:
    bench.add(1)
    with pytest.raises(NotFound, match=r"^log: expected a leaf for award award-0, 1: there is none$"):
        bench.log.proof(Kind.AWARD, "award-0", "1")
    with pytest.raises(NotFound):
        bench.log.proof(Kind.STATUS, "award-0", "0")


def test_consistency_beyond_the_log_is_refused(bench: Bench) -> None:
    bench.add(1)
    with pytest.raises(ValueError, match="expected a tree of at most 1 leaves, got 2"):
        bench.log.consistency(1, 2)


# --- tiles: a copy that can be lost


@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "all gone", "upper gone", "stale"])
def test_damaged_tiles_are_made_anew_from_the_leaves(bench: Bench, damage: str) -> None:
    bench.add(700)
    before = bench.show()
    first, upper = bench.tile("tile/0/000"), bench.tile("tile/1/000.p/2")
    good = first.read_bytes()
    assert len(good) == 8192
    assert len(upper.read_bytes()) == 64
    if damage == "gone":
        first.unlink()
    elif damage == "cut":
        first.write_bytes(good[:-1])
    elif damage == "changed":
        first.write_bytes(bytes(8192))
    elif damage == "all gone":
        shutil.rmtree(bench.folder / "tile")
    elif damage == "upper gone":
        upper.unlink()
    else:
        upper.rename(upper.with_name("7"))
        upper.with_name("7").write_bytes(bytes(7 * 32))
    for opened in (bench.log, bench.open()):
        assert bench.prove(3, opened) == before
    if damage not in ("upper gone", "stale"):
        assert first.read_bytes() == good
    bench.add(300)
    bench.show(bench.open())
    assert bench.prove(3).size == 1000
    published = bench.root / "published"
    bench.log.write(published)
    assert (published / "tile/0/000").read_bytes() == good


def test_process_far_behind_begins_again_from_the_tiles(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(1)
    old, new = bench.open(), bench.log
    bench.show(old)
    bench.add(800)
    bench.show(new)
    monkeypatch.setattr(log, "BEHIND", 500)
    read: list[int] = []
    entries = tiles.Tree.entries

    def counted(self: tiles.Tree, start: int, end: int) -> tuple[bytes, ...]:
        read.append(end - start)
        return entries(self, start, end)

    monkeypatch.setattr(tiles.Tree, "entries", counted)
    assert bench.show(old).size == 801
    assert read == [801 - 768]
    assert bench.prove(5, old).size == 801


def test_batches_of_leaves_make_the_same_tree(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add(40)
    monkeypatch.setattr(tiles, "BATCH", 8)
    made = bench.show()
    shutil.rmtree(bench.folder)
    monkeypatch.undo()
    assert bench.open().checkpoint() == made


# --- alarms


def test_changed_leaf_is_an_alarm_where_tiles_do_not_hide_it(bench: Bench) -> None:
    bench.add(700)
    bench.show()
    change(bench.store, "UPDATE leaves SET entry = CAST('other' AS BLOB) WHERE \"index\" = 7")
    with pytest.raises(LogFault, match=r"^log: leaf 7 is not what was signed; nothing is signed until"):
        bench.open().write(bench.root / "published")
    shutil.rmtree(bench.folder)
    bench.add(1)
    for opened in (bench.open(), bench.open()):
        for _ in range(2):
            with pytest.raises(LogFault, match=r"^log: the leaves in the store do not make the tree of 700 "):
                opened.checkpoint()
    assert len(rows(bench.store, ledger.checkpoints)) == 1


def test_changed_digest_or_salt_of_a_leaf_is_an_alarm_at_its_proof(bench: Bench) -> None:
    bench.add(3)
    bench.show()
    change(bench.store, "UPDATE leaves SET digest = 'other' WHERE \"index\" = 1")
    with pytest.raises(LogFault, match=r"^log: leaf 1 is not what was signed; "):
        bench.log.proof(Kind.AWARD, "award-1", "other")


def test_missing_leaf_is_an_alarm(bench: Bench) -> None:
    bench.add(3)
    bench.show()
    change(bench.store, 'DELETE FROM leaves WHERE "index" = 1')
    for opened in (bench.open(), bench.open()):
        with pytest.raises(
            LogFault, match=r"^log: expected leaf 1 in the store, got 2: leaves are never taken"
        ):
            opened.checkpoint()


def test_missing_last_leaf_is_an_alarm(bench: Bench) -> None:
    bench.add(3)
    bench.show()
    change(bench.store, 'DELETE FROM leaves WHERE "index" = 2')
    with pytest.raises(LogFault, match=r"^log: the leaves in the store do not make the tree of 3 leaves"):
        bench.open().checkpoint()


def restored(bench: Bench, leaves: int) -> Bench:
    """The same home with a database of earlier, in which other leaves came since."""
    home = bench.root / "restored"
    home.mkdir()
    again = Bench(home)
    again.add(leaves)
    again.show()
    shutil.copytree(bench.folder, again.folder, dirs_exist_ok=True)
    again.number = itertools.count(1000)
    again.add(10)
    return again


def test_database_that_went_back_is_an_alarm_and_stays_one(bench: Bench) -> None:
    bench.add(5)
    bench.show()
    bench.add(3)
    bench.show()
    again = restored(bench, 5)
    for opened in (again.open(), again.open()):
        for _ in range(2):
            with pytest.raises(
                LogFault, match=r"a tree of 8 leaves was signed and shown, .* \(its last is of 5\)"
            ):
                opened.checkpoint()
    assert [row[0] for row in rows(again.store, ledger.checkpoints)] == [5]
    again.store.close()


def test_log_of_another_name_begins_anew(bench: Bench) -> None:
    bench.add(260)
    bench.show()
    bench.add(3)
    bench.show()
    again = restored(bench, 260)
    other = again.open(origin="badges.example/second")
    made = other.checkpoint()
    # One more than were written: the leaf that says so.
    assert (made.origin, made.size) == ("badges.example/second", 271)
    text = other.proof(Kind.AWARD, "award-1005", "1005")
    assert note.verify_proof(text, digest="1005", kind=Kind.AWARD, keys=[other.key]) == made
    assert again.open(origin="badges.example/second").checkpoint() == made
    again.store.close()


def test_database_put_back_under_a_running_process_is_an_alarm(bench: Bench) -> None:
    bench.add(5)
    bench.show()
    bench.add(3)
    bench.show()
    change(bench.store, 'DELETE FROM leaves WHERE "index" >= 5')
    change(bench.store, "DELETE FROM checkpoints WHERE size = 8")
    change(bench.store, "UPDATE counters SET value = 5 WHERE name = 'leaves'")
    for _ in range(2):
        with pytest.raises(LogFault, match="do not make the tree of 5 leaves"):
            bench.log.checkpoint()
    bench.number = itertools.count(1000)
    bench.add(10)
    with pytest.raises(LogFault):
        bench.log.checkpoint()
    assert [row[0] for row in rows(bench.store, ledger.checkpoints)] == [5]


# --- publishing


def published(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def audited(root: Path) -> list[bytes]:
    """All entries of a published log, as a monitor reads them: nothing but the files."""
    read = published(root).get
    made = note.verify_checkpoint((root / "checkpoint").read_bytes(), keys=[note.Key(raw=key_raw())])
    node = merkle.tiled(read, made.size)
    assert merkle.root(made.size, node) == made.root
    entries: list[bytes] = []
    while len(entries) < made.size:
        index, width = len(entries) // 256, min(256, made.size - len(entries))
        data = read(merkle.bundle_path(index, width))
        assert data is not None
        entries.extend(merkle.unbundle(data))
    for number, entry in enumerate(entries):
        assert merkle.leaf_hash(entry) == node(0, number)
    edge, _ = merkle.Edge().extended(map(merkle.leaf_hash, entries))
    assert edge.root() == made.root
    return entries


def key_raw() -> bytes:
    made = Log(
        database=None,  # type: ignore[arg-type]
        signer=key(),
        origin=ORIGIN,
        folder=Path(),
        clock=lambda: NOW,
    )
    return made.key.raw


def test_published_log_can_be_read_without_us(bench: Bench) -> None:
    target = bench.root / "published"
    for count in (0, 3, 300, 513):
        bench.add(count)
        assert bench.log.write(target) == bench.show()
        entries = audited(target)
        assert [row[5] for row in rows(bench.store, ledger.leaves)] == entries
    assert sorted(published(target)) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002",
        "tile/0/003.p/48",
        "tile/1/000.p/1",
        "tile/1/000.p/3",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002",
        "tile/entries/003.p/48",
    ]


def test_published_log_tells_no_subject_digest_or_salt(bench: Bench) -> None:
    with bench.store.writing() as connection:
        log.append(connection, kind=Kind.AWARD, subject="subject", digest="sha256:digest", salt=b"salt " * 4)
    bench.log.write(bench.root / "published")
    whole = b"".join(published(bench.root / "published").values())
    for secret in (b"subject", b"digest", b"salt"):
        assert secret not in whole


def test_published_files_that_are_there_stay(bench: Bench) -> None:
    bench.add(600)
    target = bench.root / "published"
    bench.log.write(target)
    full = target / "tile/0/001"
    stamp = full.stat().st_ino
    bench.add(1)
    bench.log.write(target)
    assert full.stat().st_ino == stamp
    full.unlink()
    (target / "tile/entries/000").unlink()
    bench.open().write(target)
    assert len(audited(target)) == 601


def test_damaged_tile_is_not_published(bench: Bench) -> None:
    bench.add(600)
    bench.show()
    bench.tile("tile/0/001").write_bytes(bytes(8192))
    bench.open().write(bench.root / "published")
    assert len(audited(bench.root / "published")) == 600


def test_log_that_is_no_continuation_of_the_published_one_is_not_published(bench: Bench) -> None:
    target = bench.root / "published"
    bench.add(5)
    bench.log.write(target)
    before = published(target)
    home = bench.root / "other"
    home.mkdir()
    other = Bench(home)
    other.number = itertools.count(100)
    other.add(4)
    with pytest.raises(
        LogFault, match=r"published: a tree of 5 leaves was signed and shown, .* last is of 4"
    ):
        other.log.write(target)
    other.add(4)
    with pytest.raises(
        LogFault, match=r"published: a tree of 5 leaves was signed and shown, .* last is of 8"
    ):
        other.log.write(target)
    assert published(target) == before
    named = other.open(origin="badges.example/second")
    named.write(target)
    assert len(audited(target)) == 9
    # A process that has the old name still takes the new one's checkpoint, and publishes nothing.
    assert other.log.checkpoint().origin == "badges.example/second"
    with pytest.raises(
        LogFault, match=r"^log badges\.example/log: the newest tree is signed in the name of "
    ):
        other.log.write(target)
    other.store.close()


def test_log_that_is_named_anew_at_each_start_has_one_name_a_size(bench: Bench) -> None:
    bench.add(2)
    bench.show()
    for turn in range(1, 5):
        opened = bench.open(origin=f"badges.example/{turn % 2}")
        made = opened.checkpoint()
        assert (made.origin, made.size) == (f"badges.example/{turn % 2}", 2 + turn)
        text = opened.proof(Kind.AWARD, "award-0", "0")
        assert note.verify_proof(text, digest="0", kind=Kind.AWARD, keys=[opened.key]) == made


# --- what cannot be written


@pytest.mark.parametrize("at", range(1, 11))
def test_write_that_fails_loses_nothing_and_forks_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Each file's write fails in turn, in a checkpoint that fills a tile and in its publication."""
    bench.add(250)
    bench.show()
    bench.log.write(bench.root / "published")
    bench.add(10)
    left = itertools.count(1)
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if next(left) == at:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    failed = []
    for step in (bench.show, lambda: bench.log.write(bench.root / "published")):
        try:
            step()
        except StoreFault as error:
            failed.append(str(error).split(": ")[1])
            step()
    assert failed == (["cannot be written"] if at < 10 else [])
    monkeypatch.undo()
    bench.add(300)
    bench.show(bench.open())
    bench.show()
    bench.log.write(bench.root / "published")
    assert len(audited(bench.root / "published")) == 560
    assert not list(bench.root.rglob(".draft-*"))
    for number in (0, 255, 256, 559):
        bench.prove(number)


# --- what is concluded


@pytest.fixture
def judged(bench: Bench) -> Store:
    store = bench.store
    store.learner("ada", new_id="ada-id", salt=b"salt of ada")
    for number, verdict in enumerate(("passed", "failed")):
        store.submit(
            id=f"s{number}",
            attempt_id=f"a{number}",
            learner_id="ada-id",
            task_id=f"t{number}",
            task_version="1",
            task_digest="t",
            snapshot="t",
            bundle="b",
            tries=None,
            cooldown_s=0,
            now=NOW,
        )
        claim = store.claim(worker="w", lease_s=30, now=NOW)
        assert claim is not None
        store.finish_run(claim, b"{}", now=NOW)
        evidence = EvidenceRow(
            attempt_id=f"a{number}", record=f"record{number}", run="run", envelope="dsse", key_id="key"
        )
        conclusion = Conclusion(
            state=AttemptState.JUDGED, verdict=verdict, score=Fraction(1), level=None, evidence=evidence
        )
        store.conclude(claim, conclusion, now=NOW)
    return store


def test_concluded_attempt_is_in_the_log_and_a_pass_is_due(bench: Bench, judged: Store) -> None:
    for number in range(2):
        text = bench.log.proof(Kind.EVIDENCE, f"a{number}", f"record{number}")
        found = note.verify_proof(text, digest=f"record{number}", kind=Kind.EVIDENCE, keys=[bench.log.key])
        assert found.size == 2
    assert rows(judged, ledger.due) == [("a0",)]


def test_evidence_is_proven_after_its_learner_was_erased(bench: Bench, judged: Store) -> None:
    judged.erase_learner("ada", now=NOW)
    text = bench.log.proof(Kind.EVIDENCE, "a0", "record0")
    note.verify_proof(text, digest="record0", kind=Kind.EVIDENCE, keys=[bench.log.key])


def test_salts_of_evidence_differ_and_tell_nothing_of_the_learner(judged: Store) -> None:
    salts = [row[3] for row in rows(judged, ledger.leaves)]
    assert len(set(salts)) == 2
    assert salts[0] == log.evidence_salt(b"salt of ada", "a0")
    assert not any(b"ada" in salt for salt in salts if isinstance(salt, bytes))


def test_proof_holds_for_no_other_record(bench: Bench, judged: Store) -> None:
    text = bench.log.proof(Kind.EVIDENCE, "a0", "record0")
    with pytest.raises(VerificationFailed):
        note.verify_proof(text, digest="record1", kind=Kind.EVIDENCE, keys=[bench.log.key])


def test_evidence_that_is_older_than_the_log_gets_its_leaves_once(bench: Bench, judged: Store) -> None:
    with judged.writing() as connection:
        connection.execute(ledger.leaves.delete())
        connection.execute(schema.counters.update().where(schema.counters.c.name == "leaves").values(value=0))
    salts = itertools.count()

    def missing() -> int:
        return log.append_missing(judged, new_salt=lambda: bytes([next(salts)]) * 16, limit=1)

    assert [missing(), missing(), missing()] == [1, 1, 0]
    assert [row[2:4] for row in rows(judged, ledger.leaves)] == [("a0", bytes(16)), ("a1", b"\x01" * 16)]
    text = bench.log.proof(Kind.EVIDENCE, "a1", "record1")
    note.verify_proof(text, digest="record1", kind=Kind.EVIDENCE, keys=[bench.log.key])
