"""Multibase: bytes as text, with a first letter that names the alphabet.

Comes in: bytes, or text that somebody else wrote. Goes out: the other of the two. `z` is base58 with
Bitcoin's alphabet, for keys and signatures; `u` is base64 for URLs without padding, for digests and status
lists. There is one text for some bytes: another spelling of the same bytes is refused.

Source: Controlled Identifiers 1.0, section 2.4 (Multibase).
"""

from __future__ import annotations

import base64
import binascii

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}

#: Base58 takes time in the square of its length; keys and signatures have about ninety letters.
_BASE58_LETTERS = 1024


class NotMultibase(Exception):
    """The text is not in the multibase form that was asked for; says what was expected and what came."""


def base58(data: bytes) -> str:
    """`z` and the bytes in base58."""
    number = int.from_bytes(data, "big")
    letters = []
    while number:
        number, value = divmod(number, 58)
        letters.append(_ALPHABET[value])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "z" + _ALPHABET[0] * zeros + "".join(reversed(letters))


def read_base58(text: str) -> bytes:
    """The bytes of a text that `base58` would write.

    Raises:
        NotMultibase: anything else.
    """
    if not text.startswith("z"):
        raise NotMultibase(f"expected base58 that begins with z, got {text[:16]!r}")
    if len(text) > _BASE58_LETTERS:
        raise NotMultibase(f"expected at most {_BASE58_LETTERS} letters of base58, got {len(text)}")
    number = 0
    for letter in text[1:]:
        value = _VALUES.get(letter)
        if value is None:
            raise NotMultibase(f"expected letters of base58, got {letter!r}")
        number = number * 58 + value
    zeros = len(text) - 1 - len(text[1:].lstrip(_ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base64url(data: bytes) -> str:
    """`u` and the bytes in base64 for URLs, without padding."""
    return "u" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_base64url(text: str) -> bytes:
    """The bytes of a text that `base64url` would write.

    Raises:
        NotMultibase: anything else.
    """
    if not text.startswith("u"):
        raise NotMultibase(f"expected base64url that begins with u, got {text[:16]!r}")
    try:
        data = base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotMultibase(f"expected letters of base64url, got: {error}") from error
    # Bits left over at the end are zero in one text only.
    if base64url(data) != text:
        raise NotMultibase("expected base64url without padding, in its one form, got another")
    return data
