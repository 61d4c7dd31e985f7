"""Decisions in a function: McCabe's number, counted as the tool mccabe counts it.

One, and one more for each `if`, `elif`, `for` and `while`, each `except` and once for the `try`, and each
function inside. `and`, `or` and comprehensions count nothing. Two things go beyond that tool: `match` counts
one for each case but a last one that takes everything, and `finally` is looked into.

Source: T. J. McCabe, A Complexity Measure, IEEE TSE 2(4), 1976; mccabe 0.7.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> list[tuple[int, str, int]]:
    """Line, qualified name and number of each function, and of what a module does outside of them: its line
    is 1 and its name empty. Ascending by line."""
    found = [(1, "", 1 + sum(_weight(node) for node in _statements(tree.body, into=False)))]
    left: list[tuple[str, ast.stmt]] = [("", node) for node in tree.body]
    while left:
        prefix, node = left.pop()
        if isinstance(node, _Function):
            name = f"{prefix}{node.name}"
            found.append((node.lineno, name, 1 + sum(map(_weight, _statements(node.body, into=True)))))
            continue  # those inside count for it
        if isinstance(node, ast.ClassDef):
            prefix = f"{prefix}{node.name}."
        left += [(prefix, one) for one in children(node)]
    return sorted(found)


def _statements(body: list[ast.stmt], *, into: bool) -> Iterator[ast.stmt]:
    """The statements in a body; `into` the functions in it, too."""
    left = list(body)
    while left:
        node = left.pop()
        if isinstance(node, _Function) and not into:
            continue
        yield node
        left += children(node)


def children(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements right inside a compound one, whichever branch they stand in."""
    for name in ("body", "orelse", "finalbody"):
        yield from getattr(node, name, ())
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield from part.body


def _weight(node: ast.stmt) -> int:
    if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While | _Function):
        return 1
    if isinstance(node, ast.Try | ast.TryStar):
        return len(node.handlers) + 1
    if isinstance(node, ast.Match):
        last = node.cases[-1]
        takes_all = (
            last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        )
        return len(node.cases) - takes_all
    return 0
