"""What the Docker sandbox promises, tried from inside; and that each trial is able to fail."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assessor.probe import examine
from assessor.probe.examine import Stage
from assessor.profile import Isolation
from assessor.sandbox import containers
from assessor.sandbox.containers import SCRATCH, Role
from assessor.sandbox.docker import Docker
from tests import boxes

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
FILTER_OFF = {"SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"]}
FROM_FILTER = {
    *("test_filter_is_on", "test_no_socket_family", "test_no_namespace", "test_no_mount", "test_no_keyring"),
    *("test_no_bpf_or_perf", "test_no_io_uring", "test_no_rare_memory", "test_no_handles"),
    *("test_no_shared_memory", "test_no_clock_or_name", "test_no_administration", "test_no_own_filter"),
    *("test_no_typing_for_others", "test_no_other_personality", "test_no_unknown_call"),
    *("test_traces_no_process", "test_no_other_door"),
}


@pytest.fixture
def sandbox() -> Iterator[Docker]:
    """One whose containers can be made carelessly; none waits, so that each is made anew."""
    with boxes.box(isolation=Isolation.CONTAINER, warm=0) as body:
        yield body


def label() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize("profile", ["python", "node"])
@pytest.mark.parametrize("isolation", Isolation)
def test_sandbox_holds_every_guarantee(isolation: Isolation, profile: str) -> None:
    with boxes.box(isolation=isolation) as sandbox:
        report = examine.examine(sandbox, profile=profile, label=label)
    assert report.identity.isolation == isolation
    assert {one.guarantee.test: one.found for one in report.findings if not one.held} == {}
    assert [one.guarantee for one in report.findings] == list(examine.guarantees())
    assert report.held


#: How a container could be made carelessly, and the guarantees that are then seen not to hold.
CARELESS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no filter": (FILTER_OFF, FROM_FILTER),
    "a root that can be written": ({"ReadonlyRootfs": False}, {"test_root_is_read_only"}),
    "shared memory": ({"IpcMode": "private"}, {"test_one_writable_folder"}),
    "nothing masked": (
        {"MaskedPaths": []},
        {"test_one_writable_folder", "test_kernel_tells_nothing"},
    ),
    "the host's name servers": ({"Dns": ["192.0.2.53"]}, {"test_host_name"}),
    "the host's processes": (
        {"PidMode": "host"},
        {"test_sees_its_own_processes", "test_signals_its_own_processes"},
    ),
    "the host's network": ({"NetworkMode": "host"}, {"test_no_interface"}),
    "capabilities in the bounding set": ({"CapDrop": []}, {"test_capabilities"}),
    "last to go": ({"OomScoreAdj": 0}, {"test_dies_first"}),
    "no hard limits": ({"Ulimits": []}, {"test_raises_no_limit"}),
    "a work folder without limits": (
        {"Tmpfs": {SCRATCH: "rw,exec,mode=0700,uid=10001,gid=10001"}},
        {"test_work_folder_is_bounded", "test_work_folder_runs_nothing"},
    ),
    "a device": (
        {"Devices": [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg", "CgroupPermissions": "r"}]},
        {"test_no_device"},
    ),
    "the engine's socket": (
        {"Binds": ["/var/run/docker.sock:/var/run/docker.sock"]},
        {"test_engine_is_out_of_reach"},
    ),
}


def careless(change: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    careful = containers.config

    def config(role: Role, place: containers.Place, **more: Any) -> dict[str, Any]:
        made = careful(role, place, **more)
        if role is Role.LEARNER:
            made["HostConfig"] |= change
            # Else whatever is said of the network says nothing.
            made["NetworkDisabled"] = False
        return made

    return config


@pytest.mark.parametrize("name", CARELESS)
def test_careless_container_is_found_out(sandbox: Docker, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    change, missed = CARELESS[name]
    monkeypatch.setattr(containers, "config", careless(change))
    report = examine.examine(sandbox, profile="python", label=label, stages=[Stage.ALONE])
    told = {one.guarantee.test.partition("::")[2]: one.found for one in report.findings if not one.held}
    assert set(told) == missed
    assert all(told.values()), "each says what was found"
    assert not report.held


def test_limits_that_are_not_kept_are_found_out(sandbox: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"Memory": 0, "MemorySwap": 0, "PidsLimit": 0}
    monkeypatch.setattr(examine, "_TESTS", {**examine._TESTS, Stage.LIMITS: "test_open.py"})
    monkeypatch.setattr(examine, "_INSIDE", ROOT / "tests" / "integration" / "probe")
    monkeypatch.setattr(containers, "config", careless(wide))
    report = examine.examine(sandbox, profile="python", label=label, stages=[Stage.LIMITS])
    assert [one.found.partition(":")[0] for one in report.findings] == [
        "expected it to fail by memory, got passed",
        "expected it to fail by processes or timeout, got passed",
    ]


def test_sandboxes_that_share_are_found_out(sandbox: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    # One network name space for all, as a careless engine would give.
    monkeypatch.setattr(containers, "config", careless({"NetworkMode": "host"}))
    report = examine.examine(sandbox, profile="python", label=label, stages=[Stage.BESIDE])
    missed = [one.guarantee.test.partition("::")[2] for one in report.findings if not one.held]
    assert missed == ["test_finds_no_socket"]
