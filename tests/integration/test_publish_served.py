"""`assessor publish --serve`: the tree is written, served for a trial, and let go of in order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import honours, ports

ROOT = Path(__file__).parents[2]


@contextmanager
def assessor(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSESSOR_")}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "assessor", "--home", str(folder / "home")),
            *("--catalog", str(folder / "catalog"), *map(str, arguments)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean | {"PYTHONPATH": str(ROOT / "src"), "ASSESSOR_PUBLIC_URL": "http://localhost:8000/badges"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def fetched(url: str) -> tuple[bytes, str | None]:
    """The answer, once there is one."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
            return answer.read(), answer.headers["Access-Control-Allow-Origin"]
        assert time.monotonic() < deadline, f"nobody answers at {url}"
        time.sleep(0.05)


def test_published_tree_is_served_until_it_is_interrupted(tmp_path: Path) -> None:
    honours.write_catalog(tmp_path / "catalog")
    port = ports.free()
    with assessor(tmp_path, "publish", tmp_path / "site", "--serve", port) as process:
        page, origin = fetched(f"http://127.0.0.1:{port}/badges/")
        assert (b"Master of sums" in page, origin) == (True, "*")
        assert page == (tmp_path / "site" / "index.html").read_bytes()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(60) == 0, said
    assert "files and the log" in said
    assert f"http://localhost:{port}/badges/ until Ctrl-C" in said


def test_port_that_is_taken_is_told_and_the_tree_is_there(tmp_path: Path) -> None:
    honours.write_catalog(tmp_path / "catalog")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with assessor(tmp_path, "publish", tmp_path / "site", "--serve", port) as process:
            said, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"port {port}: expected one that is free here" in said
    assert (tmp_path / "site" / "index.html").exists()
