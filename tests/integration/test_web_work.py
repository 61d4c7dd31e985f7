"""Work by the API: its files, what changed since an earlier time, and what to try next."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor import bundle
from assessor.rows.users import Role, Scope
from tests import honours, learning
from tests.learning import handed_in
from tests.webbed import Web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with learning.served(tmp_path) as found:
        yield found


def test_files_are_the_bytes_that_were_judged(web: Web) -> None:
    user = web.user(Role.LEARNER)
    attempt_id = handed_in(web.signed_in(user=user))
    answer = web.browser().get(f"/api/v1/attempts/{attempt_id}/work", headers=web.token(user))
    assert answer.headers["content-type"] == "application/x-tar"
    store = web.bench.parts.store
    kept = store.submission(store.attempt(attempt_id).submission_id)
    assert bundle.unpack(answer.content, expected=kept.bundle).files == {
        "solution.py": honours.passing(3).encode()
    }


def test_changes_are_told_line_by_line_since_the_time_before_or_an_attempt(web: Web) -> None:
    user = web.user(Role.LEARNER)
    browser, headers = web.signed_in(user=user), web.token(user)
    first = learning.judged(web, browser, 1)
    second = learning.judged(web, browser, 3)
    ask = web.browser().get
    assert ask(f"/api/v1/attempts/{first}/changes", headers=headers).json() == {
        "earlier": None,
        "changes": [],
    }
    told = ask(f"/api/v1/attempts/{second}/changes", headers=headers).json()
    assert told["earlier"] == first
    (change,) = told["changes"]
    assert (change["path"], change["what"], change["untold"]) == ("solution.py", "changed", "")
    signs = {line["sign"] for line in change["lines"]}
    assert {"+", "-"} <= signs
    assert ask(f"/api/v1/attempts/{second}/changes?since={first}", headers=headers).json() == told
    same = ask(f"/api/v1/attempts/{second}/changes?since={second}", headers=headers).json()
    assert same == {"earlier": second, "changes": []}


@pytest.mark.parametrize("what", ["work", "changes"])
def test_work_of_others_is_not_there(web: Web, what: str) -> None:
    attempt_id = handed_in(web.signed_in(Role.LEARNER))
    headers = web.token(web.user(Role.LEARNER))
    answer = web.browser().get(f"/api/v1/attempts/{attempt_id}/{what}", headers=headers)
    nothing = web.browser().get(f"/api/v1/attempts/nothing/{what}", headers=headers)
    assert (answer.status_code, nothing.status_code) == (404, 404)
    assert answer.json()["detail"] == nothing.json()["detail"]


def test_work_of_two_learners_is_not_compared(web: Web) -> None:
    one, other = (handed_in(web.signed_in(Role.LEARNER)) for _ in range(2))
    headers = web.token(web.user(Role.REVIEWER))
    answer = web.browser().get(f"/api/v1/attempts/{one}/changes?since={other}", headers=headers)
    assert answer.status_code == 404
    assert "expected two submissions for one task" in answer.json()["detail"]


def test_suggestions_are_those_of_the_pages(web: Web) -> None:
    # Where there is one task alone, nothing is suggested.
    tasks = web.bench.root / "catalog/tasks"
    shutil.copytree(tasks / "sum", tasks / "more")
    for file in (tasks / "more").glob("*.yaml"):
        file.write_text(file.read_text().replace("id: sum", "id: more"))
    user = web.user(Role.LEARNER)
    page = web.signed_in(user=user).get("/attempts").text
    assert "What to try next" in page
    told = web.browser().get("/api/v1/me/suggestions", headers=web.token(user)).json()
    assert told
    for one in told:
        assert f'href="/tasks/{one["task"]["id"]}"' in page
        assert all(reason[1:] in page for reason in one["reasons"])
    narrow = web.token(user, Scope.SUBMIT)
    assert web.browser().get("/api/v1/me/suggestions", headers=narrow).status_code == 403
