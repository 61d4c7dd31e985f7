"""Hangars: what one cell leaves for the next (nothing), when a hangar goes, and what its owner leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
import structlog

from assessor.limits import Limits
from assessor.profile import Isolation
from assessor.sandbox import engine, maker, protocol
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import End, Event, Finished, Order, Outcome, Reason
from tests import boxes

pytestmark = pytest.mark.docker

TESTS = "import solution\n\n\ndef test_it():\n    assert solution.f() == 'nothing'\n"
FINE = "def f():\n    return 'nothing'\n"


@pytest.fixture(scope="module")
def api() -> Iterator[docker.APIClient]:
    client = engine.connect()
    yield client
    client.close()


def order(solution: str = FINE, *, limits: Limits | None = None) -> Order:
    return Order(
        attempt=uuid.uuid4().hex,
        epoch=1,
        profile="python",
        limits=limits or Limits(memory_bytes=96 * 1024**2, disk_bytes=8 * 1024**2),
        bundle={"solution.py": solution.encode()},
        tests={"test_solution.py": TESTS.encode()},
        modules=("solution",),
        seed=1,
    )


def run(sandbox: Docker, what: Order) -> tuple[Outcome, Finished]:
    events: list[Event] = []
    outcome = sandbox.run(what, on_event=events.append)
    (test,) = [event for event in events if isinstance(event, Finished)]
    return outcome, test


def names(api: docker.APIClient, sandbox: Docker) -> set[str]:
    mine = {"label": f"{protocol.LABEL_OWNER}={sandbox.owner}"}
    return {container["Names"][0].lstrip("/") for container in api.containers(all=True, filters=mine)}


#: What each leaves, and what the next one looks for.
LEAVINGS = {
    "file": (
        "open('/tmp/left', 'w').close()",
        "import os\n    found = [n for n in os.listdir('/tmp') if n == 'left']",
    ),
    "full folder": (
        "import contextlib\n    with contextlib.suppress(OSError):\n"
        "        open('/tmp/fill', 'wb').write(bytes(1 << 30))",
        "found = []\n    open('/tmp/fill', 'wb').write(bytes(7 << 20))",
    ),
    "process": (
        "import subprocess, sys\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)",
        "import os\n    found = [p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()"
        " and int(p) != os.getppid()]",
    ),
    "abstract socket": (
        "import os, socket, time\n    if os.fork() == 0:\n        os.setsid()\n"
        "        s = socket.socket(socket.AF_UNIX)\n        s.bind('\\0left')\n        s.listen()\n"
        "        time.sleep(60)\n    time.sleep(0.1)",
        "import socket\n    found = []\n    try:\n        socket.socket(socket.AF_UNIX).connect('\\0left')\n"
        "        found = ['socket']\n    except OSError:\n        pass",
    ),
    "stopped orphan": (
        "import os, signal\n    if os.fork() == 0:\n        os.setsid()\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)",
        "import os\n    found = [p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()"
        " and int(p) != os.getppid()]",
    ),
}


@pytest.mark.parametrize("name", LEAVINGS)
def test_next_cell_of_the_same_hangar_finds_nothing(api: docker.APIClient, name: str) -> None:
    leave, look = LEAVINGS[name]
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        run(sandbox, order(f"def f():\n    {leave}\n    return 'nothing'\n"))
        before = names(api, sandbox)
        outcome, test = run(sandbox, order(f"def f():\n    {look}\n    return found or 'nothing'\n"))
        assert test.passed, test
        assert outcome.facts["start"] == "warm"
        assert names(api, sandbox) == before, "the same containers served both"


#: Reads all of its own memory, which its cell had from the hangar.
READER = """
import ctypes, re


def f():
    found = set()
    for line in open('/proc/self/maps'):
        span, rights = line.split()[:2]
        if rights[0] == 'r' and '[v' not in line:
            low, high = (int(part, 16) for part in span.split('-'))
            found |= set(re.findall(rb'(?:own|left)-[0-9a-f]{32}', ctypes.string_at(low, high - low)))
    return found


OWN = 'own-' + '5' * 32
"""


@pytest.mark.parametrize("lines", [500])
def test_cell_has_nothing_of_an_earlier_submission_in_its_memory(api: docker.APIClient, lines: int) -> None:
    left = FINE + "".join(f"# left-{number:032x}\n" for number in range(lines))
    tests = "import solution\n\n\ndef test_it():\n    assert solution.f() == {b'own-' + b'5' * 32}\n"
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        run(sandbox, order(left))
        before = names(api, sandbox)
        outcome, test = run(sandbox, replace(order(READER), tests={"test_solution.py": tests.encode()}))
        assert outcome.facts["start"] == "warm"
        assert names(api, sandbox) == before, "the same containers served both"
        assert test.passed, test


def test_hangar_that_was_made_in_a_hurry_gives_way_to_one_that_was_not(api: docker.APIClient) -> None:
    with boxes.box() as sandbox:
        outcome, _ = run(sandbox, order())
        assert outcome.facts["start"] == "cold"
        first = names(api, sandbox)
        outcome, _ = run(sandbox, order())
        assert outcome.facts["start"] == "warm"
        second = names(api, sandbox)
        assert not first & second
        run(sandbox, order())
        assert names(api, sandbox) == second


def test_memory_bomb_ends_its_cell_alone(api: docker.APIClient) -> None:
    bomb = "def f():\n    blocks = []\n    while True:\n        blocks.append(bytearray(8 << 20))\n"
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        run(sandbox, order())
        before = names(api, sandbox)
        _, test = run(sandbox, order(bomb))
        assert test.reason is Reason.MEMORY
        outcome, test = run(sandbox, order())
        assert test.passed
        assert (outcome.end, outcome.facts["start"]) == (End.COMPLETE, "warm")
        assert names(api, sandbox) == before


def test_cell_in_which_everything_was_killed_ends_and_the_hangar_goes_on() -> None:
    massacre = (
        "import contextlib, os, signal\n\n\ndef f():\n    for victim in (os.getppid(), 1, -1):\n"
        "        with contextlib.suppress(OSError):\n            os.kill(victim, signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        _, test = run(sandbox, order(massacre))
        assert test.reason is Reason.CRASH
        outcome, test = run(sandbox, order())
        assert test.passed
        assert outcome.facts["start"] == "warm"


def test_hangar_is_retired_after_its_number_of_cells(
    api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "MOST_CELLS", 2)
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        run(sandbox, order())
        first = names(api, sandbox)
        run(sandbox, order())
        outcome, test = run(sandbox, order())
        assert test.passed
        assert outcome.facts["start"] == "warm", "its successor was started ahead of need"
        assert not names(api, sandbox) & first


def test_hangar_in_which_something_is_left_is_retired(api: docker.APIClient) -> None:
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        run(sandbox, order())
        before = names(api, sandbox)
        (learner,) = [name for name in before if name.endswith("learner")]
        # As somebody who looks in from outside would leave it.
        stray = api.exec_create(learner, ["sleep", "600"])
        api.exec_start(stray, detach=True)
        with structlog.testing.capture_logs() as lines:
            run(sandbox, order())
            outcome, test = run(sandbox, order())
        assert test.passed
        assert outcome.facts["start"] == "warm"
        assert not names(api, sandbox) & before
        told = [line for line in lines if line["event"] == "hangar retired"]
        assert [line["role"] for line in told] == ["learner"]
        assert "expected no process of the cell" in told[0]["problem"]


def test_hangar_whose_socket_folder_is_not_empty_is_retired(api: docker.APIClient) -> None:
    tests = "import os\nos.mkdir('/run/link/left')\n" + TESTS
    with boxes.box() as sandbox:
        sandbox.prepare(order())
        with structlog.testing.capture_logs() as lines:
            run(sandbox, replace(order(), tests={"test_solution.py": tests.encode()}))
            outcome, test = run(sandbox, replace(order(), tests={"test_solution.py": tests.encode()}))
        assert test.passed, test
        assert outcome.facts["start"] == "warm"
        told = [line["problem"] for line in lines if line["event"] == "hangar retired"]
        assert told
        assert told[0] == (
            "expected to empty the socket's folder, got: [Errno 21] Is a directory: '/run/link/left'"
        )


@pytest.mark.parametrize("role", ["grader", "learner"])
def test_hangar_that_was_killed_while_it_waited_is_used_for_nothing(api: docker.APIClient, role: str) -> None:
    limits = Limits(memory_bytes=96 * 1024**2, disk_bytes=8 * 1024**2, wall_s=5)
    with boxes.box() as sandbox:
        sandbox.prepare(order(limits=limits))
        run(sandbox, order(limits=limits))
        run(sandbox, order(limits=limits))
        before = names(api, sandbox)
        (name,) = [name for name in before if name.endswith(role)]
        deadline = time.monotonic() + 20
        # Its last cell may still be on its way.
        while sandbox._pool.waiting == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        api.kill(name)
        api.wait(name)
        outcome, test = run(sandbox, order(limits=limits))
        assert (outcome.end, test.passed) == (End.COMPLETE, True), test
        assert not names(api, sandbox) & before


LOOKING = """
import os, sys
import solution


def test_what_a_test_can_see():
    raise ValueError(repr((sys.argv, sorted(os.environ.items()), os.getcwd(), os.listdir(), sys.path)))
"""


def test_records_are_the_same_cold_and_warm_in_cells_and_in_containers() -> None:
    what = replace(order(), tests={"test_solution.py": LOOKING.encode()})
    seen = []
    for isolation in Isolation:
        with boxes.box(isolation=isolation) as sandbox:
            for start in ("cold", "warm"):
                outcome, test = run(sandbox, what)
                assert (outcome.facts["start"], outcome.identity.isolation) == (start, isolation)
                seen.append((test.reason, test.message, test.detail))
    assert "ASSESSOR_WORK" in seen[0][1]
    assert seen == [seen[0]] * 4


def test_identity_names_the_cell_that_ran_though_cells_are_refused_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    what = replace(order(), tests={"test_solution.py": b"import hypothesis\n" + TESTS.encode()})
    with boxes.box() as sandbox:
        sandbox.prepare(what)
        run(sandbox, what)
        # As another kind of hangar, started meanwhile, would have found out.
        monkeypatch.setattr(sandbox._maker, "_refused", "leave the namespaces: No space left on device")
        outcome, _ = run(sandbox, what)
        assert outcome.facts["start"] == "warm"
        assert outcome.identity.isolation == "cell"


def test_host_that_refuses_cells_gets_containers_and_the_evidence_says_so(tmp_path: Path) -> None:
    shutil.copytree(boxes.ROOT / "sandboxes", tmp_path / "sandboxes")
    rules = tmp_path / "sandboxes" / "seccomp-hangar.json"
    wider = json.loads(rules.read_text())
    wider["syscalls"][0]["names"].remove("unshare")
    rules.write_text(json.dumps(wider))
    with boxes.box(root=tmp_path) as sandbox:
        assert sandbox.isolation("python") is Isolation.CELL
        outcome, test = run(sandbox, order())
        assert test.passed
        assert outcome.identity.isolation == "container"
        assert outcome.identity == sandbox.identity("python")
        assert "leave the namespaces: Operation not permitted" in outcome.facts["cells_refused"]


def test_hangar_whose_image_changed_is_retired(api: docker.APIClient, tmp_path: Path) -> None:
    shutil.copytree(boxes.ROOT / "sandboxes", tmp_path / "sandboxes")
    recipe = tmp_path / "sandboxes" / "python" / "Dockerfile"
    with boxes.box(root=tmp_path) as sandbox:
        sandbox.prepare(order())
        outcome, _ = run(sandbox, order())
        before, first = names(api, sandbox), outcome.identity.learner.recipe
        recipe.write_text(recipe.read_text() + "# The same, said at more length.\n")
        outcome, test = run(sandbox, order())
        assert test.passed
        assert outcome.identity.learner.recipe != first
        tag = f"assessor/python:{outcome.identity.learner.recipe.removeprefix('sha256:')[:16]}"
        recipe.write_text("FROM nothing-that-there-is\n")
        with structlog.testing.capture_logs() as lines:
            outcome, test = run(sandbox, order())
        assert test.passed, "what was there before is used while somebody edits"
        assert [line["sandbox"] for line in lines if "image used" in line["event"]] == ["python"]
        deadline = time.monotonic() + 20
        while names(api, sandbox) & before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not names(api, sandbox) & before
    api.remove_image(tag, force=True)


OWNER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from assessor.sandbox.docker import Docker
from tests.integration.test_hangars import order
body = Docker(root=Path({root!r}), owner={owner!r})
body.run(order(), on_event=lambda event: None)
print("served", flush=True)
time.sleep(600)
"""


def test_hangars_of_a_killed_owner_end_by_themselves_and_its_successor_removes_them(
    api: docker.APIClient,
) -> None:
    with boxes.box() as successor:
        code = OWNER.format(root=str(boxes.ROOT), owner=successor.owner)
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "served\n"
            deadline = time.monotonic() + 20
            # The pair that was made in a hurry goes, and one that stays takes its place.
            there: set[str] = set()
            while (found := names(api, successor)) != there or len(found) != 2:
                assert time.monotonic() < deadline, found
                there = found
                time.sleep(0.3)
            assert successor.sweep() == [], "its owner lives"
            os.kill(owner.pid, signal.SIGKILL)
            owner.wait()
        mine = {"label": f"{protocol.LABEL_OWNER}={successor.owner}", "status": "running"}
        while api.containers(filters=mine) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert api.containers(filters=mine) == []
        assert len(successor.sweep()) == 3, "two containers and their volume"
