"""The pages of the documentation hold together: what they link to is there."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from assessor.authoring import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    text = FENCED.sub("", page.read_text())
    return [(len(marks), said) for marks, said in re.findall(r"^(#+) (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for name, place in LINK.findall(CODE.sub("", page.read_text())):
        target = page.parent / name if name else page
        if not target.exists():
            broken.append(name)
        elif place and place not in {reference.anchor(said) for _, said in headings(target)}:
            broken.append(f"{name}#{place}")
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_are_in_order(page: Path) -> None:
    levels = [level for level, _ in headings(page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name)
def test_front_page_or_another_leads_to_each_page(page: Path) -> None:
    assert f"(docs/{page.name})" in (ROOT / "README.md").read_text()
