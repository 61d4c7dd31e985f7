"""The brief: what a reader, or a screen reader, would stumble over."""

from __future__ import annotations

import pytest

from assessor.authoring import brief

GOOD = """# A title

Read [the rules](#the-rules) and [a file](starter/x.py), or [Python](https://python.org).

![a curve that rises](curve.png)

## The rules

```
code
```
"""


def problems(text: str, *, serious: bool = True) -> list[tuple[int | None, str]]:
    found = brief.gate(text, "tasks/t/README.md", ["starter/x.py", "curve.png"])
    return [(one.line, one.problem) for one in found.findings if one.serious is serious]


def test_good_brief_has_nothing_to_mend() -> None:
    assert brief.gate(GOOD, "README.md", ["starter/x.py", "curve.png"]).findings == ()


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("Words alone.\n", 1, "expected one heading of level 1, the title, got 0"),
        ("# A\n\n# B\n", 3, "expected one heading of level 1, the title, got 2"),
        ("# A\n\n### B\n", 3, 'expected a heading of level 2 or above, got level 3: "B"'),
        (
            "# A\n\n![](curve.png)\n",
            3,
            "expected words for those who do not see the picture, got none: curve.png",
        ),
        (
            "# A\n\n<img src='curve.png'>\n",
            3,
            "expected words for those who do not see the picture, got none: <img src='curve.png'>",
        ),
        ("# A\n\nSee\n[it](b.py).\n", 4, "expected a link to a file that learners get, got b.py"),
        (
            "# A\n\n[it](../../etc/passwd)\n",
            3,
            "expected a link to a file that learners get, got ../../etc/passwd",
        ),
        ("# A\n\n[it](#b)\n", 3, "expected a link to a heading of the brief, got #b"),
        ("# A\n\n```\n```\n", 3, "expected code between the fences, got nothing"),
    ],
)
def test_obstacle_is_told_with_its_line(text: str, line: int, problem: str) -> None:
    assert problems(text) == [(line, problem)]


def test_headings_and_links_in_code_are_no_headings_and_links() -> None:
    assert problems("# A\n\n```\n# B\n[x](y)\n```\n") == []


@pytest.mark.parametrize(
    "text", ["# A\n\n## B\n\n## B\n\n[the second](#b-1)\n", "# A\n\n<img src=curve.png alt=curve>\n"]
)
def test_second_of_two_equal_headings_and_words_without_quotes_are_known(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize("alt", ['alt=""', "alt=' '", "alt"])
def test_empty_words_of_a_picture_are_none(alt: str) -> None:
    assert len(problems(f"# A\n\n<img src='curve.png' {alt}>\n")) == 1


def test_long_sentences_and_empty_links_are_told_and_fail_nothing() -> None:
    text = f"# A\n\n{'word ' * 40}.\n\nLook [here](curve.png).\n"
    assert problems(text) == []
    said = [problem for _, problem in problems(f"# A\n\n{'word ' * 60}.\n", serious=False)]
    assert said == ["expected sentences of at most 25 words on average, got 60; the longest here has 60"]
    assert problems("# A\n\nLook [here](curve.png).\n", serious=False) == [
        (3, 'expected a link that says where it leads, got "here"')
    ]
