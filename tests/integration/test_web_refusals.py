"""Refusals: each says what is to be done and when, as a page and as problem+json."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from assessor.rows.users import Role, Scope
from assessor.waiting import Rate
from tests import honours, learning, small, versioned, webbed

SUBMIT = "/api/v1/tasks/sum/submissions"


@contextmanager
def served(root: Path, **changes: Any) -> Iterator[webbed.Web]:
    bench = honours.make_bench(root, "adder")
    bench.parts = replace(bench.parts, **changes)
    with webbed.served(root, bench=bench, throttle=webbed.unlimited()) as web:
        yield web


def send(web: webbed.Web, headers: dict[str, str], number: int = 3, **more: str) -> httpx.Response:
    file = ("solution.py", honours.passing(number).encode())
    return web.browser().client.post(SUBMIT, files={"file": file}, headers=headers | more)


def told(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    assert found["request"] == answer.headers["x-request-id"]
    return found


def test_learner_who_hands_in_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with served(tmp_path, rate=Rate(count=1, per_s=90)) as web:
        user = web.user(Role.LEARNER)
        headers, browser = web.token(user, Scope.SUBMIT), web.signed_in(user=user)
        assert send(web, headers).status_code == 201
        web.bench.clock.move(seconds=20)
        refused = send(web, headers, 2)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "70")
        assert told(refused)["code"] == "rate-limited"
        page = learning.hand_in(browser, ("solution.py", honours.passing(2).encode()))
        assert (page.status_code, page.headers["retry-after"]) == (429, "70")
        assert "the next one is possible at" in page.text


def test_learner_who_must_wait_for_the_next_try_is_told_until_when(tmp_path: Path) -> None:
    with served(tmp_path) as web:
        path = tmp_path / "catalog/tasks/sum/task.yaml"
        path.write_text(path.read_text().replace("cooldown_s: 0", "cooldown_s: 600"))
        small.lock(tmp_path / "catalog")
        headers = web.token(web.user(Role.LEARNER), Scope.SUBMIT)
        attempt = send(web, headers).json()["attempt"]["id"]
        # Taken by a worker: nothing takes its place any more.
        assert web.bench.parts.store.claim(worker="w", lease_s=30, now=web.bench.clock()) is not None
        web.bench.clock.move(seconds=100)
        refused = send(web, headers, 2)
        assert (refused.status_code, refused.headers["retry-after"]) == (409, "500"), attempt
        assert told(refused)["code"] == "try-refused"


def test_task_that_is_being_changed_says_so_and_the_log_says_what_is_to_be_done(tmp_path: Path) -> None:
    with served(tmp_path) as web:
        user = web.user(Role.LEARNER)
        headers, browser = web.token(user, Scope.SUBMIT), web.signed_in(user=user)
        assert send(web, headers).status_code == 201
        versioned.edit(web.bench, "# strict")
        with capture_logs() as logged:
            refused = send(web, headers, 2)
        assert (refused.status_code, refused.headers.get("retry-after")) == (503, "600"), refused.text
        found = told(refused)
        assert (found["code"], found["title"]) == ("version-stale", "This task is being changed")
        assert "no try is used" in found["detail"]
        assert "task.yaml" not in refused.text
        assert [str(one["exc_info"]) for one in logged if one["log_level"] == "error"] == [
            str(one["exc_info"]) for one in logged if "assessor tasks lock sum --bump" in str(one["exc_info"])
        ]
        typed = {"csrf": browser.token("/tasks/sum"), "text:solution.py": "def total(n):\n    return 7\n"}
        page = browser.client.post("/tasks/sum/submissions", files=multipart(typed), headers=browser.headers)
        assert page.status_code == 503
        assert "no try is used" in page.text
        assert "return 7" in page.text, "what was typed is kept"
        assert len(web.bench.parts.store.coursework(user.learner_id or "")) == 1
        # Once its version is raised it takes work again.
        versioned.edit(web.bench, "", version="1.1")
        assert send(web, headers, 2).status_code == 201


def multipart(fields: dict[str, str]) -> list[tuple[str, tuple[None, str]]]:
    """A form as a browser sends one with files."""
    return [(name, (None, value)) for name, value in fields.items()]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    with served(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("GET", "/api/v1/nothing", {}, 404, "not-found"),
        ("POST", "/api/v2/tasks", {}, 404, "not-found"),
        ("GET", "/api/v1/tasks/none", {}, 404, "not-found"),
        ("DELETE", "/api/v1/tasks", {}, 405, "method-not-allowed"),
        ("GET", "/api/v1/tasks?limit=0", {}, 422, "request-invalid"),
        ("GET", "/api/v1/tasks?cursor=eA", {}, 404, "not-found"),
        ("GET", "/api/v1/tasks?no=such", {}, 422, "request-invalid"),
        ("POST", "/api/v1/tokens", {"content": b"{"}, 422, "request-invalid"),
        ("POST", "/api/v1/tokens", {"content": b"a" * 300_000}, 413, "request-too-large"),
        ("POST", SUBMIT, {"content": b"x"}, 415, "media-unsupported"),
        ("POST", SUBMIT, {"files": {"other": (None, "x")}}, 422, "upload-refused"),
        ("POST", "/api/v1/users", {"json": {}}, 403, "not-allowed"),
        ("PATCH", "/api/v1/awards/none", {"json": {"visibility": "public"}}, 404, "not-found"),
    ],
)
def test_each_error_of_the_api_is_a_problem(
    web: webbed.Web, method: str, path: str, more: dict[str, Any], status: int, code: str
) -> None:
    headers = web.token(web.user(Role.LEARNER), *Scope)
    answer = web.browser().client.request(method, path, headers=headers, **more)
    assert (answer.status_code, told(answer)["code"]) == (status, code), answer.text
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD"


def test_key_that_stood_for_other_work_is_refused(web: webbed.Web) -> None:
    headers = web.token(web.user(Role.LEARNER), Scope.SUBMIT)
    key = {"Idempotency-Key": "mine"}
    first = send(web, headers, 3, **key)
    assert send(web, headers, 3, **key).json()["id"] == first.json()["id"]
    other = send(web, headers, 2, **key)
    assert (other.status_code, told(other)["code"]) == (422, "key-reused")
    # Another's key of the same name is another key.
    assert send(web, web.token(web.user(Role.LEARNER), Scope.SUBMIT), 2, **key).status_code == 201
