"""A live page: each test is there once it is done, and the page is not loaded anew until the result is."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from assessor.rows.users import Role
from tests import small
from tests.browser import live
from tests.browser.conftest import Opening
from tests.browser.front import Front


def test_tests_come_in_as_they_finish_and_then_the_result(
    tmp_path: Path, fronts: dict[str, Front], open_window: Opening
) -> None:
    steps = live.Steps()
    with live.served(tmp_path, steps) as web:
        fronts[live.HOST].leads_to = web.port
        ada = web.user(Role.LEARNER)
        secret = web.here.new_secret()
        web.bench.parts.store.open_session(
            secret=secret, user_id=ada.id, csrf=web.here.new_secret(), now=web.bench.clock()
        )
        window = open_window(url=live.URL, cookies={"__Host-assessor": secret})
        _, attempt = web.bench.submit(learner=ada.email)
        page = window.go(f"/attempts/{attempt.id}")
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        page.evaluate("() => { window.loadedOnce = true; }")
        tests = page.locator(".tests li")
        with live.judging(web, attempt.id):
            expect(page.get_by_text("It runs now.")).to_be_visible()
            expect(tests).to_have_count(0)
            steps.go_on()
            expect(tests).to_have_count(1)
            expect(tests).to_contain_text("Not passed")
            expect(tests).to_contain_text("test_one")
            assert page.evaluate("() => window.loadedOnce")
            steps.go_on(2)
        expect(page.get_by_role("heading", name="Result", exact=True)).to_be_visible()
        expect(page.get_by_text("Hidden tests: 2 of 2 passed")).to_be_visible()
        # No hidden test had a line of its own.
        assert small.IDS[1].partition("::")[2] not in page.content()
        page.goto("about:blank")  # so that no stream keeps the site from ending
