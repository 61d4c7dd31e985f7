"""Bare pytest in the grader's own root file system, without isolation: what a learner's machine would take.

Comes in: the grader's image, a suite. Goes out: milliseconds of one run. The image is exported once, into a
folder that later runs find again; each run has a fresh folder with the solution beside the tests.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import suites

from assessor.sandbox import engine, images

#: The devices that pytest and Python open.
_DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}


class Rootfs:
    """The exported file system of an image; made by `export`."""

    def __init__(self, folder: Path, environ: tuple[str, ...]) -> None:
        self._folder = folder
        self._environ = environ
        self._number = 0

    def run(self, suite: suites.Suite, *, quick: bool, name: str = "0") -> float:
        """Milliseconds of one `python3 -m pytest`.

        Args:
            suite: what to run.
            quick: without plugins that nobody asked for, as a pipeline that cares would call it.
            name: of the run's folder; two at once take two names.
        """
        work = self._folder / "bench" / name
        work.mkdir(parents=True)
        for path, data in suite.files.items():
            (work / path).write_bytes(data)
        command = ["chroot", str(self._folder), "/usr/bin/env", "-i", "-C", f"/bench/{name}", *self._environ]
        plugins: list[str] = []
        if quick:
            command.append("PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
            plugins = ["-p", "_hypothesis_pytestplugin"] if suite.hypothesis else []
        try:
            begun = time.perf_counter()
            done = subprocess.run(
                [*command, "python3", "-m", "pytest", *plugins], capture_output=True, text=True, check=False
            )
            took = time.perf_counter() - begun
        finally:
            shutil.rmtree(work)
        if done.returncode != 0 or f"{len(suite.ids)} passed" not in done.stdout:
            raise SystemExit(
                f"bare pytest: expected {len(suite.ids)} to pass, got: {done.stdout}{done.stderr}"
            )
        return took * 1000

    def per_second(self, suite: suites.Suite, *, loops: int, runs: int) -> float:
        """Runs a second of so many loops side by side."""

        def loop(name: str) -> None:
            for _ in range(runs):
                self.run(suite, quick=True, name=name)

        begun = time.perf_counter()
        with ThreadPoolExecutor(loops) as pool:
            list(pool.map(loop, (f"loop{number}" for number in range(loops))))
        return loops * runs / (time.perf_counter() - begun)


def export(image: str) -> Rootfs:
    """The file system of this image, with the environment that the image sets.

    Raises:
        SystemExit: this process may not change its root.
    """
    if os.geteuid() != 0:
        raise SystemExit("bare pytest: expected to run as root (chroot), got user " + str(os.geteuid()))
    api = engine.connect()
    try:
        found = api.inspect_image(image)
        folder = images.cache_folder() / "bench-rootfs" / found["Id"].removeprefix("sha256:")[:16]
        if not folder.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)  # of images before this one
            _export(api, image, folder)
        shutil.rmtree(folder / "bench", ignore_errors=True)  # of a benchmark that was cut short
        environ = ("HOME=/root", *(found["Config"]["Env"] or ()))
    finally:
        api.close()
    return Rootfs(folder, environ)


def _export(api: docker.APIClient, image: str, folder: Path) -> None:
    draft = folder.with_suffix(".draft")
    draft.mkdir(parents=True)
    made = api.create_container(image, command=["true"])["Id"]
    try:
        tar = subprocess.Popen(["tar", "-x", "-C", str(draft)], stdin=subprocess.PIPE)
        assert tar.stdin is not None
        with tar.stdin as sink:
            for chunk in api.export(made):
                sink.write(chunk)
        if tar.wait() != 0:
            raise SystemExit(f"{draft}: expected tar to unpack the image, it ended with {tar.returncode}")
    finally:
        api.remove_container(made, force=True)
    for name, (major, minor) in _DEVICES.items():
        device = draft / "dev" / name
        device.unlink(missing_ok=True)
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(major, minor))
    draft.rename(folder)
