"""A process that appends, signs and publishes, and is killed at a step; again and again in the same home.

    python doomed_log.py <folder>

    <folder>/template.sqlite    what each home begins with
    <folder>/<step>/            the home of the lives of which the first is killed at this step

A life is a forked child that dies by SIGKILL at a step: the moment before and the moment after each file gets
its name and each transaction is committed. Each home sees four: killed at its own step, then at another one
while it mends what was left, then at the first one of all, and one that lives. There are as many homes as
steps, and one more. One line of JSON for each life, with what the child said before it died: leaves that were
committed, notes and proofs that were shown.

Run by `test_log_faults`.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor.rows import log
from assessor.rows.database import Database
from assessor.rows.log import Kind, Log
from assessor.signer import LocalSigner

ORIGIN = "badges.example/log"
SALT = bytes(range(16))
TURNS = 4


def signer() -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def open_log(folder: Path, database: Database) -> Log:
    return Log(
        database=database,
        signer=signer(),
        origin=ORIGIN,
        folder=folder / "log",
        clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
    )


def append(database: Database, subject: str) -> int:
    with database.writing() as connection:
        return log.append(connection, kind=Kind.AWARD, subject=subject, digest=subject, salt=SALT)


def doom(step: int) -> None:
    """Die at this step."""
    reached = itertools.count(1)

    def reach() -> None:
        if next(reached) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    replace, writing = Path.replace, Database.writing

    def doomed_replace(self: Path, target: Path) -> Path:
        reach()
        done = replace(self, target)
        reach()
        return done

    @contextmanager
    def doomed_writing(self: Database) -> Iterator[sa.Connection]:
        with writing(self) as connection:
            yield connection
            reach()
        reach()

    Path.replace = doomed_replace  # type: ignore[assignment, method-assign]
    Database.writing = doomed_writing  # type: ignore[method-assign]


def live(folder: Path, name: str, say: Any) -> None:
    """Some leaves; each is signed, proven and published."""
    database = Database.open(f"sqlite:///{folder / 'store.sqlite'}")
    opened = open_log(folder, database)
    for turn in range(TURNS):
        subject = f"{name}-{turn}"
        append(database, subject)
        say("leaf", subject)
        say("note", base64.b64encode(opened.checkpoint().note).decode())
        say("proof", base64.b64encode(opened.proof(Kind.AWARD, subject, subject)).decode())
        if turn % 2:
            say("note", base64.b64encode(opened.write(folder / "published").note).decode())
    database.close()


def life(folder: Path, name: str, step: int) -> tuple[bool, list[list[str]]]:
    """Whether a child was killed, and what it said."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        with os.fdopen(into, "w") as file:
            if step:
                doom(step)
            live(folder, name, lambda *words: print(json.dumps(words), file=file, flush=True))
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as file:
        said = [json.loads(line) for line in file]
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status != 0:
        sys.exit(f"{folder} {name}: expected its end or SIGKILL, got status {status}")
    return killed, said


def main(folder: Path) -> None:
    for first in itertools.count(1):
        home = folder / str(first)
        home.mkdir()
        shutil.copy(folder / "template.sqlite", home / "store.sqlite")
        deaths = []
        for number, step in enumerate((first, first * 7 % 23 + 1, 1, 0)):
            killed, said = life(home, f"life{number}", step)
            deaths.append(killed)
            print(json.dumps({"home": home.name, "killed": killed, "said": said}), flush=True)
        if not deaths[0]:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
