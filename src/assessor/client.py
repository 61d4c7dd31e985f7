"""A client of the API: hands work in at a server, follows it, and gets what came of it.

Comes in: the server's address and a token. Goes out: JSON values as the server told them. A connection that
is lost is no loss: a submission is sent again under the same key, which makes it one however often it comes,
and a stream goes on with what was not seen yet.
"""

from __future__ import annotations

import ipaddress
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

import httpx

from assessor import intake
from assessor.errors import (
    LearnerError,
    NotAllowed,
    NotFound,
    RemoteFault,
    SettingInvalid,
    SignInNeeded,
    UploadRefused,
)

#: How often something is tried again before it is given up; the waits between, doubled each time, seconds.
TRIES = 6
FIRST_WAIT_S = 1.0
MOST_WAIT_S = 30.0
#: How long an answer may take. A stream says something at least every quarter of a minute.
ANSWER_S = 60.0
#: Statuses that a later try may not meet.
PASSING = frozenset({429, 502, 503, 504})


class Client:
    """One server, asked as one user.

    Args:
        server: its address, an origin.
        token: the user's, with the scopes `read` and `submit`.
        sleep: waits so many seconds.
        said: told in words of what is tried again.
    """

    def __init__(
        self,
        server: str,
        token: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        said: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._http = httpx.Client(
            base_url=f"{address(server)}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_S,
            # A redirect could lead the token elsewhere.
            follow_redirects=False,
        )
        self._server = server
        self._sleep = sleep
        self._said = said

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def get(self, path: str) -> Any:
        """What is at a path of the API.

        Raises:
            SignInNeeded, NotAllowed, NotFound, LearnerError: the server refuses it; the text is the server's.
            RemoteFault: it cannot be reached.
        """
        return self._again(lambda: self._http.get(path))

    def hand_in(self, task: str, path: Path, *, key: str) -> Any:
        """Hand in a file, an archive or a folder for a task; what the server says of it.

        Args:
            task: its id.
            path: what to hand in.
            key: what this submission is called: sent again under the same key, it is the same one.

        Raises:
            UploadRefused: there is nothing at the path, or it cannot be read.
            SignInNeeded, NotAllowed, NotFound, LearnerError, RemoteFault: as for `get`.
        """
        with packed(path) as file:

            def send() -> httpx.Response:
                file.seek(0)
                name = f"{path.name}.tar.gz" if path.is_dir() else path.name
                return self._http.post(
                    f"/tasks/{quote(task, safe='')}/submissions",
                    files={"file": (name, file)},
                    headers={"Idempotency-Key": key},
                )

            return self._again(send)

    def follow(self, attempt_id: str) -> Iterator[Any]:
        """Where an attempt is, each time that it changes, until nothing more comes by itself.

        Raises:
            SignInNeeded, NotAllowed, NotFound, LearnerError: as for `get`.
            RemoteFault: it cannot be reached for long; what was handed in is there all the same.
        """
        seen: str | None = None
        failed = 0
        while True:
            try:
                for kind, mark, value in self._events(attempt_id, seen):
                    seen, failed = mark, 0
                    yield value
                    if kind == "done":
                        return
            except (httpx.TransportError, RemoteFault) as error:
                failed += 1
                if failed >= TRIES:
                    raise RemoteFault(
                        f"{self._server}: lost while attempt {attempt_id} was followed, which goes on there: "
                        f"{error}"
                    ) from error
                self._said("the connection is lost; trying again")
            # A stream that ended in order is taken up at once, but not in a storm.
            self._sleep(_wait_s(failed))

    def _events(self, attempt_id: str, seen: str | None) -> Iterator[tuple[str, str, Any]]:
        headers = {} if seen is None else {"Last-Event-ID": seen}
        with self._http.stream("GET", f"/attempts/{attempt_id}/events", headers=headers) as answer:
            if answer.status_code != 200:
                answer.read()
                self._told(answer)
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if "event" in fields:
                    try:
                        yield fields["event"], fields["id"], json.loads(fields["data"])
                    except (KeyError, ValueError) as error:
                        raise RemoteFault(
                            f"{self._server}: expected an event with JSON, got another"
                        ) from error
                fields = {}

    def _again(self, ask: Callable[[], httpx.Response]) -> Any:
        for tried in range(1, TRIES + 1):
            try:
                answer = ask()
            except httpx.TransportError as error:
                if tried == TRIES:
                    raise RemoteFault(f"{self._server}: cannot be reached: {error}") from error
                self._said("the server cannot be reached; trying again")
                self._sleep(_wait_s(tried))
                continue
            if answer.status_code not in PASSING or tried == TRIES:
                return self._told(answer)
            told = answer.headers.get("retry-after", "")
            later = float(told) if told.isascii() and told.isdigit() and len(told) < 6 else 0.0
            if later > MOST_WAIT_S:
                # It says when, and that is no time to sit and wait for.
                return self._told(answer)
            self._said(f"the server has no time ({answer.status_code}); trying again")
            self._sleep(max(later, _wait_s(tried)))
        raise AssertionError("the last try returns or raises")

    def _told(self, answer: httpx.Response) -> Any:
        """What an answer holds.

        Raises:
            SignInNeeded, NotAllowed, NotFound, LearnerError, RemoteFault: it is an error.
        """
        try:
            value = answer.json()
        except ValueError as error:
            raise RemoteFault(
                f"{self._server}: expected JSON, got something else with status {answer.status_code}: is "
                "that the address of the web application?"
            ) from error
        if answer.is_success:
            return value
        detail = str(value.get("detail", "")) if isinstance(value, dict) else ""
        words = f"{self._server}: {detail or f'answered {answer.status_code}'}"
        match answer.status_code:
            case 401:
                raise SignInNeeded(f"{words}; get a token on your account's page, then: assessor login")
            case 403:
                raise NotAllowed(words)
            case 404:
                raise NotFound(words)
            case 400 | 409 | 413 | 422 | 429:
                raise LearnerError(words)
        raise RemoteFault(words)


def address(server: str) -> str:
    """The origin of a server, without a slash at its end.

    Raises:
        SettingInvalid: it is none, or the token would cross a network unencrypted.
    """
    try:
        parsed = urlsplit(server)
        parsed.port  # noqa: B018  # raises for one that is no number
    except ValueError:
        parsed = urlsplit("")
    if parsed.scheme not in ("http", "https") or not parsed.hostname or "@" in parsed.netloc:
        raise SettingInvalid(f"--server: expected an address such as https://learn.example, got {server!r}")
    if parsed.scheme == "http" and not _is_here(parsed.hostname):
        raise SettingInvalid(
            f"--server: expected https, got {server!r}: over http everybody on the way could read your token"
        )
    return f"{parsed.scheme}://{parsed.netloc}{parsed.path.rstrip('/')}"


def packed(path: Path) -> IO[bytes]:
    """What is to be sent: a file as it is, a folder as tar.gz without what tools fill; the caller's to close.

    Raises:
        UploadRefused: there is nothing there, or it cannot be read.
    """
    try:
        if not path.is_dir():
            return path.open("rb")
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller's to close
        try:
            with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
                _add(archive, path)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise UploadRefused(f"expected {path}, got: {error.strerror or error}") from error
    return file


def _add(archive: tarfile.TarFile, root: Path) -> None:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in intake.CLUTTER)
        for name in sorted(names):
            path = Path(folder, name)
            # Nothing but files: the server takes no links, and a pipe would never end.
            if path.is_file() and not path.is_symlink():
                archive.add(path, arcname=path.relative_to(root).as_posix(), filter=_anonymous)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what it tells of this machine; equal folders are equal archives, under equal keys too."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o644
    return entry


def _wait_s(failed: int) -> float:
    return FIRST_WAIT_S if not failed else min(FIRST_WAIT_S * 2.0 ** (failed - 1), MOST_WAIT_S)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
