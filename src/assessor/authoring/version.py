"""Raising a task's version: the one scalar of task.yaml, every other byte as its author wrote it.

Comes in: a task of a catalog. Goes out: its task.yaml with another version. Whether it has to be raised is
told by `versioning`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterator

import yaml

from assessor import authored
from assessor.errors import FileInvalid
from assessor.task import Task
from assessor.taskfile import TaskModel

#: The last number of a version, and what comes before and after it.
_LAST = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)


def following(version: str) -> str:
    """The version after this one: its last number raised by one, `.1` added where there is none."""
    found = _LAST.fullmatch(version)
    if found is None:
        return f"{version}.1"
    before, number, after = found.groups()
    return f"{before}{int(number) + 1:0{len(number)}}{after}"


def raised(data: bytes, path: str, version: str) -> bytes:
    """The bytes of task.yaml with another version, and nothing else changed.

    Args:
        data: what its author wrote.
        path: the file, as its author knows it.
        version: the new one.

    Raises:
        FileInvalid: the version cannot be written in place: it is too long, or no plain value of its own.
    """
    before = authored.read(data, path)
    # The BOM is no part of what YAML counts.
    head = "\ufeff" if data.startswith(b"\xef\xbb\xbf") else ""
    source = data.decode().removeprefix("\ufeff")
    root = yaml.compose(source, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "`authored.read` takes nothing else"
    node = next(value for key, value in root.value if key.value == "version")
    quote = node.style if node.style in ("'", '"') else ""
    start, end = node.start_mark.index, node.end_mark.index
    made = f"{head}{source[:start]}{quote}{version}{quote}{source[end:]}".encode()
    try:
        after = authored.read(made, path)
        whole = dict(before.value) | {"version": version} == dict(after.value)
        fits = after.parse(TaskModel).version == version
    except FileInvalid as error:
        raise before.invalid(
            ("version",), f"expected to write {version} in its place, got: {error}"
        ) from error
    if not (whole and fits):
        raise before.invalid(("version",), f"expected a value of its own, to write {version} in its place")
    return made


def write(task: Task, name: str, data: bytes) -> None:
    """Put a file into the task's folder in place of the one that was read, whole or not at all.

    Args:
        task: from a catalog, as it was read.
        name: a file at the top of its folder.
        data: the new bytes.

    Raises:
        FileInvalid: somebody has changed the file since it was read, or it cannot be written.
    """
    assert task.folder is not None, f"task {task.id}: expected one from a catalog, got one from a snapshot"
    path, shown = task.folder / name, f"tasks/{task.id}/{name}"
    draft = task.folder / f".{name}.{os.getpid()}"
    try:
        draft.write_bytes(data)
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        there = path.read_bytes() if path.exists() else None
        if there != task.files.get(name):
            raise FileInvalid(shown, "expected it as it was when the references ran, it was changed since")
        draft.replace(path)
    except OSError as error:
        raise FileInvalid(shown, f"expected to write it, got: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(task: Task, say: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Nobody else who writes to the task's folder by this system does so meanwhile; waits for whoever does.

    Args:
        task: from a catalog.
        say: told before it waits.

    Raises:
        FileInvalid: the folder is gone.
    """
    assert task.folder is not None, f"task {task.id}: expected one from a catalog, got one from a snapshot"
    try:
        descriptor = os.open(task.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise FileInvalid(f"tasks/{task.id}", f"expected a folder, got: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
