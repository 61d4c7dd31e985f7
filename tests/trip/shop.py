"""An installation that is used through its command line alone."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from assessor.sandbox import engine, protocol

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: Tasks of the small catalog, with what of their own work is kept: the less, the faster they are proven.
TASKS = {
    "median-stats": ("solutions/plain", "faulty/upper-median"),
    "log-report": ("solutions/counters",),
    "slugify-js": ("solutions/loop",),
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of one command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Forker:
    """Starts commands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSESSOR_")}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "forker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean | {"COLUMNS": "120"},
            text=True,
        )

    def start(self, *arguments: object, **environ: str) -> Callable[[], Said]:
        """Start a command; what is returned waits for its end."""
        number = next(self._numbers)
        out, err = (self._folder / f"{number}.{name}" for name in ("out", "err"))
        told = {"start": [str(one) for one in arguments], "environ": environ}
        pid = self._ask(told | {"out": str(out), "err": str(err)})

        def finish() -> Said:
            status = self._ask({"wait": pid})
            return Said(status=status, out=out.read_text(), err=err.read_text())

        return finish

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Shop:
    """A home and a catalog, and whatever runs there."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.catalog = folder / "catalog"
        self._forker = forker
        self.up_process: subprocess.Popen[bytes] | None = None
        write_catalog(self.catalog)

    def start(self, *arguments: object, **environ: str) -> Callable[[], Said]:
        return self._forker.start("--home", self.home, "--catalog", self.catalog, *arguments, **environ)

    def run(self, *arguments: object, **environ: str) -> Said:
        return self.start(*arguments, **environ)()

    def done(self, *arguments: object) -> Said:
        """A command that must go well."""
        said = self.run(*arguments)
        assert said.status == 0, said
        return said

    def values(self, *arguments: object, status: int = 0) -> Any:
        """The JSON that a command prints."""
        said = self.run(*arguments, "--json")
        assert said.status == status, said
        return said.json

    def upload(self, name: str, **files: str) -> Path:
        """A folder to hand in."""
        folder = self.folder / "uploads" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file.replace("_", ".")).write_text(text)
        return folder

    def own(self, task: str, work: str) -> Path:
        """A folder of the task's own work."""
        return self.catalog / "tasks" / task / work

    def up(self, workers: int, **environ: str) -> None:
        """`assessor up`, until its workers have reported."""
        self.home.mkdir(exist_ok=True)
        with (self.folder / "up.log").open("ab") as log:
            self.up_process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "assessor", "--home", str(self.home)),
                    *("--catalog", str(self.catalog), "up", "--workers", str(workers)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"ASSESSOR_SWEEP_S": "1", "ASSESSOR_LOG_FORMAT": "json"} | environ,
            )
        until(lambda: len(self.values("status")["workers"]) >= workers, self.log)

    def log(self) -> str:
        return (self.folder / "up.log").read_text()[-6000:]

    def down(self, *numbers: signal.Signals) -> int:
        """Tell `up` to end, as often as there are signals, each another (equal ones are heard as one)."""
        assert self.up_process is not None
        process, self.up_process = self.up_process, None
        for number in numbers:
            process.send_signal(number)
        return process.wait(60)

    def processes(self) -> list[str]:
        """Command lines of what runs for this home, commands of this test apart."""
        found = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
        return [line for line in found if str(self.home) in line]

    def containers(self) -> list[str]:
        with engine.connect() as api:
            owned = {"label": f"{protocol.LABEL_OWNER}={self.home}"}
            return [container["Id"] for container in api.containers(all=True, filters=owned)]


def write_catalog(root: Path) -> None:
    for name, work in TASKS.items():
        source, target = ROOT / "tasks" / name, root / "tasks" / name
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("solutions", "faulty"))
        for folder in work:
            shutil.copytree(source / folder, target / folder)
        (root / "rubrics").mkdir(exist_ok=True)
        shutil.copy(ROOT / "rubrics" / f"{name}.yaml", root / "rubrics")
    shutil.copytree(ROOT / "sandboxes", root / "sandboxes")


def until(holds: Callable[[], bool], what: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"not within 60 s; {what()}"
        time.sleep(0.05)
