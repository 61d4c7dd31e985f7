"""Signers: keys from text, keys that live elsewhere, and what is refused in words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assessor import signer, testing
from assessor.errors import KeyFault

PASSPHRASE = "correct horse battery"

#: A package that somebody installs: what docs/operating.md shows, with faults to choose from.
PACKAGE = """
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

class Key:
    def __init__(self, fault):
        self.fault = fault
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
        self.public_pem = self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        if fault == "no-key":
            self.public_pem = b"nothing"

    def sign(self, data):
        if self.fault == "away":
            raise TimeoutError("no answer in 5 s")
        if self.fault == "other":
            return bytes(64)
        return self.private.sign(data)

def open_key(url):
    name = url.partition(":")[2]
    if name == "missing":
        raise LookupError("no such key")
    return Key(name)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fakekms.py").write_text(PACKAGE)
    info = tmp_path / "fakekms-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fakekms\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[assessor.signers]\nfakekms = fakekms:open_key\n")
    monkeypatch.syspath_prepend(tmp_path)


def given(text: str, passphrase: str | None = None) -> signer.LocalSigner | signer.ElsewhereSigner:
    return signer.given(text, name="ASSESSOR_ENGINE_KEY", passphrase=passphrase)


def pem(number: int = 1, passphrase: str | None = None) -> str:
    return testing.signer(number).dump(passphrase).decode()


def test_key_is_named_as_openssl_would_name_it() -> None:
    key = testing.signer()
    der = serialization.load_pem_public_key(key.public_pem).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert key.key_id == "sha256:" + hashlib.sha256(der).hexdigest()
    assert signer.load_public(key.public_pem, name="x") == key.public_key
    assert key.public_key.raw == key.public_raw == der[-32:]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"?", r"x\.pem: expected an Ed25519 public key \(PEM\), got"),
        (
            generate_private_key(SECP256R1())
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            r"x\.pem: expected an Ed25519 public key, got ECPublicKey",
        ),
    ],
)
def test_public_key_that_is_none_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(KeyFault, match=text):
        signer.load_public(data, name="x.pem")


# --- keys as text


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_private_key_comes_back_from_its_text(passphrase: str | None) -> None:
    text = pem(passphrase=passphrase)
    assert signer.encrypted(text.encode()) is (passphrase is not None)
    again = given(text, passphrase)
    assert again.key_id == testing.signer().key_id
    Ed25519PublicKey.from_public_bytes(again.public_raw).verify(again.sign(b"hello"), b"hello")


def test_lines_may_be_parted_as_an_environment_file_does() -> None:
    assert given(pem().replace("\n", "\\n")).key_id == testing.signer().key_id


def test_passphrase_is_not_used_for_a_key_that_needs_none() -> None:
    assert given(pem(), PASSPHRASE).key_id == testing.signer().key_id


@pytest.mark.parametrize(
    ("passphrase", "text"),
    [
        (
            None,
            "ASSESSOR_ENGINE_KEY: expected the passphrase of the key, which is encrypted, got none; mend it "
            "with: export ASSESSOR_KEY_PASSPHRASE=..., or name a file that holds it by "
            "ASSESSOR_KEY_PASSPHRASE_FILE",
        ),
        (
            "another one, as long",
            "ASSESSOR_ENGINE_KEY: expected the passphrase that the key was encrypted with, got another one; "
            "mend it with: export ASSESSOR_KEY_PASSPHRASE=... with the right one",
        ),
    ],
)
def test_missing_or_wrong_passphrase_is_told_apart(passphrase: str | None, text: str) -> None:
    with pytest.raises(KeyFault) as caught:
        given(pem(passphrase=PASSPHRASE), passphrase)
    assert str(caught.value) == text


def test_short_passphrase_encrypts_nothing() -> None:
    with pytest.raises(
        KeyFault, match=r"^passphrase: expected 12 characters or more, got 11; .*openssl rand"
    ):
        testing.signer().dump("x" * 11)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("secret that is no key", "expected a private key (PEM) or the URL of one (scheme:...), got 21"),
        ("-----BEGIN PRIVATE KEY-----\nsecret", "expected an Ed25519 private key (PEM, PKCS #8), got: "),
        (
            generate_private_key(SECP256R1())
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            .decode(),
            "expected an Ed25519 private key, got ECPrivateKey",
        ),
        ("nokms:secret", "expected the scheme of a signer that is installed (there is none), got 'nokms'"),
    ],
)
def test_setting_that_gives_no_key_is_refused_and_never_shown(text: str, said: str) -> None:
    with pytest.raises(KeyFault) as caught:
        given(text)
    assert str(caught.value).startswith(f"ASSESSOR_ENGINE_KEY: {said}")
    assert "secret" not in str(caught.value)


# --- keys that live elsewhere


@pytest.mark.usefixtures("package")
def test_key_of_an_installed_package_signs_like_any_other() -> None:
    key = given("fakekms:engine")
    assert (key.key_id, key.public_raw) == (testing.signer(7).key_id, testing.signer(7).public_raw)
    assert key.sign(b"hello") == testing.signer(7).sign(b"hello")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "expected a key from fakekms:open_key, got LookupError: no such key"),
        ("away", "expected a signature, got TimeoutError: no answer in 5 s"),
        ("other", f"expected a signature by {testing.signer(7).key_id}, got one that does not fit"),
        ("no-key", "expected an Ed25519 public key (PEM), got: "),
    ],
)
def test_key_elsewhere_that_does_not_sign_is_refused_before_anything_is_signed(name: str, said: str) -> None:
    with pytest.raises(KeyFault) as caught:
        given(f"fakekms:{name}")
    assert str(caught.value).startswith(f"ASSESSOR_ENGINE_KEY: {said}")


@pytest.mark.usefixtures("package")
def test_unknown_scheme_names_those_that_are_installed() -> None:
    with pytest.raises(KeyFault, match=r"signer that is installed \(fakekms\), got 'kms'; mend it with: pip"):
        given("kms:engine")
