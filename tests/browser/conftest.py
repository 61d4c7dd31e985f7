"""A browser and the sites that it is at: Debian's Chromium, one for all tests of a file.

ASSESSOR_TEST_BROWSER    the program; where it is set, a browser that is not there is a failure
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright import sync_api
from playwright.sync_api import Browser, BrowserContext

from tests.browser import live, real, world
from tests.browser.front import Front
from tests.browser.watch import Watched
from tests.browser.world import World

NAMED = "ASSESSOR_TEST_BROWSER"
#: How long anything on a page may take, milliseconds: of a machine with two cores that does other things too.
PATIENCE = 30_000

#: Opens a browser's window of its own: no cookies but those of whoever is named, and watched.
Opening = Callable[..., Watched]


@pytest.fixture(scope="session")
def program() -> str:
    """The browser's program."""
    named = os.environ.get(NAMED)
    if named:
        found = shutil.which(named)
        assert found is not None, (
            f"{NAMED}: expected a program, got {named}: script/setup --browser installs one"
        )
        return found
    found = shutil.which("chromium")
    if found is None:
        pytest.skip(f"no chromium here: script/setup --browser installs it; {NAMED} makes this a failure")
    return found


# Playwright's own five seconds are too few where two cores do much else.
sync_api.expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Front]]:
    """What stands in front of each site, by its host."""
    folder = tmp_path_factory.mktemp("fronts")
    found = {host: Front(host, folder) for host in (world.HOST, real.HOST, live.HOST)}
    for one in found.values():
        one.start()
    yield found
    for one in found.values():
        one.stop()


# Of a file, not of the session: as long as Playwright is there, nothing else can run an event loop in this
# thread, and tests of other folders do.
@pytest.fixture(scope="module")
def chromium(program: str, fronts: dict[str, Front]) -> Iterator[Browser]:
    """The browser; it reaches the sites of `fronts` and nothing else."""
    ways = ", ".join(f"MAP {one.host}:443 127.0.0.1:{one.port}" for one in fronts.values())
    arguments = [f"--host-resolver-rules={ways}, MAP * ~NOTFOUND", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        # Chromium's own sandbox needs a user who is not root.
        arguments.append("--no-sandbox")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, fronts: dict[str, Front], program: str) -> Iterator[World]:
    """A site on which much has happened already."""
    with world.served(tmp_path_factory.mktemp("world")) as found:
        fronts[world.HOST].leads_to = found.web.port
        yield found


@pytest.fixture
def open_window(chromium: Browser) -> Iterator[Opening]:
    """Opens windows; each is watched until the test ends, which fails where one saw anything wrong."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def make(
        *, cookies: dict[str, str] | None = None, url: str = f"https://{world.HOST}", **how: object
    ) -> Watched:
        context = chromium.new_context(ignore_https_errors=True, base_url=url, **how)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        for name, value in (cookies or {}).items():
            context.add_cookies(
                [{"name": name, "value": value, "url": url, "secure": True, "httpOnly": True}]
            )
        window = Watched(context)
        opened.append((context, window))
        return window

    yield make
    for context, _ in opened:
        context.close()
    for _, window in opened:
        assert window.wrong == []


@pytest.fixture(scope="session")
def pictures_at() -> Path | None:
    """Where screenshots are put, or None: they are made where somebody asks for them."""
    named = os.environ.get("ASSESSOR_SCREENSHOTS")
    return Path(named) if named else None
