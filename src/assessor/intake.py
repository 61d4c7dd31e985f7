"""Intake: an upload becomes a frozen bundle, or is refused whole.

Comes in: a folder, a zip, a tar or a tar.gz that a learner chose, and the task's rules. Goes out: a bundle of
the files that the task allows, the list of those that were left out and why, and what a reviewer should look
at. Every byte is read once, and what was read is what was hashed: a file that changes later changes nothing.
Nothing enters the store before all of it is checked; that is left to the pipeline.

    spool/      no file of ours has a name in it: the archive lies in an unlinked file, gone with the process

Names are kept in Unicode's composed form (NFC), the one that learners' editors and imports agree on.
"""

from __future__ import annotations

import codecs
import difflib
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from assessor import archive, bundle
from assessor.bundle import Bundle
from assessor.entry import CHUNK, IntakeLimits, refuse, shown
from assessor.errors import BlobFault, UploadRefused
from assessor.rules import SubmissionRules

DEFAULTS = IntakeLimits()

#: Files that Python, pytest or a tool runs or obeys by their mere name: kept only where a task names them.
SELF_RUNNING = frozenset({
    "conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg",
    "setup.py", "pyproject.toml", "sitecustomize.py", "usercustomize.py", "noxfile.py",
})  # fmt: skip
#: Endings of files that run without their source being read: kept only by a pattern with that ending.
COMPILED = (".pth", ".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".egg", ".whl", ".zip", ".jar", ".node")
#: Folders that tools fill and nobody means to hand in.
CLUTTER = frozenset({"__pycache__", "__MACOSX", "node_modules", "venv", "site-packages"})
#: The most flags that are kept of one bundle; a reviewer needs no more to be warned.
FLAGS = 100


@dataclass(frozen=True, kw_only=True)
class Received:
    """What intake made of an upload.

    Attributes:
        bundle: the files that the task allows.
        dropped: path and reason of each file or folder that was left out, sorted.
        flags: what a reviewer should look at, one line each.
    """

    bundle: Bundle
    dropped: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]


def receive(
    source: Path,
    *,
    rules: SubmissionRules,
    spool: Path,
    limits: IntakeLimits = DEFAULTS,
    name: str | None = None,
) -> Received:
    """The frozen bundle of an upload.

    Args:
        source: a folder, a zip, a tar or a tar.gz; the content says which.
        rules: what the task allows and requires.
        spool: a folder for what must lie on disk meanwhile, made if missing; nothing stays in it.
        limits: the most that an upload may be.
        name: what whoever handed it in calls it; by default the source's own name.

    Raises:
        UploadRefused: an entry or the whole breaks a rule; the text names the entry and the reason.
        BlobFault: the spool cannot be written.
    """
    tree = _Tree(rules=rules, limits=limits)
    try:
        opened = _open(source)
        try:
            if stat.S_ISDIR(os.fstat(opened).st_mode):
                _walk(tree, opened, "")
            else:
                _unpack(tree, opened, spool)
        finally:
            os.close(opened)
        return tree.finish()
    except UploadRefused as error:
        raise UploadRefused(f"upload {shown(source.name if name is None else name)}: {error}") from error


def flags(received: Bundle) -> tuple[str, ...]:
    """What in these files may make a person read something else than the machine does, one line each.

    Bidirectional and invisible characters, identifiers in look-alike letters, control characters, encodings
    in which Python reads other text than an editor shows. Source: Unicode TR 36 and TR 39; CVE-2021-42574;
    PEP 263. A flag accuses nobody and changes no score.
    """
    found: list[str] = []
    for path, data in sorted(received.files.items()):
        if path.endswith((".py", ".pyi")):
            found.extend(f"{path}: {said}" for said in _declared(data))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            if path.endswith((".py", ".js", ".ts", ".md", ".txt", ".html", ".json", ".sql")):
                found.append(f"{path}: not in UTF-8")
            continue
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
            found.extend(f"{path}:{number}: {said}" for said in _flags_of(line.removesuffix("\r")))
            if len(found) > FLAGS:
                return (*found[:FLAGS], "more of the kind: not listed")
    return tuple(found)


#: Where a Python file declares its encoding, and the encodings that read ASCII as an editor does.
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_ORDINARY = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})


def _declared(data: bytes) -> Iterator[str]:
    """The encoding that a Python file declares, if it is none of the ordinary ones."""
    # As the tokenizer sees lines: any of the three ends of line ends one.
    for line in re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf"), maxsplit=2)[:2]:
        match = _COOKIE.match(line)
        if match is None:
            continue
        name = match[1].decode("ascii", "replace")
        try:
            plain = codecs.lookup(name).name in _ORDINARY
        except (LookupError, ValueError):
            plain = False
        if not plain:
            yield f"declares the encoding {name[:40]}, in which code can look like a comment"
        return


_WORD = re.compile(r"[^\W\d]\w*")
_SCRIPTS = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC"})


def _flags_of(line: str) -> Iterator[str]:
    if line.isascii() and line.isprintable():
        return
    for character in sorted(set(line)):
        kind = unicodedata.category(character)
        if kind == "Cf" and character != "\u200d":
            bidi = unicodedata.bidirectional(character) in _BIDI or character in "\u200e\u200f\u061c"
            what = "bidirectional control" if bidi else "invisible character"
            yield f"{what} U+{ord(character):04X}"
        elif kind in ("Zl", "Zp") or (kind == "Cc" and character not in "\t\f"):
            yield "NUL byte" if character == "\0" else f"control character U+{ord(character):04X}"
    for word in sorted(set(_WORD.findall(line))):
        if word.isascii():
            continue
        plain = unicodedata.normalize("NFKC", word)
        if plain.isascii():
            yield f'word in look-alike letters, which Python reads as "{plain}"'
            continue
        scripts = {unicodedata.name(one, "?").split()[0] for one in word if one.isalpha()} & _SCRIPTS
        if len(scripts) > 1:
            yield f"word that mixes scripts: {', '.join(sorted(scripts)).lower()}"


_BIDI = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


@dataclass(kw_only=True)
class _Tree:
    """The files of one upload as they are checked, one after the other."""

    rules: SubmissionRules
    limits: IntakeLimits
    files: dict[str, bytes] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    seen: dict[str, tuple[str, bool]] = field(default_factory=dict)
    entries: int = 0
    held: int = 0

    def place(self, name: str, *, folder: bool, size: int) -> str | None:
        """The path under which an entry is kept, checked before anything of it is read; None: not kept."""
        self.entries += 1
        if self.entries > self.limits.files:
            refuse(name, f"expected at most {self.limits.files} entries, got more")
        path = _path(name, self.limits)
        if not path:
            if folder:
                return None
            refuse(name, "expected a file's name, got nothing")
        self._claim(name, path, folder=folder)
        if folder:
            return None
        reason = self.why_not(path)
        if reason is not None:
            self.dropped[path] = reason
        self.held += size
        if self.held > self.limits.total_bytes:
            refuse(name, f"expected at most {self.limits.total_bytes} bytes in all files together, got more")
        return None if reason is not None else path

    def why_not(self, path: str) -> str | None:
        """Why the task's rules leave this path out; None: they keep it."""
        patterns = self.rules.patterns(path)
        base = path.rsplit("/", 1)[-1].lower()
        if base in SELF_RUNNING and not any(base == one.rsplit("/", 1)[-1].lower() for one in patterns):
            return "runs or is obeyed by its name alone; kept only where the task names it"
        ending = next((one for one in COMPILED if base.endswith(one)), None)
        if ending is not None and not any(one.lower().endswith(ending) for one in patterns):
            return f"a {ending} file, which nobody can read; kept only where the task names that ending"
        if not patterns:
            return f"not among what the task takes: {', '.join(self.rules.allow)}"
        cluttered = next((part for part in path.split("/")[:-1] if self.is_clutter(part)), None)
        return None if cluttered is None else f"in {cluttered}/, which tools fill"

    def is_clutter(self, folder: str) -> bool:
        """Whether a folder of this name is left out whole: tools' and hidden ones that no pattern spells."""
        if folder not in CLUTTER and not folder.startswith("."):
            return False
        return not any(folder in pattern.split("/") for pattern in self.rules.allow)

    def _claim(self, name: str, path: str, *, folder: bool) -> None:
        """Refuse a path that is there already, or would be on a disk that ignores case or composition."""
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            here, last = "/".join(parts[:end]), end == len(parts)
            key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", here).casefold())
            is_folder, known = folder or not last, key in self.seen
            other, was_folder = self.seen.setdefault(key, (here, is_folder))
            if other != here:
                refuse(
                    name, f"expected names that differ in more than case or accents, got {shown(other)} too"
                )
            if was_folder is not is_folder:
                refuse(name, f"expected {shown(here)} once, got it as a file and as a folder")
            if known and not is_folder:
                refuse(name, "expected each file once, got this one again")

    def finish(self) -> Received:
        """What was received, once the whole is known to fit the rules."""
        if not self.files and not self.dropped:
            raise UploadRefused("expected files, got none")
        missing = [path for path in self.rules.required if path not in self.files]
        if missing:
            raise UploadRefused(f"expected {missing[0]}, got none{self._hint(missing[0])}")
        if len(self.files) > self.rules.max_files:
            raise UploadRefused(f"expected at most {self.rules.max_files} files, got {len(self.files)}")
        size = sum(map(len, self.files.values()))
        if size > self.rules.max_bytes:
            raise UploadRefused(f"expected at most {self.rules.max_bytes} bytes, got {size}")
        made = bundle.pack(self.files)
        return Received(bundle=made, dropped=tuple(sorted(self.dropped.items())), flags=flags(made))

    def _hint(self, missing: str) -> str:
        there = [*self.files, *self.dropped]
        inside = next((path for path in there if path.endswith(f"/{missing}")), None)
        if inside is not None:
            return f" at the top, but {shown(inside)}: hand in what is inside that folder"
        close = difflib.get_close_matches(missing, there, n=1)
        return f", but {shown(close[0])}" if close else ""


#: Source: Microsoft, "Naming Files, Paths, and Namespaces": reserved, whatever the ending.
_DEVICES = frozenset({
    "CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³")
})  # fmt: skip


def _path(name: str, limits: IntakeLimits) -> str:
    """The path of an entry, NFC; empty for the top folder itself."""
    if len(name.encode("utf-8", "surrogatepass")) > limits.name_bytes:
        refuse(name, f"expected a path of at most {limits.name_bytes} bytes, got more")
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            refuse(name, f"expected a printable name, got character U+{ord(character):04X} in it")
    if "\\" in name:
        refuse(name, "expected slashes between folders, got a backslash")
    if name.startswith("/"):
        refuse(name, "expected a path inside the upload, got an absolute one")
    path = unicodedata.normalize("NFC", name).removeprefix("./")
    if path in ("", "."):
        return ""
    parts = path.split("/")
    for part in parts:
        if part == "..":
            refuse(name, 'expected a path inside the upload, got one that leaves it ("..")')
        if part in ("", "."):
            refuse(name, "expected folder and file names between slashes, got an empty one")
        if re.match(r"[A-Za-z]:", part):
            refuse(name, "expected a path inside the upload, got a drive letter")
        if part.startswith("-") or part != part.strip(" ") or part.endswith("."):
            refuse(name, "expected no name that begins with - or a space, or ends with a space or dot")
        if part.partition(".")[0].rstrip(" ").upper() in _DEVICES:
            refuse(name, "expected a name that a file can have everywhere, got a device's of Windows")
    if len(parts) - 1 > limits.depth:
        refuse(name, f"expected at most {limits.depth} folders within each other, got {len(parts) - 1}")
    return path


# Archives


@contextmanager
def _spooling(spool: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Two files without names in the spool; they go when they are closed, or with the process."""
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=spool) as first, tempfile.TemporaryFile(dir=spool) as second:
            yield first, second
    except OSError as error:
        raise BlobFault(f"spool {spool}: expected to write an upload, got: {error.strerror}") from error


def _unpack(tree: _Tree, opened: int, spool: Path) -> None:
    with _spooling(spool) as (file, scratch):
        size = 0
        while chunk := _read(opened, CHUNK):
            size += len(chunk)
            if size > tree.limits.archive_bytes:
                raise UploadRefused(f"expected at most {tree.limits.archive_bytes} bytes, got more")
            file.write(chunk)
        for entry in archive.entries(file, scratch, tree.limits):
            path = tree.place(entry.name, folder=entry.folder, size=entry.size)
            if not entry.folder:
                content = entry.read()  # of a dropped one too: an archive that lies is refused whole
                if path is not None:
                    tree.files[path] = content


# Folders


def _open(source: Path) -> int:
    """The upload itself, opened once; neither it nor anything in it may be a link."""
    try:
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            raise UploadRefused("expected a folder or an archive, got a symbolic link")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UploadRefused("expected a folder or an archive, got a special file")
        return os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UploadRefused(f"expected a readable folder or archive, got: {said}") from error


def _walk(tree: _Tree, opened: int, prefix: str) -> None:
    """Take in one folder, through its descriptor, so that no name is looked up twice."""
    try:
        with os.scandir(opened) as scanned:
            children = sorted(scanned, key=lambda one: one.name)
    except OSError as error:
        refuse(prefix or ".", f"expected a readable folder, got: {error.strerror}")
    for child in children:
        name = f"{prefix}{child.name}"
        try:
            mode = child.stat(follow_symlinks=False).st_mode
        except OSError as error:
            refuse(name, f"expected a readable file, got: {error.strerror}")
        if stat.S_ISDIR(mode):
            if tree.is_clutter(child.name):
                tree.dropped[f"{name}/"] = "a hidden folder, or one that tools fill"
                continue
            tree.place(name, folder=True, size=0)
            inner = _open_child(opened, child.name, name, os.O_DIRECTORY)
            try:
                _walk(tree, inner, f"{name}/")
            finally:
                os.close(inner)
            continue
        if stat.S_ISLNK(mode):
            refuse(name, "expected a regular file, got a symbolic link")
        if not stat.S_ISREG(mode):
            refuse(name, "expected a regular file, got a device, a FIFO or a socket")
        path = tree.place(name, folder=False, size=0)
        if path is not None:
            tree.files[path] = _file(tree, opened, child.name, name)


def _file(tree: _Tree, folder: int, child: str, name: str) -> bytes:
    """The content of one file, at most what the upload may still hold."""
    opened = _open_child(folder, child, name, 0)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            refuse(name, "expected a regular file, got something else in its place")
        chunks = []
        while chunk := _read(opened, CHUNK):
            chunks.append(chunk)
            tree.held += len(chunk)
            if tree.held > tree.limits.total_bytes:
                refuse(
                    name, f"expected at most {tree.limits.total_bytes} bytes in all files together, got more"
                )
        return b"".join(chunks)
    finally:
        os.close(opened)


def _open_child(folder: int, child: str, name: str, extra: int) -> int:
    try:
        return os.open(
            child, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | extra, dir_fd=folder
        )
    except OSError as error:
        refuse(name, f"expected a readable file, got: {error.strerror}")


def _read(opened: int, size: int) -> bytes:
    try:
        return os.read(opened, size)
    except OSError as error:
        raise UploadRefused(f"expected a readable file, got: {error.strerror}") from error
