"""Which form of a thing is sent: the one that whoever asks likes best, of those that there are.

Comes in: the header `Accept`, and media types in our own order of liking. Goes out: one of them, or None.

Source: RFC 9110, clauses 12.4.2 (weights), 12.4.3 (wildcards) and 12.5.1 (the most specific range counts).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: Of a header, how many ranges are looked at: no browser sends as many.
RANGES = 64

_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)/([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*((?:;.*)?)", re.DOTALL)
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, kw_only=True)
class Range:
    """One range of media types.

    Attributes:
        kind, form: the parts of `text/html`; `*` for any, in lower case.
        weight: from 0, not at all, to 1.
    """

    kind: str
    form: str
    weight: float

    def closeness(self, media: str) -> int:
        """How closely it names a media type: from 1, any, to 3, this very one; 0 where it does not."""
        kind, _, form = media.partition("/")
        if (self.kind, self.form) == (kind, form):
            return 3
        if (self.kind, self.form) == (kind, "*"):
            return 2
        return 1 if (self.kind, self.form) == ("*", "*") else 0


def choose(accept: str | None, offers: Sequence[str]) -> str | None:
    """The media type that is sent, or None where none of them would be taken.

    Args:
        accept: the header, or None where there is none: anything will do.
        offers: media types without parameters, in lower case, the one that we like best first.
    """
    ranges = read(accept or "")
    if not ranges:
        return offers[0] if offers else None
    weighed = [(_weight(offer, ranges), -place, offer) for place, offer in enumerate(offers)]
    best = max(weighed, default=(0.0, 0, ""))
    return best[2] if best[0] > 0 else None


def read(accept: str) -> list[Range]:
    """The ranges in a header, without those that are none."""
    found = []
    for text in accept.split(",")[:RANGES]:
        matched = _RANGE.fullmatch(text)
        if matched is None:
            continue
        kind, form = matched[1].lower(), matched[2].lower()
        weight = _parameter(matched[3])
        if weight is not None and (kind != "*" or form == "*"):
            found.append(Range(kind=kind, form=form, weight=weight))
    return found


def _parameter(text: str) -> float | None:
    """The weight among the parameters, 1 where none is; None where it is none."""
    for one in text.split(";"):
        name, _, value = one.strip().partition("=")
        if name.lower() == "q":
            return float(value) if _WEIGHT.fullmatch(value) else None
    return 1.0


def _weight(offer: str, ranges: Sequence[Range]) -> float:
    """How much an offer is liked: as the range says that names it most closely."""
    closest = max(one.closeness(offer) for one in ranges)
    if not closest:
        return 0.0
    return max(one.weight for one in ranges if one.closeness(offer) == closest)
