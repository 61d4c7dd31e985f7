"""Checks of the parts that the system stands on, each with what was found and how to mend it.

Comes in: facts that somebody has read. Goes out: a list of `Check`s. Nothing is touched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assessor.errors import EngineMissing
from assessor.sandbox.containers import GVISOR
from assessor.sandbox.engine import Facts

#: The oldest interface that has every limit in the form used here. Source: Docker Engine API 1.41 (20.10).
OLDEST_API = (1, 41)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold.

    Attributes:
        name: what was looked at.
        ok: whether it holds.
        found: what is there.
        mend: what to do where it does not hold; empty where it does.
    """

    name: str
    ok: bool
    found: str
    mend: str


def checks(engine: Facts, *, runtime: str = "runc") -> list[Check]:
    """Whether this engine can hold a submission: every limit, and the filter of system calls.

    Args:
        engine: what the engine says of itself.
        runtime: the runtime that is to run containers.
    """
    rootless = "rootless" in engine.security

    def check(name: str, ok: bool, found: str, mend: str) -> Check:
        return Check(name=name, ok=ok, found=found, mend="" if ok else mend)

    return [
        check(
            "engine",
            engine.os == "linux",
            f"{engine.product} {engine.version} on {engine.os or 'no known system'}, kernel {engine.kernel}",
            "use an engine that runs Linux containers",
        ),
        check(
            "interface",
            _version(engine.api) >= OLDEST_API,
            engine.api or "none named",
            "use Docker 20.10 or newer, or a Podman whose interface is as new",
        ),
        knows(engine, runtime, by="ASSESSOR_RUNTIME"),
        check(
            "seccomp",
            "seccomp" in engine.security,
            ", ".join(engine.security) or "no security options",
            "use a kernel and an engine built with seccomp: system calls could not be filtered",
        ),
        check(
            "control groups",
            engine.cgroup_driver not in ("", "none"),
            f"version {engine.cgroup_version}, driver {engine.cgroup_driver or 'none'}"
            + (", rootless" if rootless else ""),
            "a rootless engine sets limits only on cgroup version 2 with systemd's delegation: turn it on, "
            "or run the engine as root",
        ),
        check(
            "memory limit",
            engine.memory_limit,
            _held(engine.memory_limit),
            "turn on the kernel's memory control group (cgroup_enable=memory)",
        ),
        check(
            "swap limit",
            engine.swap_limit,
            _held(engine.swap_limit),
            "turn on swap accounting (swapaccount=1): memory limits could be swapped around",
        ),
        check(
            "process limit",
            engine.pids_limit,
            _held(engine.pids_limit),
            "turn on the kernel's pids control group: a fork bomb could not be held",
        ),
        check(
            "processor share",
            engine.cpu_quota,
            _held(engine.cpu_quota),
            "turn on the kernel's CFS quota (CONFIG_CFS_BANDWIDTH)",
        ),
    ]


def knows(engine: Facts, runtime: str, *, by: str) -> Check:
    """Whether this engine knows a runtime.

    Args:
        engine: what the engine says of itself.
        runtime: the runtime that is to run containers.
        by: the setting or file that asks for it.
    """
    ok = runtime in engine.runtimes
    found = f"{', '.join(engine.runtimes) or 'none'}; {by} asks for {runtime}"
    mend = f"install {runtime} and name it in the engine's settings, or let {by} name one that it has"
    if runtime == GVISOR:
        found += ", gVisor: a limit of memory or processes ends the whole run (docs/operating.md)"
        mend += "; script/setup --gvisor does both on an engine that it started"
    return Check(name="runtime", ok=ok, found=found, mend="" if ok else mend)


def require(found: Sequence[Check]) -> None:
    """Nothing, if every check holds.

    Raises:
        EngineMissing: one does not; the text names each that fails and how to mend it.
    """
    failed = [check for check in found if not check.ok]
    if failed:
        lines = "; ".join(f"{check.name}: got {check.found}: {check.mend}" for check in failed)
        raise EngineMissing(f"engine: expected every limit to be held: {lines}")


def _held(flag: bool) -> str:
    return "held" if flag else "not held"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
