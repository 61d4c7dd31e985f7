"""How a test ends that the learner's side, not an assertion, has ended."""

from __future__ import annotations

import pytest


class TestEnded(BaseException):
    """The learner's side broke a limit or a rule, or lacks what the test needs: the test is over.

    Not an `Exception`, so that `pytest.raises(Exception)` and an `except Exception` of a test cannot take
    it for the behaviour that they wait for.

    Args:
        reason: as in the sandbox's protocol (timeout, memory, processes, output, disk, crash, protocol,
            error).
        message: one paragraph for people.
    """

    __test__ = False

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


class LearnerRaised(pytest.fail.Exception):
    """The learner's code raised what would steer the test run: skip, reject, exit, interrupt."""


class LearnerExited(LearnerRaised, SystemExit):
    """The learner's code called for the interpreter's exit: fails the test unless it expects just that.

    Args:
        code: the exit status, as `SystemExit` holds it.
    """

    def __init__(self, code: object) -> None:
        super().__init__(f"SystemExit: {code!r}", pytrace=True)
        self.code = code  # type: ignore[assignment]
        self.args = () if code is None else (code,)
