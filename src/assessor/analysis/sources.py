"""A file of a submission as text and as a tree, or why it cannot be read.

Comes in: bytes. Goes out: a `Source`. Only UTF-8 is read: a file that says it is written otherwise means one
thing to Python and another to every tool that reads it, and code can hide in the difference.

Source: PEP 263 for the cookie; Python's tokenizer takes a lone carriage return for the end of a line.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

#: The largest file that is looked into, bytes.
MOST_BYTES = 256 * 1024
_CODECS = frozenset({"utf-8", "utf-8-sig", "ascii", "us-ascii"})


class Unreadable(Exception):
    """The file is no Python that can be judged; the text says what was expected and what came."""

    def __init__(self, problem: str, line: int = 1) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True)
class Source:
    """A file that parses.

    Attributes:
        path: in the submission.
        text: decoded, every line ending with a line feed.
        tree: of the text.
    """

    path: str
    text: str
    tree: ast.Module

    @property
    def idle(self) -> bool:
        """Whether nothing in it does anything: it is empty, or texts, numbers and `pass` alone."""
        return all(
            isinstance(one, ast.Pass) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            for one in self.tree.body
        )


def read(path: str, data: bytes) -> Source:
    """The source in these bytes.

    Raises:
        Unreadable: too large, not UTF-8, with null bytes, or no Python that this interpreter knows.
        RecursionError, MemoryError: it is nested too deeply.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable(f"expected at most {MOST_BYTES} bytes, got {len(data)}")
    if b"\0" in data:
        raise Unreadable("expected text, got a null byte", data.count(b"\n", 0, data.index(b"\0")) + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"expected UTF-8, got byte 0x{data[error.start]:02x}", line) from error
    # As Python's own tokenizer sees lines, so that no cookie hides behind a lone carriage return.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    _require_utf8(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape sequence is ruff's to tell
            tree = ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(f"expected Python, got: {error.msg}", error.lineno or 1) from error
    except ValueError as error:
        raise Unreadable(f"expected Python, got: {error}") from error
    return Source(path, text, tree)


def _require_utf8(text: str) -> None:
    try:
        codec, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
    except SyntaxError as error:
        raise Unreadable("expected UTF-8, got a first line that names an unknown encoding") from error
    if codec.lower() not in _CODECS:
        raise Unreadable(f"expected UTF-8, got a first line that names the encoding {codec}")
