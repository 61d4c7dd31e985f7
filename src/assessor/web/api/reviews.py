"""Reviews: which attempts wait for a person's marks, giving them, and remarks on lines of the work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor import judging
from assessor.rows.remarks import Remark
from assessor.rows.users import Role, Scope
from assessor.store import Attempt, AttemptState
from assessor.web import marking, seeing
from assessor.web.access import SIGNED_IN, Visitor, allow
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


class RemarkTold(Told):
    """What a reviewer says of a line; who said it is told to nobody but by `yours`."""

    id: str
    path: str
    line: Annotated[int, Field(description="From 1.")]
    text: str
    made_at: datetime
    yours: bool


class RemarkGiven(Given):
    """Something to say of a line of the work."""

    path: Annotated[Words, Field(description="A file of the work.")]
    line: Annotated[int, Field(ge=1, le=1_000_000)]
    text: Annotated[Words, Field(description="For the learner.")]


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


@api.get("/attempts/{attempt_id}/remarks", summary="What reviewers say of lines of the work")
def list_remarks(
    here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)], attempt_id: Id
) -> list[RemarkTold]:
    """By file and line. They are of the submission: each of its attempts has the same."""
    submission, _ = seeing.attempt(here, visitor, attempt_id)
    return [_remark_told(visitor, one) for one in here.parts.store.remarks(submission.id)]


@api.post("/attempts/{attempt_id}/remarks", status_code=201, summary="Say something of a line")
def remark(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.REVIEWER, scope=Scope.REVIEW)],
    attempt_id: Id,
    given: RemarkGiven,
) -> RemarkTold:
    """For the learner; it moves no marks and is in no evidence.

    A line that the work has not is refused. Nobody does it with their own work.
    """
    made = marking.remark(here, visitor, attempt_id, path=given.path, line=given.line, text=given.text)
    return _remark_told(visitor, made)


@api.delete(
    "/attempts/{attempt_id}/remarks/{remark_id}", status_code=204, summary="Take back a remark of yours"
)
def withdraw_remark(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.REVIEWER, scope=Scope.REVIEW)],
    attempt_id: Id,
    remark_id: Id,
) -> None:
    """The learner sees it no more."""
    marking.withdraw(here, visitor, attempt_id, remark_id)


def _remark_told(visitor: Visitor, one: Remark) -> RemarkTold:
    return RemarkTold(
        id=one.id,
        path=one.path,
        line=one.line,
        text=one.text,
        made_at=one.made_at,
        yours=one.reviewer == visitor.signed_in().id,
    )


def _to_mark(here: Context, one: Attempt) -> ToMark:
    judged = judging.judge(one.id, here.parts)
    missing = [each.criterion_id for each in judged.assessment.criteria if each.fraction is None]
    return ToMark(task=judged.submission.task_id, open=missing, attempt=attempts.told(here, one))
