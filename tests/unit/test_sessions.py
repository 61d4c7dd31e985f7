"""Being signed in, against a model that knows when each session, link and token ends."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from assessor.errors import AccountRefused, NotFound
from assessor.rows import sessions, tokens
from assessor.rows.tokens import Scope
from tests import people
from tests.people import NOW, act, add

USERS = ("ada", "ben")
#: Steps that meet each limit, fall short of it and go beyond.
SPANS = st.sampled_from(
    [
        timedelta(0),
        timedelta(seconds=59),
        timedelta(minutes=1),
        sessions.IDLE - timedelta(microseconds=1),
        sessions.IDLE,
        timedelta(days=3),
        sessions.LASTS,
    ]
)


@dataclass
class Held:
    """What a secret opens."""

    user: str
    ends: datetime
    seen: datetime
    over: bool = False


class SignedIn(RuleBasedStateMachine):
    """Two people, their sessions, links and tokens, and a clock that goes on."""

    cookies = Bundle("cookies")
    links = Bundle("links")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = people.open_store(Path(self.folder.name))
        self.now = NOW
        self.count = 0
        self.active = dict.fromkeys(USERS, True)
        self.sessions: dict[str, Held] = {}
        self.links_: dict[str, Held] = {}
        self.tokens: dict[str, Held] = {}
        for user in USERS:
            add(self.store, user)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def fresh(self) -> str:
        self.count += 1
        return f"secret {self.count}"

    def signed_in(self, secret: str) -> bool:
        held = self.sessions[secret]
        idle = self.now >= held.seen + sessions.IDLE
        return not held.over and self.active[held.user] and self.now < held.ends and not idle

    @rule(by=SPANS)
    def wait(self, by: timedelta) -> None:
        self.now += by

    @rule(target=cookies, user=st.sampled_from(USERS))
    def sign_in(self, user: str) -> str:
        secret = self.fresh()
        if self.active[user]:
            self.store.open_session(secret=secret, user_id=user, csrf="c", now=self.now)
        else:
            with pytest.raises(AccountRefused):
                self.store.open_session(secret=secret, user_id=user, csrf="c", now=self.now)
        self.sessions[secret] = Held(user, self.now + sessions.LASTS, self.now, over=not self.active[user])
        return secret

    @rule(secret=cookies)
    def come_by(self, secret: str) -> None:
        held = self.sessions[secret]
        found = self.store.session(secret, now=self.now)
        assert (found is not None) is self.signed_in(secret)
        if found is not None:
            assert found.user_id == held.user
            if self.now - held.seen >= sessions.STEP:
                held.seen = self.now

    @rule(target=cookies, secret=consumes(cookies))
    def rotate(self, secret: str) -> str:
        held, new = self.sessions[secret], self.fresh()
        # What is over in time only is gone as soon as its owner signs in; `over` has the rest.
        if self.signed_in(secret):
            self.store.rotate_session(secret, new_secret=new, csrf="d", now=self.now)
            self.sessions[new] = Held(held.user, held.ends, self.now)
            assert self.store.session(secret, now=self.now) is None
        else:
            self.sessions[new] = Held(held.user, held.ends, held.seen, over=True)
            if held.over or self.now >= held.ends:
                with pytest.raises(NotFound):
                    self.store.rotate_session(secret, new_secret=new, csrf="d", now=self.now)
        held.over = True
        return new

    @rule(secret=cookies)
    def sign_out(self, secret: str) -> None:
        self.store.end_session(secret)
        self.sessions[secret].over = True

    @rule(user=st.sampled_from(USERS))
    def sign_out_everywhere(self, user: str) -> None:
        self.store.end_sessions(user)
        self.end(user)

    @rule(user=st.sampled_from(USERS), active=st.booleans())
    def switch(self, user: str, active: bool) -> None:
        self.store.set_active(user, active, act=act(self.now))
        self.active[user] = active
        if not active:
            self.end(user)
            for held in self.tokens.values():
                held.over |= held.user == user

    def end(self, user: str) -> None:
        for held in (*self.sessions.values(), *self.links_.values()):
            held.over |= held.user == user

    @rule(target=links, user=st.sampled_from(USERS), lasts=SPANS)
    def make_link(self, user: str, lasts: timedelta) -> str:
        secret = self.fresh()
        if self.active[user]:
            self.store.add_sign_in_link(
                secret=secret, user_id=user, expires_at=self.now + lasts, act=act(self.now)
            )
        self.links_[secret] = Held(user, self.now + lasts, self.now, over=not self.active[user])
        return secret

    @rule(target=cookies, secret=links)
    def use_link(self, secret: str) -> str:
        held, cookie = self.links_[secret], self.fresh()
        works = not held.over and self.active[held.user] and self.now < held.ends
        assert self.store.sign_in_link(secret, now=self.now) == (held.user if works else None)
        made = self.store.sign_in_by_link(secret, session_secret=cookie, csrf="c", now=self.now)
        assert (made is not None) is works
        held.over = True if works else held.over
        self.sessions[cookie] = Held(held.user, self.now + sessions.LASTS, self.now, over=not works)
        return cookie

    @rule(target=keys, user=st.sampled_from(USERS), lasts=st.none() | SPANS)
    def make_token(self, user: str, lasts: timedelta | None) -> str:
        secret = self.fresh()
        ends = None if lasts is None else self.now + lasts
        values = {"id": f"t {secret}", "secret": secret, "user_id": user, "name": "n", "scopes": [Scope.READ]}
        if self.active[user]:
            self.store.add_token(**values, expires_at=ends, act=act(self.now))  # type: ignore[arg-type]
        self.tokens[secret] = Held(
            user, ends or self.now + timedelta(days=10_000), self.now, over=not self.active[user]
        )
        return secret

    @rule(secret=keys)
    def show_token(self, secret: str) -> None:
        held = self.tokens[secret]
        works = not held.over and self.active[held.user] and self.now < held.ends
        found = self.store.token(secret, now=self.now)
        assert (None if found is None else found.user_id) == (held.user if works else None)

    @rule(secret=consumes(keys))
    def revoke_token(self, secret: str) -> None:
        held = self.tokens[secret]
        if held.over:
            with pytest.raises(NotFound):
                self.store.revoke_token(f"t {secret}", act=act(self.now))
        else:
            self.store.revoke_token(f"t {secret}", act=act(self.now))
        held.over = True

    @invariant()
    def one_kind_of_secret_is_no_other(self) -> None:
        for secret in (*self.links_, *self.tokens):
            assert self.store.session(secret, now=self.now) is None
        for secret in self.sessions:
            assert self.store.token(secret, now=self.now) is None


SignedIn.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
test_whoever_shows_a_secret_is_let_in_exactly_while_it_holds = SignedIn.TestCase


@given(st.binary(min_size=32, max_size=32))
def test_token_is_text_of_one_length_that_no_other_bytes_give(random: bytes) -> None:
    text = tokens.written(random)
    assert text.startswith("asr_")
    assert len(text) == 4 + 43
    number = 0
    for one in text[4:]:
        number = number * 62 + tokens._DIGITS.index(one)
    assert number.to_bytes(32) == random


def test_token_of_too_little_chance_is_not_written() -> None:
    with pytest.raises(ValueError, match="expected 32 random bytes, got 31"):
        tokens.written(b"x" * 31)


def test_secrets_are_in_no_row(tmp_path: Path) -> None:
    store = people.open_store(tmp_path)
    add(store)
    store.open_session(secret="the-cookie", user_id="ada", csrf="c", now=NOW)
    store.add_sign_in_link(secret="the-link", user_id="ada", expires_at=NOW, act=act())
    store.add_token(
        id="t", secret="asr_the-token", user_id="ada", name="n", scopes=Scope, expires_at=None, act=act()
    )
    store.add_cohort(id="c", name="Spring", act=act())
    store.invite(secret="the-invitation", cohort_id="c", act=act())
    store.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Spring" in kept
    for secret in (b"the-cookie", b"the-link", b"the-token", b"the-invitation"):
        assert secret not in kept


def test_token_without_a_scope_is_refused(tmp_path: Path) -> None:
    store = people.open_store(tmp_path)
    add(store)
    with pytest.raises(AccountRefused, match="token: expected at least one scope, got none"):
        store.add_token(
            id="t", secret="asr_x", user_id="ada", name="n", scopes=[], expires_at=None, act=act()
        )
    store.close()
