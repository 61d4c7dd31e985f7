"""Raising a version in place, and locking a task that has results."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import authored, catalog, testing
from assessor.authoring import locked, version
from assessor.authoring.locked import Locked
from assessor.errors import FileInvalid
from assessor.sandbox.protocol import Collected, CollectedTest, Order
from assessor.taskfile import TaskModel
from tests import small, versioned
from tests.honours import judge, passing
from tests.small import IDS, Bench

TASK = small.FILES["tasks/sum/task.yaml"].replace("TRIES", "3").encode()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = versioned.make_bench(tmp_path)
    yield made
    made.parts.store.close()


def collecting(order: Order) -> Iterator[object]:
    """What a reference's run of the small task looks like."""
    yield Collected(
        tests=tuple(
            CollectedTest(
                id=name,
                group=name,
                criterion="clear" if name == IDS[2] else None,
                points=None,
                visible=name == IDS[0],
            )
            for name in IDS
        ),
        errors=(),
    )
    for name in IDS:
        yield testing.finished(name)


def lock(bench: Bench, *, bump: bool = False, sandbox: testing.FakeSandbox | None = None) -> Locked:
    return locked.lock(
        bench.tasks.root,
        "sum",
        sandbox or testing.FakeSandbox(collecting),  # type: ignore[arg-type]
        store=bench.parts.store,
        blobs=bench.parts.blobs,
        bump=bump,
    )


def task_yaml(bench: Bench) -> Path:
    return bench.tasks.root / "tasks/sum/task.yaml"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.2", "1.3"),
        ("1.9", "1.10"),
        ("2", "3"),
        ("1.0-beta", "1.1-beta"),
        ("2026.09", "2026.10"),
        ("first", "first.1"),
    ],
)
def test_following_version_raises_the_last_number(old: str, new: str) -> None:
    assert version.following(old) == new


@given(st.from_regex(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,15}", fullmatch=True))
def test_following_version_is_another_and_again_a_version(old: str) -> None:
    new = version.following(old)
    made = version.raised(TASK.replace(b'"1.0"', f"'{old}'".encode()), "task.yaml", new)
    assert new != old
    assert authored.load(made, "task.yaml", TaskModel).version == new


@pytest.mark.parametrize(
    ("written", "raised"),
    [
        ('version: "1.0"\n', 'version: "1.1"\n'),
        ("version: '1.0'   # as taught in 2026\n", "version: '1.1'   # as taught in 2026\n"),
        ("version:   1.0\n", "version:   1.1\n"),
        ('"version": "1.0"\r\n', '"version": "1.1"\r\n'),
        (
            "# é version: 0.1\nversion: 1.0\n# version: 1.0\n",
            "# é version: 0.1\nversion: 1.1\n# version: 1.0\n",
        ),
    ],
)
def test_raised_in_place_nothing_else_changes(written: str, raised: str) -> None:
    before = TASK.decode().replace('version: "1.0"\n', written).encode()
    after = TASK.decode().replace('version: "1.0"\n', raised).encode()
    assert version.raised(before, "task.yaml", "1.1") == after
    bom = b"\xef\xbb\xbf"
    assert version.raised(bom + before, "task.yaml", "1.1") in (bom + after,)


def test_version_that_is_too_long_is_refused_with_its_place() -> None:
    with pytest.raises(FileInvalid, match=r"task.yaml:2:1: version: expected to write 9+ in its place, got"):
        version.raised(TASK, "task.yaml", "9" * 40)


def test_locked_without_results_nothing_is_raised(bench: Bench) -> None:
    before = task_yaml(bench).read_bytes()
    done = lock(bench, bump=True)
    assert (done.version, done.before) == ("1.0", None)
    assert task_yaml(bench).read_bytes() == before
    assert catalog.freeze(catalog.load(bench.tasks.root), "sum")


def test_locked_again_as_it_was_nothing_is_refused(bench: Bench) -> None:
    lock(bench)
    bench.tasks = catalog.load(bench.tasks.root)
    judge(bench, 3)
    assert lock(bench).before is None


def test_edited_task_with_results_is_refused_before_anything_runs(bench: Bench) -> None:
    judge(bench, 3)
    with (bench.tasks.root / versioned.TESTS).open("a") as file:
        file.write("# strict\n")
    box = testing.FakeSandbox(collecting)  # type: ignore[arg-type]
    with pytest.raises(FileInvalid) as caught:
        lock(bench, sandbox=box)
    assert str(caught.value) == (
        "tasks/sum/task.yaml:2:1: version: expected it to be raised from 1.0: 1 result stands under it with "
        "another content (tests/test_sum.py changed since); run `assessor tasks lock sum --bump`"
    )
    assert box.orders == []


def test_lock_that_alone_differs_is_refused_and_not_written(bench: Bench) -> None:
    judge(bench, 3)
    path = bench.tasks.root / "tasks/sum/manifest.json"
    before = path.read_bytes()

    def other(order: Order) -> Iterator[object]:
        for step in collecting(order):
            if isinstance(step, Collected):
                yield Collected(tests=(step.tests[1], step.tests[0], step.tests[2]), errors=())
            else:
                yield step

    box = testing.FakeSandbox(other)  # type: ignore[arg-type]
    with pytest.raises(FileInvalid, match=r"manifest\.json changed since"):
        lock(bench, sandbox=box)
    assert path.read_bytes() == before
    assert lock(bench, sandbox=box, bump=True).version == "1.1"


def test_bump_raises_the_version_and_locks(bench: Bench) -> None:
    judge(bench, 3)
    with (bench.tasks.root / versioned.TESTS).open("a") as file:
        file.write("# strict\n")
    before = task_yaml(bench).read_bytes()
    done = lock(bench, bump=True)
    assert (done.before, done.version) == ("1.0", "1.1")
    assert task_yaml(bench).read_bytes() == before.replace(b'version: "1.0"', b'version: "1.1"')
    bench.tasks = catalog.load(bench.tasks.root)
    bench.submit(passing(3), learner="bob")
    assert lock(bench, bump=True).before is None
    assert [path.name for path in task_yaml(bench).parent.iterdir() if path.name.startswith(".")] == []


def test_bump_passes_over_versions_that_have_results(bench: Bench) -> None:
    judge(bench, 3)
    versioned.edit(bench, "# one", version="1.1")
    judge(bench, 2)
    versioned.edit(bench, "# two", version="1.0")
    done = lock(bench, bump=True)
    assert (done.before, done.version) == ("1.0", "1.2")


def test_file_that_is_changed_while_the_references_run_is_not_locked(bench: Bench) -> None:
    path = bench.tasks.root / versioned.TESTS

    def editing(order: Order) -> Iterator[object]:
        path.write_text(path.read_text() + "# half")
        yield from collecting(order)

    before = (bench.tasks.root / "tasks/sum/manifest.json").read_bytes()
    with pytest.raises(FileInvalid, match=r"tests/test_sum\.py: expected it as it was when"):
        lock(bench, sandbox=testing.FakeSandbox(editing), bump=True)  # type: ignore[arg-type]
    assert (bench.tasks.root / "tasks/sum/manifest.json").read_bytes() == before


def test_file_that_is_changed_at_the_last_moment_is_not_written_over(bench: Bench) -> None:
    task = bench.tasks.task("sum")
    task_yaml(bench).write_bytes(b"somebody else's\n")
    with pytest.raises(FileInvalid, match=r"tasks/sum/task\.yaml: expected it as it was"):
        version.write(task, "task.yaml", b"ours\n")
    assert task_yaml(bench).read_bytes() == b"somebody else's\n"
    assert not [name for name in os.listdir(task_yaml(bench).parent) if name.startswith(".")]


def test_two_that_lock_at_once_wait_for_each_other(bench: Bench) -> None:
    judge(bench, 3)
    with (bench.tasks.root / versioned.TESTS).open("a") as file:
        file.write("# strict\n")
    done: list[Locked] = []
    threads = [threading.Thread(target=lambda: done.append(lock(bench, bump=True))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.version for one in done} <= {"1.1", "1.2"}
    tasks = catalog.load(bench.tasks.root)
    assert catalog.freeze(tasks, "sum")
    assert tasks.task("sum").version in {one.version for one in done}
