"""How often a visitor may ask: counted for each user, and for each address where nobody is signed in.

Comes in: whom a request counts for. Goes out: nothing, or `Throttled` with the time to come back. Counts live
in the memory of the one web process, or in the Redis server that is named by URL, for several of them.

Guesses at passwords have counts of their own, by address and by account: they run out long before one is
guessed. Tokens and links that do not hold have another, by address.
"""

from __future__ import annotations

import ipaddress
import math
import time

import redis
import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from assessor.errors import Throttled
from assessor.waiting import Rate
from assessor.web.counts import Counts

log = structlog.get_logger(__name__)

#: How long the Redis server may take, seconds.
PATIENCE_S = 2
#: Requests that change something, for each visitor.
WRITES = Rate(count=120, per_s=60)
#: Guesses from one address (a classroom may share one), those of them at one account, and those at one
#: account from anywhere: high enough that nobody keeps somebody else out with ease.
GUESSES_FROM_ADDRESS = Rate(count=100, per_s=600)
GUESSES_FROM_ADDRESS_OF_ACCOUNT = Rate(count=10, per_s=600)
GUESSES_OF_ACCOUNT = Rate(count=100, per_s=600)


class Throttle:
    """Counts requests.

    Args:
        reads: how many requests of any kind a visitor may make, or None for any number.
        redis_url: where counts are kept, or None: in this process.
        writes: how many that change something, or None for any number.
    """

    def __init__(
        self, *, reads: Rate | None, redis_url: str | None = None, writes: Rate | None = WRITES
    ) -> None:
        self._reads = reads
        self._writes = writes
        self._own = Counts()
        self._shared: SlidingWindowCounterRateLimiter | None = None
        if redis_url is not None:
            self._shared = SlidingWindowCounterRateLimiter(RedisStorage(redis_url, socket_timeout=PATIENCE_S))

    @property
    def own(self) -> bool:
        """Whether counts are in the memory of this process: counting waits for nobody."""
        return self._shared is None

    def request(self, key: str, *, safe: bool) -> None:
        """Count a request.

        Args:
            key: whom it counts for, `user:ID` or `address:IP`.
            safe: whether it changes nothing.

        Raises:
            Throttled: too many; the text says when to come back.
        """
        if self._reads is not None:
            self._count("any", self._reads, key)
        if not safe and self._writes is not None:
            self._count("writes", self._writes, key)

    def guess(self, address: str, account: str | None = None) -> None:
        """Count a guess at a secret.

        Args:
            address: where it came from.
            account: whose secret, or None where that cannot be told.

        Raises:
            Throttled: too many; the text says when to come back.
        """
        here = bucket(f"address:{address}")
        self._count("guesses", GUESSES_FROM_ADDRESS, here)
        if account is not None:
            self._count("guesses.both", GUESSES_FROM_ADDRESS_OF_ACCOUNT, f"{here} account:{account}")
            self._count("guesses.account", GUESSES_OF_ACCOUNT, f"account:{account}")

    def stray(self, address: str) -> None:
        """Count a token, link or invitation that does not hold.

        Nobody guesses one of 256 bits: what comes is a program that goes on after its token ran out. Others
        at its address must not be kept from signing in by that, so it has a count of its own.

        Raises:
            Throttled: too many; the text says when to come back.
        """
        self._count("strays", GUESSES_FROM_ADDRESS, f"address:{address}")

    def _count(self, name: str, rate: Rate, key: str) -> None:
        whose = bucket(key)
        if self._shared is None:
            until = self._own.over(name, rate, whose)
        else:
            item = RateLimitItemPerSecond(rate.count, rate.per_s, namespace=f"assessor.{name}")
            try:
                until = _over(self._shared, item, whose)
            except redis.RedisError as error:
                # The queue being away keeps nobody from reading, and is no time to guess for free.
                log.warning("requests are counted by this process alone", error=str(error))
                until = self._own.over(name, rate, whose)
        if until is not None:
            retry_s = max(1, math.ceil(until - time.time()))
            raise Throttled(
                f"expected at most {rate.count} requests of this kind in {rate.per_s} s, got more: "
                f"come back in {retry_s} s",
                retry_s=retry_s,
            )


def _over(counts: SlidingWindowCounterRateLimiter, item: RateLimitItem, whose: str) -> float | None:
    """Count one more; when there is room again (seconds since 1970) where there is none, else None."""
    if counts.hit(item, whose):
        return None
    return counts.get_window_stats(item, whose).reset_time


def bucket(key: str) -> str:
    """What counts as one: for `address:<IP>` its network where one customer has all of it; else the key."""
    kind, _, name = key.partition(":")
    if kind == "address":
        try:
            found = ipaddress.ip_address(name)
        except ValueError:
            return key
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
            # One customer has all of a /64: single addresses of it cost nothing.
            return f"address:{ipaddress.ip_network((found, 64), strict=False)}"
    return key
