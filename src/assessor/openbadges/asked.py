"""What a verifier asks of a credential, and what each check comes to.

Comes in through the command line (or a test). Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from assessor.openbadges.sources import Sources
from assessor.openbadges.trust import Trusted


class State(StrEnum):
    """What a check came to; one that does not hold raises."""

    HELD = "held"  #: it holds
    OPEN = "not checked"  #: it could not be made here; the credential is neither held nor refused
    UNASKED = "not asked"  #: it needs what the verifier did not name, or what a learner keeps to themselves
    NOTHING = "nothing to check"  #: the credential says nothing of the kind


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a check came to, with a sentence for a person."""

    state: State
    words: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a verifier asks.

    Attributes:
        now: the time.
        sources: where documents may come from that the credential names.
        trust: the issuers that are trusted, or None where nobody asked.
        own: the issuer whose installation this is, with its keys, or None.
        email: whose it is to be, or None.
        schema: the official JSON Schema and the name of its file, or None.
        seen: a checkpoint of the log that was seen before, or None.
        engine: public keys of engines that are trusted, beside those that issuers vouch for, raw.
    """

    now: datetime
    sources: Sources
    trust: tuple[Trusted, ...] | None = None
    own: Trusted | None = None
    email: str | None = None
    schema: tuple[str, Mapping[str, Any]] | None = None
    seen: bytes | None = None
    engine: tuple[bytes, ...] = ()

    def known(self, issuer: str) -> Trusted | None:
        """What is known of an issuer from the verifier's own side."""
        listed = (*(self.trust or ()), *(() if self.own is None else (self.own,)))
        found = [one for one in listed if one.id == issuer]
        # A name alone says less than one with keys, wherever it stands.
        return next((one for one in found if one.issuer or one.engine or one.log), next(iter(found), None))


def held(words: str) -> Told:
    """It holds."""
    return Told(state=State.HELD, words=words)


def left_open(words: str) -> Told:
    """It could not be checked."""
    return Told(state=State.OPEN, words=words)


def unasked(words: str) -> Told:
    """The verifier did not ask."""
    return Told(state=State.UNASKED, words=words)


def nothing(words: str) -> Told:
    """The credential says nothing of the kind."""
    return Told(state=State.NOTHING, words=words)
