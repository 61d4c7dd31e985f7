"""What every handler needs, as one value on the application; nothing of it is global.

Comes in: what `app.make` was given. Goes out: `Here`, which a handler asks for by its type:

    def show(here: Here, visitor: ...) -> Response:
        task = here.catalog().task(...)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from assessor.catalog import Catalog
from assessor.openbadges.remote import Remote
from assessor.parts import Parts
from assessor.settings import Settings
from assessor.web.address import Site
from assessor.web.exhibit import Exhibit
from assessor.web.hashing import Hashing
from assessor.web.oidc import Provider
from assessor.web.pace import Pace
from assessor.web.rendering import Renderer
from assessor.web.slots import Slots
from assessor.web.throttle import Throttle
from assessor.web.watching import Watch

#: How old what is known of a catalog's files, and of how fast the queue moves, may be, seconds: an author who
#: saves a file sees it by then.
LOOKS_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that handlers touch.

    Attributes:
        settings: the installation's.
        parts: store, blobs, clock, ids and the rest, as the pipeline has them; without a sandbox.
        catalog: gives the tasks, as they are on disk now.
        ring: tells the queue of an attempt and its epoch.
        site: where browsers reach the application.
        renderer: makes pages of templates.
        throttle: counts requests.
        provider: whom people may sign in with beside their password, or None.
        hashing: hashes passwords, one at a time.
        new_secret: gives a fresh secret: 43 characters, 256 bits, safe in an address.
        uploads: folder in which uploads are kept while they are received.
        pace: of the queue, for places in it.
        watch: the one reader of attempts that browsers follow.
        exhibit: what everybody may see.
        remote: gives what fetches the documents that a stranger's credential names.
        checking: places for checks of credentials: a stranger chose what that takes.
    """

    settings: Settings
    parts: Parts
    catalog: Callable[[], Catalog]
    ring: Callable[[str, int], None]
    site: Site
    renderer: Renderer
    throttle: Throttle
    provider: Provider | None
    hashing: Hashing
    new_secret: Callable[[], str]
    uploads: Path
    pace: Pace
    watch: Watch
    exhibit: Exhibit
    remote: Callable[[], Remote]
    checking: Slots


def of(request: HTTPConnection) -> Context:
    """The context of the application that a request came to."""
    found: Context = request.app.state.context
    return found


async def _here(request: HTTPConnection) -> Context:
    # A plain function would be called in another thread, and wait for its turn there.
    return of(request)


Here = Annotated[Context, Depends(_here)]


class Reread:
    """Gives a catalog, read again when a file of it changed; several threads may ask.

    Args:
        load: reads it.
        root: its folder.
        names: the folders and files in it that count.
        every_s: how long it is taken to be the same without another look, seconds: a look asks for each
            file's state, which takes longer than most of what is then read of it.
        timer: seconds that only go forward.
    """

    def __init__(
        self,
        load: Callable[[], Catalog],
        root: Path,
        names: Collection[str],
        *,
        every_s: float = LOOKS_S,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._root = root
        self._names = names
        self._every_s = every_s
        self._timer = timer
        self._lock = threading.Lock()
        self._kept: tuple[float, object, Catalog] | None = None

    def __call__(self) -> Catalog:
        kept = self._kept
        if kept is not None and self._timer() - kept[0] < self._every_s:
            return kept[2]
        with self._lock:
            # Whoever waited for the lock finds what the one before it has seen.
            kept, now = self._kept, self._timer()
            if kept is None or now - kept[0] >= self._every_s:
                mark = self._mark()
                same = kept is not None and kept[1] == mark
                kept = self._kept = now, mark, kept[2] if kept is not None and same else self._load()
            return kept[2]

    def _mark(self) -> object:
        # Two levels: tasks/, tasks/<id>/ and the files in it; what is deeper is read by the digest of a
        # task's lock, which is one of them.
        found = []
        for name in self._names:
            top = self._root / name
            for path in (top, *sorted(top.glob("*")), *sorted(top.glob("*/*"))):
                try:
                    state = path.stat()
                except OSError:
                    continue
                found.append((str(path), state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)
