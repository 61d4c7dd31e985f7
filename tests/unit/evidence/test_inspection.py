"""Static checks: when one passes, what they are worth, and that evidence of them adds up."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import digest, evidence, inspection, proof, report, scoring, verify
from assessor.errors import ManifestStale, VerificationFailed
from assessor.inspection import CheckAnswer, CheckResult, Finding, Inspection, Reason, Tools
from assessor.rubric import Criterion, ScoredBy
from assessor.staticfile import StaticCheck

TOOLS = Tools(analyser="sha256:" + "d" * 64, python="3.11", ruff="0.17.6")
FOUND = ("a.py", 3, "F401", "`os` imported but unused.")


def check(**given: Any) -> StaticCheck:
    values: dict[str, Any] = {
        "id": "clean",
        "points": 1,
        "title": "Clean",
        "sentence": None,
        "files": ("*.py",),
        "kind": "ruff",
        "plan": '{"constructs": ["call sum", "loop"], "within": null}',
        "bound": 0,
    }
    return StaticCheck(**{**values, **given})


def answer(*found: Any, more: int = 0, looked: int = 1, broken: Any = ()) -> CheckAnswer:
    return CheckAnswer(found=found, more=more, looked=looked, broken=broken)


def conclude(
    one: StaticCheck, given_answer: CheckAnswer | None, files: tuple[str, ...] = ("a.py",)
) -> CheckResult:
    return inspection.conclude("form", one, files, given_answer)


def test_nothing_found_passes() -> None:
    assert conclude(check(), answer()).passed


def test_more_than_is_allowed_does_not_and_each_is_told() -> None:
    made = conclude(check(bound=1), answer(FOUND, FOUND))
    assert (made.passed, made.reason) == (False, Reason.FINDINGS)
    assert made.findings[0] == Finding(path="a.py", line=3, rule="F401", sentence="`os` imported but unused.")
    assert conclude(check(bound=2), answer(FOUND, FOUND)).passed


def test_what_is_not_told_one_by_one_counts() -> None:
    assert not conclude(check(bound=2), answer(FOUND, more=2)).passed


def test_own_sentence_takes_the_place_of_built_in_words() -> None:
    assert conclude(check(sentence="Tidy up."), answer(FOUND)).findings[0].sentence == "Tidy up."


def test_nothing_to_look_at_is_never_a_pass() -> None:
    nothing = conclude(check(), None, files=())
    assert (nothing.reason, nothing.findings[0].path) == (Reason.MISSING, "*.py")
    assert conclude(check(kind="docstrings"), answer(looked=0)).reason is Reason.MISSING


def test_required_construct_is_counted() -> None:
    wanted = check(kind="require", bound=2)
    hit = ("a.py", 1, "require loop", "")
    assert conclude(wanted, answer(hit, hit)).passed
    missing = conclude(wanted, answer(hit))
    assert missing.reason is Reason.MISSING
    assert missing.findings[0].sentence == (
        "Use at least 2 of call sum or loop: this task asks for it, there are 1."
    )


def test_function_to_look_into_must_be_there() -> None:
    wanted = check(kind="require", bound=1, plan='{"constructs": ["loop"], "within": "total"}')
    assert conclude(wanted, answer(looked=0)).findings[0].sentence == (
        "Write the function total: this task looks into it, and it is not there."
    )
    forbidden = check(kind="forbid", plan='{"constructs": ["loop"], "within": "total"}')
    assert conclude(forbidden, answer(looked=0)).reason is Reason.MISSING


def test_file_that_cannot_be_read_fails_the_check_and_names_the_worst_reason() -> None:
    broken = (("a.py", 2, Reason.UNREADABLE, "expected Python"), ("b.py", 1, Reason.TIME, "too long"))
    made = conclude(check(bound=9), answer(FOUND, broken=broken))
    assert (made.passed, made.reason) == (False, Reason.TIME)
    assert [(one.path, one.line, one.rule) for one in made.findings] == [
        ("a.py", 2, "unreadable"),
        ("b.py", 1, "time"),
        ("a.py", 3, "F401"),
    ]


HITS = st.tuples(st.sampled_from(["a.py", "b.py"]), st.integers(1, 9), st.just("F401"), st.text(max_size=3))
BROKEN = st.tuples(st.just("a.py"), st.integers(1, 9), st.sampled_from(Reason), st.text(max_size=3))
ANSWERS = st.builds(
    CheckAnswer,
    found=st.lists(HITS, max_size=4).map(tuple),
    more=st.integers(0, 3),
    looked=st.integers(0, 2),
    broken=st.lists(BROKEN, max_size=2).map(tuple),
)


@given(
    ANSWERS, st.integers(0, 5), st.sampled_from(["ruff", "forbid", "complexity", "docstrings", "duplication"])
)
def test_one_finding_less_never_fails_what_passed(came: CheckAnswer, bound: int, kind: str) -> None:
    one = check(kind=kind, bound=bound)
    fewer = [
        came.model_copy(update={"found": came.found[1:]}),
        came.model_copy(update={"broken": came.broken[1:]}),
    ]
    if came.more:
        fewer.append(came.model_copy(update={"more": came.more - 1}))
    if conclude(one, came).passed:
        assert all(conclude(one, better).passed for better in fewer)
    failed = conclude(one, came)
    assert failed.passed or failed.findings or failed.more  # a failure always says something


# Scoring


def result(at: int, *, passed: bool, points: int = 1, criterion: str = "form") -> CheckResult:
    return CheckResult(
        criterion=criterion,
        id=f"c{at}",
        title="",
        points=points,
        passed=passed,
        reason=None if passed else Reason.FINDINGS,
    )


def with_checks(rubric: Any, points: list[int]) -> Any:
    """The rubric with its criterion that a reviewer marks scored by static checks."""
    style: Criterion = rubric.criteria[2]
    checks = tuple(check(id=f"c{at}", points=one) for at, one in enumerate(points))
    made = replace(style, scored_by=ScoredBy.STATIC, marks=None, checks=checks)
    return replace(rubric, criteria=(*rubric.criteria[:2], made))


def results(points: list[int], passed: list[bool]) -> list[CheckResult]:
    return [
        result(at, passed=one, points=worth, criterion="style")
        for at, (worth, one) in enumerate(zip(points, passed, strict=True))
    ]


def test_points_of_checks_passed_are_the_criterions_share(make: Any, frozen: Any) -> None:
    rubric = with_checks(frozen.rubric, [3, 1])
    scored = scoring.score(rubric, make.results(), checks=results([3, 1], [True, False]))
    style = scored.criteria[2]
    assert (style.fraction, style.points) == (Fraction(3, 4), 15)
    assert (style.passed, style.total, style.given_by) == (1, 2, scoring.GivenBy.STATIC)
    assert scored.total == Fraction(95, 100)


@pytest.mark.parametrize(
    "given_checks",
    [
        [],
        results([3], [True]),
        results([3, 2], [True, True]),
        results([3, 1, 1], [True, True, True]),
        [*results([3, 1], [True, True]), result(0, passed=True, points=3, criterion="correctness")],
    ],
    ids=["none", "one too few", "other points", "one too many", "another criterion"],
)
def test_checks_that_are_not_the_rubrics_own_are_refused(make: Any, frozen: Any, given_checks: Any) -> None:
    rubric = with_checks(frozen.rubric, [3, 1])
    with pytest.raises(
        ManifestStale, match=r"rubric median: expected the static checks style/c0 \(3\), style/c1"
    ):
        scoring.score(rubric, make.results(), checks=given_checks)


@given(
    st.data(), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 100), st.integers(1, 100)
)
def test_one_more_check_passed_never_lowers_anything(
    make: Any, frozen: Any, data: st.DataObject, points: list[int], gate: int, pass_from: int
) -> None:
    rubric = with_checks(replace(frozen.rubric, pass_from=pass_from), points)
    rubric = replace(rubric, criteria=(*rubric.criteria[:2], replace(rubric.criteria[2], gate=gate)))
    passed = data.draw(st.lists(st.booleans(), min_size=len(points), max_size=len(points)))
    lucky = data.draw(st.integers(0, len(points) - 1))
    before = scoring.score(rubric, make.results(), checks=results(points, passed))
    after = scoring.score(
        rubric, make.results(), checks=results(points, [one or at == lucky for at, one in enumerate(passed)])
    )
    assert after.total >= before.total
    assert set(after.gates_missed) <= set(before.gates_missed)
    assert (before.verdict, after.verdict) != (scoring.Verdict.PASSED, scoring.Verdict.FAILED)
    assert (after.criteria[2].fraction or 0) >= (before.criteria[2].fraction or 0)


# Evidence


def record(make: Any, frozen: Any, passed: tuple[bool, ...] = (True, False)) -> bytes:
    rubric, points = with_checks(frozen.rubric, [3, 1]), [3, 1]
    checks = tuple(
        replace(one, findings=(Finding(path="a.py", line=1, rule="F401", sentence="secret words"),))
        for one in results(points, list(passed))
    )
    tests = make.results()
    return make.record(
        frozen=replace(frozen, rubric=rubric),
        assessment=scoring.score(rubric, tests, checks=checks),
        marks=(),
        inspection=Inspection(results=checks, tools=TOOLS, shut=()),
    )


def verified(make: Any, data: bytes) -> None:
    folder = make.folder(data)
    verify.evidence(record=folder.record, run=folder.run, envelope=folder.envelope, keys=folder.keys)


def test_record_names_checks_and_tools_and_nothing_that_was_found(make: Any, frozen: Any) -> None:
    data = record(make, frozen)
    verified(make, data)
    told = json.loads(data)
    assert told["static"] == {
        "analyser": TOOLS.analyser,
        "python": "3.11",
        "ruff": "0.17.6",
        "checks": [
            {"criterion": "style", "id": "c0", "points": 3, "passed": True, "reason": None},
            {"criterion": "style", "id": "c1", "points": 1, "passed": False, "reason": "findings"},
        ],
    }
    assert told["criteria"][2]["given_by"] == {"kind": "static", "passed": 1, "of": 2}
    assert b"secret" not in data


def test_record_without_static_criteria_is_what_it_always_was(make: Any) -> None:
    data = make.record()
    assert b"static" not in data
    assert digest.canonical(evidence.parse(data).model_dump(mode="json")) == data
    with pytest.raises(VerificationFailed, match="record-form"):
        evidence.parse(digest.canonical({**json.loads(data), "static": None}))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda r: r["static"]["checks"][1].update(passed=True, reason=None),
            "criterion style, checks passed: expected 2",
        ),
        (
            lambda r: r["static"]["checks"][1].update(passed=True),
            "check style/c1: expected a reason if and only if",
        ),
        (
            lambda r: r["static"]["checks"][1].update(criterion="robustness"),
            "check robustness/c1: expected it to feed a",
        ),
        (lambda r: r["static"]["checks"][1].update(id="c0"), "static checks, each once: expected 2, got 1"),
        (
            lambda r: r["static"]["checks"][0].update(points=1),
            "criterion style, fraction: expected 1/2, got 3/4",
        ),
        (lambda r: r["static"]["checks"].pop(), "criterion style, checks: expected 1, got 2"),
        (lambda r: r.pop("static"), "criterion style, checks: expected 0, got 2"),
        (
            lambda r: (
                r.pop("static"),
                r["criteria"][2].update(given_by={"kind": "static", "passed": 0, "of": 0}),
            ),
            "criterion style: expected static checks, got none",
        ),
    ],
)
def test_signed_record_whose_checks_do_not_add_up_is_refused(
    make: Any, frozen: Any, change: Any, text: str
) -> None:
    value = json.loads(record(make, frozen))
    change(value)
    with pytest.raises(VerificationFailed, match="arithmetic") as caught:
        verified(make, digest.canonical(value))
    assert caught.value.problem.startswith(text)


def test_other_analyser_is_named_as_the_cause_of_another_record(make: Any, frozen: Any) -> None:
    old = record(make, frozen)
    value = json.loads(old)
    value["static"]["ruff"] = "0.18.0"
    told = verify.compare(old, digest.canonical(value))
    assert told.causes == ("the analyser's ruff: 0.17.6 then, 0.18.0 now",)


def test_check_that_comes_out_otherwise_is_named(make: Any, frozen: Any) -> None:
    told = verify.compare(record(make, frozen), record(make, frozen, passed=(True, True)))
    assert told.causes == ("the static check style/c1: failed (findings) then, passed now",)


# What learners are told


def test_feedback_tells_findings_of_what_failed_and_none_of_what_held(make: Any, frozen: Any) -> None:
    rubric = with_checks(frozen.rubric, [3, 1])
    found = (Finding(path="a.py", line=1, rule="F401", sentence="Mend it."),)
    checks = [replace(one, findings=found, more=2) for one in results([3, 1], [True, False])]
    scored = scoring.score(rubric, make.results(), checks=checks)
    told = report.feedback(frozen.task.policy, make.results(), scored, checks=checks)
    assert [(one.passed, one.findings, one.more) for one in told.checks] == [(True, (), 0), (False, found, 2)]
    assert told.dump()["checks"][1]["findings"][0]["sentence"] == "Mend it."
    kept = json.loads(
        report.private(
            frozen=replace(frozen, rubric=rubric), results=make.results(), assessment=scored, checks=checks
        )
    )
    assert [len(one["findings"]) for one in kept["checks"]] == [1, 1]


def test_envelope_over_a_record_with_checks_is_as_any_other(make: Any, frozen: Any) -> None:
    folder = make.folder(record(make, frozen, passed=(True, True)))
    assert proof.opened(folder.envelope, folder.keys)
