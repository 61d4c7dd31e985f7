"""A learner's pages over a scripted sandbox: what each shows, to whom, and what never."""

from __future__ import annotations

import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assessor import catalog, pipeline, regrading
from assessor.rows.audit import Act
from assessor.rows.cohorts import Counts
from assessor.rows.users import Role, User
from assessor.store import AttemptState
from assessor.waiting import Class
from assessor.web import handing
from assessor.web.uploads import File
from tests import honours, learning, versioned, webbed
from tests.learning import HIDDEN, hand_in, handed_in, judged


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    with learning.served(tmp_path) as found:
        yield found


# The catalogue and a task.


def test_catalogue_is_open_to_everybody_and_filters_by_its_address_alone(web: webbed.Web) -> None:
    browser = web.browser()
    assert "Add up" in browser.get("/tasks").text
    for query, there in (
        ("level=beginner", True),
        ("level=advanced", False),
        ("minutes=15", True),
        ("minutes=4", False),
        ("skill=ESCO:none", False),
        ("minutes=many", True),
    ):
        assert ("Add numbers up." in browser.get(f"/tasks?{query}").text) is there, query


def test_task_that_cannot_be_judged_is_not_there(web: webbed.Web) -> None:
    (web.bench.root / "catalog/tasks/sum/manifest.json").unlink()
    browser = web.signed_in(Role.LEARNER)
    assert "Add up" not in browser.get("/tasks").text
    assert browser.get("/tasks/sum").status_code == 404


def test_task_page_tells_what_is_asked_and_nothing_of_tests(web: webbed.Web) -> None:
    text = web.browser().get("/tasks/sum").text
    assert "Add numbers up." in text
    assert "Sign in to hand in" in text
    assert "test_" not in text
    mine = web.signed_in(Role.LEARNER).get("/tasks/sum").text
    assert "100 of 100 tries left" in mine
    assert "def total(numbers):" in mine


def test_starter_is_a_zip_of_what_a_learner_begins_with(web: webbed.Web) -> None:
    answer = web.browser().get("/tasks/sum/starter.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["sum/solution.py"]
    assert answer.headers["content-disposition"] == 'attachment; filename="sum-starter.zip"'


@pytest.mark.parametrize("name", ["no-such-task", "%2e%2e%2fsum", "sum%2f..%2fsum", "a" * 300, "%00"])
def test_task_that_there_is_not(web: webbed.Web, name: str) -> None:
    assert web.browser().get(f"/tasks/{name}").status_code in (400, 404)


# Handing in.


def test_file_is_handed_in_and_waits_in_the_queue(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = handed_in(browser)
    assert web.bench.rung == [(attempt_id, 1)]
    text = browser.get(f"/attempts/{attempt_id}").text
    assert "place 1 in the queue" in text
    assert f'sse-connect="/attempts/{attempt_id}/live"' in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


def test_text_of_the_page_is_handed_in_with_ends_of_lines_as_editors_write_them(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    answer = hand_in(browser, **{"text:solution.py": "a = 1\r\nb = 2\r\n", "text:../x.py": "no"})
    attempt_id = answer.headers["location"].removeprefix("/attempts/")
    with tarfile.open(fileobj=io.BytesIO(browser.get(f"/attempts/{attempt_id}/work.tar").content)) as tar:
        assert tar.getnames() == ["solution.py"]
        file = tar.extractfile("solution.py")
        assert file is not None
        assert file.read() == b"a = 1\nb = 2\n"


def test_folder_that_was_chosen_loses_its_name_where_the_files_of_the_task_are_inside(
    web: webbed.Web,
) -> None:
    browser = web.signed_in(Role.LEARNER)
    work = honours.passing(3).encode()
    answer = hand_in(browser, ("my work/solution.py", work), ("my work/notes/more.txt", b"x"))
    assert answer.status_code == 303, answer.text
    text = browser.get(answer.headers["location"]).text
    assert "<code>solution.py</code>" in text
    # Where a file lies beside the folder, nothing says that the folder is to go.
    refused = hand_in(browser, ("my work/solution.py", work), ("more.txt", b"x"))
    assert refused.status_code == 422
    assert "expected solution.py" in refused.text


@pytest.mark.parametrize(
    ("names", "required", "inside"),
    [
        (["a/x.py", "a/b/y.py"], ["x.py"], "a/"),
        (["inventory/x.py"], ["inventory/x.py"], ""),
        (["inventory/inventory/x.py"], ["inventory/x.py"], "inventory/"),
        (["a/x.py", "y.py"], ["x.py"], ""),
        (["a/x.py"], ["y.py"], ""),
        (["a/x.py"], [], ""),
        (["/x.py"], ["x.py"], ""),
        (["../x.py"], ["x.py"], ""),
        (["x.py"], ["x.py"], ""),
    ],
)
def test_name_of_a_folder_is_taken_off_only_where_what_is_asked_for_is_in_it(
    tmp_path: Path, names: list[str], required: list[str], inside: str
) -> None:
    uploaded = []
    for at, name in enumerate(names):
        (tmp_path / str(at)).write_bytes(b"x = 1\n")
        uploaded.append(File(field="files", name=name, path=tmp_path / str(at), size=6))
    with tarfile.open(handing.files(uploaded, tmp_path, required=required)) as tar:
        assert tar.getnames() == [name.removeprefix(inside) for name in names]


def test_archive_is_unpacked_and_what_the_task_does_not_take_is_told(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("solution.py", honours.passing(3))
        archive.writestr("notes.txt", "x")
    answer = hand_in(browser, ("work.zip", buffer.getvalue()))
    assert answer.headers["location"].endswith("?left_out=1")
    text = browser.get(answer.headers["location"]).text
    assert "1 of your files was left out" in text
    assert "<code>solution.py</code>" in text


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "expected files, got none: choose at least one"),
        ([("other.py", b"x = 1\n")], "upload &#34;other.py&#34;: expected solution.py, got none"),
        ([("../solution.py", b"x")], "expected a path inside the upload"),
        ([("/etc/passwd", b"x")], "expected a path inside the upload, got an absolute one"),
        ([("solution.py", b"x"), ("solution.py", b"y")], "expected each file once"),
        ([("solution.py", b"x"), ("more.zip", b"PK\x03\x04")], "got an archive among files"),
        ([("work.zip", b"PK\x03\x04 broken")], "upload &#34;work.zip&#34;: expected one end record"),
    ],
)
def test_upload_that_cannot_be_taken_is_told_on_the_page(
    web: webbed.Web, files: list[tuple[str, bytes]], told: str
) -> None:
    browser = web.signed_in(Role.LEARNER)
    answer = hand_in(browser, *files)
    assert answer.status_code == 422
    assert told in answer.text
    assert 'role="alert"' in answer.text
    assert str(web.bench.root) not in answer.text
    assert web.bench.rung == []


def test_text_that_cannot_be_taken_is_not_lost(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    user = web.bench.parts.store.users()[0]
    for _ in range(100):
        _use_a_try(web, user)
    answer = hand_in(browser, **{"text:solution.py": "precious = '</textarea><script>'"})
    assert answer.status_code == 409
    assert "100 tries are allowed and all are used" in answer.text
    assert "All 100 tries are used." in answer.text
    assert "<script>'" not in answer.text


def _use_a_try(web: webbed.Web, user: User) -> None:
    parts = web.bench.parts
    assert user.learner_id is not None
    new = parts.new_id()
    task = web.here.catalog().task("sum")
    snapshot = catalog.freeze(web.here.catalog(), "sum")
    parts.blobs.put(snapshot.data)
    _, attempt, _ = parts.store.submit(
        id=new,
        attempt_id=parts.new_id(),
        learner_id=user.learner_id,
        task_id="sum",
        task_version=task.version,
        task_digest=task.digest,
        snapshot=snapshot.digest,
        bundle="sha256:" + "1" * 64,
        tries=None,
        cooldown_s=0,
        now=parts.clock(),
    )
    claim = parts.store.claim(worker="w", lease_s=30, now=parts.clock())
    assert claim is not None
    assert claim.attempt.id == attempt.id


def test_form_that_is_sent_twice_is_handed_in_once_and_changed_work_is_new(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    key = re.search(r'name="key" value="([^"]+)"', browser.get("/tasks/sum").text)
    assert key is not None
    answers = [
        hand_in(browser, ("solution.py", text), key=key[1]).headers["location"]
        for text in (b"a = 1\n", b"a = 1\n", b"a = 2\n")
    ]
    assert answers[0] == answers[1] != answers[2]


def test_assignment_that_is_open_decides_the_class_of_the_queue(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    store, act = web.bench.parts.store, Act.by_operator(web.bench.clock())
    cohort = store.add_cohort(id="c1", name="Spring", act=act)
    store.enrol(cohort.id, user.id, Role.LEARNER, act=act)
    store.add_assignment(
        id="g1", cohort_id="c1", task_id="sum", queue_class=Class.EXAM, counts=Counts.BEST, act=act
    )
    browser = web.signed_in(user=user)
    assert "You are asked to do this" in browser.get("/tasks/sum").text
    assert store.attempt(handed_in(browser)).queue_class is Class.EXAM


def test_git_is_off_unless_hosts_are_named(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    assert "git repository" not in browser.get("/tasks/sum").text
    answer = hand_in(browser, git="https://github.com/somebody/work")
    assert answer.status_code == 422
    assert "this installation fetches from no repository" in answer.text


def test_name_and_text_of_a_stranger_are_text(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    code = "x = '<script>alert(1)</script>'  # \u202e\n" + honours.passing(3)
    answer = hand_in(browser, ("solution.py", code.encode()), ("<b>.py", b"y = 1\n"))
    attempt_id = answer.headers["location"].removeprefix("/attempts/")
    text = browser.get(f"/attempts/{attempt_id}/work").text
    assert "<script>alert" not in text
    assert "<b>" not in text
    assert "[U+202E]" in text


# What came of it.


def test_result_shows_visible_tests_in_full_and_hidden_ones_as_counts(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    failed = browser.get(f"/attempts/{judged(web, browser, 0)}").text
    assert "Not passed" in failed
    assert "<code>test_sum.py::test_one</code>" in failed
    assert "Hidden tests: 0 of 2 passed" in failed
    assert "To pass takes 60 % of the whole" in failed
    assert "Nothing passes without 50 % here." in failed
    assert "99 of 100 tries left" in failed
    passed = browser.get(f"/attempts/{judged(web, browser, 3)}").text
    assert "Hidden tests: 2 of 2 passed" in passed
    assert "This earned you the badge" in passed
    assert not [word for word in HIDDEN if word in failed + passed]


def test_work_that_waits_is_replaced_by_newer_work_and_says_so(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    first = handed_in(browser, 1)
    handed_in(browser, 2)
    text = browser.get(f"/attempts/{first}").text
    assert "the newer one took its place. No try was used." in text


def test_changes_between_two_submissions_are_told_line_by_line(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    judged(web, browser, 0)
    second = judged(web, browser, 3)
    text = browser.get(f"/attempts/{second}/changes").text
    before, after = honours.passing(0).splitlines()[0], honours.passing(3).splitlines()[0]
    assert before != after
    listed = browser.get("/attempts").text
    assert listed.count(f'href="/attempts/{second}/changes"') == listed.count("What changed") == 1
    assert re.search(r"<del>- [^<]+</del>\n<ins>\+ [^<]+</ins>", text)


def test_every_try_is_compared_with_every_other_the_later_with_the_earlier(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    first, second, third = (judged(web, browser, number) for number in (0, 1, 3))
    text = browser.get(f"/attempts/{second}").text
    links = re.findall(r'href="(/attempts/\w+/changes\?since=\w+)"', text)
    assert links == [f"/attempts/{third}/changes?since={second}", f"/attempts/{second}/changes?since={first}"]
    for link in links:
        assert "<ins>+ " in browser.get(link).text
    assert "(this page)" in text


def test_first_submission_has_nothing_before_it(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = judged(web, browser, 3)
    answer = browser.get(f"/attempts/{attempt_id}/changes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/attempts/{attempt_id}")


def test_own_work_is_listed_a_page_at_a_time(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    names = [judged(web, browser, number % 3) for number in range(32)]
    first = browser.get("/attempts").text
    shown = re.findall(r'href="/attempts/(id\d+)"', first)
    assert shown == names[:1:-1]
    more = re.search(r'href="(/attempts\?before=[^"]+)"', first)
    assert more is not None
    rest = browser.get(more[1]).text
    assert re.findall(r'href="/attempts/(id\d+)"', rest) == names[1::-1]


@pytest.mark.parametrize(
    "path",
    [
        "/attempts/{}",
        "/attempts/{}/live",
        "/attempts/{}/work",
        "/attempts/{}/work.tar",
        "/attempts/{}/changes",
    ],
)
def test_somebody_elses_attempt_is_answered_for_as_none_at_all(web: webbed.Web, path: str) -> None:
    theirs = judged(web, web.signed_in(Role.LEARNER), 3)
    browser = web.signed_in(Role.LEARNER)
    other, unknown = (browser.get(path.format(name)) for name in (theirs, "id9999"))
    assert other.status_code == unknown.status_code == 404
    assert other.content == unknown.content
    mine = judged(web, browser, 3)
    assert browser.get(f"/attempts/{mine}/changes?since={theirs}").status_code == 404


def test_reviewer_who_learns_nothing_sees_no_attempt(web: webbed.Web) -> None:
    theirs = judged(web, web.signed_in(Role.LEARNER), 3)
    assert web.signed_in(Role.REVIEWER).get(f"/attempts/{theirs}").status_code == 403


def test_regrade_is_nothing_to_its_learner_until_it_is_applied(tmp_path: Path) -> None:
    bench = versioned.make_bench(tmp_path)
    with webbed.served(tmp_path, bench=bench, throttle=webbed.unlimited()) as web:
        browser = web.signed_in(Role.LEARNER)
        first = judged(web, browser, 3)
        versioned.edit(bench, "# strict", version="2.0")
        versioned.start(bench)
        again = next(attempt for attempt, _ in reversed(bench.rung) if attempt != first)
        for path in ("", "/live", "/work"):
            assert browser.get(f"/attempts/{again}{path}").status_code == 404
        assert versioned.work(bench) == [AttemptState.HELD]
        other, unknown = (browser.get(f"/attempts/{name}") for name in (again, "id9999"))
        assert (other.status_code, other.content) == (404, unknown.content)
        assert re.findall(r'href="/attempts/(id\d+)"', browser.get("/attempts").text) == [first]
        exported = browser.post("/account/export", page="/account").content
        with zipfile.ZipFile(io.BytesIO(exported)) as archive:
            assert again not in archive.read("learner.json").decode()
        regrading.apply("sum", bench.parts, by="author", reason="better tests")
        assert "judged 2 times" in browser.get(f"/attempts/{again}").text
        assert re.findall(r'href="/attempts/(id\d+)"', browser.get("/attempts").text) == [again]


def test_file_of_the_store_that_is_missing_is_our_fault_and_tells_no_path(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = judged(web, browser, 3)
    store, blobs = web.bench.parts.store, web.bench.parts.blobs
    submission = store.submission(store.attempt(attempt_id).submission_id)
    blobs.remove(submission.snapshot)
    answer = browser.get(f"/attempts/{attempt_id}")
    assert answer.status_code == 503
    assert str(web.bench.root) not in answer.text


# Live.


def events(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    """Name and data of each event of a stream."""
    name, data = "", []
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line and name:
            yield name, "\n".join(data)
            name, data = "", []


def test_attempt_is_followed_from_the_queue_to_its_end(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = handed_in(browser, 3)
    told: list[tuple[str, str]] = []
    queued = threading.Event()

    def follow() -> None:
        with browser.client.stream("GET", f"/attempts/{attempt_id}/live") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for event in events(answer):
                told.append(event)
                queued.set()

    following = threading.Thread(target=follow)
    following.start()
    assert queued.wait(30)
    pipeline.assess(attempt_id, 1, web.bench.parts)
    following.join(30)
    assert not following.is_alive()
    assert "place 1 in the queue" in told[0][1]
    assert "test_sum.py::test_one" in told[-2][1]
    assert told[-1] == ("over", "over")
    assert not [word for word in HIDDEN if word in str(told)]


def test_attempt_that_is_over_is_told_at_once(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    attempt_id = judged(web, browser, 3)
    with browser.client.stream("GET", f"/attempts/{attempt_id}/live") as answer:
        assert [name for name, _ in events(answer)] == ["progress", "over"]
