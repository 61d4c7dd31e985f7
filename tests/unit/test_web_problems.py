"""Errors as answers: each has its status, and what visitors cannot mend is not told to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from assessor import errors
from assessor.web import problems

SECRET = "/srv/secret/place"


def every(kind: type[errors.AssessorError] = errors.AssessorError) -> Iterator[type[errors.AssessorError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from every(one)


def made(kind: type[errors.AssessorError]) -> errors.AssessorError:
    if issubclass(kind, errors.FileInvalid):
        return kind(Path(SECRET), "is wrong")
    if issubclass(kind, errors.Throttled | errors.RateLimited):
        return kind(SECRET, retry_s=7)
    if issubclass(kind, errors.VerificationFailed):
        return kind("check", SECRET)
    if issubclass(kind, errors.VerificationOpen):
        return kind({"check": SECRET})
    return kind(SECRET)


OURS = (errors.OperatorError, errors.AuthorError, errors.Fault)


@pytest.mark.parametrize("kind", [one for one in every() if one.__module__ == "assessor.errors"])
def test_error_is_told_to_whoever_can_mend_it(kind: type[errors.AssessorError]) -> None:
    found = problems.problem(made(kind))
    told = not issubclass(kind, OURS) and kind is not errors.AssessorError
    if kind is errors.AwardOvertaken:
        told = True  # nobody's fault, and whoever tried wants to know
    assert (SECRET in found.detail) == told
    # A client may come back by itself for a task that is being changed.
    assert (found.code == "our-fault") == (not told and kind is not errors.VersionStale)
    assert 400 <= found.status < (500 if told else 600)
    assert found.title


def test_error_of_the_rest_of_the_world_is_ours() -> None:
    found = problems.problem(KeyError(SECRET))
    assert (found.status, found.code) == (500, "our-fault")
    assert SECRET not in found.detail


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NotFound("x"), 404, "not-found"),
        (errors.UploadRefused("x"), 422, "upload-refused"),
        (errors.TryRefused("x"), 409, "try-refused"),
        (errors.RateLimited("x", retry_s=7), 429, "rate-limited"),
        (errors.SignInNeeded("x"), 401, "sign-in-needed"),
        (errors.NotAllowed("x"), 403, "not-allowed"),
        (errors.RequestTooLarge("x"), 413, "request-too-large"),
        (errors.HostUnknown("x"), 421, "host-unknown"),
        (errors.StoreFault("x"), 503, "our-fault"),
        (errors.FileInvalid("x", "y"), 500, "our-fault"),
        (errors.VersionStale("x", "y"), 503, "version-stale"),
        (HTTPException(404, "x"), 404, "not-found"),
        (HTTPException(405, "x", {"Allow": "GET"}), 405, "method-not-allowed"),
    ],
)
def test_status_and_code(error: Exception, status: int, code: str) -> None:
    found = problems.problem(error)
    assert (found.status, found.code) == (status, code)


def test_visitor_is_told_when_to_come_back() -> None:
    after = {
        errors.Throttled("x", retry_s=7): "7",
        errors.RateLimited("x", retry_s=8): "8",
        errors.TryRefused("x", retry_s=9): "9",
        errors.TryRefused("all are used"): None,
        errors.SandboxFault("x"): "30",
        errors.StoreFault("x"): "30",
        errors.QueueFault("x"): "30",
        errors.VersionStale("x", "y"): "600",
        errors.NotFound("x"): None,
    }
    for error, seconds in after.items():
        assert (problems.problem(error).headers or {}).get("Retry-After") == seconds, error


def test_text_that_hides_itself_is_shown() -> None:
    found = problems.problem(errors.NotFound("got 'a\u202eb\nc'"))
    assert found.detail == "got 'a[U+202E]b[U+000A]c'"


def test_long_text_is_cut() -> None:
    assert len(problems.problem(errors.NotFound("x" * 10_000)).detail) == 2000
