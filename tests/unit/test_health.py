"""What the facts come to: well, pressed or missing, and nothing in it that tells of anybody."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from assessor import health
from assessor.health import Facts, State
from assessor.pressure import Kind, Pressure
from assessor.rows.attempts import Counts
from assessor.rows.schema import WorkerRow

NOW = datetime(2026, 11, 26, tzinfo=UTC)
COUNTS = Counts(**{field.name: 0 for field in dataclasses.fields(Counts)} | {"queued": 3, "judged": 7})
SHORT = Pressure(
    kind=Kind.DISK, place="home", found="3 MiB free", limit="512 MiB free", mend="free room on it"
)


def worker(doing: str = "idle", name: str = "w") -> WorkerRow:
    return WorkerRow(name=name, host="secret-host", pid=1, doing=doing, seen_at=NOW, quiet_s=1)


WELL = Facts(counts=COUNTS, oldest_s=4, workers=(worker(), worker("abc123")))


def told(**change: object) -> health.Report:
    return health.report(dataclasses.replace(WELL, **change))


def test_everything_in_its_place_is_well() -> None:
    found = told()
    assert (found.state, found.why) == (State.WELL, ())
    assert found.workers == {"idle": 1, "working": 1, "waiting": 0}
    assert (found.counts["queued"], found.counts["judged"], found.oldest_s) == (3, 7, 4)


@pytest.mark.parametrize(
    ("change", "state", "why"),
    [
        ({"pressures": (SHORT,)}, State.PRESSED, "disk (home): 3 MiB free, expected 512 MiB free"),
        ({"unpublished": 2}, State.PRESSED, "evidence: 2 judged attempts have no evidence folder yet"),
        (
            {"workers": (worker(), worker("waiting: memory (machine): expected 1 MiB"))},
            State.PRESSED,
            "workers: 1 of 2 wait: memory (machine): expected 1 MiB",
        ),
        ({"workers": ()}, State.MISSING, "workers: none has reported lately"),
        ({"queue": "is not up"}, State.MISSING, "queue: is not up"),
        ({"key": "is not there"}, State.MISSING, "key: is not there"),
        (
            {"store": "cannot be opened, or not be written", "counts": None, "workers": ()},
            State.MISSING,
            "database: cannot be opened, or not be written",
        ),
    ],
)
def test_one_thing_amiss_is_told_alone(change: dict[str, object], state: State, why: str) -> None:
    found = told(**change)
    assert (found.state, found.why) == (state, (why,))
    amiss = [line for line in found.lines if line.state is not State.WELL]
    assert all(line.mend for line in amiss)


def test_worst_of_all_is_how_it_is() -> None:
    assert told(pressures=(SHORT,), key="is not there").state is State.MISSING


def test_full_disk_explains_a_queue_that_refuses_and_silent_workers_and_not_a_queue_that_is_gone() -> None:
    refuses = {"queue": "answers, and refuses work", "queue_refuses": True}
    assert told(**refuses).state is State.MISSING
    assert told(**refuses, pressures=(SHORT,)).state is State.PRESSED
    assert told(queue="is not up", pressures=(SHORT,)).state is State.MISSING
    assert told(workers=(), pressures=(SHORT,)).state is State.PRESSED
    memory = dataclasses.replace(SHORT, kind=Kind.MEMORY)
    assert told(**refuses, pressures=(memory,)).state is State.MISSING


def test_reasons_of_many_workers_are_told_once_each_and_not_without_end() -> None:
    same = told(workers=[worker("waiting: disk", str(n)) for n in range(50)])
    assert same.why == ("workers: 50 of 50 wait: disk",)
    many = told(workers=[worker(f"waiting: {n:02}", str(n)) for n in range(50)])
    assert many.why[0].endswith("08; 09; and more")


def test_answer_names_no_attempt_and_no_host() -> None:
    text = json.dumps(told().values())
    assert "abc123" not in text
    assert "secret-host" not in text
    assert json.loads(text)["status"] == "well"
