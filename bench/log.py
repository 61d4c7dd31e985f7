"""Measures the log at a million leaves: a leaf appended and signed, proofs, a start, a publication.

    python bench/log.py --leaves 1000000 --rounds 300

The leaves are written by SQL, the tree is made of them once; then each round appends one in a transaction of
its own and signs the tree that has it. Beside it the same two transactions without a log, since much of the
time is the disk's: each waits until it is flushed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import figures
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor import note
from assessor.rows import leaves, ledger, log, schema
from assessor.rows.database import Database
from assessor.rows.log import Kind, Log
from assessor.signer import LocalSigner

SALT = bytes(range(16))
BATCH = 20_000
#: What is promised: a leaf appended, and the tree that has it signed, milliseconds.
GOAL_MS = 5


def main() -> int:
    """Measure and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000, help="leaves in the log beforehand")
    parser.add_argument("--rounds", type=int, default=300, help="leaves appended and signed, one at a time")
    parser.add_argument("--home", type=Path, help="a folder on the disk that is to be measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.home) as folder:
        home = Path(folder)
        database = Database.open(f"sqlite:///{home / 'store.sqlite'}")
        fill(database, asked.leaves)
        opened = open_log(home, database)
        made = timed(opened.checkpoint)
        os.sync()  # else the disk is still busy with the leaves that were there before
        rounds, disk = [], []
        for number in range(asked.rounds):  # in turns, since disks drift
            rounds.append(timed(lambda n=number: signed(database, opened, f"round-{n}")))
            disk.append(timed(lambda n=number: written(database, n)))
        chosen = range(0, asked.leaves, max(1, asked.leaves // 100))
        proofs = [timed(lambda n=n: opened.proof(Kind.AWARD, f"leaf-{n}", str(n))) for n in chosen]
        starts = [timed(open_log(home, database).checkpoint) for _ in range(9)]
        first = timed(lambda: opened.write(home / "published"))
        signed(database, opened, "last")
        again = timed(lambda: opened.write(home / "published"))
        database.close()
    report = [
        f"## The log at {asked.leaves:,} leaves",
        "",
        f"Medians of {asked.rounds} rounds, SQLite, each transaction flushed. Written by `script/bench log`.",
        "",
        *figures.table(
            ["", "ms", "95 % within, ms"],
            [
                ["a leaf appended, and the tree that has it signed", *shown(rounds)],
                ["two transactions of one row each, no log", *shown(disk)],
                ["a proof of any leaf, checked", *shown(proofs)],
                ["a start, to the signed tree", *shown(starts)],
                ["all tiles made of the leaves", f"{made:.0f}", ""],
                ["published for the first time, and again after a leaf", f"{first:.0f}, {again:.0f}", ""],
            ],
        ),
        "",
        *figures.goals(
            [figures.at_most("append and checkpoint", statistics.median(rounds), GOAL_MS, unit=" ms")]
        ),
    ]
    figures.write("log", report)
    print("\n".join(report))
    return 0


def fill(database: Database, count: int) -> None:
    """So many leaves, by SQL."""
    numbers = iter(range(count))
    while batch := list(itertools.islice(numbers, BATCH)):
        with database.writing() as connection:
            connection.execute(ledger.leaves.insert(), list(map(leaf, batch)))
    with database.writing() as connection:
        table = schema.counters
        connection.execute(table.update().where(table.c.name == leaves.COUNTER).values(value=count))


def leaf(number: int) -> dict[str, object]:
    """A row of `leaves`."""
    return {
        "index": number,
        "kind": Kind.AWARD.value,
        "subject": f"leaf-{number}",
        "salt": SALT,
        "digest": str(number),
        "entry": note.entry(Kind.AWARD, str(number), SALT),
    }


def open_log(home: Path, database: Database) -> Log:
    """The log, as a process has it that has just started."""
    return Log(
        database=database,
        signer=LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
        origin="bench.example/log",
        folder=home / "log",
        clock=lambda: datetime.now(UTC),
    )


def signed(database: Database, opened: Log, subject: str) -> None:
    """A leaf, and the tree that has it."""
    with database.writing() as connection:
        log.append(connection, kind=Kind.AWARD, subject=subject, digest=subject, salt=SALT)
    opened.checkpoint()


def written(database: Database, number: int) -> None:
    """As many transactions, of one row each."""
    for part in ("leaf", "tree"):
        with database.writing() as connection:
            connection.execute(schema.doomed.insert().values(digest=f"{part}-{number}"))


def timed(action: Callable[[], object]) -> float:
    """How long it takes, milliseconds."""
    begun = time.perf_counter()
    action()
    return (time.perf_counter() - begun) * 1000


def shown(times: list[float]) -> Iterator[str]:
    """Median and 95th percentile."""
    yield f"{statistics.median(times):.2f}"
    yield f"{figures.percentile(times, 95):.2f}"


if __name__ == "__main__":
    sys.exit(main())
