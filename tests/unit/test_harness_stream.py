"""One conversation over a socket: frames come whole in whatever pieces, and nothing beyond them is taken."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor.harness import frames, stream

LIMIT = 8 << 20


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def sending(sock: socket.socket, *pieces: bytes) -> threading.Thread:
    """Sends the pieces from another thread: a socket holds less than a large frame."""

    def send() -> None:
        for piece in pieces:
            sock.sendall(piece)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 3, 65531, 65532, 65533, 300_000]), st.binary(min_size=1, max_size=3))
    )
)
@settings(max_examples=30, deadline=None)
def test_frames_come_as_they_were_sent(sizes: list[tuple[int, bytes]]) -> None:
    payloads = [content * size for size, content in sizes]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = stream.Reader(ours)
        for payload in payloads:
            thread = threading.Thread(target=stream.send, args=(theirs, payload))
            thread.start()
            assert reader.receive(limit_bytes=LIMIT) == payload
            thread.join()


def test_frame_larger_than_any_kept_buffer_comes_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    reader = stream.Reader(ours)
    for payload in (b"a" * (6 << 20), b"b", b"c" * (3 << 20), b"d" * (5 << 20), b""):
        thread = sending(theirs, frames.encode(payload))
        assert reader.receive(limit_bytes=LIMIT) == payload
        thread.join()


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 9])
def test_drip_is_waited_for_and_each_wait_may_end_it(
    pair: tuple[socket.socket, socket.socket], cut: int
) -> None:
    ours, theirs = pair
    frame = frames.encode(b"payload")
    theirs.sendall(frame[:cut])
    rest = iter([frame[cut : cut + 1], frame[cut + 1 :]])

    def wait() -> None:
        piece = next(rest, None)
        if piece is None:
            raise TimeoutError
        theirs.sendall(piece)

    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1000))
    reader = stream.Reader(ours)
    assert bytes(reader.receive(limit_bytes=LIMIT, wait=wait)) == b"payload"
    with pytest.raises(TimeoutError):
        reader.receive(limit_bytes=LIMIT, wait=wait)


def test_silence_without_a_way_to_wait_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1000))
    with pytest.raises(BlockingIOError):
        stream.Reader(ours).receive(limit_bytes=LIMIT)


@pytest.mark.parametrize("payload", [b"four", b"x" * 100_000])
def test_frame_beyond_the_limit_is_refused(pair: tuple[socket.socket, socket.socket], payload: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(frames.encode(payload))
    with pytest.raises(frames.FrameError, match=f"at most 3 bytes, got {len(payload)}"):
        stream.Reader(ours).receive(limit_bytes=3)


def test_frame_that_announces_more_than_the_limit_is_refused_before_it_comes(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(frames.FrameError, match="got 4294967295"):
        stream.Reader(ours).receive(limit_bytes=LIMIT)


def test_bytes_beyond_the_frame_are_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(frames.encode(b"one") + b"xy")
    with pytest.raises(frames.FrameError, match="one frame of 3 bytes, got 2 bytes more"):
        stream.Reader(ours).receive(limit_bytes=LIMIT)


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\5abc"])
def test_other_side_that_goes_away_is_closed(pair: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(sent)
    theirs.close()
    with pytest.raises(stream.Closed):
        stream.Reader(ours).receive(limit_bytes=LIMIT)
    with pytest.raises(stream.Closed):
        stream.send(ours, b"x")


def test_answer_is_kept_when_it_is_received_to_keep(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    stream.send(theirs, b"first")
    first = stream.receive(ours, limit_bytes=LIMIT)
    stream.send(theirs, b"other")
    assert stream.receive(ours, limit_bytes=LIMIT) == b"other"
    assert first == b"first"
