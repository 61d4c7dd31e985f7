"""Guarantees about using things up: each costs its own test, by the reason that `Ends` names, and no more."""

from __future__ import annotations

import probe


def test_memory() -> None:
    """A submission that takes all memory loses that test alone.

    How: blocks of 8 MiB without end
    Ends: memory
    """
    probe.use_memory()


def test_fork_bomb() -> None:
    """A fork bomb is held.

    How: fork without end
    Ends: processes, timeout, crash
    """
    probe.fork_bomb(stubborn=False)


def test_stubborn_fork_bomb() -> None:
    """A fork bomb that ignores every refusal is held, and gone afterwards.

    How: fork without end, errors ignored
    Ends: processes, timeout
    """
    probe.fork_bomb(stubborn=True)


def test_endless_loop() -> None:
    """A call that never ends is ended at its time limit.

    How: an empty loop
    Ends: timeout
    """
    probe.spin()


def test_output_flood() -> None:
    """A flood of printed text is cut off.

    How: printing 64 KiB without end
    Ends: output
    """
    probe.print_for_ever()


def test_long_answer() -> None:
    """An answer that is too long is not taken.

    How: returning 64 MiB
    Ends: output, memory
    """
    probe.long_answer()


def test_full_disk() -> None:
    """The work folder has room for its limit and no more.

    How: files of 1 MiB until one is refused
    Ends: disk, error
    """
    probe.fill(size=1024**2)


def test_inodes() -> None:
    """The work folder takes as many files as its limit and no more.

    How: empty files until one is refused
    Ends: disk, error
    """
    probe.fill(size=0)


def test_open_files() -> None:
    """The number of open files is bounded.

    How: opening /dev/null up to 100,000 times
    """
    assert 16 < probe.open_for_ever() <= 4096


def test_kill_all() -> None:
    """Killing everything in reach ends no more than itself.

    How: SIGKILL to process 1, to its parent, to all, to itself
    Ends: crash
    """
    probe.kill_all()


def test_stop_all() -> None:
    """Stopping everything in reach stops no more than itself.

    How: SIGSTOP to every process in /proc, to itself
    Ends: timeout, crash
    """
    probe.stop_all()


def test_crash() -> None:
    """A crash of the interpreter is told as such.

    How: reading where nothing is
    Ends: crash
    """
    probe.crash()


def test_broken_bridge() -> None:
    """Rubbish on the bridge and on every stream breaks nothing but its own test.

    How: 64 KiB to every descriptor, 6 MiB to the streams of process 1 and every console
    Ends: protocol, crash, error, timeout, output
    """
    probe.break_the_bridge()


def test_goes_on() -> None:
    """After all of that the tests go on, and the next call is answered.

    How: an ordinary call, last of all
    """
    assert probe.good() == 1
