"""Several real processes on one store: one database made, each attempt claimed by one, nothing locked out."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assessor.blobs import Blobs
from assessor.errors import BlobFault
from assessor.store import AttemptState, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

OPEN = """
    import sys
    from datetime import UTC, datetime, timedelta
    from fractions import Fraction
    from assessor.store import *

    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    sys.stdin.readline()  # all start at once
    store = Store.open(sys.argv[1])
"""

JUDGE = (
    OPEN
    + """
    import json

    judged = []
    while (claim := store.claim(worker=sys.argv[2], lease_s=30, now=now)) is not None:
        attempt = claim.attempt.id
        store.add_events(claim, [sys.argv[2].encode()])
        store.finish_run(claim, b"{}", now=now)
        row = EvidenceRow(attempt_id=attempt, record=sys.argv[2], run="u", envelope="e", key_id="k")
        store.conclude(
            claim,
            Conclusion(
                state=AttemptState.JUDGED, verdict="passed", score=Fraction(1), level=None, evidence=row
            ),
            now=now,
        )
        judged.append(attempt)
    print(json.dumps(judged))
"""
)

LEARNER = (
    OPEN
    + """
    print(store.learner("ada", new_id=sys.argv[2], salt=sys.argv[2].encode()).id)
"""
)

SUBMIT = (
    OPEN
    + """
    from assessor.errors import TryRefused

    number = 0
    try:
        while True:
            name = f"{sys.argv[2]}-{number}"
            store.submit(id="s" + name, attempt_id="a" + name, learner_id="ada-id", task_id="t",
                task_version="1", task_digest="t", snapshot="t", bundle="b", tries=2, cooldown_s=0, now=now)
            number += 1
            store.claim(worker=sys.argv[2], lease_s=30, now=now)
    except TryRefused:
        print(number)
"""
)

HAND_IN_AND_TAKE = (
    OPEN
    + """
    me = int(sys.argv[2])
    for number in range(40):
        name = f"{me}-{number}"
        learner = f"l{number % 3}"
        store.learner(learner, new_id=learner, salt=b"salt")
        store.submit(id="s" + name, attempt_id="a" + name, learner_id=learner, task_id="t",
            task_version="1", task_digest="t", snapshot="t", bundle="b", tries=None, cooldown_s=0, now=now)
        if number % 4 == me:
            store.claim(worker=sys.argv[2], lease_s=30, now=now)
"""
)

CLAIM_AND_HANG = (
    OPEN
    + """
    import os, time

    claim = store.claim(worker="doomed", lease_s=30, now=now)
    with store.writing() as connection:  # killed in the middle of a transaction
        connection.exec_driver_sql("UPDATE attempts SET problem = 'half done'")
        print("in", flush=True)
        time.sleep(600)
"""
)


def start(script: str, url: str, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), url, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )


def together(script: str, url: str, count: int) -> list[str]:
    """What each of so many processes printed, all let go at once."""
    processes = [start(script, url, str(number)) for number in range(count)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return said


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


def fill(url: str, count: int) -> Store:
    store = Store.open(url)
    store.learner("ada", new_id="ada-id", salt=b"salt")
    for number in range(count):
        store.submit(
            id=f"s{number}",
            attempt_id=f"a{number}",
            learner_id="ada-id",
            task_id=f"task-{number}",
            task_version="1",
            task_digest="t",
            snapshot="t",
            bundle="b",
            tries=None,
            cooldown_s=0,
            now=NOW,
        )
    return store


def test_processes_that_open_a_new_store_at_once_make_one_database(url: str) -> None:
    ids = together(LEARNER, url, 3)
    assert len(set(ids)) == 1


def test_processes_that_claim_at_once_judge_each_attempt_exactly_once(url: str) -> None:
    store = fill(url, 60)
    judged = [json.loads(said) for said in together(JUDGE, url, 3)]
    assert sorted(attempt for each in judged for attempt in each) == sorted(f"a{n}" for n in range(60))
    for name, each in enumerate(judged):
        for attempt in each:
            row = store.evidence(attempt)
            assert row is not None
            assert row.record == str(name)
            assert store.events(attempt) == [str(name).encode()]
    assert store.counts().judged == 60
    store.close()


def test_processes_that_submit_at_once_use_no_more_tries_than_allowed(url: str) -> None:
    store = fill(url, 0)
    kept = sum(int(said) for said in together(SUBMIT, url, 4))
    counts = store.counts()
    assert (counts.running, counts.queued, counts.superseded) == (2, 0, kept - 2)
    store.close()


def test_processes_that_hand_in_and_take_at_once_lose_no_newest_submission(url: str) -> None:
    """Each attempt is taken, or waits as the newest of its learner, or names a later one in its place."""
    Store.open(url).close()
    together(HAND_IN_AND_TAKE, url, 3)
    store = Store.open(url)
    counts = store.counts()
    assert counts.queued + counts.running + counts.superseded == 3 * 40
    assert counts.superseded > 0
    order = [submission.id for submission in reversed(store.submissions(limit=1000))]
    for learner in ("l0", "l1", "l2"):
        theirs = store.submissions(learner=learner, limit=1000)
        attempts = {one.id: store.latest(one.id) for one in theirs}
        waiting = [name for name, one in attempts.items() if one.state is AttemptState.QUEUED]
        assert waiting in ([], [theirs[0].id])
        for name, attempt in attempts.items():
            if attempt.state is AttemptState.SUPERSEDED:
                assert attempt.superseded_by in attempts
                assert order.index(attempt.superseded_by) > order.index(name)
    store.close()


def test_process_killed_inside_a_transaction_leaves_nothing_of_it_and_its_lease_runs_out(url: str) -> None:
    store = fill(url, 1)
    process = start(CLAIM_AND_HANG, url, "doomed")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    attempt = store.attempt("a0")
    assert (attempt.state, attempt.worker, attempt.problem) == (AttemptState.RUNNING, "doomed", None)
    assert store.expire(now=NOW + timedelta(seconds=30)) == [("a0", 2)]
    store.close()


def test_full_disk_keeps_no_blob_and_no_scrap(tmp_path: Path) -> None:
    """With a real limit of the kernel: a tmpfs of 256 KiB as root, else a limit on the size of files."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    small = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], capture_output=True, check=False
        ).returncode
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        blobs = Blobs.open(folder)
        kept = blobs.put(b"small")
        if not small:
            resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, limits[1]))
        with pytest.raises(BlobFault, match=r"\(1048576 bytes\) cannot be written, nothing was kept: .*"):
            blobs.put(b"\1" * 1024**2)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert blobs.names() == {kept}
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 1
        # What did not fit is gone, so what fits is taken.
        assert blobs.get(blobs.put(b"\2" * 100_000)) == b"\2" * 100_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        if small:
            subprocess.run(["umount", str(folder)], check=True)
