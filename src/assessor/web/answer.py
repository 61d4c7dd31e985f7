"""What checking a badge or evidence came to, as a page and a program are told it: a line for each check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any


class Stands(StrEnum):
    """How a check stands in an answer."""

    HELD = "held"  #: it holds
    REFUSED = "refused"  #: it does not hold
    OPEN = "not checked"  #: it could not be made here
    UNASKED = "not asked"  #: nobody asked, or the learner keeps what it is about to themselves
    NOTHING = "nothing to check"  #: the credential says nothing of the kind
    UNMADE = "not looked at"  #: an earlier one does not hold


class Verdict(StrEnum):
    """What an answer comes to."""

    HOLDS = "holds"  #: every check that was asked for was made, and holds
    REFUSED = "refused"  #: one does not hold
    OPEN = "cannot tell"  #: nothing speaks against it, but something could not be checked


@dataclass(frozen=True, kw_only=True)
class Line:
    """One check.

    Attributes:
        number, name: as `checks` and `verify` have them.
        sentence: what holds when it holds.
        stands: how it stands.
        words: what was found, or why not; empty where there is nothing to add.
    """

    number: int
    name: str
    sentence: str
    stands: Stands
    words: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a credential says of itself: true only as far as the checks say so.

    Attributes:
        name, description: of what was awarded.
        issuer: who it says to be by.
        since, until: from when and until when, as it writes them, or None.
        picture: the badge as an address of its own, or None.
    """

    name: str
    description: str
    issuer: str
    since: str | None
    until: str | None
    picture: str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What evidence that holds is evidence of: that it is genuine does not say that the work passed.

    Attributes:
        task: the task's id.
        verdict: `passed` or `failed`.
        total: 0 to 1.
        level: id of the level reached, or None.
    """

    task: str
    verdict: str
    total: Fraction
    level: str | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What checking came to.

    Attributes:
        verdict: in one word.
        lines: every check, in their order.
        said: what it says of itself, or None where it could not be read, or is evidence alone.
        shown: what evidence alone shows, where it holds; else empty.
    """

    verdict: Verdict
    lines: tuple[Line, ...]
    said: Said | None = None
    shown: tuple[Shown, ...] = ()

    @property
    def failed(self) -> Line | None:
        """The check that does not hold, or None."""
        return next((one for one in self.lines if one.stands is Stands.REFUSED), None)

    @property
    def known(self) -> bool:
        """Whether it is by somebody whom this installation knows: by itself. Evidence alone always is."""
        return all(one.stands is Stands.HELD for one in self.lines if one.name == "issuer")

    @property
    def withheld(self) -> bool:
        """Whether evidence was not looked at, since the learner keeps it to themselves."""
        return any(one.stands is Stands.UNASKED for one in self.lines if one.name == "evidence")

    def dump(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "verdict": self.verdict.value,
            "holds": self.verdict is Verdict.HOLDS,
            "checks": [
                {
                    "number": one.number,
                    "check": one.name,
                    "sentence": one.sentence,
                    "state": one.stands.value,
                    "words": one.words,
                }
                for one in self.lines
            ],
        }
