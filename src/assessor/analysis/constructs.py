"""Constructs that an author requires or forbids, found in a tree by their names.

Comes in: a tree and constructs such as `loop` or `call eval`. Goes out: where each stands. Names that were
imported are followed to where they come from: to all of these, whatever scope they were imported in, and to
themselves, so that an import which is never run hides nothing. What a program makes at run time is not seen,
which is why `dynamic-code` is a construct.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

#: What makes code, or reaches it, at run time.
_DYNAMIC = frozenset({"eval", "exec", "compile", "globals", "__import__", "__builtins__"})
_DYNAMIC_MODULES = frozenset(
    {
        *(
            "bdb",
            "builtins",
            "cProfile",
            "code",
            "codeop",
            "ctypes",
            "doctest",
            "imp",
            "importlib",
            "marshal",
        ),
        *("pdb", "pickle", "pkgutil", "profile", "pydoc", "runpy", "shelve", "timeit", "trace"),
    }
)
#: `exec` but not `eval` or `compile`: tables, models and patterns have methods of these names.
_DYNAMIC_ATTRIBUTES = frozenset(
    {
        *(
            "__builtins__",
            "__code__",
            "__globals__",
            "__import__",
            "__loader__",
            "__self__",
            "__subclasses__",
        ),
        *("exec", "f_builtins", "f_globals"),
    }
)
_DYNAMIC_DOTTED = frozenset({"sys.modules", "types.CodeType", "types.FunctionType", "types.ModuleType"})
#: What imports the module that its first argument, or `name`, says.
_IMPORTS = frozenset({"__import__", "builtins.__import__", "importlib.__import__", "importlib.import_module"})

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Imported:
    """What names may stand for: those that were imported by name, and the modules of which all were."""

    of: Mapping[str, frozenset[str]]
    stars: tuple[str, ...]

    def meant(self, name: str) -> frozenset[str]:
        return self.of.get(name, frozenset()) | {name, *(f"{module}.{name}" for module in self.stars)}


@dataclass(frozen=True)
class Place:
    """A node, and where it stands.

    Attributes:
        node: the node.
        within: qualified names of the functions and classes around it, from the outermost, itself left out.
        functions: the functions around it, from the outermost, each with the class that it is a method of,
            or None; a lambda that is given a name is one of them.
        names: what imported names may stand for in this file.
        method_of: the class in whose body it stands, no function in between; else None.
    """

    node: ast.AST
    within: tuple[str, ...]
    functions: tuple[tuple[str, str | None], ...]
    names: _Imported
    method_of: str | None = None


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
        isinstance(at.node, ast.Name | ast.Attribute) and name in _dotted(at.node, at.names)
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
    left: list[Place] = [Place(tree, (), (), names)]
    while left:
        at = left.pop()
        yield at
        within, functions = at.within, at.functions
        if isinstance(at.node, _Function | ast.ClassDef):
            within = (*within, ".".join((*within[-1:], at.node.name)))
        for name in _named(at.node):
            functions = (*functions, (name, at.method_of))
        method_of = at.node.name if isinstance(at.node, ast.ClassDef) else None
        if isinstance(at.node, ast.stmt) and not isinstance(at.node, _Function | ast.ClassDef):
            method_of = at.method_of  # an `if` in a class is still the class
        left += [Place(child, within, functions, names, method_of) for child in ast.iter_child_nodes(at.node)]


def _named(node: ast.AST) -> Iterator[str]:
    """The names by which the code in this node may call itself."""
    if isinstance(node, _Function):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and isinstance(node.value, ast.Lambda):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (one.id for one in targets if isinstance(one, ast.Name))


def _inside(around: tuple[str, ...], within: str) -> bool:
    return any(one == within or one.endswith(f".{within}") for one in around)


def _defines(at: Place, own: str, name: str) -> bool:
    whole = ".".join((*at.within[-1:], own))
    return whole == name or whole.endswith(f".{name}")


def _imported(tree: ast.Module) -> _Imported:
    names: dict[str, set[str]] = {}
    stars = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                if one.asname:
                    names.setdefault(one.asname, set()).add(one.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                if one.name == "*":
                    stars.add(node.module)
                else:
                    names.setdefault(one.asname or one.name, set()).add(f"{node.module}.{one.name}")
    return _Imported({name: frozenset(them) for name, them in names.items()}, tuple(sorted(stars)))


def _dotted(node: ast.AST, names: _Imported) -> frozenset[str]:
    """All that an expression such as `os.path.join` may mean, imported names followed; what is no name is
    `?`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    rest = "".join(f".{part}" for part in reversed(parts))
    heads = names.meant(node.id) if isinstance(node, ast.Name) else frozenset({"?"})
    return frozenset(f"{head}{rest}" for head in heads)


def _decorator(node: ast.expr, names: _Imported) -> frozenset[str]:
    return _dotted(node.func if isinstance(node, ast.Call) else node, names)


def _is(meant: frozenset[str], name: str) -> bool:
    return name in meant or ("." not in name and any(one.endswith(f".{name}") for one in meant))


def _modules(at: Place) -> Iterator[str]:
    node = at.node
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{one.name}" for one in node.names)
    elif isinstance(node, ast.Call) and _IMPORTS & _dotted(node.func, at.names):
        named = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "name")]
        yield from (str(one.value) for one in named if isinstance(one, ast.Constant))


def _recursion(at: Place) -> bool:
    if not isinstance(at.node, ast.Call):
        return False
    called = at.node.func
    if isinstance(called, ast.Name):
        # A method is no name in itself: `print` in a method `print` is the built-in one.
        return (called.id, None) in at.functions
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return False
    return any(
        name == called.attr and owner is not None and called.value.id in ("self", "cls", owner)
        for name, owner in at.functions
    )


def _dynamic(at: Place) -> bool:
    node = at.node
    if isinstance(node, ast.Name | ast.Attribute) and _DYNAMIC_DOTTED & _dotted(node, at.names):
        return True
    if isinstance(node, ast.Name):
        return node.id in _DYNAMIC
    if isinstance(node, ast.Attribute):
        return node.attr in _DYNAMIC_ATTRIBUTES
    if isinstance(node, ast.Call) and "getattr" in _dotted(node.func, at.names):
        named = (one.value for one in node.args[1:2] if isinstance(one, ast.Constant))
        return any(one in _DYNAMIC_ATTRIBUTES | _DYNAMIC for one in named)
    return any(module.split(".")[0] in _DYNAMIC_MODULES for module in _modules(at))
