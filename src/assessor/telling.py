"""Telling: messages that wait are signed and sent, by the scheme of Standard Webhooks.

Comes in: a store, the time, and a way to send. Goes out: messages delivered, or kept to be tried again. A
message is taken under a lease (`webhooks`), so any number of senders may run, and one that is killed loses
nothing: what it had taken is due again, and comes twice at the worst, under the same id.

A receiver has taken a message when it answers 2xx in time. Anything else, a redirect among it, is tried again
after a wait that grows; 410 says that nobody is there any more, and switches the endpoint off. While one
gives no answer at all, what else is due for it waits a minute, so that nobody waits long behind it.

Where a message may be sent is for `openbadges.remote` to say: over https, to the public internet, to the very
addresses that were looked at. Source: Standard Webhooks 1.0.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from standardwebhooks import Webhook

from assessor.errors import NotFound, RemoteFault
from assessor.openbadges import remote
from assessor.rows.audit import Act
from assessor.rows.webhooks import Delivery, Endpoint, Webhooks

log = structlog.get_logger(__name__)

#: What one message may take. A receiver is to note it and answer, and to do its work afterwards.
BOUNDS = remote.Bounds(seconds=10.0)
#: How many messages are taken and sent at once; all of them are done long before their lease ends.
AT_ONCE = 8
#: Seconds to wait after the first, second, ... try that failed; then it is given up, after three days.
WAITS_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: So much of a wait is added to it at random, at most: those that failed together do not come back together.
JITTER_PERCENT = 20
#: How long the rest of what is due for an endpoint waits when one message to it got no answer, seconds.
PAUSE_S = 60
#: Whoever answers this wants no more messages.
GONE = 410
#: Who switches an endpoint off that is gone, in the audit trail.
SENDER = "sender of webhooks"


class Way(Protocol):
    """The part of `remote.Remote` that sending takes."""

    def post(self, url: str, body: bytes, *, headers: Mapping[str, str]) -> int:
        """Send bytes; the HTTP status of the answer. Raises RemoteFault where there is none."""
        ...


def tell(store: Webhooks, *, clock: Callable[[], datetime], pick: Callable[[int], int], way: Way) -> int:
    """Send the messages whose time has come, `AT_ONCE` at most; how many were tried.

    Args:
        store: has the messages.
        clock: the time, aware, UTC; it is signed too.
        pick: a random number from 0 up to below another one.
        way: sends.

    Raises:
        StoreFault: it cannot be noted what came of one; it is sent again when its lease ends.
    """
    due = store.due_deliveries(clock(), limit=AT_ONCE)
    if not due:
        return 0
    known = {one.id: one for one in store.endpoints()}

    def send(one: Delivery) -> None:
        endpoint = known.get(one.endpoint_id)
        if endpoint is not None:
            _send(one, endpoint, store, clock=clock, pick=pick, way=way)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tell") as pool:
        list(pool.map(send, due))
    return len(due)


def next_at(tries: int, now: datetime, pick: Callable[[int], int]) -> datetime | None:
    """When to try again a message that failed so many times, from 1; None when it is given up."""
    if tries > len(WAITS_S):
        return None
    wait_s = WAITS_S[tries - 1]
    return now + timedelta(seconds=wait_s, milliseconds=pick(wait_s * 10 * JITTER_PERCENT + 1))


def headers(one: Delivery, secret: str, now: datetime) -> dict[str, str]:
    """What goes with a message: its id, the time, and the signature over both and its bytes."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "assessor",
        "webhook-id": one.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(one.id, now, one.payload.decode()),
    }


def _send(
    one: Delivery,
    endpoint: Endpoint,
    store: Webhooks,
    *,
    clock: Callable[[], datetime],
    pick: Callable[[int], int],
    way: Way,
) -> None:
    status = None
    try:
        status = way.post(endpoint.url, one.payload, headers=headers(one, endpoint.secret, clock()))
        problem = None if 200 <= status < 300 else f"expected a status of 2xx, got {status}"
    except RemoteFault as error:
        problem = str(error)
    now = clock()
    try:
        if problem is None and status is not None:
            store.delivered(one.id, status=status)
            return
        again = None if status == GONE else next_at(one.tries + 1, now, pick)
        store.failed(one.id, problem=problem or "", status=status, next_at=again)
        if status is None:
            store.put_off(endpoint.id, until=now + timedelta(seconds=PAUSE_S), now=now)
        if status == GONE:
            act = Act(user_id=None, address=SENDER, now=now)
            store.set_endpoint(endpoint.id, active=False, act=act)
        log.warning("a message was not taken", message=one.id, problem=problem, again=again)
    except NotFound:
        log.info("a message was removed while it was sent", message=one.id)
