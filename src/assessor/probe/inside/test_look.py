"""Guarantees that take two sandboxes: what one leaves, the other must not find."""

from __future__ import annotations

import json
from pathlib import Path

import probe

PLAN = json.loads(Path(__file__).with_name("plan.json").read_text())


def test_finds_no_file() -> None:
    """finds no file of the other's.

    How: a name that the other made wherever it could, looked for in every folder
    """
    assert [mark for mark in probe.marks(PLAN["token"], PLAN["port"]) if mark.startswith("/")] == []


def test_finds_no_process() -> None:
    """sees no process of the other's.

    How: a word on the command line of a process that the other left behind
    """
    assert [mark for mark in probe.marks(PLAN["token"], PLAN["port"]) if mark.startswith("process")] == []
    assert probe.processes() == {}


def test_finds_no_socket() -> None:
    """reaches no socket of the other's.

    How: an abstract unix socket and a loopback port on which the other listens
    """
    marks = probe.marks(PLAN["token"], PLAN["port"])
    assert [mark for mark in marks if "socket" in mark or "port" in mark] == []


def test_finds_an_empty_folder() -> None:
    """begins with a work folder that is empty but for its own files.

    How: listing the folder above its own
    """
    assert probe.work_folder() == []
