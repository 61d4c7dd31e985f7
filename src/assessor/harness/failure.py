"""How a test ends that the learner's side, not an assertion, has ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

# The same class as `pytest.fail.Exception`, under the name that a type checker lets us derive from.
from _pytest.outcomes import Failed

_in_call = False


@contextlib.contextmanager
def calling(value: bool) -> Iterator[None]:
    """Meanwhile, a test's own code runs (True), or a fixture's (False); see `FixtureEnded`."""
    global _in_call
    before, _in_call = _in_call, value
    try:
        yield
    finally:
        _in_call = before


class TestEnded(BaseException):
    """The learner's side broke a limit or a rule, or lacks what the test needs: the test is over.

    Not an `Exception`, so that `pytest.raises(Exception)` and an `except Exception` of a test cannot take
    it for the behaviour that they wait for; nor hypothesis for an example to shrink, a time limit at a time.

    Args:
        reason: as in the sandbox's protocol (timeout, memory, processes, output, disk, crash, protocol,
            error).
        message: one paragraph for people.
    """

    __test__ = False

    def __new__(cls, reason: str, message: str) -> TestEnded:
        """A `FixtureEnded` wherever no test's own code runs."""
        return super().__new__(FixtureEnded if cls is TestEnded and not _in_call else cls)

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


class FixtureEnded(TestEnded, Failed):
    """The same in the set-up or tear-down of a fixture.

    pytest keeps its books of fixtures only for `Exception` and its own outcomes: after any other the next
    test would meet fixtures that were never torn down.
    """


class LearnerRaised(Failed):
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
