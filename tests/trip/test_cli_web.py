"""The web process as it is started: alone, as a part of all, and behind a proxy."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import httpx
import pytest

from assessor import queueserver
from tests import ports, small


class Process:
    """A command whose talk is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line like this."""
        while True:
            line = self._lines.get(timeout=120)
            assert line is not None, f"ended before {pattern!r} was said: {''.join(self.said)}"
            self.said.append(line)
            if (found := re.search(pattern, line)) is not None:
                return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)


@contextmanager
def running(root: Path, *command: str, **environ: str) -> Iterator[Process]:
    home = ["--home", str(root / "home"), "--catalog", str(root / "catalog")]
    process = subprocess.Popen(
        [sys.executable, "-m", "assessor", *home, *command],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"ASSESSOR_SANDBOX": "unsafe_local"} | environ,
    )
    found = Process(process)
    try:
        yield found
    finally:
        if process.poll() is None:
            found.end()
        found._reader.join()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    small.write_catalog(tmp_path / "catalog")
    return tmp_path


def test_web_serves_alone_until_it_is_told_to_stop(root: Path) -> None:
    port = ports.free()
    with running(root, "web", "--address", f"127.0.0.1:{port}") as web:
        url = web.until(r"web application at (\S+)")[1]
        assert httpx.get(url).status_code == 200
        assert web.end() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_address_that_is_taken_is_told(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(root, "web", "--address", address) as web:
            web.until(f"expected an address to listen on, got {address}: Address already in use")
            assert web.process.wait(60) == 3


def test_serve_lets_the_first_admin_in_and_ends_in_order(root: Path) -> None:
    port = ports.free()
    command = ("serve", "--address", f"127.0.0.1:{port}", "--workers", "1", "--admin", "root@example.org")
    with running(root, *command) as serve:
        url = serve.until(r"assessor is up: (\S+),")[1]
        link = serve.until(rf"({re.escape(url)}sign-in/link/\S+)")[1]
        serve.until("web application at")
        with httpx.Client() as browser:
            page = browser.get(link)
            token = re.search(r'name="csrf" value="([^"]+)"', page.text)
            assert token is not None
            origin = {"Origin": url.rstrip("/")}
            data = {"csrf": token[1], "password": "nobody guesses this"}
            assert browser.post(link, data=data, headers=origin).headers["location"] == "/"
            assert "Hello, Admin" in browser.get(url).text
        assert serve.end() == 0
    with running(root, *command) as again:
        again.until("web application at")
        assert "no admin has signed in" not in "".join(again.said)


def test_web_ends_with_its_supervisor(root: Path) -> None:
    port = ports.free()
    try:
        with running(root, "serve", "--address", f"127.0.0.1:{port}", "--workers", "1") as serve:
            serve.until("web application at")
            serve.process.kill()
            serve.process.wait(60)
            for _ in range(600):
                try:
                    httpx.get(f"http://127.0.0.1:{port}/")
                except httpx.TransportError:
                    break
                time.sleep(0.1)
            else:
                raise AssertionError("the web process goes on")
    finally:
        # It outlives who started it, for the next one: nothing of the queue is lost.
        queueserver.stop(root / "home")


def counted(root: Path, **environ: str) -> list[int]:
    """Statuses of requests for one client after another, as a proxy passes them on."""
    port = ports.free()
    told = {"ASSESSOR_WEB_URL": "https://learn.example", "ASSESSOR_WEB_RATE": "2/1h"} | environ
    with running(root, "web", "--address", f"127.0.0.1:{port}", **told) as web:
        web.until("web application at")
        return [
            httpx.get(
                f"http://127.0.0.1:{port}/",
                headers={
                    "Host": "learn.example",
                    "X-Forwarded-For": f"192.0.2.{client}",
                    "X-Forwarded-Proto": "https",
                },
            ).status_code
            for client in (1, 1, 1, 2)
        ]


def test_trusted_proxy_is_believed_and_nobody_else(root: Path) -> None:
    assert counted(root, ASSESSOR_TRUSTED_PROXIES="127.0.0.1") == [200, 200, 429, 200]
    assert counted(root) == [200, 200, 429, 429], "else anybody would choose whom they are counted for"
