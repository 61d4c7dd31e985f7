"""The keyring: which key signs for what, made on first use, given up for a new one, and never lost unseen.

Comes in: the database, and for each purpose where the private half of its key is. Goes out: signers, and
the public halves of all keys that ever signed. How a key lies on a disk is left to `keyfile`, the rows to
`keyrows`.

The row says which key is in use; the private half that fits it is looked for. So at each moment, whoever
dies, one key is in use and can be found:

    rotate     1 write engine.pem.next       2 rows: old until now, new since now       3 rename it
    after a crash:     old is in use    |         the row says new: found in .next, renamed

A process that held the old key asks the row before it signs, and is refused by `keyrows.in_use` where the key
was retired between the two.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from assessor import keyfile, signer
from assessor.errors import KeyFault, NotFound
from assessor.issuer import Method
from assessor.openbadges import did
from assessor.rows import audit, keyrows
from assessor.rows.audit import Act
from assessor.rows.database import Database
from assessor.rows.keyrows import KeyRow
from assessor.signer import ElsewhereSigner, LocalSigner, PublicKey, Purpose, Signer

Held = LocalSigner | ElsewhereSigner


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the private half of a purpose's key is.

    Attributes:
        file: its file.
        given: a key (PEM) or its URL that takes the file's place, or None. A secret.
        setting: the setting that gives it, for errors.
    """

    file: Path
    given: str | None = None
    setting: str = ""

    def __repr__(self) -> str:
        return f"Place({self.shown})"

    @property
    def shown(self) -> str:
        """How the operator knows it."""
        return str(self.file) if self.given is None else self.setting

    @property
    def next(self) -> Path:
        """Where a new key waits to take the file's place."""
        return self.file.with_name(f"{self.file.name}.next")

    def retired(self, key_id: str) -> Path:
        """Where the private half of a retired key is kept, if it is."""
        return self.file.parent / "retired" / f"{key_id.removeprefix('sha256:')}.pem"


class Keyring:
    """The keys of an installation.

    Args:
        database: holds the rows.
        places: where the key of each purpose is.
        passphrase: what key files are encrypted with, or None.
        clock: the time, aware, UTC.
    """

    def __init__(
        self,
        database: Database,
        places: Mapping[Purpose, Place],
        *,
        passphrase: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._places = dict(places)
        self._passphrase = passphrase
        self._clock = clock
        self._held: dict[Purpose, Held] = {}

    def signer(self, purpose: Purpose) -> Signer:
        """The key in use, asked for anew each time that something is to be signed; made on first use.

        Two processes that ask at once for a first key end up with the same one.

        Raises:
            KeyFault: the key in use is not where it should be, cannot be opened, or is another one; the text
                ends with the command that mends it.
        """
        held = self._held.get(purpose)
        if held is not None and held.key_id in _used(self.rows(purpose)):
            return held
        found = self._found(purpose)
        if found is None:
            self._first(purpose)
            found = self._found(purpose)
            assert found is not None  # its row is there now
        self._settle(purpose, found)
        self._held[purpose] = found
        return found

    def look(self, purpose: Purpose) -> PublicKey | None:
        """The key in use, or None where none was ever used and none is there; makes and mends nothing.

        Raises:
            KeyFault: as for `signer`.
        """
        found = self._found(purpose) or self._load(self._places[purpose])
        return None if found is None else found.public_key

    def keys(self, purpose: Purpose) -> tuple[PublicKey, ...]:
        """Every key that ever signed for this purpose, oldest first, those in use with `until` None."""
        return tuple(row.public for row in self.rows(purpose) if row.public is not None)

    def rows(self, purpose: Purpose | None = None) -> tuple[KeyRow, ...]:
        """What is known of the keys of a purpose, or of all; oldest first."""
        with self._database.reading() as connection:
            return keyrows.read(connection, purpose)

    def public(self, key_id: str) -> PublicKey:
        """The public key of this name, in use or retired.

        Raises:
            NotFound: no key of this name signed here, or its public half was not kept.
        """
        for row in self.rows():
            if row.key_id == key_id and row.public is not None:
                return row.public
        raise NotFound(f"expected the name of a key that signed here, got {key_id!r}: there is none such")

    def where(self, purpose: Purpose) -> str:
        """Where the private half is, in words."""
        place = self._places[purpose]
        if place.given is not None or not place.file.exists():
            return place.shown
        return f"{place.file}, {'not encrypted' if self.is_plain(purpose) else 'encrypted'}"

    def is_plain(self, purpose: Purpose) -> bool:
        """Whether the private half lies in a file that no passphrase is needed for."""
        place = self._places[purpose]
        try:
            return place.given is None and not signer.encrypted(place.file.read_bytes())
        except OSError:
            return False

    def rotate(
        self, purpose: Purpose, *, now: datetime, keep: bool = False, lost: bool = False
    ) -> tuple[tuple[KeyRow, ...], PublicKey]:
        """Retire the key in use, and use a new one: a fresh file, or what the setting gives now.

        What it signed holds for ever. The private half of the retired key is removed, so that nobody can sign
        with it again; the copies in backups are the operator's.

        Args:
            purpose: whose key.
            now: when the old one is retired and the new one comes into use.
            keep: keep the private half in `keys/retired/`.
            lost: the key in use is gone for ever, or cannot be opened; go on without it.

        Returns:
            The rows of the keys that were retired, and the new key.

        Raises:
            KeyFault: the key in use cannot be used and is not given up, a setting gives no new key, or a file
                cannot be written; then the old key is in use still.
        """
        place = self._places[purpose]
        old = None if lost or place.given is not None else self.signer(purpose)
        with self._database.writing() as connection:
            keyrows.lock(connection)
            used = [row for row in keyrows.read(connection, purpose) if row.until is None]
            if old is not None and old.key_id not in {row.key_id for row in used}:
                raise KeyFault(f"{place.shown}: expected the key in use, another process has just retired it")
            # 1. The new key, on disk, beside the old one.
            new = self._fresh(place)
            _unknown(place, new, keyrows.read(connection))
            if keep and place.given is None:
                for row in used:
                    keyfile.keep(place.file, place.retired(row.key_id))
            # 2. The rows: from here on the new one is in use.
            at = max([now, *(row.since for row in used if row.since is not None)])
            keyrows.retire(connection, used, until=at)
            keyrows.add(connection, new.public_key, purpose, since=at)
            audit.note(connection, Act.by_operator(at), "key.rotate", new.key_id, purpose=purpose.value)
        # 3. The file takes its place; where this fails, whoever asks next does it.
        self._settle(purpose, new)
        if not keep:
            if place.given is not None:
                keyfile.remove(place.file)  # nothing reads it any more
            for row in used:
                keyfile.remove(place.retired(row.key_id))
        self._held[purpose] = new
        return tuple(used), replace(new.public_key, since=at)

    def encrypt(self, passphrase: str | None) -> tuple[Path, ...]:
        """Write every key file again under another passphrase, or under none; the files.

        A crash leaves some files under the old one and some under the new: run again, it finishes.

        Raises:
            KeyFault: a file opens with neither passphrase, or cannot be written.
        """
        done = []
        with self._database.writing() as connection:
            keyrows.lock(connection)  # no rotation moves a file meanwhile
            folder = {place.file.parent for place in self._places.values()}
            for path in sorted(
                path for one in folder for path in [*one.glob("*.pem*"), *one.glob("*/*.pem")]
            ):
                if path.name.startswith("."):
                    continue
                keyfile.replace(path, self._open(path, passphrase), passphrase=passphrase)
                done.append(path)
        self._passphrase = passphrase
        return tuple(done)

    def _open(self, path: Path, passphrase: str | None) -> LocalSigner:
        """The key in a file that is under the old passphrase, or under the new one already."""
        fault: KeyFault | None = None
        for one in (self._passphrase, passphrase):
            try:
                found = keyfile.read(path, passphrase=one)
            except KeyFault as error:
                fault = fault or error
            else:
                assert found is not None  # it was in the folder, and nobody else moves keys now
                return found
        assert fault is not None
        raise fault

    def _found(self, purpose: Purpose) -> Held | None:
        """The key whose row says that it is in use, or None where no key was ever used."""
        place = self._places[purpose]
        for _ in range(2):  # it may be rotated between one look and the next
            rows = self.rows(purpose)
            if not rows:
                return None
            used, fault, held = _used(rows), None, None
            try:
                held = self._load(place)
            except KeyFault as error:
                fault = error
            if held is not None and held.key_id in used:
                return held
            waiting = None if place.given is not None else self._try(place.next)
            if waiting is not None and waiting.key_id in used:
                return waiting
        raise fault or self._missing(purpose, held, rows)

    def _load(self, place: Place) -> Held | None:
        if place.given is not None:
            return signer.given(place.given, name=place.setting, passphrase=self._passphrase)
        return self._read(place.file)

    def _read(self, path: Path) -> LocalSigner | None:
        return keyfile.read(path, passphrase=self._passphrase)

    def _fresh(self, place: Place) -> Held:
        if place.given is not None:
            return signer.given(place.given, name=place.setting, passphrase=self._passphrase)
        keyfile.remove(place.next)
        keyfile.make(place.next, passphrase=self._passphrase)
        made = self._read(place.next)
        assert made is not None  # it was just made, and others wait
        return made

    def _first(self, purpose: Purpose) -> None:
        """Make the first key of a purpose, unless another process was first."""
        place = self._places[purpose]
        with self._database.writing() as connection:
            keyrows.lock(connection)
            if keyrows.read(connection, purpose):
                return
            if place.given is None:
                keyfile.make(place.file, passphrase=self._passphrase)
            made = self._load(place)
            assert made is not None  # it was just made
            _unknown(place, made, keyrows.read(connection))
            keyrows.add(connection, made.public_key, purpose, since=self._clock())

    def _settle(self, purpose: Purpose, found: Held) -> None:
        """Finish what an earlier process began: rename the new key, note a public half."""
        place = self._places[purpose]
        unnamed = not any(row.key_id == found.key_id and row.pem is not None for row in self.rows(purpose))
        if not unnamed and (place.given is not None or not place.next.exists()):
            return
        with self._database.writing() as connection:
            keyrows.lock(connection)  # so that no rotation puts another key there meanwhile
            keyrows.note(connection, found.public_key, purpose)
            if place.given is None and found.public_key != _public(self._try(place.file)):
                waiting = self._try(place.next)
                if _public(waiting) == found.public_key:
                    keyfile.move(place.next, place.file)

    def _try(self, path: Path) -> LocalSigner | None:
        try:
            return self._read(path)
        except KeyFault:
            return None  # given up as lost, or of an older passphrase

    def _missing(self, purpose: Purpose, held: Held | None, rows: tuple[KeyRow, ...]) -> KeyFault:
        place = self._places[purpose]
        said = f"{place.shown}: expected the key that has signed before ({', '.join(sorted(_used(rows)))}), "
        rotate = f"assessor keys rotate {purpose.value}"
        back = f"install -m 600 BACKUP/keys/{place.file.name} {shlex.quote(str(place.file))}"
        if held is None:
            return KeyFault(
                f"{said}got no file; put it back from a backup: what it signed stays valid, but a new key "
                f"must not take its place unseen (where it is lost for ever: {rotate} --lost)",
                mend=back,
            )
        was = next((row.until for row in rows if row.key_id == held.key_id), None)
        end = "" if was is None else f", retired {was:%Y-%m-%d %H:%M}Z"
        got = f"{said}got another one ({held.key_id}{end})"
        if place.given is None:
            return KeyFault(f"{got}; it was rotated on another machine, or the file was replaced", mend=back)
        if was is None:
            return KeyFault(f"{got}; give the one in use, or retire that one for this", mend=rotate)
        return KeyFault(got, mend=f"export {place.setting}=... with the key in use")


def _used(rows: tuple[KeyRow, ...]) -> frozenset[str]:
    return frozenset(row.key_id for row in rows if row.until is None)


def _public(held: Held | None) -> PublicKey | None:
    return None if held is None else held.public_key


def _unknown(place: Place, key: Held, known: tuple[KeyRow, ...]) -> None:
    """Nothing, for a key that has signed nothing yet: each purpose has its own, and none comes back.

    Raises:
        KeyFault: it has.
    """
    for row in known:
        if row.key_id == key.key_id:
            state = "in use" if row.until is None else f"retired {row.until:%Y-%m-%d}"
            raise KeyFault(
                f"{place.shown}: expected a new key, got {key.key_id}, the {row.purpose.value}'s, {state}"
            )


def issuer_did(method: Method, url: str, raw: bytes) -> str:
    """The DID of an issuer: by its domain, or by the key (32 bytes) that signs for it."""
    return did.did_web(url) if method is Method.WEB else did.did_key(raw)


def methods(issuer: str, keys: Iterable[PublicKey]) -> tuple[did.Method, ...]:
    """What an issuer's DID document lists: its keys, retired ones with the time of their end.

    Args:
        issuer: its DID.
        keys: the keys that ever signed credentials; for a did:key, which names one, that one alone counts.
    """
    named = [key for key in keys if issuer.startswith("did:web:") or did.did_key(key.raw) == issuer]
    return tuple(
        did.Method(id=did.method_id(issuer, key.raw), controller=issuer, raw=key.raw, until=key.until)
        for key in named
    )
