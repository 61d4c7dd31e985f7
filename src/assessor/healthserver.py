"""The health server: `GET /health` over HTTP, and nothing else.

Comes in: a way to look at the installation. Goes out: 200 where it is well, 503 where it is not, with the
report as JSON. A look is kept for `KEEP_S`, so that whoever asks often costs no more than one who asks
now and then; how many are served at once, and for how long, is bounded.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog

from assessor.errors import SettingInvalid
from assessor.health import Report, State

log = structlog.get_logger(__name__)

#: How long a report is good for, seconds.
KEEP_S = 2.0
#: How long a client may be silent, and how long it is served in all, seconds.
CLIENT_S = 5.0
SERVED_S = 30.0
#: How many are served at once; the next are turned away.
CLIENTS = 16


class Server(http.server.ThreadingHTTPServer):
    """Answers with the reports of `look`.

    Args:
        address: host and port; port 0 takes any.
        look: looks at the installation; raises nothing.

    Raises:
        SettingInvalid: nothing can listen there.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 2 * CLIENTS

    def __init__(self, address: tuple[str, int], look: Callable[[], Report]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._look = look
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(CLIENTS)
        self._kept: tuple[float, Report] | None = None
        self._since: dict[socket.socket, float] = {}
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise SettingInvalid(
                f"health: expected an address to listen on, got {address[0]}:{address[1]}: {error.strerror}"
            ) from error

    def server_bind(self) -> None:
        """Listen; the host's name is not looked up, since no answer needs it."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "health", self.server_address[1]

    def service_actions(self) -> None:
        """Leave those who take too long; called now and then."""
        for request, since in list(self._since.items()):
            if time.monotonic() - since > SERVED_S:
                with contextlib.suppress(OSError):  # gone by itself meanwhile
                    request.shutdown(socket.SHUT_RDWR)

    def report(self) -> Report:
        """The report, at most `KEEP_S` old."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] >= KEEP_S:
                self._kept = time.monotonic(), self._look()
            return self._kept[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve in a thread of its own, if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._served(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve, and free the thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._served(request)

    def _served(self, request: socket.socket) -> None:
        del self._since[request]
        self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line for a client that went away; a server of few words has nobody else to tell."""
        log.info("health not told", exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = CLIENT_S
    server_version = "assessor"
    sys_version = ""

    def do_GET(self) -> None:
        """Tell the report."""
        self._tell(body=True)

    def do_HEAD(self) -> None:
        """Tell how it is."""
        self._tell(body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: who asks every few seconds fills no log."""

    def _tell(self, *, body: bool) -> None:
        if self.path.partition("?")[0] != "/health":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        report = self.server.report()
        well = report.state is State.WELL
        data = json.dumps(report.values()).encode() + b"\n"
        self.send_response(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if body:
            self.wfile.write(data)


def serve(
    address: tuple[str, int], look: Callable[[], Report], *, stop: threading.Event, parent: int | None = None
) -> None:
    """Serve until told to stop, or until the parent is gone.

    Args:
        address: host and port.
        look: looks at the installation.
        stop: ends it.
        parent: process whose end ends it, or None.

    Raises:
        SettingInvalid: nothing can listen there.
    """
    with Server(address, look) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="health")
        thread.start()
        try:
            while not stop.wait(0.5):
                if parent is not None and os.getppid() != parent:
                    log.warning("supervisor is gone; the health server ends", supervisor=parent)
                    break
        finally:
            server.shutdown()
            thread.join()
