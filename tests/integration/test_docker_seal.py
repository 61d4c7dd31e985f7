"""What a submission can reach and use up inside the Docker sandbox: asked of the engine, and from inside."""

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
from assessor.sandbox.protocol import End, Event, Finished, Order, Outcome, Reason, Service
from tests import boxes

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
LIMITS = Limits(
    wall_s=30, call_s=5, memory_bytes=96 * 1024**2, pids=24, disk_bytes=4 * 1024**2, files=300, cpu_percent=50
)
LEARNER = "10001"


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


def test_submission_has_no_privilege_of_any_kind(sandbox: Docker) -> None:
    status = ask(
        sandbox,
        "import pathlib\n"
        "lines = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
        "return dict(line.split(':\\t', 1) for line in lines if ':\\t' in line)",
    )
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["Uid"].split() == [LEARNER] * 4
    assert status["Gid"].split() == [LEARNER] * 4
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_submission_has_no_network(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import socket\n"
        "lines = open('/proc/net/dev').read().splitlines()[2:]\n"
        "told = {'interfaces': [line.partition(':')[0].strip() for line in lines]}\n"
        "for name in ('AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_PACKET', 'AF_VSOCK', 'AF_ALG'):\n"
        "    try:\n"
        "        socket.socket(getattr(socket, name), socket.SOCK_STREAM).close()\n"
        "        told[name] = 'open'\n"
        "    except OSError as error:\n"
        "        told[name] = type(error).__name__\n"
        "return told",
    )
    assert told.pop("interfaces") == ["lo"]
    assert set(told.values()) == {"PermissionError"}


def test_service_gets_loopback_streams_and_nothing_else(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import socket\n"
        "told = {}\n"
        "for family in ('AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_PACKET', 'AF_VSOCK'):\n"
        "    for kind in ('SOCK_STREAM', 'SOCK_DGRAM', 'SOCK_RAW'):\n"
        "        try:\n"
        "            socket.socket(getattr(socket, family), getattr(socket, kind)).close()\n"
        "            told[family + ' ' + kind] = 'open'\n"
        "        except OSError:\n"
        "            pass\n"
        "try:\n"
        "    socket.create_connection(('192.0.2.1', 80), timeout=1)\n"
        "    told['outside'] = 'reached'\n"
        "except OSError:\n"
        "    pass\n"
        "return told",
        service=Service(command=("python3", "main.py")),
    )
    assert told == {"AF_INET SOCK_STREAM": "open", "AF_INET6 SOCK_STREAM": "open"}


def test_submission_writes_to_its_scratch_folder_alone(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import os\n"
        "told = []\n"
        "for top, folders, _ in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if os.path.join(top, f) not in ('/proc', '/sys', '/tmp')]\n"
        "    try:\n"
        "        with open(os.path.join(top, 'probe'), 'w'):\n"
        "            told.append(top)\n"
        "    except OSError:\n"
        "        pass\n"
        "return told",
    )
    assert told == []


def test_nothing_that_gains_privilege_or_names_the_engine_is_in_reach(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import os, stat\n"
        "told = []\n"
        "for top, folders, files in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if os.path.join(top, f) not in ('/proc', '/sys')]\n"
        "    for name in files:\n"
        "        path = os.path.join(top, name)\n"
        "        try:\n"
        "            mode = os.lstat(path).st_mode\n"
        "        except OSError:\n"
        "            continue\n"
        "        known = ('docker.sock', 'pytest', 'test_solution.py')\n"
        "        if mode & (stat.S_ISUID | stat.S_ISGID) or name in known:\n"
        "            told.append(path)\n"
        "        if stat.S_ISBLK(mode):\n"
        "            told.append(path)\n"
        "return told",
    )
    assert told == []


def test_learners_image_holds_neither_pytest_nor_hypothesis(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import importlib.util\n"
        "return [n for n in ('pytest', '_pytest', 'hypothesis', 'numpy') if importlib.util.find_spec(n)]",
    )
    assert told == ["numpy"]


def test_grader_cannot_be_seen_or_reached_by_the_submission(sandbox: Docker) -> None:
    told = ask(
        sandbox,
        "import os\n"
        "uids = sorted({os.stat('/proc/' + p).st_uid for p in os.listdir('/proc') if p.isdigit()})\n"
        "try:\n"
        "    os.unlink('/run/link/s')\n"
        "    gone = True\n"
        "except OSError:\n"
        "    gone = False\n"
        "return [uids, gone]",
    )
    assert told[1] is False
    assert 10002 not in told[0]


HOSTILE = {
    "memory": (
        "    blocks = []\n    while True:\n        blocks.append(bytearray(8 * 1024 * 1024))\n",
        {Reason.MEMORY},
    ),
    "fork bomb": (
        "    import os\n    while True:\n        os.fork()\n",
        {Reason.PROCESSES, Reason.TIMEOUT, Reason.CRASH},
    ),
    "fork bomb that ignores errors": (
        "    import os\n    while True:\n        try:\n            os.fork()\n"
        "        except OSError:\n            pass\n",
        {Reason.PROCESSES, Reason.TIMEOUT},
    ),
    "disk": (
        "    n = 0\n    while True:\n        n += 1\n"
        "        with open(f'fill-{n}', 'wb') as f:\n            f.write(bytes(1024 * 1024))\n",
        {Reason.ERROR, Reason.DISK},
    ),
    "inodes": (
        "    n = 0\n    while True:\n        n += 1\n        open(f'file-{n}', 'w').close()\n",
        {Reason.ERROR, Reason.DISK},
    ),
    "kill all": (
        "    import contextlib, os, signal\n    for victim in (1, os.getppid(), -1):\n"
        "        with contextlib.suppress(OSError):\n            os.kill(victim, signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
        {Reason.CRASH},
    ),
    "stop all": (
        "    import os, signal\n    for p in os.listdir('/proc'):\n"
        "        if p.isdigit() and int(p) != os.getpid():\n"
        "            os.kill(int(p), signal.SIGSTOP)\n    os.kill(os.getpid(), signal.SIGSTOP)\n",
        {Reason.TIMEOUT, Reason.CRASH},
    ),
    "flood of the container's own output": (
        "    import os\n    for fd in range(3, 64):\n        try:\n"
        "            os.write(fd, b'x' * 65536)\n        except OSError:\n            pass\n"
        "    for path in ('/proc/1/fd/1', '/proc/1/fd/2', '/dev/console', '/dev/tty'):\n        try:\n"
        "            f = open(path, 'wb', buffering=0)\n"
        "            [f.write(b'y' * 65536) for _ in range(100)]\n"
        "        except OSError:\n            pass\n    raise ValueError\n",
        set(Reason) - {Reason.ASSERTION},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_attack_fails_its_own_test_and_the_tests_around_it_pass(sandbox: Docker, name: str) -> None:
    body, reasons = HOSTILE[name]
    solution = f"def good():\n    return 1\n\n\ndef bad():\n{body}"
    tests = (
        "import solution\n\n\ndef test_before():\n    assert solution.good() == 1\n\n\n"
        "def test_bad():\n    solution.bad()\n\n\ndef test_after():\n    assert solution.good() == 1\n"
    )
    outcome, told = run(sandbox, order(solution, tests=tests))
    assert outcome.end is End.COMPLETE
    assert told["test_before"].passed
    assert not told["test_bad"].passed
    assert told["test_bad"].reason in reasons, told["test_bad"]
    # A full scratch folder stays full: the rest of that run is the submission's own loss.
    assert told["test_after"].passed or name in ("disk", "inodes")


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
