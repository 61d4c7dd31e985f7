"""What the command line shows: the words, the JSON values, and nothing that a terminal would act on."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import structlog
from rich.console import Console, RenderableType

from assessor import doctor, judging, pipeline, testing
from assessor.cli import display
from assessor.sandbox.protocol import End, Event, Order, Reason
from assessor.store import Attempt, AttemptState
from tests import small

EVIL = "\x1b[2J\x1b]0;title\x07[bold red]no[/] \u202eright\r\nverdict: passed"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    tasks = small.write_catalog(tmp_path / "catalog")
    made = small.make_bench(tmp_path, testing.FakeSandbox(script=testing.all_pass(small.IDS)), tasks=tasks)
    with structlog.testing.capture_logs():
        yield made
    made.parts.store.close()


def failing(order: Order) -> Iterable[Event | End | BaseException]:
    """The visible test fails with words of the learner's, a hidden one with words of the test's."""
    yield testing.collected(*small.IDS)
    shown = testing.finished(small.IDS[0], passed=False, message=EVIL)
    yield shown.model_copy(update={"output": EVIL, "example": "total([1])"})
    yield testing.finished(small.IDS[1], passed=False, reason=Reason.ERROR, message="hidden words")
    yield testing.finished(small.IDS[2])


def text(shown: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def judged(bench: small.Bench) -> judging.Judged:
    _, attempt = bench.submit()
    pipeline.assess(attempt.id, 1, bench.parts)
    return judging.judge(attempt.id, bench.parts)


@pytest.mark.parametrize(
    ("state", "verdict", "status"),
    [
        (AttemptState.JUDGED, "passed", 0),
        (AttemptState.JUDGED, "failed", 1),
        (AttemptState.UNJUDGED, None, 3),
        (AttemptState.QUEUED, None, 3),
        (AttemptState.RUNNING, None, 3),
        (AttemptState.SUPERSEDED, None, 3),
        (AttemptState.AWAITING_REVIEW, "awaiting review", 4),
    ],
)
def test_exit_status_follows_from_state_and_verdict(
    bench: small.Bench, state: AttemptState, verdict: str | None, status: int
) -> None:
    _, attempt = bench.submit()
    assert display.exit_status(dataclasses.replace(attempt, state=state, verdict=verdict)) == status


def test_result_tells_verdict_criteria_and_counts(bench: small.Bench) -> None:
    said = text(display.result(judged(bench)))
    assert said.startswith("Add up: passed, 100 %, level pass\n")
    assert "tests 2 of 2" in said
    assert "visible tests: 1 of 1 passed" in said
    assert "hidden tests:  2 of 2 passed" in said


def test_result_shows_a_learners_words_without_what_a_terminal_would_act_on(bench: small.Bench) -> None:
    bench.fake.script = failing
    said = text(display.result(judged(bench)))
    assert "Add up: failed, 20 % (gate missed: right)" in said
    assert "smallest failing example: total([1])" in said
    assert "[bold red]no[/]" in said, "shown as it is, not as markup"
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(said)
    assert "hidden words" not in said
    assert small.IDS[1] not in said


def test_values_are_json_and_scores_exact(bench: small.Bench) -> None:
    bench.fake.script = failing
    found = judged(bench)
    values = json.loads(json.dumps(display.attempt_values(found.submission, found.attempt)))
    assert (values["score"], values["verdict"], values["state"]) == ([1, 5], "failed", "judged")
    assert (values["task"], values["number"], values["kind"]) == ("sum", 1, "grade")
    told = json.dumps(display.feedback(found).dump())
    assert "hidden words" not in told


def test_attempts_are_one_line_each_with_the_problem_of_the_unjudged(bench: small.Bench) -> None:
    submission, attempt = bench.submit()
    spoiled = dataclasses.replace(attempt, state=AttemptState.UNJUDGED, problem=f"engine: away {EVIL}")
    said = text(display.attempts_table([(submission, attempt), (submission, spoiled)]), width=200)
    assert "queued" in said
    assert "engine: away" in said
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(said)


def test_superseded_attempt_names_what_took_its_place(bench: small.Bench) -> None:
    submission, attempt = bench.submit()
    newer, _ = bench.submit("def total(numbers):\n    return 0\n")
    old = bench.parts.store.attempt(attempt.id)
    said = text(display.attempts_table([(submission, old)]), width=200)
    assert "superseded" in said
    assert f"by submission {newer.id}; no try used" in said
    values = display.attempt_values(submission, old)
    assert (values["state"], values["superseded_by"]) == ("superseded", newer.id)
    assert display.follow([attempt.id], bench.parts.store, Console(file=io.StringIO())) == [old]


def test_queued_attempt_tells_its_place_and_how_long_it_may_take(bench: small.Bench) -> None:
    judged(bench)
    _, first = bench.submit(learner="bob")
    submission, attempt = bench.submit(learner="eve")
    place = display.place(attempt, bench.parts)
    assert place is not None
    assert display.place_words(place) == "place 2 in the queue, no worker takes any now"
    bench.parts.store.heartbeat("w1", host="h", pid=1, doing="idle", now=bench.clock())
    bench.parts.store.heartbeat("w2", host="h", pid=2, doing="waiting: the disk is full", now=bench.clock())
    place = display.place(attempt, bench.parts)
    assert place is not None
    assert display.place_words(place) == "place 2 in the queue, judged in a moment"
    assert display.attempt_values(submission, attempt, place)["place"] == {
        "position": 2,
        "workers": 1,
        "expected_s": 0.0,
    }
    slow = dataclasses.replace(place, expected_s=44.2)
    assert display.place_words(slow) == "place 2 in the queue, judged in about 45 s"
    pipeline.assess(first.id, 1, bench.parts)
    pipeline.assess(attempt.id, 1, bench.parts)
    assert display.place(attempt, bench.parts) is None


def test_nothing_measured_is_said_instead_of_a_time(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    bench.parts.store.heartbeat("w1", host="h", pid=1, doing="idle", now=bench.clock())
    place = display.place(attempt, bench.parts)
    assert place is not None
    assert display.place_words(place) == "place 1 in the queue, how long it takes is not known yet"


def test_ids_are_whole_in_a_narrow_terminal(bench: small.Bench) -> None:
    submission, attempt = bench.submit()
    named = dataclasses.replace(attempt, id="abcdefghijklmnopqrst", problem="far too long " * 9)
    assert named.id in text(display.attempts_table([(submission, named)]), width=60)


def test_installation_tells_who_works_on_what(bench: small.Bench) -> None:
    judged(bench)
    bench.parts.store.heartbeat("w1", host="h1", pid=1, doing="idle", now=bench.clock())
    bench.parts.store.heartbeat("w2", host="h2", pid=2, doing="attempt-7", now=bench.clock())
    bench.parts.store.heartbeat("w3", host="h3", pid=3, doing="waiting: disk full", now=bench.clock())
    values = display.installation_values(bench.parts, ["host:7:1"])
    assert json.loads(json.dumps(values)) == values
    assert values["queue"]["judged"] == 1
    assert values["sandboxes"] == [{"holder": "host:7:1"}]
    said = text(display.installation(values))
    assert "1 judged" in said
    assert "3, 1 at work" in said
    assert "w3 on h3: waiting: disk full" in said
    assert "w2 on h2: attempt-7" in said
    assert "sandboxes: 1" in said
    assert "medians:" in said
    assert "no engine answers" in text(display.installation(display.installation_values(bench.parts, None)))


def test_worker_with_an_evil_name_moves_no_cursor(bench: small.Bench) -> None:
    bench.parts.store.heartbeat(EVIL, host="h", pid=1, doing="attempt-7", now=bench.clock())
    said = text(display.installation(display.installation_values(bench.parts, [])))
    assert "[bold red]no[/]" in said
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(said)


def test_checks_say_what_to_do(bench: small.Bench) -> None:
    found = [
        doctor.Check(name="engine", ok=False, found="none", mend="start one"),
        doctor.Check(name="key", ok=True, found="there", mend=""),
    ]
    said = text(display.checks_table(found)).splitlines()
    assert any("no" in line and "engine" in line and "start one" in line for line in said)
    assert any("ok" in line and "key" in line for line in said)


class Watched:
    """A store whose attempt comes one step further each time that it is looked at."""

    def __init__(self, bench: small.Bench, attempt: Attempt, states: list[AttemptState]) -> None:
        self._store, self._attempt, self._states = bench.parts.store, attempt, states

    def attempt(self, _name: str) -> Attempt:
        return dataclasses.replace(self._attempt, state=self._states.pop(0))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("last", [AttemptState.JUDGED, AttemptState.UNJUDGED, AttemptState.AWAITING_REVIEW])
def test_attempt_is_followed_until_it_is_concluded(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch, last: AttemptState
) -> None:
    monkeypatch.setattr(display, "LOOK_S", 0)
    _, attempt = bench.submit()
    states = [AttemptState.QUEUED, AttemptState.RUNNING, AttemptState.RUNNING, last, AttemptState.QUEUED]
    store: Any = Watched(bench, attempt, states)
    (found,) = display.follow([attempt.id], store, Console(file=io.StringIO()))
    assert found.state is last
    assert states == [AttemptState.QUEUED], "nobody looks any more"


def test_progress_counts_the_tests_that_are_done(bench: small.Bench) -> None:
    bench.fake.script = failing
    found = judged(bench)
    said = text(display._running([found.attempt], bench.parts.store))
    assert "3 of 3 tests, 1 passed" in said
    assert found.attempt.score == Fraction(1, 5)
