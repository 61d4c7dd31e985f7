"""DIDs: names of keys, where their documents are, and which keys of a document may sign."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3 import did as theirs

from assessor.errors import SettingInvalid, VerificationFailed
from assessor.openbadges import contexts, did, linked, multibase
from tests.credentials import ISSUER, METHOD, NOW, RAW

WEB = "did:web:school.example"
UNTIL = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
#: Source: did:key v0.9, section on Ed25519.
KNOWN_KEY = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"

keys = st.binary(min_size=32, max_size=32)


@given(keys)
def test_key_comes_back_from_its_multikey(raw: bytes) -> None:
    text = did.multikey(raw)
    assert text.startswith("z6Mk")
    assert did.raw(text) == raw
    assert did.resolve_key(did.did_key(raw)).raw == raw


@given(st.binary(max_size=80))
def test_bytes_come_back_from_both_alphabets(data: bytes) -> None:
    assert multibase.read_base58(multibase.base58(data)) == data
    assert multibase.read_base64url(multibase.base64url(data)) == data


@given(st.text(max_size=40))
def test_text_is_read_only_in_the_one_form_that_is_written(text: str) -> None:
    for write, read in (
        (multibase.base58, multibase.read_base58),
        (multibase.base64url, multibase.read_base64url),
    ):
        with contextlib.suppress(multibase.NotMultibase):
            assert write(read(text)) == text


def test_known_did_key_is_read() -> None:
    method = did.resolve_key(f"did:key:{KNOWN_KEY}#{KNOWN_KEY}")
    assert method.id == f"did:key:{KNOWN_KEY}#{KNOWN_KEY}"
    assert method.controller == f"did:key:{KNOWN_KEY}"
    assert method.raw.hex() == "2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6"


def test_did_key_is_the_one_that_openbadgeslib_makes() -> None:
    pem = Ed25519PublicKey.from_public_bytes(RAW).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert theirs.did_key_from_pem(pem) == ISSUER


@pytest.mark.parametrize(
    "name",
    [
        "did:web:school.example",
        f"did:key:{KNOWN_KEY}#z6MkjZRZv3aez3r18pB1RBFJR1kwUVJ5jHt92JmQwXbd5hwi",
        "did:key:zDnaegE6RR3atJtHKwTRTWHsJ3kNHqFwv7n9YjTgmU7TyfU76",
        "did:key:",
        "did:key:z6Mk",
        "did:key:" + KNOWN_KEY[:-1],
        "",
    ],
)
def test_other_names_are_no_did_key(name: str) -> None:
    with pytest.raises(VerificationFailed) as caught:
        did.resolve_key(name)
    assert caught.value.check == "controller"


@pytest.mark.parametrize(
    ("url", "name", "address"),
    [
        ("https://school.example", WEB, "https://school.example/.well-known/did.json"),
        ("https://School.Example/", WEB, "https://school.example/.well-known/did.json"),
        (
            "https://school.example:8443",
            "did:web:school.example%3A8443",
            "https://school.example:8443/.well-known/did.json",
        ),
        (
            "https://school.example/badges/2030",
            "did:web:school.example:badges:2030",
            "https://school.example/badges/2030/did.json",
        ),
        (
            "https://school.example/a%20b/~c",
            "did:web:school.example:a%20b:~c",
            "https://school.example/a%20b/~c/did.json",
        ),
    ],
)
def test_base_url_did_and_address_belong_together(url: str, name: str, address: str) -> None:
    assert did.did_web(url) == name
    assert did.web_address(name) == address
    assert did.web_address(f"{name}#key") == address


@pytest.mark.parametrize(
    "url",
    [
        "http://school.example",
        "https://user:secret@school.example",
        "https://school.example?x",
        "https://school.example#x",
        "https://[2001:db8::1]/",
        "https://school.example:secret",
        "school.example",
        "https://",
        "",
    ],
)
def test_other_urls_give_no_did_and_are_not_repeated(url: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        did.did_web(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "did:web:",
        "did:web",
        "did:key:x",
        "did:web:host:",
        "did:web:host::x",
        "did:web:host:..",
        "did:web:host:%2e%2e:x",
        "did:web:host:a%2Fb",
        "did:web:host%3Aport",
        "did:web:host%3A0",
        "did:web:host%3A99999",
        "did:web:user%40host",
        "did:web:host%2Fpath",
        "did:web:host%23",
        "did:web:host?x",
        "did:web:%5B2001%3Adb8%3A%3A1%5D",
        "did:web:.host",
        "web:host",
    ],
)
def test_malformed_did_web_has_no_address(name: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape("expected did:web:host[%3Aport][:path]")):
        did.web_address(name)


@given(
    st.text(st.sampled_from("did:web%3Aa.b/#?@[]2eF\\\0 "), max_size=24).map(lambda text: "did:web:" + text)
)
def test_address_is_an_https_url_of_the_named_host_or_refused(name: str) -> None:
    with contextlib.suppress(VerificationFailed):
        address = did.web_address(name)
        assert re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?/([^/?#\\]+/)+did\.json", address)
        assert "/../" not in address


# Documents


def method(name: str = "a", **changes: Any) -> did.Method:
    defaults: dict[str, Any] = {"id": f"{WEB}#{name}", "controller": WEB, "raw": RAW}
    return did.Method(**{**defaults, **changes})


def test_document_gives_back_its_keys_with_the_end_of_retired_ones() -> None:
    methods = (method("a"), method("b", raw=bytes(32), until=UNTIL))
    made = did.document(WEB, methods)
    assert made["@context"] == [contexts.DID, contexts.MULTIKEY]
    assert made["verificationMethod"][1]["expires"] == "2031-05-06T07:08:09Z"
    assert did.read(made) == methods
    linked.canonical(made)  # each of its words is defined


def test_document_without_a_key_is_not_made() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        did.document(WEB, [])


def test_key_that_may_not_sign_credentials_is_left_out() -> None:
    made = did.document(WEB, [method("a"), method("b")])
    made["assertionMethod"] = [f"{WEB}#b"]
    assert [one.id for one in did.read(made)] == [f"{WEB}#b"]


def test_revoked_key_is_left_out() -> None:
    made = did.document(WEB, [method("a"), method("b")])
    made["verificationMethod"][0]["revoked"] = "2030-01-01T00:00:00Z"
    assert [one.id for one in did.read(made)] == [f"{WEB}#b"]


def test_key_of_another_document_is_left_out() -> None:
    made = did.document(WEB, [method("a")])
    made["assertionMethod"].append("did:web:other.example#a")
    assert [one.id for one in did.read(made)] == [f"{WEB}#a"]


def test_key_that_another_controls_keeps_its_controller() -> None:
    """Whoever verifies compares it with the issuer."""
    made = did.document(WEB, [method("a", controller="did:web:other.example")])
    assert did.read(made)[0].controller == "did:web:other.example"


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "Ed25519VerificationKey2020", "publicKeyMultibase": did.multikey(RAW)},
        {
            "type": "JsonWebKey",
            "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": multibase.base64url(RAW)[1:]},
        },
    ],
)
def test_other_forms_of_the_same_key_are_read(entry: dict[str, Any]) -> None:
    document = {"id": WEB, "assertionMethod": [{"id": "#k", "controller": WEB, **entry}]}
    assert did.read(document) == (method("k"),)


def test_keys_of_other_kinds_are_for_jwts_alone() -> None:
    jwk = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}
    document = {
        "id": WEB,
        "verificationMethod": [{"id": "#k", "controller": WEB, "publicKeyJwk": jwk}],
        "assertionMethod": "#k",
    }
    assert did.read(document) == ()
    assert did.jwks(document, now=NOW) == {f"{WEB}#k": jwk}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": None}, "expected a DID document with an id"),
        ({"verificationMethod": ["#k"]}, "verificationMethod: expected objects"),
        ({"verificationMethod": [1]}, "verificationMethod: expected keys, got int"),
        ({"assertionMethod": [{"type": "Multikey"}]}, "expected keys named did:web:school.example#..."),
        ({"assertionMethod": ["#k"] * 65}, "assertionMethod: expected at most 64 keys, got 65"),
        ({"assertionMethod": [{"id": "#k", "publicKeyMultibase": "z6Mk!"}]}, "expected letters of base58"),
        ({"assertionMethod": [{"id": "#k", "publicKeyMultibase": "z6Mk"}]}, "expected an Ed25519 key"),
        (
            {"assertionMethod": [{"id": "#k", "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}]},
            "expected 32 bytes of a key, got 1",
        ),
        (
            {"assertionMethod": [{"id": "#k", "publicKeyMultibase": did.multikey(RAW), "expires": "soon"}]},
            "expires of a key: expected a time, got 'soon'",
        ),
    ],
)
def test_broken_document_is_refused_in_words(change: dict[str, Any], says: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says)) as caught:
        did.read({**did.document(WEB, [method()]), **change})
    assert caught.value.check == "controller"


KEYS = [
    *("id", "verificationMethod", "assertionMethod", "controller", "publicKeyMultibase"),
    *("publicKeyJwk", "expires", "kty", "crv", "x"),
]
values = st.recursive(
    st.none() | st.integers() | st.sampled_from(["#k", WEB, METHOD, "z6Mk", did.multikey(RAW)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(values, values)
def test_reading_any_document_raises_only_what_it_says(first: Any, second: Any) -> None:
    for read in (did.read, partial(did.jwks, now=NOW)):
        with contextlib.suppress(VerificationFailed):
            read({"id": WEB, "verificationMethod": first, "assertionMethod": second})
