"""What either container may do, read off the configuration that the engine is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assessor.errors import ImageFault
from assessor.limits import Limits
from assessor.sandbox import containers
from assessor.sandbox.containers import Filter, Place, Role

SANDBOXES = Path(__file__).parents[2] / "sandboxes"
LIMITS = Limits(memory_bytes=100 * 1024**2, pids=17, cpu_percent=50, disk_bytes=1024**2, files=99)


PLACE = Place(labels={"a": "b"}, volume="v", limits=LIMITS, hash_seed=7, runtime="runc")
CALLS = Filter(profile={})


def config(role: Role) -> dict:
    return containers.config(role, PLACE, image="sha256:0", calls=CALLS)


def hangar(role: Role) -> dict:
    return containers.hangar(role, PLACE, image="sha256:0", calls=CALLS)


@pytest.mark.parametrize("made", [config, hangar])
@pytest.mark.parametrize("role", Role)
def test_neither_side_has_network_capabilities_or_a_writable_root(
    role: Role, made: Callable[[Role], dict]
) -> None:
    host = made(role)["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["IpcMode"] == "none"
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"] is True
    # AppArmor's usual profile refuses the mounts that cells are made with.
    own = ["apparmor=unconfined"] if made is hangar else []
    assert host["SecurityOpt"] == ["no-new-privileges:true", "seccomp={}", *own]
    assert "CapAdd" not in host
    assert "Privileged" not in host
    assert "Binds" not in host


def test_sides_have_users_of_their_own() -> None:
    users = {config(role)["User"] for role in Role}
    assert users == {"10001:10001", "10002:10002"}


def test_learner_side_gets_the_limits_of_the_order_and_no_swap() -> None:
    host = config(Role.LEARNER)["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == LIMITS.memory_bytes
    assert host["PidsLimit"] == LIMITS.pids
    assert host["NanoCpus"] == 500_000_000
    assert host["OomScoreAdj"] == 1000
    assert f"size={LIMITS.disk_bytes},nr_inodes=99," in host["Tmpfs"]["/tmp"]


@pytest.mark.parametrize("compiled", [False, True])
def test_work_folder_holds_programs_on_the_learner_side_of_a_profile_that_says_so(compiled: bool) -> None:
    place = replace(PLACE, compiled=compiled)
    for role in Role:
        made = containers.config(role, place, image="sha256:0", calls=CALLS)
        options = made["HostConfig"]["Tmpfs"]["/tmp"].split(",")
        assert ("noexec" not in options) is (compiled and role is Role.LEARNER)
        assert {"nosuid", "nodev"} <= set(options)
        mould = containers.mould(role, place, calls=CALLS, service=False)
        assert mould["compiled"] is (compiled and role is Role.LEARNER)


def test_graders_limits_do_not_follow_the_order() -> None:
    host = config(Role.GRADER)["HostConfig"]
    assert host["Memory"] == containers.GRADER_MEMORY_BYTES
    assert host["PidsLimit"] == containers.GRADER_PIDS
    assert host["OomScoreAdj"] < 1000


def test_volume_is_read_only_on_the_learner_side_alone() -> None:
    mounts = {role: config(role)["HostConfig"]["Mounts"] for role in Role}
    assert [mount["ReadOnly"] for mount in mounts[Role.LEARNER]] == [True]
    assert [mount["ReadOnly"] for mount in mounts[Role.GRADER]] == [False]
    assert all(mount["Type"] == "volume" for both in mounts.values() for mount in both)


@pytest.mark.parametrize("role", Role)
def test_hangar_holds_the_limits_of_its_cell_and_one_process_more(role: Role) -> None:
    own, cell = hangar(role)["HostConfig"], config(role)["HostConfig"]
    assert own["PidsLimit"] == cell["PidsLimit"] + 1
    for name in ("Memory", "MemorySwap", "NanoCpus", "Ulimits", "Mounts", "Runtime"):
        assert own[name] == cell[name], name
    assert own["OomScoreAdj"] < cell["OomScoreAdj"], "a cell goes before its hangar when memory is short"
    assert hangar(role)["User"] == config(role)["User"]


@pytest.mark.parametrize("service", [False, True])
def test_cells_are_bound_by_the_filter_of_a_container_and_their_hangar_by_a_wider_one(service: bool) -> None:
    calls = containers.read_filter(SANDBOXES, service=service)
    told = containers.mould(Role.LEARNER, PLACE, calls=calls, service=service)
    assert told["filter"] == calls.profile
    assert told["loopback"] is service
    assert (told["disk_bytes"], told["files"], told["oom_score_adj"]) == (LIMITS.disk_bytes, 99, 600)
    wider = containers.hangar_filter(SANDBOXES, calls)
    assert wider.profile["syscalls"][: len(calls.profile["syscalls"])] == calls.profile["syscalls"]
    assert allowed(wider.profile) - allowed(calls.profile) == {
        *("capset", "mount", "pivot_root", "seccomp", "umount2", "unshare")
    }


@pytest.mark.parametrize("service", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "io_uring_setup",
        "keyctl",
        "bpf",
        "ptrace",
        "unshare",
        "setns",
        "mount",
        "userfaultfd",
        "process_vm_writev",
        "open_by_handle_at",
        "perf_event_open",
        "init_module",
        "shmget",
        "mq_open",
        "add_key",
        "personality",
        "chroot",
        "pivot_root",
    ],
)
def test_filter_lets_no_dangerous_call_through(name: str, service: bool) -> None:
    profile = containers.read_filter(SANDBOXES, service=service).profile
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert name not in allowed(profile)


def allowed(profile: Mapping[str, Any]) -> set[str]:
    rules = [rule for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
    return {name for rule in rules for name in rule["names"]}


def families(profile: Mapping[str, Any]) -> set[int]:
    return {
        rule["args"][0]["value"] if rule["args"] else -1
        for rule in profile["syscalls"]
        if "socket" in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"
    }


def test_filter_allows_unix_sockets_only_and_loopback_streams_to_services_alone() -> None:
    closed = containers.read_filter(SANDBOXES, service=False).profile
    opened = containers.read_filter(SANDBOXES, service=True).profile
    assert families(closed) == {1}
    assert families(opened) == {1, 2, 10}
    streams = [r for r in opened["syscalls"] if r["names"] == ["socket"]]
    assert all(rule["args"][1]["valueTwo"] == 1 for rule in streams), "SOCK_STREAM alone"


def test_filter_digests_tell_the_two_apart() -> None:
    assert len({containers.read_filter(SANDBOXES, service=flag).digest for flag in (False, True)}) == 2


def test_filter_that_allows_by_default_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seccomp.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}')
    with pytest.raises(ImageFault, match="expected the default action SCMP_ACT_ERRNO, got 'SCMP_ACT_ALLOW'"):
        containers.read_filter(tmp_path, service=False)


def test_filter_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFault, match=r"seccomp\.json: expected a filter of system calls"):
        containers.read_filter(tmp_path, service=True)


def test_gvisor_gets_room_for_its_own_threads() -> None:
    place = replace(PLACE, runtime=containers.GVISOR)
    for role in Role:
        own = containers.config(role, PLACE, image="sha256:0", calls=CALLS)["HostConfig"]
        wide = containers.config(role, place, image="sha256:0", calls=CALLS)["HostConfig"]
        assert wide["PidsLimit"] > own["PidsLimit"] + 100
        assert wide["Memory"] == own["Memory"]


@pytest.mark.parametrize("service", [False, True])
def test_gvisors_filter_differs_in_the_one_call_that_it_answers_itself(service: bool) -> None:
    usual = containers.read_filter(SANDBOXES, service=service)
    other = containers.read_filter(SANDBOXES, service=service, runtime=containers.GVISOR)

    def rules(found: Filter) -> list[dict]:
        return [rule for rule in found.profile["syscalls"] if rule["names"] != ["clone3"]]

    assert rules(usual) == rules(other)
    assert {rule["action"] for rule in usual.profile["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}
    assert {rule["action"] for rule in other.profile["syscalls"]} == {"SCMP_ACT_ALLOW"}
    assert usual.digest != other.digest
    assert containers.read_filter(SANDBOXES, service=service, runtime="crun") == usual
