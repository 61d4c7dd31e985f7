"""Constructs that an author requires or forbids, found in a tree by their names.

Comes in: a tree and constructs such as `loop` or `call eval`. Goes out: where each stands. Names that were
imported are followed to where they come from; what a program makes at run time is not seen, which is why
`dynamic-code` is a construct.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: What makes code, or reaches it, at run time.
_DYNAMIC = frozenset({"eval", "exec", "compile", "__import__", "__builtins__"})
_DYNAMIC_MODULES = frozenset({"builtins", "code", "codeop", "ctypes", "imp", "importlib", "marshal", "runpy"})
_DYNAMIC_ATTRIBUTES = frozenset(
    {"__builtins__", "__code__", "__globals__", "__loader__", "__subclasses__", "f_globals", "f_builtins"}
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """A node, and where it stands.

    Attributes:
        node: the node.
        within: qualified names of the functions and classes around it, from the outermost, itself left out.
        function: name of the nearest function around it, or None.
        names: what imported names stand for in this file.
    """

    node: ast.AST
    within: tuple[str, ...]
    function: str | None
    names: dict[str, str]


_PLAIN: dict[str, Callable[[Place], bool]] = {
    "async": lambda at: isinstance(at.node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await),
    "assert": lambda at: isinstance(at.node, ast.Assert),
    "bare-except": lambda at: isinstance(at.node, ast.ExceptHandler) and at.node.type is None,
    "class": lambda at: isinstance(at.node, ast.ClassDef),
    "comprehension": lambda at: isinstance(
        at.node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ),
    "dynamic-code": lambda at: _dynamic(at),
    "for": lambda at: isinstance(at.node, ast.For | ast.AsyncFor),
    "function": lambda at: isinstance(at.node, _Function),
    "generator": lambda at: isinstance(at.node, ast.Yield | ast.YieldFrom),
    "global": lambda at: isinstance(at.node, ast.Global),
    "lambda": lambda at: isinstance(at.node, ast.Lambda),
    "loop": lambda at: isinstance(at.node, ast.For | ast.AsyncFor | ast.While),
    "match": lambda at: isinstance(at.node, ast.Match),
    "nonlocal": lambda at: isinstance(at.node, ast.Nonlocal),
    "raise": lambda at: isinstance(at.node, ast.Raise),
    "recursion": lambda at: _recursion(at),
    "star-import": lambda at: (
        isinstance(at.node, ast.ImportFrom) and any(one.name == "*" for one in at.node.names)
    ),
    "try": lambda at: isinstance(at.node, ast.Try | ast.TryStar),
    "while": lambda at: isinstance(at.node, ast.While),
    "with": lambda at: isinstance(at.node, ast.With | ast.AsyncWith),
}
_NAMED: dict[str, Callable[[Place, str], bool]] = {
    "call": lambda at, name: isinstance(at.node, ast.Call) and _is(_dotted(at.node.func, at.names), name),
    "class": lambda at, name: isinstance(at.node, ast.ClassDef) and _defines(at, at.node.name, name),
    "decorator": lambda at, name: (
        isinstance(at.node, _Function | ast.ClassDef)
        and any(_is(_decorator(one, at.names), name) for one in at.node.decorator_list)
    ),
    "function": lambda at, name: isinstance(at.node, _Function) and _defines(at, at.node.name, name),
    "import": lambda at, name: any(
        module == name or module.startswith(f"{name}.") for module in _modules(at)
    ),
    "name": lambda at, name: (
        (isinstance(at.node, ast.Name) and at.node.id == name)
        or (isinstance(at.node, ast.Name | ast.Attribute) and _dotted(at.node, at.names) == name)
    ),
}
#: Constructs that stand alone, and those that take a name.
PLAIN = frozenset(_PLAIN)
NAMED = frozenset(_NAMED)


def find(tree: ast.Module, wanted: list[str], within: str | None) -> tuple[list[tuple[int, str]], bool]:
    """Where any of the constructs stands, as line and construct, ascending, each once a line; and whether
    the place to look in is there.

    Args:
        tree: of a file.
        wanted: such as `loop` or `call eval`.
        within: look only inside functions of this name, plain or qualified (`Invoice.total`); None for all.
    """
    found: set[tuple[int, str]] = set()
    there = within is None
    for at in _walk(tree):
        if isinstance(at.node, _Function) and within is not None:
            there = there or _defines(at, at.node.name, within)
        if within is not None and not _inside(at.within, within):
            continue
        for construct in wanted:
            word, _, name = construct.partition(" ")
            if _NAMED[word](at, name) if name else _PLAIN[word](at):
                found.add((getattr(at.node, "lineno", 1), construct))
    return sorted(found), there


def _walk(tree: ast.Module) -> Iterator[Place]:
    """Every node, without recursion: a tree may be deeper than the stack."""
    names = _imported(tree)
    left: list[Place] = [Place(tree, (), None, names)]
    while left:
        at = left.pop()
        yield at
        within, function = at.within, at.function
        if isinstance(at.node, _Function | ast.ClassDef):
            within = (*within, ".".join((*within[-1:], at.node.name)))
            if isinstance(at.node, _Function):
                function = at.node.name
        left += [Place(child, within, function, names) for child in ast.iter_child_nodes(at.node)]


def _inside(around: tuple[str, ...], within: str) -> bool:
    return any(one == within or one.endswith(f".{within}") for one in around)


def _defines(at: Place, own: str, name: str) -> bool:
    whole = ".".join((*at.within[-1:], own))
    return whole == name or whole.endswith(f".{name}")


def _imported(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {one.asname: one.name for one in node.names if one.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return names


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    """`os.path.join` of the expression that says so, imported names followed; what is no name is `?`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(names.get(node.id, node.id) if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))


def _decorator(node: ast.expr, names: dict[str, str]) -> str:
    return _dotted(node.func if isinstance(node, ast.Call) else node, names)


def _is(dotted: str, name: str) -> bool:
    return dotted == name or ("." not in name and dotted.endswith(f".{name}"))


def _modules(at: Place) -> Iterator[str]:
    node = at.node
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{one.name}" for one in node.names)
    elif (
        isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and _dotted(node.func, at.names) in ("__import__", "importlib.import_module")
    ):
        yield str(node.args[0].value)


def _recursion(at: Place) -> bool:
    node = at.node
    if not isinstance(node, ast.Call) or at.function is None:
        return False
    called = node.func
    if isinstance(called, ast.Name):
        return called.id == at.function
    return (
        isinstance(called, ast.Attribute)
        and called.attr == at.function
        and isinstance(called.value, ast.Name)
        and called.value.id in ("self", "cls")
    )


def _dynamic(at: Place) -> bool:
    node = at.node
    if isinstance(node, ast.Name):
        return node.id in _DYNAMIC
    if isinstance(node, ast.Attribute):
        return node.attr in _DYNAMIC_ATTRIBUTES
    return any(module.split(".")[0] in _DYNAMIC_MODULES for module in _modules(at))
