"""A window of a browser, and all that goes wrong in it."""

from __future__ import annotations

from playwright import sync_api
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response


class Watched:
    """One window of one person.

    Attributes:
        context: the person: cookies and settings.
        page: the window.
        wrong: what no page may do: errors of scripts and of the policy, requests that fail, answers of 400
            and above that nobody expected.
        expected: statuses of 400 and above that are right here.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.wrong: list[str] = []
        self.expected: set[int] = set()
        context.on("page", self._opened)
        self.page = context.new_page()

    def _opened(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        # The console says of an answer what `_answered` judges.
        if "the server responded with a status of" in message.text:
            return
        self.wrong.append(f"{message.location.get('url')}: {message.text}")

    def _failed(self, request: Request) -> None:
        # Whoever leaves a page that is live ends its stream, and a download is no page.
        if request.failure == "net::ERR_ABORTED":
            return
        self.wrong.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.wrong.append(f"{response.request.method} {response.url}: {response.status}")

    def go(self, path: str, status: int = 200) -> Page:
        """Open a page of the site, by its path or address; its status must be this."""
        if status >= 400:
            self.expected.add(status)
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        return self.page

    def unfold(self) -> None:
        """Open all that is folded, with what is fetched for it: it is a part of the page too."""
        self.page.evaluate(
            "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
        )
        fields = self.page.locator("details[data-editors] textarea[data-editor]").count()
        sync_api.expect(self.page.locator(".cm-content")).to_have_count(fields)

    def sign_in(self, email: str, password: str) -> Page:
        """Sign in as people do."""
        page = self.go("/sign-in")
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        return page
