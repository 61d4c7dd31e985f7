"""Signers: what signs, and the public keys that its signatures are checked with.

Comes in: a key as PEM text, or the URL of one that lives elsewhere. Goes out: a `Signer`, whose private half
nobody sees. Key files are left to `keyfile`, which key is in use to `keyring`, what is signed to `proof`,
`note` and `openbadges`.

Keys are Ed25519. One is named by the SHA-256 of its SubjectPublicKeyInfo, so anyone can name it again with
`openssl pkey -pubin -outform DER | sha256sum`, and a name cannot be claimed for another key.

A key in a KMS, a PKCS #11 token or an agent is reached through a package that registers a factory in the
entry-point group `assessor.signers`, under the scheme of its URLs; docs/operating.md has an example.

Source: RFC 8032 (Ed25519), RFC 8410 (its PEM forms).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import metadata
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from assessor import digest
from assessor.errors import KeyFault

#: Where packages register the factories of their signers.
GROUP = "assessor.signers"

#: The shortest passphrase for a key file. It has to be long: guessing is slowed by 2,048 rounds of PBKDF2,
#: all that a PKCS #8 file gets here.
PASSPHRASE_CHARACTERS = 12

#: What a signer from elsewhere is tried with; no form that is signed here begins like it.
_TRIAL = b"assessor: is this key there?"

_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
_BEGIN = "-----BEGIN "


class Purpose(StrEnum):
    """What a key signs; each has a key of its own."""

    ENGINE = "engine"  #: evidence
    ISSUER = "issuer"  #: credentials and status lists
    LOG = "log"  #: checkpoints of the transparency log


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """The public half of a key.

    Attributes:
        key_id: `sha256:...` of its SubjectPublicKeyInfo (DER).
        pem: the same key as PEM text.
        since: when it came into use, or None where nobody noted that.
        until: when it was retired, or None. What it signed before still holds.
    """

    key_id: str
    pem: bytes
    since: datetime | None = None
    until: datetime | None = None

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the key."""
        return _parse_public(self.pem, self.key_id).public_bytes_raw()


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

    @property
    def public_raw(self) -> bytes:
        """The public half, 32 bytes."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over `data`.

        Raises:
            KeyFault: the key cannot be reached now, or what it gave is no signature.
        """
        ...


class LocalSigner:
    """A key in this process' memory, from a file or the environment."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = _public(private.public_key())
        self.public_raw = private.public_key().public_bytes_raw()

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

    def dump(self, passphrase: str | None) -> bytes:
        """The private half as PEM (PKCS #8), encrypted where there is a passphrase.

        Raises:
            KeyFault: the passphrase is too short to keep anybody out.
        """
        sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            if len(passphrase) < PASSPHRASE_CHARACTERS:
                raise KeyFault(
                    f"passphrase: expected {PASSPHRASE_CHARACTERS} characters or more, got {len(passphrase)}",
                    mend="openssl rand -base64 24, which makes a good one",
                )
            sealed = serialization.BestAvailableEncryption(passphrase.encode())
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed
        )


class Elsewhere(Protocol):
    """What a factory of the group `assessor.signers` returns: a key whose private half is not here."""

    @property
    def public_pem(self) -> bytes:
        """The public half, PEM (SubjectPublicKeyInfo)."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature over `data`; any exception means that there is none now."""
        ...


class ElsewhereSigner:
    """A key that lives elsewhere; each signature is checked before it is believed.

    Args:
        key: what the factory made.
        name: how the operator knows it, for errors.

    Raises:
        KeyFault: its public half is none, or a signature on trial does not fit it.
    """

    def __init__(self, key: Elsewhere, *, name: str) -> None:
        self._key = key
        self._name = name
        self.public_key = load_public(key.public_pem, name=name)
        self._public = _parse_public(self.public_pem, name)
        self.public_raw = self._public.public_bytes_raw()
        self.sign(_TRIAL)

    @property
    def key_id(self) -> str:
        """Name of the key."""
        return self.public_key.key_id

    @property
    def public_pem(self) -> bytes:
        """The public half, PEM."""
        return self.public_key.pem

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over `data`.

        Raises:
            KeyFault: there is none now, or it does not fit the public half.
        """
        try:
            signature = bytes(self._key.sign(data))
            self._public.verify(signature, data)
        except InvalidSignature as error:
            raise KeyFault(
                f"{self._name}: expected a signature by {self.key_id}, got one that does not fit"
            ) from error
        except Exception as error:  # whatever a stranger's package raises
            raise KeyFault(f"{self._name}: expected a signature, got {_said(error)}") from error
        return signature


def load_public(pem: bytes, *, name: str) -> PublicKey:
    """The public key in PEM bytes.

    Args:
        pem: a SubjectPublicKeyInfo, PEM.
        name: where they come from, for the error.

    Raises:
        KeyFault: they are not an Ed25519 public key.
    """
    return _public(_parse_public(pem, name))


def load_private(
    pem: bytes, *, name: str, passphrase: str | None, asked_by: str = "ASSESSOR_KEY_PASSPHRASE"
) -> LocalSigner:
    """The private key in PEM bytes.

    Args:
        pem: PKCS #8, encrypted or not.
        name: where they come from, for the error.
        passphrase: what opens it where it is encrypted; not used where it is not.
        asked_by: how a passphrase is given, for the error.

    Raises:
        KeyFault: they are not an Ed25519 key, or the passphrase is missing or another one.
    """
    sealed = encrypted(pem)
    if sealed and passphrase is None:
        raise KeyFault(
            f"{name}: expected the passphrase of the key, which is encrypted, got none",
            mend=f"export {asked_by}=..., or name a file that holds it by {asked_by}_FILE",
        )
    try:
        key = serialization.load_pem_private_key(
            pem, password=passphrase.encode() if sealed and passphrase is not None else None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if sealed and "ncorrect password" in str(error):
            raise KeyFault(
                f"{name}: expected the passphrase that the key was encrypted with, got another one",
                mend=f"export {asked_by}=... with the right one",
            ) from error
        raise KeyFault(f"{name}: expected an Ed25519 private key (PEM, PKCS #8), got: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFault(f"{name}: expected an Ed25519 private key, got {type(key).__name__}")
    return LocalSigner(key)


def encrypted(pem: bytes) -> bool:
    """Whether a passphrase is needed to read this private key."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem


def given(text: str, *, name: str, passphrase: str | None) -> LocalSigner | ElsewhereSigner:
    """The key that a setting gives in place of a file.

    Args:
        text: PEM, its lines parted by newlines or by the two characters `\\n`; or a URL such as
            `kms:engine-2026` whose scheme a package has registered a factory for.
        name: the setting, for errors, which never show the text: it may be the key.
        passphrase: what opens a PEM that is encrypted.

    Raises:
        KeyFault: it is neither, or there is no such factory, or no such key.
    """
    if text.lstrip().startswith(_BEGIN):
        return load_private(text.replace("\\n", "\n").encode(), name=name, passphrase=passphrase)
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", text)
    if scheme is None:
        raise KeyFault(
            f"{name}: expected a private key (PEM) or the URL of one (scheme:...), "
            f"got {len(text)} characters that are neither"
        )
    found = {one.name: one for one in metadata.entry_points(group=GROUP)}
    factory = found.get(scheme[1])
    if factory is None:
        raise KeyFault(
            f"{name}: expected the scheme of a signer that is installed "
            f"({', '.join(sorted(found)) or 'there is none'}), got {scheme[1]!r}",
            mend=f"pip install the package that registers {scheme[1]!r} in the entry-point group {GROUP}",
        )
    try:
        made: Elsewhere = factory.load()(text)
    except Exception as error:
        raise KeyFault(f"{name}: expected a key from {factory.value}, got {_said(error)}") from error
    return ElsewhereSigner(made, name=name)


def _parse_public(pem: bytes, name: str) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFault(f"{name}: expected an Ed25519 public key (PEM), got: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFault(f"{name}: expected an Ed25519 public key, got {type(key).__name__}")
    return key


def _public(key: Ed25519PublicKey) -> PublicKey:
    return PublicKey(
        key_id=digest.sha256(key.public_bytes(serialization.Encoding.DER, _SPKI)),
        pem=key.public_bytes(serialization.Encoding.PEM, _SPKI),
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
