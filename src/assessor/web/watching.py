"""Watching: many browsers follow attempts while one reader looks at the store for all of them.

Comes in: ids of attempts that somebody follows. Goes out: a `View` for each follower whenever one changed.
However many follow, each tick is one question to the store; an attempt is looked at more closely only when it
changed, and what is shown of it is made once for all who look at it. Nobody follows: nothing runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from zlib import crc32

import structlog

from assessor.errors import AssessorError
from assessor.store import Attempt, AttemptState

log = structlog.get_logger(__name__)

#: Time between two looks, seconds.
TICK_S = 0.5
#: How old a place in the queue may be, seconds: finding one takes more than a look.
PLACE_S = 3.0
#: How long a follower hears nothing before it is told that nothing changed, seconds: proxies and browsers
#: take a silent connection for a dead one, and one that is gone is noticed by writing to it.
BEAT_S = 15.0
#: How many may follow at once; whoever comes then is shown how things are, and comes again.
FOLLOWERS = 400
#: How many may follow one attempt: it is one person's, so that nobody takes up all that there are.
EACH = 20

#: Where an attempt is, as far as a look at its row tells.
Mark = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """What is shown of an attempt.

    Attributes:
        text: for who follows at a page.
        over: whether nothing more comes.
        data: the same for who follows by the API.
    """

    text: str
    over: bool
    data: str = ""


@dataclass
class _Watched:
    """An attempt that somebody follows."""

    followers: int = 0
    mark: Mark = ()
    view: View | None = None
    lost: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wake all followers."""
        self.changed.set()
        self.changed = asyncio.Event()


class Watch:
    """The one reader; it belongs to the event loop in which it is followed.

    Args:
        glance: gives attempts by id, each with how many events it has.
        look: gives what is shown of one.
        tick_s: time between two looks, seconds.
        most: how many may follow at once.
        each: how many of them one attempt.
    """

    def __init__(
        self,
        *,
        glance: Callable[[Collection[str]], Mapping[str, tuple[Attempt, int]]],
        look: Callable[[Attempt], View],
        tick_s: float = TICK_S,
        most: int = FOLLOWERS,
        each: int = EACH,
    ) -> None:
        self._glance = glance
        self._look = look
        self._tick_s = tick_s
        self._most = most
        self._each = each
        self._watched: dict[str, _Watched] = {}
        self._reader: asyncio.Task[None] | None = None

    @property
    def followers(self) -> int:
        """How many follow now."""
        return sum(one.followers for one in self._watched.values())

    async def follow(self, attempt_id: str) -> AsyncGenerator[View | None, None]:
        """What is shown of an attempt, first as it is, then whenever it changed; None: nothing has for long.

        It ends when nothing more comes, when the store cannot be read, or, where too many follow, at once.
        """
        watched = self._watched.setdefault(attempt_id, _Watched())
        room = self.followers < self._most and watched.followers < self._each
        watched.followers += 1
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        seen: View | None = None
        try:
            while True:
                changed = watched.changed
                if watched.view is not None and watched.view is not seen:
                    seen = watched.view
                    yield seen
                    if seen.over or not room:
                        return
                    continue
                if watched.lost:
                    return
                try:
                    await asyncio.wait_for(changed.wait(), BEAT_S)
                except TimeoutError:
                    yield None
        finally:
            watched.followers -= 1
            if not watched.followers and self._watched.get(attempt_id) is watched:
                del self._watched[attempt_id]

    async def _read(self) -> None:
        while self._watched:
            marks = {name: one.mark for name, one in self._watched.items()}
            try:
                # Not among the threads that answer requests: a slow page must not keep all others waiting.
                found = await asyncio.to_thread(self._changes, marks)
            except AssessorError as error:
                log.warning("attempts cannot be watched", problem=str(error))
                self._lose(list(marks))
                return
            except BaseException:
                self._lose(list(marks))
                raise
            for name, (mark, view) in found.items():
                one = self._watched.get(name)
                if one is None:
                    continue
                one.mark = mark
                if view is None:
                    one.lost = True
                elif one.view is not None and one.view == view:
                    continue
                else:
                    one.view = view
                one.tell()
            await asyncio.sleep(self._tick_s)

    def _lose(self, names: Collection[str]) -> None:
        """Let go of those who follow these; their browsers come again."""
        for name in names:
            one = self._watched.pop(name, None)
            if one is not None:
                one.lost = True
                one.tell()

    def _changes(self, marks: Mapping[str, Mark]) -> dict[str, tuple[Mark, View | None]]:
        """What changed since these marks; None for an attempt that there is no longer."""
        found = self._glance(marks)
        changed: dict[str, tuple[Mark, View | None]] = {}
        for name, before in marks.items():
            if name not in found:
                changed[name] = (), None
                continue
            attempt, events = found[name]
            queued = attempt.state is AttemptState.QUEUED
            # Each at a time of its own: all places at once would keep everybody's pages waiting.
            turn = int(time.monotonic() / PLACE_S + crc32(name.encode()) / 2**32) if queued else 0
            mark: Mark = (attempt.state, attempt.epoch, events, turn)
            if mark != before:
                changed[name] = mark, self._look(attempt)
        return changed
