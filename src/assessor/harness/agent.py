"""The learner's side of the black-box fixtures: one process that serves one test's requests.

Comes in: MessagePack maps over the bridge's socket. Goes out: the same. What a request means is left to
`blackbox`; this file keeps the connection and the tunnels to ports of the loopback interface.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from . import stream

#: What a reply may need beside the one value that the plan's limit is meant for.
REPLY_SLACK_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an agent works with.

    Attributes:
        folder: an empty folder of its own.
        files: the submission's files, from memory: no earlier process can have changed them.
        plan: the start plan.
    """

    folder: Path
    files: Mapping[str, bytes]
    plan: Mapping[str, Any]


def main(line: socket.socket, context: Context) -> None:
    """Serve requests until the grader hangs up; never returns."""
    from . import blackbox  # only agents need it

    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    limit = int(context.plan["reply_bytes"]) + REPLY_SLACK_BYTES
    while True:
        try:
            request = msgspec.msgpack.decode(stream.receive(line, limit_bytes=1 << 30))
        except stream.Closed:
            os._exit(0)
        try:
            if "tunnel" in request:
                reply = _tunnel(request["tunnel"], request["port"], context)
            else:
                reply = blackbox.handle(request, context)
            data = msgspec.msgpack.encode(reply)
            if len(data) > limit:
                data = msgspec.msgpack.encode({"error": "too large", "too_large": len(data)})
        except Exception as error:  # whatever it is, the grader tells the author
            data = msgspec.msgpack.encode({"error": f"{type(error).__name__}: {error}"})
        stream.send(line, data)


def _tunnel(token: str, port: int, context: Context) -> dict[str, Any]:
    hello = {"nonce": context.plan["nonce"], "token": token, "role": "tunnel"}
    inner = stream.connect(context.plan["socket"], json.dumps(hello).encode())
    try:
        outer = socket.create_connection(("127.0.0.1", port), timeout=2)
    except OSError as error:
        inner.close()
        return {"refused": str(error)}
    outer.settimeout(None)
    for source, target in ((inner, outer), (outer, inner)):
        threading.Thread(target=_relay, args=(source, target), daemon=True).start()
    return {}


def _relay(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # Either end is gone: let the other know.
        for line in (source, target):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                line.close()
