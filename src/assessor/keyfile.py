"""Key files: how the private half of a key lies on a disk.

Comes in: a path and a passphrase. Goes out: a `LocalSigner`, or bytes on a disk. Which key is in use is left
to `keyring`.

    <home>/keys/                  mode 0700
        engine.pem                mode 0600, PKCS #8, encrypted where there is a passphrase
        issuer.pem, log.pem
        engine.pem.next           for a moment, or after a crash: a new key that takes its place
        retired/<64 digits>.pem   only what `assessor keys rotate --keep` kept
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor import signer
from assessor.errors import KeyFault
from assessor.signer import LocalSigner

#: A key takes some hundred bytes. More is none and is not read.
_BYTES = 64 * 1024


def make(path: Path, *, passphrase: str | None) -> None:
    """Put a fresh key at `path`, whole and on disk, unless there is something already.

    Raises:
        KeyFault: it cannot be written.
    """
    pem = LocalSigner(Ed25519PrivateKey.generate()).dump(passphrase)
    draft = _draft(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(draft, pem)
        try:
            os.link(draft, path)  # fails where another process was first: then theirs is the key
        except FileExistsError:
            return
        finally:
            draft.unlink()
        _flush(path.parent)
    except OSError as error:
        raise KeyFault(f"{path}: expected to write a new key, got: {error}") from error


def read(path: Path, *, passphrase: str | None) -> LocalSigner | None:
    """The key in `path`, or None where there is no file.

    Raises:
        KeyFault: it cannot be read, others can read or replace it, it is no Ed25519 key, or the passphrase is
            missing or another one.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(_BYTES)
        folder = stat.S_IMODE(path.parent.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFault(f"{path}: expected to read the key, got: {error}", mend=_owned(path)) from error
    if mode & 0o077:
        raise KeyFault(
            f"{path}: expected a key that its owner alone can read (mode 0600), got {mode:04o}",
            mend=f"chmod 600 {shlex.quote(str(path))}",
        )
    if folder & 0o022:
        raise KeyFault(
            f"{path.parent}: expected a folder that its owner alone can write to (mode 0700), "
            f"got {folder:04o}",
            mend=f"chmod 700 {shlex.quote(str(path.parent))}",
        )
    return signer.load_private(pem, name=str(path), passphrase=passphrase)


def replace(path: Path, key: LocalSigner, *, passphrase: str | None) -> None:
    """Write a key over the file that is there: at each moment one of the two is there, whole.

    Raises:
        KeyFault: it cannot be written; the file that was there stays.
    """
    draft = _draft(path)
    try:
        _write(draft, key.dump(passphrase))
        draft.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise KeyFault(f"{path}: expected to write the key again, got: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Put one file in the place of another.

    Raises:
        KeyFault: it cannot be moved.
    """
    try:
        source.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise KeyFault(f"{target}: expected to put {source.name} in its place, got: {error}") from error


def keep(path: Path, target: Path) -> None:
    """Give the file a second name, so that it outlives what takes its place.

    Raises:
        KeyFault: it cannot be kept.
    """
    try:
        target.parent.mkdir(exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            os.link(path, target)
        _flush(target.parent)
    except OSError as error:
        raise KeyFault(f"{target}: expected to keep {path.name} there, got: {error}") from error


def remove(path: Path) -> None:
    """Remove a key for ever; no matter if it is gone.

    Raises:
        KeyFault: it cannot be removed.
    """
    try:
        path.unlink()
        _flush(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise KeyFault(f"{path}: expected to remove the key, got: {error}") from error


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _owned(path: Path) -> str:
    return f"chown $(id -u) {shlex.quote(str(path))} && chmod 600 {shlex.quote(str(path))}"
