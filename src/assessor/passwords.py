"""Passwords: whether one will do, what is kept of it, and whether one that is shown is the same.

Comes in: what a person typed. Goes out: an Argon2id hash as text (parameters and salt in it), or an answer.
Keeping it is left to `users`.

A check takes the time of a hash also where there is nothing to compare with, so that how long it takes does
not tell who has an account. Source: RFC 9106 (Argon2id), NIST SP 800-63B-4 3.1.1.2 (length alone, no rules on
characters, Unicode normalised).
"""

from __future__ import annotations

import unicodedata

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from assessor.errors import AccountRefused, StoreFault

#: The shortest and the longest password, characters after normalising.
SHORTEST, LONGEST = 12, 1024

#: 46 MiB and one pass in one lane: several people may sign in at once without memory running short.
#: Source: OWASP, Password Storage Cheat Sheet (Argon2id).
_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=46 * 1024, parallelism=1)


def hashed(password: str) -> str:
    """What is kept of a password.

    Raises:
        AccountRefused: it is too short or too long, or holds something that is no character.
    """
    return _HASHER.hash(_normal(password))


def check(kept: str | None, password: str) -> bool:
    """Whether this is the password that a hash was made of.

    Args:
        kept: the hash, or None where there is no account, or it has no password: then never, in the time of
            any other check.
        password: what was typed; whatever its length.

    Raises:
        StoreFault: what was kept is no hash.
    """
    try:
        typed = _normal(password)
    except AccountRefused:
        kept, typed = None, b""  # nobody's password; told no sooner than any other
    if kept is None:
        _HASHER.hash(typed)
        return False
    try:
        return _HASHER.verify(kept, typed)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as error:
        raise StoreFault("a password's hash: expected one by Argon2, got something else") from error


def needs_rehash(kept: str) -> bool:
    """Whether a hash was made with weaker parameters than are used now."""
    return _HASHER.check_needs_rehash(kept)


def _normal(password: str) -> bytes:
    """Source: NIST SP 800-63B-4 3.1.1.2: NFKC before hashing, so that each keyboard gives the same bytes."""
    # Before normalising, which takes its time and can make a text eighteen times longer.
    if len(password) > LONGEST:
        raise AccountRefused(f"password: expected at most {LONGEST} characters, got {len(password)}")
    normal = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(normal) <= LONGEST:
        raise AccountRefused(f"password: expected {SHORTEST} to {LONGEST} characters, got {len(normal)}")
    try:
        return normal.encode()
    except UnicodeEncodeError as error:
        raise AccountRefused("password: expected characters of Unicode, got half of one") from error
