"""Attached streams: taken apart as they come, in whatever pieces, and bounded."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor.errors import SandboxFault
from assessor.harness import frames
from assessor.sandbox import protocol
from assessor.sandbox.stream import Stream


class Engine:
    """Hands out one end of a socket pair, as the client library does."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()

    def attach_socket(self, container: str, params: dict) -> socket.socket:
        return self.near


def piece(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxxxI", kind, len(body)) + body


def run(data: list[bytes], most_frames: int | None = None) -> tuple[list, str]:
    engine = Engine()
    arrived: list = []
    over = threading.Event()

    def take(payload: object) -> None:
        arrived.append(payload)
        if payload is None:
            over.set()

    stream = Stream(engine, "c", most_frames=most_frames, arrived=take)
    for part in data:
        engine.far.sendall(part)
    engine.far.close()
    assert over.wait(10)
    stream.close()
    return arrived, stream.words


@settings(max_examples=30)
@given(payloads=st.lists(st.binary(max_size=40), max_size=6), cut=st.integers(1, 9))
def test_frames_come_out_whole_however_the_engine_cuts_them(payloads: list[bytes], cut: int) -> None:
    data = b"".join(frames.encode(payload) for payload in payloads)
    pieces = [piece(1, data[at : at + cut]) for at in range(0, len(data), cut)]
    assert run(pieces) == ([*payloads, None], "")


def test_standard_error_is_kept_apart_and_only_its_last_part() -> None:
    arrived, words = run([piece(2, b"x" * 9000), piece(1, frames.encode(b"a")), piece(2, b"end")])
    assert arrived == [b"a", None]
    assert words.endswith("xend")
    assert len(words) == 8192


def test_frame_that_is_too_large_ends_the_frames_with_a_fault_and_draining_goes_on() -> None:
    huge = struct.pack(">I", protocol.EVENT_BYTES + 1)
    arrived, _ = run([piece(1, huge), piece(1, b"more" * 1000)])
    assert isinstance(arrived[0], SandboxFault)
    assert str(arrived[0]) == "standard output: expected a frame of at most 4194304 bytes, got 4194305"
    assert arrived[1:] == [None]


def test_what_the_learner_side_says_after_its_first_frame_is_thrown_away() -> None:
    flood = [piece(1, frames.encode(b"flood"))] * 100
    arrived, _ = run([piece(1, frames.encode(b"ready")), *flood], most_frames=1)
    assert arrived == [b"ready", None]


def test_engine_that_does_not_attach_is_a_fault() -> None:
    class Broken:
        def attach_socket(self, container: str, params: dict) -> socket.socket:
            raise OSError("no")

    with pytest.raises(SandboxFault, match="engine: attach: expected it to be done, got: no"):
        Stream(Broken(), "c", most_frames=None, arrived=lambda payload: None)


def test_messages_arrive_one_after_the_other_in_the_order_in_which_they_were_sent() -> None:
    engine = Engine()
    stream = Stream(engine, "c", most_frames=None, arrived=lambda payload: None)
    sent = [bytes([number]) * (1 << 20 if number == 0 else 1) for number in range(40)]
    for message in sent:
        stream.send(message)
    got = b""
    while len(got) < sum(map(len, sent)):
        got += engine.far.recv(1 << 16)
    assert got == b"".join(sent)
    engine.far.close()
    stream.close()
