"""What a sandbox promises, each promise tried through the very path that submissions take.

Comes in: a `Sandbox` and a profile. Goes out: a `Report` with one `Finding` for each guarantee. What is tried
and what must come of it stands in `inside/`, as a submission and its tests; a test's docstring is its
guarantee:

    \"\"\"What is promised.

    How: how it is tried
    Ends: reasons, where the test must fail for one of these instead of passing
    \"\"\"

Stages: `alone`, what one sandbox can try by itself; `limits`, using things up; `service`, what a server gets;
`beside`, two sandboxes at the same time; `after`, one after the other.
"""

from __future__ import annotations

import ast
import inspect
import json
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assessor.errors import SandboxFault, SettingInvalid
from assessor.limits import Limits
from assessor.sandbox.protocol import (
    Collected,
    End,
    Event,
    Finished,
    Identity,
    Order,
    Outcome,
    Reason,
    Sandbox,
    Service,
)

_INSIDE = Path(__file__).parent / "inside"
_SUBMISSION = "probe.py"
_PORT = 45678
#: How long the one that leaves marks stays for another to look, at most: turns, and seconds each.
_TURNS, _TURN_S = 200, 0.25
_FOUND_CHARACTERS = 400


class Stage(StrEnum):
    """A part of the examination, one or two runs."""

    ALONE = "alone"  #: what one sandbox can try by itself
    LIMITS = "limits"  #: using things up
    SERVICE = "service"  #: what a submission gets that starts a server
    BESIDE = "beside"  #: two sandboxes at the same time
    AFTER = "after"  #: one after the other has ended


_LIMITS = {
    Stage.ALONE: Limits(wall_s=100, call_s=20),
    # Small, so that they are reached soon.
    Stage.LIMITS: Limits(
        wall_s=100,
        call_s=3,
        memory_bytes=96 * 1024**2,
        pids=24,
        disk_bytes=4 * 1024**2,
        files=300,
        output_bytes=64 * 1024,
        reply_bytes=1024**2,
    ),
    Stage.SERVICE: Limits(wall_s=100, call_s=20),
    Stage.BESIDE: Limits(wall_s=100, call_s=20),
    Stage.AFTER: Limits(wall_s=100, call_s=20),
}
_TESTS = {
    Stage.ALONE: "test_alone.py",
    Stage.LIMITS: "test_limits.py",
    Stage.SERVICE: "test_service.py",
    Stage.BESIDE: "test_look.py",
    Stage.AFTER: "test_look.py",
}
_LEAVING = "test_leave.py"
_BEGINNING = {Stage.BESIDE: "Beside another sandbox, it ", Stage.AFTER: "After another sandbox, it "}


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """Something that a sandbox promises.

    Attributes:
        stage: where it is tried.
        test: the test that tries it, as the grader names it.
        promise: one sentence.
        how: how it is tried.
        ends: reasons for one of which the test must fail; empty where it must pass.
    """

    stage: Stage
    test: str
    promise: str
    how: str
    ends: frozenset[Reason]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of one guarantee.

    Attributes:
        guarantee: which.
        held: whether it was tried and held.
        found: what came instead; empty where it held.
    """

    guarantee: Guarantee
    held: bool
    found: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """An examination of one profile.

    Attributes:
        identity: what the runs ran in.
        findings: one for each guarantee, in order; never empty.
    """

    identity: Identity
    findings: tuple[Finding, ...]

    @property
    def held(self) -> bool:
        """Whether every guarantee held."""
        return bool(self.findings) and all(finding.held for finding in self.findings)


def guarantees(stages: Collection[Stage] = tuple(Stage)) -> tuple[Guarantee, ...]:
    """All that is promised, in the order in which it is tried."""
    return tuple(one for stage in Stage if stage in stages for one in _read(stage))


def _read(stage: Stage) -> list[Guarantee]:
    name = _TESTS[stage]
    found = []
    for node in ast.parse((_INSIDE / name).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            promise, fields = _fields(inspect.cleandoc(ast.get_docstring(node) or ""))
            found.append(
                Guarantee(
                    stage=stage,
                    test=f"{name}::{node.name}",
                    promise=_BEGINNING.get(stage, "") + promise,
                    how=fields["How"],
                    ends=frozenset(Reason(word) for word in fields.get("Ends", "").split(", ") if word),
                )
            )
    return found


def _fields(text: str) -> tuple[str, dict[str, str]]:
    promise, _, rest = text.partition("\n\n")
    fields: dict[str, str] = {}
    key = ""
    for line in rest.splitlines():
        name, colon, value = line.partition(": ")
        if colon and name in ("How", "Ends"):
            key, fields[name] = name, value
        else:
            fields[key] += f" {line}"
    return promise.replace("\n", " "), fields


def examine(
    sandbox: Sandbox,
    *,
    profile: str,
    label: Callable[[], str],
    stages: Collection[Stage] = tuple(Stage),
    on_stage: Callable[[Stage], None] = lambda stage: None,
) -> Report:
    """Try every guarantee of a profile.

    A sandbox that breaks while it is attacked has not held what was tried then; what it said is told.

    Args:
        sandbox: what is examined.
        profile: name of a learner's profile.
        label: a fresh name for one run, in place of an attempt's id.
        stages: what to try.
        on_stage: told of each stage before it begins.

    Raises:
        SettingInvalid: the sandbox isolates nothing: what is tried would be done to this machine.
        ImageFault: an image is neither there nor can it be made.
        EngineMissing: no engine can be reached.
    """
    identity = sandbox.identity(profile)
    if identity.isolation == "none":
        raise SettingInvalid(
            "ASSESSOR_SANDBOX: expected a sandbox that isolates, got one that does not: what is tried, fork "
            "bombs among it, would be done to this machine"
        )
    findings: list[Finding] = []
    for stage in Stage:
        if stage not in stages:
            continue
        on_stage(stage)
        runs = _Runs(sandbox, stage=stage, profile=profile, label=label)
        told = {Stage.BESIDE: runs.beside, Stage.AFTER: runs.after}.get(stage, runs.alone)()
        identity = told.outcome.identity if told.outcome else identity
        findings += [_judge(guarantee, told) for guarantee in _read(stage)]
    return Report(identity=identity, findings=tuple(findings))


@dataclass
class _Told:
    """What one run told; `problem` where it did not come to its proper end."""

    events: dict[str, Finished]
    outcome: Outcome | None = None
    problem: str = ""


class _Enough(Exception):
    """The other sandbox has looked: this one need not stay."""


class _Runs:
    """The runs of one stage."""

    def __init__(self, sandbox: Sandbox, *, stage: Stage, profile: str, label: Callable[[], str]) -> None:
        self._sandbox = sandbox
        self._stage = stage
        self._profile = profile
        self._label = label
        self._token = f"mark-{secrets.token_hex(8)}"

    def alone(self) -> _Told:
        """One run."""
        return self._run(self._order(_TESTS[self._stage]))

    def after(self) -> _Told:
        """A run that leaves marks, to its end; then one that looks for them."""
        left = self._run(self._order(_LEAVING, turns=1, turn_s=0.0))
        return _unless_unmarked(left) or self.alone()

    def beside(self) -> _Told:
        """A run that leaves marks and stays, and meanwhile one that looks for them."""
        looked: list[_Told] = []
        looking = threading.Thread(target=lambda: looked.append(self.alone()), name="probe-look")

        def follow(event: Event) -> None:
            if not isinstance(event, Finished):
                return
            if looking.ident is None:
                if event.passed:
                    looking.start()
            elif looked:
                raise _Enough

        try:
            left = self._run(self._order(_LEAVING, turns=_TURNS, turn_s=_TURN_S), follow)
        except _Enough:
            return looked[0]
        finally:
            if looking.ident is not None:
                looking.join()
        return _unless_unmarked(left) or _Told(
            events={}, problem="the other sandbox ended before this one had looked for it"
        )

    def _run(self, order: Order, follow: Callable[[Event], None] = lambda event: None) -> _Told:
        told = _Told(events={})

        def listen(event: Event) -> None:
            if isinstance(event, Finished):
                told.events[event.id] = event
            elif isinstance(event, Collected) and event.errors:
                told.problem = "; ".join(event.errors)
            follow(event)

        try:
            told.outcome = self._sandbox.run(order, on_event=listen)
        except SandboxFault as error:
            told.problem = str(error)
            return told
        if told.outcome.end is not End.COMPLETE:
            told.problem = f"the run ended as {told.outcome.end}"
        return told

    def _order(self, tests: str, **plan: float) -> Order:
        plan_ = {"token": self._token, "port": _PORT, **plan}
        alone = self._stage in (Stage.ALONE, Stage.LIMITS)
        return Order(
            attempt=self._label(),
            epoch=1,
            profile=self._profile,
            limits=_LIMITS[self._stage],
            bundle={_SUBMISSION: (_INSIDE / _SUBMISSION).read_bytes()},
            tests={tests: (_INSIDE / tests).read_bytes(), "plan.json": json.dumps(plan_).encode()},
            modules=("probe",),
            seed=1,
            # A server's sandbox can reach for more: the sharper trial of what separates two.
            service=None if alone else Service(command=("python3", _SUBMISSION)),
        )


def _unless_unmarked(left: _Told) -> _Told | None:
    """What there is to tell where no marks were left: nothing was tried then."""
    leaving = left.events.get(f"{_LEAVING}::test_leave")
    if leaving is not None and leaving.passed:
        return None
    why = left.problem or (leaving.message if leaving else "its test did not run")
    return _Told(events={}, outcome=left.outcome, problem=f"the other sandbox left no marks: {why}")


def _judge(guarantee: Guarantee, told: _Told) -> Finding:
    event = told.events.get(guarantee.test)
    if event is None:
        found = f"expected a result, got none: {told.problem or 'the test did not run'}"
    elif guarantee.ends and event.passed:
        found = f"expected it to fail by {_either(guarantee.ends)}, got passed"
    elif guarantee.ends and event.reason not in guarantee.ends:
        found = f"expected it to fail by {_either(guarantee.ends)}, got {event.reason}: {event.message}"
    elif not guarantee.ends and not event.passed:
        found = event.message or f"failed: {event.reason}"
    elif told.problem:
        found = told.problem
    else:
        found = ""
    return Finding(guarantee=guarantee, held=not found, found=found[:_FOUND_CHARACTERS])


def _either(reasons: Collection[Reason]) -> str:
    return " or ".join(sorted(reasons))


def values(report: Report) -> dict[str, object]:
    """The report as JSON values."""
    identity = report.identity
    return {
        "profile": identity.profile,
        "isolation": identity.isolation,
        "runtime": identity.runtime,
        "held": report.held,
        "guarantees": [
            {
                "stage": one.guarantee.stage.value,
                "test": one.guarantee.test,
                "guarantee": one.guarantee.promise,
                "how": one.guarantee.how,
                "held": one.held,
                "found": one.found,
            }
            for one in report.findings
        ],
    }
