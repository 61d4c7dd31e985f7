"""A job: an attempt and an epoch to look at, and the check that it is nothing else.

Comes in: what lies on the queue server, which anyone who can reach it may have written. Goes out: a job that
calls what the worker was given, or a refusal. Nothing is unpickled and nothing named in a job is imported.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import redis
import redis.exceptions
import rq.exceptions
import rq.job
import structlog

log = structlog.get_logger(__name__)

#: The list of functions that a job may name. It is a name only: the worker calls what it was given.
FUNCTION = "assessor.jobs.assess"
#: The longest payload, bytes: function, attempt and epoch take about a hundred.
PAYLOAD_BYTES = 1024

Assess = Callable[[str, int], object]

_ATTEMPT = re.compile(r"[A-Za-z0-9-]{1,100}")
_EPOCH = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
#: Fields of a job's hash that a ring and a worker write; all others must be empty or missing: they make RQ
#: call, send, repeat or schedule something.
_FIELDS = frozenset(
    {
        "created_at",
        "data",
        "description",
        "ended_at",
        "enqueued_at",
        "exc_info",
        "failure_ttl",
        "last_heartbeat",
        "origin",
        "result_ttl",
        "started_at",
        "status",
        "timeout",
        "worker_name",
    }
)


def job_id(attempt_id: str, epoch: int) -> str:
    """The id of the job that rings for this epoch of the attempt."""
    return f"{attempt_id}_{epoch}"


def named(job: str) -> tuple[str, int] | None:
    """The attempt and epoch that a job's id stands for, or None where it is no such id."""
    attempt_id, _, epoch = job.rpartition("_")
    if not _ATTEMPT.fullmatch(attempt_id) or not _EPOCH.fullmatch(epoch):
        return None
    return attempt_id, int(epoch)


def refusal(job: str, fields: Mapping[bytes, bytes]) -> str | None:
    """Why this job must not be run: what was expected and what came; None where nothing is against it.

    Args:
        job: the job's id.
        fields: the job's hash, as it lies on the server.
    """
    call = named(job)
    if call is None:
        return f"id: expected <attempt>_<epoch>, got {job[:100]!r}"
    for name, value in fields.items():
        if value and name.decode(errors="replace") not in _FIELDS:
            return f"field {name[:100]!r}: expected none, got {value[:100]!r}"
    try:
        stream = zlib.decompressobj()
        payload = stream.decompress(fields[b"data"], PAYLOAD_BYTES)
        if not stream.eof:
            return f"data: expected at most {PAYLOAD_BYTES} bytes, got more"
        data = json.loads(payload)
    except KeyError:
        return "data: expected a payload, got none"
    except (zlib.error, ValueError, RecursionError) as error:
        return f"data: expected compressed JSON, got {fields[b'data'][:100]!r}: {error}"
    expected: list[object] = [FUNCTION, None, list(call), {}]
    # Compared as text too: to Python, 1, 1.0 and true are equal.
    if data != expected or json.dumps(data) != json.dumps(expected):
        return f"data: expected {json.dumps(expected)}, got {payload[:200]!r}"
    return None


class Job(rq.job.Job):
    """A job that is checked before anything of it is used, and that calls what the worker was given.

    Attributes:
        call: what a worker's own subclass calls; a queue that only rings has none.
    """

    call: ClassVar[Assess | None] = None

    @classmethod
    def fetch(cls, id: str, connection: redis.Redis | None = None, serializer: Any = None) -> rq.job.Job:
        """The job, checked; one that is refused is logged, removed, and as good as not there.

        Raises:
            NoSuchJobError: it is not there, or refused.
        """
        assert connection is not None
        try:
            return super().fetch(id, connection=connection, serializer=serializer)
        except (
            rq.exceptions.NoSuchJobError,
            redis.exceptions.ConnectionError,
            redis.exceptions.TimeoutError,
        ):
            raise
        except Exception as error:  # any value of a field that RQ chokes on, or a key that is no hash
            log.warning("job refused", job=id[:200], problem=f"{type(error).__name__}: {error}")
            connection.delete(cls.key_for(id))
            raise rq.exceptions.NoSuchJobError(f"job {id[:200]!r} is refused") from error

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Take over what the server holds of the job, if nothing is against it.

        Raises:
            InvalidJobOperation: it is refused; the text says why.
        """
        problem = refusal(self.id, raw_data)
        if problem is not None:
            raise rq.exceptions.InvalidJobOperation(problem)
        super().restore(raw_data)

    @property
    def func(self) -> Callable[..., object]:
        """What the worker was given, whatever the job names: RQ would import that name."""
        call = type(self).call
        if call is None or self.func_name != FUNCTION:
            raise rq.exceptions.InvalidJobOperation(
                f"job {self.id}: expected {FUNCTION} in a worker, got {self.func_name}"
            )
        return call
