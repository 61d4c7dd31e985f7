"""What the `alembic` command runs; importing it does nothing.

For authors of a new step: `alembic -x url=sqlite:////path revision --autogenerate -m "..."`, with
`script_location = assessor:migrations`. A store that is opened brings itself up to date without this file.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from assessor.rows import accounts


def run() -> None:
    """Run the command's migrations on the database of `-x url=...`."""
    engine = sa.create_engine(context.get_x_argument(as_dictionary=True)["url"])
    with engine.begin() as connection:
        context.configure(connection=connection, target_metadata=accounts.metadata)
        context.run_migrations()
    engine.dispose()


# The name under which Alembic loads this file.
if __name__ == "env_py":
    run()
