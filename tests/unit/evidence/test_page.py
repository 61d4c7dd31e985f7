"""The evidence page: says what it must, escapes what it must, fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor import digest, evidence, page
from assessor.errors import VerificationFailed
from assessor.sandbox.protocol import Reason

VOID = {"meta", "rect"}


class Reader(HTMLParser):
    """Checks that tags nest, and keeps tags, text and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def render(make, frozen):
    def render(failed=None, *, style=3, task=frozen, **given):
        record = given.pop("record", None) or make.record(failed, style=style)
        return page.evidence_page(record, make.run(), frozen=task, key_id=make.signer.key_id, **given)

    return render


@pytest.fixture(scope="module")
def plain_tags(render):
    return [tag for tag, _ in Reader(render(files=["x"])).tags]


def test_page_says_what_was_asked_shown_and_how_it_was_judged(render, make):
    read = Reader(render({3: Reason.TIMEOUT}))
    for words in (
        "Median",
        "✓ Passed",
        "90 %",
        "level Distinction",
        "It takes 60 % of the whole to pass.",
        "handed this work in on 24 November 2026, 09:00 UTC",
        "7 tests, 6 of them unseen by the learner, and a person marked",
        "Write a function that gives the median of a list of numbers.",
        "beginner",
        "computer programming",
        "Correct results 91.6 % · Proficient",
        "4 of 5 tests passed; 1 ran out of time. Counts for 60 % of the whole.",
        "At least 50 % is needed here to pass at all: reached",
        "A reviewer gave 3 of 4 marks.",
        "in a sealed container",
        "assessor verify FOLDER",
        digest.sha256(make.record({3: Reason.TIMEOUT})),
        make.signer.key_id,
        make.bundle.digest,
    ):
        assert words in read.text
    assert "Not a sealed run" not in read.text


def test_failed_page_says_so_and_names_the_missed_gate(render):
    read = Reader(render({1: Reason.CRASH, 5: Reason.ASSERTION}))
    assert "✗ Not passed" in read.text
    assert "✓ Passed" not in read.text
    assert "too little was reached in Correct results, without which nothing passes" in read.text
    assert "3 of 5 tests passed; 1 gave a wrong result, 1 crashed." in read.text
    assert "at all: not reached" in read.text


def test_every_reason_has_words_for_a_person(render):
    for reason in Reason:
        assert f"1 of 2 tests passed; 1 {page._REASONS[reason]}." in Reader(render({6: reason})).text


@pytest.mark.parametrize("isolation", ["none", "fake", "anything"])
def test_run_that_is_not_known_to_be_sealed_is_marked(render, make, isolation):
    identity = replace(evidence.parse(make.record()).sandbox, isolation=isolation)
    read = Reader(render(record=make.record(identity=identity)))
    assert "Not a sealed run. The work ran without isolation" in read.text
    assert "sealed container" not in read.text


def test_page_tells_nothing_of_tests_but_counts(render, frozen, make):
    html = render({3: Reason.TIMEOUT})
    assert [test.id for test in frozen.manifest.tests if test.id in html] == []
    assert make.marks()[0].reviewer not in html
    assert "private words" not in html


def test_page_runs_nothing_and_fetches_nothing(render):
    read = Reader(render(files=["solution.py"]))
    assert {tag for tag, _ in read.tags} & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "form",
        "input",
    } == set()
    for tag, attrs in read.tags:
        assert not [name for name in attrs if name.startswith("on") or name in ("src", "style", "srcset")]
        assert tag == "a" or "href" not in attrs
    links = list(dict.fromkeys(attrs["href"] for attrs in read.named("a")))
    assert links == ["https://data.europa.eu/esco/skill/x", "record.json", "run.json", "evidence.dsse"]


def test_policy_allows_the_page_its_own_style_alone(render):
    html = render()
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = Reader(html).named("meta")[1]["content"]
    assert policy == f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"


def test_page_can_be_read_without_eyes(render):
    read = Reader(render())
    assert read.named("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = {attrs["id"] for _, attrs in read.tags if attrs.get("id")}
    assert {attrs["aria-labelledby"] for _, attrs in read.tags if "aria-labelledby" in attrs} <= ids
    assert all("scope" in attrs for attrs in read.named("th"))
    assert all(attrs.get("aria-hidden") == "true" for attrs in read.named("svg"))


def test_brief_cannot_bring_its_own_markup(render, frozen):
    brief = (
        "# Big\n\n<script>alert(1)</script>\n\n![x](https://tracker.example/x.png) [y](javascript:alert(1))\n"
    )
    read = Reader(render(task=replace(frozen, task=replace(frozen.task, brief=brief))))
    assert read.named("script") == []
    assert read.named("img") == []
    assert "<script>alert(1)</script>" in read.text
    assert not [attrs for attrs in read.named("a") if "javascript" in (attrs["href"] or "")]


HOSTILE = [
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    '"><img src=x onerror=alert(1)>',
    "a\u202egpj.py",
    "\x1b[2J",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(render, frozen, name):
    task = replace(frozen.task, title=name, summary=name, id=frozen.task.id)
    criterion = replace(frozen.rubric.criteria[0], title=name, description=name)
    rubric = replace(frozen.rubric, title=name, criteria=(criterion, *frozen.rubric.criteria[1:]))
    html = render(files=[name], task=replace(frozen, task=task, rubric=rubric))
    read = Reader(html)
    assert read.named("script") == read.named("img") == []
    assert "49" not in read.text
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert read.text.count(page.report.shown(name)) >= 6


@settings(max_examples=25)  # each renders the whole page
@given(st.text(max_size=30))
def test_any_file_name_leaves_the_page_whole(render, plain_tags, name):
    html = render(files=[name])
    read = Reader(html)
    assert [tag for tag, _ in read.tags] == plain_tags
    html.encode()


def test_page_of_another_task_is_refused(render, frozen):
    with pytest.raises(ValueError, match=r"page: expected the frozen task sha256:.*, got sha256:other"):
        render(task=replace(frozen, digest="sha256:other"))


def test_page_of_no_record_is_refused(render):
    with pytest.raises(VerificationFailed):
        render(record=b"{}")
