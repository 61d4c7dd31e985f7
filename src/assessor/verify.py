"""Verification: whether evidence holds, as a list of checks that a person can follow.

Comes in: the bytes of record.json, run.json and the envelope, and the public keys that are trusted. Goes
out: nothing, or `VerificationFailed` with the check and what came. Nothing is re-encoded before it is
checked: what was signed is compared byte for byte, and only signed bytes are parsed.

Also here: `compare`, which tells what differs between a record and the one of a re-run, and why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from assessor import digest, proof
from assessor import evidence as records
from assessor.errors import VerificationFailed
from assessor.evidence import ByReview, ByStatic, ByTests, Record, RecordCriterion, RecordTest
from assessor.record import RecordCheck
from assessor.signer import PublicKey

#: By how much the clock of a machine that judged may be ahead of the one where a key was retired.
SKEW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        number: place in the order of checking, from 1.
        name: short name, as `VerificationFailed.check` carries it.
        sentence: what holds when it holds, for a person.
    """

    number: int
    name: str
    sentence: str


CHECKS = tuple(
    Check(number=number, name=name, sentence=sentence)
    for number, (name, sentence) in enumerate(
        (
            ("envelope", "The envelope is a signed statement in its one and only form."),
            ("signature", "A key that you trust signed it, and no bit of it has changed since."),
            ("statement", "What was signed is a statement about a record and its run, and nothing else."),
            ("record", "record.json is, byte for byte, the file that was signed."),
            ("run", "run.json, with the times and the machine, is the file that was signed with it."),
            ("record-form", "The record says nothing but what its format knows, in its one form."),
            ("run-form", "The run says nothing but what its format knows, in its one form."),
            ("key", "The key that signed it was not yet retired when the run ended."),
            ("arithmetic", "Points, total, gates and verdict follow from test results, checks and marks."),
            ("submission", "It belongs to the submission that you asked about, not to another."),
            ("bundle", "The submitted files are those that were judged."),
            ("snapshot", "The task, tests and rubric are those that they were judged by."),
            ("inclusion", "The record is in the public log, where nothing is taken away."),
        ),
        start=1,
    )
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between a record and the one of a re-run.

    Attributes:
        same: the bytes are equal.
        causes: a sentence for each difference in what was judged or in what judged it, and one about the
            outcome where nothing of that explains it; empty where the records are the same.
        tests: positions of the tests whose outcome differs, ascending.
    """

    same: bool
    causes: tuple[str, ...]
    tests: tuple[int, ...] = ()


def evidence(
    *,
    record: bytes,
    run: bytes,
    envelope: bytes,
    keys: Mapping[str, PublicKey],
    revoked: Collection[str] = (),
    submission: str | None = None,
    bundle: bytes | None = None,
    snapshot: bytes | None = None,
    included: Callable[[str], object] | None = None,
    on_check: Callable[[Check], None] = lambda check: None,
) -> None:
    """Check evidence, in the order of `CHECKS`; returns only if all of it holds.

    Args:
        record: bytes of record.json.
        run: bytes of run.json.
        envelope: bytes of the signed envelope.
        keys: the trusted public keys by name; never taken from beside the evidence without asking. One with
            an `until` vouches for runs that ended before it: a run that says so is believed, since whoever
            has a key may date as they like; what shows the time by another key is the log.
        revoked: names of keys that must no longer be believed.
        submission: id of the submission that this is to be evidence of; refuses one that was signed for
            another.
        bundle: bytes of the submitted bundle, to check that they are what was judged.
        snapshot: bytes of the frozen task, likewise.
        included: raises VerificationFailed unless a log has the record of this digest; None where no proof of
            one is at hand.
        on_check: called with each check as it is found to hold.

    Raises:
        VerificationFailed: the first check that does not hold.
    """
    holds = _reporter(on_check)
    # 1, 2. The envelope and its signature: nothing else is read before these hold.
    payload, signed_by = proof.opened(envelope, keys, revoked=revoked)
    holds("envelope")
    holds("signature")
    # 3. What kind of statement it is.
    named = _subjects(payload)
    holds("statement")
    # 4, 5. The files, by digest.
    for check, name, data in (("record", records.RECORD, record), ("run", records.RUN, run)):
        came = hashlib.sha256(data).hexdigest()
        if came != named[name]:
            raise VerificationFailed(
                check, f"expected the {name} that was signed (sha256:{named[name]}), got sha256:{came}"
            )
        holds(check)
    # 6, 7. Their form.
    parsed = records.parse(record)
    holds("record-form")
    note = records.parse_run(run)
    holds("run-form")
    # 8. Signed by a key that was in use then.
    _in_use(signed_by, note.finished_at)
    holds("key")
    # 9. What the record says follows from what it says.
    _arithmetic(parsed)
    holds("arithmetic")
    # 10 to 13. What was asked about, where something was.
    if submission is not None:
        if note.submission != submission:
            raise VerificationFailed(
                "submission",
                f"expected evidence of submission {submission}, got evidence of {note.submission}",
            )
        holds("submission")
    for check, content, expected in (
        ("bundle", bundle, parsed.submission.bundle),
        ("snapshot", snapshot, parsed.task.snapshot),
    ):
        if content is None:
            continue
        if digest.sha256(content) != expected:
            raise VerificationFailed(
                check, f"expected bytes of digest {expected}, got {digest.sha256(content)}"
            )
        holds(check)
    if included is not None:
        try:
            included(digest.sha256(record))
        except VerificationFailed as error:
            raise VerificationFailed("inclusion", error.problem) from error
        holds("inclusion")


def compare(old: bytes, new: bytes) -> Comparison:
    """What differs between a record and the record of a re-run.

    Raises:
        VerificationFailed: one of them is no record.
    """
    before, after = records.parse(old), records.parse(new)
    if old == new:
        return Comparison(same=True, causes=())
    causes = [
        f"{what}: {was} then, {now} now"
        for (what, was), (_, now) in zip(_made_of(before), _made_of(after), strict=True)
        if was != now
    ]
    then = {test.position: test for test in before.tests}
    since = {test.position: test for test in after.tests}
    tests = tuple(
        position
        for position in sorted(then.keys() | since.keys())
        if then.get(position) != since.get(position)
    )
    if tests:
        changed = "; ".join(
            f"test {position}: {_told(then.get(position))} then, {_told(since.get(position))} now"
            for position in tests
        )
        if not causes:
            # Nothing that ran differs, so the outcome must come from the work itself or from a limit.
            changed += (
                ". All that was run is the same, so the submission is random or depends on time, or it came "
                "near a limit"
            )
        causes.append(changed)
    was, now = _looked(before), _looked(after)
    causes += [
        f"the static check {name}: {was.get(name, 'not there')} then, {now.get(name, 'not there')} now"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]
    if not causes:
        causes.append(_judged(before, after))
    return Comparison(same=False, causes=tuple(causes), tests=tests)


def _reporter(on_check: Callable[[Check], None]) -> Callable[[str], None]:
    by_name = {check.name: check for check in CHECKS}
    return lambda name: on_check(by_name[name])


def _subjects(payload: bytes) -> dict[str, str]:
    """The SHA-256 of both files, as the statement names them."""
    said = records.parse_statement(payload)
    if said.type != records.STATEMENT_TYPE:
        raise VerificationFailed("statement", f"expected {records.STATEMENT_TYPE}, got {said.type!r}")
    if said.predicateType != records.PREDICATE_TYPE:
        raise VerificationFailed(
            "statement", f"expected the predicate {records.PREDICATE_TYPE}, got {said.predicateType!r}"
        )
    names = [subject.name for subject in said.subject]
    if sorted(names) != [records.RECORD, records.RUN]:
        raise VerificationFailed(
            "statement", f"expected {records.RECORD} and {records.RUN}, once each, got {names}"
        )
    named = {}
    for subject in said.subject:
        if set(subject.digest) != {"sha256"}:
            raise VerificationFailed(
                "statement", f"{subject.name}: expected one sha256 digest, got {sorted(subject.digest)}"
            )
        named[subject.name] = subject.digest["sha256"]
    return named


def _in_use(signed_by: Collection[PublicKey], finished_at: str) -> None:
    retired = {key.key_id: key.until for key in signed_by if key.until is not None}
    if len(retired) < len(signed_by):
        return
    try:
        late = [
            f"{name}, retired {until.isoformat()}"
            for name, until in retired.items()
            if datetime.fromisoformat(finished_at) > until + SKEW
        ]
    except (ValueError, TypeError) as error:
        raise VerificationFailed(
            "key", f"expected the time when the run ended, with its zone, got {finished_at!r}"
        ) from error
    if len(late) == len(retired):
        raise VerificationFailed(
            "key",
            f"expected a key that was in use when the run ended ({finished_at}), got {'; '.join(late)}",
        )


def _arithmetic(record: Record) -> None:
    positions = [test.position for test in record.tests]
    _expect("positions of tests", list(range(1, len(positions) + 1)), positions)
    by_id = {criterion.id: criterion for criterion in record.criteria}
    _expect("criteria, each once", len(record.criteria), len(by_id))
    _expect("weights together", 100, sum(criterion.weight for criterion in record.criteria))
    for test in record.tests:
        if test.passed != (test.reason is None):
            raise VerificationFailed(
                "arithmetic", f"test {test.position}: expected a reason if and only if it failed"
            )
        fed = by_id.get(test.criterion)
        if fed is None or not isinstance(fed.given_by, ByTests):
            raise VerificationFailed(
                "arithmetic",
                f"test {test.position}: expected it to feed a criterion scored by tests, "
                f"got {test.criterion!r}",
            )
    checks = () if record.static is None else record.static.checks
    named = {(check.criterion, check.id) for check in checks}
    _expect("static checks, each once", len(checks), len(named))
    for check in checks:
        name = f"check {check.criterion}/{check.id}"
        if check.passed != (check.reason is None):
            raise VerificationFailed(
                "arithmetic", f"{name}: expected a reason if and only if it did not pass"
            )
        fed = by_id.get(check.criterion)
        if fed is None or not isinstance(fed.given_by, ByStatic):
            raise VerificationFailed(
                "arithmetic",
                f"{name}: expected it to feed a criterion scored by static checks, got {check.criterion!r}",
            )
    for criterion in record.criteria:
        _criterion(
            criterion,
            [test for test in record.tests if test.criterion == criterion.id],
            [check for check in checks if check.criterion == criterion.id],
        )
    decision = record.decision
    total = sum((criterion.points for criterion in record.criteria), Fraction(0)) / 100
    _expect("total", total, decision.total)
    missed = tuple(
        criterion.id
        for criterion in record.criteria
        if criterion.gate is not None and criterion.fraction * 100 < criterion.gate
    )
    _expect("gates missed", missed, decision.gates_missed)
    passed = decision.total * 100 >= record.rubric.pass_from and not missed
    _expect("verdict", "passed" if passed else "failed", decision.verdict)


def _criterion(criterion: RecordCriterion, tests: list[RecordTest], checks: list[RecordCheck]) -> None:
    name = f"criterion {criterion.id}"
    given = criterion.given_by
    if isinstance(given, ByReview):
        if given.of < 1 or given.marks > given.of:
            raise VerificationFailed(
                "arithmetic", f"{name}: expected at most all marks, got {given.marks} of {given.of}"
            )
        fraction = Fraction(given.marks, given.of)
    elif isinstance(given, ByStatic):
        _expect(f"{name}, checks", len(checks), given.of)
        _expect(f"{name}, checks passed", sum(check.passed for check in checks), given.passed)
        if not checks:
            raise VerificationFailed("arithmetic", f"{name}: expected static checks, got none")
        fraction = Fraction(
            sum(check.points for check in checks if check.passed), sum(check.points for check in checks)
        )
    else:
        _expect(f"{name}, tests", len(tests), given.of)
        _expect(f"{name}, tests passed", sum(test.passed for test in tests), given.passed)
        possible = sum((test.points for test in tests), Fraction(0))
        if possible == 0:
            raise VerificationFailed("arithmetic", f"{name}: expected tests with points, got none")
        fraction = sum((test.points for test in tests if test.passed), Fraction(0)) / possible
    _expect(f"{name}, fraction", fraction, criterion.fraction)
    _expect(f"{name}, points", criterion.weight * fraction, criterion.points)


def _expect(what: str, expected: object, came: object) -> None:
    if came != expected:
        raise VerificationFailed("arithmetic", f"{what}: expected {expected}, got {came}")


def _made_of(record: Record) -> list[tuple[str, object]]:
    """All that a record says went into it, each with words for a person."""
    sandbox = record.sandbox
    return [
        ("the submitted files", record.submission.bundle),
        ("the learner's commitment", record.submission.learner),
        ("the task", f"{record.task.id} {record.task.version} ({record.task.digest})"),
        ("the tests", record.task.tests),
        ("the list of expected tests", record.task.manifest),
        ("the frozen task", record.task.snapshot),
        ("the rubric", f"{record.rubric.id} {record.rubric.version} ({record.rubric.digest})"),
        ("the sandbox's profile", sandbox.profile),
        ("the isolation", sandbox.isolation),
        ("the runtime", sandbox.runtime),
        ("the filter of system calls", sandbox.seccomp),
        ("the package list of the learner's image", sandbox.learner.packages),
        ("the recipe of the learner's image", sandbox.learner.recipe),
        ("the package list of the grader's image", sandbox.grader.packages),
        ("the recipe of the grader's image", sandbox.grader.recipe),
        *((f"the limit {name}", value) for name, value in asdict(record.limits).items()),
        ("the seed", record.seed),
        ("the analyser of sources", None if record.static is None else record.static.analyser),
        ("the analyser's Python", None if record.static is None else record.static.python),
        ("the analyser's ruff", None if record.static is None else record.static.ruff),
    ]


def _told(test: RecordTest | None) -> str:
    if test is None:
        return "not there"
    if test.passed:
        return "passed"
    return f"failed ({test.reason.value})" if test.reason is not None else "failed"


def _looked(record: Record) -> dict[str, str]:
    """What static checks came to, by name."""
    checks = () if record.static is None else record.static.checks
    return {
        f"{one.criterion}/{one.id}": "passed" if one.reason is None else f"failed ({one.reason.value})"
        for one in checks
    }


def _judged(before: Record, after: Record) -> str:
    """What differs where neither what ran nor any test does."""
    if before.end != after.end:
        return f"the end of the run: {before.end.value} then, {after.end.value} now; no test differs"
    changed = [
        was.id
        for was, now in zip(before.criteria, after.criteria, strict=False)
        if was != now or isinstance(was.given_by, ByReview)
    ]
    return f"the judging of the same results: {', '.join(changed) or 'the decision'}"
