"""Pages for whoever teaches: their cohorts, who is in them, what they are assigned, and what came of it.

An instructor sees the cohorts that they teach and lets people in by a link; who is in one, and what it is
assigned, is for admins to say.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from assessor import gradebook
from assessor.errors import AccountRefused, LearnerError, NotFound
from assessor.rows import cohorts
from assessor.rows.cohorts import IN_COHORT, Assignment, Counts
from assessor.rows.grades import Grade
from assessor.rows.users import Role
from assessor.web import rendering, seeing, shelf
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here

pages = router("/cohorts")

Teaching = Annotated[Visitor, allow(Role.INSTRUCTOR, Role.ADMIN)]
Admin = Annotated[Visitor, allow(Role.ADMIN)]

#: How many rows a list shows at once.
ROWS = 100


@pages.get("")
def list_(request: Request, here: Here, visitor: Teaching, after: str | None = None) -> Response:
    """Those that the visitor teaches, for an admin all; the oldest first."""
    return _list(request, here, visitor, after=after)


@pages.post("")
def make(request: Request, here: Here, visitor: Admin, name: Annotated[str, Form()] = "") -> Response:
    """Another cohort."""
    try:
        made = here.parts.store.add_cohort(id=here.parts.new_id(), name=name, act=visitor.act(here))
    except LearnerError as refused:
        return _list(request, here, visitor, problem=str(refused), name=name)
    return RedirectResponse(f"/cohorts/{made.id}", 303)


@pages.get("/{cohort_id}")
def show(request: Request, here: Here, visitor: Teaching, cohort_id: str) -> Response:
    """A cohort."""
    return _show(request, here, visitor, cohort_id)


@pages.post("/{cohort_id}/invitations")
def invite(
    request: Request,
    here: Here,
    visitor: Teaching,
    cohort_id: str,
    join_as: Annotated[Role, Form()] = Role.LEARNER,
    uses: Annotated[str, Form(max_length=6)] = "",
    days: Annotated[int, Form(ge=1, le=365)] = 30,
) -> Response:
    """A link by which people join; it is shown on this page, and never again."""
    secret, act = here.new_secret(), visitor.act(here)
    try:
        here.parts.store.invite(
            secret=secret,
            cohort_id=seeing.cohort(here, visitor, cohort_id).id,
            role=join_as,
            uses=_number(uses),
            expires_at=act.now + timedelta(days=days),
            act=act,
        )
    except LearnerError as refused:
        return _show(request, here, visitor, cohort_id, problem=str(refused))
    return _show(request, here, visitor, cohort_id, link=here.site.url + cohorts.JOIN_PATH + secret)


@pages.post("/{cohort_id}/invitations/withdraw")
def withdraw(here: Here, visitor: Teaching, cohort_id: str) -> Response:
    """No link that was given out so far lets anybody in any more."""
    cohort = seeing.cohort(here, visitor, cohort_id)
    here.parts.store.withdraw_invitations(cohort.id, act=visitor.act(here))
    return RedirectResponse(f"/cohorts/{cohort.id}", 303)


@pages.post("/{cohort_id}/members")
def enrol(
    request: Request,
    here: Here,
    visitor: Admin,
    cohort_id: str,
    email: Annotated[str, Form(max_length=254)] = "",
    place: Annotated[Role, Form()] = Role.LEARNER,
) -> Response:
    """Somebody who has an account, into the cohort; or another place in it for them."""
    store = here.parts.store
    user = store.user_by_email(email)
    try:
        if user is None:
            raise AccountRefused(f"expected the e-mail address of an account, got {email!r}")
        store.enrol(cohort_id, user.id, place, act=visitor.act(here))
    except LearnerError as refused:
        return _show(request, here, visitor, cohort_id, problem=str(refused))
    return RedirectResponse(f"/cohorts/{cohort_id}", 303)


@pages.post("/{cohort_id}/members/{user_id}/leave")
def leave(here: Here, visitor: Admin, cohort_id: str, user_id: str) -> Response:
    """Somebody out of the cohort; what they handed in stays theirs."""
    here.parts.store.leave(cohort_id, user_id, act=visitor.act(here))
    return RedirectResponse(f"/cohorts/{cohort_id}", 303)


@pages.post("/{cohort_id}/assignments")
def assign(
    request: Request,
    here: Here,
    visitor: Admin,
    cohort_id: str,
    task: Annotated[str, Form(max_length=200)] = "",
    title: Annotated[str, Form()] = "",
    opens: Annotated[str, Form(max_length=40)] = "",
    due: Annotated[str, Form(max_length=40)] = "",
    counts: Annotated[Counts, Form()] = Counts.BEST,
) -> Response:
    """A task for the cohort to do."""
    try:
        here.parts.store.add_assignment(
            id=here.parts.new_id(),
            cohort_id=cohort_id,
            task_id=_task(here, task),
            title=title.strip() or None,
            opens_at=_moment(opens, "opens"),
            due_at=_moment(due, "is due"),
            counts=counts,
            act=visitor.act(here),
        )
    except LearnerError as refused:
        return _show(request, here, visitor, cohort_id, problem=str(refused))
    return RedirectResponse(f"/cohorts/{cohort_id}", 303)


@pages.get("/{cohort_id}/gradebooks/{assignment_id}")
def show_gradebook(
    request: Request, here: Here, visitor: Teaching, cohort_id: str, assignment_id: str
) -> Response:
    """The results of an assignment, a line a learner."""
    assignment, grades = _results(here, visitor, cohort_id, assignment_id)
    return rendering.page(
        request,
        "gradebook.html",
        cohort=here.parts.store.cohort(cohort_id),
        assignment=assignment,
        title=shelf.called(here.catalog(), assignment),
        grades=grades,
    )


@pages.get("/{cohort_id}/gradebooks/{assignment_id}/results.csv")
def gradebook_csv(here: Here, visitor: Teaching, cohort_id: str, assignment_id: str) -> Response:
    """The same for spreadsheets, which take none of its cells for a formula."""
    assignment, grades = _results(here, visitor, cohort_id, assignment_id)
    return Response(
        gradebook.as_csv(grades).encode(),
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="gradebook-{assignment.id}.csv"',
        },
    )


@pages.get("/{cohort_id}/gradebooks/{assignment_id}/results.json")
def gradebook_json(here: Here, visitor: Teaching, cohort_id: str, assignment_id: str) -> Response:
    """The same for programs."""
    return JSONResponse(gradebook.values(*_results(here, visitor, cohort_id, assignment_id)))


def _list(
    request: Request,
    here: Context,
    visitor: Visitor,
    *,
    after: str | None = None,
    problem: str | None = None,
    name: str = "",
) -> Response:
    user = visitor.signed_in()
    everything = Role.ADMIN in user.roles
    rows = here.parts.store.cohorts(None if everything else user.id, after=after, limit=ROWS + 1)
    return rendering.page(
        request,
        "cohorts.html",
        status=200 if problem is None else 422,
        cohorts=[one for one in rows[:ROWS] if everything or seeing.is_taught(here, user, one.id)],
        more=f"/cohorts?after={rows[ROWS - 1].id}" if len(rows) > ROWS else None,
        is_admin=everything,
        problem=problem,
        name=name,
    )


def _show(
    request: Request,
    here: Context,
    visitor: Visitor,
    cohort_id: str,
    *,
    problem: str | None = None,
    link: str | None = None,
) -> Response:
    cohort, store, catalog = seeing.cohort(here, visitor, cohort_id), here.parts.store, here.catalog()
    assigned: list[Assignment] = []
    while found := store.assignments(cohort.id, after=assigned[-1].id if assigned else None):
        assigned += found
    return rendering.page(
        request,
        "cohort.html",
        status=200 if problem is None else 422,
        cohort=cohort,
        members=store.members(cohort.id),
        assignments=[(one, shelf.called(catalog, one)) for one in assigned],
        tasks=catalog.ids(),
        roles=IN_COHORT,
        is_admin=Role.ADMIN in visitor.roles,
        problem=problem,
        link=link,
    )


def _results(
    here: Context, visitor: Visitor, cohort_id: str, assignment_id: str
) -> tuple[Assignment, tuple[Grade, ...]]:
    """An assignment of a cohort that the visitor teaches, and its grades; that they looked is noted."""
    cohort, store = seeing.cohort(here, visitor, cohort_id), here.parts.store
    found = store.assignment(assignment_id)
    if found.cohort_id != cohort.id:
        raise NotFound("expected the id of an assignment of this cohort, got another")
    grades = store.gradebook(found.id)
    store.note_act(visitor.act(here), "gradebook.read", found.id)
    return found, grades


def _task(here: Context, task_id: str) -> str:
    try:
        return here.catalog().task(task_id).id
    except NotFound as error:
        raise AccountRefused(f"assignment: expected a task of the catalog, got {task_id!r}") from error


def _number(text: str) -> int | None:
    """How many may use a link, or None for any number."""
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise AccountRefused(f"invitation: expected a number of uses, or nothing, got {text!r}")
    return int(text)


def _moment(text: str, what: str) -> datetime | None:
    """A time as a form has it: in UTC where it names no offset."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise AccountRefused(
            f"assignment: expected it to say when it {what}, such as 2026-03-01T12:00, got {text!r}"
        ) from error
