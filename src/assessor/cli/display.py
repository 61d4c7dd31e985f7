"""What the command line shows: attempts as they run, results, tables.

Comes in: values. Goes out: rich renderables and JSON values. Text that a learner wrote goes through
`report.shown` before a terminal sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from assessor import jobs, judging, report, scoring, statuses, waiting
from assessor.catalog import Frozen
from assessor.doctor import Check
from assessor.health import Report, State
from assessor.parts import Parts
from assessor.probe import examine
from assessor.rows.keyrows import KeyRow
from assessor.sandbox import protocol
from assessor.signer import Purpose
from assessor.store import OPEN, Attempt, AttemptState, Store, Submission
from assessor.waiting import Place

#: Time between two looks at an attempt that is followed, seconds.
LOOK_S = 0.1

_STATE_STYLE = {
    AttemptState.QUEUED: "dim",
    AttemptState.RUNNING: "cyan",
    AttemptState.AWAITING_REVIEW: "yellow",
    AttemptState.JUDGED: "green",
    AttemptState.UNJUDGED: "magenta",
    AttemptState.SUPERSEDED: "dim",
    AttemptState.HELD: "blue",
    AttemptState.DROPPED: "dim",
}


def plain(text: str) -> str:
    """The text with nothing in it that a terminal or rich's markup would act on."""
    return escape(report.shown(text))


def line(text: str) -> str:
    """The same in one line, for what a stranger wrote."""
    return escape(report.line(text))


def exit_status(attempt: Attempt) -> int:
    """The command line's exit status for an attempt: 0 passed, 1 failed, 3 not judged, 4 awaiting review."""
    if attempt.state is AttemptState.AWAITING_REVIEW:
        return 4
    if attempt.state not in (AttemptState.JUDGED, AttemptState.HELD):
        return 3
    return 0 if attempt.verdict == scoring.Verdict.PASSED else 1


def place(attempt: Attempt, parts: Parts) -> Place | None:
    """Where the attempt stands in the queue, or None where it is not queued."""
    return jobs.place(attempt.id, parts)


def place_words(found: Place) -> str:
    """Where an attempt stands, for a person; the time is an estimate and says so."""
    return waiting.words(found)


def attempt_values(submission: Submission, attempt: Attempt, found: Place | None = None) -> dict[str, Any]:
    """An attempt as JSON values; the score is `[numerator, denominator]`, `place` null unless given."""
    return {
        "submission": submission.id,
        "task": submission.task_id,
        "task_version": attempt.task_version or submission.task_version,
        "bundle": submission.bundle,
        "attempt": attempt.id,
        "number": attempt.number,
        "kind": attempt.kind.value,
        "state": attempt.state.value,
        "epoch": attempt.epoch,
        "verdict": attempt.verdict,
        "score": None if attempt.score is None else [attempt.score.numerator, attempt.score.denominator],
        "level": attempt.level,
        "problem": attempt.problem,
        "class": attempt.queue_class.value,
        "superseded_by": attempt.superseded_by,
        "place": None
        if found is None
        else {
            "position": found.position,
            "workers": found.workers,
            "expected_s": None if found.expected_s is None else round(found.expected_s, 1),
        },
    }


def follow(
    attempts: Sequence[str], store: Store, console: Console, *, until: Callable[[Attempt], bool] | None = None
) -> list[Attempt]:
    """Show attempts live until each is concluded; how they were left, in order.

    Args:
        attempts: ids.
        store: the truth, asked ten times a second.
        console: where to show; a plain line an attempt where it is no terminal.
        until: when to stop following one; by default, once it is neither queued nor running.
    """
    done = until or (
        lambda attempt: attempt.state not in OPEN or attempt.state is AttemptState.AWAITING_REVIEW
    )
    with Live(console=console, refresh_per_second=10, transient=True) as live:
        while True:
            found = [store.attempt(name) for name in attempts]
            live.update(_running(found, store))
            if all(done(one) for one in found):
                return found
            time.sleep(LOOK_S)


def _running(attempts: Sequence[Attempt], store: Store) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for attempt in attempts:
        submission = store.submission(attempt.submission_id)
        passed, done, total = _progress(attempt, store)
        bar: RenderableType = ProgressBar(total=total or 1, completed=done, width=24)
        words = f"{done} of {total} tests, {passed} passed" if total else "waiting for a worker"
        table.add_row(
            Text(submission.task_id),
            Text(attempt.state.value.replace("_", " "), style=_STATE_STYLE[attempt.state]),
            bar,
            words,
        )
    return table


def _progress(attempt: Attempt, store: Store) -> tuple[int, int, int]:
    passed = done = total = 0
    for line in store.events(attempt.id):
        event = protocol.parse_event(line)
        if isinstance(event, protocol.Collected):
            total = len(event.tests)
        elif isinstance(event, protocol.Finished):
            done += 1
            passed += event.passed
    return passed, done, total


def result(judged: judging.Judged) -> RenderableType:
    """What the learner may see of an attempt."""
    return outcome(feedback(judged), judged.frozen)


def outcome(told: report.Feedback, frozen: Frozen) -> RenderableType:
    """Feedback for a person: the verdict, the criteria, counts, and each test that is told and failed."""
    parts: list[RenderableType] = [_verdict(told, frozen), _criteria(told, frozen)]
    if told.visible is not None:
        parts.append(Text(f"visible tests: {told.visible.passed} of {told.visible.total} passed"))
    if told.hidden is not None:
        parts.append(Text(f"hidden tests:  {told.hidden.passed} of {told.hidden.total} passed"))
    parts += [line for check in told.checks if not check.passed for line in _check(check)]
    for test in told.tests:
        if not test.passed:
            parts.append(Text(f"\n✗ {report.shown(test.name)} ({test.reason})", style="bold red"))
            parts.append(Text(report.shown(test.detail or test.message)))
            if test.example:
                parts.append(Text(f"smallest failing example: {report.shown(test.example)}"))
            if test.output:
                parts.append(Text(f"printed:\n{report.shown(test.output)}", style="dim"))
    return Group(*parts)


def _check(check: report.CheckFeedback) -> list[RenderableType]:
    """A static check that does not hold: its title, then a line for each finding."""
    lines: list[RenderableType] = [Text(f"\n✗ {report.line(check.title)} ({check.reason})", style="bold red")]
    for one in check.findings:
        where = f"{report.line(one.path)}:{one.line}"
        lines.append(Text(f"{where}: {report.line(one.rule)}: {report.line(one.sentence)}"))
    if check.more:
        lines.append(Text(f"and {check.more} more", style="dim"))
    return lines


def feedback(judged: judging.Judged) -> report.Feedback:
    """What the task's policy lets the learner see."""
    return judging.feedback(judged)


def _verdict(told: report.Feedback, frozen: Frozen) -> Text:
    style = {"passed": "bold green", "failed": "bold red"}.get(told.verdict, "bold yellow")
    text = Text.assemble(
        (report.shown(frozen.task.title), "bold"),
        ": ",
        (told.verdict, style),
        f", {report.percent(told.total)}",
    )
    if told.level:
        text.append(f", level {told.level}")
    if told.gates_missed:
        text.append(f" (gate missed: {', '.join(told.gates_missed)})", style="red")
    return text


def _criteria(told: report.Feedback, frozen: Frozen) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("criterion", "reached", "points", "level", "by"):
        table.add_column(heading)
    for one in told.criteria:
        criterion = frozen.rubric.criterion(one.criterion_id)
        assert criterion is not None, "the assessment has the rubric's criteria"
        counts = "" if one.counts is None else f"{one.counts.passed} of {one.counts.total}"
        what = {"review": "review", "tests": f"tests {counts}", "static": f"source {counts}"}
        by = what[criterion.scored_by.value].strip()
        if one.comment:
            by += f": {report.shown(one.comment)}"
        table.add_row(
            Text(criterion.title),
            "open" if one.fraction is None else report.percent(one.fraction),
            f"{float(one.points):.1f} of {criterion.weight}",
            one.level or "",
            Text(by),
        )
    return table


def attempts_table(rows: Sequence[tuple[Submission, Attempt]]) -> Table:
    """One line an attempt."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("attempt", no_wrap=True, min_width=20)  # whole, to be copied into the next command
    for heading in ("task", "no.", "state", "verdict", "score", "level", "problem"):
        table.add_column(heading)
    for submission, attempt in rows:
        table.add_row(
            attempt.id,
            submission.task_id,
            str(attempt.number),
            Text(attempt.state.value.replace("_", " "), style=_STATE_STYLE[attempt.state]),
            attempt.verdict or "",
            "" if attempt.score is None else report.percent(attempt.score),
            attempt.level or "",
            Text(_problem(attempt)),
        )
    return table


def _problem(attempt: Attempt) -> str:
    if attempt.superseded_by is not None:
        return f"by submission {attempt.superseded_by}; no try used"
    return report.shown(attempt.problem or "")


def checks_table(found: Sequence[Check]) -> Table:
    """What a doctor's look came to."""
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("", "part", "found", "what to do"):
        table.add_column(heading)
    for check in found:
        mark = Text("ok", style="green") if check.ok else Text("no", style="bold red")
        table.add_row(mark, check.name, Text(check.found), Text(check.mend))
    return table


def keys_table(rows: Sequence[KeyRow], where: Mapping[Purpose, str]) -> Table:
    """The keys that signed here, and where the private halves of those in use are."""
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("signs for", "key", "since", "until", "private half"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            row.purpose.value,
            f"{row.key_id[:23]}...",
            "" if row.since is None else f"{row.since:%Y-%m-%d %H:%M}",
            Text("in use", style="green") if row.until is None else f"{row.until:%Y-%m-%d %H:%M}",
            Text(where[row.purpose] if row.until is None else ""),
        )
    return table


def guarantees_table(found: examine.Report) -> Table:
    """What a sandbox was found to hold; what came instead stands below a guarantee that did not."""
    identity, held = found.identity, sum(finding.held for finding in found.findings)
    table = Table(
        title=f"{identity.profile}: isolation {identity.isolation}, runtime {identity.runtime}; "
        f"{held} of {len(found.findings)} guarantees held",
        title_justify="left",
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("guarantee", ratio=1)
    table.add_column("how it was tried", ratio=1)
    table.add_column("held")
    for finding in found.findings:
        promise, how = finding.guarantee.promise, finding.guarantee.how
        mark = Text("yes", style="green") if finding.held else Text("no", style="bold red")
        table.add_row(Text(promise), Text(how, style="dim"), mark)
        if not finding.held:
            table.add_row(Text(report.shown(finding.found), style="red"), "", "")
    return table


def health_table(found: Report) -> RenderableType:
    """How the installation is, for a person."""
    style = {State.WELL: "green", State.PRESSED: "bold yellow", State.MISSING: "bold red"}
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("", "part", "found", "what to do"):
        table.add_column(heading)
    for line in found.lines:
        mark = Text(line.state.value, style=style[line.state])
        table.add_row(mark, line.name, Text(report.shown(line.found)), Text(line.mend))
    oldest = "" if found.oldest_s is None else f", the oldest for {found.oldest_s} s"
    workers = ", ".join(f"{number} {what}" for what, number in found.workers.items())
    queued = found.counts.get("queued")
    return Group(
        table, "", f"queued: {'not known' if queued is None else queued}{oldest}; workers: {workers}"
    )


def installation_values(parts: Parts, sandboxes: Sequence[str] | None) -> dict[str, Any]:
    """Queue, workers, sandboxes and medians by phase, as JSON values; times in milliseconds.

    Args:
        parts: the world.
        sandboxes: who holds each sandbox that there is now, or None where no engine tells.
    """
    counts = parts.store.counts()
    return {
        "queue": asdict(counts),
        "workers": [
            {"name": row.name, "host": row.host, "pid": row.pid, "doing": row.doing}
            for row in parts.store.workers(parts.clock())
        ],
        "sandboxes": None if sandboxes is None else [{"holder": holder} for holder in sandboxes],
        "status_lists_late": [
            statuses.told(one) for one in statuses.late(parts.store.status_lists(), parts.clock())
        ],
        "medians_ms": {name: round(value, 1) for name, value in parts.store.medians().items()},
    }


def installation(values: dict[str, Any]) -> RenderableType:
    """`installation_values` for a person."""
    queue = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in values["queue"].items())
    told = [row for row in values["workers"] if row["doing"] != jobs.IDLE]
    busy = [row for row in told if not row["doing"].startswith(jobs.WAITING)]
    lines = [
        f"attempts:  {queue}",
        f"workers:   {len(values['workers'])}, {len(busy)} at work",
        *(f"           {plain(row['name'])} on {plain(row['host'])}: {plain(row['doing'])}" for row in told),
    ]
    boxes = values["sandboxes"]
    lines.append(f"sandboxes: {'no engine answers' if boxes is None else len(boxes)}")
    lines += [f"alarm:     {words}" for words in values["status_lists_late"]]
    if values["medians_ms"]:
        medians = ", ".join(f"{name} {value:g}" for name, value in values["medians_ms"].items())
        lines.append(f"medians:   {medians} ms")
    return Group(*lines, "")
