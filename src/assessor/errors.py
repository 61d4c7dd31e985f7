"""Every error that the system raises on purpose, by who can mend it.

    AssessorError
    ├── LearnerError            the learner can mend it
    │   ├── UploadRefused       an upload breaks the intake rules; nothing was kept
    │   ├── TryRefused          the task's policy allows no further try now
    │   ├── RateLimited         too many submissions in a short time; the text says when to come back
    │   ├── AccountRefused      an account, password, role or invitation that the rules do not allow
    │   └── KeyReused           an idempotency key that stood for another submission
    ├── AuthorError             the author of a task, rubric, sandbox or badge can mend it
    │   ├── FileInvalid         an authored file is wrong: carries file, line and column
    │   │   └── VersionStale    a task was changed under a version that results stand under
    │   └── ManifestStale       the lock of test ids does not fit the tests
    ├── OperatorError           whoever runs the system can mend it
    │   ├── SettingInvalid      a setting is missing or makes no sense
    │   ├── EngineMissing       no container engine that holds every limit
    │   ├── ImageFault          an image is missing or does not build
    │   ├── ToolMissing         a program that judging needs is not installed, or does not start
    │   ├── StoreFault          the database cannot be read or written
    │   ├── BlobFault           the blob store cannot be read or written
    │   ├── QueueFault          the queue server cannot be reached
    │   ├── LogFault            the log cannot go on without contradicting what it has signed
    │   ├── KeyFault            a signing key is missing, unreadable or not the one in use
    │   └── Pressed             a disk, memory or the engine's patience is short; nothing is lost by waiting
    ├── Fault                   nobody's doing: try again
    │   ├── SandboxFault        a sandbox broke in a way that the submission cannot cause
    │   ├── KeyRetired          a key was retired between its signature and the row that keeps it
    │   ├── LeaseLost           another worker has taken the attempt over
    │   ├── AwardOvertaken      another process changed the same award first
    │   ├── RegradeOvertaken    what a regrade holds changed while its evidence was signed
    │   └── RemoteFault         a document at an address could not be fetched, or may not be
    ├── NotFound                a name or id that nothing answers to
    │   └── Withdrawn           what it named was shown once, and is not any more
    ├── MarkInvalid             a reviewer's mark for no such criterion, or out of its range
    ├── RemarkInvalid           a reviewer's remark on a line that the work has not, or without words
    ├── VisitorError            whoever asks over the web can mend it
    │   ├── SignInNeeded        only people who are signed in may ask for that
    │   ├── SignInRefused       e-mail, password, link or the provider's answer do not hold
    │   ├── NotAllowed          who asks has not the role or the scope that it takes
    │   ├── FormStale           a form that was not made by this site for this visitor, or too long ago
    │   ├── RequestInvalid      what was asked has not the form that it must have
    │   ├── MediaUnsupported    a body of a kind that is not taken here
    │   ├── RequestTooLarge     more bytes, files or fields than are taken
    │   ├── NotAcceptable       there is it, but in none of the forms that were asked for
    │   ├── HostUnknown         asked under a name that this installation does not go by
    │   └── Throttled           too many requests; carries when to come back
    ├── AwardRefused            an award that evidence does not back, or that is revoked
    ├── RegradeRefused          a regrade that is closed, not done, or overtaken by other results
    ├── VerificationFailed      evidence or a credential does not hold; carries the check that failed
    └── VerificationOpen        nothing speaks against a credential, but not all of it could be checked

The text of an error says what was expected, what came, and where. Only edges (command line, worker,
web) catch; `exit_code` is the one table from errors to exit statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath


class AssessorError(Exception):
    """Anything that this system raises on purpose."""


class LearnerError(AssessorError):
    """The learner can mend it."""


class UploadRefused(LearnerError):
    """An upload breaks the intake rules; nothing of it was kept."""


class TryRefused(LearnerError):
    """The task's policy allows no further try now.

    Args:
        problem: what was expected, what came, and when to come back.
        retry_s: when to come back, seconds from now; None: never.
    """

    def __init__(self, problem: str, *, retry_s: int | None = None) -> None:
        self.retry_s = retry_s
        super().__init__(problem)


class RateLimited(LearnerError):
    """A learner has handed in too often of late; nothing was kept.

    Args:
        problem: what was expected, what came, and when to come back.
        retry_s: when to come back, seconds from now.
    """

    def __init__(self, problem: str, *, retry_s: int) -> None:
        self.retry_s = retry_s
        super().__init__(problem)


class AccountRefused(LearnerError):
    """An account, password, role or invitation that the rules do not allow; nothing was changed."""


class KeyReused(LearnerError):
    """An idempotency key came with another submission than the one it stood for; nothing was kept."""


class AuthorError(AssessorError):
    """The author of a task, rubric, sandbox or badge can mend it."""


class FileInvalid(AuthorError):
    """An authored file is wrong.

    Args:
        path: the file, as the author would name it.
        problem: what was expected and what came.
        line: 1-based line, or None where the whole file is meant.
        column: 1-based column, or None.
    """

    def __init__(
        self, path: PurePath | str, problem: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.path = str(path)
        self.problem = problem
        self.line = line
        self.column = column
        where = self.path
        if line is not None:
            where += f":{line}"
            if column is not None:
                where += f":{column}"
        super().__init__(f"{where}: {problem}")


class VersionStale(FileInvalid):
    """A task was changed and its version was not: results of another content stand under it."""


class ManifestStale(AuthorError):
    """The lock of test ids does not fit the tests beside it."""


class OperatorError(AssessorError):
    """Whoever runs the system can mend it."""


class SettingInvalid(OperatorError):
    """A setting is missing or makes no sense."""


class EngineMissing(OperatorError):
    """No container engine that holds every limit can be reached."""


class ImageFault(OperatorError):
    """An image is missing or does not build."""


class ToolMissing(OperatorError):
    """A program that judging needs is not installed, is another version, or does not start."""


class StoreFault(OperatorError):
    """The database cannot be read or written."""


class BlobFault(OperatorError):
    """The blob store cannot be read or written."""


class QueueFault(OperatorError):
    """The queue server cannot be reached."""


class LogFault(OperatorError):
    """The log cannot go on without contradicting what it has signed; nothing was signed."""


class KeyFault(OperatorError):
    """A signing key is missing, unreadable, or not the one in use.

    Args:
        problem: what was expected, what came, and where.
        mend: the command that mends it, or what to do; the text ends with it.
    """

    def __init__(self, problem: str, *, mend: str = "") -> None:
        self.problem = problem
        self.mend = mend
        super().__init__(f"{problem}; mend it with: {mend}" if mend else problem)


class Pressed(OperatorError):
    """A disk, memory or the engine's patience is short; nothing is lost, it goes on when there is enough."""


class Fault(AssessorError):
    """Nobody's doing: the attempt is tried again."""


class SandboxFault(Fault):
    """A sandbox broke in a way that the submission cannot cause."""


class KeyRetired(Fault):
    """A key was retired between its signature and the row that keeps it; nothing was kept, sign again."""


class RemoteFault(Fault):
    """A document at an address could not be fetched, or is one that must not be."""


class LeaseLost(Fault):
    """Another worker has taken the attempt over; this one must stop and keep nothing."""


class AwardOvertaken(Fault):
    """Another process changed the same award first; nothing was kept, and what is there now decides."""


class RegradeOvertaken(Fault):
    """What a regrade holds changed while its evidence was signed; nothing was kept, look again."""


class NotFound(AssessorError):
    """A name or id that nothing answers to."""


class Withdrawn(NotFound):
    """What a name or id stood for was shown once, and is not any more: who may say so has said so."""


class MarkInvalid(AssessorError):
    """A reviewer's mark is for no criterion scored by review, or out of its range; they can mend it."""


class RemarkInvalid(AssessorError):
    """A reviewer's remark is on a line that the work has not, or has no words; they can mend it."""


class VisitorError(AssessorError):
    """Whoever asks over the web can mend it."""


class SignInNeeded(VisitorError):
    """Only people who are signed in may ask for that."""


class SignInRefused(VisitorError):
    """E-mail and password, a link or a provider's answer do not hold; which of them is not told."""


class NotAllowed(VisitorError):
    """Who asks has not the role or the scope that it takes."""


class FormStale(VisitorError):
    """A form that this site did not make for this visitor, or made too long ago."""


class RequestInvalid(VisitorError):
    """What was asked has not the form that it must have."""


class MediaUnsupported(VisitorError):
    """The body of a request is of a kind that is not taken here."""


class RequestTooLarge(VisitorError):
    """More bytes, files or fields than are taken; the rest was not looked at.

    Args:
        problem: what was expected and what came.
        hang_up: whether the rest is not to be waited for.
    """

    def __init__(self, problem: str, *, hang_up: bool = False) -> None:
        self.hang_up = hang_up
        super().__init__(problem)


class NotAcceptable(VisitorError):
    """What was asked for is there, but in none of the forms that whoever asks would take."""


class HostUnknown(VisitorError):
    """Asked under a name that this installation does not go by."""


class Throttled(VisitorError):
    """Too many requests in a short time.

    Args:
        problem: what was expected, what came, and when to come back.
        retry_s: when to come back, seconds from now.
    """

    def __init__(self, problem: str, *, retry_s: int) -> None:
        self.retry_s = retry_s
        super().__init__(problem)


class AwardRefused(AssessorError):
    """An award that evidence does not back, that is revoked, or that its achievement does not allow."""


class RegradeRefused(AssessorError):
    """A regrade that is closed already, that still has attempts to judge, or whose results are overtaken."""


class VerificationFailed(AssessorError):
    """Evidence or a credential does not hold.

    Args:
        check: the name of the check that failed, as listed in `verify`.
        problem: what was expected and what came.
    """

    def __init__(self, check: str, problem: str) -> None:
        self.check = check
        self.problem = problem
        super().__init__(f"{check}: {problem}")


class VerificationOpen(AssessorError):
    """Nothing speaks against it, but not all of it could be checked: neither held nor refused.

    Args:
        checks: names of the checks that could not be made, each with the reason.
    """

    def __init__(self, checks: Mapping[str, str]) -> None:
        self.checks = dict(checks)
        super().__init__(
            "cannot tell, not checked: " + "; ".join(f"{name}: {reason}" for name, reason in checks.items())
        )


def exit_code(error: BaseException) -> int:
    """The exit status for an error: 1 refused, 2 usage or authored file, 3 our side or a part missing."""
    refused = LearnerError | AwardRefused | RegradeRefused | VerificationFailed | VisitorError
    if isinstance(error, refused):
        return 1
    if isinstance(error, AuthorError | NotFound | MarkInvalid | RemarkInvalid):
        return 2
    return 3
