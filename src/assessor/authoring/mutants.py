"""Mutants of a Python source: the same program with one small mistake in it.

Comes in: a source. Goes out: `Mutant`s in the order of their places, each with the mistake in words that an
author can read (`` `<` became `<=` ``). The source is edited where it stands, so that a diff shows one line.
Running them is left to `strength`.

What cannot be noticed by any test is left alone: docstrings, annotations, texts of errors and of messages for
people, the guard of `__main__`. So are the inside of f-strings, whose places Python 3.11 does not tell.
"""

from __future__ import annotations

import ast
import codecs
import difflib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "|"),
}
#: Arguments that only people read.
_FOR_PEOPLE = frozenset({"help", "description", "epilog", "metavar", "usage", "prog"})
_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A source with one mistake.

    Attributes:
        path: of the file, as it was given.
        line: 1-based line of the mistake.
        mutation: the mistake, in words.
        original: the source without it.
        source: the source with it.
    """

    path: str
    line: int
    mutation: str
    original: bytes
    source: bytes

    @property
    def diff(self) -> str:
        """What was changed, as a unified diff with one line around it."""
        before, after = (text.decode().splitlines() for text in (self.original, self.source))
        return "\n".join(difflib.unified_diff(before, after, self.path, self.path, n=1, lineterm=""))


def make(path: str, source: bytes) -> tuple[Mutant, ...]:
    """The mutants of a source, by place; none for one that is no UTF-8 or no Python.

    Args:
        path: what to call the file.
        source: its bytes.
    """
    try:
        source.decode()
        tree = _parsed(source)
        same = ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    made: dict[bytes, tuple[int, Mutant]] = {}
    for start, end, text, mutation in _Edits(source).of(tree):
        mutated = source[:start] + text.encode() + source[end:]
        line = source.count(b"\n", 0, start) + 1
        mutant = Mutant(path=path, line=line, mutation=mutation, original=source, source=mutated)
        try:
            if mutated not in made and ast.dump(_parsed(mutated)) != same:
                made[mutated] = (start, mutant)
        except (SyntaxError, ValueError):
            continue  # such as a `break` that would stand outside of a loop
    return tuple(mutant for _, mutant in sorted(made.values(), key=lambda one: one[0]))


def _parsed(source: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `1 is 1` and the like are what a mutant may well say
        compile(source, "mutant", "exec", dont_inherit=True)
        return ast.parse(source)


Edit = tuple[int, int, str, str]


class _Edits:
    """The edits of one source: byte offsets, the new text, the mistake in words."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        # The parser counts no mark of the byte order.
        self._starts = [
            3 if source.startswith(codecs.BOM_UTF8) else 0,
            *(at.end() for at in re.finditer(b"\n", source)),
        ]

    def of(self, node: ast.AST, *, silent: bool = False) -> Iterator[Edit]:
        """Those of a node and of what is in it.

        Args:
            node: where to look.
            silent: whether its texts are for people only.
        """
        yield from self._own(node, silent=silent)
        for child, quiet in _children(node):
            yield from self.of(child, silent=silent or quiet)

    def _own(self, node: ast.AST, *, silent: bool) -> Iterator[Edit]:
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                for at, operator in enumerate(node.ops):
                    yield from self._swap(sides[at], sides[at + 1], *_COMPARES[type(operator)])
            case ast.BinOp() if type(node.op) in _OPERATORS:
                yield from self._swap(node.left, node.right, *_OPERATORS[type(node.op)])
            case ast.AugAssign() if type(node.op) in _OPERATORS:
                was, became = _OPERATORS[type(node.op)]
                yield from self._swap(node.target, node.value, f"{was}=", f"{became}=")
                yield self._removed(node)
            case ast.BoolOp():
                was, became = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from self._swap(left, right, was, became)
            case ast.UnaryOp(op=ast.Not()):
                yield self._instead(node, self._text(node.operand))
            case ast.If() | ast.While() | ast.IfExp() if not _is_guard(node.test):
                yield from self._turned(node.test)
            case ast.comprehension():
                for condition in node.ifs:
                    yield from self._turned(condition)
            case ast.Constant():
                yield from self._constant(node, silent=silent)
            case ast.Slice():
                for bound in (node.lower, node.upper):
                    if bound is not None and not isinstance(bound, ast.Constant):
                        yield self._instead(bound, f"({self._text(bound)}) + 1")
            case ast.Call(func=ast.Name(id="range")) if node.args:
                last = node.args[min(1, len(node.args) - 1)]
                if not isinstance(last, ast.Constant | ast.Starred):
                    yield self._instead(last, f"({self._text(last)}) + 1")
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield self._instead(value, "None", of=node)
            case ast.Expr() if not isinstance(node.value, ast.Constant):
                yield self._removed(node)
            case ast.Raise() | ast.Delete():
                yield self._removed(node)
            case ast.Assign() if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
                yield self._removed(node)
            case ast.Break():
                yield self._instead(node, "continue")
            case ast.Continue():
                yield self._instead(node, "break")

    def _swap(self, left: ast.expr, right: ast.expr, was: str, became: str) -> Iterator[Edit]:
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self._source[start:end]
        pattern = rb"\s+".join(re.escape(word.encode()) for word in was.split())
        if was[0].isalpha():
            pattern = rb"\b" + pattern + rb"\b"
        found = re.search(pattern, gap)
        if found is not None and b"#" not in gap:
            yield start + found.start(), start + found.end(), became, f"`{was}` became `{became}`"

    def _turned(self, test: ast.expr) -> Iterator[Edit]:
        # A comparison's own operator, and a `not`, are turned round already.
        if not isinstance(test, ast.Compare) and not (
            isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        ):
            yield self._instead(test, f"not ({self._text(test)})")

    def _constant(self, node: ast.Constant, *, silent: bool) -> Iterator[Edit]:
        value = node.value
        if value is True or value is False:
            yield self._instead(node, str(not value))
        elif isinstance(value, int):
            yield self._instead(node, str(value + 1))
        elif isinstance(value, float):
            yield self._instead(node, repr(value + 1.0))
        elif isinstance(value, str | bytes) and not silent:
            kind = "b" if isinstance(value, bytes) else ""
            yield self._instead(node, f'{kind}""' if value else f'{kind}"mutant"')

    def _removed(self, node: ast.stmt) -> Edit:
        start, end = self._span(node)
        return start, end, "pass", f"`{_short(self._text(node))}` was removed"

    def _instead(self, node: ast.stmt | ast.expr, text: str, *, of: ast.stmt | None = None) -> Edit:
        start, end = self._span(node)
        was, became = self._text(node), text
        if of is not None:
            was, became = self._text(of), f"return {text}"
        return start, end, text, f"`{_short(was)}` became `{_short(became)}`"

    def _span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None, "the parser gives both"  # noqa: PT018
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.stmt | ast.expr) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """What in a node is worth a look, and whether its texts are for people only."""
    match node:
        case ast.JoinedStr():
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            yield from ((one, False) for one in (*node.args.defaults, *node.args.kw_defaults) if one)
            body = node.body if isinstance(node.body, list) else [node.body]
            yield from ((one, False) for one in body)
        case ast.AnnAssign():
            if node.value is not None:
                yield node.value, False
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")]):
            return
        case ast.If() | ast.While() if _is_guard(node.test):
            yield from ((one, False) for one in (*node.body, *node.orelse))
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Raise():
            yield from ((one, True) for one in ast.iter_child_nodes(node))
        case ast.Assert():
            yield node.test, False
        case ast.Call():
            loud = not _tells_people(node)
            yield node.func, False
            yield from ((one, not loud) for one in node.args)
            yield from ((one.value, not loud or one.arg in _FOR_PEOPLE) for one in node.keywords)
        case _:
            yield from ((one, False) for one in ast.iter_child_nodes(node))


def _tells_people(call: ast.Call) -> bool:
    """Whether a call writes to standard error or to a log."""
    said = ast.unparse(call.func)
    if said.startswith(("sys.stderr.", "logging.", "logger.", "log.", "warnings.")):
        return True
    return any(one.arg == "file" and ast.unparse(one.value) == "sys.stderr" for one in call.keywords)


def _is_guard(test: ast.expr) -> bool:
    names = {one.id for one in ast.walk(test) if isinstance(one, ast.Name)}
    return bool(names & {"__name__", "TYPE_CHECKING"})


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _short(text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return first[: _SHOWN - 3] + "..." if rest or len(first) > _SHOWN else first
