"""Public modules, classes and functions that say nothing of themselves.

Public is what has no name with a leading underscore in its path, and stands in no function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from assessor.analysis import complexity


def missing(tree: ast.Module, of: Sequence[str]) -> tuple[list[tuple[int, str, str]], int]:
    """Line, kind and name of each public thing without a docstring, ascending; and how many were looked at.

    Args:
        tree: of a file; one that holds nothing at all asks for nothing.
        of: kinds: `module`, `class`, `function`.
    """
    found, looked = [], 0
    for kind, name, node in _public(tree):
        if kind in of:
            looked += 1
            if not (ast.get_docstring(node) or "").strip():
                found.append((getattr(node, "lineno", 1), kind, name))
    return sorted(found), looked


def _public(
    tree: ast.Module,
) -> Iterator[tuple[str, str, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    if tree.body:
        yield "module", "", tree
    left: list[tuple[str, ast.stmt]] = [("", node) for node in tree.body]
    while left:
        prefix, node = left.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            name = f"{prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield "class", name, node
                left += [(f"{name}.", one) for one in node.body]
            else:
                yield "function", name, node
        else:
            left += [(prefix, one) for one in complexity.children(node)]
