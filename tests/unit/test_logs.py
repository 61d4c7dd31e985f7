"""Log lines: one line an event, whatever a learner's text holds, and no values of variables."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from assessor import logs
from assessor.settings import LogFormat

FORGED = "ada\n2026-11-24T09:00:00Z [info     ] judged\x1b[2J\u202e"


@pytest.fixture(autouse=True)
def _configured_again() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def raised() -> None:
    hidden = "the signing key"
    try:
        raise ValueError(FORGED)
    except ValueError:
        structlog.get_logger().exception("fault", epoch=1, length=len(hidden))


def test_console_shows_a_forged_line_as_part_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.CONSOLE)
    structlog.get_logger().info("submitted", learner=FORGED)
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert said.out == ""
    assert "judged" in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_console_shows_a_forged_event_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.CONSOLE)
    structlog.get_logger().info(FORGED)
    (line,) = capsys.readouterr().err.splitlines()
    assert not {"\x1b", "\u202e"} & set(line)


def test_console_marks_each_line_of_a_traceback_and_tells_no_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogFormat.CONSOLE)
    raised()
    first, *rest = capsys.readouterr().err.splitlines()
    assert "fault" in first
    assert all(line.startswith("    | ") for line in rest)
    assert any(line.startswith("    | ValueError: ada") for line in rest)
    assert "\x1b" not in "".join(rest)
    assert "the signing key" not in "".join(line for line in rest if "hidden =" not in line)


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.JSON)
    structlog.get_logger().info("submitted", learner=FORGED)
    raised()
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in said] == ["submitted", "fault"]
    assert said[0]["learner"] == FORGED
    assert said[1]["exception"].startswith("Traceback")


def test_quiet_level_keeps_what_goes_well_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.JSON, level=logging.WARNING)
    structlog.get_logger().info("fine")
    structlog.get_logger().warning("wrong")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "wrong"


def test_stage_that_ends_is_one_line_with_attempt_and_duration(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.JSON)
    with structlog.contextvars.bound_contextvars(attempt="a1"), logs.stage("run"):
        pass
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["attempt"]) == ("run", "a1")
    assert said["ms"] >= 0


def test_stage_that_fails_is_left_to_who_catches_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogFormat.JSON)
    with pytest.raises(RuntimeError), logs.stage("run"):
        raise RuntimeError
    assert capsys.readouterr().err == ""
