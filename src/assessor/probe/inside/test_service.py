"""Guarantees for a submission that may start a server: it gets loopback streams and nothing else."""

from __future__ import annotations

import probe


def test_streams_alone() -> None:
    """A server gets streams of IPv4 and IPv6, and no other kind of socket.

    How: every family from 1 to 49, four types, five protocols
    """
    opened = {name for name in probe.sockets() if not name.startswith("1/")}
    assert opened == {"2/1/0", "2/1/6", "10/1/0", "10/1/6"}


def test_nothing_outside() -> None:
    """A server reaches nothing outside of its sandbox.

    How: connecting to addresses of documentation, of private networks, of clouds' metadata
    """
    addresses = ("192.0.2.1", "10.0.0.1", "172.17.0.1", "192.168.0.1", "169.254.169.254", "2001:db8::1")
    assert probe.reached(*((name, 80) for name in addresses)) == []
    assert probe.interfaces() in ([], ["lo"])
