"""The container engine: reaching it, what it is, and its answers without surprises.

Goes out: the engine's low-level client, what the engine says of itself as `Facts`, and `answers`, which
turns whatever the client library raises into this system's errors. What containers look like is left to
`containers`; whether the facts are enough, to `doctor`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from assessor.errors import AssessorError, EngineMissing, SandboxFault

#: No single call of ours takes longer on a healthy engine; builds have a limit of their own.
CALL_S = 60

_USUAL = "unix:///var/run/docker.sock"

#: Everything that the client library lets through: its own errors, and those of the two below it.
TROUBLE = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an engine says of itself.

    Attributes:
        product: `docker` or `podman`.
        version: of the engine.
        api: version of its interface.
        os: `linux` and nothing else will do.
        kernel: its host's kernel.
        runtimes: names of the runtimes that it knows, sorted.
        default_runtime: the one that it takes unasked.
        cgroup_version: `1` or `2`.
        cgroup_driver: `cgroupfs`, `systemd`, or `none` where it can set no limits.
        security: names of its security options, sorted (`seccomp`, `rootless`, `apparmor`, `userns`).
        memory_limit: whether it holds memory limits.
        swap_limit: whether it holds swap limits.
        pids_limit: whether it holds limits of processes.
        cpu_quota: whether it holds processor shares.
        cpus: processors of its host.
        memory_bytes: memory of its host.
        storage: its storage driver.
    """

    product: str
    version: str
    api: str
    os: str
    kernel: str
    runtimes: tuple[str, ...]
    default_runtime: str
    cgroup_version: str
    cgroup_driver: str
    security: tuple[str, ...]
    memory_limit: bool
    swap_limit: bool
    pids_limit: bool
    cpu_quota: bool
    cpus: int
    memory_bytes: int
    storage: str


def connect(*, timeout_s: int = CALL_S, pool: int = 16) -> docker.APIClient:
    """A client of the engine that the environment names (`DOCKER_HOST`), else of the local one.

    Its connections are made anew where they broke, so that it outlives a restart of the engine.

    Raises:
        EngineMissing: none answers there.
    """
    try:
        settings = docker.utils.kwargs_from_env()
        _knock(settings.get("base_url") or _USUAL)
        # An engine from before 1.41 (Docker 20.10) answers, and is refused by `doctor` in words.
        return docker.APIClient(version="auto", timeout=timeout_s, max_pool_size=pool, **settings)
    except TROUBLE as error:
        raise EngineMissing(
            "engine: expected Docker (or a compatible engine) to answer at DOCKER_HOST or its usual socket, "
            f"got: {error}; `script/setup` starts or installs one, `assessor doctor` tells more"
        ) from error


def _knock(url: str) -> None:
    # The client library leaves its socket open where nobody listens, so that is found out without it.
    scheme, _, path = url.partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(CALL_S)
            probe.connect("/" + path.lstrip("/"))


def facts(api: docker.APIClient) -> Facts:
    """What this engine says of itself.

    Raises:
        EngineMissing: it does not answer.
    """
    try:
        return read_facts(api.info(), api.version())
    except TROUBLE as error:
        raise EngineMissing(f"engine: expected it to tell its facts, got: {error}") from error


def read_facts(info: Mapping[str, Any], version: Mapping[str, Any]) -> Facts:
    """The facts in the engine's answers to `/info` and `/version`; what they leave out counts as absent."""
    components = " ".join(part.get("Name", "") for part in version.get("Components") or ())
    options = []
    for option in info.get("SecurityOptions") or ():
        fields = dict(pair.split("=", 1) for pair in option.split(",") if "=" in pair)
        options.append(fields.get("name", option))
    return Facts(
        product="podman" if "podman" in components.lower() else "docker",
        version=str(version.get("Version", "")),
        api=str(version.get("ApiVersion", "")),
        os=str(info.get("OSType", "")),
        kernel=str(info.get("KernelVersion", "")),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        default_runtime=str(info.get("DefaultRuntime", "")),
        cgroup_version=str(info.get("CgroupVersion", "1")),
        cgroup_driver=str(info.get("CgroupDriver", "")),
        security=tuple(sorted(options)),
        memory_limit=bool(info.get("MemoryLimit")),
        swap_limit=bool(info.get("SwapLimit")),
        pids_limit=bool(info.get("PidsLimit")),
        cpu_quota=bool(info.get("CpuCfsQuota")),
        cpus=int(info.get("NCPU") or 0),
        memory_bytes=int(info.get("MemTotal") or 0),
        storage=str(info.get("Driver", "")),
    )


@contextmanager
def answers(what: str) -> Iterator[None]:
    """Run engine calls; whatever goes wrong in them comes out as a fault that names `what`.

    Raises:
        SandboxFault: a call failed; a submission has no say in any of them.
    """
    try:
        yield
    except AssessorError:
        raise
    except TROUBLE as error:
        raise SandboxFault(f"engine: {what}: expected it to be done, got: {error}") from error
