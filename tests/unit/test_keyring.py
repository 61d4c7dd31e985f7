"""The keyring: first use, loss, rotation, crashes between its steps, and passphrases."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assessor import keyfile, keyring, testing
from assessor.errors import KeyFault, KeyRetired, NotFound
from assessor.issuer import Method
from assessor.keyring import Keyring, Place
from assessor.openbadges import did
from assessor.rows import keyrows
from assessor.signer import Purpose
from assessor.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
ENGINE = Purpose.ENGINE


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def make(store: Store, folder: Path) -> Callable[..., Keyring]:
    """Gives a keyring as a process that has just started would have it."""

    def made(*, passphrase: str | None = None, at: Path = folder, **given: str) -> Keyring:
        places = {
            purpose: Place(
                file=at / f"{purpose.value}.pem",
                given=given.get(purpose.value),
                setting=f"ASSESSOR_{purpose.name}_KEY",
            )
            for purpose in Purpose
        }
        return Keyring(store, places, passphrase=passphrase, clock=lambda: NOW)

    return made


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def pem(number: int) -> str:
    return testing.signer(number).dump(None).decode()


# --- first use


def test_first_use_makes_a_key_for_each_purpose_that_its_owner_alone_can_read(
    make: Callable[..., Keyring], folder: Path
) -> None:
    keys = make()
    made = {keys.signer(purpose).key_id for purpose in Purpose}
    assert len(made) == 3
    assert files(folder) == ["engine.pem", "issuer.pem", "log.pem"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in files(folder)} == {0o600}
    assert {make().signer(purpose).key_id for purpose in Purpose} == made
    (row,) = keys.rows(Purpose.LOG)
    assert (row.since, row.until, row.pem) == (NOW, None, keys.signer(Purpose.LOG).public_pem)


def test_looking_makes_nothing(make: Callable[..., Keyring], folder: Path) -> None:
    assert make().look(ENGINE) is None
    assert not folder.exists()
    assert make().rows() == ()
    made = make().signer(ENGINE)
    found = make().look(ENGINE)
    assert found is not None
    assert found.key_id == made.key_id


def test_key_that_was_made_and_not_noted_is_the_first(
    make: Callable[..., Keyring], store: Store, folder: Path
) -> None:
    keyfile.make(folder / "engine.pem", passphrase=None)
    before = (folder / "engine.pem").read_bytes()
    assert make().signer(ENGINE).key_id == make().rows()[0].key_id
    assert (folder / "engine.pem").read_bytes() == before


def test_two_first_uses_at_once_end_with_one_key(
    make: Callable[..., Keyring], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make()
    real = Keyring._first

    def overtaken(self: Keyring, purpose: Purpose) -> None:
        monkeypatch.setattr(Keyring, "_first", real)
        other.signer(purpose)
        real(self, purpose)

    monkeypatch.setattr(Keyring, "_first", overtaken)
    assert make().signer(ENGINE).key_id == other.signer(ENGINE).key_id
    assert files(folder) == ["engine.pem"]


def test_two_files_made_at_once_end_as_one(folder: Path) -> None:
    keyfile.make(folder / "engine.pem", passphrase=None)
    first = (folder / "engine.pem").read_bytes()
    keyfile.make(folder / "engine.pem", passphrase=None)
    assert (folder / "engine.pem").read_bytes() == first
    assert files(folder) == ["engine.pem"]


def test_each_purpose_has_a_key_of_its_own(make: Callable[..., Keyring], folder: Path) -> None:
    key = make().signer(ENGINE)
    (folder / "log.pem").write_bytes((folder / "engine.pem").read_bytes())
    (folder / "log.pem").chmod(0o600)
    with pytest.raises(KeyFault, match=rf"expected a new key, got {key.key_id}, the engine's, in use"):
        make().signer(Purpose.LOG)


# --- what is refused, with the command that mends it


def fault(keys: Keyring, purpose: Purpose = ENGINE) -> KeyFault:
    with pytest.raises(KeyFault) as caught:
        keys.signer(purpose)
    with pytest.raises(KeyFault) as looked:
        keys.look(purpose)
    assert str(looked.value) == str(caught.value)
    return caught.value


def test_used_key_that_is_gone_is_refused_by_name_and_none_is_made(
    make: Callable[..., Keyring], folder: Path
) -> None:
    key = make().signer(ENGINE)
    (folder / "engine.pem").unlink()
    found = fault(make())
    assert str(found).startswith(
        f"{folder}/engine.pem: expected the key that has signed before ({key.key_id}), got no file; put it"
    )
    assert "assessor keys rotate engine --lost" in found.problem
    assert found.mend == f"install -m 600 BACKUP/keys/engine.pem {folder}/engine.pem"
    assert str(found).endswith(found.mend)
    assert files(folder) == []


def test_another_key_in_place_of_the_used_one_is_refused(make: Callable[..., Keyring], folder: Path) -> None:
    key = make().signer(ENGINE)
    other = testing.signer(9)
    (folder / "engine.pem").write_bytes(other.dump(None))
    assert fault(make()).problem == (
        f"{folder}/engine.pem: expected the key that has signed before ({key.key_id}), got another one "
        f"({other.key_id}); it was rotated on another machine, or the file was replaced"
    )


@pytest.mark.parametrize(("path", "mode"), [("engine.pem", 0o640), ("engine.pem", 0o604), (".", 0o770)])
def test_key_that_others_can_read_or_replace_is_refused(
    make: Callable[..., Keyring], folder: Path, path: str, mode: int
) -> None:
    make().signer(ENGINE)
    (folder / path).chmod(mode)
    found = fault(make())
    assert found.problem.endswith(f"got {mode:04o}")
    # What the text says mends it.
    assert os.system(found.mend) == 0
    make().signer(ENGINE)


def test_file_that_is_no_key_is_refused(make: Callable[..., Keyring], folder: Path) -> None:
    make().signer(ENGINE)
    (folder / "engine.pem").write_bytes(b"no key")
    assert "expected an Ed25519 private key (PEM, PKCS #8), got: " in str(fault(make()))


def test_folder_that_cannot_be_written_is_told(make: Callable[..., Keyring], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeyFault, match="expected to write a new key, got"):
        make(at=tmp_path / "file").signer(ENGINE)
    assert make().rows() == ()


# --- rotation


def test_rotated_key_is_replaced_and_what_it_signed_can_still_be_checked(
    make: Callable[..., Keyring], folder: Path
) -> None:
    keys = make()
    old = keys.signer(ENGINE)
    retired, new = keys.rotate(ENGINE, now=later(1))
    assert [row.key_id for row in retired] == [old.key_id]
    assert new.key_id != old.key_id
    assert keys.signer(ENGINE).key_id == make().signer(ENGINE).key_id == new.key_id
    assert [(key.key_id, key.since, key.until) for key in keys.keys(ENGINE)] == [
        (old.key_id, NOW, later(1)),
        (new.key_id, later(1), None),
    ]
    assert keys.public(old.key_id).pem == old.public_pem
    assert files(folder) == ["engine.pem"], "the old private half is gone"
    with pytest.raises(NotFound, match="expected the name of a key that signed here, got 'sha256:x'"):
        keys.public("sha256:x")


def test_process_that_held_the_old_key_goes_over_to_the_new_one(make: Callable[..., Keyring]) -> None:
    held = make()
    old = held.signer(ENGINE)
    make().rotate(ENGINE, now=later(1))
    assert held.signer(ENGINE).key_id not in (old.key_id, None)


def test_what_a_retired_key_signed_is_refused_where_it_would_be_kept(
    make: Callable[..., Keyring], store: Store
) -> None:
    keys = make()
    old = keys.signer(ENGINE)
    with store.writing() as connection:
        keyrows.in_use(connection, old.key_id)
    keys.rotate(ENGINE, now=later(1))
    with (
        store.writing() as connection,
        pytest.raises(KeyRetired, match=rf"key {old.key_id}: expected one that is in use, got one"),
    ):
        keyrows.in_use(connection, old.key_id)


def test_clock_that_was_set_back_gives_no_key_an_end_before_its_beginning(
    make: Callable[..., Keyring],
) -> None:
    keys = make()
    keys.signer(ENGINE)
    keys.rotate(ENGINE, now=later(-5))
    assert [(key.since, key.until) for key in keys.keys(ENGINE)] == [(NOW, NOW), (NOW, None)]


def test_private_half_is_kept_where_asked(make: Callable[..., Keyring], folder: Path) -> None:
    keys = make()
    old = keys.signer(ENGINE)
    before = (folder / "engine.pem").read_bytes()
    keys.rotate(ENGINE, now=later(1), keep=True)
    name = f"retired/{old.key_id.removeprefix('sha256:')}.pem"
    assert files(folder) == ["engine.pem", name]
    assert (folder / name).read_bytes() == before


def test_lost_key_is_given_up_only_where_said(make: Callable[..., Keyring], folder: Path) -> None:
    old = make().signer(ENGINE)
    (folder / "engine.pem").unlink()
    with pytest.raises(KeyFault, match="got no file"):
        make().rotate(ENGINE, now=later(1))
    _, new = make().rotate(ENGINE, now=later(1), lost=True)
    assert make().signer(ENGINE).key_id == new.key_id
    assert make().public(old.key_id).until == later(1)


def test_other_machine_that_has_the_retired_key_is_told_so(
    make: Callable[..., Keyring], folder: Path, tmp_path: Path
) -> None:
    old = make().signer(ENGINE)
    there = tmp_path / "there"
    there.mkdir(mode=0o700)
    (there / "engine.pem").write_bytes((folder / "engine.pem").read_bytes())
    (there / "engine.pem").chmod(0o600)
    assert make(at=there).signer(ENGINE).key_id == old.key_id
    make().rotate(ENGINE, now=later(1))
    found = fault(make(at=there))
    assert f"got another one ({old.key_id}, retired 2026-03-01 13:00Z)" in found.problem


class Died(BaseException):
    """A process that ends here."""


def _dying(at: int) -> tuple[Callable[[Any, str], Callable[..., Any]], list[str]]:
    """Wraps functions so that the process ends before, or after, the `at`th call of them all."""
    steps, said = itertools.count(), []

    def wrap(owner: Any, name: str) -> Callable[..., Any]:
        real = getattr(owner, name)

        def step(*given: Any, **named: Any) -> Any:
            if next(steps) == at:
                said.append(f"before {name}")
                raise Died
            result = real(*given, **named)
            if next(steps) == at:
                said.append(f"after {name}")
                raise Died
            return result

        return step

    return wrap, said


@pytest.mark.parametrize("at", range(16))
@pytest.mark.parametrize("keep", [False, True])
def test_process_that_dies_while_it_rotates_leaves_the_old_key_or_the_new(
    make: Callable[..., Keyring],
    folder: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    keep: bool,
) -> None:
    old = make().signer(ENGINE)
    keys = make()
    keys.signer(ENGINE)
    wrap, said = _dying(at)
    with monkeypatch.context() as patched:
        for owner, name in (
            *((keyfile, one) for one in ("remove", "make", "move", "keep", "_write", "_flush")),
            *((keyrows, one) for one in ("retire", "add")),
        ):
            patched.setattr(owner, name, wrap(owner, name))
        with pytest.raises(Died):
            keys.rotate(ENGINE, now=later(1), keep=keep)
    assert said
    # One key is in use, it can be found, and it signs; whoever asks, however often.
    used = {row.key_id for row in make().rows(ENGINE) if row.until is None}
    assert len(used) == 1
    assert {make().signer(ENGINE).key_id, make().signer(ENGINE).key_id, keys.signer(ENGINE).key_id} == used
    assert make().public(old.key_id).pem == old.public_pem
    # And it can be rotated as if nothing had been.
    (gone,), new = make().rotate(ENGINE, now=later(2))
    assert make().signer(ENGINE).key_id == new.key_id
    assert "engine.pem.next" not in files(folder)
    assert f"retired/{gone.key_id.removeprefix('sha256:')}.pem" not in files(folder)


# --- keys that settings give


def test_key_of_a_setting_takes_the_place_of_the_file(make: Callable[..., Keyring], folder: Path) -> None:
    assert make(engine=pem(1)).signer(ENGINE).key_id == testing.signer(1).key_id
    assert not folder.exists()


def test_key_moves_from_its_file_into_a_setting(make: Callable[..., Keyring], folder: Path) -> None:
    key = make().signer(ENGINE)
    text = (folder / "engine.pem").read_text()
    (folder / "engine.pem").unlink()
    assert make(engine=text).signer(ENGINE).key_id == key.key_id


def test_new_key_of_a_setting_is_refused_until_it_is_rotated_to(
    make: Callable[..., Keyring], folder: Path
) -> None:
    make().signer(ENGINE)
    found = fault(make(engine=pem(2)))
    assert found.problem.endswith(
        f"got another one ({testing.signer(2).key_id}); give the one in use, or retire that one for this"
    )
    assert found.mend == "assessor keys rotate engine"
    make(engine=pem(2)).rotate(ENGINE, now=later(1))
    assert make(engine=pem(2)).signer(ENGINE).key_id == testing.signer(2).key_id
    assert files(folder) == []
    # A process that was started with the old one, and one that has the file again.
    make(engine=pem(3)).rotate(ENGINE, now=later(2))
    assert "retired 2026-03-01 14:00Z" in fault(make(engine=pem(2))).problem
    assert fault(make(engine=pem(2))).mend == "export ASSESSOR_ENGINE_KEY=... with the key in use"


@pytest.mark.parametrize(("number", "state"), [(1, "retired 2026-03-01"), (2, "in use")])
def test_no_retired_key_comes_back(make: Callable[..., Keyring], number: int, state: str) -> None:
    make(engine=pem(1)).signer(ENGINE)
    make(engine=pem(2)).rotate(ENGINE, now=later(1))
    with pytest.raises(KeyFault, match=rf"^ASSESSOR_ENGINE_KEY: expected a new key, got .*{state}"):
        make(engine=pem(number)).rotate(ENGINE, now=later(2))


def test_secret_is_not_in_the_words_for_a_place() -> None:
    place = Place(file=Path("engine.pem"), given="secret", setting="ASSESSOR_ENGINE_KEY")
    assert "secret" not in repr(place) + str(place) + place.shown


# --- passphrases


def test_key_is_encrypted_where_there_is_a_passphrase(make: Callable[..., Keyring], folder: Path) -> None:
    key = make(passphrase=PASSPHRASE).signer(ENGINE)
    assert b"ENCRYPTED" in (folder / "engine.pem").read_bytes()
    assert make(passphrase=PASSPHRASE).signer(ENGINE).key_id == key.key_id
    assert "expected the passphrase of the key" in str(fault(make()))
    assert "got another one" in str(fault(make(passphrase="another one, as long")))
    make(passphrase=PASSPHRASE).rotate(ENGINE, now=later(1))
    assert b"ENCRYPTED" in (folder / "engine.pem").read_bytes()


def test_passphrase_is_set_changed_and_removed(make: Callable[..., Keyring], folder: Path) -> None:
    keys = make()
    made = {purpose: keys.signer(purpose).key_id for purpose in Purpose}
    keys.rotate(ENGINE, now=later(1), keep=True)
    made[ENGINE] = keys.signer(ENGINE).key_id
    for old, new in (
        (None, PASSPHRASE),
        (PASSPHRASE, "another one, as long"),
        ("another one, as long", None),
    ):
        written = make(passphrase=old).encrypt(new)
        assert sorted(str(path.relative_to(folder)) for path in written) == files(folder)
        assert len(written) == 4
        assert all((b"ENCRYPTED" in path.read_bytes()) is (new is not None) for path in written)
        assert {purpose: make(passphrase=new).signer(purpose).key_id for purpose in Purpose} == made
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in written)


@pytest.mark.parametrize("at", range(8))
def test_process_that_dies_while_it_encrypts_is_finished_by_the_next(
    make: Callable[..., Keyring], folder: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    made = {purpose: make().signer(purpose).key_id for purpose in Purpose}
    wrap, said = _dying(at)
    with monkeypatch.context() as patched:
        for name in ("_write", "_flush"):
            patched.setattr(keyfile, name, wrap(keyfile, name))
        with pytest.raises(Died):
            make().encrypt(PASSPHRASE)
    assert said
    make().encrypt(PASSPHRASE)
    assert {purpose: make(passphrase=PASSPHRASE).signer(purpose).key_id for purpose in Purpose} == made


def test_wrong_passphrase_changes_nothing(make: Callable[..., Keyring], folder: Path) -> None:
    make(passphrase=PASSPHRASE).signer(ENGINE)
    before = (folder / "engine.pem").read_bytes()
    with pytest.raises(KeyFault, match="got another one"):
        make(passphrase="another one, as long").encrypt("a third one, as long")
    assert (folder / "engine.pem").read_bytes() == before


# --- names


def test_issuer_is_named_by_its_domain_or_by_its_key() -> None:
    raw = testing.signer(2).public_raw
    assert keyring.issuer_did(Method.WEB, "https://a.example/b", raw) == "did:web:a.example:b"
    assert keyring.issuer_did(Method.KEY, "https://a.example/b", raw) == did.did_key(raw)


def test_document_lists_retired_keys_with_their_end(make: Callable[..., Keyring]) -> None:
    keys = make()
    old = keys.signer(Purpose.ISSUER)
    keys.rotate(Purpose.ISSUER, now=later(1))
    new = keys.signer(Purpose.ISSUER)
    listed = keyring.methods("did:web:a.example", keys.keys(Purpose.ISSUER))
    assert [(one.id, one.raw, one.until) for one in listed] == [
        (f"did:web:a.example#{did.multikey(old.public_raw)}", old.public_raw, later(1)),
        (f"did:web:a.example#{did.multikey(new.public_raw)}", new.public_raw, None),
    ]
    # A DID that is a key names that key and no other.
    named = did.did_key(new.public_raw)
    assert [one.id for one in keyring.methods(named, keys.keys(Purpose.ISSUER))] == [
        f"{named}#{did.multikey(new.public_raw)}"
    ]
