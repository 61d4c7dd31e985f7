"""Signatures: the engine's key, and the envelope around what it signed.

Comes in: bytes to sign, or an envelope and the public keys that are trusted. Goes out: a DSSE envelope, or
the exact bytes that were signed. What those bytes must say is left to `verify`.

A key is named by the SHA-256 of its SubjectPublicKeyInfo, so anyone can name it again with
`openssl pkey -pubin -outform DER | sha256sum`, and a name cannot be claimed for another key.

Source: DSSE v1.0.2 (https://github.com/secure-systems-lab/dsse), RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pydantic
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib import dsse
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]  # it has no __all__

from assessor import digest
from assessor.errors import KeyFault, VerificationFailed

#: Source: https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md
PAYLOAD_TYPE = "application/vnd.in-toto+json"

#: An envelope holds two digests and some names: a kilobyte or two. More is not ours and is not parsed.
ENVELOPE_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """The public half of a key.

    Attributes:
        key_id: `sha256:...` of its SubjectPublicKeyInfo (DER).
        pem: the same key as PEM text.
    """

    key_id: str
    pem: bytes


class Signer(Protocol):
    """Signs bytes with one key; the private half may live anywhere."""

    @property
    def key_id(self) -> str:
        """Name of the key."""
        ...

    @property
    def public_pem(self) -> bytes:
        """The public half, PEM."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        ...


class FileSigner:
    """An Ed25519 key that was read from a file."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = _public(private.public_key())

    @property
    def key_id(self) -> str:
        """Name of the key."""
        return self.public_key.key_id

    @property
    def public_pem(self) -> bytes:
        """The public half, PEM."""
        return self.public_key.pem

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over `data`."""
        return self._private.sign(data)


def open_key(path: Path, *, used: Collection[str]) -> FileSigner:
    """The key in `path`; on first use, when no key was ever used, a fresh one is made there with mode 0600.

    Two processes that start at once end up with the same key.

    Args:
        path: PEM file (PKCS #8, not encrypted).
        used: names of the keys that have signed before.

    Raises:
        KeyFault: a key was used before and is not here, the file is no Ed25519 key, or others can read it.
    """
    if not path.exists():
        if used:
            raise KeyFault(
                f"{path}: expected the key that has signed before ({_list(used)}), got no file; put it back "
                "from a backup: evidence that it signed stays valid, but a new key must not take its place "
                "unseen"
            )
        _make(path)
    signer = FileSigner(_read(path))
    if used and signer.key_id not in used:
        raise KeyFault(
            f"{path}: expected the key that has signed before ({_list(used)}), got another one "
            f"({signer.key_id})"
        )
    return signer


def load_public(pem: bytes, *, name: str) -> PublicKey:
    """The public key in PEM bytes.

    Args:
        pem: a SubjectPublicKeyInfo, PEM.
        name: where they come from, for the error.

    Raises:
        KeyFault: they are not an Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFault(f"{name}: expected an Ed25519 public key (PEM), got: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFault(f"{name}: expected an Ed25519 public key, got {type(key).__name__}")
    return _public(key)


def keys(trusted: Iterable[PublicKey]) -> dict[str, PublicKey]:
    """The keys by name, as `open_envelope` takes them."""
    return {key.key_id: key for key in trusted}


def seal(statement: bytes, signer: Signer, *more: Signer) -> bytes:
    """The DSSE envelope over these bytes, canonical JSON, with one signature for each signer."""
    envelope = dsse.Envelope(statement, PAYLOAD_TYPE, {})
    for one in (signer, *more):
        envelope.signatures[one.key_id] = Signature(one.key_id, one.sign(envelope.pae()).hex())
    return digest.canonical(envelope.to_dict())


def open_envelope(envelope: bytes, keys: Mapping[str, PublicKey], *, revoked: Collection[str] = ()) -> bytes:
    """The exact bytes that a trusted key signed.

    One signature by a trusted key is enough and those by unknown keys are passed over, but a signature in
    the name of a trusted key that does not hold spoils the whole: two signals disagree.

    Args:
        envelope: the bytes of the file.
        keys: the trusted public keys by name.
        revoked: names of keys that must no longer be believed, trusted or not.

    Raises:
        VerificationFailed: `envelope` where its form is wrong, `signature` where no trusted key vouches.
    """
    parsed = _parse(envelope)
    payload = _base64(parsed.payload, "payload")
    sealed = dsse.Envelope(payload, parsed.payloadType, {})
    names = [one.keyid for one in parsed.signatures]
    if len(set(names)) != len(names):
        raise VerificationFailed("envelope", f"expected one signature a key, got several by {_twice(names)}")
    held = []
    for one in parsed.signatures:
        sig = _base64(one.sig, f"signature by {one.keyid}")
        if one.keyid in revoked or one.keyid not in keys:
            continue
        key = SSlibKey.from_crypto(serialization.load_pem_public_key(keys[one.keyid].pem), keyid=one.keyid)
        try:
            key.verify_signature(Signature(one.keyid, sig.hex()), sealed.pae())
        except (UnverifiedSignatureError, VerificationError) as error:
            raise VerificationFailed(
                "signature",
                f"expected a signature by {one.keyid} over these bytes, got one that does not fit",
            ) from error
        held.append(one.keyid)
    if not held:
        raise VerificationFailed("signature", _nobody(names, keys, revoked))
    return payload


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class _Signature(_Strict):
    keyid: str
    sig: str


class _Envelope(_Strict):
    payload: str
    payloadType: str
    signatures: tuple[_Signature, ...] = pydantic.Field(min_length=1, max_length=16)


def _parse(data: bytes) -> _Envelope:
    try:
        digest.read(data, limit_bytes=ENVELOPE_BYTES)
        envelope = _Envelope.model_validate_json(data)
    except digest.NotCanonical as error:
        raise VerificationFailed("envelope", str(error)) from error
    except pydantic.ValidationError as error:
        raise VerificationFailed(
            "envelope", f"expected payload, payloadType and signatures, got: {_first(error)}"
        ) from error
    if envelope.payloadType != PAYLOAD_TYPE:
        raise VerificationFailed(
            "envelope", f"expected payload type {PAYLOAD_TYPE}, got {envelope.payloadType!r}"
        )
    return envelope


def _base64(text: str, where: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("envelope", f"{where}: expected base64, got: {error}") from error
    # Several texts decode to the same bytes (unused bits at the end); only one of them is ours.
    if base64.b64encode(data).decode() != text:
        raise VerificationFailed("envelope", f"{where}: expected base64 in its one form, got another")
    return data


def _nobody(names: list[str], keys: Mapping[str, PublicKey], revoked: Collection[str]) -> str:
    gone = [name for name in names if name in revoked]
    if gone:
        return f"expected a signature by a key that still counts, got one by {_list(gone)}, which is revoked"
    if not keys:
        return f"expected a public key to check against, got none; it names {_list(names)}"
    return f"expected a signature by one of {_list(keys)}, got only {_list(names)}"


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where another process was first: then theirs is the key
        except FileExistsError:
            return
        finally:
            draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeyFault(f"{path}: expected to write a new key, got: {error}") from error


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(ENVELOPE_BYTES)
    except OSError as error:
        raise KeyFault(f"{path}: expected to read the key, got: {error}") from error
    if mode & 0o077:
        raise KeyFault(f"{path}: expected a key that its owner alone can read (mode 0600), got {mode:04o}")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFault(f"{path}: expected an Ed25519 private key (PEM, PKCS #8), got: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFault(f"{path}: expected an Ed25519 private key, got {type(key).__name__}")
    return key


def _public(key: Ed25519PublicKey) -> PublicKey:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return PublicKey(
        key_id=digest.sha256(key.public_bytes(serialization.Encoding.DER, spki)),
        pem=key.public_bytes(serialization.Encoding.PEM, spki),
    )


def _first(error: pydantic.ValidationError) -> str:
    one = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in one['loc']) or 'the whole'}: {one['msg']}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _twice(names: list[str]) -> str:
    return _list({name for name in names if names.count(name) > 1})
