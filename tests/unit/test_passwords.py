"""Passwords: kept as hashes, checked in the time of one, refused in words."""

from __future__ import annotations

from typing import Any

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor import passwords
from assessor.errors import AccountRefused, StoreFault

GOOD = "correct horse battery"


def test_password_is_known_again_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = passwords.hashed(GOOD)
    assert kept.startswith("$argon2id$")
    assert GOOD not in kept
    assert passwords.hashed(GOOD) != kept  # another salt
    assert passwords.check(kept, GOOD)
    assert not passwords.check(kept, GOOD + " ")
    assert not passwords.check(None, GOOD)


def test_password_is_the_same_from_every_keyboard() -> None:
    composed, apart = (
        "Zoe\N{COMBINING DIAERESIS} and the rest",
        "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} and the rest",
    )
    assert passwords.check(passwords.hashed(composed), apart)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("x" * 11, "password: expected 12 to 1024 characters, got 11"),
        # Twelve as typed, eleven once composed.
        ("e\N{COMBINING ACUTE ACCENT}" + "x" * 10, "password: expected 12 to 1024 characters, got 11"),
        ("x" * 1025, "password: expected at most 1024 characters, got 1025"),
        ("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 100, "expected 12 to 1024 characters, got 1800"),
        ("x" * 12 + "\ud800", "expected characters of Unicode, got half of one"),
    ],
)
def test_password_that_will_not_do_is_refused_in_words(password: str, problem: str) -> None:
    with pytest.raises(AccountRefused, match=problem) as refused:
        passwords.hashed(password)
    assert password not in str(refused.value)
    assert not passwords.check(passwords.hashed(GOOD), password)


@pytest.mark.parametrize("length", [12, 1024])
def test_longest_and_shortest_password_will_do(length: int) -> None:
    assert passwords.check(passwords.hashed("x" * length), "x" * length)


class Counting:
    """Argon2, and how often it was at work."""

    def __init__(self, real: argon2.PasswordHasher) -> None:
        self.real = real
        self.done = 0

    def hash(self, *args: Any) -> Any:
        self.done += 1
        return self.real.hash(*args)

    def verify(self, *args: Any) -> Any:
        self.done += 1
        return self.real.verify(*args)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("typed", [GOOD, "another password", "short", "x" * 2000, "\ud800" * 12])
def test_every_check_does_the_work_of_one_hash(
    known: bool, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = passwords.hashed(GOOD) if known else None
    counting = Counting(passwords._HASHER)
    monkeypatch.setattr(passwords, "_HASHER", counting)
    assert passwords.check(kept, typed) is (known and typed == GOOD)
    assert counting.done == 1


def test_weaker_hash_is_known_and_told_of() -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    assert passwords.check(weak, GOOD)
    assert passwords.needs_rehash(weak)
    assert not passwords.needs_rehash(passwords.hashed(GOOD))


def test_what_is_no_hash_is_the_operators_to_mend() -> None:
    with pytest.raises(StoreFault, match="a password's hash: expected one by Argon2"):
        passwords.check("plain text", GOOD)


@settings(max_examples=10)
@given(st.text(max_size=30), st.none() | st.just("hash"))
def test_check_of_any_text_is_an_answer(typed: str, kept: str | None) -> None:
    assert passwords.check(None if kept is None else passwords.hashed(GOOD), typed) is False
