"""What no answer may hold, whoever asks for whatever: secrets, hidden tests, places on the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute

from assessor import testing
from assessor.rows import accounts, schema, webhooks
from assessor.rows.users import Role, Scope
from assessor.rows.webhooks import Event
from assessor.signer import Purpose
from assessor.web import app, problems
from tests import exhibited, honours, learning, listening, webbed

#: What tells of the machine or of the program.
INSIDE = ("Traceback", "site-packages", "sqlite:", "sqlalchemy", 'File "', "src/assessor")
#: Ids that nobody gave out, and some that would lead elsewhere.
ODD = (
    "none",
    "0",
    "-1",
    "..",
    "../../../etc/passwd",
    "a" * 300,
    "\x00",
    "\n",
    "ä",
    "%",
    "'",
    '"<b>"',
    "{{7*7}}",
    "sha256:" + "0" * 64,
    "urn:uuid:0",
    ".env",
    "task.yaml",
)
WORK = honours.passing(2)


@dataclass(frozen=True, kw_only=True)
class World:
    """An installation with something of everything, and the ids of it by the names of parameters."""

    web: webbed.Web
    ids: dict[str, tuple[str, ...]]
    learner: webbed.Browser
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("web")
    with exhibited.served(root) as web:
        store, act = web.bench.parts.store, web.act()
        ada = web.user(Role.LEARNER, email="ada@example.org")
        with store.writing() as connection:
            # One that is found again: those of the bench are zeros.
            connection.execute(schema.learners.update().values(salt=b"a learner's salt"))
        learner = web.signed_in(user=ada)
        attempt = learning.judged(web, learner, 3)
        second = learning.judged(web, learner, 2)
        row = next(iter(honours.held(web.bench, "ada@example.org").values()))
        store.add_cohort(id="c1", name="Spring", act=act)
        store.add_assignment(id="a1", cohort_id="c1", task_id="sum", act=act)
        store.enrol("c1", ada.id, Role.LEARNER, act=act)
        teacher = web.user(Role.INSTRUCTOR, email="tea@example.org")
        store.enrol("c1", teacher.id, Role.INSTRUCTOR, act=act)
        invitation, link = "i" * 43, "l" * 43
        store.invite(secret=invitation, cohort_id="c1", act=act)
        hook = webhooks.secret(b"never told again, of this length")
        store.add_endpoint(id="e1", url="https://e.example/", secret=hook, events=[Event.AWARD_MADE], act=act)
        store.tell(Event.AWARD_MADE, b"{}", new_id=lambda: "m1", learner_id=None, now=act.now)
        token = web.token(ada, Scope.READ)["Authorization"].removeprefix("Bearer ")
        yield World(
            web=web,
            learner=learner,
            ids={
                "task_id": ("sum",),
                "attempt_id": (attempt, second),
                "submission_id": tuple(store.attempt(one).submission_id for one in (attempt, second)),
                "award_id": (row.id,),
                "badge_id": (row.achievement_id,),
                "cohort_id": ("c1",),
                "assignment_id": ("a1",),
                "user_id": (ada.id, teacher.id),
                "token_id": (store.tokens(ada.id)[0].id,),
                "endpoint_id": ("e1",),
                "webhook_id": ("e1",),
                "message_id": ("m1",),
                "name": (row.id, f"{row.id}.json", f"{row.achievement_id}.html", attempt, "1.json"),
                "path": ("no-such-page",),
                "number": ("1",),
            },
            secrets={
                "the learner's session": learner.client.cookies["assessor"],
                "an invitation": invitation,
                "a link to sign in by": link,
                "what webhooks are signed with": hook,
                "a token": token,
                "a hashed password": webbed.hashed(),
            },
        )


def gets() -> list[APIRoute]:
    return [
        route
        for one in app.ROUTERS
        for route in one.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.path != problems.NOWHERE
    ]


def paths(route: APIRoute, world: World, odd: tuple[str, ...] = ()) -> Iterator[str]:
    """A route's path with ids of its parameters; with odd ones each in its turn for each parameter."""
    names = re.findall(r"\{([^}:]+)(?::path)?\}", route.path)
    found = {name: world.ids.get(name, ("none",)) for name in names}

    def filled(values: dict[str, str]) -> str:
        return re.sub(r"\{([^}:]+)(?::path)?\}", lambda one: quote(values[one[1]], safe=""), route.path)

    first = {name: given[0] for name, given in found.items()}
    yield filled(first)
    for name, given in found.items():
        for value in (*given[1:], *odd):
            yield filled(first | {name: value})


def told(answer: httpx.Response) -> str:
    """All of an answer: its headers, and its body with what is packed in it."""
    return "\n".join([str(answer.headers), *listening.unpacked(answer.content)])


def everybody(world: World) -> dict[str, webbed.Browser]:
    """A browser of each role, of one who has all of them, and of nobody."""
    web = world.web
    return {
        "nobody": web.browser(),
        "the learner": world.learner,
        **{role.value: web.signed_in(role) for role in Role},
        "all": web.signed_in(*Role),
    }


def read(browser: webbed.Browser, path: str) -> httpx.Response:
    """An answer; of a stream as much as comes with what is over."""
    return browser.get(path, headers={"Accept": "*/*"})


@pytest.mark.parametrize("who", ["nobody", "the learner", "all"])
def test_no_answer_tells_of_the_machine_whatever_is_asked_for(world: World, who: str) -> None:
    browser = everybody(world)[who]
    places = (str(world.web.bench.root), str(Path.cwd()), *INSIDE)
    for route in gets():
        for path in paths(route, world, ODD):
            answer = read(browser, path)
            assert answer.status_code != 500, path
            assert [one for one in places if one in told(answer)] == [], path


def test_no_answer_tells_of_the_machine_when_what_is_kept_is_gone(tmp_path: Path) -> None:
    with exhibited.served(tmp_path) as web:
        learner = web.signed_in(user=web.user(Role.LEARNER, email="ada@example.org"))
        attempt = learning.judged(web, learner, 3)
        row = next(iter(honours.held(web.bench, "ada@example.org").values()))
        store, blobs = web.bench.parts.store, web.bench.parts.blobs
        for name in blobs.names():
            blobs.remove(name)
        ids = {
            "task_id": ("sum",),
            "attempt_id": (attempt,),
            "submission_id": (store.attempt(attempt).submission_id,),
            "award_id": (row.id,),
            "badge_id": (row.achievement_id,),
            "name": (row.id, f"{row.id}.json", f"{row.id}.png", f"{row.achievement_id}.html"),
        }
        gone = World(web=web, ids=ids, learner=learner, secrets={})
        for browser in (web.browser(), learner, web.signed_in(*Role)):
            for route in gets():
                for path in paths(route, gone):
                    answer = read(browser, path)
                    places = (str(tmp_path), *INSIDE)
                    assert [one for one in places if one in told(answer)] == [], path


def test_no_answer_holds_a_secret_whoever_asks(world: World) -> None:
    web = world.web
    keys = [
        line
        for number in range(1, len(Purpose) + 1)
        for line in testing.signer(number).dump(None).decode().splitlines()
        if not line.startswith("-----")
    ]
    with web.bench.parts.store.reading() as connection:
        salts = {one.hex() for one in connection.execute(sa.select(schema.learners.c.salt)).scalars() if one}
        salts -= {bytes(16).hex()}
        assert salts
        digests = [
            str(one)
            for column in (accounts.sessions.c.id, accounts.tokens.c.digest)
            for one in connection.execute(sa.select(column)).scalars()
        ]
    secrets = world.secrets | {f"key {one[:4]}": one for one in keys}
    secrets |= {f"salt {one}": one for one in salts} | {f"digest {one}": one for one in digests}
    for who, browser in everybody(world).items():
        for route in gets():
            for path in paths(route, world):
                text = told(read(browser, path))
                assert [what for what, one in secrets.items() if one in text] == [], f"{path} for {who}"


@pytest.mark.parametrize("who", [None, *(one for one in Role if one is not Role.AUTHOR)])
def test_no_answer_holds_a_hidden_test_whoever_asks(world: World, who: Role | None) -> None:
    web = world.web
    browsers = [world.learner] if who is Role.LEARNER else []
    browsers.append(web.browser() if who is None else web.signed_in(who))
    for browser in browsers:
        listener = listening.Listener(browser)
        listening.crawl(browser, "/", "/no-such-page")
        for route in gets():
            for path in paths(route, world):
                read(browser, path)
        assert len(listener.heard) > 50
        for where, text in listener.heard:
            assert [one for one in learning.HIDDEN if one in text] == [], where
