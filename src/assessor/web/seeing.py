"""Who may see which work: one's own, that of learners whom one teaches, and for reviewers and admins all.

Whoever asks for what is not theirs to see is told the same as whoever asks for what there is not.
"""

from __future__ import annotations

from assessor.errors import NotAllowed, NotFound
from assessor.rows.awards import AwardRow
from assessor.rows.cohorts import Assignment, Cohort
from assessor.rows.users import Role, User
from assessor.store import Attempt, Submission
from assessor.web.context import Context
from assessor.web.visitor import Visitor

#: Whose work is theirs to look at anyway.
LOOKING = frozenset({Role.REVIEWER, Role.ADMIN})


def submission(here: Context, visitor: Visitor, id: str) -> Submission:
    """A submission that the visitor may see.

    Raises:
        NotFound: there is none of this id, or it is not theirs to see.
    """
    try:
        found = here.parts.store.submission(id)
    except NotFound:
        found = None
    if found is None or not sees(here, visitor, found.learner_id):
        raise NotFound("expected the id of a submission that you may see, got another")
    return found


def attempt(here: Context, visitor: Visitor, id: str) -> tuple[Submission, Attempt]:
    """An attempt that the visitor may see, and its submission.

    Raises:
        NotFound: there is none of this id, or it is not theirs to see.
    """
    try:
        found = here.parts.store.attempt(id)
        of = here.parts.store.submission(found.submission_id)
    except NotFound:
        of = None
    if of is None or not sees(here, visitor, of.learner_id) or not is_told(visitor, found):
        raise NotFound("expected the id of an attempt that you may see, got another")
    return of, found


def is_told(visitor: Visitor, one: Attempt) -> bool:
    """Whether an attempt is anybody's business: one of a regrade counts for nothing until it is applied."""
    return not one.on_trial or bool(LOOKING & visitor.roles)


def award(here: Context, visitor: Visitor, id: str) -> AwardRow:
    """An award that the visitor may see: their own, or any for an issuer.

    Raises:
        NotFound: there is none of this id, or it is not theirs to see.
    """
    user = visitor.signed_in()
    try:
        found = here.parts.store.award(id)
    except NotFound:
        found = None
    own = found is not None and found.learner_id is not None and found.learner_id == user.learner_id
    if found is None or not (own or Role.ISSUER in user.roles):
        raise NotFound("expected the id of an award that you may see, got another")
    return found


def sees(here: Context, visitor: Visitor, learner_id: str) -> bool:
    """Whether the work of a learner is the visitor's to see."""
    user = visitor.signed_in()
    if user.learner_id == learner_id or LOOKING & user.roles:
        return True
    return Role.INSTRUCTOR in user.roles and _teaches(here, user, learner_id)


def cohort(here: Context, visitor: Visitor, id: str) -> Cohort:
    """A cohort that the visitor teaches, or any for an admin.

    Raises:
        NotFound: there is none of this id, or it is not theirs to see.
    """
    user = visitor.signed_in()
    try:
        found = here.parts.store.cohort(id)
    except NotFound:
        found = None
    if found is None or not (Role.ADMIN in user.roles or is_taught(here, user, id)):
        raise NotFound("expected the id of a cohort that you may see, got another")
    return found


def assignment(here: Context, visitor: Visitor, id: str) -> Assignment:
    """An assignment of a cohort that the visitor is in, or any for an admin.

    Raises:
        NotFound: there is none of this id, or it is not theirs to see.
    """
    user = visitor.signed_in()
    try:
        found = here.parts.store.assignment(id)
    except NotFound:
        found = None
    if found is None or not (
        Role.ADMIN in user.roles or here.parts.store.membership(found.cohort_id, user.id) is not None
    ):
        raise NotFound("expected the id of an assignment that you may see, got another")
    return found


def is_taught(here: Context, user: User, cohort_id: str) -> bool:
    """Whether somebody teaches a cohort: by their place in it, and by their account's role."""
    place = here.parts.store.membership(cohort_id, user.id)
    return Role.INSTRUCTOR in user.roles and place is not None and place.role is Role.INSTRUCTOR


def learner_id(visitor: Visitor) -> str:
    """Who the visitor is among the learners.

    Raises:
        NotAllowed: their account is no learner's.
    """
    found = visitor.signed_in().learner_id
    if found is None:
        raise NotAllowed("expected the account of a learner, yours is none")
    return found


def _teaches(here: Context, user: User, learner_id: str) -> bool:
    store = here.parts.store
    learner = store.user_of_learner(learner_id)
    if learner is None:
        return False
    after = None
    while found := store.cohorts(learner.id, after=after):
        if any(is_taught(here, user, one.id) for one in found):
            return True
        after = found[-1].id
    return False
