import pytest


@pytest.fixture
def cli(program):
    return lambda text: program(stdin=text)
