"""Every page that there is, and who looks at it: what tests of pages go through.

A route that answers GET and is no page is in `NO_PAGES`, with what it is. A test holds that there is no
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import ViewportSize
from starlette.routing import Match

from assessor.web import access, app
from assessor.web.access import Guarded
from tests.browser.world import ADA, GRACE, World

SCREEN = ViewportSize(width=1000, height=800)
#: The narrowest that people have. Source: WCAG 2.2, 1.4.10 asks for 320.
PHONE = ViewportSize(width=360, height=740)
NARROWEST = ViewportSize(width=320, height=640)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as somebody sees it.

    Attributes:
        name: of its picture.
        path: with names of `World.ids` and `World.secrets` in braces.
        who: a role, or a learner's address; None is anybody who is not signed in.
        status: of the answer.
        part: what its picture is of, with all that is folded open, or empty: the page from its top.
        dark, phone: whether it has a picture of that kind too.
    """

    name: str
    path: str
    who: str | None = None
    status: int = 200
    part: str = ""
    dark: bool = False
    phone: bool = False

    def at(self, world: World) -> str:
        """Its path on a site."""
        return self.path.format_map(world.ids | world.secrets)

    def cookies(self, world: World) -> dict[str, str]:
        """Those of whoever looks."""
        return {} if self.who is None else world.cookies(self.who)


PAGES = (
    # Everybody's.
    Page(name="home", path="/"),
    Page(name="sign-in", path="/sign-in", phone=True),
    Page(name="sign-in-by-link", path="{link}"),
    Page(name="join", path="{join}"),
    Page(name="goodbye", path="/goodbye"),
    Page(name="tasks", path="/tasks", dark=True, phone=True),
    Page(name="task", path="/tasks/median-stats"),
    Page(name="verify", path="/verify", phone=True),
    Page(name="issuer", path="/issuer"),
    Page(name="issuer-page", path="/index.html"),
    Page(name="achievement", path="/achievements/python-statistics"),
    Page(name="credentials", path="/credentials/"),
    Page(name="credential", path="/credentials/{award}", dark=True, phone=True),
    Page(name="credential-revoked", path="/credentials/{revoked}"),
    Page(name="evidence-list", path="/evidence/"),
    Page(name="evidence", path="/evidence/{evidence}/", dark=True, phone=True),
    # A learner's.
    Page(name="home-learner", path="/", who=ADA),
    Page(name="join-signed-in", path="{join}", who=ADA),
    Page(name="task-hand-in", path="/tasks/median-stats", who=ADA, phone=True),
    Page(
        name="hand-in",
        path="/tasks/median-stats",
        who=ADA,
        part="section[aria-labelledby=hand-in]",
        dark=True,
    ),
    Page(name="work", path="/attempts", who=ADA),
    Page(name="attempt-queued", path="/attempts/{queued}", who=GRACE),
    Page(name="attempt-running", path="/attempts/{running}", who=GRACE),
    Page(name="attempt-failed", path="/attempts/{failed}", who=ADA, dark=True, phone=True),
    Page(name="attempt-passed", path="/attempts/{passed}", who=ADA),
    Page(name="attempt-reviewed", path="/attempts/{reviewed}", who=ADA),
    Page(name="attempt-open", path="/attempts/{open}", who=GRACE),
    Page(name="files", path="/attempts/{passed}/work", who=ADA),
    Page(name="files-remarked", path="/attempts/{reviewed}/work", who=ADA),
    Page(name="changes", path="/attempts/{passed}/changes", who=ADA, dark=True),
    Page(name="badges", path="/badges", who=ADA, dark=True, phone=True),
    Page(name="badges-revoked", path="/badges", who=GRACE),
    Page(name="account", path="/account", who=ADA),
    Page(name="tokens", path="/account/tokens", who=ADA),
    # Of those who teach, review, issue, write and administer.
    Page(name="cohorts", path="/cohorts", who="instructor"),
    Page(name="cohort", path="/cohorts/{cohort}", who="instructor"),
    Page(name="cohort-admin", path="/cohorts/{cohort}", who="admin"),
    Page(name="gradebook", path="/cohorts/{cohort}/gradebooks/assigned-median-stats", who="instructor"),
    Page(name="reviews", path="/reviews", who="reviewer"),
    Page(name="review", path="/reviews/{open}", who="reviewer"),
    Page(name="awards", path="/awards", who="issuer"),
    Page(name="award", path="/awards/{revoked}", who="issuer"),
    Page(name="award-orders", path="/awards/{award}", who="issuer"),
    Page(name="award-new", path="/awards/new", who="issuer"),
    Page(name="authoring", path="/authoring", who="author"),
    Page(name="authored-task", path="/authoring/median-stats", who="author"),
    Page(name="admin", path="/admin", who="admin"),
    Page(name="users", path="/admin/users", who="admin"),
    Page(name="user", path="/admin/users/{ada}", who="admin"),
    Page(name="audit", path="/admin/audit", who="admin"),
    Page(name="webhooks", path="/admin/webhooks", who="admin"),
    Page(name="webhook", path="/admin/webhooks/hook", who="admin"),
    # Errors.
    Page(name="nothing-here", path="/no-such-page", status=404),
    Page(name="not-for-you", path="/admin", who=ADA, status=403),
    Page(name="link-used", path="/sign-in/link/used-up", status=403),
    Page(name="not-shown", path="/credentials/{private}", status=410),
    Page(name="not-understood", path="/attempts?before=" + "x" * 65, who=ADA, status=422),
)

#: Routes that answer GET and are no pages: what each of them is.
NO_PAGES = {
    "/attempts/{attempt_id}/live": "a stream of events",
    "/attempts/{attempt_id}/work.tar": "a file",
    "/tasks/{task_id}/starter.zip": "a file",
    "/badges/{award_id}/badge{ending}": "a file",
    "/cohorts/{cohort_id}/gradebooks/{assignment_id}/results.csv": "a file",
    "/cohorts/{cohort_id}/gradebooks/{assignment_id}/results.json": "a file",
    "/sign-in/provider": "leads to the provider",
    "/sign-in/provider/link": "leads to the provider",
    "/sign-in/provider/back": "leads back",
    "/issuer.json": "a file",
    "/keys.json": "a file",
    "/log.vkey": "a file",
    "/did.json": "a file",
    "/.well-known/did.json": "a file",
    "/keys/{name}": "files",
    "/status/{name}": "files",
    "/log/{name:path}": "files",
    "/evidence/{name}": "leads to the folder",
}

#: Below it programs are answered.
API = "/api/"

#: Pictures of what a form answered.
OTHER_PICTURES = ("verified.webp", "verified-refused.webp")


def pictures(page: Page) -> tuple[str, ...]:
    """Names of a page's pictures."""
    kinds = ("", *(("-dark",) if page.dark else ()), *(("-phone",) if page.phone else ()))
    return tuple(f"{page.name}{kind}.webp" for kind in kinds)


def routes() -> Iterator[Guarded]:
    """Every route of the application that answers GET for people."""
    for router in app.ROUTERS:
        for one in router.routes:
            assert isinstance(one, access.Guarded)
            if "GET" in (one.methods or ()) and not one.path.startswith(API):
                yield one


def route_of(path: str) -> str | None:
    """The route that answers this path, or None: it is not there."""
    scope = {"type": "http", "method": "GET", "path": path.partition("?")[0], "root_path": ""}
    for one in routes():
        if one.matches(scope)[0] is Match.FULL:
            return one.path
    return None
