"""Notes: the specification's own example, what is signed, and everything else refused in words."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from assessor import merkle, note
from assessor.errors import VerificationFailed
from assessor.note import Checkpoint, Key, Kind

# Source: the example of c2sp.org/signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n\N{EM DASH} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONnc"
    "AlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = PRIVATE.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_RAW = OTHER.public_key().public_bytes_raw()
ORIGIN = "badges.example/log"
KEY = Key(name=ORIGIN, raw=RAW)
SALT = bytes(range(16))
DIGEST = "sha256:" + "ab" * 32
ENTRY = note.entry(Kind.EVIDENCE, DIGEST, SALT)
LEAVES = [merkle.leaf_hash(one) for one in (b"before", ENTRY, b"after")]


def sign(text: bytes, *, name: str = ORIGIN, private: Ed25519PrivateKey = PRIVATE) -> bytes:
    raw = private.public_key().public_bytes_raw()
    return note.signed(text, name=name, raw=raw, signature=private.sign(text))


def checkpoint(origin: str = ORIGIN, size: int = 3) -> Checkpoint:
    edge, _ = merkle.Edge().extended(LEAVES[:size])
    return note.read_checkpoint(sign(note.text(origin, size, edge.root())))


def proof(kind: Kind = Kind.EVIDENCE, salt: bytes = SALT) -> bytes:
    hashes = merkle.inclusion(1, 3, lambda height, index: LEAVES[index] if height == 0 else PAIR)
    return note.proof(kind=kind, salt=salt, index=1, hashes=hashes, checkpoint=checkpoint())


PAIR = merkle.node_hash(LEAVES[0], LEAVES[1])


# --- notes and keys


def test_example_of_the_specification_holds() -> None:
    key = note.read_vkey(VKEY)
    assert note.vkey("example.com/foo", key.raw) == VKEY
    assert note.verify_note(NOTE, keys=[key]) == b"This is an example message.\n"
    assert note.verify_note(NOTE, keys=[Key(raw=key.raw)]) == b"This is an example message.\n"


def test_text_may_hold_empty_lines() -> None:
    text = b"one\n\n\ntwo\n\n"
    assert note.verify_note(sign(text), keys=[KEY]) == text


def test_signatures_of_others_are_passed_over() -> None:
    text = note.text(ORIGIN, 0, merkle.EMPTY)
    witness = sign(text, name="witness.example", private=OTHER).removeprefix(text + b"\n")
    # Of a type that nobody here knows, and longer than Ed25519's.
    strange = b"\xe2\x80\x94 " + ORIGIN.encode() + b" " + base64.b64encode(bytes(2500)) + b"\n"
    both = sign(text) + witness + strange
    assert note.verify_checkpoint(both, keys=[KEY]).note == both


def test_broken_signature_in_a_trusted_name_spoils_the_whole() -> None:
    text = note.text(ORIGIN, 0, merkle.EMPTY)
    witness = Key(name="witness.example", raw=OTHER_RAW)
    bad = note.signed(text, name="witness.example", raw=OTHER_RAW, signature=bytes(64))
    both = sign(text) + bad.removeprefix(text + b"\n")
    assert note.verify_note(both, keys=[KEY]) == text
    with pytest.raises(VerificationFailed, match=r"^log: expected a signature by witness\.example\+.*fit$"):
        note.verify_note(both, keys=[KEY, witness])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("+Aeky", "+AOky"),
        VKEY.replace("foo", "f o"),
        VKEY + "=",
    ],
)
def test_broken_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(VerificationFailed, match=r"^log: expected a verifier key"):
        note.read_vkey(text)


def test_log_that_nobody_can_name_is_refused() -> None:
    for origin in ("", "two words", "a+b", "line\n", "tab\t"):
        with pytest.raises(ValueError, match=r"^log: expected a name without spaces and plus signs, got "):
            note.text(origin, 0, merkle.EMPTY)


# --- checkpoints


def test_checkpoint_says_what_was_signed() -> None:
    found = note.verify_checkpoint(checkpoint().note, keys=[KEY])
    assert (found.origin, found.size, found.root) == (ORIGIN, 3, merkle.node_hash(PAIR, LEAVES[2]))
    lines = found.note.decode().split("\n")
    assert lines[:2] == [ORIGIN, "3"]
    assert lines[3] == ""
    assert lines[4].startswith(f"\N{EM DASH} {ORIGIN} ")


def test_key_of_another_log_or_of_nobody_is_not_enough() -> None:
    for keys in ([], [Key(name="other.example", raw=RAW)], [Key(name=ORIGIN, raw=OTHER_RAW)]):
        with pytest.raises(
            VerificationFailed, match=r"^log: expected a signature by a trusted key, got badges"
        ):
            note.verify_checkpoint(checkpoint().note, keys=keys)


def test_key_that_signs_in_another_name_than_the_log_has_is_not_enough() -> None:
    text = note.text(ORIGIN, 0, merkle.EMPTY)
    signed = sign(text, name="other.example")
    assert note.verify_note(signed, keys=[Key(raw=RAW)]) == text
    for name in (None, ORIGIN, "other.example"):
        with pytest.raises(VerificationFailed):
            note.verify_checkpoint(signed, keys=[Key(name=name, raw=RAW)])


def test_more_lines_are_signed_with_the_rest() -> None:
    text = note.text(ORIGIN, 0, merkle.EMPTY) + b"an extension\n"
    assert note.verify_checkpoint(sign(text), keys=[KEY]).size == 0


ROOT = base64.b64encode(merkle.EMPTY).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        ORIGIN,
        f"{ORIGIN}\n",
        f"{ORIGIN}\n0\n",
        f"\n0\n{ROOT}\n",
        f"{ORIGIN}\n00\n{ROOT}\n",
        f"{ORIGIN}\n+1\n{ROOT}\n",
        f"{ORIGIN}\n\N{ARABIC-INDIC DIGIT ONE}\n{ROOT}\n",
        f"{ORIGIN}\n{'9' * 20}\n{ROOT}\n",
        f"{ORIGIN}\n0\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n0\n{ROOT[:-2]}V=\n",
        f"{ORIGIN}\n0\n{ROOT} \n",
        f"{ORIGIN}\n0\nAAAA\n",
        f"{ORIGIN}\n0\n{ROOT}\n\n",
        f"{ORIGIN}\n0\n{ROOT}\n\nmore\n",
        f"{ORIGIN}\r\n0\n{ROOT}\n",
    ],
)
def test_text_that_is_no_checkpoint_is_refused_though_signed(text: str) -> None:
    with pytest.raises(VerificationFailed, match=r"^log: expected "):
        note.verify_checkpoint(sign(text.encode()), keys=[KEY, Key(raw=RAW)])


def test_same_key_twice_too_many_signatures_and_too_many_bytes_are_refused() -> None:
    text = note.text(ORIGIN, 0, merkle.EMPTY)
    line = sign(text).removeprefix(text + b"\n")
    with pytest.raises(VerificationFailed, match="one signature a key, got several"):
        note.verify_checkpoint(text + b"\n" + line + line, keys=[KEY])
    lines = [line.replace(b"example", b"example%d" % number) for number in range(64)]
    with pytest.raises(VerificationFailed, match="at most 64 signatures, got 65"):
        note.verify_checkpoint(text + b"\n" + line + b"".join(lines), keys=[KEY])
    with pytest.raises(VerificationFailed, match="at most 65536 bytes"):
        note.verify_checkpoint(bytes(65537), keys=[KEY])


@given(st.data())
def test_checkpoint_with_one_byte_changed_is_refused(data: st.DataObject) -> None:
    whole = checkpoint().note
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    with pytest.raises(VerificationFailed):
        note.verify_checkpoint(whole[:at] + bytes([byte]) + whole[at + 1 :], keys=[KEY])


# --- proofs


def test_proof_opens_the_leaf_and_tells_the_tree() -> None:
    assert note.verify_proof(proof(), digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY]) == checkpoint()
    lines = proof().decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")) == (
        b'{"kind":"evidence","salt":"000102030405060708090a0b0c0d0e0f"}'
    )
    assert lines[2] == "index 1"
    assert lines[5] == ""
    assert "\n".join(lines[6:]).encode() == checkpoint().note


def test_leaf_tells_neither_digest_nor_salt() -> None:
    assert ENTRY.startswith(b'{"commitment":"sha256:')
    assert ENTRY.endswith(b'","kind":"evidence"}')
    assert b"abababab" not in ENTRY
    assert note.entry(Kind.EVIDENCE, DIGEST, bytes(16)) != ENTRY
    for salt in (bytes(15), bytes(65)):
        with pytest.raises(ValueError, match="expected a salt of 16 to 64 bytes"):
            note.entry(Kind.EVIDENCE, DIGEST, salt)


def test_proof_of_something_else_is_refused() -> None:
    with pytest.raises(VerificationFailed, match=r"^log: expected leaf 1 under the root "):
        note.verify_proof(proof(), digest="sha256:" + "00" * 32, kind=Kind.EVIDENCE, keys=[KEY])
    with pytest.raises(VerificationFailed, match="kind award, got one for 'evidence'"):
        note.verify_proof(proof(), digest=DIGEST, kind=Kind.AWARD, keys=[KEY])
    with pytest.raises(VerificationFailed, match="leaf 1 under the root"):
        note.verify_proof(proof(kind=Kind.AWARD), digest=DIGEST, kind=Kind.AWARD, keys=[KEY])
    with pytest.raises(VerificationFailed, match="leaf 1 under the root"):
        note.verify_proof(proof(salt=bytes(16)), digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY])
    with pytest.raises(VerificationFailed, match="a signature by a trusted key"):
        note.verify_proof(proof(), digest=DIGEST, kind=Kind.EVIDENCE, keys=[Key(raw=OTHER_RAW)])


def extra(text: str) -> bytes:
    return b"extra " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (0, b"c2sp.org/tlog-proof@v2"),
        (0, b"c2sp.org/tlog-proof@v1 "),
        (1, b"index 1"),
        (1, b"extra"),
        (1, b"extra !"),
        (1, extra("{}")),
        (1, extra('{"kind":"evidence","salt":"00"}')),
        (1, extra('{"kind":"evidence","salt":"' + "0G" * 16 + '"}')),
        (1, extra('{"kind":"evidence","salt":"' + "00" * 16 + '\\n"}')),
        (1, extra('{"kind":"evidence", "salt":"000102030405060708090a0b0c0d0e0f"}')),
        (1, extra('{"kind":"evidence","kind":"evidence","salt":"000102030405060708090a0b0c0d0e0f"}')),
        (1, extra('{"a":1,"kind":"evidence","salt":"000102030405060708090a0b0c0d0e0f"}')),
        (1, extra("[" * 900)),
        (2, b"index 01"),
        (2, b"index -1"),
        (2, b"index 99999999999999999999"),
        (2, b"index 3"),
        (3, b"AAAA"),
        (3, b""),
        (4, b"\xff"),
        (5, b"AAAA"),
    ],
)
def test_broken_proof_is_refused(line: int, other: bytes) -> None:
    lines = proof().split(b"\n")
    lines[line] = other
    with pytest.raises(VerificationFailed, match=r"^log: expected "):
        note.verify_proof(b"\n".join(lines), digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY])


@given(st.data())
def test_proof_with_one_byte_changed_is_refused(data: st.DataObject) -> None:
    whole = proof()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    with pytest.raises(VerificationFailed):
        note.verify_proof(changed, digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY])


@given(st.binary(max_size=2000))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    for check in (
        lambda: note.verify_proof(data, digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY]),
        lambda: note.verify_proof(
            b"c2sp.org/tlog-proof@v1\n" + data, digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY]
        ),
        lambda: note.verify_checkpoint(data, keys=[KEY]),
        lambda: note.verify_note(data + b"\n\n\xe2\x80\x94 " + data, keys=[KEY]),
    ):
        with pytest.raises(VerificationFailed, match=r"^log: expected "):
            check()


def test_proof_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="a proof of at most 81920 bytes, got 81921"):
        note.verify_proof(bytes(81921), digest=DIGEST, kind=Kind.EVIDENCE, keys=[KEY])
