"""The client of the API against a real server, over a connection that is cut."""

from __future__ import annotations

import contextlib
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assessor import client, pipeline, settling, testing
from assessor.cli import main
from assessor.client import Client
from assessor.errors import (
    LearnerError,
    NotFound,
    RemoteFault,
    SettingInvalid,
    SignInNeeded,
    UploadRefused,
)
from assessor.rows.users import Role, Scope
from assessor.store import AttemptState
from assessor.web.throttle import Throttle
from tests import honours, small, webbed


@pytest.fixture
def web(tmp_path: Path) -> Iterator[webbed.Web]:
    root = tmp_path / "server"
    root.mkdir()
    # Any port of this machine: the proxy has one of its own.
    environ = {"ASSESSOR_TRUSTED_PROXIES": "127.0.0.1"}
    throttle = Throttle(reads=None, writes=None)
    with webbed.served(root, environ, bench=honours.make_bench(root, "adder"), throttle=throttle) as found:
        yield found


@pytest.fixture
def secret(web: webbed.Web) -> str:
    user = web.user(Role.LEARNER, email="ada@example.org")
    return web.token(user, Scope.READ, Scope.SUBMIT)["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("secret")
    (folder / "solution.py").write_text(honours.passing(2))
    return folder


class Proxy:
    """Passes connections on, and cuts the first: after so many bytes of the answer, or after words of it."""

    def __init__(self, port: int, cuts: list[int | bytes]) -> None:
        self._port = port
        self._cuts = cuts
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.taken = 0
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        for one in self._threads:
            one.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.taken += 1
            left = self._cuts.pop(0) if self._cuts else None
            self._threads.append(threading.Thread(target=self._serve, args=(near, left)))
            self._threads[-1].start()

    def _serve(self, near: socket.socket, left: int | bytes | None) -> None:
        far = socket.create_connection(("127.0.0.1", self._port))
        there = threading.Thread(target=self._pass, args=(near, far, None))
        there.start()
        self._pass(far, near, left)
        for one in (near, far):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        there.join()
        near.close()
        far.close()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, left: int | bytes | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if isinstance(left, int):
                    target.sendall(data[:left])
                    if len(data) > left:
                        return
                    left -= len(data)
                    continue
                target.sendall(data)
                if left is not None and left in data:
                    return


@contextlib.contextmanager
def cut(web: webbed.Web, *cuts: int | bytes) -> Iterator[str]:
    """An address that cuts the first connections after so many bytes, or these words."""
    proxy = Proxy(web.port, list(cuts))
    # The client names the server as it is known; the proxy stands in front of it.
    object.__setattr__(web.here.site, "hosts", web.here.site.hosts | {f"127.0.0.1:{proxy.port}"})
    try:
        yield f"http://127.0.0.1:{proxy.port}"
    finally:
        proxy.close()


def opened(url: str, secret: str, said: list[str] | None = None) -> contextlib.closing[Client]:
    told: list[str] = [] if said is None else said
    return contextlib.closing(Client(url, secret, sleep=lambda seconds: None, said=told.append))


def submissions(web: webbed.Web) -> int:
    return len(web.bench.parts.store.submissions(limit=100))


def test_answer_that_is_lost_hands_in_once(web: webbed.Web, secret: str, work: Path) -> None:
    said: list[str] = []
    with cut(web, 0, 40) as url, opened(url, secret, said) as found:
        made = found.hand_in("sum", work, key="one")
    assert submissions(web) == 1
    assert made["left_out"] == [], "what tools fill is not even sent"
    assert said == ["the server cannot be reached; trying again"] * 2


def test_stream_that_is_cut_goes_on_and_repeats_nothing(web: webbed.Web, secret: str, work: Path) -> None:
    with opened(web.here.site.url, secret) as direct:
        attempt_id = direct.hand_in("sum", work, key="one")["attempt"]["id"]
    said: list[str] = []
    seen: list[Any] = []
    with cut(web, 100, b"event: progress", 100) as url, opened(url, secret, said) as found:
        worker = threading.Thread(target=pipeline.assess, args=(attempt_id, 1, web.bench.parts))
        for progress in found.follow(attempt_id):
            if not seen:
                worker.start()
            seen.append(progress)
        worker.join()
        assert found.get(f"/attempts/{attempt_id}")["verdict"] == "passed"
    assert seen[0]["state"] == "queued"
    assert seen[-1]["state"] == "judged"
    assert len({str(one) for one in seen}) == len(seen), "nothing twice"
    assert said == ["the connection is lost; trying again"] * 3


def test_server_that_stays_away_is_told(secret: str, work: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with opened(f"http://127.0.0.1:{port}", secret) as found, pytest.raises(RemoteFault, match="reached"):
        found.hand_in("sum", work, key="one")


def test_refusals_are_told_in_the_words_of_the_server(web: webbed.Web, secret: str, work: Path) -> None:
    url = web.here.site.url
    with opened(url, secret) as found:
        with pytest.raises(NotFound, match="expected a task that can be done here"):
            found.hand_in("none", work, key="one")
        (work / "solution.py").rename(work / "other.py")
        with pytest.raises(LearnerError, match=r"solution\.py"):
            found.hand_in("sum", work, key="two")
        with pytest.raises(UploadRefused, match="No such file"):
            found.hand_in("sum", work / "none", key="three")
    with opened(url, "asr_none") as found, pytest.raises(SignInNeeded, match="assessor login"):
        found.get("/me")
    assert submissions(web) == 0


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("learn.example", "expected an address"),
        ("ftp://learn.example", "expected an address"),
        ("https://ada@learn.example", "expected an address"),
        ("http://learn.example", "over http everybody on the way could read your token"),
    ],
)
def test_address_that_would_give_the_token_away_is_refused(server: str, why: str) -> None:
    with pytest.raises(SettingInvalid, match=why):
        client.address(server)
    assert client.address("http://127.0.0.1:8080/") == "http://127.0.0.1:8080"


def run(*arguments: object, given: str = "", home: Path) -> tuple[int, str, str]:
    done = CliRunner(env={"HOME": str(home), "XDG_CONFIG_HOME": None}).invoke(
        main, ["--home", str(home / "none"), *map(str, arguments)], input=given
    )
    return done.exit_code, done.stdout, done.stderr


@contextlib.contextmanager
def judging(web: webbed.Web) -> Iterator[None]:
    """The first attempt that is queued is judged meanwhile."""

    def judge() -> None:
        while not (queued := web.bench.parts.store.attempts_in(AttemptState.QUEUED)):
            if stop.wait(0.05):
                return
        pipeline.assess(queued[0].id, 1, web.bench.parts)
        settling.follow_up(queued[0].id, web.bench.parts)

    stop = threading.Event()
    worker = threading.Thread(target=judge)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def test_work_that_waits_for_a_reviewer_is_told_with_what_is_known_and_ends_by_4(
    tmp_path: Path, work: Path
) -> None:
    root = tmp_path / "server"
    tasks = small.write_catalog(root / "catalog", review=True)
    bench = small.make_bench(root, testing.FakeSandbox(testing.all_pass(small.IDS)), tasks=tasks)
    with webbed.served(root, bench=bench, throttle=webbed.unlimited()) as web:
        token = tmp_path / "token"
        headers = web.token(web.user(Role.LEARNER), Scope.READ, Scope.SUBMIT)
        token.write_text(headers["Authorization"].removeprefix("Bearer "))
        token.chmod(0o600)
        told = ("submit", "sum", work, "--server", web.here.site.url, "--token-file", token)
        with judging(web):
            code, out, err = run(*told, home=tmp_path)
    assert code == 4, out + err
    assert "Add up: awaiting review" in out
    assert "open" in out


@pytest.mark.parametrize(("number", "status", "word"), [(3, 0, "passed"), (1, 1, "failed")])
def test_command_line_logs_in_hands_in_and_ends_by_the_verdict(
    web: webbed.Web, secret: str, work: Path, tmp_path: Path, number: int, status: int, word: str
) -> None:
    url = web.here.site.url
    code, out, err = run("login", "--server", url, given=secret + "\n", home=tmp_path)
    assert code == 0, err
    assert "ada@example.org: the token is kept" in out
    assert secret not in out + err
    (kept,) = (tmp_path / ".config" / "assessor" / "tokens").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    (work / "solution.py").write_text(honours.passing(number))

    with judging(web):
        code, out, err = run("submit", "sum", work, "--server", url, home=tmp_path)
    assert code == status, out + err
    assert f"Add up: {word}" in out
    assert "✓ test_sum.py::test_one" in err
    assert err.count("test_sum.py::test_one") == 1
    assert f"hidden tests: {number - 1} of 2 passed" in out


def test_token_that_others_can_read_is_not_used(
    web: webbed.Web, secret: str, work: Path, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(secret)
    file.chmod(0o644)
    told = ("submit", "sum", work, "--server", web.here.site.url, "--token-file", file)
    code, _, err = run(*told, home=tmp_path)
    assert (code, submissions(web)) == (3, 0)
    assert "that you alone can read" in err
    code, _, err = run(*told[:-2], home=tmp_path)
    assert code == 3
    assert "assessor login --server" in err
    code, _, err = run(*told, "--learner", "ben", home=tmp_path)
    assert code == 2
