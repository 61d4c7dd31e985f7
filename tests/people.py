"""People for tests: a store in a folder, and accounts in it."""

from __future__ import annotations

import functools
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from assessor.rows.audit import Act
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role, User
from assessor.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@functools.cache
def _tables() -> bytes:
    """A database with all its tables: copying it is faster than migrating."""
    with tempfile.TemporaryDirectory() as folder:
        Store.open(f"sqlite:///{folder}/store").close()
        return Path(folder, "store").read_bytes()


def open_store(folder: Path) -> Store:
    """A fresh store in this folder; the caller's to close."""
    file = folder / "store.sqlite"
    file.write_bytes(_tables())
    return Store.open(f"sqlite:///{file}")


def act(now: datetime = NOW, user_id: str | None = None) -> Act:
    return Act(user_id=user_id, address="192.0.2.7", now=now)


def add(
    store: Store,
    name: str = "ada",
    *roles: Role,
    email: str | None = None,
    password: str | None = None,
    adopt: bool = False,
    now: datetime = NOW,
) -> User:
    """An account whose id is its name; a learner unless told otherwise."""
    return store.add_user(
        id=name,
        email=email or f"{name}@example.org",
        name=name.title(),
        roles=roles or (Role.LEARNER,),
        password=password,
        seed=Seed(id=f"{name}-learner", salt=f"salt of {name}".encode()),
        act=act(now),
        adopt=adopt,
    )


def submit(
    store: Store, learner_id: str, name: str, *, task: str = "median", now: datetime = NOW, bundle: str = "b"
) -> None:
    """A submission `s-<name>` with its queued attempt `<name>`."""
    store.submit(
        id=f"s-{name}",
        attempt_id=name,
        learner_id=learner_id,
        task_id=task,
        task_version="1",
        task_digest="t",
        snapshot="t",
        bundle=bundle,
        tries=None,
        cooldown_s=0,
        now=now,
    )
