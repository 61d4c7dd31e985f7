"""Locking a task that may have results: the version first, then the lock, each file whole or not at all.

Comes in: a catalog, a task's id and, where one is within reach, the store that has its results. Goes out: the
manifest, written; with `bump` a raised version too. Steps:

1. nobody else locks this task meanwhile;
2. what stands under its version, tests and lock apart, must be the same: told before anything runs;
3. the references run (`lock`);
4. the files must be those that ran: an editor may be at work;
5. what stands must be the same, the new lock included, or the version is raised to one that is free;
6. task.yaml is written, then the manifest: between the two the old lock is stale, or says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assessor import bundle, catalog, freezing, versioning
from assessor.authoring import lock as locking
from assessor.authoring import version
from assessor.blobs import Blobs
from assessor.bundle import Bundle
from assessor.errors import FileInvalid
from assessor.manifest import Manifest
from assessor.sandbox.protocol import Sandbox
from assessor.store import Store
from assessor.task import Task

#: How many versions are looked at for a free one.
_LOOKED_AT = 1000


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A task that was locked.

    Attributes:
        path: its manifest.
        manifest: the tests that count.
        version: the task's by now.
        before: its version until then, where it was raised; else None.
    """

    path: Path
    manifest: Manifest
    version: str
    before: str | None


def lock(
    root: Path,
    task_id: str,
    sandbox: Sandbox,
    *,
    store: Store | None = None,
    blobs: Blobs | None = None,
    bump: bool = False,
    label: str = "lock",
    say: Callable[[str], object] = lambda line: None,
) -> Locked:
    """Lock a task, unless results stand under its version with another content.

    Args:
        root: the folder of the catalog.
        task_id: which.
        sandbox: runs the references.
        store, blobs: what has its results; None where nothing has, or nobody can tell.
        bump: raise the version where it has to be.
        label: what containers are labelled with, in place of an attempt's id.
        say: told what is waited for.

    Raises:
        NotFound: there is no such task.
        FileInvalid: the version has to be raised; its files were changed meanwhile; or as for `lock.lock`.
        SandboxFault, ImageFault, EngineMissing: a run could not be made.
    """
    with version.alone(catalog.load(root).task(task_id), lambda: say(f"{task_id}: somebody locks it")):  # 1
        tasks = catalog.load(root)
        task = tasks.task(task_id)
        if store is not None and blobs is not None and not bump:
            _require(task, catalog.gather(tasks, task_id), store, blobs, early=True)  # 2
        made = locking.lock(tasks, task_id, sandbox, label=label)  # 3
        now = catalog.load(root).task(task_id)
        if now.files != task.files:
            changed = sorted(p for p in {*now.files, *task.files} if now.files.get(p) != task.files.get(p))
            raise FileInvalid(  # 4
                f"tasks/{task_id}/{changed[0]}",
                "expected it as it was when the references ran, it was changed since; lock again",
            )
        written = task
        if store is not None and blobs is not None:  # 5
            written = _free(tasks, task, made, store, blobs, bump=bump)
        if written.version != task.version:  # 6
            version.write(task, "task.yaml", written.files["task.yaml"])
        locking.write(task, made)
    assert task.folder is not None, "the task is of a catalog"
    return Locked(
        path=task.folder / "manifest.json",
        manifest=made,
        version=written.version,
        before=None if written.version == task.version else task.version,
    )


def _require(task: Task, snapshot: Bundle, store: Store, blobs: Blobs, *, early: bool = False) -> None:
    but = frozenset({"manifest.json"}) if early else frozenset[str]()
    versioning.require_raised(task, snapshot, store, blobs, but=but)


def _free(
    tasks: catalog.Catalog, task: Task, made: Manifest, store: Store, blobs: Blobs, *, bump: bool
) -> Task:
    """The task under the first version from its own on that nothing else stands under."""
    found = task
    for _ in range(_LOOKED_AT):
        snapshot = _with(tasks, found, made)
        found = freezing.parsed(snapshot)[0]
        try:
            _require(found, snapshot, store, blobs)
        except FileInvalid:
            if not bump:
                raise
        else:
            return found
        path = f"tasks/{task.id}/task.yaml"
        data = version.raised(found.files["task.yaml"], path, version.following(found.version))
        found = freezing.parsed(_with(tasks, found, made, task_yaml=data))[0]
    raise FileInvalid(f"tasks/{task.id}/task.yaml", f"expected a free version within {_LOOKED_AT}, got none")


def _with(tasks: catalog.Catalog, task: Task, made: Manifest, *, task_yaml: bytes | None = None) -> Bundle:
    """The snapshot of a task with this lock, and with another task.yaml."""
    files = dict(catalog.gather(tasks, task.id).files)
    files[f"tasks/{task.id}/manifest.json"] = made.dump()
    files[f"tasks/{task.id}/task.yaml"] = task_yaml or task.files["task.yaml"]
    return bundle.pack(files)
