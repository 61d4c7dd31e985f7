"""A process that is killed at any step: nothing that was promised is lost, and the log has one history.

After each death the same home goes on. In the end a monitor that has seen every note that was ever shown, in
whatever life, finds all of them to be beginnings of one tree, by the proofs that anybody can check.
"""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from assessor import merkle, note
from assessor.note import Checkpoint
from assessor.rows.database import Database
from assessor.rows.log import Kind, Log
from tests.integration import doomed_log

SCRIPT = Path(doomed_log.__file__)
SRC = Path(__file__).parents[2] / "src"
#: Leaves before the first life, so that it fills a tile.
BEFORE = 253


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with some leaves, none of them signed."""
    file = tmp_path_factory.mktemp("template") / "store.sqlite"
    database = Database.open(f"sqlite:///{file}")
    for number in range(BEFORE):
        doomed_log.append(database, f"before-{number}")
    database.close()
    return file.read_bytes()


class Home:
    """A home in which processes live and die, and all that they said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.leaves = [f"before-{number}" for number in range(BEFORE)]
        self.notes: list[bytes] = []
        self.proofs: list[tuple[str, bytes]] = []

    def hear(self, said: Sequence[Sequence[str]]) -> None:
        for kind, word in said:
            if kind == "leaf":
                self.leaves.append(word)
            elif kind == "note":
                self.notes.append(base64.b64decode(word))
            else:
                self.proofs.append((self.leaves[-1], base64.b64decode(word)))

    def check(self) -> Checkpoint:
        """Go on once more, and hold every word that was given against it."""
        database = Database.open(f"sqlite:///{self.folder / 'store.sqlite'}")
        opened = doomed_log.open_log(self.folder, database)
        doomed_log.append(database, f"after-{len(self.notes)}")
        last = opened.checkpoint()
        for file in (self.folder / "log/checkpoint", self.folder / "published/checkpoint"):
            if file.exists():
                self.notes.append(file.read_bytes())
        for one in {*self.notes, last.note}:
            self.consistent(opened, note.verify_checkpoint(one, keys=[opened.key]), last)
        for subject, text in self.proofs:
            shown = note.verify_proof(text, digest=subject, kind=Kind.AWARD, keys=[opened.key])
            self.consistent(opened, shown, last)
        for subject in {*self.leaves[::50], *self.leaves[BEFORE:]}:
            text = opened.proof(Kind.AWARD, subject, subject)
            note.verify_proof(text, digest=subject, kind=Kind.AWARD, keys=[opened.key])
        opened.write(self.folder / "published")
        self.audit(last)
        database.close()
        return last

    @staticmethod
    def consistent(opened: Log, old: Checkpoint, new: Checkpoint) -> None:
        merkle.verify_consistency(
            old=old.size,
            old_root=old.root,
            size=new.size,
            root=new.root,
            proof=opened.consistency(old.size, new.size),
        )

    def audit(self, last: Checkpoint) -> None:
        """The published files alone make the same tree."""
        root = self.folder / "published"

        def read(path: str) -> bytes | None:
            return (root / path).read_bytes() if (root / path).exists() else None

        assert (root / "checkpoint").read_bytes() == last.note
        assert merkle.root(last.size, merkle.tiled(read, last.size)) == last.root
        entries: list[bytes] = []
        while len(entries) < last.size:
            width = min(merkle.WIDTH, last.size - len(entries))
            entries.extend(
                merkle.unbundle(read(merkle.bundle_path(len(entries) // merkle.WIDTH, width)) or b"")
            )
        edge, _ = merkle.Edge().extended(map(merkle.leaf_hash, entries))
        assert edge.root() == last.root


@pytest.mark.slow
def test_process_killed_at_any_step_loses_nothing_and_forks_nothing(tmp_path: Path, template: bytes) -> None:
    (tmp_path / "template.sqlite").write_bytes(template)
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    homes: dict[str, Home] = {}
    killed: dict[str, list[bool]] = {}
    for line in ran.stdout.splitlines():
        life = json.loads(line)
        homes.setdefault(life["home"], Home(tmp_path / life["home"])).hear(life["said"])
        killed.setdefault(life["home"], []).append(life["killed"])
    *died, lived = killed.values()
    assert all(one == [True, True, True, False] for one in died)
    assert lived == [False, True, True, False]
    # Each of four turns commits a leaf and a row and writes a file; one tile fills, with one above it; three
    # files are published, then six.
    assert len(died) == 2 * (4 * 3 + 2 + 3 + 6)
    for home in homes.values():
        assert home.check().size >= len(home.leaves) + 1


CROWD = """
import sys
from tests.integration import doomed_log
from pathlib import Path
import json
def say(*words):
    print(json.dumps(words), flush=True)
for life in range(1000):
    doomed_log.live(Path(sys.argv[1]), f"{sys.argv[2]}-{life}", say)
"""


@pytest.mark.slow
def test_crowd_of_processes_killed_at_any_moment_has_one_history(tmp_path: Path, template: bytes) -> None:
    (tmp_path / "store.sqlite").write_bytes(template)
    home = Home(tmp_path)
    chance = random.Random(4)
    running: dict[Path, subprocess.Popen[bytes]] = {}
    for number in range(9):
        said = tmp_path / f"said-{number}"
        with said.open("wb") as out:
            running[said] = subprocess.Popen(
                [sys.executable, "-c", CROWD, str(tmp_path), f"p{number}"],
                env={**os.environ, "PYTHONPATH": f"{SRC}:{SRC.parent}"},
                stdout=out,
            )
        if len(running) == 3:
            end(running, chance.choice(sorted(running)), chance, home)
    for said in sorted(running):
        end(running, said, chance, home)
    assert len(home.leaves) >= BEFORE + 9
    last = home.check()
    assert last.size > len(home.leaves)
    sizes: dict[int, bytes] = {}
    for text in home.notes:
        assert sizes.setdefault(note.read_checkpoint(text).size, text) == text


def end(running: dict[Path, subprocess.Popen[bytes]], said: Path, chance: random.Random, home: Home) -> None:
    """Kill a process at any moment after it has begun to speak, and hear what it said."""
    process = running.pop(said)
    deadline = time.monotonic() + 120
    while not said.read_bytes():
        assert process.poll() is None, process.returncode
        assert time.monotonic() < deadline, "it never came to a leaf"
        time.sleep(0.01)
    time.sleep(chance.random())
    assert process.poll() is None, process.returncode
    process.kill()
    process.wait(timeout=60)
    lines = said.read_text().splitlines(keepends=True)
    home.hear([json.loads(line) for line in lines if line.endswith("\n")])
