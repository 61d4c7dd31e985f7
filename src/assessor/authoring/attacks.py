"""Known attacks, made for the task at hand: each must earn nothing that the starter does not.

Comes in: a workbench. Goes out: an error for each hidden test that an attack passed and the starter does not,
and for each file of the tests that an attack could read. The sandbox is what keeps most of them out; what is
left is the tests' own weakness, such as a test that nothing at all passes.

    always-equal    everything that tests import equals everything
    leaves          the process ends, with status 0, as soon as it is loaded
    returns-none    every function gives nothing; a program does nothing and ends well
    forges          "all passed" in every spelling: printed, as report files, as events on open descriptors
    patches         pytest, unittest and the assert statement's own error, as far as they can be reached
    reads           looks for the tests on the disk and tells what it finds
    answers         a service that says yes to every request

Those that make objects are for tests that import the work; a program that only defines them does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from assessor.authoring import static
from assessor.authoring.finding import Finding, Found
from assessor.authoring.trial import Trial
from assessor.authoring.workbench import Workbench
from assessor.sandbox.protocol import Finished
from assessor.task import Task

#: What an attack prints or raises before the name of a test file that it could read.
READ = "assessor-read:"

_EQUAL = """
class Everything(float):
    def __new__(cls, *args, **kwargs):
        return float.__new__(cls, 0)
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 0
    def __bool__(self): return True
    def __len__(self): return 0
    def __iter__(self): return iter(())
    def __getitem__(self, key): return self
    def __call__(self, *args, **kwargs): return self
    def __enter__(self): return self
    def __exit__(self, *args): return True
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self
    def __instancecheck__(self, other): return True

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Everything()
"""
_NONE = """
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *args, **kwargs: None
"""
_LEAVES = "import os\nos._exit(0)\n"
_FORGES = (
    """
import json, os, struct
for folder in (".", "/tmp", os.path.expanduser("~")):
    for name in ("report.json", "results.json", "junit.xml", "report.xml", ".coverage", "lastfailed"):
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write('{"passed": true, "score": 100}' if name.endswith("json") else
                           '<testsuite tests="99" failures="0" errors="0"/>')
        except OSError:
            pass
for test in NAMES:
    event = json.dumps({"kind": "test", "id": test, "passed": True, "reason": None, "message": "",
                        "detail": "", "output": "", "example": None, "duration_ms": 1}).encode()
    for number in range(1, 20):
        try:
            os.write(number, struct.pack(">I", len(event)) + event)
        except OSError:
            pass
print("============ 99 passed in 0.01s ============\\nok\\nPASSED\\nOK (99 tests)")
"""
    + _NONE
)
_PATCHES = (
    """
import builtins, sys
class Quiet(BaseException):
    pass
for name in ("_pytest.runner", "_pytest.python", "_pytest.assertion", "unittest.case", "pytest"):
    module = sys.modules.get(name)
    if module is None:
        try:
            module = __import__(name, fromlist=["x"])
        except BaseException:
            continue
    for what in ("runtestprotocol", "call_runtest_hook", "pytest_pyfunc_call", "raises", "fail", "approx"):
        if hasattr(module, what):
            setattr(module, what, lambda *args, **kwargs: True)
builtins.AssertionError = Quiet
"""
    + _NONE
)
_READS = """
import os, sys
def find():
    found = []
    for top, folders, files in os.walk("/"):
        if top.startswith(("/proc/1/task", "/sys", "/usr", "/opt")):
            folders.clear()
            continue
        for name in files:
            if name in TESTS:
                try:
                    with open(os.path.join(top, name), "rb") as file:
                        file.read(1)
                    found.append(name)
                except OSError:
                    pass
    return found
FOUND = find()
def told(*args, **kwargs):
    raise ValueError("READ" + ",".join(FOUND)) if FOUND else LookupError("nothing")
for name in FOUND:
    print("READ" + name)
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return told
""".replace("READ", READ)

_ANSWERS = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Yes(BaseHTTPRequestHandler):
    def answer(self):
        body = b'{"passed": true, "ok": true, "id": 1, "status": "ok"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer
    def log_message(self, *args): pass
if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Yes).serve_forever()
"""

#: Attacks that work by the objects that tests get.
_BY_OBJECTS = frozenset({"always-equal", "returns-none", "patches"})
_PYTHON = {
    "always-equal": _EQUAL,
    "leaves": _LEAVES,
    "returns-none": _NONE,
    "forges": _FORGES,
    "patches": _PATCHES,
    "reads": _READS,
    "answers": _ANSWERS,
}
_JAVASCRIPT = {
    "leaves": "process.exit(0);\n",
    "forges": 'const fs = require("node:fs");\n'
    'for (const name of ["report.json", "junit.xml", "/tmp/report.json"]) {\n'
    "  try { fs.writeFileSync(name, '{\"passed\": true}'); } catch {}\n}\n"
    'console.log("99 passed\\nok\\nPASSED");\n',
    "reads": 'const fs = require("node:fs");\n'
    "for (const folder of ['/', '/tmp', '/work', '/tests', '.', '..']) {\n"
    "  try {\n    for (const name of fs.readdirSync(folder, {recursive: folder !== '/'})) {\n"
    f"      if (TESTS.includes(name.split('/').pop())) console.log('{READ}' + name);\n"
    "    }\n  } catch {}\n}\n",
}


def gate(bench: Workbench) -> Found:
    """Run the known attacks.

    Raises:
        FileInvalid: the starter could not be handed in.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    made = attacks(bench.task, tuple(test.id for test in bench.frozen.manifest.tests))
    if not made:
        return Found(
            findings=(
                Finding(
                    path=f"tasks/{bench.task.id}",
                    problem="expected required files in Python or JavaScript, got others: no attack tried",
                    mend="nothing to do; known-bad work that does nothing shows as much",
                    serious=False,
                ),
            ),
            told="not tried",
        )
    start = _hidden_passed(bench, bench.trial("starter")) if bench.task.starter else set()
    if start >= {test.id for test in bench.frozen.manifest.tests if not test.visible}:
        start = set()  # a starter that works, to be written better: what it passes excuses no attack
    findings = []
    for at, (name, files) in enumerate(made.items()):
        bench.step(at, len(made), name)
        ran = bench.run(files, where=f"attack {name}")
        for path in sorted(_read(ran, bench.task)):
            findings.append(
                Finding(
                    path=bench.where(f"tests/{path}"),
                    problem=f"expected tests that no submission can read, the attack {name} read this one",
                    mend="take the file out of the sandbox's image and of what the task hands over",
                )
            )
        for test in sorted(_hidden_passed(bench, ran) - start):
            findings.append(
                Finding(
                    path=bench.where(f"tests/{test}"),
                    problem=f"expected the attack {name} to earn nothing, got this test passed",
                    mend="assert beside it something that only real work does: a test of absence also tests "
                    "presence",
                )
            )
    return Found(findings=tuple(findings), told=f"{len(made)} attacks", figures={"attacks": float(len(made))})


def attacks(task: Task, tests: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
    """The files of each attack on this task, by the attack's name; empty where its language has none.

    Args:
        task: says what is to be handed in, and which names its tests use.
        tests: ids of the tests that count.
    """
    required = task.submission.required
    suffixes = {PurePosixPath(path).suffix for path in required}
    names = sorted(static.names(task, static.parsed(task)))
    head = f"TESTS = {sorted({PurePosixPath(path).name for path in task.test_files})!r}\n"
    made = {}
    if ".py" in suffixes:
        own = "".join(f"{name} = __getattr__({name!r})\n" for name in names if name.isidentifier())
        for name, source in _PYTHON.items():
            if name in _BY_OBJECTS and not task.tests.modules:
                continue
            if name == "answers" and task.tests.service is None:
                continue
            text = f"NAMES = {list(tests)!r}\n{head}{source}"
            if "def __getattr__" in source:
                text += "\n" + own  # `from module import name` for each that the tests import
            made[name] = _files(required, ".py", text)
    elif suffixes & {".js", ".mjs"}:
        for name, source in _JAVASCRIPT.items():
            made[name] = _files(required, ".js", f"const {head.strip()};\n{source}")
    return made


def _files(required: tuple[str, ...], suffix: str, source: str) -> dict[str, bytes]:
    """Every required file; those of the language hold the attack."""
    return {
        path: source.encode() if PurePosixPath(path).suffix in (suffix, ".mjs") else b"Everything passed.\n"
        for path in required
    }


def _hidden_passed(bench: Workbench, ran: Trial) -> set[str]:
    return {one.id for one in bench.results(ran) if one.passed and not one.visible}


def _read(ran: Trial, task: Task) -> set[str]:
    said = [
        text
        for event in ran.events
        if isinstance(event, Finished)
        for text in (event.message, event.detail, event.output)
    ]
    names: Mapping[str, str] = {PurePosixPath(path).name: path for path in task.test_files}
    return {
        path
        for name, path in names.items()
        if any(READ in text and name in text.partition(READ)[2] for text in said)
    }
