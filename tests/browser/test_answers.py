"""What forms answer is as good a page as any: problems told beside the form, and what is shown but once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, expect
from playwright.sync_api import Page as Shown

from tests import webbed
from tests.browser import accessible, pictures
from tests.browser.conftest import Opening
from tests.browser.pages import PHONE, SCREEN
from tests.browser.world import ADA, ALAN, URL, World


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A form that is sent, and what comes.

    Attributes:
        name: of the case, and of its picture where it has one.
        path: the page that it is on, as `Page.path` has it.
        send: fills the form in and sends it.
        words: a part of what comes.
        status: of the answer.
        picture: whether it has one.
    """

    name: str
    path: str
    send: Callable[[Shown, World], None]
    words: str
    who: str | None = None
    status: int = 200
    picture: bool = False


def _sign_in(page: Shown, _: World) -> None:
    page.get_by_label("E-mail address").fill(ALAN)
    page.get_by_label("Password").fill("not the password")
    page.locator("main").get_by_role("button", name="Sign in").click()


def _join(page: Shown, _: World) -> None:
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password").fill(webbed.PASSWORD)
    page.get_by_role("button", name="Make an account and join").click()


def _check_nothing(page: Shown, _: World) -> None:
    page.get_by_role("button", name="Check it").click()


def _check(award: str) -> Callable[[Shown, World], None]:
    def send(page: Shown, world: World) -> None:
        page.get_by_label("or a link to it").fill(f"{URL}/credentials/{world.ids[award]}")
        page.get_by_role("button", name="Check it").click()

    return send


def _hand_in(page: Shown, _: World) -> None:
    other = FilePayload(name="other.py", mimeType="text/x-python", buffer=b"x = 1\n")
    page.get_by_label("Choose files").set_input_files(other)
    page.get_by_role("button", name="Hand in files").click()


def _change_password(page: Shown, _: World) -> None:
    page.get_by_label("Password now").fill("not the password")
    page.get_by_label("New password").fill("another good password")
    page.get_by_role("button", name="Change", exact=True).click()


def _rename(page: Shown, _: World) -> None:
    page.get_by_label("What to call you").fill("Ada")
    page.get_by_role("button", name="Save").click()


def _invite(page: Shown, _: World) -> None:
    page.get_by_role("button", name="Make a link").click()


def _let_in(page: Shown, _: World) -> None:
    page.get_by_role("button", name="Make a link to sign in once").click()


def _make_user(page: Shown, _: World) -> None:
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_role("button", name="Make it").click()


def _mark(page: Shown, _: World) -> None:
    page.locator("main form").first.evaluate("(form) => { form.noValidate = true; }")
    page.get_by_label("Marks for").first.fill("1000")
    page.get_by_role("button", name="Give these marks").first.click()


ANSWERS = (
    Answer(name="sign-in-refused", path="/sign-in", send=_sign_in, words="is not right", status=403),
    Answer(name="join-refused", path="{join}", send=_join, words="expected", status=422),
    Answer(name="verified-nothing", path="/verify", send=_check_nothing, words="Choose a file", status=422),
    Answer(name="verified", path="/verify", send=_check("award"), words="It holds", picture=True),
    Answer(
        name="verified-refused",
        path="/verify",
        send=_check("revoked"),
        words="Do not rely on it",
        picture=True,
    ),
    Answer(
        name="hand-in-refused",
        path="/tasks/median-stats",
        send=_hand_in,
        words="expected stats.py, got none",
        who=ADA,
        status=422,
    ),
    Answer(
        name="password-refused",
        path="/account",
        send=_change_password,
        words="That was not changed",
        who=ADA,
        status=422,
    ),
    Answer(name="renamed", path="/account", send=_rename, words="Your name was changed", who=ADA),
    Answer(name="invitation", path="/cohorts/{cohort}", send=_invite, words="can join", who="instructor"),
    Answer(name="link-made", path="/admin/users/{ada}", send=_let_in, words="signs in by this", who="admin"),
    Answer(
        name="user-refused",
        path="/admin/users",
        send=_make_user,
        words="expected an address without",
        who="admin",
        status=422,
    ),
    Answer(
        name="marks-refused", path="/reviews/{open}", send=_mark, words="expected", who="reviewer", status=422
    ),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_answer_is_told_to_everybody(
    answer: Answer, site: World, open_window: Opening, pictures_at: Path | None
) -> None:
    cookies = {} if answer.who is None else site.cookies(answer.who)
    window = open_window(cookies=cookies, viewport=SCREEN, bypass_csp=True, locale="en-GB", timezone_id="UTC")
    page = window.go(answer.path.format_map(site.ids | site.secrets))
    if answer.status >= 400:
        window.expected.add(answer.status)
    with page.expect_navigation(wait_until="load"):
        answer.send(page, site)
    expect(page.locator("main")).to_contain_text(answer.words)
    if answer.status >= 400:
        expect(page.get_by_role("alert")).to_be_visible()
    if answer.picture and pictures_at is not None:
        pictures.take(page, pictures_at / f"{answer.name}.webp")
    assert accessible.violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert accessible.violations(page) == []
    page.set_viewport_size(PHONE)
    assert not page.evaluate("() => document.scrollingElement.scrollWidth > innerWidth")
