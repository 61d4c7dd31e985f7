"""People at their browsers: they follow what they handed in, look around, sign in, and ask by the API.

Comes in: an installation that is served, and its `People`. Goes out: how long each request took, by kind.
Latency counts from the moment at which a request was due, not from when it could be sent: whoever is late is
measured late.

    follow   each learner's live page, its stream of events, the result when it is there, and handing in again
    poll     each learner's command line, which asks how it goes
    look     pages and lists of every kind, at an even pace
    sign_in  several at once
    read     evidence alone, as fast as it comes
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import stocked
from connection import Answer, Connection
from stocked import People, Person

#: How a learner comes back after a result, and how often a command line asks, seconds.
THINKS_S = 3.0
POLLS_S = 5.0

_TOKEN = re.compile(rb'name="csrf" value="([^"]+)"')
_BOUNDARY = "b0undary-of-a-form"

#: What takes its time on purpose: a password is hashed.
SIGN_IN = "sign in"


@dataclass
class Seen:
    """What came of the requests.

    Attributes:
        times: by kind, milliseconds.
        statuses: how often each, of answers that were not expected.
        streamed: how many events came by streams.
    """

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[str] = field(default_factory=Counter)
    streamed: int = 0


class Site:
    """A site that is used by its people.

    Args:
        port: where it is served.
        people: who.
        folder: holds what is handed in for each task.
    """

    def __init__(self, port: int, people: People, folder: Callable[[str], Path]) -> None:
        self.port = port
        self.people = people
        self.seen = Seen()
        self._forms = {name: _form(folder(name)) for name in stocked.TASKS}
        self._marks: dict[str, str] = {}
        self._chance = random.Random(1)  # noqa: S311  # the same order each time, no secret

    def browser(self, person: Person) -> Connection:
        """A browser of somebody who is signed in."""
        return Connection(self.port, headers={"Cookie": f"assessor={person.cookie}", "Accept": "text/html"})

    def program(self, person: Person) -> Connection:
        """A program with a token of theirs."""
        return Connection(self.port, headers={"Authorization": f"Bearer {person.token}"})

    async def follow(self, person: Person, *, after_s: float) -> None:
        """Follow what was handed in, look at what came of it, and hand in again; until it is cancelled."""
        await asyncio.sleep(after_s)
        live = person.live
        async with self.browser(person) as browser, self.browser(person) as streaming:
            while True:
                await self._timed("live page", browser, f"/attempts/{live}")
                over = False
                async with contextlib.aclosing(streaming.events(f"/attempts/{live}/live")) as events:
                    async for event in events:
                        self.seen.streamed += 1
                        over = over or event == "over"
                if not over:
                    await asyncio.sleep(1)
                    continue
                await self._timed("fresh result", browser, f"/attempts/{live}")
                await asyncio.sleep(THINKS_S)
                live = await self._hand_in(browser, person.live_task)

    async def poll(self, person: Person, *, after_s: float) -> None:
        """Ask how it goes, again and again, until it is cancelled."""
        await asyncio.sleep(after_s)
        due = time.perf_counter()
        async with self.program(person) as program:
            while True:
                await self._timed("API: an attempt", program, f"/api/v1/attempts/{person.live}", due=due)
                due += POLLS_S
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def look(self, *, a_second: float, for_s: float) -> None:
        """Look at everything in turns, so many requests a second, each when it is due."""
        browsers = {one.email: self.browser(one) for one in (*self.people.learners, self.people.instructor)}
        programs = {one.email: self.program(one) for one in (*self.people.learners, self.people.instructor)}
        busy: dict[Connection, asyncio.Lock] = defaultdict(asyncio.Lock)
        begun, asked = time.perf_counter(), []
        kinds = itertools.cycle(self._kinds())
        for number in range(int(a_second * for_s)):
            due = begun + number / a_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            kind, of, path = next(kinds)()
            connection = (programs if kind.startswith("API") else browsers)[of.email]

            async def ask(
                kind: str = kind, connection: Connection = connection, path: str = path, due: float = due
            ) -> None:
                # A browser sends one request after the other on a connection.
                async with busy[connection]:
                    await self._timed(kind, connection, path, due=due)

            asked.append(asyncio.create_task(ask()))
        await asyncio.gather(*asked)
        for one in (*browsers.values(), *programs.values()):
            one.close()

    async def sign_in(self, people: Sequence[Person]) -> None:
        """All of them at once, by password."""

        async def one(person: Person) -> None:
            async with Connection(self.port) as browser:
                form = await browser.ask("/sign-in")
                cookie = form.headers["set-cookie"].partition(";")[0]
                body = f"csrf={_token(form)}&email={person.email}&password={stocked.PASSWORD}&next=/"
                sent = self._headers(cookie) | {"Content-Type": "application/x-www-form-urlencoded"}
                await self._timed(
                    SIGN_IN,
                    browser,
                    "/sign-in",
                    method="POST",
                    headers=sent,
                    body=body.replace(" ", "+").encode(),
                    expected=303,
                )

        await asyncio.gather(*map(one, people))

    async def read(self, *, connections: int, for_s: float | None, known: bool = False) -> float:
        """Evidence pages a second, as fast as they come.

        Args:
            connections: how many, each from an address of its own: limits count as they would.
            for_s: how long, seconds, one page after the other and again; None: each page once.
            known: whether who asks has the page already and only hears that it stands.
        """
        begun = time.perf_counter()
        pages = self.people.evidence
        names = iter(pages) if for_s is None else itertools.cycle(pages)
        answered = 0

        async def one(number: int) -> None:
            nonlocal answered
            own = f"127.0.{1 + number // 250}.{1 + number % 250}"
            async with Connection(self.port, own=own, headers={"Accept": "text/html"}) as browser:
                for name in names:
                    mark = {"If-None-Match": self._marks[name]} if known else {}
                    found = await browser.ask(f"/evidence/{name}/", headers=mark)
                    if found.status != (304 if known else 200):
                        self.seen.statuses[f"evidence page: {found.status}"] += 1
                    self._marks[name] = found.headers["etag"]
                    answered += 1
                    if for_s is not None and time.perf_counter() - begun >= for_s:
                        break

        await asyncio.gather(*map(one, range(connections)))
        return answered / (time.perf_counter() - begun)

    def _kinds(self) -> list[Callable[[], tuple[str, Person, str]]]:
        """Every kind of page and list, each with who looks at it, and where."""
        teacher, chance = self.people.instructor, self._chance

        def own(kind: str, path: Callable[[Person], str]) -> Callable[[], tuple[str, Person, str]]:
            def ask() -> tuple[str, Person, str]:
                person = chance.choice(self.people.learners)
                return kind, person, path(person)

            return ask

        return [
            own("home", lambda _: "/"),
            own("catalogue", lambda _: "/tasks"),
            own("task", lambda _: f"/tasks/{chance.choice(stocked.TASKS)}"),
            own("history", lambda _: "/attempts"),
            own("result", lambda one: f"/attempts/{chance.choice(one.judged)}"),
            own("files", lambda one: f"/attempts/{chance.choice(one.judged)}/work"),
            own("badges", lambda _: "/badges"),
            lambda: ("gradebook", teacher, self.people.gradebook),
            own("evidence page", lambda _: f"/evidence/{chance.choice(self.people.evidence)}/"),
            own("credential page", lambda _: f"/credentials/{chance.choice(self.people.awards)}"),
            own("verify", lambda _: "/verify"),
            own("API: submissions", lambda _: "/api/v1/submissions"),
            own("API: tasks", lambda _: "/api/v1/tasks"),
            own("API: a result", lambda one: f"/api/v1/attempts/{chance.choice(one.judged)}/result"),
            own("API: own awards", lambda _: "/api/v1/me/awards"),
            lambda: ("API: gradebook", teacher, f"/api/v1/assignments/{self.people.assignment}/gradebook"),
        ]

    async def _hand_in(self, browser: Connection, task: str) -> str:
        page = await self._timed("task", browser, f"/tasks/{task}")
        found = await self._timed(
            "hand in",
            browser,
            f"/tasks/{task}/submissions",
            method="POST",
            headers=self._headers() | {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
            body=self._forms[task].replace(b"TOKEN", _token(page).encode()),
            expected=303,
        )
        return found.headers["location"].removeprefix("/attempts/").partition("?")[0]

    def _headers(self, cookie: str | None = None) -> dict[str, str]:
        """What a browser sends with a form of this site."""
        sent = {"Origin": f"http://127.0.0.1:{self.port}", "Sec-Fetch-Site": "same-origin"}
        return sent if cookie is None else sent | {"Cookie": cookie}

    async def _timed(
        self,
        kind: str,
        connection: Connection,
        path: str,
        *,
        due: float | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        expected: int = 200,
    ) -> Answer:
        begun = time.perf_counter() if due is None else due
        found = await connection.ask(path, method=method, headers=headers, body=body)
        self.seen.times[kind].append((time.perf_counter() - begun) * 1000)
        if found.status != expected:
            self.seen.statuses[f"{kind}: {found.status}"] += 1
        return found


def _token(page: Answer) -> str:
    found = _TOKEN.search(page.body)
    if found is None:
        raise SystemExit(f"expected a page with a form, got status {page.status}: {page.body[:500]!r}")
    return found[1].decode()


def _form(folder: Path) -> bytes:
    """A folder as a browser sends it; `TOKEN` in place of the form's token."""
    parts = [f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nTOKEN\r\n'.encode()]
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        head = f'Content-Disposition: form-data; name="files"; filename="{name}"'
        parts.append(f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + path.read_bytes() + b"\r\n")
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
