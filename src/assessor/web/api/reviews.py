"""Reviews: which attempts wait for a person's marks, and giving them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor import judging
from assessor.store import Attempt, AttemptState
from assessor.users import Role, Scope
from assessor.web import marking
from assessor.web.access import Visitor, allow
from assessor.web.api import attempts, paging, routing
from assessor.web.api.attempts import AttemptTold
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Given, Id, IdText, Told, Words
from assessor.web.context import Context, Here

api = routing.router("reviews")


class ToMark(Told):
    """An attempt that waits, with the criteria that are open."""

    task: str
    open: list[str]
    attempt: AttemptTold


class MarkGiven(Given):
    """Marks for a criterion, from 0 to what the rubric gives, with a comment for the learner."""

    criterion: IdText
    marks: Annotated[int, Field(ge=0, le=1000)]
    comment: Annotated[Words | None, Field(description="For the learner.")] = None


@api.get("/reviews", summary="What waits for marks")
def list_reviews(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(Role.REVIEWER, scope=Scope.REVIEW)],
    asked: Annotated[Paged, Query()],
) -> Page[ToMark]:
    """The oldest first."""
    rows = here.parts.store.attempts_in(
        AttemptState.AWAITING_REVIEW, after=asked.after(), limit=asked.limit + 1
    )
    return paging.page(
        request, response, asked, rows, key=lambda one: one.id, told=lambda one: _to_mark(here, one)
    )


@api.post("/attempts/{attempt_id}/marks", status_code=201, summary="Give marks for a criterion")
def mark(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.REVIEWER, scope=Scope.REVIEW)],
    attempt_id: Id,
    given: MarkGiven,
) -> AttemptTold:
    """The attempt that was marked: of a judged one a new attempt, since what is signed stays.

    Nobody marks their own work.
    """
    marked = marking.give(
        here,
        visitor,
        attempt_id,
        criterion=given.criterion,
        marks=given.marks,
        comment=given.comment or "",
    )
    return attempts.told(here, marked)


def _to_mark(here: Context, one: Attempt) -> ToMark:
    judged = judging.judge(one.id, here.parts)
    missing = [each.criterion_id for each in judged.assessment.criteria if each.fraction is None]
    return ToMark(task=judged.submission.task_id, open=missing, attempt=attempts.told(here, one))
