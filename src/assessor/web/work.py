"""Work as it was handed in: its files as they are kept, and which came before it.

Comes in: a submission. Goes out: what pages and the API show of it. Who may see it is `seeing`'s to say.
"""

from __future__ import annotations

from assessor import bundle
from assessor.bundle import Bundle
from assessor.errors import NotFound
from assessor.store import Attempt, Submission
from assessor.web import changes
from assessor.web.changes import Change
from assessor.web.context import Context


def files(here: Context, submission: Submission) -> Bundle | None:
    """The files of a submission, or None once they were removed."""
    try:
        return bundle.unpack(here.parts.blobs.get(submission.bundle), expected=submission.bundle)
    except NotFound:
        return None


def unpacked(here: Context, submission: Submission) -> Bundle:
    """The files of a submission.

    Raises:
        NotFound: they were removed.
    """
    found = files(here, submission)
    if found is None:
        raise NotFound("expected files, these were removed")
    return found


def previous(here: Context, submission: Submission) -> tuple[Submission, Attempt] | None:
    """The same learner's submission for the same task before this one, with its newest attempt."""
    found = here.parts.store.coursework(
        submission.learner_id, task_id=submission.task_id, before=submission.id, limit=1
    )
    return found[0] if found else None


def differences(here: Context, earlier: Submission, later: Submission) -> tuple[Change, ...]:
    """The files that differ, by path.

    Raises:
        NotFound: they are not one learner's for one task, or the files of one were removed.
    """
    before, after = files(here, earlier), files(here, later)
    alike = (earlier.learner_id, earlier.task_id) == (later.learner_id, later.task_id)
    if not alike or before is None or after is None:
        raise NotFound("expected two submissions for one task, with their files, got others")
    return changes.changes(before.files, after.files)
