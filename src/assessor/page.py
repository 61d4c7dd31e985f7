"""The evidence page: a record for a person, in one HTML file that needs nothing else.

Comes in: the bytes of record.json and run.json, and the frozen task for its titles. Goes out: HTML without
script, links to nothing but what authors linked, and with a policy that forbids the browser all else. It
says what was asked, what was shown, how it was judged, and how to check it; never which test was which.

What a learner wrote (file names) and any other text is escaped twice over: as HTML by the template engine,
and as text by `report.shown`, so that nothing on the page can hide, move or reorder anything else on it.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache, lru_cache

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from assessor import digest, evidence, report
from assessor.catalog import Frozen
from assessor.evidence import ByReview, ByStatic, RecordCriterion, RecordTest
from assessor.rubric import Competency, Criterion, Level
from assessor.sandbox.protocol import Reason

#: What a failed test's reason means, for somebody who has never seen a test.
_REASONS = {
    Reason.ASSERTION: "gave a wrong result",
    Reason.ERROR: "stopped with an error",
    Reason.TIMEOUT: "ran out of time",
    Reason.MEMORY: "ran out of memory",
    Reason.PROCESSES: "started too many processes",
    Reason.OUTPUT: "printed or returned too much",
    Reason.DISK: "wrote too much to disk",
    Reason.CRASH: "crashed",
    Reason.PROTOCOL: "broke the rules of the test bridge",
}


#: Ways of isolation that keep the work from the tests and from the machine.
_SEALED = ("cell", "container")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One criterion as the page shows it.

    Attributes:
        title, description: of the rubric.
        competency: the skill that it shows, or None.
        weight: its share of the whole, percent.
        percent: what was reached, as text.
        width: the same as a number 0 to 100 for the bar.
        level: title of the level reached, or None.
        how: what gave the points, as a sentence.
        gate: the percent without which nothing passes, or None.
        gate_held: whether it was reached.
    """

    title: str
    description: str
    competency: Competency | None
    weight: int
    percent: str
    width: int
    level: str | None
    how: str
    gate: int | None
    gate_held: bool


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a shared link shows of the page.

    Attributes:
        url: where the page is.
        site: whose it is.
        picture: address of the badge's picture as PNG.
    """

    url: str
    site: str
    picture: str


def evidence_page(
    record: bytes,
    run: bytes,
    *,
    frozen: Frozen,
    key_id: str,
    files: Sequence[str] = (),
    card: Card | None = None,
    pack: str | None = None,
    verifier: str | None = None,
) -> str:
    """The page as HTML text.

    Args:
        record: bytes of record.json, made here or read back by their digest: whether they are in the one
            form is for `verify` to prove.
        run: bytes of run.json, likewise.
        frozen: the task, rubric and profile that the record names.
        key_id: name of the key that signed.
        files: names of the submitted files, where they are to be listed.
        card: what a shared link shows, where it is published for a badge.
        pack: where all of it is in one file, below the page's folder, or None.
        verifier: where it can be checked in a browser, or None.

    Raises:
        VerificationFailed: the record or the run is none.
        ValueError: `frozen` is not what the record names.
    """
    parsed, note = evidence.own(record), evidence.own_run(run)
    if frozen.digest != parsed.task.snapshot:
        raise ValueError(f"page: expected the frozen task {parsed.task.snapshot}, got {frozen.digest}")
    rubric, task = frozen.rubric, frozen.task
    return render(
        "evidence.html",
        record=parsed,
        run=note,
        record_id=digest.sha256(record),
        run_id=digest.sha256(run),
        key_id=key_id,
        task=task,
        rubric=rubric,
        profile=frozen.profile,
        files=sorted(files),
        card=card,
        pack=pack,
        verifier=verifier,
        brief=markdown(task.brief),
        rows=[
            _row(criterion, one, [test for test in parsed.tests if test.criterion == criterion.id])
            for criterion, one in zip(rubric.criteria, parsed.criteria, strict=True)
        ],
        competencies=_competencies(task.competencies, rubric.criteria),
        passed=parsed.decision.verdict == "passed",
        total=_percent(parsed.decision.total),
        level=_title(rubric.levels, parsed.decision.level),
        missed=[one.title for one in rubric.criteria if one.id in parsed.decision.gates_missed],
        reviewed=any(isinstance(one.given_by, ByReview) for one in parsed.criteria),
        hidden=sum(not test.visible for test in frozen.manifest.tests),
        # Known to be sealed, or not: a way of isolation that this page has never heard of is not praised.
        sealed=parsed.sandbox.isolation in _SEALED,
        received=moment(datetime.fromisoformat(note.received_at)),
        judged=moment(datetime.fromisoformat(note.finished_at)),
    )


def render(template: str, **values: object) -> str:
    """A page from one of the templates, with the style of them all.

    Every value is escaped as HTML and shown as `report.shown` shows it, but `Markup` that was made here.
    """
    style, style_hash = _style()
    return _environment().get_template(template).render(style=style, style_hash=style_hash, **values)


def policy() -> str:
    """What a browser may do with a page of these: a policy for servers to send with it.

    Stricter than what stands in the page: no frame around it, and an origin of its own (`sandbox`), so that
    it reaches nothing of whatever else its host serves.
    """
    _, style_hash = _style()
    return (
        f"default-src 'none'; img-src 'self' data:; style-src 'sha256-{style_hash}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; sandbox allow-downloads"
    )


def _row(criterion: Criterion, one: RecordCriterion, tests: Sequence[RecordTest]) -> Row:
    return Row(
        title=criterion.title,
        description=criterion.description,
        competency=criterion.competency,
        weight=one.weight,
        percent=_percent(one.fraction),
        width=int(one.fraction * 100),
        level=_title(criterion.levels, one.level),
        how=_how(one, tests),
        gate=one.gate,
        gate_held=one.gate is None or one.fraction * 100 >= one.gate,
    )


def _how(one: RecordCriterion, tests: Sequence[RecordTest]) -> str:
    given = one.given_by
    if isinstance(given, ByReview):
        return f"A reviewer gave {given.marks} of {given.of} marks."
    if isinstance(given, ByStatic):
        return f"{given.passed} of {given.of} checks of the source passed; these run nothing of it."
    said = f"{given.passed} of {given.of} tests passed"
    if given.passed < given.of:
        # Counted by reason, not told by test: which test failed how would say too much of hidden ones.
        reasons = Counter(test.reason for test in tests if test.reason is not None)
        said += "; " + ", ".join(
            f"{reasons[reason]} {words}" for reason, words in _REASONS.items() if reasons[reason]
        )
    return f"{said}."


def _title(levels: Sequence[Level], level_id: str | None) -> str | None:
    return next((level.title for level in levels if level.id == level_id), level_id)


def _competencies(own: Sequence[Competency], criteria: Sequence[Criterion]) -> list[Competency]:
    """The task's and its criteria's, each once."""
    found = [*own, *(one.competency for one in criteria if one.competency is not None)]
    return list({(one.framework, one.code): one for one in found}.values())


def _percent(fraction: Fraction) -> str:
    return report.percent(fraction).replace(" ", "\N{NO-BREAK SPACE}")


def moment(at: datetime) -> str:
    """A time in UTC as people read it."""
    return f"{at.day} {at:%B %Y}, {at:%H:%M} UTC"


# A worker makes many pages of the same few tasks.
@lru_cache(maxsize=64)
def markdown(source: str) -> Markup:
    """What an author wrote, as HTML: nothing raw, no images (they would be fetched), smaller headings."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(report.shown(source.replace("\r\n", "\n")))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704  made with html off


def _finalize(value: object) -> object:
    """Every value that meets the page goes through here, before it is escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Fraction):
        return _percent(value)
    return report.shown(str(value))


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("assessor"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet, and its digest as a browser's policy names it."""
    environment = _environment()
    assert environment.loader is not None
    text = environment.loader.get_source(environment, "evidence.css")[0]
    digits = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), digits  # noqa: S704  our own file, never input
