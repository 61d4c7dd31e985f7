"""The embedded queue server: started once, attached to by many, back after any death, nothing half kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from assessor import queueserver
from assessor.errors import QueueFault
from assessor.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    queueserver.stop(tmp_path)


def set_key(url: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set("key", value)


def get_key(url: str) -> bytes | None:
    with redis.Redis.from_url(url) as client:
        return client.get("key")


def pid(home: Path) -> int:
    return int((home / "queue" / "server.pid").read_text())


def kill(home: Path) -> None:
    os.kill(pid(home), signal.SIGKILL)
    until(lambda: not queueserver.running(home))


def until(holds) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "not within 10 s"
        time.sleep(0.01)


def test_starts_once_and_attaches_afterwards(home: Path) -> None:
    assert not queueserver.running(home)
    url = queueserver.ensure(home)
    first = pid(home)
    assert queueserver.ensure(home) == url
    assert pid(home) == first
    assert queueserver.running(home)


def test_many_processes_at_once_start_one_server(home: Path) -> None:
    code = (
        "import pathlib, sys; from assessor import queueserver; import redis;"
        "url = queueserver.ensure(pathlib.Path(sys.argv[1]));"
        "print(redis.Redis.from_url(url).info('server')['run_id'])"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE) for _ in range(4)
    ]
    seen = {starter.communicate()[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0] * 4
    assert len(seen) == 1


def test_server_outlives_its_starter(home: Path) -> None:
    code = (
        "import pathlib, sys; from assessor import queueserver; queueserver.ensure(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(home)], check=True)
    assert queueserver.running(home)
    set_key(queueserver.ensure(home), "kept")


def test_killed_server_comes_back_with_its_queue(home: Path) -> None:
    url = queueserver.ensure(home)
    with redis.Redis.from_url(url) as client:
        client.config_set("appendfsync", "always")
        client.set("key", "kept")
    kill(home)
    assert queueserver.ensure(home) == url
    assert get_key(url) == b"kept"


def test_stopped_server_comes_back_with_its_queue(home: Path) -> None:
    url = queueserver.ensure(home)
    set_key(url, "kept")
    queueserver.stop(home)
    assert not queueserver.running(home)
    queueserver.stop(home)
    assert get_key(queueserver.ensure(home)) == b"kept"


def test_stale_socket_and_pid_file_do_not_stop_a_start(home: Path) -> None:
    queueserver.ensure(home)
    kill(home)
    assert (home / "queue" / "queue.sock").exists()
    (home / "queue" / "server.pid").write_text(str(os.getpid()))
    queueserver.ensure(home)
    assert pid(home) != os.getpid()


def test_truncated_queue_file_is_read_as_far_as_it_goes(home: Path) -> None:
    set_key(queueserver.ensure(home), "kept")
    with redis.Redis.from_url(queueserver.ensure(home)) as client:
        client.set("other", "x" * 100)
    queueserver.stop(home)
    newest = max((home / "queue" / "appendonlydir").glob("*.incr.aof"))
    os.truncate(newest, newest.stat().st_size - 20)
    url = queueserver.ensure(home)
    assert get_key(url) == b"kept"


def test_unreadable_queue_file_is_set_aside_and_the_queue_starts_empty(home: Path) -> None:
    set_key(queueserver.ensure(home), "lost")
    queueserver.stop(home)
    newest = max((home / "queue" / "appendonlydir").glob("*.incr.aof"))
    newest.write_bytes(b"no command at all\r\n" * 10)
    url = queueserver.ensure(home)
    assert get_key(url) is None
    assert (home / "queue" / "appendonlydir.broken-1" / newest.name).read_bytes().startswith(b"no command")


def test_socket_and_its_folder_are_private(home: Path) -> None:
    queueserver.ensure(home)
    assert (home / "queue").stat().st_mode & 0o777 == 0o700
    assert (home / "queue" / "queue.sock").stat().st_mode & 0o777 == 0o600


def test_long_home_gets_a_short_private_socket(home: Path) -> None:
    deep = home / ("d" * 120)
    url = queueserver.ensure(deep)
    try:
        set_key(url, "kept")
        socket = Path(url.removeprefix("unix://"))
        assert len(os.fsencode(socket)) <= queueserver.SOCKET_PATH_BYTES
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        assert queueserver.ensure(deep) == url
    finally:
        queueserver.stop(deep)
    socket.parent.rmdir()


def test_home_with_spaces_quotes_and_percent_signs_works(home: Path) -> None:
    odd = home / 'it\'s a "home" 100%41 #1?'
    try:
        set_key(queueserver.ensure(odd), "kept")
        assert get_key(queueserver.ensure(odd)) == b"kept"
    finally:
        queueserver.stop(odd)


def test_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "queue").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QueueFault, match="expected a folder owned by user"):
        queueserver.ensure(tmp_path)


def test_server_that_cannot_start_is_a_fault_with_its_log(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueserver, "_CONF", queueserver._CONF + "no-such-directive yes\n")
    with pytest.raises(QueueFault, match="no-such-directive"):
        queueserver.ensure(home)
    assert not queueserver.running(home)


def test_silent_server_is_a_fault_that_names_its_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queueserver.ensure(home)
    number = pid(home)
    monkeypatch.setattr(queueserver, "START_S", 0.2)
    monkeypatch.setattr(queueserver, "ANSWER_S", 0.1)
    os.kill(number, signal.SIGSTOP)
    try:
        with pytest.raises(QueueFault, match=rf"gave no answer within 0.2 s; end process {number}"):
            queueserver.ensure(home)
    finally:
        os.kill(number, signal.SIGCONT)


def test_named_server_is_used_as_it_is(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        catalog=tmp_path,
        database_url="sqlite://",
        blobs_url="",
        redis_url="redis://queue.example:6379/0",
    )
    assert queueserver.url(settings) == "redis://queue.example:6379/0"
    assert not queueserver.running(tmp_path)
