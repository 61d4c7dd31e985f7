"""Whether the brief can be read by everyone: by a screen reader, by somebody in a hurry, offline.

Comes in: README.md and the files beside it. Goes out: findings with lines. Whether it asks for what the tests
test is left to the static gate and to the author.

    headings       one of level 1, first; none skips a level
    pictures       say in words what they show
    links          lead to a file of the task, or to a heading of the brief
    code           no block is empty
    sentences      are short enough on the whole (told, never an error)
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assessor.authoring.finding import Finding, Found

#: Words of a sentence, on average, above which a text is hard to read.
WORDS = 25
_EMPTY_WORDS = frozenset({"here", "click here", "this", "link", "this link", "more", "read more"})
_SENTENCE = re.compile(r"[.!?:]+(?:\s|$)")
_IMAGE = re.compile(r"<img\b(?P<rest>[^>]*)>", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(?:(["'])\s*(?!\1)\S|[^\s"'>])""", re.IGNORECASE)


def gate(brief: str, path: str, files: Collection[str]) -> Found:
    """Look at a brief.

    Args:
        brief: Markdown.
        path: its file, as the author knows it.
        files: what lies in the task's folder and learners may see, by path.
    """
    tokens = MarkdownIt("commonmark").enable("table").parse(brief)
    headings = [
        (int(token.tag[1]), tokens[at + 1].content, _line(token))
        for at, token in enumerate(tokens)
        if token.type == "heading_open"
    ]
    found = [
        *_headings(headings, path),
        *_blocks(tokens, path),
        *_inline(tokens, path, files, _anchors(text for _, text, _ in headings)),
        *_sentences(tokens, path),
    ]
    words = sum(len(token.content.split()) for token in tokens if token.type == "inline")
    return Found(findings=tuple(found), told=f"{len(headings)} headings, {words} words")


def _headings(headings: list[tuple[int, str, int]], path: str) -> Iterator[Finding]:
    first = [line for level, _, line in headings if level == 1]
    if len(first) != 1:
        yield Finding(
            path=path,
            line=first[1] if first else 1,
            problem=f"expected one heading of level 1, the title, got {len(first)}",
            mend="give the brief one `# Title`, and `##` for its parts",
        )
    for (before, _, _), (level, text, line) in zip([(0, "", 0), *headings], headings, strict=False):
        if level > before + 1 and not (before == 0 and not first):
            yield Finding(
                path=path,
                line=line,
                problem=f'expected a heading of level {before + 1} or above, got level {level}: "{text}"',
                mend="step down one level at a time: screen readers walk through headings by level",
            )


def _blocks(tokens: list[Token], path: str) -> Iterator[Finding]:
    for token in tokens:
        if token.type == "fence" and not token.content.strip():
            yield Finding(
                path=path,
                line=_line(token),
                problem="expected code between the fences, got nothing",
                mend="fill the block, or take it out; look whether a fence before it was left open",
            )
        if token.type == "html_block":
            yield from _html(token.content, path, _line(token))


def _inline(
    tokens: list[Token], path: str, files: Collection[str], anchors: Collection[str]
) -> Iterator[Finding]:
    for token in tokens:
        if token.type != "inline":
            continue
        children, line = token.children or [], _line(token)
        for at, one in enumerate(children):
            if one.type in ("softbreak", "hardbreak"):
                line += 1
            elif one.type == "html_inline":
                yield from _html(one.content, path, line)
            elif one.type == "image":
                if not one.content.strip():
                    yield _no_alt(path, line, str(one.attrs.get("src", "")))
                yield from _target(str(one.attrs.get("src", "")), path, line, files, anchors)
            elif one.type == "link_open":
                target = str(one.attrs.get("href", ""))
                yield from _target(target, path, line, files, anchors)
                said = children[at + 1].content if at + 1 < len(children) else ""
                if said.strip().lower() in _EMPTY_WORDS:
                    yield Finding(
                        path=path,
                        line=line,
                        problem=f'expected a link that says where it leads, got "{said}"',
                        mend="name the page in the link's text: some hear the links alone",
                        serious=False,
                    )


def _html(text: str, path: str, line: int) -> Iterator[Finding]:
    for found in _IMAGE.finditer(text):
        if not _ALT.search(found["rest"]):
            yield _no_alt(path, line + text.count("\n", 0, found.start()), found[0])


def _no_alt(path: str, line: int, picture: str) -> Finding:
    return Finding(
        path=path,
        line=line,
        problem=f"expected words for those who do not see the picture, got none: {picture}",
        mend="write them between the brackets: ![what it shows](file)",
    )


def _target(
    target: str, path: str, line: int, files: Collection[str], anchors: Collection[str]
) -> Iterator[Finding]:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return
    file, anchor = posixpath.normpath(unquote(parts.path)) if parts.path else "", unquote(parts.fragment)
    if file and not any(one == file or one.startswith(f"{file}/") for one in files):
        yield Finding(
            path=path,
            line=line,
            problem=f"expected a link to a file that learners get, got {target}",
            mend="put the file into starter/ or beside the brief, or link to a page of the web",
        )
    elif not file and anchor not in anchors:
        yield Finding(
            path=path,
            line=line,
            problem=f"expected a link to a heading of the brief, got #{anchor}",
            mend=f"there are: {', '.join(f'#{one}' for one in sorted(anchors)) or 'none'}",
        )


def _sentences(tokens: list[Token], path: str) -> Iterator[Finding]:
    lengths = []
    for at, token in enumerate(tokens):
        if token.type == "inline" and tokens[at - 1].type == "paragraph_open":
            sentences = _SENTENCE.split(token.content)
            lengths += [(len(one.split()), _line(token)) for one in sentences if one.strip()]
    if not lengths:
        return
    average = sum(length for length, _ in lengths) / len(lengths)
    longest, line = max(lengths)
    if average > WORDS:
        yield Finding(
            path=path,
            line=line,
            problem=f"expected sentences of at most {WORDS} words on average, got {average:.0f}; "
            f"the longest here has {longest}",
            mend="make two of the long ones",
            serious=False,
        )


def _anchors(headings: Iterable[str]) -> set[str]:
    """What links name headings by; of equal ones the second ends in `-1`, the third in `-2`."""
    found: Counter[str] = Counter()
    made = set()
    for slug in map(_slug, headings):
        made.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return made


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1
