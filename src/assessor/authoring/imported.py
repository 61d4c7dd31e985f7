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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assessor import authored, task
from assessor.errors import FileInvalid

#: The criterion that all tests of an imported task feed: what is imported says right or wrong, no more.
CRITERION = "correct"
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
            rubric.write_bytes(made.rubric)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise FileInvalid(f"tasks/{made.task_id}", f"expected to write it, got: {error}") from error
    return folder


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


def rubric(task_id: str, title: str, *, description: str, pass_from: int) -> bytes:
    """A rubric of one criterion that every test feeds."""
    return document(
        {
            "id": task_id,
            "version": "1.0",
            "title": title,
            "criteria": [
                {
                    "id": CRITERION,
                    "title": "Does what is asked for",
                    "description": description,
                    "weight": 100,
                    "scored_by": "tests",
                }
            ],
            "default": CRITERION,
            "pass": {"from": pass_from},
        },
        schema="rubric",
    )


def expectation(summary: str) -> bytes:
    """An expect.yaml for work that loses points somewhere."""
    return document({"summary": summary, "criteria": [CRITERION]})


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
    from assessor import catalog
    from assessor import rubric as rubrics

    tasks = catalog.load(root)
    task.load(
        made.files,
        task_id=made.task_id,
        rubric=lambda rubric_id: rubrics.load(made.rubric, rubric_id=rubric_id),
        profile=tasks.profile,
    )
