"""Tasks, as whoever wants to do one sees them: the brief, the rules, what there is to begin with."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from assessor.rubric import Competency
from assessor.web import shelf
from assessor.web.access import PUBLIC, Visitor, allow
from assessor.web.api import paging, routing
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Id, Told
from assessor.web.context import Here

api = routing.router("tasks")


class CompetencyTold(Told):
    """A skill as a public framework names it."""

    framework: str
    code: str
    name: str
    url: str | None


class TaskLine(Told):
    """A task in a list."""

    id: str
    version: str
    title: str
    summary: str
    level: str
    minutes: int
    competencies: list[CompetencyTold]


class LimitsTold(Told):
    """What the work may use."""

    wall_s: int
    call_s: int
    cpu_percent: int
    memory_bytes: int
    pids: int
    output_bytes: int
    disk_bytes: int
    files: int


class RulesTold(Told):
    """What may be handed in."""

    required: list[str]
    allow: list[str]
    max_files: int
    max_bytes: int


class PolicyTold(Told):
    """By which rules it may be tried."""

    tries: int
    cooldown_s: int
    queue_class: str
    visible: str
    hidden: str


class CriterionTold(Told):
    """One thing that is judged."""

    id: str
    title: str
    description: str
    weight: int
    scored_by: str
    gate: int | None
    marks: int | None
    competency: CompetencyTold | None


class TaskTold(TaskLine):
    """A task."""

    brief: str
    starter: list[str]
    limits: LimitsTold
    submission: RulesTold
    policy: PolicyTold
    criteria: list[CriterionTold]
    pass_from: int


@api.get("/tasks", summary="Tasks that can be done here")
def list_tasks(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(PUBLIC)],
    asked: Annotated[Paged, Query()],
) -> Page[TaskLine]:
    """By level, then by time, then by title."""
    rows = paging.cut(shelf.entries(here.catalog()), asked, key=lambda one: one.task.id)
    return paging.page(request, response, asked, rows, key=lambda one: one.task.id, told=line)


@api.get("/tasks/{task_id}", summary="A task")
def show_task(here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], task_id: Id) -> TaskTold:
    """With its brief as Markdown and the paths of its starter; of its tests, nothing."""
    found = shelf.entry(here.catalog(), task_id)
    task = found.task
    limits, rules, policy = task.limits, task.submission, task.policy
    return TaskTold(
        **line(found).model_dump(exclude={"competencies"}),
        competencies=[_competency(one) for one in found.competencies],
        brief=task.brief,
        starter=sorted(task.starter),
        limits=LimitsTold(**{name: getattr(limits, name) for name in LimitsTold.model_fields}),
        submission=RulesTold(
            required=list(rules.required),
            allow=list(rules.allow),
            max_files=rules.max_files,
            max_bytes=rules.max_bytes,
        ),
        policy=PolicyTold(
            tries=policy.tries,
            cooldown_s=policy.cooldown_s,
            queue_class=policy.queue_class.value,
            visible=policy.visible.value,
            hidden=policy.hidden.value,
        ),
        criteria=[
            CriterionTold(
                id=one.id,
                title=one.title,
                description=one.description,
                weight=one.weight,
                scored_by=one.scored_by.value,
                gate=one.gate,
                marks=one.marks,
                competency=None if one.competency is None else _competency(one.competency),
            )
            for one in found.rubric.criteria
        ],
        pass_from=found.rubric.pass_from,
    )


@api.get(
    "/tasks/{task_id}/starter",
    summary="What a learner begins with, as a zip",
    response_class=Response,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
def starter(here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], task_id: Id) -> Response:
    """The same bytes each time, until the task changes."""
    data = shelf.starter(shelf.entry(here.catalog(), task_id).task)
    return Response(data, media_type="application/zip")


def line(one: shelf.Entry) -> TaskLine:
    """A task as a list tells it."""
    task = one.task
    return TaskLine(
        id=task.id,
        version=task.version,
        title=task.title,
        summary=task.summary,
        level=task.level,
        minutes=task.minutes,
        competencies=[_competency(each) for each in one.competencies],
    )


def _competency(one: Competency) -> CompetencyTold:
    return CompetencyTold(framework=one.framework, code=one.code, name=one.name, url=one.url)
