"""The fixture `service`: the learner's server, started, and talked to by HTTP through its tunnel."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping
from typing import Any

from . import asking, channel, exchange, failure

#: How long a service whose connection closed may take to be seen dead, milliseconds.
_LAST_BREATH_MS = 500


class Service:
    """The learner's server, which listens.

    Attributes:
        url: where programs in the learner's container reach it, such as `http://127.0.0.1:40123`; the test
            itself reaches it through the methods here alone.
    """

    def __init__(self, held: asking.Held, port: int) -> None:
        self._held = held
        self._port = port
        self.url = f"http://127.0.0.1:{port}"

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> exchange.Response:
        """Send one request over a connection of its own; redirects are not followed.

        Args:
            method: `GET` and so on.
            path: path and query, from `/` on.
            json: a value to send as JSON, with its content type.
            body: bytes to send, or text as UTF-8; not together with `json`.
            headers: headers to send.
            timeout_s: how long the whole exchange may take; the task's `call_s` if not given.

        Raises:
            failure.TestEnded: no whole HTTP answer came; the test fails.
            ValueError: the request cannot be sent.
        """
        if not path.startswith("/"):
            raise ValueError(f"service: expected a path that begins with '/', got {path!r}")
        if json is not None and body is not None:
            raise ValueError("service: expected json or body, got both")
        named = {name.lower() for name in headers or {}}
        extra = dict(headers or {})
        if json is not None:
            body = jsonlib.dumps(json)
            if "content-type" not in named:
                extra["Content-Type"] = "application/json"
        plan = channel.plan()
        try:
            answer = exchange.talk(
                self._held.tunnel(self._port),
                method,
                path,
                host=f"127.0.0.1:{self._port}",
                body=asking.content(body or b""),
                headers=extra,
                timeout_s=asking.seconds(timeout_s, plan),
                limit_bytes=plan["reply_bytes"],
            )
        except exchange.ExchangeFailed as error:
            raise self._failed(error) from error
        channel.took(answer.seconds)
        return answer

    def get(self, path: str, **more: Any) -> exchange.Response:
        """`request("GET", ...)`."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> exchange.Response:
        """`request("POST", ...)`."""
        return self.request("POST", path, **more)

    def put(self, path: str, **more: Any) -> exchange.Response:
        """`request("PUT", ...)`."""
        return self.request("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> exchange.Response:
        """`request("PATCH", ...)`."""
        return self.request("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> exchange.Response:
        """`request("DELETE", ...)`."""
        return self.request("DELETE", path, **more)

    @property
    def log(self) -> str:
        """What it printed so far, both streams, as UTF-8 with wrong bytes replaced."""
        return asking.field(self._report(), "log", bytes).decode(errors="replace")

    def note(self) -> None:
        """Put what it printed into the report of the running test.

        Raises:
            failure.TestEnded: it printed more than allowed.
        """
        if not self._held.broken:
            asking.note(self._report())

    def _report(self, *, wait_ms: int = 0) -> dict[str, Any]:
        return self._held.ask({"kind": "service", "wait_ms": wait_ms}, timeout_s=asking.GRACE_S)

    def _failed(self, error: exchange.ExchangeFailed) -> failure.TestEnded:
        """The failure for an exchange that failed: a closed connection is a crash only of a dead service."""
        if error.reason != "crash":
            return failure.TestEnded(error.reason, f"service: {error}")
        status = self._report(wait_ms=_LAST_BREATH_MS).get("status")
        if status is None:
            return failure.TestEnded("protocol", f"service: {error}; it still runs")
        return failure.TestEnded("crash", f"service: {error}; it ended with status {asking.text(status)}")


def serving(held: asking.Held, box: str) -> Iterator[Service]:
    """The task's service, started in a box; once the test is done with it, what it printed is noted.

    Raises:
        failure.TestEnded: it does not listen in time, or printed more than allowed.
        ValueError: the task has none.
    """
    plan = channel.plan()
    wanted = plan["service"]
    if wanted is None:
        raise ValueError("service: expected tests.service in task.yaml, got none")
    reply = held.ask(
        {
            "kind": "serve",
            "box": box,
            "command": wanted["command"],
            "env": {},
            "ready_ms": wanted["ready_ms"],
        },
        timeout_s=wanted["ready_ms"] / 1000 + asking.GRACE_S,
    )
    port = asking.field(reply, "port", int)
    if not 0 < port < 65536:
        raise failure.TestEnded("protocol", f"agent: expected a port, got {port}")
    service = Service(held, port)
    yield service
    service.note()
