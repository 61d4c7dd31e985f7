"""`hire` runs the program on an export and gives the texts of the files that it wrote."""

import pytest
import rides as exports

FILES = ("clean.csv", "rejected.csv", "stations.csv", "weekdays.csv")


@pytest.fixture(scope="session")
def hire(program):
    def run(rows):
        done = program("rides.csv", files={"rides.csv": exports.export(rows)})
        assert done.returncode == 0, done.stderr
        missing = [name for name in FILES if name not in done.files]
        assert missing == []
        return {name.removesuffix(".csv"): done.files[name].decode() for name in FILES}

    return run
