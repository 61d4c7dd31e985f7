"""The web process: an installation's parts in, HTTP out, until it is told to stop.

Comes in: settings and parts. Goes out: nothing; it listens. One process: counts of requests are in its memory
unless a Redis server is named, and everything else is in the store, so that more of them may run beside it.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence

import structlog
import uvicorn
from fastapi import APIRouter

from assessor import settings, wiring
from assessor.errors import SettingInvalid
from assessor.openbadges.remote import Remote
from assessor.parts import Parts
from assessor.settings import Settings
from assessor.web import address, app, checking, following, signin
from assessor.web.api import live
from assessor.web.context import LOOKS_S, Context, Reread
from assessor.web.exhibit import Exhibit
from assessor.web.hashing import Hashing
from assessor.web.oidc import Provider
from assessor.web.pace import Pace
from assessor.web.pages import verify
from assessor.web.rendering import Renderer
from assessor.web.slots import Slots
from assessor.web.throttle import Throttle
from assessor.web.watching import Watch

log = structlog.get_logger(__name__)

#: How long requests that run may go on once it is told to stop, seconds; live pages would go on for ever.
GRACE_S = 5
#: How many clients are served at once; more are told to come back.
CLIENTS = 1000
#: Of glibc, by the numbers of <malloc.h>: arenas; from how many bytes on a block is one of its own, and how
#: many are kept at the end of an arena.
MALLOC = {-8: 2, -3: 128 * 1024, -1: 128 * 1024}

#: What a catalog is read anew for.
CATALOG = ("tasks", "rubrics", "sandboxes", "badges", "issuer.yaml")


def context_of(config: Settings, parts: Parts, *, looks_s: float = LOOKS_S) -> Context:
    """What the handlers of an installation need.

    Args:
        config: its settings.
        parts: the world.
        looks_s: how old what is known of the catalog's files, and of the queue's pace, may be, seconds.

    Raises:
        SettingInvalid: ASSESSOR_WEB_URL is no origin.
        AuthorError: the catalog cannot be read.
    """
    site = address.site(config)
    provider = None
    if config.oidc is not None:
        provider = Provider(config.oidc, redirect_uri=site.url + signin.BACK_PATH)
    catalog = Reread(lambda: wiring.tasks(config), config.catalog, CATALOG, every_s=looks_s)
    catalog()
    renderer = Renderer(
        site_name="Assessor" if parts.issuer.trial else parts.issuer.name,
        provider=None if config.oidc is None else config.oidc.name,
    )
    pace = Pace(parts, every_s=looks_s)
    return Context(
        settings=config,
        parts=parts,
        catalog=catalog,
        ring=wiring.ring(config),
        site=site,
        renderer=renderer,
        throttle=Throttle(reads=config.web_rate, redis_url=config.redis_url),
        provider=provider,
        hashing=Hashing(),
        new_secret=lambda: secrets.token_urlsafe(32),
        uploads=config.spool / "web",
        pace=pace,
        watch=Watch(
            glance=parts.store.glance,
            look=lambda attempt: following.view(attempt, parts, renderer, pace=pace, told=live.told),
        ),
        exhibit=Exhibit(
            parts=parts, catalog=catalog, folder=config.home / "published" / "log", verifier=verify.PATH
        ),
        remote=lambda: Remote(bounds=verify.BOUNDS),
        checking=Slots(checking.AT_ONCE, each=checking.EACH, retry_s=checking.RETRY_S),
    )


def listen(pair: tuple[str, int]) -> socket.socket:
    """A socket that listens there.

    Raises:
        SettingInvalid: nothing can.
    """
    family = socket.AF_INET6 if ":" in pair[0] else socket.AF_INET
    # Named as TCP's: asyncio sends at once (TCP_NODELAY) on connections of such a socket alone, and any other
    # costs each answer the 40 ms of a delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(pair)
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise SettingInvalid(
            f"ASSESSOR_WEB (--address): expected an address to listen on, got {settings.shown(pair)}: "
            f"{error.strerror}"
        ) from error
    return listening


def thrifty() -> None:
    """Have this process give memory back: for the start of one that serves, before it has threads.

    Each of 15 threads would get an arena of its own from glibc, and large blocks would be kept in them once
    one was let go of. Where there is no such setting, nothing happens.
    Source: mallopt(3).
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        for name, value in MALLOC.items():
            tune(name, value)


def serve(
    here: Context,
    listening: socket.socket,
    *,
    stop: threading.Event,
    parent: int | None = None,
    on_ready: Callable[[], None] = lambda: None,
    routers: Sequence[APIRouter] = app.ROUTERS,
) -> None:
    """Serve until told to stop, or until the parent is gone.

    Args:
        here: what handlers need.
        listening: the socket.
        stop: ends it.
        parent: process whose end ends it, or None.
        on_ready: called once requests are answered.
        routers: the pages and the API.

    Raises:
        SettingInvalid: the front-end files of others are not there.
    """
    trusted = list(here.settings.trusted_proxies)
    server = uvicorn.Server(
        uvicorn.Config(
            app.make(here, routers),
            http="h11",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # The word of anybody else on where a request came from, and over what, is not taken.
            proxy_headers=bool(trusted),
            forwarded_allow_ips=trusted,
            limit_concurrency=CLIENTS,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=32 * 1024,
        )
    )
    # In a thread of its own, where uvicorn leaves the signals to us.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web")
    thread.start()
    told = False
    try:
        while thread.is_alive() and not stop.wait(0.1):
            if server.started and not told:
                told = True
                on_ready()
            if parent is not None and os.getppid() != parent:
                log.warning("supervisor is gone; the web process ends", supervisor=parent)
                break
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
