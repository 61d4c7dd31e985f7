"""A learner's whole way by the API: real processes, queue and containers, the client at a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import ports, small
from tests.trip.shop import ROOT
from tests.trip.test_cli_web import running

pytestmark = [pytest.mark.docker, pytest.mark.slow]

#: What is in no answer: names and lines of hidden tests.
HIDDEN = ("test_two", "test_three", "total([1, 2])", "total([])")
WRONG = "def total(numbers):\n    return 0\n"


def said(root: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """What came of a command of this installation."""
    home = ["--home", str(root / "home"), "--catalog", str(root / "catalog")]
    environ = os.environ | {"COLUMNS": "120", "XDG_CONFIG_HOME": str(root / "config")}
    return subprocess.run(
        [sys.executable, "-m", "assessor", *home, *map(str, command)],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )


def test_work_goes_from_a_command_line_to_a_server_and_comes_back_judged(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    small.write_catalog(tmp_path / "catalog", sandboxes=ROOT / "sandboxes")
    assert said(tmp_path, "users", "add", "ada@example.org", "--role", "learner", "--json").returncode == 0
    made = said(
        tmp_path, "tokens", "add", "ada@example.org", "--scope", "read", "--scope", "submit", "--json"
    )
    secret = json.loads(made.stdout)["token"]
    token = tmp_path / "token"
    token.write_text(secret)
    token.chmod(0o600)
    work = tmp_path / "work"
    work.mkdir()
    url = f"http://127.0.0.1:{ports.free()}"
    told = ("--server", url, "--token-file", token)
    command = ("serve", "--address", url.removeprefix("http://"), "--workers", "1")
    with running(tmp_path, *command, ASSESSOR_SANDBOX="docker") as serve:
        serve.until("web application at")
        (work / "solution.py").write_text(small.RIGHT)
        passed = said(tmp_path, "submit", "sum", work, *told)
        assert passed.returncode == 0, passed.stderr
        assert "Add up: passed, 100" in passed.stdout
        assert "✓ test_sum.py::test_one" in passed.stderr
        (work / "solution.py").write_text(WRONG)
        failed = said(tmp_path, "submit", "sum", work, *told, "--json")
        assert failed.returncode == 1, failed.stderr
        assert "✗ test_sum.py::test_one (a" in failed.stderr
        value = json.loads(failed.stdout)
        assert value["result"]["hidden"] == {"passed": 1, "total": 2}
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {secret}"}) as asked:
            answers = [asked.get("/api/v1/submissions")]
            found = answers[0].json()["items"]
            assert [one["attempt"]["verdict"] for one in found] == ["failed", "passed"]
            signed = ("/evidence", "/evidence/record", "/evidence/run", "/evidence/envelope")
            closed = []
            for one in found:
                at = f"/api/v1/attempts/{one['attempt']['id']}"
                answers += [asked.get(at + path) for path in ("", "/result", "/events")]
                files = [asked.get(at + path) for path in signed]
                # Of work that did not pass they say of each hidden test how it came out.
                (answers if one["attempt"]["verdict"] == "passed" else closed).extend(files)
            answers += [asked.get(f"/api/v1{path}") for path in ("/tasks", "/tasks/sum", "/openapi.json")]
        assert {one.status_code for one in answers} == {200}
        assert {one.status_code for one in closed} == {404}
        everything = passed.stdout + passed.stderr + failed.stdout + failed.stderr
        everything += "".join(one.text for one in (*answers, *closed))
        assert not [one for one in HIDDEN if one in everything]
        assert serve.end() == 0
