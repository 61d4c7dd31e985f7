"""Lines that are written twice, whatever names, numbers and texts stand in them.

Comes in: texts. Goes out: pairs of places. A line here is a logical one: a statement, or the head of a
compound one; a semicolon ends one, too. Names become one word, numbers and texts another each; keywords and
operators stay; comments, blank lines, imports and statements that do nothing (docstrings, `pass`) count for
nothing.
"""

from __future__ import annotations

import io
import keyword
import token
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BLANK = frozenset(
    {token.NEWLINE, token.INDENT, token.DEDENT, token.ENDMARKER, tokenize.NL, tokenize.COMMENT}
)
_TEXT = "text"
#: Statements that do nothing: put in between, they would hide a copy.
_IDLE = ([_TEXT], ["number"], ["name"], ["pass"], ["..."], ["None"], ["True"], ["False"])


@dataclass(frozen=True)
class Pair:
    """The same lines in two places: lines are physical ones, from 1, both ends included."""

    path: str
    first: int
    last: int
    again_in: str
    again_first: int
    again_last: int


#: First and last physical line of a logical one, how many tokens it has, and what it says.
Line = tuple[int, int, int, str]


def lines(text: str) -> list[Line]:
    """The logical lines of a text that parses.

    Raises:
        tokenize.TokenError, SyntaxError: it does not.
    """
    found: list[Line] = []
    words: list[str] = []
    first = 0
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        if one.type == token.NEWLINE or (one.type == token.OP and one.string == ";"):
            if words and words[0] not in ("import", "from") and words not in _IDLE:
                found.append((first, one.start[0], len(words), " ".join(words)))
            words = []
        elif one.type not in _BLANK:
            if not words:
                first = one.start[0]
            words += [word] if (word := _word(one)) and (word != _TEXT or words[-1:] != [_TEXT]) else []
    return found


def pairs(files: Mapping[str, Sequence[Line]], *, least: int, tokens: int) -> list[Pair]:
    """Each run of lines that was written before, once; the later place is the one that is told.

    Args:
        files: logical lines by path.
        least: how many lines make a run.
        tokens: how many tokens a run has at least, so that a table of values is no duplicate.
    """
    ids: dict[str, int] = {}
    first: dict[tuple[int, ...], tuple[str, int]] = {}
    coded = {path: [ids.setdefault(line[3], len(ids)) for line in files[path]] for path in sorted(files)}
    found = []
    for path, code in coded.items():
        at = 0
        while at + least <= len(code):
            there, start = first.setdefault(tuple(code[at : at + least]), (path, at))
            if there == path and start + least > at:
                at += 1
                continue
            length = _extent(coded[there], start, code, at, same=there == path)
            if sum(line[2] for line in files[path][at : at + length]) < tokens:
                at += 1
                continue
            here, before = files[path], files[there]
            found.append(
                Pair(
                    path=path,
                    first=here[at][0],
                    last=here[at + length - 1][1],
                    again_in=there,
                    again_first=before[start][0],
                    again_last=before[start + length - 1][1],
                )
            )
            at += length
    return found


def _extent(before: Sequence[int], start: int, code: Sequence[int], at: int, *, same: bool) -> int:
    """How many lines are the same from here on; places in one file do not overlap."""
    most = min(len(before) - start, len(code) - at, *((at - start,) if same else ()))
    length = 0
    while length < most and before[start + length] == code[at + length]:
        length += 1
    return length


def _word(one: tokenize.TokenInfo) -> str:
    if one.type == token.NAME:
        return one.string if keyword.iskeyword(one.string) else "name"
    if one.type == token.NUMBER:
        return "number"
    # Since Python 3.12 a formatted text is many tokens; what stands in its braces counts as code there.
    if one.type == token.STRING or token.tok_name[one.type].startswith(("FSTRING", "TSTRING")):
        return _TEXT
    return one.string
