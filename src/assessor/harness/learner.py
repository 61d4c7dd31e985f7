"""The learner's side: waits with what submissions commonly use imported, then serves the grader.

Comes in: the start message (plan and the submission's files). Goes out: in a container of its own one `ready`
frame on standard output, then nothing there ever; what answers the grader is left to `zygote`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from . import runner, start, stream, zygote
from .start import COUNTERS, Work

#: What few submissions need, and what those are not to wait for where there is time before.
_SELDOM = ("asyncio",)


def warm(preload: list[str]) -> None:
    """Import what submissions commonly use, and what is named, and become a bare process."""
    environment = dict(os.environ)
    os.environ.clear()
    os.environ.update(
        {
            "PATH": environment.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "HOME": start.work_folder(environment),
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": environment.get("PYTHONHASHSEED", "0"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    zygote.prctl(zygote.PR_SET_DUMPABLE, 0)
    zygote.prctl(zygote.PR_SET_CHILD_SUBREAPER, 1)
    runner.warm()
    for name in preload:
        importlib.import_module(name)


def wait(preload: list[str], until: Callable[[], Work], *, rehearse: bool = False) -> None:
    """Get ready, ask what there is to do, and serve the grader until it is gone; ends the process.

    Args:
        preload: modules to import meanwhile.
        until: waits for work.
        rehearse: whether to import what few submissions need, so that what many runs come from has it.
    """
    warm([*preload, *(_SELDOM if rehearse else ())])
    work = until()
    try:
        serve(work)
        os._exit(0)
    except BaseException as error:
        os.write(2, f"learner: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(70)


def serve(work: Work) -> None:
    """Read the start message, then serve the grader until it is gone."""
    os.close(work.out)  # this side has no events
    plan, files = start.read_start(work.start)
    os.close(work.start)
    start.pin(plan)
    hello = json.dumps({"nonce": plan["nonce"], "role": "zygote", "token": ""}).encode()
    deadline = time.monotonic() + plan["wall_ms"] / 1000
    control = stream.connect(plan["socket"], hello, deadline=deadline)
    if any(b"numpy" in content for name, content in files.items() if name.endswith(".py")):
        # Only now: that this takes long must never look like a side that did not come up.
        runner.warm_numpy()
    zygote.Zygote(
        plan=plan,
        files=files,
        work=Path(os.environ["HOME"]),
        cgroup_root=work.counters,
        control=control,
        scores=work.scores,
    ).serve()


def main() -> None:
    """Wait for the start message, then serve the grader: in a container that is the attempt's own."""
    counters = Path(os.environ.get("ASSESSOR_CGROUP", COUNTERS))
    wait(json.loads(os.environ.get("ASSESSOR_PRELOAD", "[]")), lambda: start.ready(counters))
