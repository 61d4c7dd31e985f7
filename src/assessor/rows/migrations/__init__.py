"""The steps from any older database to the tables of `schema`, by Alembic.

Comes in: a connection inside a transaction. Goes out: the same, with the tables as they are now.

    env.py          lets the `alembic` command in (`script_location = assessor:migrations`)
    versions/       one file a step
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from assessor.rows import accounts


def upgrade(connection: sa.Connection) -> None:
    """Take every step that this database has not taken; in its transaction, so all or nothing."""
    config = Config()
    script = _script()

    def steps(revision: Any, _context: object) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(config, script, fn=steps, destination_rev="head") as environment:
        environment.configure(
            connection=connection, target_metadata=accounts.metadata, transactional_ddl=True
        )
        environment.run_migrations()


def revisions() -> frozenset[str]:
    """Every revision that this version knows."""
    return frozenset(step.revision for step in _script().walk_revisions())


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))
