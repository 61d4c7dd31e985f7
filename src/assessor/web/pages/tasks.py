"""A task's page: the brief, what it takes, what there is to begin with, and handing in.

What tests there are is on no page: the starter is all of a task's folder that is given out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from assessor import page, pipeline
from assessor.authoring import preview
from assessor.errors import LearnerError, VersionStale
from assessor.rows.admission import Key
from assessor.rows.coursework import Tries
from assessor.rows.users import Role
from assessor.store import Attempt, Submission
from assessor.task import Task
from assessor.web import gitsource, handing, own, problems, rendering, shelf
from assessor.web.access import PUBLIC, Visitor, allow, router
from assessor.web.context import Context, Here
from assessor.web.shelf import Entry
from assessor.web.uploads import Received, Upload

pages = router()

#: How many files can be written on the page, and the largest one that is put there to begin with, bytes.
EDITORS = 8
EDITED_BYTES = 64 * 1024
#: How many of their own submissions a learner sees on the page.
LATEST = 5
#: How a field for the text of a file is called, before the file's path.
TEXT = "text:"


@dataclass(frozen=True, kw_only=True)
class Editor:
    """A file that can be written on the page."""

    path: str
    text: str
    required: bool


@pages.get("/tasks/{task_id}")
def show(request: Request, here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], task_id: str) -> Response:
    """The page."""
    return _page(request, here, visitor, shelf.entry(here.catalog(), task_id))


@pages.get("/tasks/{task_id}/starter.zip")
def starter(here: Here, visitor: Annotated[Visitor, allow(PUBLIC)], task_id: str) -> Response:
    """What a learner begins with."""
    task = shelf.entry(here.catalog(), task_id).task
    data = shelf.starter(task)
    name = quote(f"{task.id}-starter.zip")
    return Response(
        data,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "public, max-age=300",
        },
    )


@pages.post("/tasks/{task_id}/submissions")
def submit(
    request: Request,
    here: Here,
    visitor: Annotated[Visitor, allow(Role.LEARNER, streams=True)],
    task_id: str,
    upload: Upload,
) -> Response:
    """Hand in: files or an archive, texts that were written on the page, or a repository."""
    found = shelf.entry(here.catalog(), task_id)
    learner = own.learner(here, visitor)
    try:
        path, name = _source(here, found.task, upload)
        _, attempt, received = pipeline.submit(
            path,
            task_id=found.task.id,
            learner=learner.name,
            tasks=here.catalog(),
            spool=here.settings.spool,
            parts=here.parts,
            ring=here.ring,
            queue_class=handing.queue_class(
                here.parts.store, visitor.signed_in().id, found.task.id, now=here.parts.clock()
            ),
            key=_key(visitor, found.task, upload),
            name=name,
        )
    except (LearnerError, VersionStale) as error:
        told = problems.told(request, error)
        typed = {name: text for name, text in upload.fields.items() if name.startswith(TEXT)}
        return _page(
            request,
            here,
            visitor,
            found,
            problem=told.detail,
            status=told.status,
            headers=told.headers,
            typed=typed,
        )
    left_out = f"?left_out={len(received.dropped)}" if received.dropped else ""
    return RedirectResponse(f"/attempts/{attempt.id}{left_out}", 303)


def _source(here: Context, task: Task, upload: Received) -> tuple[Path, str]:
    """What was handed in, and what the learner calls it."""
    if upload.fields.get("git"):
        url = upload.fields["git"].strip()
        return gitsource.fetch(url, hosts=here.settings.git_hosts, folder=upload.folder), url
    if upload.files or not any(name.startswith(TEXT) for name in upload.fields):
        return (
            handing.files(upload.files, upload.folder, required=task.submission.required),
            handing.called(upload.files),
        )
    known = {one.path for one in editors(task)}
    typed = {
        name.removeprefix(TEXT): text
        for name, text in upload.fields.items()
        if name.startswith(TEXT) and name.removeprefix(TEXT) in known and text.strip()
    }
    return handing.texts(typed, upload.folder), "what is written here"


def editors(task: Task) -> tuple[Editor, ...]:
    """The files that can be written on the page: what is required, and what the starter has of the rest."""
    rules = task.submission
    paths: Iterable[str] = dict.fromkeys([*rules.required, *sorted(task.starter)])
    found = []
    for path in paths:
        data = task.starter.get(path, b"")
        required = path in rules.required
        if (not required and not rules.patterns(path)) or len(data) > EDITED_BYTES:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        found.append(Editor(path=path, text=text, required=required))
    return tuple(found[:EDITORS])


def _page(
    request: Request,
    here: Context,
    visitor: Visitor,
    found: Entry,
    *,
    problem: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    task = found.task
    learning = own.is_learner(visitor) and Role.LEARNER in visitor.roles
    tries: Tries | None = None
    latest: tuple[tuple[Submission, Attempt], ...] = ()
    if visitor.user is not None and visitor.user.learner_id is not None:
        tries = here.parts.store.tries(
            visitor.user.learner_id,
            task.id,
            cooldown_s=task.policy.cooldown_s,
            rate=here.parts.rate,
            now=here.parts.clock(),
        )
        latest = here.parts.store.coursework(visitor.user.learner_id, task_id=task.id, limit=LATEST)
    assignments = [
        one
        for one in (() if visitor.user is None else here.parts.store.assignments(for_user=visitor.user.id))
        if one.task_id == task.id
    ]
    return rendering.page(
        request,
        "task.html",
        status=status,
        headers=headers,
        entry=found,
        task=task,
        brief=page.markdown(_untitled(task)),
        rules=preview.rules_of(task, found.rubric, here.catalog().profile(task.sandbox)),
        criteria=found.rubric.criteria,
        editors=[
            Editor(path=one.path, text=(typed or {}).get(TEXT + one.path, one.text), required=one.required)
            for one in editors(task)
        ],
        typed=bool(typed),
        text=TEXT,
        problem=problem,
        learning=learning,
        tries=tries,
        left=None if tries is None else max(0, task.policy.tries - tries.used),
        latest=latest,
        assignments=assignments,
        git_hosts=here.settings.git_hosts,
        key=here.new_secret(),
        upload_mib=here.settings.upload_mib,
    )


def _untitled(task: Task) -> str:
    """The brief without its first heading where that is the task's title, which the page has already."""
    first, _, rest = task.brief.lstrip().partition("\n")
    return rest if first.strip() == f"# {task.title}" else task.brief


def _key(visitor: Visitor, task: Task, upload: Received) -> Key | None:
    """What the form is called with its content: sent twice it is handed in once, sent changed it is new."""
    form = upload.fields.get("key", "")
    if not 20 <= len(form) <= 64 or not form.isascii() or not form.isprintable():
        return None
    held = hashlib.sha256(task.id.encode())
    for name, text in sorted(upload.fields.items()):
        if name != "csrf":
            held.update(repr((name, text)).encode())
    for one in upload.files:
        held.update(repr((one.name, one.size)).encode())
        with one.path.open("rb") as file:
            held.update(hashlib.file_digest(file, "sha256").digest())
    digest = held.hexdigest()
    return Key(user_id=visitor.signed_in().id, key=f"form:{form}:{digest[:16]}", digest=digest)
