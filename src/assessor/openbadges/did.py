"""Keys by name: DIDs, and the documents that say which keys speak for them.

Comes in: 32 bytes of an Ed25519 public key, a base URL, or a DID document from anybody. Goes out: names,
the document to publish, or the keys that may sign credentials. Fetching a document is left to others;
`web_address` says where it is, `resolve_key` needs none.

A key that has been retired stays in the document with `expires`, the time it was retired: what it signed
before that holds, nothing later does. A key marked `revoked` speaks for nothing.

Source: DID Core 1.0; did:web Method Specification; The did:key Method v0.9; Controlled Identifiers 1.0,
section 2.2 (Verification Methods).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from assessor.errors import SettingInvalid, VerificationFailed
from assessor.openbadges import contexts, multibase

KEY_BYTES = 32
#: Source: multicodec table, ed25519-pub 0xed as a varint.
_ED25519 = b"\xed\x01"
LIMIT_METHODS = 64


@dataclass(frozen=True, kw_only=True)
class Method:
    """A key that may sign credentials for a DID.

    Attributes:
        id: its name, a DID with a fragment.
        controller: the DID that it speaks for.
        raw: 32 bytes, Ed25519.
        until: when it was retired; None where it is in use.
    """

    id: str
    controller: str
    raw: bytes
    until: datetime | None = None


def multikey(raw: bytes) -> str:
    """The key as a Multikey, `z6Mk...`.

    Args:
        raw: 32 bytes.
    """
    if len(raw) != KEY_BYTES:
        raise ValueError(f"expected {KEY_BYTES} bytes of an Ed25519 key, got {len(raw)}")
    return multibase.base58(_ED25519 + raw)


def method_id(controller: str, raw: bytes) -> str:
    """How a proof names a key: the DID that it belongs to, and the key itself.

    Args:
        controller: the DID.
        raw: 32 bytes.
    """
    return f"{controller}#{multikey(raw)}"


def raw(multikey: str) -> bytes:
    """The 32 bytes of an Ed25519 key in a Multikey.

    Raises:
        VerificationFailed: `controller` where it is another kind of key or none.
    """
    try:
        data = multibase.read_base58(multikey)
    except multibase.NotMultibase as error:
        raise VerificationFailed("controller", f"key: {error}") from error
    if not data.startswith(_ED25519) or len(data) != len(_ED25519) + KEY_BYTES:
        raise VerificationFailed("controller", f"expected an Ed25519 key (z6Mk...), got {multikey[:16]!r}")
    return data.removeprefix(_ED25519)


def did_key(raw: bytes) -> str:
    """The DID that is the key itself, for trials: it needs no domain, and cannot be rotated."""
    return f"did:key:{multikey(raw)}"


def did_web(base_url: str) -> str:
    """The DID of whoever serves this URL.

    Args:
        base_url: `https://host[:port][/path]`.

    Raises:
        SettingInvalid: it is not such a URL.
    """
    # Never repeated: who mistypes a URL with a password must not find it in a log, nor in a cause.
    wrong = SettingInvalid(
        "expected https://host[:port][/path] without user, query and fragment, got another URL"
    )
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme != "https" or not host or parts.query or parts.fragment or "@" in base_url:
        raise wrong
    domain = host.encode("idna").decode() if not host.isascii() else host
    if ":" in domain:
        raise SettingInvalid("expected a domain name, which did:web needs, got an IP address")
    steps = [quote(unquote(step), safe="") for step in parts.path.split("/") if step]
    return ":".join(["did:web", domain + (f"%3A{port}" if port else ""), *steps])


def web_address(did: str) -> str:
    """The https URL of a did:web's document.

    Raises:
        VerificationFailed: `controller` where it is no did:web.
    """
    name = did.partition("#")[0]
    scheme, method, domain, *steps = [*name.split(":"), "", ""][: max(3, name.count(":") + 1)]
    host, colon, port = unquote(domain).partition(":")
    letters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
    well_formed = (
        (scheme, method) == ("did", "web")
        and bool(host)
        and set(host) <= letters
        and "." not in (host[0], host[-1])
        and (not colon or (port.isascii() and port.isdigit() and 0 < int(port) < 2**16))
        and all(
            step and unquote(step) not in (".", "..") and not set(unquote(step)) & set("/\\?#")
            for step in steps
        )
    )
    if not well_formed:
        raise VerificationFailed("controller", f"expected did:web:host[%3Aport][:path], got {did[:200]!r}")
    path = "/".join(quote(unquote(step), safe="") for step in steps) if steps else ".well-known"
    return f"https://{host}{colon}{port}/{path}/did.json"


def document(did: str, methods: Iterable[Method]) -> dict[str, Any]:
    """The DID document to publish: keys in use and retired ones, as given."""
    listed = list(methods)
    if not listed:
        raise ValueError("expected at least one key to publish, got none")
    published = []
    for method in listed:
        entry = {
            "id": method.id,
            "type": "Multikey",
            "controller": method.controller,
            "publicKeyMultibase": multikey(method.raw),
        }
        if method.until is not None:
            entry["expires"] = method.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        published.append(entry)
    return {
        "@context": [contexts.DID, contexts.MULTIKEY],
        "id": did,
        "verificationMethod": published,
        "assertionMethod": [method.id for method in listed],
    }


def read(document: Mapping[str, Any]) -> tuple[Method, ...]:
    """The Ed25519 keys that may sign credentials for the DID of this document, as it lists them.

    Keys of other kinds are passed over; `jwks` has them.

    Raises:
        VerificationFailed: `controller` where it is no DID document or a key in it is broken.
    """
    did = _did(document)
    found = []
    for name, entry in _assertion_methods(document, did):
        key = _ed25519(entry)
        if key is not None:
            found.append(
                Method(id=name, controller=_controller(entry, did), raw=key, until=_time(entry, "expires"))
            )
    return tuple(found)


def jwks(document: Mapping[str, Any], *, now: datetime) -> dict[str, Mapping[str, Any]]:
    """The keys of a DID document that it gives as JWKs, by name, for JWTs of others.

    A token has no date but what its signer writes, so a key that has ended by now is left out.

    Raises:
        VerificationFailed: `controller` where it is no DID document or a key in it is broken.
    """
    did = _did(document)
    found = {}
    for name, entry in _assertion_methods(document, did):
        key, end = entry.get("publicKeyJwk"), _time(entry, "expires")
        if isinstance(key, Mapping) and _controller(entry, did) == did and (end is None or end > now):
            found[name] = key
    return found


def resolve_key(did: str) -> Method:
    """The key that a did:key is, with or without its fragment.

    Raises:
        VerificationFailed: `controller` where it is no did:key of an Ed25519 key.
    """
    name, _, fragment = did.partition("#")
    text = name.removeprefix("did:key:")
    if text == name or fragment not in ("", text):
        raise VerificationFailed("controller", f"expected did:key:z6Mk... , got {did[:200]!r}")
    return Method(id=f"{name}#{text}", controller=name, raw=raw(text))


def _did(document: Mapping[str, Any]) -> str:
    did = document.get("id")
    if not isinstance(did, str) or not did:
        raise VerificationFailed("controller", "expected a DID document with an id, got none")
    return did


def _assertion_methods(document: Mapping[str, Any], did: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each method that may sign credentials, with its full name; revoked ones are left out."""
    defined = {}
    for entry in _objects(document.get("verificationMethod", []), "verificationMethod"):
        if isinstance(entry, str):
            raise VerificationFailed(
                "controller", f"verificationMethod: expected objects, got {entry[:80]!r}"
            )
        defined[_name(entry, did)] = entry
    for entry in _objects(document.get("assertionMethod", []), "assertionMethod"):
        if isinstance(entry, str):
            name = did + entry if entry.startswith("#") else entry
            # A method of another document is not ours to vouch for.
            if name not in defined:
                continue
            entry = defined[name]
        else:
            name = _name(entry, did)
        if "revoked" not in entry:
            yield name, entry


def _objects(value: Any, where: str) -> list[Any]:
    listed = value if isinstance(value, list) else [value]
    if len(listed) > LIMIT_METHODS:
        raise VerificationFailed(
            "controller", f"{where}: expected at most {LIMIT_METHODS} keys, got {len(listed)}"
        )
    for one in listed:
        if not isinstance(one, str | Mapping):
            raise VerificationFailed("controller", f"{where}: expected keys, got {type(one).__name__}")
    return listed


def _name(entry: Mapping[str, Any], did: str) -> str:
    name = entry.get("id")
    if not isinstance(name, str) or "#" not in name:
        raise VerificationFailed("controller", f"expected keys named {did}#..., got {name!r}")
    return did + name if name.startswith("#") else name


def _controller(entry: Mapping[str, Any], did: str) -> str:
    controller = entry.get("controller", did)
    if not isinstance(controller, str):
        raise VerificationFailed("controller", f"expected one controller of a key, got {controller!r}")
    return controller


def _ed25519(entry: Mapping[str, Any]) -> bytes | None:
    text = entry.get("publicKeyMultibase")
    if isinstance(text, str):
        return raw(text) if text.startswith("z6Mk") else None
    jwk = entry.get("publicKeyJwk")
    if not isinstance(jwk, Mapping) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        return None
    try:
        x = str(jwk.get("x", ""))
        key = base64.b64decode(x + "=" * (-len(x) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("controller", f"expected an Ed25519 key as JWK, got: {error}") from error
    if len(key) != KEY_BYTES:
        raise VerificationFailed("controller", f"expected {KEY_BYTES} bytes of a key, got {len(key)}")
    return key


def _time(entry: Mapping[str, Any], name: str) -> datetime | None:
    text = entry.get(name)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise VerificationFailed("controller", f"{name} of a key: expected a time, got {text!r}") from error
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
