"""Held by any sandbox that keeps its limits."""

import probe


def test_memory():
    """Memory is bounded.

    How: 120 MiB
    Ends: memory
    """
    probe.use_memory()


def test_processes():
    """Processes are bounded.

    How: 30 children
    Ends: processes, timeout
    """
    probe.fork()
