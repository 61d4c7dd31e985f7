"""Leaves marks, and stays for a while, so that another sandbox can look for them."""

from __future__ import annotations

import json
from pathlib import Path

import probe
import pytest

PLAN = json.loads(Path(__file__).with_name("plan.json").read_text())


def test_leave() -> None:
    left = probe.leave(PLAN["token"], PLAN["port"])
    assert {"/tmp", "process", "abstract socket"} <= set(left)
    # What was left can be found: else another's finding nothing would mean nothing.
    found = probe.marks(PLAN["token"], PLAN["port"])
    assert len(found) >= 3, found


@pytest.mark.parametrize("turn", range(PLAN["turns"]))
def test_stay(turn: int) -> None:
    probe.wait(PLAN["turn_s"])
