"""`ask` runs a query of the work on a database of the test's own."""

import json

import club as clubs
import pytest


# A wide scope: hypothesis wants it of fixtures that a property uses.
@pytest.fixture(scope="session")
def ask(program):
    """Rows of the query `<name>.sql` on a club, as tuples; `columns=True` gives the columns' names instead."""

    def run(name, club, *, columns=False):
        files = {"club.sqlite": clubs.database(club), "run_sql.py": clubs.RUNNER}
        done = program(f"{name}.sql", files=files)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        return said["columns"] if columns else [tuple(row) for row in said["rows"]]

    return run
