"""A task made from what others wrote: its files, and everything that did not come along.

Comes in: values and files from an importer. Goes out: an `Imported`; `write` puts it into a catalog, where
`lock` and `prove` treat it like any other task. Reading foreign formats is left to `exercism` and `kattis`.

    <catalog>/tasks/<id>/...         task.yaml, README.md, starter/, tests/, solutions/, faulty/
              rubrics/<id>.yaml
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from assessor import authored, catalog, task
from assessor.errors import FileInvalid

#: The criterion that all tests of an imported task feed: what is imported says right or wrong, no more.
CRITERION = "correct"
#: The one that a person marks, where tests alone cannot see what was asked for.
REVIEWED = "clear"
#: Percent of the whole that tests give where a person marks the rest.
TESTED = 50
#: How long the longest id may be. Source: authored.Id.
_ID_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class Imported:
    """One task.

    Attributes:
        task_id: its id, and its rubric's.
        files: under `tasks/<task_id>/`, by path.
        rubric: bytes of `rubrics/<task_id>.yaml`.
        notes: what was left out, chosen or not understood, one sentence each; whoever imports must see them.
    """

    task_id: str
    files: Mapping[str, bytes]
    rubric: bytes
    notes: tuple[str, ...]


def write(made: Imported, root: Path) -> Path:
    """Put a task into a catalog, whole or not at all; the task's folder.

    Args:
        made: the task.
        root: the catalog's folder.

    Raises:
        FileInvalid: something lies there already, or it cannot be written.
    """
    folder, rubric = root / "tasks" / made.task_id, root / "rubrics" / f"{made.task_id}.yaml"
    for path in (folder, rubric):
        if path.exists():
            shown = path.relative_to(root).as_posix()
            raise FileInvalid(
                shown,
                "expected nothing there before the import, got something; remove it, or "
                "choose another --prefix",
            )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        rubric.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".import-", dir=folder.parent))
        try:
            for name, data in made.files.items():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                (draft / name).write_bytes(data)
            draft.chmod(0o755)
            try:
                rubric.write_bytes(made.rubric)
                draft.rename(folder)
            except OSError:
                # Half a rubric, or one without its task, would stand in the way of the next import.
                rubric.unlink(missing_ok=True)
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise FileInvalid(f"tasks/{made.task_id}", f"expected to write it, got: {error}") from error
    return folder


def source(folder: Path, path: str, *, named_in: str) -> bytes:
    """A file of what is imported.

    Args:
        folder: of the exercise or the collection.
        path: of the file in it.
        named_in: the file that names it.

    Raises:
        FileInvalid: it is not there, too large, no regular file, or not inside.
    """
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise FileInvalid(f"{folder}/{named_in}", f'expected paths inside the folder, got "{path}"')
    place = folder / path
    if any(one.is_symlink() for one in (place, *place.parents) if one != folder and folder in one.parents):
        raise FileInvalid(f"{folder}/{path}", "expected a regular file, got a link")
    try:
        if place.stat().st_size > catalog.FOLDER_BYTES:
            raise FileInvalid(f"{folder}/{path}", f"expected at most {catalog.FOLDER_BYTES} bytes, got more")
        return place.read_bytes()
    except OSError as error:
        raise FileInvalid(f"{folder}/{path}", f"expected a file, got: {error.strerror}") from error


def identifier(*words: str) -> str:
    """An id made of these words.

    Raises:
        FileInvalid: nothing of them can stand in an id.
    """
    joined = "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words)
    found = joined[:_ID_LENGTH].strip("-")
    if not re.fullmatch(authored.ID, found):
        raise FileInvalid(
            "/".join(words), f'expected a name with letters or digits to make an id from, got "{joined}"'
        )
    return found


def rubric(task_id: str, title: str, *, description: str, pass_from: int, review: str = "") -> bytes:
    """A rubric of one criterion that every test feeds, and where tests cannot see it all, one for a person.

    Args:
        task_id: its id as well.
        title: the task's.
        description: of what the tests ask for.
        pass_from: percent of the whole.
        review: what a reviewer gives 4 marks for, or empty for none.
    """
    tested: dict[str, Any] = {
        "id": CRITERION,
        "title": "Does what is asked for",
        "description": description,
        "weight": TESTED if review else 100,
        "scored_by": "tests",
    }
    reviewed = {
        "id": REVIEWED,
        "title": "Can be understood and changed by others",
        "description": review,
        "weight": 100 - TESTED,
        "scored_by": "review",
        "marks": 4,
    }
    return document(
        {
            "id": task_id,
            "version": "1.0",
            "title": title,
            "criteria": [tested | {"gate": 100}, reviewed] if review else [tested],
            "default": CRITERION,
            "pass": {"from": pass_from},
        },
        schema="rubric",
    )


def expectation(summary: str, failures: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """An expect.yaml for work that loses points somewhere, and fails in these ways if any are given."""
    ways = {key: list(patterns) for key, patterns in (failures or {}).items()}
    return document({"summary": summary, "criteria": [CRITERION], **({"failures": ways} if ways else {})})


def document(value: Mapping[str, Any], *, schema: str | None = None) -> bytes:
    """A YAML file that `authored` reads back to the same value."""
    made = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=100)
    return made.encode()


def one_line(text: str, *, most: int = 300) -> str:
    """A text of somebody else as a title or a summary: one line, no control characters."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    words = " ".join(plain.split())
    return words if len(words) <= most else words[: most - 1] + "…"


def parsed(made: Imported, root: Path) -> None:
    """Refuse a task that the catalog would refuse, before anything is written.

    Raises:
        FileInvalid: as for `task.load`.
    """
    from assessor import rubric as rubrics

    tasks = catalog.load(root)
    task.load(
        made.files,
        task_id=made.task_id,
        rubric=lambda rubric_id: rubrics.load(made.rubric, rubric_id=rubric_id),
        profile=tasks.profile,
    )
