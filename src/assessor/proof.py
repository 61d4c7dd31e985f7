"""The envelope around what the engine's key has signed.

Comes in: bytes to sign, or an envelope and the public keys that are trusted. Goes out: a DSSE envelope, or
the exact bytes that were signed. Keys are left to `signer`, what those bytes must say to `verify`.

Source: DSSE v1.0.2 (https://github.com/secure-systems-lab/dsse).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping

import pydantic
from cryptography.hazmat.primitives import serialization
from securesystemslib import dsse
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]  # it has no __all__

from assessor import digest
from assessor.errors import VerificationFailed
from assessor.signer import PublicKey, Signer

#: Source: https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md
PAYLOAD_TYPE = "application/vnd.in-toto+json"

#: An envelope holds two digests and some names: a kilobyte or two. More is not ours and is not parsed.
ENVELOPE_BYTES = 64 * 1024


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
    """The exact bytes that a trusted key signed; for whom and what, see `opened`."""
    return opened(envelope, keys, revoked=revoked)[0]


def opened(
    envelope: bytes, keys: Mapping[str, PublicKey], *, revoked: Collection[str] = ()
) -> tuple[bytes, tuple[PublicKey, ...]]:
    """The exact bytes that a trusted key signed, and every trusted key that did.

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
        held.append(keys[one.keyid])
    if not held:
        raise VerificationFailed("signature", _nobody(names, keys, revoked))
    return payload, tuple(held)


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


def _first(error: pydantic.ValidationError) -> str:
    one = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in one['loc']) or 'the whole'}: {one['msg']}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _twice(names: list[str]) -> str:
    return _list({name for name in names if names.count(name) > 1})
