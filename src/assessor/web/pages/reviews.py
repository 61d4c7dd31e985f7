"""Pages for reviewers: what waits for marks, and the work with the marks to give.

Reviewers are not told whose work it is. Hidden tests are there as counts alone: who reviews judges the work,
and may be learning the task too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor import bundle, judging
from assessor.errors import MarkInvalid, NotFound, RemarkInvalid
from assessor.judging import Judged
from assessor.rows import remarks
from assessor.rows.users import Role
from assessor.rubric import Criterion
from assessor.scoring import CriterionScore, Mark
from assessor.store import AttemptState
from assessor.web import lined, marking, rendering, seeing, shelf
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/reviews")

Reviewing = Annotated[Visitor, allow(Role.REVIEWER)]

#: How many attempts the list shows.
ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Row:
    """A criterion on the page.

    Attributes:
        criterion: what is judged.
        score: what it comes to.
        mark: what a reviewer gave last, or None.
    """

    criterion: Criterion
    score: CriterionScore
    mark: Mark | None


@pages.get("")
def list_(request: Request, here: Here, visitor: Reviewing) -> Response:
    """What waits for marks, the oldest first; one's own work left out."""
    store = here.parts.store
    waiting = store.attempts_in(AttemptState.AWAITING_REVIEW, limit=ROWS + 1)
    found = [(one, store.submission(one.submission_id)) for one in waiting[:ROWS]]
    own, catalog = visitor.signed_in().learner_id, here.catalog()
    return rendering.page(
        request,
        "reviews.html",
        rows=[
            (one, submission, shelf.title(catalog, submission.task_id))
            for one, submission in found
            if own is None or submission.learner_id != own
        ],
        there_is_more=len(waiting) > ROWS,
    )


@pages.get("/{attempt_id}")
def show(
    request: Request,
    here: Here,
    visitor: Annotated[Visitor, allow(Role.REVIEWER, Role.INSTRUCTOR, Role.ADMIN)],
    attempt_id: str,
) -> Response:
    """The work of an attempt, by criterion; for reviewers with the marks to give."""
    return _show(request, here, visitor, attempt_id)


@pages.post("/{attempt_id}/marks")
def mark(
    request: Request,
    here: Here,
    visitor: Reviewing,
    attempt_id: str,
    criterion: Annotated[str, Form(max_length=200)],
    marks: Annotated[int, Form()],
    comment: Annotated[str, Form(max_length=marking.COMMENT)] = "",
) -> Response:
    """Marks for one criterion; with the last open one the attempt is concluded."""
    try:
        marked = marking.give(
            here, visitor, attempt_id, criterion=criterion, marks=marks, comment=comment.strip()
        )
    except MarkInvalid as refused:
        return _show(request, here, visitor, attempt_id, problem=str(refused))
    return RedirectResponse(f"/reviews/{marked.id}", 303)


@pages.post("/{attempt_id}/remarks")
def remark(
    request: Request,
    here: Here,
    visitor: Reviewing,
    attempt_id: str,
    path: Annotated[str, Form(max_length=1000)],
    line: Annotated[int, Form()],
    text: Annotated[str, Form(max_length=remarks.LONGEST)] = "",
) -> Response:
    """Something said of a line."""
    try:
        made = marking.remark(here, visitor, attempt_id, path=path, line=line, text=text)
    except RemarkInvalid as refused:
        return _show(request, here, visitor, attempt_id, problem=str(refused), said=(path, line, text))
    return RedirectResponse(f"/reviews/{attempt_id}#remark-{made.id}", 303)


@pages.post("/{attempt_id}/remarks/{remark_id}/withdraw")
def withdraw(here: Here, visitor: Reviewing, attempt_id: str, remark_id: str) -> Response:
    """Something of one's own taken back."""
    marking.withdraw(here, visitor, attempt_id, remark_id)
    return RedirectResponse(f"/reviews/{attempt_id}#files", 303)


def _show(
    request: Request,
    here: Context,
    visitor: Visitor,
    attempt_id: str,
    *,
    problem: str | None = None,
    said: tuple[str, int, str] | None = None,
) -> Response:
    submission, attempt = seeing.attempt(here, visitor, attempt_id)
    if attempt.state not in marking.MARKED:
        raise NotFound(f"expected an attempt with a result to look at, it is {attempt.state.value}")
    judged = judging.judge(attempt.id, here.parts)
    reviews = Role.REVIEWER in visitor.roles and not marking.is_own(here, visitor, attempt)
    return rendering.page(
        request,
        "review.html",
        status=200 if problem is None else 422,
        attempt=attempt,
        submission=submission,
        task=judged.frozen.task,
        rows=_rows(judged),
        assessment=judged.assessment,
        files=lined.files(
            bundle.unpack(here.parts.blobs.get(submission.bundle), expected=submission.bundle).files,
            here.parts.store.remarks(submission.id),
        ),
        said=said,
        longest=remarks.LONGEST,
        reviews=reviews,
        most=marking.COMMENT,
        problem=problem,
    )


def _rows(judged: Judged) -> list[Row]:
    given = {one.criterion: one for one in judged.marks}
    scores = {one.criterion_id: one for one in judged.assessment.criteria}
    return [
        Row(criterion=one, score=scores[one.id], mark=given.get(one.id))
        for one in judged.frozen.rubric.criteria
    ]
