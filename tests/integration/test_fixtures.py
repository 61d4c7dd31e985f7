"""Program, service and workdir through both sides of the harness, in every sandbox."""

from __future__ import annotations

import textwrap
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assessor.limits import Limits
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import Ended, Event, Finished, Order, Reason, Sandbox, Service
from assessor.sandbox.unsafe_local import UnsafeLocal

SERVER = Service(command=("python3", "server.py"), ready_s=10)

Results = Mapping[str, Finished]


class Judge:
    """Judges in one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(self, submission: Mapping[str, str], tests: str, **more: Any) -> Results:
        """Run one file of tests; what became of each, by the test's name."""
        events: list[Event] = []
        defaults: dict[str, Any] = {
            "profile": "python",
            "limits": Limits(wall_s=60, call_s=10),
            "command": ("python3", "main.py"),
            "service": SERVER,
        }
        order = Order(
            attempt=uuid.uuid4().hex,
            epoch=1,
            bundle={path: textwrap.dedent(text).encode() for path, text in submission.items()},
            tests={"test_it.py": textwrap.dedent(tests).encode()},
            modules=(),
            seed=1,
            **{**defaults, **more},
        )
        self.sandbox.run(order, on_event=events.append)
        assert isinstance(events[-1], Ended)
        return {event.id.rpartition("::")[2]: event for event in events if isinstance(event, Finished)}


def docker() -> Sandbox:
    return Docker(root=Path(__file__).parents[2], owner=f"test-{uuid.uuid4().hex}")


@pytest.fixture(scope="module", params=[pytest.param(docker, marks=pytest.mark.docker), UnsafeLocal])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    sandbox = request.param()
    yield Judge(sandbox)
    sandbox.close()


@pytest.fixture(scope="module")
def local_judge() -> Judge:
    return Judge(UnsafeLocal())


@pytest.fixture(scope="module")
def docker_judge() -> Iterator[Judge]:
    sandbox = docker()
    yield Judge(sandbox)
    sandbox.close()


def outcome(results: Results) -> dict[str, str]:
    """`passed`, or the reason, by the test's name."""
    return {name: "passed" if test.passed else str(test.reason) for name, test in results.items()}


ECHO = """
    import sys
    data = sys.stdin.read()
    open("seen.txt", "a").write(data)
    print(data.upper(), *sys.argv[1:], end="")
    print("some trouble", file=sys.stderr)
    sys.exit(len(data))
"""

ECHO_JS = """
    const fs = require("fs");
    const data = fs.readFileSync(0, "utf8");
    fs.appendFileSync("seen.txt", data);
    process.stdout.write([data.toUpperCase(), ...process.argv.slice(2)].join(" "));
    console.error("some trouble");
    process.exit(data.length);
"""

TEXTS_AND_FOLDERS = """
        from hypothesis import given, settings, strategies as st

        def test_text_comes_back(program):
            done = program("a b", "c", stdin="hi")
            assert (done.stdout, done.stderr, done.returncode) == ("HI a b c", "some trouble\\n", 2)
            assert done.files == {"seen.txt": b"hi"}
            assert 0 < done.seconds < 60

        def test_each_run_is_fresh(program):
            program(stdin="hi")
            assert program(stdin="ho").files == {"seen.txt": b"ho"}

        def test_files_are_put_there_first(program):
            done = program(stdin="b", files={"seen.txt": "a"})
            assert done.files == {"seen.txt": b"ab"}

        def test_workdir_is_shared(program, workdir):
            workdir.write("seen.txt", "0")
            program(stdin="1")
            program(stdin="2")
            assert workdir.read_text("seen.txt") == "012"
            assert workdir.files("s*") == ["seen.txt"]

        def test_workdir_starts_anew(workdir):
            assert workdir.files("s*") == []

        @settings(max_examples=5)
        @given(st.integers(0, 9))
        def test_property(program, number):
            assert program(stdin=str(number)).stdout == str(number)

        def test_wrong(program):
            assert program(stdin="x").stdout == "y"
"""


def check_texts_and_folders(results: Results) -> None:
    assert outcome(results) == {
        "test_text_comes_back": "passed",
        "test_each_run_is_fresh": "passed",
        "test_files_are_put_there_first": "passed",
        "test_workdir_is_shared": "passed",
        "test_workdir_starts_anew": "passed",
        "test_property": "passed",
        "test_wrong": "assertion",
    }
    assert "some trouble" in results["test_wrong"].output


def test_python_program_is_graded(local_judge: Judge) -> None:
    check_texts_and_folders(local_judge({"main.py": ECHO}, TEXTS_AND_FOLDERS))


@pytest.mark.docker
def test_same_tests_grade_a_node_program(docker_judge: Judge) -> None:
    check_texts_and_folders(
        docker_judge({"main.js": ECHO_JS}, TEXTS_AND_FOLDERS, profile="node", command=("node", "main.js"))
    )


def test_limit_ends_the_test_with_its_reason_and_the_next_one_runs(judge: Judge) -> None:
    results = judge(
        {
            "main.py": """
                import os, signal, sys, time
                match sys.argv[1]:
                    case "sleep": print("so far", flush=True); time.sleep(600)
                    case "flood":
                        while True: print("x" * 1000)
                    case "hold":
                        if os.fork() == 0: os.setsid(); time.sleep(600)
                        print("done")
                    case "kill": os.kill(os.getppid(), signal.SIGKILL)
                    case "files":
                        open("big", "wb").write(bytes(1_500_000))
                    case "link": os.symlink("/etc/passwd", "out")
            """
        },
        """
        import pytest

        def test_sleep(program):
            with pytest.raises(Exception):
                program("sleep", timeout_s=0.5)

        def test_flood(program):
            try: program("flood")
            except Exception: pass

        def test_hold(program):
            assert program("hold", stdin="7" * 500_000).stdout == "done\\n"

        def test_kill(program):
            with pytest.raises(Exception):
                program("kill")

        def test_files_unlooked_at(program):
            assert program("files").returncode == 0

        def test_files(program):
            with pytest.raises(Exception):
                program("files").files

        def test_link(program, workdir):
            assert program("link").files == {}
            with pytest.raises(OSError, match="out: expected a regular file"):
                workdir.read("out")

        def test_outside(workdir):
            with pytest.raises(ValueError, match="expected a relative path"):
                workdir.read("../x")

        def test_missing_command(program):
            assert program(command=["no-such-thing"]).returncode == 127
        """,
        limits=Limits(wall_s=60, call_s=10, reply_bytes=1_000_000),
    )
    assert outcome(results) == {
        "test_sleep": "timeout",
        "test_flood": "output",
        "test_hold": "passed",
        "test_kill": "crash",
        "test_files_unlooked_at": "passed",
        "test_files": "output",
        "test_link": "passed",
        "test_outside": "passed",
        "test_missing_command": "passed",
    }
    assert results["test_sleep"].message == "program: expected an end within 0.5 s, got none"
    assert "so far" in results["test_sleep"].output


COUNTER = """
    import http.server, json, os, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        count = 0
        def answer(self):
            Handler.count += 1
            size = int(self.headers.get("Content-Length", 0))
            body = json.dumps({
                "count": Handler.count, "path": self.path, "method": self.command,
                "type": self.headers.get("Content-Type"), "body": self.rfile.read(size).decode(),
            }).encode()
            open("last.json", "wb").write(body)
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer
        def log_message(self, *args): print("served", self.path, flush=True)
    http.server.HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_service_is_talked_to_over_http_and_fresh_for_each_test(judge: Judge) -> None:
    results = judge(
        {
            "server.py": COUNTER,
            "main.py": "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)",
        },
        """
        import time
        import pytest

        def test_methods(service):
            for number, method in enumerate(["get", "post", "put", "patch", "delete"], 1):
                response = getattr(service, method)(f"/{method}?q=1")
                assert response.status == 201
                assert response.json()["method"] == method.upper()
                assert response.json()["count"] == number
            assert response.headers["content-length"] == str(len(response.body))

        def test_json_body(service):
            sent = service.post("/", json={"a": [1]}).json()
            assert (sent["type"], sent["body"]) == ("application/json", '{"a": [1]}')

        def test_fresh(service):
            assert service.get("/").json()["count"] == 1

        def test_log(service):
            service.get("/some/where")
            for _ in range(200):  # what is printed takes a way of its own
                if "served" in service.log:
                    break
                time.sleep(0.05)
            assert "served /some/where" in service.log

        def test_program_reaches_it(program, service):
            assert program(service.url + "/").stdout == "201\\n"
            assert service.get("/").json()["count"] == 2

        def test_workdir_is_its_folder(workdir, service):
            service.get("/x")
            assert b'"/x"' in workdir.read("last.json")

        def test_shared_1(service_per_file):
            assert service_per_file.get("/").json()["count"] == 1

        def test_shared_2(service_per_file):
            assert service_per_file.get("/").json()["count"] == 2

        def test_bad_path(service):
            with pytest.raises(ValueError, match="begins with '/'"):
                service.get("x")
        """,
    )
    assert set(outcome(results).values()) == {"passed"}, outcome(results)
    assert len(results) == 9
    assert "served /some/where" in results["test_log"].output


RAW = """
    import os, socket, sys, time
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    print("listening", flush=True)
    while True:
        line, _ = server.accept()
        what = line.recv(65536).split()[1]
        if what == b"/garbage": line.sendall(b"SSH-2.0-x\\r\\n")
        if what == b"/drip":
            line.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
            try:
                while True: line.sendall(b"x"); time.sleep(0.02)
            except OSError: pass
        if what == b"/flood":
            line.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
            try:
                while True: line.sendall(bytes(65536))
            except OSError: pass
        if what == b"/die": sys.exit("out of order")
        if what == b"/loud":
            print("x" * 3_000_000, flush=True)
        line.close()
"""


MISBEHAVIOUR = {
    "/garbage": (Reason.PROTOCOL, "service: GET /garbage: expected HTTP/1.1"),
    "/drip": (Reason.TIMEOUT, "service: GET /drip: expected the whole answer within 1 s"),
    "/flood": (Reason.OUTPUT, "service: GET /flood: expected a body of at most 1000000 bytes"),
    "/die": (Reason.CRASH, "the connection was closed; it ended with status 1"),
    "/shut": (Reason.PROTOCOL, "the connection was closed; it still runs"),
    "/loud": (Reason.OUTPUT, "expected at most 500000 bytes printed by the service"),
}


def test_service_that_misbehaves_fails_the_test_with_the_reason_and_the_next_one_runs(
    local_judge: Judge,
) -> None:
    results = local_judge(
        {"server.py": RAW},
        f"""
        import pytest

        @pytest.mark.parametrize("path", {list(MISBEHAVIOUR)})
        def test_it(service, path):
            with pytest.raises(Exception):
                service.get(path, timeout_s=1)

        def test_last(service):
            assert "listening" in service.log
        """,
        limits=Limits(wall_s=60, reply_bytes=1_000_000, output_bytes=500_000),
    )
    expected = {f"test_it[{path}]": str(reason) for path, (reason, _) in MISBEHAVIOUR.items()}
    assert outcome(results) == {**expected, "test_last": "passed"}
    for path, (_, message) in MISBEHAVIOUR.items():
        assert message in results[f"test_it[{path}]"].message


def test_service_that_never_listens_fails_the_test_and_shows_its_log(local_judge: Judge) -> None:
    results = local_judge(
        {
            "server.py": """
                import sys, time
                print("no database", flush=True)
                if open("mode").read() == "end": sys.exit(1)
                time.sleep(600)
            """
        },
        """
        import pytest

        @pytest.mark.parametrize("mode", ["end", "wait"])
        def test_it(workdir, mode, request):
            workdir.write("mode", mode)
            request.getfixturevalue("service")
        """,
        service=Service(command=("python3", "server.py"), ready_s=1),
    )
    assert outcome(results) == {"test_it[end]": "crash", "test_it[wait]": "timeout"}
    assert "got its end with status 1" in results["test_it[end]"].message
    assert results["test_it[wait]"].message.endswith("within 1 s")
    assert all("no database" in result.output for result in results.values())


def test_limit_hit_in_a_fixture_leaves_the_next_test_its_own_fixtures(local_judge: Judge) -> None:
    results = local_judge(
        {"main.py": "import sys, time\nif sys.argv[1:]: time.sleep(600)"},
        """
        import pytest

        made = []

        @pytest.fixture
        def first():
            made.append(1)
            yield len(made)

        @pytest.fixture
        def bad_start(first, program):
            program("hang", timeout_s=0.2)

        @pytest.fixture
        def bad_end(first, program):
            yield
            program("hang", timeout_s=0.2)

        def test_a(bad_start): pass
        def test_b(bad_start): pass
        def test_c(bad_end): pass
        def test_d(first): assert first == 4
        """,
    )
    assert outcome(results) == {
        "test_a": "timeout",
        "test_b": "timeout",
        "test_c": "timeout",
        "test_d": "passed",
    }


def test_task_without_a_command_says_what_it_lacks(local_judge: Judge) -> None:
    results = local_judge(
        {"main.py": ""}, "def test_a(program): program()\ndef test_b(service): pass", command=(), service=None
    )
    assert outcome(results) == {"test_a": "error", "test_b": "error"}
    assert "expected tests.command in task.yaml" in results["test_a"].message
    assert "expected tests.service in task.yaml" in results["test_b"].message


@pytest.mark.docker
def test_container_limit_hit_by_a_program_is_the_reason_and_the_next_test_runs(docker_judge: Judge) -> None:
    results = docker_judge(
        {
            "main.py": """
                import os, sys
                match sys.argv[1]:
                    case "memory":
                        hoard = []
                        while True: hoard.append(bytes(range(256)) * 40_000)
                    case "processes":
                        while True:
                            try: os.fork()
                            except OSError: pass
                    case "disk":
                        for n in range(1000): open(f"f{n}", "wb").write(bytes(1_000_000))
                    case "inodes":
                        for n in range(100_000): open(str(n), "w")
                    case "fine": print("fine")
            """
        },
        """
        import pytest

        @pytest.mark.parametrize("what", ["memory", "processes", "disk", "inodes"])
        def test_it(program, what):
            assert program("fine").stdout == "fine\\n"
            with pytest.raises(Exception):
                program(what)

        def test_last(program):
            assert program("fine").stdout == "fine\\n"
        """,
    )
    assert outcome(results) == {
        "test_it[memory]": "memory",
        "test_it[processes]": "processes",
        "test_it[disk]": "disk",
        "test_it[inodes]": "disk",
        "test_last": "passed",
    }
