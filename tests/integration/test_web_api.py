"""The API over a scripted sandbox: what it takes, what it tells, to whom, and what never."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from fastapi.routing import APIRoute

from assessor import pipeline, regrading, settling, testing
from assessor.rows.cohorts import Counts
from assessor.rows.users import Role, Scope, User
from assessor.store import AttemptState
from assessor.web.api import description
from tests import honours, small, versioned, webbed

#: What no answer may hold: names and lines of hidden tests.
HIDDEN = ("test_two", "test_three", "total([1, 2])", "total([])")
SUBMIT = "/api/v1/tasks/sum/submissions"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    with webbed.served(
        tmp_path, bench=honours.make_bench(tmp_path, "adder"), throttle=webbed.unlimited()
    ) as found:
        yield found


class Program:
    """A program with a token."""

    def __init__(self, web: webbed.Web, user: User, *scopes: Scope) -> None:
        self.user = user
        self.headers = web.token(user, *(scopes or tuple(Scope)))
        self._client = web.browser().client

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        path = path if path.startswith("/api/") else f"/api/v1{path}"
        answer = self._client.request(method, path, headers=headers, **more)
        assert not any(one in answer.text for one in HIDDEN), f"{method} {path}: tells of hidden tests"
        return answer

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self("POST", path, **more)


@pytest.fixture
def ada(web: webbed.Web) -> Program:
    return Program(web, web.user(Role.LEARNER, email="ada@example.org"))


@pytest.fixture
def admin(web: webbed.Web) -> Program:
    return Program(web, web.user(Role.ADMIN))


def files(number: int = 3) -> list[tuple[str, tuple[str, bytes]]]:
    """Work with which so many tests pass."""
    return [("file", ("solution.py", honours.passing(number).encode()))]


def hand_in(program: Program, number: int = 3) -> str:
    """The attempt's id."""
    answer = program.post(SUBMIT, files=files(number))
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["attempt"]["id"]
    assert answer.headers["location"] == f"/api/v1/attempts/{found}"
    return found


def judged(web: webbed.Web, program: Program, number: int = 3) -> str:
    attempt_id = hand_in(program, number)
    assert pipeline.assess(attempt_id, 1, web.bench.parts) is AttemptState.JUDGED
    settling.follow_up(attempt_id, web.bench.parts)
    web.bench.clock.move(seconds=1)
    return attempt_id


def events(answer: httpx.Response) -> Iterator[tuple[str, str, Any]]:
    """Kind, id and data of each event of a stream."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "event" in fields:
                yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


# What can be done.


def test_tasks_are_open_to_everybody_and_hold_no_test(web: webbed.Web) -> None:
    client = web.browser().client
    listed = client.get("/api/v1/tasks").json()
    assert [one["id"] for one in listed["items"]] == ["sum"]
    assert listed["next"] is None
    shown = client.get("/api/v1/tasks/sum").json()
    assert shown["brief"] == "# Add up\n"
    assert shown["submission"]["required"] == ["solution.py"]
    assert shown["policy"] == {
        "tries": 100, "cooldown_s": 0, "queue_class": "normal", "visible": "full", "hidden": "counts",
    }  # fmt: skip
    assert client.get("/api/v1/tasks/none").status_code == 404
    assert client.get("/api/v1/tasks/sum/starter").status_code == 404, "this one has none"


def test_badges_say_what_they_take(web: webbed.Web) -> None:
    client = web.browser().client
    badges = client.get("/api/v1/badges").json()["items"]
    assert badges
    assert client.get(f"/api/v1/badges/{badges[0]['id']}").json() == badges[0]
    assert client.get("/api/v1/badges/none").json()["code"] == "not-found"


# Handing in.


def test_work_is_handed_in_judged_and_told(web: webbed.Web, ada: Program) -> None:
    attempt_id = hand_in(ada, 2)
    waiting = ada.get(f"/attempts/{attempt_id}").json()
    assert (waiting["state"], waiting["place"]["position"]) == ("queued", 1)
    assert ada.get(f"/attempts/{attempt_id}/result").json()["detail"].endswith("it is queued")
    pipeline.assess(attempt_id, 1, web.bench.parts)
    found = ada.get(f"/attempts/{attempt_id}").json()
    assert (found["state"], found["place"]) == ("judged", None)
    told = ada.get(f"/attempts/{attempt_id}/result").json()
    assert told["verdict"] == found["verdict"]
    assert Fraction(*told["total"]) == Fraction(*found["score"])
    assert [one["name"] for one in told["tests"]] == ["test_sum.py::test_one"]
    assert told["hidden"] == {"passed": 1, "total": 2}
    listed = ada.get("/submissions?task=sum").json()["items"]
    assert [one["attempt"]["id"] for one in listed] == [attempt_id]
    assert ada.get("/submissions?task=other").json()["items"] == []
    whole = ada.get(f"/submissions/{listed[0]['id']}").json()
    assert [one["id"] for one in whole["attempts"]] == [attempt_id]


def test_evidence_comes_as_the_bytes_that_are_signed(web: webbed.Web, ada: Program) -> None:
    attempt_id = judged(web, ada)
    row = web.bench.parts.store.evidence(attempt_id)
    assert row is not None
    assert ada.get(f"/attempts/{attempt_id}/evidence").json() == {
        "record": row.record, "run": row.run, "envelope": row.envelope, "key_id": row.key_id,
    }  # fmt: skip
    for name, digest in (("record", row.record), ("run", row.run), ("envelope", row.envelope)):
        answer = ada.get(f"/attempts/{attempt_id}/evidence/{name}")
        assert answer.content == web.bench.parts.blobs.get(digest)
        assert answer.headers["content-type"].endswith("+json")


def test_evidence_of_work_that_did_not_pass_counts_no_hidden_tests_for_its_learner(
    web: webbed.Web, ada: Program, admin: Program
) -> None:
    attempt_id = judged(web, ada, 0)
    assert ada.get(f"/attempts/{attempt_id}/result").json()["verdict"] != "passed"
    for below in ("", "/record", "/run", "/envelope"):
        answer = ada.get(f"/attempts/{attempt_id}/evidence{below}")
        assert answer.status_code == 404, answer.text
        assert '"tests"' not in answer.text
    assert len(admin.get(f"/attempts/{attempt_id}/evidence/record").json()["tests"]) == 3
    for role in (Role.REVIEWER, Role.INSTRUCTOR):
        # Whoever teaches or reviews may be learning the task too.
        answer = Program(web, web.user(role)).get(f"/attempts/{attempt_id}/evidence/record")
        assert answer.status_code == 404, role


def test_archive_is_taken_as_it_is(web: webbed.Web, ada: Program) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("solution.py", small.RIGHT)
        archive.writestr("notes.exe", "?")
    answer = ada.post(SUBMIT, content=buffer.getvalue(), headers={"Content-Type": "application/zip"})
    assert answer.status_code == 201, answer.text
    assert [one["path"] for one in answer.json()["left_out"]] == ["notes.exe"]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"files": [("file", ("other.txt", b"x"))]}, 422, "upload-refused"),
        ({"content": b"no zip", "headers": {"Content-Type": "application/zip"}}, 422, "upload-refused"),
        ({"json": {}}, 415, "media-unsupported"),
        ({"content": b""}, 415, "media-unsupported"),
    ],
)
def test_what_is_no_submission_is_refused_in_words(
    ada: Program, sent: dict[str, Any], status: int, code: str
) -> None:
    answer = ada.post(SUBMIT, **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_key_makes_a_submission_one_however_often_it_is_sent(web: webbed.Web, ada: Program) -> None:
    named = {"Idempotency-Key": "first"}
    first = ada.post(SUBMIT, files=files(), headers=named)
    again = ada.post(SUBMIT, files=files(), headers=named)
    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    other = ada.post(SUBMIT, files=files(1), headers=named)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    ben = Program(web, web.user(Role.LEARNER))
    assert ben.post(SUBMIT, files=files(1), headers=named).json()["id"] != first.json()["id"]


# Live.


def test_stream_tells_each_change_and_ends(web: webbed.Web, ada: Program) -> None:
    attempt_id = hand_in(ada, 2)
    client = web.browser().client
    seen: list[Any] = []
    with client.stream("GET", f"/api/v1/attempts/{attempt_id}/events", headers=ada.headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        worker = threading.Thread(target=pipeline.assess, args=(attempt_id, 1, web.bench.parts))
        for kind, _, data in events(answer):
            if not seen:
                worker.start()
            seen.append((kind, data))
        worker.join()
    assert (seen[0][0], seen[0][1]["state"]) == ("progress", "queued")
    assert (seen[-1][0], seen[-1][1]["state"]) == ("done", "judged")
    assert [one["name"] for one in seen[-1][1]["tests"]] == ["test_sum.py::test_one"]


def test_stream_goes_on_where_it_was_lost(web: webbed.Web, ada: Program) -> None:
    attempt_id = hand_in(ada)
    path = f"/attempts/{attempt_id}/events?wait_s=1"
    ((kind, mark, _),) = events(ada.get(path))
    assert kind == "progress"
    assert list(events(ada.get(path, headers={"Last-Event-ID": mark}))) == [], "it was seen already"
    pipeline.assess(attempt_id, 1, web.bench.parts)
    ((kind, _, data),) = events(ada.get(path, headers={"Last-Event-ID": mark}))
    assert (kind, data["state"]) == ("done", "judged")


# Whose it is.


def test_foreign_is_told_as_unknown(web: webbed.Web, ada: Program, admin: Program) -> None:
    attempt_id = judged(web, ada)
    submission_id = ada.get("/submissions").json()["items"][0]["id"]
    award_id = ada.get("/me/awards").json()["items"][0]["id"]
    cohort = admin.post("/cohorts", json={"name": "spring"}).json()["id"]
    assignment = admin.post(f"/cohorts/{cohort}/assignments", json={"task": "sum"}).json()["id"]
    ben = Program(web, web.user(Role.LEARNER, Role.INSTRUCTOR))
    for path, foreign in (
        ("/attempts/{}", attempt_id),
        ("/attempts/{}/events", attempt_id),
        ("/attempts/{}/result", attempt_id),
        ("/attempts/{}/evidence", attempt_id),
        ("/attempts/{}/evidence/record", attempt_id),
        ("/submissions/{}", submission_id),
        ("/awards/{}", award_id),
        ("/awards/{}/credential", award_id),
        ("/cohorts/{}", cohort),
        ("/cohorts/{}/members", cohort),
        ("/assignments/{}", assignment),
        ("/assignments/{}/gradebook", assignment),
    ):
        theirs, none = ben.get(path.format(foreign)), ben.get(path.format("none"))
        assert theirs.status_code == none.status_code == 404, path
        told, nothing = theirs.json(), none.json()
        del told["request"], nothing["request"]
        assert told == nothing, path


def test_regrade_is_nothing_to_its_learner_until_it_is_applied(tmp_path: Path) -> None:
    bench = versioned.make_bench(tmp_path)
    with webbed.served(tmp_path, bench=bench, throttle=webbed.unlimited()) as web:
        learner = Program(web, web.user(Role.LEARNER))
        first = judged(web, learner, 3)
        versioned.edit(bench, "# strict", version="2.0")
        versioned.start(bench)
        again = next(attempt for attempt, _ in reversed(bench.rung) if attempt != first)
        assert versioned.work(bench) == [AttemptState.HELD]
        submission_id = learner.get("/submissions").json()["items"][0]["id"]

        def told() -> list[str]:
            found = learner.get(f"/submissions/{submission_id}").json()["attempts"]
            return [one["id"] for one in found]

        for path in ("", "/events", "/result", "/evidence"):
            assert learner.get(f"/attempts/{again}{path}").status_code == 404
        assert told() == [first]
        regrading.apply("sum", bench.parts, by="author", reason="better tests")
        assert learner.get(f"/attempts/{again}").status_code == 200
        assert told() == [first, again]


def test_whoever_teaches_sees_the_work_of_their_own_learners(
    web: webbed.Web, ada: Program, admin: Program
) -> None:
    attempt_id = judged(web, ada, 2)
    teacher = Program(web, web.user(Role.INSTRUCTOR))
    cohort = admin.post("/cohorts", json={"name": "spring"}).json()["id"]
    place = f"/cohorts/{cohort}/members/{{}}"
    assert admin("PUT", place.format(ada.user.id), json={"role": "learner"}).status_code == 200
    assert teacher.get(f"/attempts/{attempt_id}").status_code == 404
    admin("PUT", place.format(teacher.user.id), json={"role": "instructor"})
    assert teacher.get(f"/attempts/{attempt_id}").status_code == 200
    assignment = admin.post(f"/cohorts/{cohort}/assignments", json={"task": "sum", "counts": "last"}).json()
    assert assignment["counts"] == Counts.LAST
    book = teacher.get(f"/assignments/{assignment['id']}/gradebook").json()
    assert [one["attempt"] for one in book["grades"]] == [attempt_id]
    sheet = teacher.get(f"/assignments/{assignment['id']}/gradebook.csv")
    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    assert [row["attempt"] for row in rows] == [attempt_id]
    assert ada.get(f"/assignments/{assignment['id']}").json()["task"] == "sum"
    assert ada.get(f"/assignments/{assignment['id']}/gradebook").status_code == 403
    assert admin("DELETE", place.format(teacher.user.id)).status_code == 204
    assert teacher.get(f"/attempts/{attempt_id}").status_code == 404


def test_token_does_what_its_scopes_say_and_no_more(web: webbed.Web, ada: Program) -> None:
    reading = Program(web, ada.user, Scope.READ)
    answer = reading.post(SUBMIT, files=files())
    assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
    assert reading.get("/me").json()["scopes"] == ["read"]
    made = ada.post("/tokens", json={"name": "ci", "scopes": ["submit", "read"]})
    secret = made.json()["secret"]
    assert [one["name"] for one in ada.get("/tokens").json()["items"]] == ["program", "program", "ci"]
    assert secret not in ada.get("/tokens").text
    held = {"Authorization": f"Bearer {secret}"}
    assert reading.get("/me", headers=held).json()["scopes"] == ["read", "submit"]
    assert ada("DELETE", f"/tokens/{made.json()['id']}").status_code == 204
    assert reading.get("/me", headers=held).status_code == 401


def test_token_makes_none_that_may_do_more(web: webbed.Web, ada: Program) -> None:
    narrow = Program(web, ada.user, Scope.ADMIN, Scope.READ)
    assert narrow.post("/tokens", json={"name": "a", "scopes": ["read"]}).status_code == 201
    answer = narrow.post("/tokens", json={"name": "b", "scopes": ["read", "submit"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "account-refused")


# Lists.


def test_pages_are_stable_while_rows_are_added(web: webbed.Web, admin: Program) -> None:
    for number in range(5):
        admin.post("/cohorts", json={"name": f"cohort {number}"})
    seen: list[str] = []
    path = "/cohorts?limit=2"
    while path:
        answer = admin.get(path)
        seen += [one["name"] for one in answer.json()["items"]]
        path = answer.json()["next"]
        if path:
            assert answer.headers["link"] == f'<{path}>; rel="next"'
            if len(seen) < 5:
                admin.post("/cohorts", json={"name": f"late {len(seen)}"})
    assert seen == [*(f"cohort {one}" for one in range(5)), "late 2", "late 4"]


def test_lists_of_others_come_in_pages_too(web: webbed.Web, admin: Program) -> None:
    for _ in range(3):
        web.user()
    for path in ("/users", "/audit"):
        first = admin.get(f"{path}?limit=1").json()
        second = admin.get(first["next"]).json()
        assert len(first["items"]) == len(second["items"]) == 1
        assert first["items"] != second["items"]
    bad = admin.get("/users?cursor=abc")
    assert bad.status_code == 404
    assert admin.get("/users?limit=0").status_code == 422
    assert admin.get("/users?colour=red").status_code == 422, "unknown keys are no accident"


def test_answer_is_not_sent_again_to_who_has_it(ada: Program) -> None:
    first = ada.get("/me")
    again = ada.get("/me", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert ada.get("/me", headers={"If-None-Match": '"other"'}).status_code == 200


# Badges.


def test_issuer_awards_and_revokes_and_the_learner_says_who_sees_it(web: webbed.Web, ada: Program) -> None:
    judged(web, ada)
    issuer = Program(web, web.user(Role.ISSUER))
    (own,) = ada.get("/me/awards").json()["items"]
    assert own["learner"] is None, "issuers alone are told"
    changed = ada("PATCH", f"/awards/{own['id']}", json={"visibility": "private"})
    assert changed.json()["visibility"] == "private"
    assert issuer("PATCH", f"/awards/{own['id']}", json={"visibility": "public"}).status_code == 403
    assert (own["withheld"], changed.json()["withheld"]) == ([], [])
    kept = ada("PATCH", f"/awards/{own['id']}", json={"withheld": own["attempts"]}).json()
    assert (kept["withheld"], kept["visibility"]) == (own["attempts"], "private"), "what is not named stays"
    assert ada("PATCH", f"/awards/{own['id']}", json={"visibility": "link"}).json()["withheld"] != []
    for told in (ada.get("/me/awards"), issuer.get("/awards")):
        assert [one["withheld"] for one in told.json()["items"]] == [own["attempts"]]
    assert ada("PATCH", f"/awards/{own['id']}", json={"withheld": ["another"]}).status_code == 404
    assert issuer("PATCH", f"/awards/{own['id']}", json={"withheld": []}).status_code == 403
    assert ada.get(f"/awards/{own['id']}").json()["withheld"] == own["attempts"]
    assert ada("PATCH", f"/awards/{own['id']}", json={"withheld": []}).json()["withheld"] == []
    listed = issuer.get(f"/awards?achievement={own['achievement']}").json()["items"]
    assert [(one["id"], one["learner"]) for one in listed] == [(own["id"], "ada@example.org")]
    credential = ada.get(f"/awards/{own['id']}/credential")
    checked = web.browser().client.post(
        "/api/v1/verification", content=credential.content, headers={"Content-Type": "application/json"}
    )
    assert checked.json()["verdict"] in ("holds", "cannot tell"), checked.text
    given = {"achievement": own["achievement"], "learner": "ada@example.org"}
    assert issuer.post("/awards", json=given).json()["id"] == own["id"]
    gone = issuer.post(f"/awards/{own['id']}/revocation", json={"reason": "by mistake"}).json()
    assert (gone["holds"], gone["reason"]) == (False, "by mistake")
    assert issuer.post(f"/awards/{own['id']}/revocation", json={"reason": "again"}).status_code == 409
    acts = [one.act for one in web.bench.parts.store.audit(limit=10)]
    assert "award.revoke" in acts


def test_credential_that_was_touched_is_refused_with_its_check(web: webbed.Web, ada: Program) -> None:
    judged(web, ada)
    (own,) = ada.get("/me/awards").json()["items"]
    document = ada.get(f"/awards/{own['id']}/credential").json()
    document["credentialSubject"]["achievement"]["name"] = "Doctor"
    told = web.browser().client.post("/api/v1/verification", json=document).json()
    assert (told["verdict"], told["holds"], told["refused"]["check"]) == ("refused", False, "proof")
    assert [one["number"] for one in told["checks"]] == list(range(1, told["refused"]["number"]))


# Reviews and people.


def test_reviewer_finds_what_waits_and_marks_it(tmp_path: Path) -> None:
    tasks = small.write_catalog(tmp_path / "catalog", review=True)
    bench = small.make_bench(tmp_path, testing.FakeSandbox(testing.all_pass(small.IDS)), tasks=tasks)
    with webbed.served(tmp_path, bench=bench, throttle=webbed.unlimited()) as web:
        learner, reviewer = (Program(web, web.user(role)) for role in (Role.LEARNER, Role.REVIEWER))
        attempt_id = hand_in(learner)
        early = reviewer.post(f"/attempts/{attempt_id}/marks", json={"criterion": "clear", "marks": 1})
        assert (early.status_code, early.json()["code"]) == (404, "not-found"), "it has not run"
        assert pipeline.assess(attempt_id, 1, web.bench.parts) is AttemptState.AWAITING_REVIEW
        (waiting,) = reviewer.get("/reviews").json()["items"]
        assert (waiting["attempt"]["id"], waiting["open"]) == (attempt_id, ["clear"])
        assert learner.get(f"/attempts/{attempt_id}/result").json()["criteria"][1]["fraction"] is None
        mark = {"criterion": "clear", "marks": 5, "comment": "well done"}
        over = reviewer.post(f"/attempts/{attempt_id}/marks", json=mark)
        assert (over.status_code, over.json()["code"]) == (422, "mark-invalid")
        done = reviewer.post(f"/attempts/{attempt_id}/marks", json=mark | {"marks": 4})
        assert (done.status_code, done.json()["state"], done.json()["verdict"]) == (201, "judged", "passed")
        assert reviewer.get("/reviews").json()["items"] == []
        told = learner.get(f"/attempts/{attempt_id}/result").json()["criteria"][1]
        assert (told["fraction"], told["comment"]) == ([1, 1], "well done")
        again = reviewer.post(f"/attempts/{attempt_id}/marks", json=mark | {"marks": 1}).json()
        assert again["id"] != attempt_id, "what is signed stays"
        assert web.bench.parts.store.audit(limit=1)[0].act == "review.mark"


def test_admin_makes_people_and_lets_them_in(web: webbed.Web, admin: Program) -> None:
    given = {"email": "eve@example.org", "name": "Eve", "roles": ["learner", "instructor"]}
    eve = admin.post("/users", json=given).json()
    assert admin.get(f"/users/{eve['id']}").json() == eve
    link = admin.post(f"/users/{eve['id']}/sign-in-links").json()
    assert web.browser().get(link["url"].removeprefix(web.here.site.url)).status_code == 200
    cohort = admin.post("/cohorts", json={"name": "spring"}).json()["id"]
    invitation = admin.post(f"/cohorts/{cohort}/invitations", json={"uses": 1}).json()
    assert web.browser().get(invitation["url"].removeprefix(web.here.site.url)).status_code == 200
    token = Program(web, web.bench.parts.store.user(eve["id"]))
    assert token.get("/me").json()["email"] == "eve@example.org"
    assert admin("PATCH", f"/users/{eve['id']}", json={"active": False}).json()["active"] is False
    assert token.get("/me").status_code == 401
    assert admin("PATCH", f"/users/{eve['id']}", json={"roles": []}).status_code == 422
    for own in ({"active": False}, {"roles": ["learner"]}):
        refused = admin("PATCH", f"/users/{admin.user.id}", json=own)
        assert refused.status_code == 422, refused.text
        assert "expected another admin" in refused.json()["detail"]
    assert admin.get(f"/users/{admin.user.id}").json()["roles"] == ["admin"]


def test_two_who_send_one_key_at_once_hand_in_once(web: webbed.Web, ada: Program) -> None:
    answers: list[httpx.Response] = []
    other = Program(web, ada.user)

    def send(program: Program) -> None:
        answers.append(program.post(SUBMIT, files=files(), headers={"Idempotency-Key": "one"}))

    both = [threading.Thread(target=send, args=(one,)) for one in (ada, other)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.status_code for one in answers] == [201, 201]
    assert len({one.json()["id"] for one in answers}) == 1


# The description.


def test_description_tells_of_every_route(web: webbed.Web) -> None:
    told = web.browser().client.get("/api/v1/openapi.json").json()
    assert told["openapi"] == "3.1.0"
    routes = {
        (method.lower(), route.path)
        for one in description.ROUTERS
        for route in one.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    described = {(method, path) for path, methods in told["paths"].items() for method in methods}
    assert described == routes
    names = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)


def test_errors_are_as_described(web: webbed.Web, ada: Program) -> None:
    told = web.browser().client.get("/api/v1/openapi.json").json()
    problem = told["components"]["schemas"]["Problem"]
    for answer in (
        ada.get("/attempts/none"),
        ada.get("/users"),
        ada.get("/tasks?limit=many"),
        ada.post("/tokens", json={"name": 1}),
        ada("DELETE", "/me"),
        web.browser().client.get("/api/v1/me"),
    ):
        assert answer.status_code >= 400
        jsonschema.validate(answer.json(), problem)


def test_browser_needs_the_token_of_its_forms(web: webbed.Web) -> None:
    browser = web.signed_in(Role.ADMIN)
    refused = browser.client.post("/api/v1/cohorts", json={"name": "spring"}, headers=browser.headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "form-stale")
    headers = browser.headers | {"X-CSRF-Token": browser.token("/")}
    assert browser.client.post("/api/v1/cohorts", json={"name": "spring"}, headers=headers).status_code == 201
