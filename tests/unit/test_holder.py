"""Whose a container is: told by a label, and seen to live or not."""

from __future__ import annotations

import os
import subprocess

from assessor.sandbox import holder


def test_this_process_lives() -> None:
    assert holder.lives(holder.me())
    assert str(os.getpid()) in holder.me()


def test_process_that_has_ended_does_not_live_even_before_it_is_reaped() -> None:
    child = subprocess.Popen(["sleep", "60"])
    host, _, _ = holder.me().partition(":")
    label = f"{host}:{child.pid}:{holder._started(child.pid)}"
    assert holder.lives(label)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not holder.lives(label), "a zombie holds nothing"
    child.wait()
    assert not holder.lives(label)


def test_process_that_got_the_number_of_another_is_not_it() -> None:
    host, pid, started = holder.me().rsplit(":", 2)
    assert not holder.lives(f"{host}:{pid}:{int(started) + 1}")


def test_another_host_is_left_to_its_own_sweep() -> None:
    _, pid, started = holder.me().rsplit(":", 2)
    assert holder.lives(f"elsewhere.example:{pid}:{started}")


def test_label_that_names_nobody_is_held_by_nobody() -> None:
    for label in ("", "nonsense", "a:b:c", "::", "host:12"):
        assert not holder.lives(label), label
