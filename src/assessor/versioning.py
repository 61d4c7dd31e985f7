"""Versioning: a task whose results are stored is not changed under the same version.

Comes in: a task as it is now, and what the store has of it. Goes out: the refusal, or nothing; the frozen
tasks that people name by version or digest; and how many stored results a change could make come out
otherwise. What differs is told by `versions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from assessor import authored, bundle, catalog, versions
from assessor.blobs import Blobs
from assessor.bundle import Bundle
from assessor.errors import AuthorError, BlobFault, FileInvalid, NotFound, VersionStale
from assessor.store import Store
from assessor.task import Task
from assessor.versions import Diff


def require_raised(
    task: Task, snapshot: Bundle, store: Store, blobs: Blobs, *, but: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Nothing stands under the task's version but what is in this snapshot.

    Args:
        task: as it is now.
        snapshot: of it.
        store: has what stands.
        blobs: has the snapshots that it names.
        but: files that may differ, by the names of `versions.FileChange`.

    Returns:
        The snapshots that stand under it too, of other bytes and the same content.

    Raises:
        VersionStale: something else does; the text says how many results, and what has changed.
        StoreFault: it cannot be read.
    """
    alike, others = set(), {}
    for name in sorted(store.snapshots_under(task.id, task.version) - {snapshot.digest}):
        try:
            found = versions.compare(bundle.unpack(blobs.get(name), expected=name), snapshot)
        except (BlobFault, FileInvalid, NotFound) as error:
            others[name] = f"it cannot be read any more: {error}"
            continue
        if {one.path for one in found.files} <= but:
            alike.add(name)
        else:
            others[name] = f"{found.words} since"
    if others:
        raise _stands(task, others, store)
    return frozenset(alike)


def unraised(tasks: catalog.Catalog, store: Store, blobs: Blobs) -> tuple[VersionStale, ...]:
    """The refusals that whoever hands in would meet; a task that cannot be used at all is left out.

    Raises:
        StoreFault: the store cannot be read.
    """
    found = []
    for task_id in tasks.ids():
        try:
            task, snapshot = tasks.task(task_id), catalog.gather(tasks, task_id)
        except (AuthorError, NotFound):
            continue  # `Catalog.problems` tells of it; or it is gone since it was listed
        try:
            require_raised(task, snapshot, store, blobs)
        except VersionStale as error:
            found.append(error)
    return tuple(found)


def _stands(task: Task, others: Mapping[str, str], store: Store) -> VersionStale:
    number = sum(
        result.version == task.version and result.snapshot in others for result in store.results(task.id)
    )
    standing = f"{number} {'result stands' if number == 1 else 'results stand'}"
    if not number:
        standing = "work that waits to be judged stands"
    document = authored.read(task.files["task.yaml"], f"tasks/{task.id}/task.yaml")
    found = document.invalid(
        ("version",),
        f"expected it to be raised from {task.version}: {standing} under it with another content "
        f"({'; '.join(others.values())}); run `assessor tasks lock {task.id} --bump`",
    )
    return VersionStale(found.path, found.problem, line=found.line, column=found.column)


def named(name: str, tasks: catalog.Catalog, store: Store | None, blobs: Blobs | None) -> Bundle:
    """The version of a task that somebody means.

    Args:
        name: a task's id, for the catalog's as it is now; a task's folder in any catalog; `<id>@<version>` or
            a digest (of a task or a snapshot, the first 8 digits of it are enough), for one that results are
            stored of.
        tasks: the catalog.
        store, blobs: where what was frozen is kept, or None where nothing is.

    Raises:
        NotFound: there is no such task, folder or version, or several; the text names those that there are.
        FileInvalid: its files are wrong.
        BlobFault: what was frozen cannot be read.
    """
    if "@" in name or name.startswith("sha256:"):
        if store is None or blobs is None:
            raise NotFound(f"expected a store that has {name}, there is none yet")
        found = _frozen(name, store)
        return bundle.unpack(blobs.get(found), expected=found)
    folder = Path(name)
    if "/" in name or name.startswith("."):
        folder = folder.resolve()
        if not (folder / "task.yaml").is_file():
            raise NotFound(f"expected a task's folder, got {name}, which has no task.yaml")
        return catalog.gather(catalog.load(folder.parent.parent), folder.name)
    return catalog.gather(tasks, name)


def could_change(found: Diff, store: Store) -> dict[str, int]:
    """How many results that were judged with the first version could come out otherwise, by verdict."""
    return stored(found, store) if found.can_change else {}


def stored(found: Diff, store: Store) -> dict[str, int]:
    """How many stored results were judged with the first version, by verdict."""
    verdicts = Counter(
        result.attempt.verdict or ""
        for result in store.results(found.before.id)
        if result.snapshot == found.before.snapshot or result.task_digest == found.before.digest
    )
    return dict(sorted(verdicts.items()))


def _frozen(name: str, store: Store) -> str:
    task_id, _, version = name.partition("@")
    if version:
        known = store.snapshots_of(task_id)
        fits = [one for one, (called, _) in known.items() if called == version]
        there = ", ".join(sorted({called for called, _ in known.values()})) or "none"
        said = f"expected a version of {task_id} that results are stored of, one of {there}, got {version!r}"
    else:
        fits = list(store.snapshots_named(name)) if len(name) >= len("sha256:") + 8 else []
        said = f"expected the digest of a task that results are stored of, got {name!r}"
    if not fits:
        raise NotFound(said)
    if len(fits) > 1:
        raise NotFound(f"{name}: expected one frozen task, got {len(fits)}: {', '.join(fits)}")
    return fits[0]
