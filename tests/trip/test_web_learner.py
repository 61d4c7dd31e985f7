"""A learner's whole way through the pages, in real sandboxes; and nothing of a hidden test on any of it."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assessor import catalog, pipeline, settling, task
from assessor.rows.users import Role
from assessor.store import AttemptState
from tests import boxes, exhibited, listening, small, webbed

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
TASK = "median-stats"
BADGE = f"""id: figures
version: "1.0"
name: Figures
description: Works figures out.
criteria: Pass the task on figures.
requires:
  - {{task: {TASK}}}
"""
#: Work that tells all that it is asked, in every way that it has.
LEAKING = """import sys


def _tell(*asked):
    print(asked)
    print(asked, file=sys.stderr)
    raise ValueError(repr(asked))


mean = median = mode = quantile = outliers = _tell
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webbed.Web]:
    root = tmp_path_factory.mktemp("web")
    home = root / "catalog"
    shutil.copytree(ROOT / "tasks" / TASK, home / "tasks" / TASK)
    shutil.copytree(ROOT / "rubrics", home / "rubrics")
    shutil.copytree(ROOT / "sandboxes", home / "sandboxes")
    (home / "badges").mkdir()
    (home / "badges" / "figures.yaml").write_text(BADGE)
    tasks = catalog.load(home)
    with boxes.box() as box:
        bench = small.make_bench(root, box, tasks=tasks)
        bench.parts = replace(bench.parts, achievements=lambda: tasks.sound_achievements()[0])
        # What is shown to everybody is on the way too.
        bench = exhibited.logged(bench, root)
        with webbed.served(root, bench=bench, throttle=webbed.unlimited()) as found:
            yield found


def hidden_words(tasks: catalog.Catalog, *told: str) -> list[str]:
    """Names of hidden tests, and each line of their files that says something and stands nowhere else."""
    found = tasks.task(TASK)
    assert found.manifest is not None
    names = {one.id for one in found.manifest.tests if not one.visible}
    assert names
    files = {name.partition("::")[0] for name in names}
    shown = [one.id for one in found.manifest.tests if one.visible]
    shared = [*told, *shown, found.brief, *(data.decode() for data in found.starter.values())]
    shared += [
        data.decode()
        for path, data in found.test_files.items()
        if path not in files and task.is_test_file(path)
    ]
    words = {name.partition("::")[2].partition("[")[0] for name in names}
    for path in files:
        words |= {line.strip() for line in found.test_files[path].decode().splitlines()}
    return sorted(
        word
        for word in words
        if len(word) >= 9
        and not word.startswith(("import ", "from "))
        and not any(word in text for text in shared)
    )


def judge(web: webbed.Web, browser: webbed.Browser, solution: bytes) -> str:
    """Hand in through the page, follow it live, and have it judged; the page of the result."""
    data = {"csrf": browser.token(f"/tasks/{TASK}")}
    answer = browser.client.post(
        f"/tasks/{TASK}/submissions",
        data=data,
        files=[("files", ("stats.py", solution))],
        headers=browser.headers,
    )
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    attempt_id = path.rpartition("/")[2]
    live: list[str] = []
    following = threading.Thread(target=lambda: live.append(browser.get(f"{path}/live").text))
    following.start()
    assert pipeline.assess(attempt_id, 1, web.bench.parts) is AttemptState.JUDGED
    settling.follow_up(attempt_id, web.bench.parts)
    following.join(60)
    assert live
    assert "event: over" in live[0]
    web.bench.clock.move(minutes=10)
    return browser.get(path).text


def test_learner_fails_learns_why_passes_and_has_the_badge(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    listener = listening.Listener(browser)
    folder = ROOT / "tasks" / TASK
    starter = b"".join(path.read_bytes() for path in (folder / "starter").rglob("stats.py"))
    faulty = next((folder / "faulty" / "upper-median").rglob("stats.py")).read_bytes()
    right = next((folder / "solutions" / "plain").rglob("stats.py")).read_bytes()

    leaked = judge(web, browser, LEAKING.encode())
    assert "Not passed" in leaked
    assert "What your work printed" in leaked
    judge(web, browser, starter)
    mostly = judge(web, browser, faulty)
    assert re.search(r"Hidden tests: \d+ of \d+ passed", mostly)
    assert re.search(r"<dt>Expected</dt>", mostly)
    passed = judge(web, browser, right)
    assert "This earned you the badge" in passed
    browser.post("/account/export", page="/account")
    paths = listening.crawl(browser, "/", "/tasks", "/attempts", "/badges", "/account", "/no-such-page")
    for part in ("/changes", "/work", "/work.tar", "/starter.zip", "/badge.png", "/badge.json"):
        assert any(path.endswith(part) for path in paths), part

    words = hidden_words(web.bench.tasks, LEAKING, starter.decode(), faulty.decode(), right.decode())
    assert len(words) > 30
    for where, text in listener.heard:
        assert [word for word in words if word in text] == [], where
