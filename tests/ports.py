"""Ports for servers that a test starts in a process of its own."""

from __future__ import annotations

import random
import socket

#: Below what Linux gives to connections that go out (`ip_local_port_range`, from 32768 by default): none of
#: them takes the port between here and the server's start.
FIRST, LAST = 20_000, 32_000


def free() -> int:
    """A port of this machine on which nobody listens."""
    while True:
        # Not the test run's seed: two processes of one run must not ask for the same ones in turn.
        port = random.SystemRandom().randint(FIRST, LAST)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
