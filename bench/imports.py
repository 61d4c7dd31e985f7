"""How imported tasks fare: each package becomes tasks of a scratch catalog, which are then locked and proven.

Usage: python bench/imports.py exercism|kattis|quixbugs FOLDER... [--sandbox NAME] [--only NAME]...

A FOLDER is an exercise or a track's working copy, a problem package, or a working copy of QuixBugs. Prints
one line for each task, and why it cannot be imported, locked (its references do not pass every test) or
proven (its starter or its known-bad work does not fail where and how it should); then the figures. Exit
status 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assessor import catalog
from assessor.authoring import exercism, imported, kattis, lock, prove, quixbugs
from assessor.authoring.imported import Imported
from assessor.errors import AssessorError
from assessor.sandbox import protocol
from assessor.sandbox.unsafe_local import UnsafeLocal

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Try them all; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kind", choices=sorted(READ))
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", action="append", default=[], help="names of folders")
    parser.add_argument("--sandbox", choices=("unsafe_local", "docker"), default="unsafe_local")
    asked = parser.parse_args()
    sources = [one for folder in asked.folders for one in FIND[asked.kind](folder)]
    if asked.only:
        sources = [source for source in sources if source.stem in asked.only]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assessor-imports-") as place:
        root = Path(place)
        (root / "tasks").mkdir()
        (root / "rubrics").mkdir()
        (root / "sandboxes").symlink_to(ROOT / "sandboxes")
        box = _sandbox(asked.sandbox)
        try:
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
                tried = pool.map(lambda source: _tried(source, READ[asked.kind], root, box), sources)
                results = [result for found in tried for result in found]
        finally:
            box.close()
    good = sum(problem is None for problem in results)
    locked = good + sum(problem == "proof" for problem in results)
    print(
        f"{len(sources)} folders, {len(results)} tasks: references hold in {locked}, all holds in {good}; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 0 if good == len(results) else 1


def _tried(
    source: Path, read: Callable[[Path], Iterable[Imported]], root: Path, box: protocol.Sandbox
) -> list[str | None]:
    """For each task the stage that it does not pass, or None."""
    try:
        found = list(read(source))
    except AssessorError as error:
        return [_said(str(source), "import", error)]
    results: list[str | None] = []
    for made in found:
        stage = "import"
        try:
            imported.parsed(made, root)
            imported.write(made, root)
            stage = "lock"
            tasks = catalog.load(root)
            lock.write(tasks.task(made.task_id), lock.lock(tasks, made.task_id, box))
            stage = "proof"
            prove.prove(catalog.load(root), made.task_id, box).require()
            print(f"{made.task_id}: holds", flush=True)
            results.append(None)
        except AssessorError as error:
            results.append(_said(made.task_id, stage, error))
    return results


def _said(name: str, stage: str, error: AssessorError) -> str:
    print(f"{name}: {stage}: {error}"[:800], flush=True)
    return stage


def _sandbox(name: str) -> protocol.Sandbox:
    if name == "unsafe_local":
        return UnsafeLocal()
    from assessor.sandbox.docker import Docker

    return Docker(root=ROOT, owner=f"imports-{os.getpid()}")


FIND: dict[str, Callable[[Path], Iterable[Path]]] = {
    "exercism": exercism.exercises,
    "kattis": lambda folder: [folder],
    "quixbugs": quixbugs.programs,
}
READ: dict[str, Callable[[Path], Iterable[Imported]]] = {
    "exercism": lambda folder: [exercism.read(folder)],
    "kattis": kattis.read,
    "quixbugs": lambda program: [quixbugs.read(program)],
}

if __name__ == "__main__":
    sys.exit(main())
