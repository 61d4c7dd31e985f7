"""Marking: a reviewer's marks for one criterion of somebody else's work, and remarks on its lines.

Comes in: a visitor who is let review. Goes out: the attempt that was marked, and awards that came of it
looked at; or the remark. Remarks move no marks.
"""

from __future__ import annotations

from assessor import bundle, judging, settling
from assessor.errors import NotAllowed, NotFound
from assessor.rows import remarks
from assessor.rows.remarks import Remark
from assessor.store import Attempt, AttemptState
from assessor.web.context import Context
from assessor.web.visitor import Visitor

#: The attempts that can be marked.
MARKED = frozenset({AttemptState.AWAITING_REVIEW, AttemptState.JUDGED})

#: The longest comment, characters.
COMMENT = 10_000


def is_own(here: Context, visitor: Visitor, attempt: Attempt) -> bool:
    """Whether an attempt is the visitor's own work."""
    own = visitor.signed_in().learner_id
    return own is not None and here.parts.store.submission(attempt.submission_id).learner_id == own


def give(
    here: Context, visitor: Visitor, attempt_id: str, *, criterion: str, marks: int, comment: str
) -> Attempt:
    """Give marks; the attempt that was marked: of a judged one a new one, since what is signed stays.

    Raises:
        NotFound: there is no such attempt, or it cannot be marked.
        NotAllowed: it is the visitor's own work.
        MarkInvalid: no person scores this criterion, or the marks are out of its range.
    """
    attempt = _markable(here, visitor, attempt_id)
    marked = judging.review(
        attempt.id,
        criterion=criterion,
        marks=marks,
        reviewer=visitor.signed_in().id,
        comment=comment,
        parts=here.parts,
        act=visitor.act(here),
    )
    settling.follow_up(marked.id, here.parts)
    return here.parts.store.attempt(marked.id)


def remark(here: Context, visitor: Visitor, attempt_id: str, *, path: str, line: int, text: str) -> Remark:
    """Say something of a line of the work.

    Raises:
        NotFound: there is no such attempt, it cannot be marked, or its files were removed.
        NotAllowed: it is the visitor's own work.
        RemarkInvalid: the work has no such line, or the text is empty or too long.
    """
    attempt = _markable(here, visitor, attempt_id)
    submission = here.parts.store.submission(attempt.submission_id)
    kept = here.parts.blobs.get(submission.bundle)
    remarks.check(bundle.unpack(kept, expected=submission.bundle).files, path, line)
    return here.parts.store.add_remark(
        id=here.parts.new_id(),
        submission_id=submission.id,
        path=path,
        line=line,
        text=text.replace("\r\n", "\n").strip(),
        act=visitor.act(here),
    )


def withdraw(here: Context, visitor: Visitor, attempt_id: str, remark_id: str) -> None:
    """Take back a remark of the visitor's own.

    Raises:
        NotFound: there is no such attempt, or no such remark of theirs on its work.
    """
    of = here.parts.store.attempt(attempt_id).submission_id
    here.parts.store.withdraw_remark(remark_id, submission_id=of, act=visitor.act(here))


def _markable(here: Context, visitor: Visitor, attempt_id: str) -> Attempt:
    attempt = here.parts.store.attempt(attempt_id)
    if attempt.state not in MARKED:
        raise NotFound(f"expected an attempt that can be marked, it is {attempt.state.value}")
    if is_own(here, visitor, attempt):
        raise NotAllowed("expected the work of somebody else, this is your own")
    return attempt
