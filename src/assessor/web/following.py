"""Following: what is shown of an attempt that waits or runs, for a page and for those who follow it live.

Comes in: an attempt and the world. Goes out: a piece of HTML. The same piece is in the page as it is loaded,
so that who has no scripts sees it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assessor import judging, waiting
from assessor.errors import NotFound
from assessor.parts import Parts
from assessor.sandbox import protocol
from assessor.store import Attempt, AttemptState
from assessor.web import outcome
from assessor.web.pace import Pace
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


def now(attempt: Attempt, parts: Parts, *, pace: Pace) -> Progress | None:
    """Where an attempt is, or None where nothing can be told any more: its learner was erased.

    Args:
        attempt: as it is.
        parts: the world.
        pace: of the queue.
    """
    try:
        submission = parts.store.submission(attempt.submission_id)
        frozen = judging.thaw(attempt.judged_with(submission), parts)
        lines = [] if attempt.state is AttemptState.QUEUED else parts.store.events(attempt.id)
        place = pace.place(attempt.id) if attempt.state is AttemptState.QUEUED else None
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
