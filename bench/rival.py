"""`autograder-sandbox`, the published Docker library nearest to this engine, doing the same job.

It is installed into a throw-away environment of its own, from the package index that pip is set up for, and
never into this project's lock. It needs the docker command line, an image with a user `autograder` and a
folder /home/autograder/working_dir (made here from the grader's image, so that the tools are the same), and
no server. Its own process runs this file, so that nobody pays for an interpreter's start.

    python bench/rival.py IMAGE     in its environment: reads jobs as lines of JSON, answers with milliseconds

Its container's first process does not hear SIGTERM, so its way to stop one waits for ten seconds; jobs are
measured without that wait, which is in its favour.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

NAME = "autograder-sandbox"
VERSION = "6.0.0"
IMAGE = "assessor-bench/rival:latest"

_DOCKERFILE = """FROM {image}
RUN echo 'autograder:x:10010:' >> /etc/group && \\
    echo 'autograder:x:10010:10010::/home/autograder:/bin/bash' >> /etc/passwd && \\
    mkdir -p /home/autograder/working_dir && chown -R 10010:10010 /home/autograder
WORKDIR /home/autograder/working_dir
USER root
CMD ["/bin/bash"]
"""


class Rival:
    """A process that uses the library; made by `start`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, files: dict[str, bytes], plugins: list[str], *, tests: int) -> float:
        """Milliseconds from nothing to the result of one job, its container's end not counted.

        Args:
            files: solution and tests.
            plugins: of pytest, asked for by name.
            tests: how many must pass.
        """
        with tempfile.TemporaryDirectory() as folder:
            for name, data in files.items():
                (Path(folder) / name).write_bytes(data)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([folder, plugins]) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{NAME}: expected an answer, its process ended with {self._process.wait()}")
        took, code, said = json.loads(answer)
        if code != 0 or f"{tests} passed" not in said:
            raise SystemExit(f"{NAME}: expected {tests} tests to pass, got status {code}: {said}")
        return float(took)


def environment(folder: Path) -> Path:
    """The interpreter of a fresh environment that has the library.

    Raises:
        OSError, subprocess.CalledProcessError: it cannot be had; the index is away, for example.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", f"{NAME}=={VERSION}"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return python


@contextmanager
def built(image: str) -> Iterator[None]:
    """The image that it runs in, made from this one, removed on leaving.

    Raises:
        OSError, subprocess.CalledProcessError: it does not build.
    """
    subprocess.run(
        ["docker", "build", "--quiet", "--network", "none", "--tag", IMAGE, "-"],
        input=_DOCKERFILE.format(image=image).encode(),
        check=True,
        capture_output=True,
    )
    try:
        yield
    finally:
        subprocess.run(["docker", "image", "rm", IMAGE], check=True, capture_output=True)


@contextmanager
def start(python: Path) -> Iterator[Rival]:
    """A process that uses the library, ended on leaving."""
    process = subprocess.Popen(
        [str(python), __file__, IMAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Rival(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def per_second(
    python: Path, files: dict[str, bytes], plugins: list[str], *, tests: int, loops: int, runs: int
) -> float:
    """Jobs a second of so many processes side by side, each job with the end of its container."""
    with ExitStack() as stack:
        rivals = [stack.enter_context(start(python)) for _ in range(loops)]

        def loop(rival: Rival) -> None:
            for _ in range(runs):
                rival.run(files, plugins, tests=tests)

        for rival in rivals:
            rival.run(files, plugins, tests=tests)
        begun = time.perf_counter()
        with ThreadPoolExecutor(loops) as pool:
            list(pool.map(loop, rivals))
        return loops * runs / (time.perf_counter() - begun)


def serve(image: str) -> None:
    """Do the jobs that are asked for on standard input, one after the other."""
    from autograder_sandbox import AutograderSandbox  # in its own environment alone

    class Unstopped(AutograderSandbox):
        """Removed by force at once, not asked to stop for ten seconds first."""

        def _stop(self) -> None:
            self._is_running = False

    for line in sys.stdin:
        folder, plugins = json.loads(line)
        begun = time.perf_counter()
        with Unstopped(docker_image=image, memory_limit="512m") as sandbox:
            sandbox.add_files(*map(str, Path(folder).iterdir()))
            done = sandbox.run_command(
                [
                    *("env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", "python3", "-m", "pytest"),
                    *(word for plugin in plugins for word in ("-p", plugin)),
                ],
                timeout=60,
            )
            said = done.stdout.read().decode(errors="replace")
            took = (time.perf_counter() - begun) * 1000
        print(json.dumps([took, done.return_code, said]), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
