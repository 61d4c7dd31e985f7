"""Docker sandboxes for tests, each of an owner of its own, and counted after: none may leave anything."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from assessor.sandbox import engine, protocol
from assessor.sandbox.docker import Docker

ROOT = Path(__file__).parents[1]


@contextmanager
def box(*, root: Path = ROOT, **how: Any) -> Iterator[Docker]:
    """A sandbox, closed at the end, when nothing of it may be left."""
    owner = f"test-{uuid.uuid4().hex}"
    body = Docker(root=root, owner=owner, **how)
    try:
        yield body
    finally:
        body.close()
    assert left(owner) == [], "a sandbox left something behind"


def left(owner: str) -> list[str]:
    """Names of an owner's containers, running or not, and volumes."""
    mine = {"label": f"{protocol.LABEL_OWNER}={owner}"}
    with contextlib.closing(engine.connect()) as api:
        containers = [found["Names"][0].lstrip("/") for found in api.containers(all=True, filters=mine)]
        return sorted([*containers, *(found["Name"] for found in api.volumes(filters=mine)["Volumes"] or ())])


def pid(api: docker.APIClient, body: Docker, role: str) -> int:
    """The first process of one side of the only pair that a sandbox has at the moment."""
    mine = {"label": [f"{protocol.LABEL_OWNER}={body.owner}", f"{protocol.LABEL_ROLE}={role}"]}
    (found,) = api.containers(filters=mine)
    return int(api.inspect_container(found["Id"])["State"]["Pid"])
