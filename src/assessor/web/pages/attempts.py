"""A learner's own work: what was handed in, how it goes, what came of it, and what changed in between.

Of somebody else's attempt these pages say what they say of one that there is not. What a result shows is what
`judging.feedback` lets through, and nothing beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from assessor import judging, site_files
from assessor.errors import BlobFault, NotFound
from assessor.rows.awards import AwardRow
from assessor.rows.users import Role
from assessor.store import UNUSED, Attempt, AttemptState, Submission
from assessor.web import following, lined, outcome, own, rendering, work
from assessor.web.access import Visitor, allow, router
from assessor.web.context import Context, Here
from assessor.web.watching import Watch

pages = router()

Learning = Annotated[Visitor, allow(Role.LEARNER)]

#: How many submissions are on a page.
PAGE = 30
#: How long a browser waits before it follows again, milliseconds.
AGAIN_MS = 5000


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Who can see the evidence of an attempt.

    Attributes:
        shown: whether it has a public page.
        withheld: whether the learner keeps it to themselves.
        award: by which award it is decided, or None where none rests on the attempt.
    """

    shown: bool
    withheld: bool
    award: AwardRow | None


@pages.get("/attempts")
def list_(
    request: Request, here: Here, visitor: Learning, before: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """All that the visitor handed in, the newest first."""
    learner = own.learner(here, visitor)
    rows = here.parts.store.coursework(learner.id, before=before or None, limit=PAGE + 1)
    more = f"/attempts?before={rows[PAGE - 1][0].id}" if len(rows) > PAGE else None
    return rendering.page(
        request,
        "work.html",
        rows=[
            (submission, attempt, _title(here, submission), submission.task_id in older)
            for (submission, attempt), older in zip(rows[:PAGE], _older(rows), strict=False)
        ],
        more=more,
        suggestions=() if before else own.suggestions(here, visitor),
    )


@pages.get("/attempts/{attempt_id}")
def show(
    request: Request,
    here: Here,
    visitor: Learning,
    attempt_id: str,
    left_out: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """How an attempt goes, or what came of it."""
    learner = own.learner(here, visitor)
    submission, attempt = here.parts.store.own_attempt(learner.id, attempt_id)
    found = None
    with own.kept():
        task = judging.thaw(attempt.judged_with(submission), here.parts).task
        if attempt.state in (AttemptState.JUDGED, AttemptState.AWAITING_REVIEW):
            judged = judging.judge(attempt.id, here.parts)
            found = outcome.outcome(judging.feedback(judged), judged.frozen.rubric)
    progress = None if found is not None else following.now(attempt, here.parts, pace=here.pace)
    if found is None and progress is None:
        raise NotFound("expected the id of an attempt of yours, got another")
    tries = here.parts.store.tries(
        learner.id,
        task.id,
        cooldown_s=task.policy.cooldown_s,
        rate=here.parts.rate,
        now=here.parts.clock(),
    )
    files = work.files(here, submission)
    passed = found is not None and found.told.verdict == "passed"
    return rendering.page(
        request,
        "attempt.html",
        task=task,
        submission=submission,
        attempt=attempt,
        attempts=here.parts.store.judgings(submission.id),
        outcome=found,
        passed=passed,
        awards=_awards(here, learner.id, attempt) if passed else (),
        seen=_seen(here, learner.id, attempt) if passed else None,
        over=attempt.state in UNUSED,
        tries=tries,
        left=max(0, task.policy.tries - tries.used),
        paths=None if files is None else sorted(files.files),
        places=()
        if files is None or found is None
        else lined.places(files.files, here.parts.store.remarks(submission.id)),
        left_out=left_out,
        previous=work.previous(here, submission),
        history=_history(here, learner.id, submission, attempt),
        suggestions=own.suggestions(here, visitor) if found is not None else (),
        **({} if progress is None else following.values(progress)),
    )


@pages.get("/attempts/{attempt_id}/live")
async def live(here: Here, visitor: Learning, attempt_id: str) -> Response:
    """The same while it goes on, as events, until nothing more comes."""
    await run_in_threadpool(_check, here, visitor, attempt_id)
    return StreamingResponse(
        _events(here.watch, attempt_id),
        media_type="text/event-stream",
        # X-Accel-Buffering: nginx would keep events back until it has many.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@pages.get("/attempts/{attempt_id}/work")
def files(request: Request, here: Here, visitor: Learning, attempt_id: str) -> Response:
    """The files that were handed in, as they are kept."""
    learner = own.learner(here, visitor)
    submission, attempt = here.parts.store.own_attempt(learner.id, attempt_id)
    found = work.unpacked(here, submission)
    return rendering.page(
        request,
        "files.html",
        submission=submission,
        attempt=attempt,
        title=_title(here, submission),
        files=lined.files(found.files, here.parts.store.remarks(submission.id)),
        more=max(0, len(found.files) - lined.FILES),
    )


@pages.get("/attempts/{attempt_id}/work.tar")
def bundled(here: Here, visitor: Learning, attempt_id: str) -> Response:
    """The same to keep: the very bytes whose digest the evidence names."""
    learner = own.learner(here, visitor)
    submission, _ = here.parts.store.own_attempt(learner.id, attempt_id)
    found = work.unpacked(here, submission)
    named = f'attachment; filename="{submission.task_id}-{submission.id}.tar"'
    return Response(found.data, media_type="application/x-tar", headers={"Content-Disposition": named})


@pages.get("/attempts/{attempt_id}/changes")
def changed(
    request: Request,
    here: Here,
    visitor: Learning,
    attempt_id: str,
    since: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """What differs from an earlier submission for the same task: the one before, or the one of an attempt."""
    learner = own.learner(here, visitor)
    submission, attempt = here.parts.store.own_attempt(learner.id, attempt_id)
    if since:
        earlier, other = here.parts.store.own_attempt(learner.id, since)
    else:
        previous = work.previous(here, submission)
        if previous is None:
            return RedirectResponse(f"/attempts/{attempt.id}", 303)
        earlier, other = previous
    return rendering.page(
        request,
        "changes.html",
        title=_title(here, submission),
        submission=submission,
        attempt=attempt,
        earlier=earlier,
        other=other,
        changes=work.differences(here, earlier, submission),
        others=here.parts.store.coursework(learner.id, task_id=submission.task_id, limit=PAGE),
    )


def _check(here: Context, visitor: Visitor, attempt_id: str) -> None:
    here.parts.store.own_attempt(own.learner(here, visitor).id, attempt_id)


async def _events(watch: Watch, attempt_id: str) -> AsyncIterator[str]:
    """Views as server-sent events. Source: HTML, 9.2.6: each line of the data has a field of its own."""
    yield f"retry: {AGAIN_MS}\n\n"
    # Closed here, whenever the browser goes: else it would count as one who follows until it is collected.
    async with contextlib.aclosing(watch.follow(attempt_id)) as views:
        async for view in views:
            if view is None:
                yield ": nothing new\n\n"
                continue
            data = "".join(f"data: {line}\n" for line in view.text.splitlines())
            yield f"event: progress\n{data}\n"
            if view.over:
                yield "event: over\ndata: over\n\n"


def _history(
    here: Context, learner_id: str, submission: Submission, attempt: Attempt
) -> list[tuple[Submission, Attempt, str | None]]:
    """What was handed in for the task, the newest first, each with where it is compared to this one."""
    rows = here.parts.store.coursework(learner_id, task_id=submission.task_id, limit=PAGE)
    found: list[tuple[Submission, Attempt, str | None]] = []
    later = True
    for of, newest in rows:
        if of.id == submission.id:
            later = False
            found.append((of, newest, None))
            continue
        after, before = (newest, attempt) if later else (attempt, newest)
        found.append((of, newest, f"/attempts/{after.id}/changes?since={before.id}"))
    return found


def _awards(here: Context, learner_id: str, attempt: Attempt) -> list[tuple[str, str]]:
    """Awards that rest on an attempt: id and name."""
    names = {one.id: one.name for one in here.catalog().sound_achievements()[0]}
    return [
        (row.id, names.get(row.achievement_id, row.achievement_id))
        for row in here.parts.store.awards_of(learner_id).values()
        if attempt.id in row.attempts and row.holds(here.parts.clock())
    ]


def _seen(here: Context, learner_id: str, attempt: Attempt) -> Seen:
    """Whether others can see the evidence of an attempt, as the public page of it decides."""
    rows = [one for one in here.parts.store.awards_of(learner_id).values() if attempt.id in one.attempts]
    by = next(filter(site_files.is_shown, rows), None)
    withheld = bool(here.parts.store.withheld([attempt.id]))
    return Seen(shown=by is not None and not withheld, withheld=withheld, award=by or next(iter(rows), None))


def _older(rows: Sequence[tuple[Submission, Attempt]]) -> list[set[str]]:
    """For each row, the tasks of the rows below it: what they have an earlier submission for."""
    return [{submission.task_id for submission, _ in rows[at + 1 :]} for at in range(len(rows))]


def _title(here: Context, submission: Submission) -> str:
    try:
        return judging.thaw(submission.snapshot, here.parts).task.title
    except (NotFound, BlobFault):
        return submission.task_id
