"""A collection in the layout of QuixBugs, of two small programs of our own: one loops without an end."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "LICENSE": """Public domain.
""",
    "python_programs/double.py": """def double(n):
    total = 0
    while n != 0:
        total += 2
        n -= 2
    return total


'''
Doubling

Input:
    n: a whole number, 0 or more

Output:
    Twice the number
'''
""",
    "correct_python_programs/double.py": """def double(n):
    total = 0
    while n != 0:
        total += 2
        n -= 1
    return total


'''
Doubling

Input:
    n: a whole number, 0 or more

Output:
    Twice the number
'''
""",
    "json_testcases/double.json": """[[0], 0]
[[3], 6]
[[1000000], 2000000]
""",
    "python_testcases/test_double.py": """import pytest
from load_testdata import load_json_testcases

if pytest.use_correct:
    from correct_python_programs.double import double
else:
    from python_programs.double import double


testdata = load_json_testcases(double.__name__)


@pytest.mark.parametrize("input_data,expected", testdata)
def test_double(input_data, expected):
    if not pytest.run_slow and input_data == [1000000]:
        pytest.skip("slow")
    assert double(*input_data) == expected
""",
    "python_testcases/load_testdata.py": """import json
from pathlib import Path


def load_json_testcases(name):
    path = Path(__file__).parent / ".." / f"json_testcases/{name}.json"
    return [json.loads(line) for line in path.read_text().splitlines()]
""",
    "python_testcases/node.py": """class Node:
    def __init__(self, value=None, successor=None):
        self.value = value
        self.successor = successor
""",
    "python_programs/last_value.py": """def last_value(node):
    while node.successor:
        node.successor = None
    return node.value


'''
Last Value

Input:
    node: the head of a linked list without a cycle, whose successors it takes apart as it goes

Output:
    The value of the last node
'''
""",
    "correct_python_programs/last_value.py": """def last_value(node):
    while node.successor:
        following = node.successor
        node.successor = None
        node = following
    return node.value


'''
Last Value

Input:
    node: the head of a linked list without a cycle, whose successors it takes apart as it goes

Output:
    The value of the last node
'''
""",
    "python_programs/last_value_test.py": """print("a driver")
""",
    "python_testcases/test_last_value.py": """import pytest
from node import Node

if pytest.use_correct:
    from correct_python_programs.last_value import last_value
else:
    from python_programs.last_value import last_value


def test1():
    assert last_value(Node(1)) == 1


def test2():
    assert last_value(Node(1, Node(2, Node(3)))) == 3
""",
}


def written(folder: Path) -> Path:
    """The collection in a folder, made if it is not there."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
