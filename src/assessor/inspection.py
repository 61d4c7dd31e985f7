"""What static checks found in a submission: pure values, and when a check passes.

Comes in: the rubric's checks and the analyser's answer. Goes out: one `CheckResult` a check. What they are
worth is left to `scoring`; nothing here reads or runs a file.

A check passes when all it needed could be read, there was something to look at, and no more was found than
its author allows. One finding less never turns a pass into a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pydantic

from assessor.staticfile import StaticCheck


class Reason(StrEnum):
    """Why a check did not pass; of several the first in this order is told."""

    CRASH = "crash"  #: a file ended what reads it
    MEMORY = "memory"  #: a file takes too much memory to be read
    TIME = "time"  #: a file takes too long to be read
    UNREADABLE = "unreadable"  #: a file is no Python that can be read
    MISSING = "missing"  #: what must be there is not, or there was nothing to look at
    FINDINGS = "findings"  #: more was found than is allowed


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One place in a submission, with what to do there.

    Attributes:
        path: in the submission, or a pattern that no file fits.
        line: from 1.
        rule: such as `F401`, `forbid loop`, `duplication`, `unreadable`.
        sentence: for the learner; can hold their own names.
    """

    path: str
    line: int
    rule: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one static check came to.

    Attributes:
        criterion: id of the criterion that it feeds.
        id: of the check.
        title: what it looks for, for people.
        points: its share of its criterion.
        passed: whether it holds.
        reason: why not, or None.
        findings: by path and line; may be some where it holds, too, if its author allows some.
        more: how many more findings there are than are told.
    """

    criterion: str
    id: str
    title: str
    points: int
    passed: bool
    reason: Reason | None
    findings: tuple[Finding, ...] = ()
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What looked.

    Attributes:
        analyser: digest of our own code that does.
        python: version of the interpreter that parsed, such as `3.11`.
        ruff: its version, or None where no check asked it.
    """

    analyser: str
    python: str
    ruff: str | None


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """All static checks of one submission.

    Attributes:
        results: one for each check of the rubric, in its order.
        tools: what looked.
        shut: what the analyser's process could not reach: `network`, `disk`.
    """

    results: tuple[CheckResult, ...]
    tools: Tools
    shut: tuple[str, ...]


_Line = Annotated[int, pydantic.Field(ge=1)]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class CheckAnswer(_Strict):
    """The analyser's answer to one check: see `analysis.child`."""

    found: tuple[tuple[str, _Line, str, str], ...]
    more: Annotated[int, pydantic.Field(ge=0)]
    looked: Annotated[int, pydantic.Field(ge=0)]
    broken: tuple[tuple[str, _Line, Reason, str], ...]


class Answer(_Strict):
    """The analyser's answer."""

    shut: tuple[str, ...]
    checks: tuple[CheckAnswer, ...]


def conclude(
    criterion: str, check: StaticCheck, files: Sequence[str], answer: CheckAnswer | None
) -> CheckResult:
    """What a check comes to.

    Args:
        criterion: id of the criterion that it feeds.
        check: the check.
        files: paths that it takes, sorted.
        answer: the analyser's; None where there was no file to ask about.
    """
    if answer is None or not files:
        nothing = Finding(
            path=", ".join(check.files),
            line=1,
            rule=check.kind,
            sentence="Hand in a file of this name: there was none to look at.",
        )
        return _result(criterion, check, Reason.MISSING, [nothing])
    if answer.broken:
        return _result(criterion, check, *_broken(answer), more=answer.more)
    count = len(answer.found) + answer.more
    if check.kind == "require":
        if count >= check.bound and answer.looked:
            return _result(criterion, check, None, [])
        return _result(
            criterion, check, Reason.MISSING, [_required(check, files, count, there=answer.looked)]
        )
    found = [
        Finding(path=path, line=line, rule=rule, sentence=check.sentence or sentence)
        for path, line, rule, sentence in answer.found
    ]
    if not answer.looked:
        sentence = check.sentence or "Write what this is about: there was nothing of it to look at."
        return _result(
            criterion,
            check,
            Reason.MISSING,
            [*found, Finding(path=files[0], line=1, rule=check.kind, sentence=sentence)],
        )
    reason = Reason.FINDINGS if count > check.bound else None
    return _result(criterion, check, reason, found, more=answer.more)


def unanswered(
    criterion: str, check: StaticCheck, files: Sequence[str], reason: Reason, why: str
) -> CheckResult:
    """The same where the analyser itself came to no answer over these files."""
    if not files:
        return conclude(criterion, check, files, None)
    broken = CheckAnswer(found=(), more=0, looked=0, broken=((files[0], 1, reason, why),))
    return conclude(criterion, check, files, broken)


def _result(
    criterion: str, check: StaticCheck, reason: Reason | None, findings: Sequence[Finding], more: int = 0
) -> CheckResult:
    return CheckResult(
        criterion=criterion,
        id=check.id,
        title=check.title,
        points=check.points,
        passed=reason is None,
        reason=reason,
        findings=tuple(findings),
        more=more,
    )


def _broken(answer: CheckAnswer) -> tuple[Reason, list[Finding]]:
    told = [
        Finding(
            path=path,
            line=line,
            rule=reason.value,
            sentence=f"Mend this file, it could not be looked at: {why}.",
        )
        for path, line, reason, why in answer.broken
    ]
    told += [
        Finding(path=path, line=line, rule=rule, sentence=said)
        for path, line, rule, said in answer.found
        if said
    ]
    order = list(Reason)
    return min((reason for _, _, reason, _ in answer.broken), key=order.index), told


def _required(check: StaticCheck, files: Sequence[str], count: int, *, there: int) -> Finding:
    plan = pydantic.TypeAdapter(dict[str, object]).validate_json(check.plan)
    wanted = plan["constructs"]
    assert isinstance(wanted, list), "a require check names constructs"
    where = f" in {plan['within']}" if plan["within"] else ""
    if not there:
        sentence = f"Write the function {plan['within']}: this task looks into it, and it is not there."
    else:
        some = f"at least {check.bound} of " if check.bound > 1 else ""
        got = f", there are {count}" if count else ""
        sentence = f"Use {some}{' or '.join(wanted)}{where}: this task asks for it{got}."
    return Finding(path=files[0], line=1, rule="require", sentence=check.sentence or sentence)
