"""Containers killed from outside, leftovers, images that do not build: whose fault, and what stays."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import docker
import pytest

from assessor.errors import EngineMissing, ImageFault, SandboxFault
from assessor.limits import Limits
from assessor.profile import Isolation
from assessor.sandbox import base, engine, holder, images, protocol
from assessor.sandbox import docker as docker_
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import Collected, End, Event, Finished, Order, Reason
from tests import boxes

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]

TESTS = """
import solution


def test_first():
    assert solution.f(1) == 1


def test_second():
    assert solution.f(2) == 2


def test_third():
    assert solution.f(3) == 3
"""


@pytest.fixture(scope="module")
def api() -> Iterator[docker.APIClient]:
    client = engine.connect()
    yield client
    client.close()


@pytest.fixture(params=Isolation)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Docker]:
    with boxes.box(isolation=request.param) as body:
        yield body


def order(solution: str = "def f(x):\n    return x\n", *, wall_s: int = 20) -> Order:
    return Order(
        attempt=uuid.uuid4().hex,
        epoch=1,
        profile="python",
        limits=Limits(wall_s=wall_s, call_s=5),
        bundle={"solution.py": solution.encode()},
        tests={"test_solution.py": TESTS.encode()},
        modules=("solution",),
        seed=1,
    )


def killer(
    api: docker.APIClient, sandbox: Docker, role: str, events: list[Event], after: str
) -> Callable[[Event], None]:
    """Kills one side, as an operator's `kill -9` would, once the test named `after` has finished."""

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Finished) and event.id.endswith(after):
            os.kill(boxes.pid(api, sandbox, role), signal.SIGKILL)

    return listen


def test_learner_container_killed_from_outside_is_lost_and_keeps_what_passed(
    sandbox: Docker, api: docker.APIClient
) -> None:
    # The second test waits, so that the kill lands while it runs.
    what = order("import time\n\n\ndef f(x):\n    time.sleep(2 if x == 2 else 0)\n    return x\n")
    events: list[Event] = []
    outcome = sandbox.run(what, on_event=killer(api, sandbox, "learner", events, "test_first"))
    told = [(e.passed, e.reason) for e in events if isinstance(e, Finished)]
    assert outcome.end is End.LEARNER_LOST
    assert told == [(True, None), (False, Reason.CRASH), (False, Reason.CRASH)]


def test_grader_killed_from_outside_is_a_fault_of_ours(sandbox: Docker, api: docker.APIClient) -> None:
    what = order("import time\n\n\ndef f(x):\n    time.sleep(2 if x == 2 else 0)\n    return x\n")
    events: list[Event] = []
    with pytest.raises(SandboxFault, match="grader: expected its end event, got the end of its output"):
        sandbox.run(what, on_event=killer(api, sandbox, "grader", events, "test_first"))
    assert [type(event) for event in events] == [Collected, Finished]


def test_containers_removed_by_somebody_else_are_a_fault_of_ours(
    sandbox: Docker, api: docker.APIClient
) -> None:
    what = order("import time\n\n\ndef f(x):\n    time.sleep(2 if x == 2 else 0)\n    return x\n")

    def listen(event: Event) -> None:
        if isinstance(event, Finished):
            for found in api.containers(filters={"label": f"{protocol.LABEL_OWNER}={sandbox.owner}"}):
                api.remove_container(found["Id"], force=True)

    with pytest.raises(SandboxFault):
        sandbox.run(what, on_event=listen)


def leave(api: docker.APIClient, owner: str, held: str) -> str:
    name = f"assessor-test-{uuid.uuid4().hex}"
    labels = {protocol.LABEL_OWNER: owner, protocol.LABEL_HOLDER: held}
    api.create_volume(name, labels=labels)
    api.create_container_from_config({"Image": base.TAG, "Cmd": ["true"], "Labels": labels}, name)
    return name


def test_sweep_removes_what_dead_processes_held_and_its_own_alone(api: docker.APIClient) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with boxes.box() as sandbox, boxes.box() as neighbour:
        host, _, started = holder.me().split(":")
        dead = leave(api, sandbox.owner, f"{host}:{gone.pid}:{started}")
        # Its process id is ours, but it started at another time.
        reused = leave(api, sandbox.owner, f"{host}:{os.getpid()}:1")
        alive = leave(api, sandbox.owner, holder.me())
        elsewhere = leave(api, sandbox.owner, f"not-{host}:1:1")
        foreign = leave(api, neighbour.owner, f"{host}:{gone.pid}:{started}")
        assert sandbox.sweep() == sorted([dead, dead, reused, reused])
        assert sandbox.sweep(alive=lambda holder: False) == sorted([alive, alive, elsewhere, elsewhere])
        assert neighbour.sweep() == [foreign, foreign]


def test_sweep_removes_what_a_living_process_could_not(
    api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with boxes.box() as sandbox:
        name = leave(api, sandbox.owner, holder.me())
        api.start(name)
        api.wait(name)
        assert sandbox.sweep() == [], "it may look at it still"
        monkeypatch.setattr(docker_, "_DONE_WITH", timedelta(0))
        assert sandbox.sweep() == [name, name]


def test_sandbox_that_is_not_there_is_an_image_fault_that_names_it(sandbox: Docker) -> None:
    with pytest.raises(ImageFault, match=r"sandboxes/cobol/sandbox.yaml: expected a sandbox's profile, got"):
        sandbox.identity("cobol")


def test_image_that_does_not_build_ends_with_the_builders_last_lines(
    tmp_path: Path, api: docker.APIClient
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN echo about to fail && exit 7\n")
    known = images.Images(api, sandboxes=tmp_path, cache=tmp_path / "cache")
    with pytest.raises(ImageFault, match=r"(?s)expected broken/Dockerfile to build, got: .*about to fail.*7"):
        known.get("broken")


def test_builds_have_no_network(tmp_path: Path, api: docker.APIClient) -> None:
    folder = tmp_path / "online"
    folder.mkdir()
    look = "import os, sys; sys.exit(os.listdir('/sys/class/net') != ['lo'])"
    (folder / "Dockerfile").write_text(
        f'ARG BASE\nFROM ${{BASE}}\nRUN python3 -c "{look}"\nCOPY wheels.txt /opt/assessor/wheels.txt\n'
    )
    built = images.Images(api, sandboxes=tmp_path, cache=tmp_path / "cache").get("online")
    try:
        assert "python3" in built.packages
    finally:
        api.remove_image(built.tag, force=True)


def test_image_that_is_there_is_used_and_named_by_its_recipe(api: docker.APIClient, tmp_path: Path) -> None:
    said: list[str] = []
    first = images.Images(api, sandboxes=ROOT / "sandboxes", cache=images.cache_folder()).get("python")
    again = images.Images(api, sandboxes=ROOT / "sandboxes", cache=tmp_path, say=said.append).get("python")
    assert said == [], "nothing was built"
    assert again == first, "the package list is the same when it is read anew"
    assert first.tag == "assessor/python:" + first.image.recipe.removeprefix("sha256:")[:16]


def test_engine_that_does_not_answer_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(EngineMissing, match="engine: expected Docker"):
        Docker(root=ROOT, owner="test")
