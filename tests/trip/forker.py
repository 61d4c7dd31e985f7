"""Runs commands of the command line, each in a forked process of its own: imports take a second, a fork none.

Comes in on standard input, a JSON line a request: `{"start": [arguments], "environ": {}, "out": path,
"err": path}`, answered by the process id, or `{"wait": pid}`, answered by the exit status.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from assessor.cli import main


def start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(request["environ"])
    status: int | str | None = 70
    try:
        main(request["start"], prog_name="assessor")
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = start(request)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
