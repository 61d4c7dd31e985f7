"""Places made ready ahead of need: what a worker has waiting before its first job.

Comes in: what was handed in last, else the catalog. Goes out: requests to the sandbox, which starts places in
the background and gives no promise. What waits after that is the sandbox's own affair: the kinds of run that
are used stay, the others give way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import structlog

from assessor import catalog, judging, pipeline
from assessor.errors import AssessorError
from assessor.parts import Parts

log = structlog.get_logger(__name__)

#: How many submissions are looked at for the kinds of run that they need, the newest first.
_LOOKED_AT = 200


def prepare(parts: Parts, tasks: catalog.Catalog, *, most: int) -> None:
    """Have places ready for the tasks that are handed in to at the moment.

    Args:
        parts: the world.
        tasks: the catalog; asked where nothing was handed in yet.
        most: how many tasks are looked at.
    """
    if parts.sandbox is None or most == 0:
        return
    for frozen in _likely(parts, tasks, most):
        parts.sandbox.prepare(pipeline.order("", 0, frozen, {}))


def _likely(parts: Parts, tasks: catalog.Catalog, most: int) -> Iterator[catalog.Frozen]:
    recent = parts.store.recent_snapshots(looked_at=_LOOKED_AT)[:most]
    waiting: Iterable[str] = recent or tasks.ids()[:most]
    for name in waiting:
        try:
            yield judging.thaw(name, parts) if recent else _fresh(tasks, name)
        except AssessorError as error:
            # A task that is not ready, or gone, is met by whoever judges it.
            log.warning("no place made ready for it", task=name, error=str(error))


def _fresh(tasks: catalog.Catalog, task_id: str) -> catalog.Frozen:
    return catalog.thaw(catalog.freeze(tasks, task_id))
