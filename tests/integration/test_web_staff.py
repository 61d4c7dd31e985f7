"""Pages of those who teach, review, administer, write and issue: over HTTP, on a real store."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from assessor import catalog, pipeline, settling, testing
from assessor.parts import Parts
from assessor.rows.cohorts import JOIN_PATH
from assessor.rows.sessions import LINK_PATH
from assessor.rows.users import Role, Scope, User
from assessor.rows.webhooks import TOLD, DeliveryState, Event
from assessor.sandbox import protocol
from assessor.sandbox.protocol import Order
from assessor.store import AttemptState
from tests import honours, small, webbed
from tests.webbed import Web

#: What only staff may open; `NAME` stands for whatever id.
DOORS = {
    "/cohorts": {Role.INSTRUCTOR, Role.ADMIN},
    "/cohorts/NAME": {Role.INSTRUCTOR, Role.ADMIN},
    "/cohorts/NAME/gradebooks/NAME": {Role.INSTRUCTOR, Role.ADMIN},
    "/cohorts/NAME/gradebooks/NAME/results.csv": {Role.INSTRUCTOR, Role.ADMIN},
    "/cohorts/NAME/gradebooks/NAME/results.json": {Role.INSTRUCTOR, Role.ADMIN},
    "/reviews": {Role.REVIEWER},
    "/reviews/NAME": {Role.REVIEWER, Role.INSTRUCTOR, Role.ADMIN},
    "/awards": {Role.ISSUER},
    "/awards/NAME": {Role.ISSUER},
    "/authoring": {Role.AUTHOR},
    "/authoring/NAME": {Role.AUTHOR},
    "/admin": {Role.ADMIN},
    "/admin/users": {Role.ADMIN},
    "/admin/users/NAME": {Role.ADMIN},
    "/admin/audit": {Role.ADMIN},
    "/admin/webhooks": {Role.ADMIN},
    "/admin/webhooks/NAME": {Role.ADMIN},
}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with webbed.served(tmp_path, throttle=webbed.unlimited()) as served:
        yield served


def script(order: Order) -> Iterable[protocol.Event | protocol.End | BaseException]:
    yield testing.collected(*small.IDS)
    for name in small.IDS:
        yield testing.finished(name, passed=b"sum(" in order.bundle["solution.py"])
    yield protocol.Ended(wall_ms=1, processes=1)


def boxed(web: Web) -> Parts:
    """The served installation's parts, with a sandbox that follows `script`."""
    return replace(web.bench.parts, sandbox=testing.FakeSandbox(script, isolation="cell"))


def judge(web: Web, learner: User, solution: str = small.RIGHT) -> str:
    """The work of a learner, judged; the attempt's id."""
    _, attempt = web.bench.submit(solution, learner=learner.email)
    pipeline.assess(attempt.id, 1, boxed(web))
    web.bench.clock.move(seconds=1)
    return attempt.id


def taught(web: Web, teacher: User, *learners: User, name: str = "Spring") -> tuple[str, str]:
    """A cohort with these people and the task assigned; ids of both."""
    store, act = web.bench.parts.store, web.act()
    cohort = store.add_cohort(id=web.bench.parts.new_id(), name=name, act=act)
    store.enrol(cohort.id, teacher.id, Role.INSTRUCTOR, act=act)
    for one in learners:
        store.enrol(cohort.id, one.id, Role.LEARNER, act=act)
    assigned = store.add_assignment(
        id=web.bench.parts.new_id(), cohort_id=cohort.id, task_id="sum", title="=Sums", act=act
    )
    return cohort.id, assigned.id


def reviewed(web: Web) -> None:
    """Let a reviewer mark one of the task's criteria."""
    root = web.bench.root / "catalog"
    shutil.rmtree(root)
    web.bench.tasks = small.write_catalog(root, review=True)


@pytest.mark.parametrize("role", Role)
def test_pages_open_for_their_roles_alone(web: Web, role: Role) -> None:
    browser = web.signed_in(role)
    for path, roles in DOORS.items():
        status = browser.get(path.replace("NAME", "none")).status_code
        assert (status == 403) is (role not in roles), (path, status)
        assert status in (200, 403, 404), (path, status)


def test_admin_makes_a_cohort_and_people_join_by_its_link(web: Web) -> None:
    admin = web.signed_in(Role.ADMIN)
    made = admin.post("/cohorts", name="Spring <b>")
    assert made.status_code == 303
    where = made.headers["location"]
    assert "Spring &lt;b&gt;" in admin.get(where).text
    answer = admin.post(f"{where}/invitations", page=where, join_as="learner", uses="1", days="7")
    found = re.search(rf"<code>({re.escape(web.here.site.url)}{JOIN_PATH}[^<]+)</code>", answer.text)
    assert found is not None
    path = found[1].removeprefix(web.here.site.url)
    guest = web.browser()
    joined = guest.post(path, name="Ada", email="ada@example.org", password=webbed.PASSWORD)
    assert joined.status_code == 303
    page = admin.get(where).text
    assert "ada@example.org" in page
    # It is told once.
    assert found[1] not in page


def test_form_that_is_refused_says_why(web: Web) -> None:
    admin = web.signed_in(Role.ADMIN)
    where = admin.post("/cohorts", name="Spring").headers["location"]
    again = admin.post("/cohorts", name="Spring")
    assert again.status_code == 422
    assert "expected a name that is free" in again.text
    nobody = admin.post(f"{where}/members", page=where, email="no@example.org", place="learner")
    assert nobody.status_code == 422
    assert "no@example.org" in nobody.text
    late = admin.post(
        f"{where}/assignments", page=where, task="sum", opens="2026-03-02T12:00", due="2026-03-01T12:00"
    )
    assert late.status_code == 422
    assert "expected it to be due after it opens" in late.text
    odd = admin.post(f"{where}/assignments", page=where, task="sum", due="0001-01-01T00:00+14:00")
    assert odd.status_code == 422
    assert "such as 2026-03-01T12:00" in odd.text
    unknown = admin.post(f"{where}/assignments", page=where, task="nothing")
    assert unknown.status_code == 422
    assert "expected a task of the catalog" in unknown.text


def test_first_page_leads_staff_to_what_is_theirs(web: Web) -> None:
    page = web.signed_in(Role.INSTRUCTOR).get("/").text
    assert "Nothing is assigned" not in page
    assert page.count('href="/cohorts"') == 2  # in the menu, and on the page
    assert "Nothing is assigned" in web.signed_in(Role.LEARNER).get("/").text


def test_assignment_is_called_as_its_task_is_where_it_has_no_title(web: Web) -> None:
    admin = web.signed_in(Role.ADMIN)
    where = admin.post("/cohorts", name="Spring").headers["location"]
    admin.post(f"{where}/assignments", page=where, task="sum")
    page = admin.get(where).text
    assert '<th scope="row">Add up</th>' in page
    found = re.search(rf'{where}/gradebooks/[^"]+', page)
    assert found is not None
    assert "<h1>Add up</h1>" in admin.get(found[0]).text


def test_instructor_sees_their_own_cohorts_alone(web: Web) -> None:
    teacher, other, ada = web.user(Role.INSTRUCTOR), web.user(Role.INSTRUCTOR), web.user()
    cohort, assigned = taught(web, teacher, ada)
    attempt = judge(web, ada)
    browser, stranger = web.signed_in(user=teacher), web.signed_in(user=other)
    assert f"/cohorts/{cohort}" in browser.get("/cohorts").text
    assert f"/cohorts/{cohort}" not in stranger.get("/cohorts").text
    for path in (
        f"/cohorts/{cohort}",
        f"/cohorts/{cohort}/gradebooks/{assigned}",
        f"/cohorts/{cohort}/gradebooks/{assigned}/results.csv",
        f"/reviews/{attempt}",
    ):
        assert browser.get(path).status_code == 200, path
        assert stranger.get(path).status_code == 404, path
    # Another cohort's assignment is not to be had through one's own.
    own, _ = taught(web, other, name="Autumn")
    assert stranger.get(f"/cohorts/{own}/gradebooks/{assigned}").status_code == 404


def test_instructor_invites_and_changes_nothing_else(web: Web) -> None:
    teacher, ada = web.user(Role.INSTRUCTOR), web.user()
    cohort, _ = taught(web, teacher, ada)
    browser, where = web.signed_in(user=teacher), f"/cohorts/{cohort}"
    assert JOIN_PATH in browser.post(f"{where}/invitations", page=where, days="1").text
    assert browser.post(f"{where}/invitations/withdraw", page=where).status_code == 303
    assert browser.post(f"{where}/members", page=where, email=ada.email).status_code == 403
    assert browser.post(f"{where}/members/{ada.id}/leave", page=where).status_code == 403
    assert browser.post(f"{where}/assignments", page=where, task="sum").status_code == 403
    assert browser.post("/cohorts", page=where, name="Mine").status_code == 403


def test_gradebook_has_each_learner_and_no_formula(web: Web) -> None:
    teacher, ada, eve = web.user(Role.INSTRUCTOR), web.user(), web.user(email="=cmd@example.org")
    cohort, assigned = taught(web, teacher, ada, eve)
    attempt = judge(web, ada)
    browser, where = web.signed_in(user=teacher), f"/cohorts/{cohort}/gradebooks/{assigned}"
    page = browser.get(where).text
    assert "=Sums" in page
    assert f"/reviews/{attempt}" in page
    assert "100" in page
    answer = browser.get(f"{where}/results.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert rows[ada.email]["score_percent"] == "100.00"
    assert "'=cmd@example.org" in rows
    assert "=cmd@example.org" not in rows
    values = browser.get(f"{where}/results.json").json()
    assert [one["score"] for one in values["grades"] if one["email"] == ada.email] == [[1, 1]]
    acts = [row.act for row in web.bench.parts.store.audit()]
    assert acts.count("gradebook.read") == 3


def test_reviewer_gives_marks_and_the_attempt_is_concluded(web: Web) -> None:
    reviewed(web)
    ada = web.user()
    attempt = judge(web, ada)
    store = web.bench.parts.store
    assert store.attempt(attempt).state is AttemptState.AWAITING_REVIEW
    browser, where = web.signed_in(Role.REVIEWER), f"/reviews/{attempt}"
    waiting = browser.get("/reviews").text
    assert where in waiting
    assert "Add up" in waiting
    learner = web.signed_in(user=ada)
    open_yet = learner.get(f"/attempts/{attempt}").text
    assert "</strong> so far" in open_yet
    assert "points, open yet" in open_yet
    assert "<title>Add up: Waits for a reviewer" in open_yet
    page = browser.get(where).text
    assert "def total(numbers)" in page
    # Reviewers judge the work: whose it is they are not told, nor what hidden tests are called.
    assert ada.email not in page
    assert ada.name not in page
    assert "test_two" not in page
    refused = browser.post(f"{where}/marks", page=where, criterion="clear", marks="9")
    assert refused.status_code == 422
    assert store.marks(attempt) == ()
    done = browser.post(
        f"{where}/marks", page=where, criterion="clear", marks="3", comment="solution.py:1 <i>good</i>"
    )
    assert (done.status_code, done.headers["location"]) == (303, where)
    assert store.attempt(attempt).state is AttemptState.JUDGED
    assert "&lt;i&gt;good&lt;/i&gt;" in browser.get(where).text
    assert where not in browser.get("/reviews").text
    assert [row.act for row in store.audit(limit=1)] == ["review.mark"]
    # Other marks make another attempt; what was signed stays.
    again = browser.post(f"{where}/marks", page=where, criterion="clear", marks="4")
    assert again.headers["location"] != where
    assert "this is judging number 1, and there is <a" in learner.get(f"/attempts/{attempt}").text
    assert store.marks(attempt)[-1].marks == 3


def test_nobody_marks_their_own_work(web: Web) -> None:
    reviewed(web)
    both = web.user(Role.LEARNER, Role.REVIEWER)
    attempt = judge(web, both)
    browser, where = web.signed_in(user=both), f"/reviews/{attempt}"
    assert where not in browser.get("/reviews").text
    assert "Give these marks" not in browser.get(where).text
    answer = browser.post(f"{where}/marks", page=where, criterion="clear", marks="4")
    assert answer.status_code == 403
    program = web.browser().client.post(
        f"/api/v1/attempts/{attempt}/marks",
        json={"criterion": "clear", "marks": 4},
        headers=web.token(both, Scope.REVIEW),
    )
    assert program.status_code == 403
    assert "this is your own" in program.text
    assert web.bench.parts.store.attempt(attempt).state is AttemptState.AWAITING_REVIEW


def test_admin_makes_an_account_that_signs_in_by_its_link(web: Web) -> None:
    admin = web.signed_in(Role.ADMIN)
    answer = admin.post("/admin/users", email="new@example.org", name="New", roles="reviewer")
    found = re.search(rf"<code>{re.escape(web.here.site.url)}({LINK_PATH}[^<]+)</code>", answer.text)
    assert found is not None
    guest = web.browser()
    assert guest.post(found[1], password=webbed.PASSWORD).status_code == 303
    assert guest.get("/reviews").status_code == 200
    refused = admin.post("/admin/users", email="new@example.org", roles="reviewer")
    assert refused.status_code == 422
    assert "expected an address without an account" in refused.text
    none = admin.post("/admin/users", email="other@example.org")
    assert none.status_code == 422
    assert "expected at least one role" in none.text


def test_admin_changes_roles_and_switches_off(web: Web) -> None:
    admin, user = web.signed_in(Role.ADMIN), web.user(Role.AUTHOR)
    browser, where = web.signed_in(user=user), f"/admin/users/{user.id}"
    web.token(user)
    assert browser.get("/authoring").status_code == 200
    assert "program" in admin.get(where).text
    assert admin.post(f"{where}/roles", page=where, roles="issuer").status_code == 303
    # Signed out by it.
    assert browser.get("/authoring").status_code == 303
    assert web.bench.parts.store.user(user.id).roles == {Role.ISSUER}
    token = web.bench.parts.store.tokens(user.id)[0].id
    assert admin.post(f"{where}/tokens/{token}/revoke", page=where).status_code == 303
    assert web.bench.parts.store.tokens(user.id) == ()
    assert admin.post(f"{where}/active", page=where, active="false").status_code == 303
    assert not web.bench.parts.store.user(user.id).active
    assert "switched off" in admin.get(where).text
    trail = admin.get("/admin/audit").text
    assert "user.roles" in trail
    assert "user.disable" in trail
    assert "token.revoke" in trail


def test_admin_keeps_their_own_role_and_account(web: Web) -> None:
    user = web.user(Role.ADMIN)
    admin, where = web.signed_in(user=user), f"/admin/users/{user.id}"
    for path, fields in (("roles", {"roles": "learner"}), ("active", {"active": "false"})):
        answer = admin.post(f"{where}/{path}", page=where, **fields)
        assert answer.status_code == 422
        assert "expected another admin" in answer.text
    assert admin.get("/admin").status_code == 200


def test_author_sees_tasks_and_the_versions_that_were_judged(web: Web) -> None:
    browser = web.signed_in(Role.AUTHOR)
    task = web.bench.tasks.task("sum")
    assert "Nothing was handed in" in browser.get("/authoring/sum").text
    judge(web, web.user())
    page = browser.get("/authoring/sum").text
    assert task.digest in page
    assert "as it is now" in page
    (web.bench.root / "catalog/tasks/sum/task.yaml").write_text("id: [\n")
    assert "cannot be read" in browser.get("/authoring").text
    assert browser.get("/authoring/sum").status_code == 200


def test_issuer_sees_awards_and_what_was_done_with_them(web: Web) -> None:
    badges = web.bench.root / "catalog" / "badges"
    badges.mkdir()
    (badges / "adder.yaml").write_text(honours.BADGES["adder"])
    browser, ada = web.signed_in(Role.ISSUER), web.user()
    parts = replace(
        boxed(web),
        issuer=honours.ISSUER,
        achievements=lambda: catalog.load(badges.parent).achievements(),
    )
    settling.follow_up(judge(web, ada), parts)
    (row,) = parts.store.awards()
    page = browser.get("/awards").text
    assert f"/awards/{row.id}" in page
    assert ada.email in page
    assert "holds" in page
    assert f"/awards/{row.id}" not in browser.get("/awards?revoked=true").text
    parts.store.revoke(row.id, reason="<by mistake>", salt=b"s" * 16, now=web.bench.clock())
    shown = browser.get(f"/awards/{row.id}").text
    assert "&lt;by mistake&gt;" in shown
    assert "revoke" in shown
    assert f"/awards/{row.id}" in browser.get("/awards?revoked=true").text


def test_admin_sees_messages_and_sends_one_again(web: Web) -> None:
    admin, store = web.signed_in(Role.ADMIN), web.bench.parts.store
    for url in ("http://hooks.example.org/", "https://me:secret@hooks.example.org/", "ftp://a", ""):
        refused = admin.post("/admin/webhooks", url=url, events="attempt.finished")
        assert refused.status_code == 422
        assert "expected an " in refused.text
    none = admin.post("/admin/webhooks", url="https://hooks.example.org/")
    assert none.status_code == 422
    assert "expected at least one of" in none.text
    answer = admin.post("/admin/webhooks", url="https://hooks.example.org/", events="attempt.finished")
    (endpoint,) = store.endpoints()
    where = f"/admin/webhooks/{endpoint.id}"
    assert endpoint.secret in answer.text
    assert endpoint.secret not in admin.get(where).text
    assert endpoint.secret not in admin.get("/admin/webhooks").text
    attempt = judge(web, web.user())
    (message,) = store.deliveries()
    store.failed(message.id, problem="expected <an answer>", status=500, next_at=None)
    page = admin.get(where).text
    assert attempt in page
    assert "expected &lt;an answer&gt;" in page
    again = admin.post(f"{where}/messages/{message.id}/replay", page=where)
    assert (again.status_code, again.headers["location"]) == (303, where)
    assert store.delivery(message.id).state is DeliveryState.WAITING
    assert admin.post(f"{where}/active", page=where, active="false").status_code == 303
    assert not store.endpoint(endpoint.id).active
    assert admin.post(f"{where}/remove", page=where).status_code == 303
    assert store.endpoints() == ()
    acts = [row.act for row in store.audit() if row.act.startswith(("endpoint", "delivery"))]
    assert acts == ["endpoint.remove", "endpoint.disable", "delivery.replay", "endpoint.add"]


class Outline(HTMLParser):
    """What keyboards and screen readers go by: ids, what labels name, fields, and levels of headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []
        self.levels: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "label":
            self.labelled.add(named["for"])
        if tag in ("input", "select", "textarea") and named.get("type") != "hidden":
            self.fields.append(named["id"])
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


def test_fields_have_labels_and_headings_are_in_order(web: Web) -> None:
    reviewed(web)
    everybody, ada = web.user(*(set(Role) - {Role.LEARNER})), web.user()
    cohort, assigned = taught(web, everybody, ada)
    waits = judge(web, ada)
    store = web.bench.parts.store
    store.add_endpoint(
        id="e", url="https://hooks.example.org/", secret="whsec_c2VjcmV0", events=TOLD, act=web.act()
    )
    for name in ("m1", "m2"):
        store.tell(
            Event.AWARD_MADE,
            b"{}",
            new_id=iter([name]).__next__,
            learner_id=None,
            now=web.bench.clock(),
        )
    web.token(ada)
    browser = web.signed_in(user=everybody)
    for path in (
        *(door for door in DOORS if "NAME" not in door),
        f"/cohorts/{cohort}",
        f"/cohorts/{cohort}/gradebooks/{assigned}",
        f"/reviews/{waits}",
        "/authoring/sum",
        f"/admin/users/{ada.id}",
        "/admin/webhooks/e",
    ):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        page = Outline(answer.text)
        assert len(page.ids) == len(set(page.ids)), path
        assert set(page.fields) <= page.labelled, path
        assert page.labelled <= set(page.ids), path
        assert page.levels[0] == 1, path
        assert page.levels.count(1) == 1, path
        assert all(low + 1 >= high for low, high in pairwise(page.levels)), (path, page.levels)
