"""The learner's side of the black-box fixtures, with an agent in a process of its own, as in a sandbox."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor.harness import folder, frames
from assessor.harness.server import listens

# The agent makes its process a reaper of all that descends from it: never the one that runs the tests.
SERVER = """
import sys, types, pathlib, msgspec
from assessor.harness import blackbox, frames, processes
contexts = {}
decoder = frames.Decoder(limit_bytes=2**26)
out = sys.stdout.buffer
while data := sys.stdin.buffer.raw.read(65536):
    for payload in decoder.feed(data):
        message = msgspec.msgpack.decode(payload)
        where = message["folder"]
        if where not in contexts:
            contexts[where] = types.SimpleNamespace(
                folder=pathlib.Path(where), files=message["files"], plan=message["plan"]
            )
        reply = blackbox.handle(message["request"], contexts[where])
        out.write(frames.encode(msgspec.msgpack.encode(reply)))
        out.flush()
processes.end_descendants()
"""

PLAN = {
    "output_bytes": 64 * 1024,
    "reply_bytes": 1024 * 1024,
    "disk_bytes": 4 * 1024 * 1024,
    "files_limit": 200,
}


class Agent:
    """Asks an agent that works in `scratch` and holds `files`."""

    def __init__(self, server: subprocess.Popen[bytes], scratch: Path) -> None:
        self._server = server
        self.scratch = scratch
        self.files: dict[str, bytes] = {}

    def ask(self, kind: str, **request: Any) -> dict[str, Any]:
        message = {
            "folder": str(self.scratch),
            "files": self.files,
            "plan": PLAN,
            "request": {"kind": kind, **request},
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(frames.encode(msgspec.msgpack.encode(message)))
        self._server.stdin.flush()
        header = self._exactly(self._server.stdout, frames.HEADER.size)
        (length,) = frames.HEADER.unpack(header)
        reply: dict[str, Any] = msgspec.msgpack.decode(self._exactly(self._server.stdout, length))
        return reply

    def run(self, source: str, **request: Any) -> dict[str, Any]:
        """Run `source` as main.py."""
        # An agent keeps the submission that it was given first: what comes later is a file of the test.
        self.files.setdefault("main.py", source.encode())
        files = {"main.py": source.encode(), **request.get("files", {})}
        defaults = {
            "box": None,
            "command": [sys.executable, "main.py"],
            "stdin": b"",
            "env": {},
            "timeout_ms": 10_000,
        }
        return self.ask("run", **{**defaults, **request, "files": files})

    @staticmethod
    def _exactly(stream: BinaryIO | Any, size: int) -> bytes:
        data: bytes = stream.read(size)
        assert len(data) == size, "the agent's process died"
        return data


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@pytest.fixture
def agent(server: subprocess.Popen[bytes], tmp_path: Path) -> Agent:
    return Agent(server, tmp_path)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != b"Z"


def test_program_output_status_and_input_come_back(agent: Agent) -> None:
    reply = agent.run(
        "import sys; print(sys.stdin.read().upper(), *sys.argv[1:])\n"
        "print('e', file=sys.stderr); sys.exit(3)",
        command=[sys.executable, "main.py", "a b", "c"],
        stdin=b"hello",
    )
    assert reply == {
        "status": 3,
        "stdout": b"HELLO a b c\n",
        "stderr": b"e\n",
        "files": {},
        "problem": None,
    }


def test_signal_comes_back_as_negative_status(agent: Agent) -> None:
    assert agent.run("import os; os.kill(os.getpid(), 9)")["status"] == -9


def test_missing_program_ends_as_a_shell_says(agent: Agent) -> None:
    reply = agent.run("", command=["no-such-program"])
    assert (reply["status"], reply["stderr"]) == (127, b"no-such-program: No such file or directory\n")
    assert agent.run("", command=["./main.py"])["status"] == 126


def test_program_sees_a_clean_environment_and_no_other_descriptor(agent: Agent) -> None:
    reply = agent.run(
        "import os; print(sorted(os.environ)); print(sorted(os.listdir('/proc/self/fd')))\n"
        "print(os.getsid(0) == os.getpid())",
        env={"LEVEL": "3"},
    )
    env, descriptors, own_session = reply["stdout"].decode().splitlines()
    assert env == str(
        ["HOME", "LANG", "LEVEL", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "TMPDIR"]
    )
    assert descriptors == "['0', '1', '2', '3']"  # 3 is the listing's own
    assert own_session == "True"


def test_unread_input_blocks_nobody(agent: Agent) -> None:
    reply = agent.run("print('done')", stdin=b"7\n" * 500_000)
    assert (reply["status"], reply["stdout"]) == (0, b"done\n")


def test_large_input_and_output_pass_each_other(agent: Agent) -> None:
    reply = agent.run(
        "import sys\nfor line in sys.stdin: sys.stdout.write(line); sys.stdout.flush()", stdin=b"7\n" * 30_000
    )
    assert reply["stdout"] == b"7\n" * 30_000


def test_child_that_holds_the_output_open_is_killed_and_not_waited_for(agent: Agent) -> None:
    reply = agent.run(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "    time.sleep(600)\n"
        "print(os.getpid(), flush=True)\n",
        timeout_ms=300_000,
    )
    assert reply["status"] == 0
    assert not alive(int(reply["stdout"]))


def test_daemon_that_left_its_session_is_killed(agent: Agent) -> None:
    reply = agent.run(
        "import os, time\n"
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.write(w, str(os.getpid()).encode())\n"
        "        for fd in range(10):\n"
        "            try: os.close(fd)\n"
        "            except OSError: pass\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(os.read(r, 20).decode())\n"
    )
    assert not alive(int(reply["stdout"]))


def test_program_over_its_time_is_ended_with_all_its_children(agent: Agent) -> None:
    reply = agent.run(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork(): print(os.getpid(), flush=True)\n"
        "else: print(os.getpid(), flush=True)\n"
        "time.sleep(600)\n",
        timeout_ms=400,
    )
    assert reply["limit"] == ["timeout", "expected an end within 0.4 s, got none"]
    assert not any(alive(int(pid)) for pid in reply["stdout"].split())


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_flood_of_output_is_cut_and_ends_the_run(agent: Agent, stream: str) -> None:
    reply = agent.run(f"import sys\nwhile True: sys.{stream}.write('x' * 4096)")
    assert reply["limit"] == ["output", "expected at most 65536 bytes printed, got more"]
    assert len(reply["stdout"]) + len(reply["stderr"]) == 65536


def test_flood_just_before_the_end_is_cut(agent: Agent) -> None:
    # All of it fits into the pipe: it is read when the program is gone.
    reply = agent.run("import os; os.write(1, b'x' * 40_000); os.write(2, b'x' * 40_000)")
    assert reply["limit"][0] == "output"


def test_file_beyond_the_disk_limit_ends_the_program(agent: Agent) -> None:
    reply = agent.run("open('big', 'wb').write(bytes(5 * 1024 * 1024))")
    assert reply["status"] != 0


def test_made_and_changed_files_come_back(agent: Agent) -> None:
    agent.files.update({"same.txt": b"s", "data/in.txt": b"old"})
    reply = agent.run(
        "import os; os.makedirs('out/a'); open('out/a/r.bin', 'wb').write(b'\\0r')\n"
        "open('data/in.txt', 'w').write('new')"
    )
    assert reply["files"] == {"out/a/r.bin": b"\0r", "data/in.txt": b"new"}


def test_given_files_replace_submitted_ones(agent: Agent) -> None:
    agent.files["data.csv"] = b"theirs"
    reply = agent.run(
        "print(open('data.csv').read(), open('d/e').read())", files={"data.csv": b"ours", "d/e": b"x"}
    )
    assert (reply["stdout"], reply["files"]) == (b"ours x\n", {})


def test_each_run_gets_a_fresh_copy_from_memory(agent: Agent) -> None:
    source = (
        "import os\n"
        "print(sorted(os.listdir('.')), sorted(os.listdir('..')), os.listdir(os.environ['HOME']))\n"
    )
    first = agent.run(
        source + "open('main.py', 'w').write('print(1)'); open('../beside', 'w'); open('../../above', 'w')\n"
        "open(os.environ['HOME'] + '/x', 'w')"
    )
    assert first["stdout"] == b"['main.py'] ['home', 'work'] []\n"
    agent.files.clear()  # what the agent holds is what it was given first
    assert (
        agent.ask(
            "run",
            box=None,
            command=[sys.executable, "main.py"],
            stdin=b"",
            env={},
            files={},
            timeout_ms=10_000,
        )["stdout"]
        == first["stdout"]
    )
    assert os.listdir(agent.scratch) == []


def test_named_box_keeps_its_files(agent: Agent) -> None:
    for content in (b"x", b"xx"):
        assert agent.run("open('n', 'a').write('x')", box="work")["files"] == {"n": content}
    assert agent.run("", box="work")["files"] == {}
    assert agent.ask("read", box="work", path="n") == {"content": b"xx"}
    assert agent.ask("names", box="work") == {"paths": ["main.py", "n"]}


def test_compiled_code_in_a_submission_does_not_run(agent: Agent) -> None:
    agent.files |= {
        "helper.pyc": b"x",
        "__pycache__/helper.cpython-311.pyc": b"x",
        "fast.so": b"x",
        "a.py": b"",
    }
    assert agent.run("import os; print(sorted(os.listdir()))")["stdout"] == b"['a.py', 'main.py']\n"


@pytest.mark.parametrize(
    "source",
    [
        "os.symlink('/etc/passwd', 'out')",
        "os.symlink('/etc', 'out')",
        "os.mkfifo('out')",
        "import socket; s = socket.socket(socket.AF_UNIX); s.bind('out')",
        "os.mkdir('out')",
    ],
)
def test_what_is_no_regular_file_is_not_collected(agent: Agent, source: str) -> None:
    reply = agent.run(f"import os; {source}", box="work")
    assert (reply["status"], reply["files"], reply["problem"]) == (0, {}, None)
    assert "refused" in agent.ask("read", box="work", path="out")
    assert "refused" in agent.ask("read", box="work", path="out/passwd")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("[open(f'f{i}', 'w') for i in range(300)]", "expected at most 200 files and folders, got more"),
        ("open('f', 'wb').truncate(3 * 1024 * 1024)", "expected at most 1048573 bytes of new files"),
        (
            "[open(f'f{i}', 'wb').write(bytes(300_000)) for i in range(4)]",
            "expected at most 1048573 bytes of new files",
        ),
        ("os.makedirs('/'.join('d' * 30))", "expected a path of at most 1024 bytes and 24 parts"),
        ("open(b'\\xff', 'w')", "expected a path in UTF-8"),
    ],
)
def test_too_much_to_collect_is_a_problem_of_the_files_alone(agent: Agent, source: str, problem: str) -> None:
    reply = agent.run(f"import os; {source}; print('ok')")
    assert (reply["stdout"], reply["files"]) == (b"ok\n", {})
    assert problem in reply["problem"]


def test_sparse_files_count_with_their_holes(agent: Agent) -> None:
    agent.run("[open(f'f{i}', 'wb').truncate(3 * 1024 * 1024) for i in range(2)]", box="work")
    assert agent.run("", box="work")["problem"] == "f1: expected at most 1048576 bytes, got 3145728"


def test_deep_folders_are_removed(agent: Agent) -> None:
    reply = agent.run(
        "import os\n"
        "for i in range(3000): os.mkdir('d'); os.chdir('d')\n"
        "open('f', 'w'); os.chmod('../../..', 0)\n"
    )
    assert reply["status"] == 0
    assert os.listdir(agent.scratch) == []


def test_folder_moved_away_under_the_run_is_not_followed(agent: Agent) -> None:
    reply = agent.run(
        "import os; os.rename(os.getcwd(), '../moved'); os.symlink('/etc', '../work')\n"
        "open('../moved/f', 'w')"
    )
    assert reply["files"] == {"f": b""}
    assert os.listdir(agent.scratch) == []


SERVICE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b"hi")
print("up", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def serve(agent: Agent, source: str, ready_ms: int = 10_000) -> dict[str, Any]:
    agent.files["server.py"] = source.encode()
    return agent.ask("serve", box="service", command=[sys.executable, "server.py"], env={}, ready_ms=ready_ms)


def test_service_is_ready_when_it_listens_and_outlives_a_program(agent: Agent) -> None:
    port = serve(agent, SERVICE)["port"]
    fetch = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}').read())"
    assert agent.run(fetch)["stdout"] == b"b'hi'\n"
    assert agent.run(fetch)["stdout"] == b"b'hi'\n"
    report = agent.ask("service", wait_ms=0)
    assert report["status"] is None
    assert report["log"].startswith(b"up\n")


def test_service_that_ends_is_a_crash_with_its_log(agent: Agent) -> None:
    reply = serve(agent, "import sys; sys.exit('no database')")
    assert reply["limit"] == ["crash", "expected the service to listen, got its end with status 1"]
    assert reply["log"] == b"no database\n"


def test_service_that_never_listens_is_a_timeout(agent: Agent) -> None:
    reply = serve(agent, "print('hm', flush=True); import time; time.sleep(600)", ready_ms=400)
    assert reply["limit"][0] == "timeout"
    assert reply["limit"][1].endswith("within 0.4 s")
    assert reply["status"] is None


def test_service_that_floods_its_log_is_killed(agent: Agent) -> None:
    reply = serve(agent, "while True: print('x' * 1000)")
    assert reply["limit"] == ["output", "expected at most 65536 bytes printed by the service, got more"]
    assert len(reply["log"]) == 65536


def test_service_that_dies_during_a_program_is_seen_dead(agent: Agent) -> None:
    serve(agent, SERVICE)
    agent.run(
        "import os, signal\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    try:\n"
        "        if b'server.py' in open(f'/proc/{pid}/cmdline', 'rb').read() and os.getppid() == int(\n"
        "            open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[1]):\n"
        "            os.kill(int(pid), signal.SIGKILL)\n"
        "    except OSError: pass\n"
    )
    # A killed process is gone when the kernel comes to it.
    deadline = time.monotonic() + 10
    while (status := agent.ask("service", wait_ms=0)["status"]) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert status == -9


PATHS = st.one_of(st.text(max_size=40), st.from_regex(r"[a./\0\\]{0,12}", fullmatch=True))


@given(PATHS)
def test_accepted_path_never_leaves_its_folder(path: str) -> None:
    try:
        folder.check_path(path)
    except folder.FolderError:
        return
    assert os.path.normpath(os.path.join("/box/work", path)) == "/box/work/" + path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a\0b",
        "a" * 1025,
        "a/" * 24 + "a",
        "\ud800",
        3,
        b"a",
    ],
)
def test_path_that_may_lead_outside_is_refused(path: object) -> None:
    with pytest.raises(folder.FolderError, match="expected"):
        folder.check_path(path)


def test_writing_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "box" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "box" / "file").symlink_to(tmp_path / "outside" / "target")
    root = folder.open_folder(tmp_path / "box")
    try:
        with pytest.raises(folder.FolderError, match="expected folders above it"):
            folder.write(root, {"link/x": b""})
        folder.write(root, {"file": b"new"})
    finally:
        os.close(root)
    assert os.listdir(tmp_path / "outside") == []
    assert not (tmp_path / "box" / "file").is_symlink()


def test_listens_finds_a_listening_port_without_connecting() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not listens(port)
        server.listen()
        assert listens(port)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
