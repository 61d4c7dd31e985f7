"""`report` writes logs, runs the program on them, and gives the report that it wrote."""

import json

import pytest


def line(client="192.0.2.1", user="-", when="31/Mar/2026:12:00:00 +0000", request="GET / HTTP/1.1", status=200, size=10):
    """One line of a log."""
    return f'{client} - {user} [{when}] "{request}" {status} {size}\n'


@pytest.fixture
def report(program):
    def run(*logs):
        files = {f"{number}.log": content for number, content in enumerate(logs)}
        done = program(*files, files=files)
        assert done.returncode == 0, done.stderr
        return json.loads(done.files["report.json"])

    return run


@pytest.fixture(name="line")
def _line():
    return line
