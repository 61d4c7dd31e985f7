"""The API against its own description: whatever fits it is answered as it says, whatever does not is refused.

Schemathesis makes the requests, with a seed of its own; the store is a real one, with somebody of every role.
More examples are tried with ASSESSOR_API_EXAMPLES.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assessor import pipeline, settling
from assessor.rows.users import Role, Scope
from assessor.web.throttle import Throttle
from tests import honours, webbed


class Patient(Throttle):
    """Counts nothing: wrong tokens by the hundred are shown on purpose."""

    def __init__(self) -> None:
        super().__init__(reads=None, writes=None)

    def guess(self, address: str, account: str | None = None) -> None:
        """Let them guess."""


pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[1] / "schemathesis.toml"


def test_every_answer_is_as_described(tmp_path: Path) -> None:
    with webbed.served(tmp_path, bench=honours.make_bench(tmp_path), throttle=Patient()) as web:
        user = web.user(*Role, email="ada@example.org")
        _, attempt = web.bench.submit(honours.passing(3), learner="ada@example.org")
        pipeline.assess(attempt.id, 1, web.bench.parts)
        settling.follow_up(attempt.id, web.bench.parts)
        headers = web.token(user, *Scope)
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIG), "run",
                f"http://127.0.0.1:{web.port}/api/v1/openapi.json",
                "--header", f"Authorization:{headers['Authorization']}",
                "--max-examples", os.environ.get("ASSESSOR_API_EXAMPLES", "5"),
                "--seed", "20261126",
                "--checks", "all", "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "default"},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
