"""The catalogue: every task that can be done, by what it shows, how hard it is and how long it takes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from assessor.web import own, rendering, shelf
from assessor.web.access import PUBLIC, Visitor, allow, router
from assessor.web.context import Here

pages = router()

#: How long a task may take, for the filter, minutes.
TIMES = (15, 30, 60, 120)


@pages.get("/tasks")
def catalogue(
    request: Request,
    here: Here,
    visitor: Annotated[Visitor, allow(PUBLIC)],
    skill: Annotated[str, Query(max_length=300)] = "",
    level: Annotated[str, Query(max_length=40)] = "",
    minutes: Annotated[str, Query(max_length=6)] = "",
) -> Response:
    """All tasks, or those that a filter leaves."""
    everything = shelf.entries(here.catalog())
    skills = shelf.competencies(everything)
    most = int(minutes) if minutes.isascii() and minutes.isdigit() else None
    found = [
        one
        for one in everything
        if (not skill or skill in map(_word, one.skills))
        and (not level or one.task.level == level)
        and (most is None or one.task.minutes <= most)
    ]
    return rendering.page(
        request,
        "catalogue.html",
        entries=found,
        all=len(everything),
        skills=[("", "Any skill"), *((_word(shelf.key(one)), one.name) for one in skills)],
        levels=[("", "Any level"), *((one, one.capitalize()) for one in shelf.LEVELS)],
        times=[("", "Any time"), *((str(one), f"At most {one} minutes") for one in TIMES)],
        skill=skill,
        level=level,
        minutes=minutes,
        standing=own.verdicts(here, visitor),
        suggestions=() if skill or level or minutes else own.suggestions(here, visitor),
    )


def _word(skill: tuple[str, str]) -> str:
    """A competency in an address."""
    return ":".join(skill)
