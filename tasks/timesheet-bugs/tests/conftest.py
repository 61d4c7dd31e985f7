"""`work` makes a sheet whose days are given at once, which has always worked."""

import pytest


@pytest.fixture(scope="session")
def work():
    def make(name, days):
        from timesheet import Sheet

        return Sheet(name, days)

    return make
