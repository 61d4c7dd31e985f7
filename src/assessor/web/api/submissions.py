"""Submissions: handing in, by files or an archive that are streamed to disk, and what was handed in.

A client that names its submission (`Idempotency-Key`) may send it again after a lost answer: the same files
under the same key are one submission, other files under it are refused.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assessor import pipeline
from assessor.rows.admission import Key
from assessor.rows.users import Role, Scope
from assessor.store import Attempt, Submission
from assessor.web import handing, seeing, shelf
from assessor.web.access import SIGNED_IN, Visitor, allow
from assessor.web.api import attempts, paging, routing
from assessor.web.api.attempts import AttemptTold
from assessor.web.api.paging import Page, Paged
from assessor.web.api.routing import Id, Told
from assessor.web.context import Context, Here
from assessor.web.uploads import Received, Upload

api = routing.router("submissions")

#: What is sent to hand in: a form with files, or an archive as it is.
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "Files by their paths, or one zip, tar or tar.gz.",
                        }
                    },
                    "required": ["file"],
                }
            },
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
            "application/gzip": {"schema": {"type": "string", "format": "binary"}},
            "application/x-tar": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class SubmissionLine(Told):
    """A submission in a list, with its newest attempt."""

    id: str
    task: str
    task_version: str
    bundle: str
    received_at: datetime
    attempt: AttemptTold


class SubmissionTold(Told):
    """A submission, with all its attempts in order."""

    id: str
    task: str
    task_version: str
    task_digest: str
    bundle: str
    received_at: datetime
    attempts: list[AttemptTold]


class LeftOut(Told):
    """A file that was left out, and why."""

    path: str
    reason: str


class HandedIn(SubmissionLine):
    """What came of handing in."""

    left_out: Annotated[list[LeftOut], Field(description="Files that the task does not take.")]
    flags: Annotated[list[str], Field(description="What a reviewer is told to look at.")]


class Chosen(Paged):
    """Which submissions."""

    task: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = None


@api.post(
    "/tasks/{task_id}/submissions",
    status_code=201,
    summary="Hand in",
    openapi_extra=_BODY,
    responses={404: {}, 409: {}},
)
def hand_in(
    here: Here,
    response: Response,
    visitor: Annotated[Visitor, allow(Role.LEARNER, scope=Scope.SUBMIT, streams=True)],
    task_id: Id,
    upload: Upload,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[\x21-\x7e]+$",
            min_length=1,
            max_length=255,
            description="What the client calls this submission; holds for a week.",
        ),
    ] = None,
) -> HandedIn:
    """Queue a submission for a task; the header Location says where its attempt is."""
    task = shelf.entry(here.catalog(), task_id).task
    learner = here.parts.store.learner_known(seeing.learner_id(visitor))
    submission, attempt, received = pipeline.submit(
        handing.files(upload.files, upload.folder, required=task.submission.required),
        task_id=task.id,
        learner=learner.name,
        tasks=here.catalog(),
        spool=here.settings.spool,
        parts=here.parts,
        ring=here.ring,
        queue_class=handing.queue_class(
            here.parts.store, visitor.signed_in().id, task.id, now=here.parts.clock()
        ),
        key=None if idempotency_key is None else _key(visitor, task.id, upload, idempotency_key),
        name=handing.called(upload.files),
    )
    response.headers["Location"] = f"{routing.ROOT}/attempts/{attempt.id}"
    return HandedIn(
        **_line(here, submission, attempt).model_dump(),
        left_out=[LeftOut(path=path, reason=reason) for path, reason in received.dropped],
        flags=list(received.flags),
    )


@api.get("/submissions", summary="What you handed in")
def list_submissions(
    here: Here,
    request: Request,
    response: Response,
    visitor: Annotated[Visitor, allow(Role.LEARNER, scope=Scope.READ)],
    asked: Annotated[Chosen, Query()],
) -> Page[SubmissionLine]:
    """The newest first."""
    rows = here.parts.store.coursework(
        seeing.learner_id(visitor), task_id=asked.task, before=asked.after(), limit=asked.limit + 1
    )
    return paging.page(
        request, response, asked, rows, key=lambda one: one[0].id, told=lambda one: _line(here, *one)
    )


@api.get("/submissions/{submission_id}", summary="A submission")
def show_submission(
    here: Here, visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)], submission_id: Id
) -> SubmissionTold:
    """With all its attempts: a regrade is a new one, the old ones stay."""
    found = seeing.submission(here, visitor, submission_id)
    return SubmissionTold(
        id=found.id,
        task=found.task_id,
        task_version=found.task_version,
        task_digest=found.task_digest,
        bundle=found.bundle,
        received_at=found.received_at,
        attempts=[
            attempts.told(here, one)
            for one in here.parts.store.attempts(found.id)
            if seeing.is_told(visitor, one)
        ],
    )


def _line(here: Context, submission: Submission, attempt: Attempt) -> SubmissionLine:
    return SubmissionLine(
        id=submission.id,
        task=submission.task_id,
        task_version=submission.task_version,
        bundle=submission.bundle,
        received_at=submission.received_at,
        attempt=attempts.told(here, attempt),
    )


def _key(visitor: Visitor, task_id: str, upload: Received, key: str) -> Key:
    """The client's key, with the digest of all that was asked, however the form was cut into parts."""
    held = hashlib.sha256(repr(task_id).encode())
    for one in upload.files:
        with one.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        held.update(repr((one.name, content)).encode())
    return Key(user_id=visitor.signed_in().id, key=f"api:{key}", digest=held.hexdigest())
