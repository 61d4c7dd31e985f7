"""What a sandbox is asked for, what it answers, and the messages that both containers start with.

Comes in: an `Order`, all plain values. Goes out: `Event`s as they happen, then one `Outcome`. How the two
containers are made and kept is left to the bodies of `Sandbox`; what events are worth, to `results`.

Start message, on either container's standard input: one frame of JSON (the plan, with the list of files
as `[path, size]`), then one frame with the bytes of all files, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

import pydantic

from assessor.errors import SandboxFault
from assessor.harness import frames
from assessor.limits import Limits

#: What containers and volumes are found by. They may wait before any attempt needs them, and labels cannot be
#: changed: whose they are is told by the process that holds them.
LABEL_ROLE = "assessor.role"
LABEL_OWNER = "assessor.owner"
LABEL_HOLDER = "assessor.holder"

#: The largest event that a grader may send: the collection of a task with thousands of tests.
EVENT_BYTES = 4 * 1024**2


class Reason(StrEnum):
    """Why a test failed."""

    ASSERTION = "assertion"  #: an assert of the test did not hold
    ERROR = "error"  #: an exception, a missing name, a skip
    TIMEOUT = "timeout"  #: the call's, the test's or the run's time was up
    MEMORY = "memory"  #: the memory limit was hit
    PROCESSES = "processes"  #: the limit of processes was hit
    OUTPUT = "output"  #: more was printed or returned than allowed
    DISK = "disk"  #: the work folder was full
    CRASH = "crash"  #: the learner's process died
    PROTOCOL = "protocol"  #: the learner's side broke the bridge's messages


class End(StrEnum):
    """How a run came to its end."""

    COMPLETE = "complete"  #: the grader sent its end event
    WALL = "wall"  #: the time of the whole run was up before that
    MEMORY = "memory"  #: the learner's container ran out of memory and went
    LEARNER_LOST = "learner-lost"  #: the learner's container went, unexplained
    GRADER_MEMORY = "grader-memory"  #: the grader ran out of memory while it was served by the learner's side


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server that the learner's work starts.

    Attributes:
        command: what starts it; the port is in the environment variable `PORT`.
        ready_s: how long it may take until it listens, seconds.
    """

    command: Sequence[str]
    ready_s: int = 5


@dataclass(frozen=True, kw_only=True)
class Order:
    """All that one run needs.

    Attributes:
        attempt: id of the attempt.
        epoch: number of the epoch, from 1.
        profile: name of the sandbox's profile.
        limits: limits of this run.
        bundle: the learner's files by relative path.
        tests: the test files by relative path (the task's `tests/` folder).
        modules: top-level modules of the submission that tests may import.
        seed: hypothesis' seed, 0 to 2**64 - 1.
        hash_seed: PYTHONHASHSEED of both sides.
        shuffle: a seed of the order in which files, and tests in a file, run; None for pytest's own order.
        inplace: whether changes to arguments come back.
        command: what the `program` fixture runs, or empty.
        service: what the `service` fixture starts, or None.
    """

    attempt: str
    epoch: int
    profile: str
    limits: Limits
    bundle: Mapping[str, bytes]
    tests: Mapping[str, bytes]
    modules: Sequence[str]
    seed: int
    hash_seed: int = 0
    shuffle: int | None = None
    inplace: bool = False
    command: Sequence[str] = ()
    service: Service | None = None


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class CollectedTest(_Strict):
    """One test as the grader collected it, marks included.

    Attributes:
        id: pytest's node id, relative to the tests folder (`test_x.py::TestA::test_b[1]`).
        group: the id without its parameters: cases of one group share its points.
        criterion: the criterion named by `@pytest.mark.criterion`, or None.
        points: the points named there for the whole group, or None.
        visible: whether `@pytest.mark.visible` is on it.
    """

    id: str
    group: str
    criterion: str | None
    points: int | None
    visible: bool


class Collected(_Strict):
    """The tests were collected, before any of them ran."""

    kind: Literal["collected"] = "collected"
    tests: tuple[CollectedTest, ...]
    errors: tuple[str, ...]  #: one text for each file that could not be collected


class Finished(_Strict):
    """One test finished.

    Attributes:
        id: as in `CollectedTest`.
        passed: set-up, call, tear-down and all subtests passed, none was skipped or xfailed.
        reason: why not, or None.
        message: one paragraph about the failure, at most 4 KiB.
        detail: pytest's long text, at most 16 KiB.
        output: what the learner's side printed, at most 8 KiB.
        example: the smallest failing example that hypothesis found, or None.
        duration_ms: how long set-up, call and tear-down took.
    """

    kind: Literal["test"] = "test"
    id: str
    passed: bool
    reason: Reason | None
    message: str
    detail: str
    output: str
    example: str | None
    duration_ms: int

    @pydantic.field_validator("reason", mode="before")
    @classmethod
    def _reason(cls, value: object) -> object:
        return Reason(value) if isinstance(value, str) else value


class Ended(_Strict):
    """The grader is done.

    Attributes:
        wall_ms: from the start message to here.
        processes: how many learner processes were used.
        longest_call_ms: the longest that one call, one program or one request took.
    """

    kind: Literal["end"] = "end"
    wall_ms: int
    processes: int
    longest_call_ms: int = 0


Event = Collected | Finished | Ended
_EVENT: pydantic.TypeAdapter[Event] = pydantic.TypeAdapter(
    Annotated[Event, pydantic.Field(discriminator="kind")]
)


def parse_event(payload: bytes) -> Event:
    """The event in one frame of the grader.

    Raises:
        SandboxFault: it is not one; the grader holds nothing of the learner's, so this is never theirs.
    """
    try:
        return _EVENT.validate_json(payload)
    except pydantic.ValidationError as error:
        raise SandboxFault(f"grader: expected an event, got {payload[:200]!r}: {error}") from error


def dump_event(event: Event) -> bytes:
    """The event as JSON, as `parse_event` reads it."""
    return event.model_dump_json().encode()


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image as evidence names it.

    Attributes:
        recipe: digest of everything that the image is made from.
        packages: digest of its package list.
    """

    recipe: str
    packages: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The sandbox as evidence names it: what ran, never where or when.

    Attributes:
        profile: name of the profile.
        learner: the learner's image.
        grader: the grader's image.
        isolation: `cell`, `container`, or `none` for the unsafe local one.
        runtime: the engine's runtime (`runc`, `crun`, `runsc`, or `process`).
        seccomp: digest of the learner's seccomp profile, or None where there is none.
    """

    profile: str
    learner: Image
    grader: Image
    isolation: str
    runtime: str
    seccomp: str | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run that came to an end that counts.

    Attributes:
        end: how it ended.
        identity: what ran it.
        facts: what goes into run.json beside times: engine version, image ids, warm or cold; JSON values.
        phases_ms: duration by phase, in order.
    """

    end: End
    identity: Identity
    facts: Mapping[str, Any] = field(default_factory=dict)
    phases_ms: Mapping[str, int] = field(default_factory=dict)


class Sandbox(Protocol):
    """Runs attempts, each in a fresh sealed place."""

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        """What an attempt in this profile would run in.

        Raises:
            ImageFault: its images are neither there nor can they be made.
            EngineMissing: no engine can be reached.
        """
        ...

    def run(self, order: Order, *, on_event: Callable[[Event], None]) -> Outcome:
        """Run the order to its end, calling `on_event` for each event as it comes, from this thread.

        Nothing of the run goes on once the next one begins, however it ends, and nothing is left once the
        sandbox is closed. An exception of `on_event` ends the run and passes through.

        Raises:
            SandboxFault: the sandbox broke in a way that the submission cannot cause.
            ImageFault, EngineMissing: as for `identity`.
        """
        ...

    def prepare(self, order: Order) -> None:
        """Have a place ready that is fit for orders like this one, in the background."""
        ...

    def shrink(self) -> None:
        """Let go of every place that waits: what they take is needed elsewhere."""
        ...

    def sweep(self) -> list[str]:
        """Remove what processes of this installation left behind that are gone; names of the removed."""
        ...

    def close(self) -> None:
        """Let go of everything that is held ready."""
        ...


def start_messages(order: Order, *, socket: str, nonce: str, cpu: int | None = None) -> tuple[bytes, bytes]:
    """The start messages of the grader and of the learner's side, framed and ready to send.

    Args:
        order: what to run.
        socket: path of the bridge's socket, the same inside both containers.
        nonce: shared by both sides to know each other's connections; fresh for each run.
        cpu: the one processor that both sides stay on, or None for any.
    """
    shared = {
        "version": 1,
        "socket": socket,
        "cpu": cpu,
        "nonce": nonce,
        "modules": list(order.modules),
        "call_ms": order.limits.call_s * 1000,
        "wall_ms": order.limits.wall_s * 1000,
        "output_bytes": order.limits.output_bytes,
        "reply_bytes": order.limits.reply_bytes,
        "disk_bytes": order.limits.disk_bytes,
        "files_limit": order.limits.files,
        "inplace": order.inplace,
        "command": list(order.command),
        "service": None
        if order.service is None
        else {"command": list(order.service.command), "ready_ms": order.service.ready_s * 1000},
    }
    asked = {"role": "grader", "seed": order.seed, "shuffle": order.shuffle}
    grader = _start({**shared, **asked}, order.tests)
    learner = _start({**shared, "role": "learner"}, order.bundle)
    return grader, learner


def _start(plan: dict[str, Any], files: Mapping[str, bytes]) -> bytes:
    paths = sorted(files)
    plan["files"] = [[path, len(files[path])] for path in paths]
    return frames.encode(json.dumps(plan).encode()) + frames.encode(b"".join(files[path] for path in paths))
