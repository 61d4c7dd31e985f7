"""Signed notes: a log's checkpoints, and the text of a proof that something is in the log.

Comes in: a root to sign, or any bytes that claim to be a checkpoint or a proof, and the keys that are
trusted. Goes out: the texts below, or what was proven by one. The tree is `merkle`'s, keeping it `log`'s.

    checkpoint                              proof
    ----------                              -----
    badges.example/log                      c2sp.org/tlog-proof@v1
    1234                                    extra <base64 of {"kind": .., "salt": ..}>
    <root, base64>                          index 17
                                            <hash, base64>
    — badges.example/log <signature>        ...

                                            <the checkpoint, whole>

A leaf's entry is `{"commitment": "sha256:...", "kind": ".."}`: HMAC-SHA256, keyed with a salt of the leaf's
own, over the canonical JSON of digest and kind. So the public log tells nothing of what it holds, not even to
one who guesses; whoever has the digest and the proof, which brings the salt, can open it.

Source: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-proof, RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pydantic
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assessor import digest as digests
from assessor import merkle
from assessor.errors import VerificationFailed

#: A checkpoint is some hundred bytes, and a kilobyte or two with witnesses; a proof has 62 hashes at most.
#: More is nobody's and is not parsed.
NOTE_BYTES = 64 * 1024
PROOF_BYTES = NOTE_BYTES + 16 * 1024
#: Signatures in a note that are looked at. Source: signed-note, "MUST accept at least up to 16 signatures".
SIGNATURES = 64
SALT_BYTES = (16, 64)

_ED25519 = b"\x01"
_PROOF = "c2sp.org/tlog-proof@v1"
_DASH = "\N{EM DASH} "
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Kind(StrEnum):
    """What a leaf stands for."""

    EVIDENCE = "evidence"  #: an evidence record, by the digest of its bytes
    AWARD = "award"  #: a signed credential, by the digest of its bytes
    STATUS = "status"  #: a change of an award's status, by the digest of what says so
    LOG = (
        "log"  #: the log's beginning under a new name, by the digest of the last checkpoint under the old one
    )


@dataclass(frozen=True, kw_only=True)
class Key:
    """A public key that checkpoints are signed with.

    Attributes:
        raw: the 32 bytes of an Ed25519 public key.
        name: the origin of the log that it signs for, or None where it is trusted for whatever it signs.
    """

    raw: bytes
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A tree that a log has signed.

    Attributes:
        origin: the name of the log.
        size: how many leaves the tree has.
        root: its root.
        note: the signed text, whole.
    """

    origin: str
    size: int
    root: bytes
    note: bytes


def entry(kind: Kind, digest: str, salt: bytes) -> bytes:
    """The bytes of a leaf.

    Raises:
        ValueError: the salt is not of 16 to 64 bytes: it could be guessed, or is none.
    """
    least, most = SALT_BYTES
    if not least <= len(salt) <= most:
        raise ValueError(f"leaf: expected a salt of {least} to {most} bytes, got {len(salt)}")
    said = digests.canonical({"digest": digest, "kind": kind.value})
    commitment = hmac.new(salt, said, hashlib.sha256).hexdigest()
    return digests.canonical({"commitment": f"sha256:{commitment}", "kind": kind.value})


def text(origin: str, size: int, root: bytes) -> bytes:
    """What a checkpoint says, without its signature; the bytes that are signed.

    Raises:
        ValueError: no log can be called that.
    """
    if not _named(origin):
        raise ValueError(f"log: expected a name without spaces and plus signs, got {origin!r}")
    return f"{origin}\n{size}\n{_write(root)}\n".encode()


def signed(text: bytes, *, name: str, raw: bytes, signature: bytes) -> bytes:
    """A note: a text that ends its last line, and the signature over it by one Ed25519 key.

    Args:
        text: what is signed.
        name: the signer's name; of a checkpoint, the log's origin.
        raw: the signer's public key.
        signature: over `text`.
    """
    return text + f"\n{_DASH}{name} {_write(key_hash(name, raw) + signature)}\n".encode()


def key_hash(name: str, raw: bytes) -> bytes:
    """The four bytes that tell a signature's key among others of its name."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + raw).digest()[:4]


def vkey(name: str, raw: bytes) -> str:
    """A public key as tools for notes and logs take it."""
    return f"{name}+{key_hash(name, raw).hex()}+{_write(_ED25519 + raw)}"


def read_vkey(text: str) -> Key:
    """The key in such a text.

    Raises:
        VerificationFailed: `log`, where it is none of Ed25519, or its hash is another's.
    """
    name, _, rest = text.partition("+")
    told, _, key = rest.partition("+")
    data = _read(key, "a verifier key")
    if not _named(name) or data[:1] != _ED25519 or len(data) != 33:
        raise _failed("a verifier key: name, hash and an Ed25519 key", f"{text[:120]!r}")
    if told != key_hash(name, data[1:]).hex():
        raise _failed(f"a verifier key with the hash {key_hash(name, data[1:]).hex()}", f"{told[:120]!r}")
    return Key(name=name, raw=data[1:])


def verify_note(note: bytes, *, keys: Collection[Key]) -> bytes:
    """The text that a trusted key has signed.

    Signatures of others are passed over; one in the name of a trusted key that does not hold spoils all.

    Raises:
        VerificationFailed: `log`, where it is no note, or no trusted key signed it.
    """
    text, signatures = _note(note)
    held = False
    for name, data in signatures:
        for key in keys:
            if key.name not in (None, name) or data[:4] != key_hash(name, key.raw):
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(data[4:], text)
            except (InvalidSignature, ValueError) as error:
                raise _failed(f"a signature by {vkey(name, key.raw)}", "one that does not fit") from error
            held = True
    if not held:
        raise _failed("a signature by a trusted key", ", ".join(name for name, _ in signatures))
    return text


def read_checkpoint(note: bytes) -> Checkpoint:
    """What a checkpoint says; **nothing of it is proven**: that is `verify_checkpoint`'s.

    Raises:
        VerificationFailed: `log`, where the text is no checkpoint.
    """
    text, _ = _note(note)
    # Any lines after the third are the log's own; they are signed with the rest, and mean nothing here.
    origin, size, root, *more = [*text.decode().split("\n")[:-1], "", ""]
    if not origin or not _DECIMAL.fullmatch(size) or "" in more[:-2]:
        raise _failed("a checkpoint: origin, size, root", f"{text[:120]!r}")
    return Checkpoint(origin=origin, size=int(size), root=_hash(root), note=note)


def verify_checkpoint(note: bytes, *, keys: Collection[Key]) -> Checkpoint:
    """The tree that a log has signed, in its own name, with a key that is trusted.

    Args:
        note: any bytes.
        keys: the keys that are trusted; one that is for another log speaks for no other.

    Raises:
        VerificationFailed: `log`, where the text is no checkpoint, or no trusted key signed it.
    """
    checkpoint = read_checkpoint(note)
    name = checkpoint.origin
    verify_note(note, keys=[Key(name=name, raw=key.raw) for key in keys if key.name in (None, name)])
    return checkpoint


def proof(*, kind: Kind, salt: bytes, index: int, hashes: Sequence[bytes], checkpoint: Checkpoint) -> bytes:
    """The text that proves a leaf to be in the tree of a checkpoint."""
    extra = digests.canonical({"kind": kind.value, "salt": salt.hex()})
    lines = [_PROOF, f"extra {_write(extra)}", f"index {index}", *map(_write, hashes), ""]
    return "".join(f"{line}\n" for line in lines).encode() + checkpoint.note


def verify_proof(proof: bytes, *, digest: str, kind: Kind, keys: Collection[Key]) -> Checkpoint:
    """Check that what has this digest is in the log; the tree that it is in.

    1. Compute the leaf from the digest and the proof's salt.
    2. Check the checkpoint's signature.
    3. Check that the leaf is under its root.

    Args:
        proof: any bytes.
        digest: of what is to be in the log, `sha256:...`.
        kind: what it is to be.
        keys: the keys that are trusted.

    Raises:
        VerificationFailed: `log`, where it is not proven.
    """
    read = _proof(proof)
    if read.kind != kind.value:
        raise _failed(f"a proof for a leaf of kind {kind.value}", f"one for {read.kind[:40]!r}")
    leaf = merkle.leaf_hash(entry(kind, digest, read.salt))  # 1
    checkpoint = verify_checkpoint(read.note, keys=keys)  # 2
    merkle.verify_inclusion(  # 3
        leaf, index=read.index, size=checkpoint.size, proof=read.hashes, root=checkpoint.root
    )
    return checkpoint


@dataclass(frozen=True, kw_only=True)
class _Proof:
    kind: str
    salt: bytes
    index: int
    hashes: tuple[bytes, ...]
    note: bytes


class _Extra(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)

    kind: str
    salt: str = pydantic.Field(pattern=r"\A([0-9a-f]{2}){16,64}\z")  # SALT_BYTES


def _proof(data: bytes) -> _Proof:
    if len(data) > PROOF_BYTES:
        raise _failed(f"a proof of at most {PROOF_BYTES} bytes", len(data))
    head, found, note = data.partition(b"\n\n")
    if not found:
        raise _failed("a proof: its lines, an empty one, a checkpoint", "no empty line")
    lines = iter(_utf8(head).split("\n"))
    _line(lines, _PROOF, whole=True)
    extra = _read(_line(lines, "extra "), "extra")
    index = _line(lines, "index ")
    if not _DECIMAL.fullmatch(index):
        raise _failed("the index of a leaf", f"{index[:40]!r}")
    hashes = tuple(_hash(line) for line in lines)
    try:
        digests.read(extra, limit_bytes=1024)
        said = _Extra.model_validate_json(extra)
    except (digests.NotCanonical, pydantic.ValidationError) as error:
        raise _failed("kind and salt in the line extra", "something else") from error
    return _Proof(kind=said.kind, salt=bytes.fromhex(said.salt), index=int(index), hashes=hashes, note=note)


def _line(lines: Iterator[str], start: str, *, whole: bool = False) -> str:
    line = next(lines, "")
    if not line.startswith(start) or (whole and line != start):
        raise _failed(f"a line {start.strip()!r}", f"{line[:120]!r}")
    return line.removeprefix(start)


def _note(data: bytes) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """The bytes that are signed, and each signature with its signer's name."""
    if len(data) > NOTE_BYTES:
        raise _failed(f"a signed note of at most {NOTE_BYTES} bytes", len(data))
    whole = _utf8(data)
    if any(char < " " and char != "\n" for char in whole):
        raise _failed("a signed note without control characters", "some")
    text, found, rest = whole.rpartition("\n\n")
    if not found or not rest.endswith("\n"):
        raise _failed("a signed note: its lines, an empty one, signatures", "something else")
    lines = rest[:-1].split("\n")
    if len(lines) > SIGNATURES:
        raise _failed(f"at most {SIGNATURES} signatures", len(lines))
    signatures = tuple(map(_signature, lines))
    marks = [(name, data[:4]) for name, data in signatures]
    if len(set(marks)) != len(marks):
        raise _failed("one signature a key", "several by one")
    return f"{text}\n".encode(), signatures


def _signature(line: str) -> tuple[str, bytes]:
    name, found, data = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not found or not _named(name):
        raise _failed("a line with a signer's name and a signature", f"{line[:120]!r}")
    read = _read(data, "a signature")
    if len(read) <= 4:
        raise _failed("a signature after four bytes that name its key", f"{len(read)} bytes")
    return name, read


def _named(name: str) -> bool:
    return bool(name) and name.isprintable() and "+" not in name and not any(char.isspace() for char in name)


def _hash(line: str) -> bytes:
    data = _read(line, "a hash")
    if len(data) != merkle.HASH_BYTES:
        raise _failed("a hash of 32 bytes", len(data))
    return data


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _failed("UTF-8", f"other bytes at {error.start}") from error


def _write(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _read(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _failed(f"{what} in base64", f"{text[:120]!r}") from error
    # Several texts decode to the same bytes (unused bits at the end); only one of them is right.
    if _write(data) != text:
        raise _failed(f"{what} in base64 in its one form", f"{text[:120]!r}")
    return data


def _failed(expected: str, came: object) -> VerificationFailed:
    return VerificationFailed("log", f"expected {expected}, got {came}")
