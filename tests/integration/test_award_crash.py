"""Whoever is killed while awarding leaves no award or a whole one, and whoever comes next makes it one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assessor import awarding, settling, statuses
from assessor.blobs import Blobs
from assessor.openbadges import statuslist
from assessor.rows import awards, ledger, revocations
from assessor.rows.log import Log
from assessor.signer import Purpose
from assessor.store import Store
from tests.honours import document, earn, held, judge, make_bench, reopen
from tests.small import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.parts.store.close()


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> Callable[[], None]:
    """Die where this is called."""
    return lambda: setattr(owner, name, die)


def after(owner: Any, name: str, *, times: int = 1) -> Callable[[], None]:
    """Die when this has been done so many times."""
    left = [times]

    def doom() -> None:
        real = getattr(owner, name)

        def last(*arguments: Any, **named: Any) -> Any:
            done = real(*arguments, **named)
            left[0] -= 1
            if left[0] == 0:
                die()
            return done

        setattr(owner, name, last)

    return doom


def killed(bench: Bench, doom: Callable[[], None], action: Callable[[Bench], object]) -> None:
    """Do this in a process of its own that is killed on the way."""
    bench.parts.store.close()
    child = os.fork()
    if child == 0:
        try:
            doom()
            action(reopen(bench))
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it was to be killed, and came to its end"
    assert os.WTERMSIG(status) == signal.SIGKILL


def rows(bench: Bench, table: sa.Table) -> list[Any]:
    with bench.parts.store.reading() as connection:
        return list(connection.execute(sa.select(table)).all())


def check_log(bench: Bench) -> None:
    """The leaves have no gap, each award that is kept has one, and the tree can be signed on."""
    found = sorted(rows(bench, ledger.leaves), key=lambda row: row.index)
    assert [row.index for row in found] == list(range(len(found)))
    named = {(row.subject, row.digest) for row in found if row.kind == "award"}
    issued = {(row.award_id, row.credential) for row in rows(bench, ledger.award_changes) if row.credential}
    assert named == issued
    log = Log(
        database=bench.parts.store,
        signer=bench.parts.keyring.signer(Purpose.LOG),
        origin="bench.example",
        folder=bench.root / "log",
        clock=bench.clock,
    )
    assert log.checkpoint().size == len(found)


def check_files(bench: Bench) -> None:
    """Once somebody has tended to it, no file is there that no row names."""
    settling.tend(bench.parts)
    assert bench.parts.blobs.names() == frozenset(bench.parts.store.blob_digests())


AWARDING = {
    "nothing done": before(Store, "open_list"),
    "list being kept": before(revocations, "_log"),
    "list kept": after(Store, "add_list"),
    "first credential announced": after(Store, "doom"),
    "all credentials announced": after(Store, "doom", times=3),
    "credentials written": after(Blobs, "put_all"),
    "first award written": after(awards, "_write"),
    "all awards written": after(awards, "_write", times=3),
    "first leaf written": after(awards.log, "append"),
    "all leaves written": after(awards.log, "append", times=4),
    "kept": after(Store, "keep_awards"),
}


@pytest.mark.parametrize("step", AWARDING)
def test_killed_while_awarding(bench: Bench, step: str) -> None:
    attempt = judge(bench, 3)
    killed(bench, AWARDING[step], lambda other: settling.follow_up(attempt, other.parts))
    there = held(bench)
    due = [row.attempt_id for row in rows(bench, ledger.due)]
    assert (len(there), due) == ((3, []) if step == "kept" else (0, [attempt]))
    check_log(bench)
    made = settling.settle(bench.parts)
    assert len(made) == 3 - len(there)
    given = held(bench)
    assert set(given) == {"adder", "master", "apprentice"}
    assert {row.revision for row in given.values()} == {1}
    assert rows(bench, ledger.due) == []
    for row in given.values():
        assert document(bench, row)["id"].endswith(f"/{row.id}.json")
    check_log(bench)
    check_files(bench)


REISSUING = {
    "credentials written": after(Blobs, "put_all"),
    "award written": after(awards, "_write"),
    "leaf written": after(awards.log, "append"),
    "kept": after(Store, "keep_awards"),
}


@pytest.mark.parametrize("step", REISSUING)
def test_killed_while_issuing_again(bench: Bench, step: str) -> None:
    first = earn(bench, 2)["adder"]
    attempt = judge(bench, 3)
    killed(bench, REISSUING[step], lambda other: settling.follow_up(attempt, other.parts))
    there = held(bench)["adder"]
    assert (there == first) is (step != "kept")
    document(bench, there)
    settling.settle(bench.parts)
    last = held(bench)["adder"]
    assert (last.id, last.revision, last.level, last.awarded_at) == (first.id, 2, "top", first.awarded_at)
    check_log(bench)
    check_files(bench)


REVOKING = {
    "award being revoked": before(revocations, "_log"),
    "award revoked": after(Store, "revoke"),
    "list signed": before(Store, "keep_list"),
    "list being kept": after(revocations, "_log", times=2),
    "list kept": after(Store, "keep_list"),
}


@pytest.mark.parametrize("step", REVOKING)
def test_killed_while_revoking(bench: Bench, step: str) -> None:
    row = earn(bench, 2)["adder"]
    entry = document(bench, row)["credentialStatus"]
    killed(bench, REVOKING[step], lambda other: awarding.revoke(other.parts, row.id, reason="copied"))
    there, listed = bench.parts.store.award(row.id), bench.parts.store.status_list(row.status_list)
    assert (there.revoked_at is None) is (step == "award being revoked")
    assert (listed.body is None) is (step in ("award revoked", "list signed", "list being kept"))
    if listed.body is not None:
        # No list says of a revoked award that it holds, nor the other way round.
        assert statuslist.revoked(json.loads(listed.body), entry) is (there.revoked_at is not None)
    if there.revoked_at is None:
        awarding.revoke(bench.parts, row.id, reason="copied")
    statuses.republish(bench.parts, now=bench.clock.now)
    body = bench.parts.store.status_list(row.status_list).body
    assert body is not None
    assert statuslist.revoked(json.loads(body), entry)
    changes = [one.kind.value for one in bench.parts.store.award_changes(row.id)]
    assert changes == ["award", "revoke"]
    told = [one for one in rows(bench, ledger.leaves) if one.kind == "status" and one.subject == row.id]
    assert len(told) == 1
    check_log(bench)
    check_files(bench)
