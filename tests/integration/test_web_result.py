"""What a result and a task's page say beside the result itself: the way to the evidence, titles once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assessor import pipeline, testing
from assessor.rows.awards import Visibility
from assessor.rows.users import Role
from assessor.sandbox import protocol
from assessor.sandbox.protocol import Order
from tests import exhibited, learning, small, webbed
from tests.learning import judged
from tests.webbed import Web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with learning.served(tmp_path) as found:
        yield found


def test_result_leads_to_the_evidence_that_others_see_and_to_who_may(tmp_path: Path) -> None:
    with exhibited.served(tmp_path) as web:
        _look(web)


def _look(web: Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = judged(web, browser)
    rows = [one for one in web.bench.parts.store.awards() if attempt_id in one.attempts]
    assert rows
    for visibility, shown in (
        (Visibility.LINK, True),
        (Visibility.PRIVATE, False),
        (Visibility.PUBLIC, True),
    ):
        for row in rows:
            web.bench.parts.store.show_award(row.id, visibility)
        text = browser.get(f"/attempts/{attempt_id}").text
        assert (f'href="/evidence/{attempt_id}/"' in text) is shown, visibility
        assert re.search(r'href="/badges#badge-[^"]+">(Say who|let others)', text), visibility
        # What the page says is what a stranger finds.
        assert (web.browser().get(f"/evidence/{attempt_id}/").status_code == 200) is shown, visibility


def test_result_without_a_badge_says_when_its_evidence_is_shown(tmp_path: Path) -> None:
    with webbed.served(tmp_path) as web:
        user = web.user(Role.LEARNER)
        _, attempt = web.bench.submit(small.RIGHT, learner=user.email)
        pipeline.assess(attempt.id, 1, replace(web.bench.parts, sandbox=testing.FakeSandbox(_passing)))
        text = web.signed_in(user=user).get(f"/attempts/{attempt.id}").text
        assert "once you earn one" in text
        assert f"/evidence/{attempt.id}/" not in text


def _passing(order: Order) -> Iterable[protocol.Event | protocol.End | BaseException]:
    yield testing.collected(*small.IDS)
    yield from map(testing.finished, small.IDS)
    yield protocol.Ended(wall_ms=1, processes=1)


def test_result_that_is_not_passed_speaks_of_no_evidence(web: Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    assert "Evidence for others" not in browser.get(f"/attempts/{judged(web, browser, 0)}").text


def test_title_that_the_brief_begins_with_is_on_the_page_once(web: Web) -> None:
    folder = web.bench.root / "catalog/tasks/sum"
    brief = folder / "README.md"
    for text, times in (("# Add up\n\nBy hand.\n", 1), ("# Another thing\n\nBy hand.\n", 1)):
        brief.write_text(text)
        small.lock(web.bench.root / "catalog")
        page = web.browser().get("/tasks/sum").text
        found = page.partition("<main")[2]
        assert len(re.findall(r">Add up</h\d>", found)) == times
        assert "By hand." in found
    assert ">Another thing</h3>" in found
