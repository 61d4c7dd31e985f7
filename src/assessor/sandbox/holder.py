"""Who holds a container: the process that made it, told so that another process can see whether it lives.

Goes out: a label's text, `<host>:<process id>:<when it started>`. A process id alone could be another's by
the time that it is looked at; of another host nothing can be seen, so its containers are left to its own
sweep.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path


def me() -> str:
    """This process, as a label."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def lives(label: str) -> bool:
    """Whether the process that a label names lives, as far as can be seen from here.

    One that was made by nobody (an empty or foreign text) does not.
    """
    host, _, rest = label.rpartition(":")[0].rpartition(":")
    started = label.rpartition(":")[2]
    if not host or not rest.isdigit():
        return False
    if host != socket.gethostname():
        return True
    return _started(int(rest)) == started


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where there is none of that id."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    # Source: proc(5): the name may hold anything, brackets too; starttime is field 22.
    fields = line.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
