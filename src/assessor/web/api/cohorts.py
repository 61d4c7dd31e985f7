"""Cohorts: who learns together, what they are assigned, and what came of it.

Admins make them; whoever teaches a cohort sees it, invites into it and has its gradebook.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor import gradebook
from assessor.errors import AccountRefused, NotFound
from assessor.rows import cohorts
from assessor.rows.cohorts import Assignment, Cohort, Counts
from assessor.rows.users import Role, Scope
from assessor.waiting import ASKED, Class
from assessor.web import seeing, shelf
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import account, paging, routing
from assessor.web.api.account import UserTold
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Given, Id, IdText, Name, Score, Time, Told
from assessor.web.context import Context, Here

api = routing.router("cohorts")

_Admin = Annotated[Visitor, allow(Role.ADMIN, scope=Scope.ADMIN)]
_Teacher = Annotated[Visitor, allow(Role.INSTRUCTOR, Role.ADMIN, scope=Scope.READ)]
_Anybody = Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)]


class CohortTold(Told):
    """A cohort."""

    id: str
    name: str
    created_at: datetime


class CohortGiven(Given):
    """A cohort that is to be made."""

    name: Name


class MemberTold(Told):
    """Somebody's place in a cohort."""

    user: UserTold
    role: Role


class PlaceGiven(Given):
    """What somebody is to be in a cohort."""

    role: Annotated[Role, Field(strict=False, description="learner, reviewer or instructor")]


class InvitationGiven(Given):
    """A link that is to be made: how many may join by it, and until when; null for any number and ever."""

    role: Annotated[Role, Field(strict=False)] = Role.LEARNER
    uses: Annotated[int | None, Field(ge=1, le=100_000)] = None
    expires_at: Time | None = None


class InvitationTold(Told):
    """A link by which people join; it is shown here and never again."""

    url: str
    role: Role
    uses_left: int | None
    expires_at: datetime | None


class AssignmentTold(Told):
    """A task that a cohort is to do."""

    id: str
    cohort: str
    task: str
    title: str | None
    opens_at: datetime | None
    due_at: datetime | None
    queue_class: Class | None
    counts: Counts


class AssignmentGiven(Given):
    """An assignment that is to be made."""

    task: IdText
    title: Name | None = None
    opens_at: Time | None = None
    due_at: Time | None = None
    queue_class: Annotated[
        Class | None, Field(strict=False, description=f"One of {', '.join(ASKED)}; null: the task's own.")
    ] = None
    counts: Annotated[Counts, Field(strict=False)] = Counts.BEST


class GradeTold(Told):
    """A learner's result for an assignment."""

    user: str
    name: str
    email: str
    attempt: str | None
    verdict: str | None
    score: Score | None
    submitted_at: datetime | None
    late: bool
    tries: int
    waiting: int


class GradebookTold(Told):
    """The results of an assignment, by name."""

    assignment: str
    cohort: str
    task: str
    title: str | None
    opens_at: datetime | None
    due_at: datetime | None
    counts: Counts
    grades: list[GradeTold]


@api.get("/cohorts", summary="Cohorts")
def list_cohorts(
    here: Here, request: Request, response: Response, visitor: _Anybody, asked: Annotated[Paged, Query()]
) -> Page[CohortTold]:
    """Those that you are in, the oldest first; for an admin all."""
    user = visitor.signed_in()
    mine = None if Role.ADMIN in user.roles else user.id
    rows = here.parts.store.cohorts(mine, after=asked.after(), limit=asked.limit + 1)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_cohort)


@api.post("/cohorts", status_code=201, summary="Make a cohort")
def make_cohort(here: Here, response: Response, visitor: _Admin, given: CohortGiven) -> CohortTold:
    """Its name is no other cohort's."""
    made = here.parts.store.add_cohort(id=here.parts.new_id(), name=given.name, act=visitor.act(here))
    response.headers["Location"] = f"{routing.ROOT}/cohorts/{made.id}"
    return _cohort(made)


@api.get("/cohorts/{cohort_id}", summary="A cohort")
def show_cohort(here: Here, visitor: _Teacher, cohort_id: Id) -> CohortTold:
    """For whoever teaches it, and admins."""
    return _cohort(seeing.cohort(here, visitor, cohort_id))


@api.get("/cohorts/{cohort_id}/members", summary="Who is in a cohort")
def list_members(
    here: Here,
    request: Request,
    response: Response,
    visitor: _Teacher,
    cohort_id: Id,
    asked: Annotated[Paged, Query()],
) -> Page[MemberTold]:
    """By name."""
    found = here.parts.store.members(seeing.cohort(here, visitor, cohort_id).id)
    rows = paging.cut(found, asked, key=lambda one: one[0].id)
    return paging.page(
        request,
        response,
        asked,
        rows,
        key=lambda one: one[0].id,
        told=lambda one: MemberTold(user=account.user_told(one[0]), role=one[1]),
    )


@api.put("/cohorts/{cohort_id}/members/{user_id}", summary="Take somebody into a cohort")
def enrol(here: Here, visitor: _Admin, cohort_id: Id, user_id: Id, given: PlaceGiven) -> MemberTold:
    """Or change what they are in it; the account must have that role."""
    made = here.parts.store.enrol(cohort_id, user_id, given.role, act=visitor.act(here))
    return MemberTold(user=account.user_told(here.parts.store.user(user_id)), role=made.role)


@api.delete(
    "/cohorts/{cohort_id}/members/{user_id}", status_code=204, summary="Take somebody out of a cohort"
)
def leave(here: Here, visitor: _Admin, cohort_id: Id, user_id: Id) -> None:
    """What they handed in stays theirs."""
    here.parts.store.leave(cohort_id, user_id, act=visitor.act(here))


@api.post("/cohorts/{cohort_id}/invitations", status_code=201, summary="Make a link to join by")
def invite(
    here: Here,
    visitor: Annotated[Visitor, allow(Role.INSTRUCTOR, Role.ADMIN, scope=Scope.ADMIN)],
    cohort_id: Id,
    given: InvitationGiven,
) -> InvitationTold:
    """It raises nobody: who joins by it has the role anyway."""
    secret = here.new_secret()
    made = here.parts.store.invite(
        secret=secret,
        cohort_id=seeing.cohort(here, visitor, cohort_id).id,
        role=given.role,
        uses=given.uses,
        expires_at=given.expires_at,
        act=visitor.act(here),
    )
    return InvitationTold(
        url=here.site.url + cohorts.JOIN_PATH + secret,
        role=made.role,
        uses_left=made.uses_left,
        expires_at=made.expires_at,
    )


@api.get("/cohorts/{cohort_id}/assignments", summary="What a cohort is assigned")
def list_assignments_of(
    here: Here,
    request: Request,
    response: Response,
    visitor: _Teacher,
    cohort_id: Id,
    asked: Annotated[Paged, Query()],
) -> Page[AssignmentTold]:
    """The oldest first."""
    cohort = seeing.cohort(here, visitor, cohort_id)
    rows = here.parts.store.assignments(cohort.id, after=asked.after(), limit=asked.limit + 1)
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_assignment)


@api.post("/cohorts/{cohort_id}/assignments", status_code=201, summary="Assign a task to a cohort")
def make_assignment(
    here: Here, response: Response, visitor: _Admin, cohort_id: Id, given: AssignmentGiven
) -> AssignmentTold:
    """What is handed in before it opens does not count, what comes once it is due is late."""
    task = shelf.entry(here.catalog(), given.task).task
    if given.queue_class is not None and given.queue_class not in ASKED:
        raise AccountRefused(
            f"assignment: expected a class among {', '.join(ASKED)}, got {given.queue_class}"
        )
    made = here.parts.store.add_assignment(
        id=here.parts.new_id(),
        cohort_id=cohort_id,
        task_id=task.id,
        title=given.title,
        opens_at=given.opens_at,
        due_at=given.due_at,
        queue_class=given.queue_class,
        counts=given.counts,
        act=visitor.act(here),
    )
    response.headers["Location"] = f"{routing.ROOT}/assignments/{made.id}"
    return _assignment(made)


@api.get("/assignments", summary="What you are assigned")
def list_assignments(
    here: Here, request: Request, response: Response, visitor: _Anybody, asked: Annotated[Paged, Query()]
) -> Page[AssignmentTold]:
    """Those of the cohorts that you are in, the oldest first."""
    rows = here.parts.store.assignments(
        for_user=visitor.signed_in().id, after=asked.after(), limit=asked.limit + 1
    )
    return paging.page(request, response, asked, rows, key=lambda one: one.id, told=_assignment)


@api.get("/assignments/{assignment_id}", summary="An assignment")
def show_assignment(here: Here, visitor: _Anybody, assignment_id: Id) -> AssignmentTold:
    """For members of its cohort, and admins."""
    return _assignment(seeing.assignment(here, visitor, assignment_id))


@api.get("/assignments/{assignment_id}/gradebook", summary="The results of an assignment")
def show_gradebook(here: Here, visitor: _Teacher, assignment_id: Id) -> GradebookTold:
    """Of every learner of the cohort, by name: their best or their last, as the assignment says."""
    one = _taught(here, visitor, assignment_id)
    values = gradebook.values(one, here.parts.store.gradebook(one.id))
    return GradebookTold.model_validate(values)


@api.get(
    "/assignments/{assignment_id}/gradebook.csv",
    summary="The same for a spreadsheet",
    response_class=Response,
    responses={200: {"content": {"text/csv; charset=utf-8": {"schema": {"type": "string"}}}}},
)
def gradebook_csv(here: Here, visitor: _Teacher, assignment_id: Id) -> Response:
    """No cell of it is taken for a formula. Source: RFC 4180."""
    one = _taught(here, visitor, assignment_id)
    return Response(
        gradebook.as_csv(here.parts.store.gradebook(one.id)).encode(),
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="gradebook.csv"',
        },
    )


def _taught(here: Context, visitor: Visitor, assignment_id: str) -> Assignment:
    found = seeing.assignment(here, visitor, assignment_id)
    user = visitor.signed_in()
    if not (Role.ADMIN in user.roles or seeing.is_taught(here, user, found.cohort_id)):
        raise NotFound("expected the id of an assignment that you may see, got another")
    return found


def _cohort(one: Cohort) -> CohortTold:
    return CohortTold(id=one.id, name=one.name, created_at=one.created_at)


def _assignment(one: Assignment) -> AssignmentTold:
    return AssignmentTold(
        id=one.id,
        cohort=one.cohort_id,
        task=one.task_id,
        title=one.title,
        opens_at=one.opens_at,
        due_at=one.due_at,
        queue_class=one.queue_class,
        counts=one.counts,
    )
