"""Remarks on lines over HTTP: reviewers' page, the learner's result, the API, a copy and the end of it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor.rows.users import Role, Scope
from tests import learning
from tests.learning import judged
from tests.webbed import Browser, Web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with learning.served(tmp_path) as found:
        yield found


def say(browser: Browser, attempt_id: str, text: str, *, line: str = "1", path: str = "solution.py") -> str:
    """Send the form; the remark's id."""
    where = f"/reviews/{attempt_id}"
    answer = browser.post(f"{where}/remarks", page=where, path=path, line=line, text=text)
    assert answer.status_code == 303, answer.text
    found = re.fullmatch(rf"{where}#remark-(.+)", answer.headers["location"])
    assert found is not None
    return found[1]


def test_learner_sees_what_a_reviewer_says_beside_the_line(web: Web) -> None:
    learner, reviewer = web.signed_in(Role.LEARNER), web.user(Role.REVIEWER)
    attempt_id = judged(web, learner)
    assert "What reviewers say" not in learner.get(f"/attempts/{attempt_id}").text
    browser = web.signed_in(user=reviewer)
    remark_id = say(browser, attempt_id, "Why <b>3</b>?\r\nSay it.")
    assert f'id="remark-{remark_id}"' in browser.get(f"/reviews/{attempt_id}").text
    for page in (f"/attempts/{attempt_id}", f"/attempts/{attempt_id}/work"):
        text = learner.get(page).text
        line = text.index('data-line="1"># 3 pass')
        said = text.index("Why &lt;b&gt;3&lt;/b&gt;?\nSay it.")
        assert line < said
        # Who said it is nobody's business.
        assert reviewer.name not in text
        assert reviewer.id not in text
    result = learner.get(f"/attempts/{attempt_id}").text
    assert f'href="/attempts/{attempt_id}/work#file-1-1"' in result
    assert 'id="file-1-1"' in learner.get(f"/attempts/{attempt_id}/work").text


@pytest.mark.parametrize(
    ("path", "line", "told"),
    [
        ("solution.py", "2", "solution.py: expected a line from 1 to 1, got 2"),
        ("solution.py", "0", "expected a line from 1 to 1, got 0"),
        ("other.py", "1", "expected a file of the work (solution.py), got"),
    ],
)
def test_line_that_is_not_there_is_refused_and_the_words_kept(
    web: Web, path: str, line: str, told: str
) -> None:
    attempt_id = judged(web, web.signed_in(Role.LEARNER))
    browser, where = web.signed_in(Role.REVIEWER), f"/reviews/{attempt_id}"
    answer = browser.post(f"{where}/remarks", page=where, path=path, line=line, text="long thought about")
    assert answer.status_code == 422
    assert told in answer.text
    assert ("long thought about" in answer.text) is (path == "solution.py")
    submission = web.bench.parts.store.attempt(attempt_id).submission_id
    assert web.bench.parts.store.remarks(submission) == ()


def test_remark_is_taken_back_by_who_made_it_alone(web: Web) -> None:
    attempt_id = judged(web, web.signed_in(Role.LEARNER))
    first, second, where = (
        web.signed_in(Role.REVIEWER),
        web.signed_in(Role.REVIEWER),
        f"/reviews/{attempt_id}",
    )
    remark_id = say(first, attempt_id, "why?")
    back = f"{where}/remarks/{remark_id}/withdraw"
    assert back in first.get(where).text
    assert back not in second.get(where).text
    assert second.post(back, page=where).status_code == 404
    assert first.post(back, page=where).status_code == 303
    assert "why?" not in first.get(where).text


def test_text_that_not_every_store_keeps_is_refused(web: Web) -> None:
    attempt_id = judged(web, web.signed_in(Role.LEARNER))
    browser, where = web.signed_in(Role.REVIEWER), f"/reviews/{attempt_id}"
    fields = {"path": "solution.py", "line": "1", "text": "a\0b"}
    answer = browser.post(f"{where}/remarks", page=where, **fields)
    assert answer.status_code == 400, answer.text
    assert "NUL characters" in answer.text
    assert web.bench.parts.store.remarks(web.bench.parts.store.attempt(attempt_id).submission_id) == ()
    assert web.signed_in(Role.ISSUER).get("/awards?learner=%00").status_code == 400
    assert browser.get("/reviews/%00").status_code == 404


def test_nobody_remarks_on_their_own_work_and_no_learner_on_anybodys(web: Web) -> None:
    both = web.user(Role.LEARNER, Role.REVIEWER)
    attempt_id = judged(web, web.signed_in(user=both))
    browser, where = web.signed_in(user=both), f"/reviews/{attempt_id}"
    assert "Say something of a line" not in browser.get(where).text
    fields = {"path": "solution.py", "line": "1", "text": "good"}
    assert browser.post(f"{where}/remarks", page=where, **fields).status_code == 403
    learner = web.signed_in(Role.LEARNER)
    assert learner.post(f"{where}/remarks", page="/account", **fields).status_code == 403


def test_remarks_stay_with_the_work_when_it_is_judged_again(web: Web) -> None:
    learner = web.signed_in(Role.LEARNER)
    attempt_id = judged(web, learner)
    say(web.signed_in(Role.REVIEWER), attempt_id, "why?")
    parts = web.bench.parts
    submission = parts.store.attempt(attempt_id).submission_id
    again = parts.store.rescore(attempt_id, new_id="again", now=parts.clock())
    assert [one.text for one in parts.store.remarks(again.submission_id)] == ["why?"]
    assert again.submission_id == submission


def test_programs_make_list_and_withdraw_remarks(web: Web) -> None:
    ada, vera = web.user(Role.LEARNER), web.user(Role.REVIEWER)
    attempt_id = judged(web, web.signed_in(user=ada))
    client, where = web.browser().client, f"/api/v1/attempts/{attempt_id}/remarks"
    review, learn = web.token(vera, Scope.REVIEW, Scope.READ), web.token(ada, Scope.READ, Scope.REVIEW)
    body = {"path": "solution.py", "line": 1, "text": "why?"}
    assert client.post(where, json=body, headers=learn).status_code == 403
    refused = client.post(where, json=body | {"line": 9}, headers=review)
    assert refused.status_code == 422
    assert refused.json()["code"] == "remark-invalid"
    made = client.post(where, json=body, headers=review)
    assert made.status_code == 201
    assert made.json()["yours"] is True
    (told,) = client.get(where, headers=learn).json()
    assert {name: told[name] for name in body} == body
    assert told["yours"] is False
    stranger = web.token(web.user(Role.LEARNER), Scope.READ)
    assert client.get(where, headers=stranger).status_code == 404
    assert client.delete(f"{where}/{told['id']}", headers=review).status_code == 204
    assert client.delete(f"{where}/{told['id']}", headers=review).status_code == 404
    assert client.get(where, headers=learn).json() == []


def test_copy_has_remarks_without_who_made_them(web: Web) -> None:
    learner, vera = web.signed_in(Role.LEARNER), web.user(Role.REVIEWER)
    attempt_id = judged(web, learner)
    say(web.signed_in(user=vera), attempt_id, "why?")
    sent = learner.post("/account/export", page="/account").content
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        text = archive.read("learner.json").decode()
    (submission,) = json.loads(text)["submissions"]
    assert [(one["text"], one["reviewer"]) for one in submission["remarks"]] == [("why?", "a reviewer")]
    assert vera.id not in [one["reviewer"] for one in submission["remarks"]]
