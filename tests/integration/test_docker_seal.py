"""How the Docker sandbox is made, asked of the engine, and what works inside it.

What does not work inside it is left to `test_probe`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from assessor import doctor
from assessor.limits import Limits
from assessor.profile import Isolation
from assessor.sandbox import engine, holder, protocol
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import Event, Finished, Order, Outcome
from tests import boxes

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
LIMITS = Limits(
    wall_s=30, call_s=5, memory_bytes=96 * 1024**2, pids=24, disk_bytes=4 * 1024**2, files=300, cpu_percent=50
)


@pytest.fixture(scope="module", params=Isolation)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Docker]:
    with boxes.box(isolation=request.param) as body:
        yield body


@pytest.fixture(scope="module")
def api() -> Iterator[docker.APIClient]:
    client = engine.connect()
    yield client
    client.close()


def order(solution: str, *, tests: str, limits: Limits = LIMITS, **more: Any) -> Order:
    return Order(
        attempt=uuid.uuid4().hex,
        epoch=3,
        limits=limits,
        bundle={"solution.py": solution.encode()},
        tests={"test_solution.py": tests.encode()},
        modules=("solution",),
        seed=1,
        **({"profile": "python"} | more),
    )


def run(sandbox: Docker, what: Order) -> tuple[Outcome, dict[str, Finished]]:
    events: list[Event] = []
    outcome = sandbox.run(what, on_event=events.append)
    return outcome, {e.id.partition("::")[2]: e for e in events if isinstance(e, Finished)}


def ask(sandbox: Docker, code: str, **more: Any) -> Any:
    """Run a function body in the learner's container; what it returns, as the grader saw it."""
    body = "".join(f"    {line}\n" for line in code.splitlines())
    tests = (
        "import json\nfrom solution import tell\n\n\n"
        "def test_tell():\n    answer = tell()\n"
        "    raise AssertionError('ANSWER' + json.dumps(answer) + 'END')\n"
    )
    _, told = run(sandbox, order(f"def tell():\n{body}", tests=tests, **more))
    message = told["test_tell"].message
    assert "ANSWER" in message, message
    return json.loads(message.partition("ANSWER")[2].partition("END")[0])


def test_engine_of_this_machine_passes_every_check(api: docker.APIClient) -> None:
    doctor.require(doctor.checks(engine.facts(api)))


def test_containers_are_made_as_the_order_asks_and_are_found_by_label(
    sandbox: Docker, api: docker.APIClient
) -> None:
    what = order("def f():\n    pass\n", tests="import solution\n\n\ndef test_f():\n    solution.f()\n")
    found: dict[str, dict[str, Any]] = {}
    volumes: list[dict[str, Any]] = []

    def look(event: Event) -> None:
        if not found:
            mine = {"label": f"{protocol.LABEL_OWNER}={sandbox.owner}"}
            for container in api.containers(filters=mine):
                found[container["Labels"][protocol.LABEL_ROLE]] = api.inspect_container(container["Id"])
            volumes.extend(api.volumes(filters=mine)["Volumes"])

    sandbox.run(what, on_event=look)
    assert set(found) == {"learner", "grader"}
    assert len(volumes) == 1
    for role, details in found.items():
        labels, host = details["Config"]["Labels"], details["HostConfig"]
        assert labels[protocol.LABEL_HOLDER] == holder.me()
        assert (host["NetworkMode"], host["IpcMode"], host["ReadonlyRootfs"]) == ("none", "none", True)
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert not host["Binds"]
        assert any(option.startswith("seccomp={") for option in host["SecurityOpt"])
        assert [mount["Type"] for mount in details["Mounts"]] == ["volume"], role
    host = found["learner"]["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (LIMITS.memory_bytes, LIMITS.memory_bytes)
    hangar = sandbox.isolation("python") is Isolation.CELL
    # A hangar's own process is one more, and goes last; a cell's take the learner's score themselves.
    assert (host["PidsLimit"], host["NanoCpus"]) == (25 if hangar else 24, 500_000_000)
    assert host["OomScoreAdj"] == (300 if hangar else 1000)
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]}
    assert limits["core"] == (0, 0)
    assert limits["fsize"] == (LIMITS.disk_bytes, LIMITS.disk_bytes)
    assert found["learner"]["Config"]["User"] != found["grader"]["Config"]["User"]


def test_numpy_threads_and_subprocesses_work_under_the_filter(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import asyncio, concurrent.futures, subprocess, sys, tempfile, threading\n"
        "import numpy\n"
        "total = int(numpy.arange(10).sum())\n"
        "made = []\n"
        "thread = threading.Thread(target=made.append, args=(1,))\n"
        "thread.start()\n"
        "thread.join()\n"
        "with concurrent.futures.ThreadPoolExecutor(2) as pool:\n"
        "    squares = list(pool.map(lambda x: x * x, range(3)))\n"
        "printed = subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout.decode()\n"
        "async def main():\n"
        "    await asyncio.sleep(0)\n"
        "    return 5\n"
        "with tempfile.TemporaryDirectory() as spot:\n"
        "    open(spot + '/f', 'w').close()\n"
        "return [total, made, squares, printed, asyncio.run(main())]",
        limits=Limits(wall_s=30, call_s=10),
    )
    assert told == [45, [1], [0, 1, 4], "1\n", 5]


def test_node_runs_under_the_filter_within_ordinary_limits(sandbox: Docker) -> None:
    what = order(
        "",
        tests="def test_node(program):\n"
        "    done = program()\n"
        "    assert (done.returncode, done.stdout) == (0, '42\\n'), done\n",
        limits=Limits(),
        profile="node",
        command=("node", "-e", "setTimeout(() => console.log(6 * 7), 1)"),
    )
    _, told = run(sandbox, what)
    assert told["test_node"].passed, told["test_node"]


def test_processes_of_a_finished_run_are_gone(sandbox: Docker) -> None:
    token = f"left-{uuid.uuid4().hex}"
    solution = (
        "import subprocess\n\n\ndef leave():\n"
        f"    subprocess.Popen(['python3', '-c', 'import time; time.sleep(600)', '{token}'],\n"
        "                     start_new_session=True)\n"
    )
    run(sandbox, order(solution, tests="import solution\n\n\ndef test_it():\n    solution.leave()\n"))
    assert shutil.which("ps")
    assert token not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
