"""What every handler needs, as one value on the application; nothing of it is global.

Comes in: what `app.make` was given. Goes out: `Here`, which a handler asks for by its type:

    def show(here: Here, visitor: ...) -> Response:
        task = here.catalog().task(...)
"""

from __future__ import annotations

import threading
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
from assessor.web.oidc import Provider
from assessor.web.rendering import Renderer
from assessor.web.throttle import Throttle
from assessor.web.watching import Watch


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
        hashing: held while a password is hashed: each takes 64 MiB, and all share this machine.
        new_secret: gives a fresh secret: 43 characters, 256 bits, safe in an address.
        uploads: folder in which uploads are kept while they are received.
        watch: the one reader of attempts that browsers follow.
        exhibit: what everybody may see.
        remote: gives what fetches the documents that a stranger's credential names.
        checking: held while a credential is checked: a stranger chose what that takes.
    """

    settings: Settings
    parts: Parts
    catalog: Callable[[], Catalog]
    ring: Callable[[str, int], None]
    site: Site
    renderer: Renderer
    throttle: Throttle
    provider: Provider | None
    hashing: threading.BoundedSemaphore
    new_secret: Callable[[], str]
    uploads: Path
    watch: Watch
    exhibit: Exhibit
    remote: Callable[[], Remote]
    checking: threading.BoundedSemaphore


def of(request: HTTPConnection) -> Context:
    """The context of the application that a request came to."""
    found: Context = request.app.state.context
    return found


Here = Annotated[Context, Depends(of)]


class Reread:
    """Gives a catalog, read again when a file of it changed; several threads may ask.

    Args:
        load: reads it.
        root: its folder.
        names: the folders and files in it that count.
    """

    def __init__(self, load: Callable[[], Catalog], root: Path, names: Collection[str]) -> None:
        self._load = load
        self._root = root
        self._names = names
        self._lock = threading.Lock()
        self._kept: tuple[object, Catalog] | None = None

    def __call__(self) -> Catalog:
        with self._lock:
            mark = self._mark()
            if self._kept is None or self._kept[0] != mark:
                self._kept = mark, self._load()
            return self._kept[1]

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
