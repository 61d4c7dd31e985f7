"""Which engines are good enough, and what is said about those that are not."""

from __future__ import annotations

import dataclasses

import pytest

from assessor import doctor
from assessor.errors import EngineMissing
from assessor.sandbox import engine

GOOD = engine.read_facts(
    {
        "OSType": "linux",
        "KernelVersion": "6.1",
        "Runtimes": {"runc": {}},
        "DefaultRuntime": "runc",
        "CgroupVersion": "2",
        "CgroupDriver": "systemd",
        "SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"],
        "MemoryLimit": True,
        "SwapLimit": True,
        "PidsLimit": True,
        "CpuCfsQuota": True,
        "NCPU": 2,
        "MemTotal": 1024,
        "Driver": "overlay2",
    },
    {"Version": "20.10.24", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]},
)


def failed(facts: engine.Facts, **how: str) -> list[str]:
    return [check.name for check in doctor.checks(facts, **how) if not check.ok]


def test_engine_that_holds_every_limit_passes() -> None:
    assert failed(GOOD) == []
    doctor.require(doctor.checks(GOOD))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"os": "windows"}, "engine"),
        ({"api": "1.40"}, "interface"),
        ({"api": ""}, "interface"),
        ({"runtimes": ("crun",)}, "runtime"),
        ({"security": ("apparmor",)}, "seccomp"),
        ({"cgroup_driver": "none"}, "control groups"),
        ({"memory_limit": False}, "memory limit"),
        ({"swap_limit": False}, "swap limit"),
        ({"pids_limit": False}, "process limit"),
        ({"cpu_quota": False}, "processor share"),
    ],
)
def test_engine_that_lacks_one_thing_fails_that_check_alone(change: dict, name: str) -> None:
    facts = dataclasses.replace(GOOD, **change)
    assert failed(facts) == [name]
    with pytest.raises(EngineMissing, match=name):
        doctor.require(doctor.checks(facts))


def test_every_failed_check_says_how_to_mend_it_and_every_good_one_says_nothing() -> None:
    bad = engine.read_facts({}, {})
    assert all(bool(check.mend) is not check.ok for check in doctor.checks(bad))
    assert failed(bad) == [check.name for check in doctor.checks(bad)], "what is not told counts as absent"


def test_newer_interface_is_not_compared_as_text() -> None:
    assert failed(dataclasses.replace(GOOD, api="1.100")) == []


def test_runtime_that_is_asked_for_must_be_there() -> None:
    assert failed(GOOD, runtime="runsc") == ["runtime"]


def test_gvisor_is_named_with_what_it_holds_less_and_how_to_come_by_it() -> None:
    missing = doctor.knows(GOOD, "runsc", by="sandboxes/x/sandbox.yaml")
    assert not missing.ok
    assert "sandboxes/x/sandbox.yaml asks for runsc" in missing.found
    assert "script/setup --gvisor" in missing.mend
    there = doctor.knows(dataclasses.replace(GOOD, runtimes=("runc", "runsc")), "runsc", by="x")
    assert (there.ok, there.mend) == (True, "")
    assert "ends the whole run" in there.found
    assert "gVisor" not in doctor.knows(GOOD, "runc", by="x").found


def test_podman_is_known_by_its_components() -> None:
    facts = engine.read_facts({}, {"Components": [{"Name": "Podman Engine"}], "ApiVersion": "1.41"})
    assert facts.product == "podman"
