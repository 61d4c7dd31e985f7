"""How ordinary test files fare over the bridge: Exercism's practice exercises, test files unchanged.

Usage: python bench/exercism.py CHECKOUT [--sandbox unsafe_local|docker] [--stubs] [NAME...]

CHECKOUT is a working copy of the public repository exercism/python. Each exercise's reference solution is
submitted under the exercise's module name; with `--stubs`, the stub that learners begin with as well, which
must not pass unless it passes without the bridge too. Prints one line for each that falls short, then the
figures. Exit status 1 if a stub passes that must not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from assessor.limits import Limits
from assessor.sandbox import protocol
from assessor.sandbox.unsafe_local import UnsafeLocal


@dataclass(frozen=True, kw_only=True)
class Result:
    """One exercise's run.

    Attributes:
        name: the exercise.
        passed: tests that passed.
        total: tests that were collected.
        problems: one text for each test or file that did not pass.
        seconds: how long it took.
    """

    name: str
    passed: int
    total: int
    problems: list[str]
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether there were tests, and all passed."""
        return self.total > 0 and self.passed == self.total and not self.problems


def files(folder: Path, *, stub: bool) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The submission and the tests of an exercise, by relative path."""
    config = json.loads((folder / ".meta" / "config.json").read_text())["files"]
    # Whatever lies beside the solution belongs to the tests (helpers that they import).
    tests = {
        path.name: path.read_bytes() for path in folder.glob("*.py") if path.name not in config["solution"]
    }
    given = {name: (folder / name).read_bytes() for name in config["solution"]}
    if stub:
        return given, tests
    examples = config.get("example") or config["exemplar"]
    solution = dict(zip(config["solution"], (folder / name for name in examples), strict=False))
    return given | {name: path.read_bytes() for name, path in solution.items()}, tests


def assess(sandbox: protocol.Sandbox, folder: Path, *, stub: bool) -> Result:
    """Run one exercise over the bridge."""
    submission, tests = files(folder, stub=stub)
    order = protocol.Order(
        attempt=f"exercism-{folder.name}",
        epoch=1,
        profile="python",
        limits=Limits(wall_s=60, call_s=20),
        bundle=submission,
        tests=tests,
        modules=sorted({name.split("/")[0].removesuffix(".py") for name in submission}),
        seed=0,
    )
    events: list[protocol.Event] = []
    began = time.monotonic()
    sandbox.run(order, on_event=events.append)
    # A test that skips itself is in no manifest: a reference does not pass it either.
    ran = [
        event
        for event in events
        if isinstance(event, protocol.Finished) and ": Skipped: " not in event.message
    ]
    problems = [text for event in events if isinstance(event, protocol.Collected) for text in event.errors]
    problems += [f"{event.id}: {event.reason}: {event.message}" for event in ran if not event.passed]
    return Result(
        name=folder.name,
        passed=sum(event.passed for event in ran),
        total=len(ran),
        problems=problems,
        seconds=time.monotonic() - began,
    )


def passes_directly(submission: Mapping[str, bytes], tests: Mapping[str, bytes]) -> bool:
    """Whether plain pytest passes, without the bridge."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**submission, **tests}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, folder]
        return subprocess.run(command, capture_output=True, cwd=folder, check=False).returncode == 0


def main() -> int:
    """Run them all; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--sandbox", choices=("unsafe_local", "docker"), default="unsafe_local")
    parser.add_argument("--stubs", action="store_true")
    asked = parser.parse_args()
    folders = sorted(
        path.parent.parent for path in asked.checkout.glob("exercises/practice/*/.meta/config.json")
    )
    if asked.names:
        folders = [folder for folder in folders if folder.name in asked.names]
    if not folders:
        print(
            f"{asked.checkout}: expected exercises/practice/*/.meta/config.json, found none", file=sys.stderr
        )
        return 2
    sandbox = _sandbox(asked.sandbox)
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            references = list(pool.map(lambda folder: assess(sandbox, folder, stub=False), folders))
            stubs = (
                list(pool.map(lambda folder: assess(sandbox, folder, stub=True), folders))
                if asked.stubs
                else []
            )
    finally:
        sandbox.close()
    for result in references:
        if not result.whole:
            print(f"{result.name}: {result.passed} of {result.total}; {result.problems[:1]!r:.600}")
    forged = [
        result.name
        for result, folder in zip(stubs, folders, strict=False)
        if result.whole and not passes_directly(*files(folder, stub=True))
    ]
    seconds = sorted(result.seconds for result in references)
    print(
        f"references: {sum(result.whole for result in references)} of {len(references)} exercises, "
        f"{sum(result.passed for result in references)} of "
        f"{sum(result.total for result in references)} tests; "
        f"median {seconds[len(seconds) // 2]:.2f} s"
    )
    if asked.stubs:
        print(
            f"stubs: {sum(result.whole for result in stubs)} pass, of these not without the bridge: {forged}"
        )
    return 1 if forged else 0


def _sandbox(name: str) -> protocol.Sandbox:
    if name == "unsafe_local":
        return UnsafeLocal()
    from assessor.sandbox.docker import Docker

    return Docker()


if __name__ == "__main__":
    sys.exit(main())
