"""The whole way in a browser, judged in real sandboxes: from an invitation to a badge that is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import ports, small, webbed
from tests.browser import real
from tests.browser.conftest import Opening
from tests.browser.front import Front
from tests.browser.watch import Watched

pytestmark = pytest.mark.docker

#: How long judging may take, milliseconds.
JUDGED_MS = 180_000


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, fronts: dict[str, Front]) -> Iterator[real.Served]:
    port = ports.free()
    with real.served(tmp_path_factory.mktemp("real"), port) as up:
        fronts[real.HOST].leads_to = port
        yield up


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What people have on their disks."""
    root = tmp_path_factory.mktemp("disk")
    for name, text in (("faulty", real.FAULTY), ("right", small.RIGHT)):
        (root / name).mkdir()
        (root / name / "solution.py").write_text(text)
    return root


def opened(open_window: Opening, **how: object) -> Watched:
    return open_window(url=real.URL, accept_downloads=True, **how)


def choose_password(page: Page) -> None:
    page.get_by_label("New password").fill(webbed.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def link_on(page: Page) -> str:
    """The link that a page shows once."""
    return page.get_by_role("status").locator("code").inner_text()


def menu(page: Page, name: str) -> None:
    """Choose something of the menu: a page may name it as well."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()


def invitation(serving: real.Served, open_window: Opening) -> str:
    """From an operator's first link to an instructor's invitation; where it leads."""
    admin = opened(open_window)
    page = admin.go(serving.first)
    choose_password(page)
    menu(page, "Administration")
    page.get_by_role("link", name="People").click()
    page.get_by_label("E-mail address").fill("ines@learn.example")
    page.get_by_label("learner", exact=True).uncheck()
    page.get_by_label("instructor", exact=True).check()
    page.get_by_role("button", name="Make it").click()
    welcome = link_on(page)
    menu(page, "Cohorts")
    page.get_by_label("Name").fill("Spring course")
    page.get_by_role("button").get_by_text(re.compile("^(Make|Add)")).click()
    page.get_by_text("Assign a task").click()
    page.get_by_label("Task", exact=True).select_option("sum")
    page.get_by_role("button", name="Assign", exact=True).click()
    page.get_by_text("Take somebody in who has an account").click()
    page.get_by_label("E-mail address").fill("ines@learn.example")
    page.locator("#place").select_option("instructor")
    page.get_by_role("button", name="Take in").click()
    instructor = opened(open_window)
    page = instructor.go(welcome)
    choose_password(page)
    menu(page, "Cohorts")
    page.get_by_role("link", name="Spring course").click()
    page.get_by_role("button", name="Make a link").click()
    return link_on(page)


def joined(window: Watched, invitation: str, name: str) -> Page:
    """A learner's own account, by the invitation."""
    page = window.go(invitation)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail address").fill(f"{name.lower()}@learn.example")
    page.get_by_label("Password").fill(webbed.PASSWORD)
    page.get_by_role("button", name="Make an account and join").click()
    expect(page.get_by_role("heading", name=f"Hello, {name}")).to_be_visible()
    return page


def drop(page: Page, zone: str, name: str, data: bytes) -> None:
    """Drop a file there, as a browser does when somebody lets go of it."""
    held = page.evaluate_handle(
        """([name, data]) => {
          const held = new DataTransfer();
          held.items.add(new File([new Uint8Array(data)], name));
          return held;
        }""",
        [name, list(data)],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(zone, event, {"dataTransfer": held})


def write(page: Page, text: str) -> None:
    """Write a text in the editor, over what is there."""
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def shared_link(page: Page) -> str:
    """The link of the learner's badge, which is awarded a moment after the result."""
    page.get_by_role("navigation").get_by_role("link", name="Badges").click()
    badge = page.get_by_role("article", name="Adder, Pass")
    for _ in range(60):
        if badge.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    return badge.get_by_role("textbox", name="Link").input_value()


def headline(page: Page) -> str:
    """What the page of checks says."""
    return page.locator("h1").inner_text()


def check(window: Watched, *, link: str = "", text: str = "", file: Path | None = None) -> Page:
    """Check a badge by one of the three ways."""
    page = window.go("/verify")
    if link:
        page.get_by_label("or a link to it").fill(link)
    if text:
        page.get_by_label("or its text").fill(text)
    if file is not None:
        page.get_by_label("The file").set_input_files(file)
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("heading", name="Every check").wait_for()
    return page


@pytest.fixture(scope="module")
def invited() -> dict[str, str]:
    """Where the invitation leads, once somebody made it."""
    return {}


def test_learner_fails_learns_why_passes_and_an_employer_checks_the_badge(
    serving: real.Served,
    files: Path,
    open_window: Opening,
    invited: dict[str, str],
    tmp_path: Path,
    pictures_at: Path | None,
) -> None:
    invited["link"] = invitation(serving, open_window)
    learner = opened(open_window)
    page = joined(learner, invited["link"], "Ada")

    # The first try, dropped: it fails, live, and the result says why by an example.
    page.get_by_role("link", name="Add up").click()
    drop(page, "[data-drop]", "solution.py", (files / "faulty/solution.py").read_bytes())
    page.get_by_role("button", name="Hand in files").click()
    expect(page.get_by_role("heading", name="How it goes")).to_be_visible()
    page.get_by_role("heading", name="Result", exact=True).wait_for(timeout=JUDGED_MS)
    result = page.locator("section[aria-labelledby=result]")
    expect(result).to_contain_text("Not passed")
    failed = page.locator("article.test")
    expect(failed.locator("dt", has_text="Expected")).to_be_visible()
    expect(failed.locator("dt", has_text="Got")).to_be_visible()
    expect(failed.get_by_role("region", name="Smallest failing example")).to_contain_text("numbers=[0]")
    expect(page.get_by_text("Hidden tests: 1 of 2 passed")).to_be_visible()

    # The second, written on the page: it passes, and is a badge.
    page.get_by_role("link", name="Hand in again").click()
    page.get_by_text("Write it here").click()
    write(page, small.RIGHT)
    page.get_by_role("button", name="Hand in what is written here").click()
    page.get_by_role("heading", name="Result", exact=True).wait_for(timeout=JUDGED_MS)
    expect(result).to_contain_text("Passed")
    page.get_by_role("link", name="What changed since the time before").click()
    expect(page.locator("ins").first).to_contain_text("sum(numbers)")
    shared = shared_link(page)
    assert shared.startswith(f"{real.URL}/credentials/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Picture (PNG)").click()
    picture = tmp_path / "badge.png"
    download.value.save_as(picture)
    with page.expect_download() as download:
        page.get_by_role("link", name="Credential (JSON)").click()
    credential = tmp_path / "badge.json"
    download.value.save_as(credential)

    # The employer has nothing but the link and what the learner sent.
    employer = opened(open_window)
    page = employer.go(shared)
    expect(page.get_by_text("Not revoked")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Adder")
    page.locator('a[href*="evidence/"]').first.click()
    expect(page.get_by_text("Evidence of work", exact=True)).to_be_visible()
    expect(page.get_by_text("✓ Passed")).to_be_visible()
    page = check(employer, link=shared)
    assert headline(page) == "✓ It holds"
    assert headline(check(employer, text=credential.read_text())) == "✓ It holds"
    assert headline(check(employer, file=picture)) == "✓ It holds"
    page = employer.go("/verify")
    drop(page, ".drop", "badge.png", picture.read_bytes())
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("heading", name="Every check").wait_for()
    assert headline(page) == "✓ It holds"

    # What was changed does not hold, and the page says so in words.
    changed = json.loads(credential.read_text())
    changed["credentialSubject"]["achievement"]["name"] = "Master of everything"
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(changed))
    page = check(employer, file=forged)
    assert headline(page) == "✗ Do not rely on it"
    expect(page.get_by_text("✗ Does not hold")).to_be_visible()

    # Nor does what was taken back.
    award = shared.rpartition("/")[2].removesuffix(".html")
    serving.assessor("revoke", award, "--reason", "by mistake")
    page = employer.go(shared)
    expect(page.get_by_text("✗ Revoked")).to_be_visible()
    page = check(employer, file=picture)
    assert headline(page) == "✗ Do not rely on it"
    expect(page.locator(".alert")).to_contain_text("revoked")


def test_whole_way_without_script(
    serving: real.Served, files: Path, open_window: Opening, invited: dict[str, str], tmp_path: Path
) -> None:
    if "link" not in invited:  # run by itself
        invited["link"] = invitation(serving, open_window)
    learner = opened(open_window, java_script_enabled=False)
    page = joined(learner, invited["link"], "Grace")
    page.get_by_role("link", name="Add up").click()
    page.get_by_label("Choose files").set_input_files(files / "faulty/solution.py")
    page.get_by_role("button", name="Hand in files").click()
    expect(page.get_by_role("heading", name="How it goes")).to_be_visible()
    # The page loads itself anew.
    page.get_by_role("heading", name="Result", exact=True).wait_for(timeout=JUDGED_MS)
    expect(page.locator("section[aria-labelledby=result]")).to_contain_text("Not passed")
    expect(page.get_by_role("region", name="Smallest failing example")).to_contain_text("numbers=[0]")
    page.get_by_role("link", name="Hand in again").click()
    page.get_by_text("Write it here").click()
    page.locator('textarea[data-editor="solution.py"]').fill(small.RIGHT)
    page.get_by_role("button", name="Hand in what is written here").click()
    page.get_by_role("heading", name="Result", exact=True).wait_for(timeout=JUDGED_MS)
    expect(page.locator("section[aria-labelledby=result]")).to_contain_text("Passed")
    shared = shared_link(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Credential (JSON)").click()
    credential = tmp_path / "badge.json"
    download.value.save_as(credential)
    employer = opened(open_window, java_script_enabled=False)
    expect(employer.go(shared).get_by_text("Not revoked")).to_be_visible()
    assert headline(check(employer, link=shared)) == "✓ It holds"
    assert headline(check(employer, text=credential.read_text())) == "✓ It holds"
    assert headline(check(employer, file=credential)) == "✓ It holds"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_have_count(2)
