"""What is the visitor's own: who they are as a learner, their tokens, and what they may try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assessor import deserving
from assessor.achievement import Shown
from assessor.errors import BlobFault, NotAllowed, NotFound
from assessor.rows.schema import Learner
from assessor.rows.users import Token
from assessor.web import shelf, suggesting
from assessor.web.context import Context
from assessor.web.suggesting import Suggestion
from assessor.web.visitor import Visitor

#: How many submissions are looked at for what somebody has tried.
LOOKED_AT = 500


def learner(here: Context, visitor: Visitor) -> Learner:
    """Who the visitor is among the learners.

    Raises:
        NotAllowed: their account is no learner's.
        NotFound: they were erased.
    """
    found = visitor.signed_in().learner_id
    if found is None:
        raise NotAllowed("expected the account of a learner, yours is none")
    return here.parts.store.learner_known(found)


def token(here: Context, visitor: Visitor, token_id: str) -> Token:
    """A token of the visitor's own.

    Raises:
        NotFound: it is none of theirs.
    """
    for one in here.parts.store.tokens(visitor.signed_in().id):
        if one.id == token_id:
            return one
    raise NotFound("expected the id of a token of yours, got another")


@contextmanager
def kept() -> Iterator[None]:
    """What is named by a row is there: a file of the store that is missing is our fault, and told as such.

    Raises:
        BlobFault: it is not.
    """
    try:
        yield
    except NotFound as error:
        raise BlobFault(f"expected a file that a row names, got: {error}") from error


def is_learner(visitor: Visitor) -> bool:
    """Whether the visitor is signed in and learns."""
    return visitor.user is not None and visitor.user.learner_id is not None


def verdicts(here: Context, visitor: Visitor) -> Mapping[str, str]:
    """By task, `passed` where the visitor has passed it, else where their newest submission is."""
    if visitor.user is None or visitor.user.learner_id is None:
        return {}
    found: dict[str, str] = {}
    for submission, attempt in here.parts.store.coursework(visitor.user.learner_id, limit=LOOKED_AT):
        word = str(attempt.verdict or attempt.state)
        if word == "passed" or submission.task_id not in found:
            found[submission.task_id] = word
    return found


def suggestions(here: Context, visitor: Visitor) -> tuple[Suggestion, ...]:
    """What the visitor may try next; nothing for who is no learner, or where there is one task alone."""
    if visitor.user is None or visitor.user.learner_id is None:
        return ()
    catalog = here.catalog()
    entries = shelf.entries(catalog)
    if len(entries) < 2:
        return ()
    with kept():
        found = deserving.standing(visitor.user.learner_id, here.parts)
    achievements, _problems = catalog.sound_achievements()
    shown = Shown(passed=found.passed, held=found.held(here.parts.clock()))
    return suggesting.suggest(entries, achievements, shown)
