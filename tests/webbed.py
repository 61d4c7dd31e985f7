"""The web application as it is served, over a small installation, and browsers to use it with."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import APIRouter

from assessor import logs, passwords, settings
from assessor.rows import tokens
from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role, Scope, User
from assessor.web import app, serving
from assessor.web.context import Context
from assessor.web.throttle import Throttle
from tests import small

PASSWORD = "correct horse battery"
TLS = {"ASSESSOR_WEB_URL": "https://learn.example"}

_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@functools.cache
def hashed() -> str:
    """The hash of `PASSWORD`: making one takes long, on purpose."""
    return passwords.hashed(PASSWORD)


def unlimited() -> Throttle:
    """Counts nothing but guesses."""
    return Throttle(reads=None, writes=None)


@dataclass
class Browser:
    """A browser: cookies, and the headers by which a site knows its own pages."""

    client: httpx.Client
    origin: str

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)

    def token(self, path: str) -> str:
        """The token of the first form on a page."""
        found = _TOKEN.search(self.get(path).text)
        assert found is not None, f"{path}: no form"
        return found[1]

    def post(self, path: str, /, *, page: str | None = None, **fields: str) -> httpx.Response:
        """Send a form, with the token of the page that it is on (the same path, by default)."""
        data = {"csrf": self.token(page or path)} | fields
        return self.client.post(path, data=data, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}

    def sign_in(self, email: str, password: str = PASSWORD, next: str = "/") -> httpx.Response:
        return self.post("/sign-in", email=email, password=password, next=next)


@dataclass
class Web:
    """The application, served on this machine, and who may use it."""

    bench: small.Bench
    here: Context
    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def browser(self, *, address: str = "127.0.0.1") -> Browser:
        """A browser at this address of the loopback network, where nobody is signed in.

        Redirects are for the test to follow. Where the site has TLS, this is what stands in front of it.
        """
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Host": self.here.site.url.partition("//")[2]},
            transport=httpx.HTTPTransport(local_address=address),
            timeout=60,
        )
        self._open.callback(client.close)
        return Browser(client=client, origin=self.here.site.url)

    def user(self, *roles: Role, email: str | None = None) -> User:
        """An account with `PASSWORD`."""
        name = email or f"user{next(self._numbers)}@example.org"
        parts = self.bench.parts
        return parts.store.add_user(
            id=parts.new_id(),
            email=name,
            name=name.partition("@")[0].title(),
            roles=roles or {Role.LEARNER},
            password=hashed(),
            seed=Seed(id=parts.new_id(), salt=bytes(16)),
            act=Act.by_operator(parts.clock()),
        )

    def act(self) -> Act:
        """Something that is done at the command line now."""
        return Act.by_operator(self.bench.clock())

    def seed(self) -> Seed:
        """What a learner's row is made from."""
        return Seed(id=self.bench.parts.new_id(), salt=bytes(16))

    def signed_in(self, *roles: Role, user: User | None = None) -> Browser:
        """A browser of somebody with these roles, without the work of a sign-in."""
        found = user or self.user(*roles)
        secret = self.here.new_secret()
        self.bench.parts.store.open_session(
            secret=secret, user_id=found.id, csrf=self.here.new_secret(), now=self.bench.clock()
        )
        browser = self.browser()
        name = "__Host-assessor" if self.here.site.secure else "assessor"
        browser.client.cookies.set(name, secret)
        return browser

    def token(self, user: User, *scopes: Scope) -> dict[str, str]:
        """The headers of a program with a token of this user."""
        secret = tokens.written(next(self._numbers).to_bytes(32))
        self.bench.parts.store.add_token(
            id=self.bench.parts.new_id(),
            secret=secret,
            user_id=user.id,
            name="program",
            scopes=scopes or {Scope.READ},
            expires_at=None,
            act=Act.by_operator(self.bench.clock()),
        )
        return {"Authorization": f"Bearer {secret}"}


def _small(root: Path) -> small.Bench:
    (root / "catalog").mkdir()
    return small.make_bench(root, None, tasks=small.write_catalog(root / "catalog"))


@contextlib.contextmanager
def served(
    root: Path,
    environ: dict[str, str] | None = None,
    *,
    routers: Sequence[APIRouter] = (),
    bench: small.Bench | None = None,
    make: Callable[[Path], small.Bench] | None = None,
    **changes: Any,
) -> Iterator[Web]:
    """The application in this folder, served until the block ends.

    Args:
        root: a folder.
        environ: variables of its settings.
        routers: routers beside its own.
        bench: the installation, its catalog in the folder's `catalog/`; by default one without a sandbox.
        make: makes it in this folder, in place of `bench`; by default the small one.
        **changes: of its context.
    """
    if bench is None:
        bench = (make or _small)(root)
    listening = serving.listen(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    stop, ready = threading.Event(), threading.Event()
    with contextlib.closing(bench.parts.store), contextlib.ExitStack() as opened:
        # As the process that serves logs: the loggers' own default writes values of variables, for minutes.
        kept = structlog.get_config()
        opened.callback(lambda: structlog.configure(**kept))
        logs.configure(settings.LogFormat.CONSOLE)
        config = settings.read(
            {"ASSESSOR_WEB": f"127.0.0.1:{port}"} | (environ or {}), home=root, catalog=root / "catalog"
        )
        # A file that a test has changed is seen with the next request.
        here = serving.context_of(config, bench.parts, looks_s=0)
        here = replace(here, ring=lambda attempt, epoch: bench.rung.append((attempt, epoch)), **changes)
        thread = threading.Thread(
            target=serving.serve,
            args=(here, listening),
            kwargs={"stop": stop, "on_ready": ready.set, "routers": (*app.ROUTERS, *routers)},
        )
        thread.start()
        try:
            assert ready.wait(60), "the web application did not start"
            yield Web(bench=bench, here=here, port=port, _open=opened)
        finally:
            stop.set()
            thread.join()
