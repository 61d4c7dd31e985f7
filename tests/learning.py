"""Learners at their pages: an installation that awards, and handing in as a browser does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from assessor import pipeline, settling
from assessor.store import AttemptState
from tests import honours, small, webbed

#: What pages and files must never hold: names and lines of hidden tests.
HIDDEN = ("test_two", "test_three", "total([1, 2])", "total([])")


@contextmanager
def served(root: Path) -> Iterator[webbed.Web]:
    """The small task with a starter, and badges, over a scripted sandbox."""
    bench = honours.make_bench(root)
    (root / "catalog/tasks/sum/starter").mkdir()
    (root / "catalog/tasks/sum/starter/solution.py").write_text("def total(numbers):\n    ...\n")
    small.lock(root / "catalog")
    with webbed.served(root, bench=bench, throttle=webbed.unlimited()) as found:
        yield found


def hand_in(
    browser: webbed.Browser, *files: tuple[str, bytes], path: str = "/tasks/sum", **fields: str
) -> httpx.Response:
    """Send the form with these files, as a browser does."""
    data = {"csrf": browser.token(path)} | fields
    sent = [("files", (name, content)) for name, content in files] or [("files", ("", b""))]
    return browser.client.post(f"{path}/submissions", data=data, files=sent, headers=browser.headers)


def handed_in(browser: webbed.Browser, number: int = 3) -> str:
    """Hand in work with which so many tests pass; the attempt's id."""
    answer = hand_in(browser, ("solution.py", honours.passing(number).encode()))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/attempts/")


def judged(web: webbed.Web, browser: webbed.Browser, number: int = 3) -> str:
    """The same, and have it judged."""
    attempt_id = handed_in(browser, number)
    assert pipeline.assess(attempt_id, 1, web.bench.parts) is AttemptState.JUDGED
    settling.follow_up(attempt_id, web.bench.parts)
    web.bench.clock.move(seconds=1)
    return attempt_id
