"""`sales` runs one command on a database and gives what was printed and what is in the file afterwards."""

from collections import namedtuple

import pytest
import shop as shops

Done = namedtuple("Done", "rows stdout stderr returncode shop files")


@pytest.fixture
def sales(program):
    def run(shop, *command):
        data = shops.make(shop)
        done = program("shop.sqlite", *command, files={"shop.sqlite": data})
        return Done(
            rows=done.stdout.splitlines(),
            stdout=done.stdout,
            stderr=done.stderr,
            returncode=done.returncode,
            shop=shops.read(done.files.get("shop.sqlite", data)),
            files=done.files,
        )

    return run
