"""Following: what is shown of an attempt that waits or runs, for a page and for those who follow it live.

Comes in: an attempt and the world. Goes out: a piece of HTML. The same piece is in the page as it is loaded,
so that who has no scripts sees it too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from assessor import jobs, judging, waiting
from assessor.errors import NotFound
from assessor.parts import Parts
from assessor.sandbox import protocol
from assessor.store import Attempt, AttemptState
from assessor.waiting import Place
from assessor.web import outcome
from assessor.web.progress import Progress, progress
from assessor.web.rendering import Renderer
from assessor.web.watching import View

TEMPLATE = "progress.html"


def view(
    attempt: Attempt, parts: Parts, renderer: Renderer, *, pace: Pace, told: Callable[[Progress], str]
) -> View:
    """What is shown of an attempt.

    Args:
        attempt: as it is.
        parts: the world.
        renderer: makes it a piece of a page.
        pace: of the queue.
        told: makes it what is told by the API.
    """
    found = now(attempt, parts, pace=pace)
    if found is None:
        return View(text="", over=True)
    return View(text=renderer.render(TEMPLATE, **values(found)), over=found.over, data=told(found))


class Pace:
    """How fast the queue moves, as it was a moment ago: many who wait ask for it at once.

    Args:
        parts: the world.
        every_s: how old it may be, seconds.
    """

    def __init__(self, parts: Parts, *, every_s: float) -> None:
        self._parts = parts
        self._every_s = every_s
        self._kept: tuple[float, int, Sequence[tuple[str, float]]] | None = None

    def place(self, attempt_id: str) -> Place | None:
        """Where an attempt stands, or None where it is not queued.

        Raises:
            NotFound: there is none of this id.
        """
        kept, now = self._kept, time.monotonic()
        if kept is None or now - kept[0] >= self._every_s:
            kept = self._kept = now, jobs.taking(self._parts), self._parts.store.runs()
        return self._parts.store.place(attempt_id, workers=kept[1], runs=kept[2])


def now(attempt: Attempt, parts: Parts, *, pace: Pace | None = None) -> Progress | None:
    """Where an attempt is, or None where nothing can be told any more: its learner was erased.

    Args:
        attempt: as it is.
        parts: the world.
        pace: of the queue, where many ask; None: as it is now.
    """
    place_of = pace.place if pace is not None else lambda name: jobs.place(name, parts)
    try:
        submission = parts.store.submission(attempt.submission_id)
        frozen = judging.thaw(attempt.judged_with(submission), parts)
        lines = [] if attempt.state is AttemptState.QUEUED else parts.store.events(attempt.id)
        place = place_of(attempt.id) if attempt.state is AttemptState.QUEUED else None
    except NotFound:
        return None
    return progress(attempt, frozen, [protocol.parse_event(line) for line in lines], place=place)


def values(found: Progress) -> dict[str, Any]:
    """What the template shows."""
    return {
        "found": found,
        "place": None if found.place is None else waiting.words(found.place),
        "reasons": outcome.REASONS,
    }
