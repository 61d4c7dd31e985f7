"""A new task: a folder and a rubric that can be locked and proven as they stand, with comments that teach.

Comes in: what the task is to be called, and its kind. Goes out: the files of a small, whole example of that
kind, from templates, for the author to change piece by piece; each yaml file names its schema for editors.

    tasks/<id>/task.yaml  README.md  starter/  tests/  solutions/<name>/  faulty/<name>/ with expect.yaml
    rubrics/<id>.yaml
    schemas/<kind>.json      those that are not there yet

The templates lie in `templates/`, a folder a kind; names end in `.j2`, so that no tool takes them for code.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import jinja2

from assessor import authored, catalog, rubric, task
from assessor.authoring import schemas
from assessor.errors import FileInvalid

LEVELS = ("beginner", "intermediate", "advanced")
_SUFFIX = ".j2"


class Kind(StrEnum):
    """What learners hand in, and how tests reach it."""

    FUNCTION = "function"  #: a module with functions, imported
    PACKAGE = "package"  #: several modules with classes and exceptions, imported
    PROGRAM = "program"  #: a command-line program, run with arguments and standard input
    SERVICE = "service"  #: a web service, asked over HTTP
    SQL = "sql"  #: a query, run on databases of the tests
    DATA = "data"  #: a program that reads one file and writes another


#: The skill that an example's main criterion shows, and what `limits.call_s` limits.
_WORDS = {
    Kind.FUNCTION: ("write functions in Python", "one call of a function of the work"),
    Kind.PACKAGE: ("structure a Python package", "one call of a function or method of the work"),
    Kind.PROGRAM: ("write command-line programs", "one run of the program"),
    Kind.SERVICE: ("write web services", "one answer of the service"),
    Kind.SQL: ("query databases with SQL", "one run of the query"),
    Kind.DATA: ("process data files", "one run of the program"),
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a new task is to be.

    Attributes:
        id: name of its folder and of its rubric.
        kind: which example it begins as.
        title: for people, one line.
        summary: one line.
        level: one of `LEVELS`.
        minutes: how long a learner should need.
    """

    id: str
    kind: Kind
    title: str
    summary: str
    level: str = "beginner"
    minutes: int = 60


def draft(asked: Asked) -> dict[str, bytes]:
    """The files of a new task by path below the catalog's root, sorted; nothing is written.

    Raises:
        FileInvalid: the id is none, or title, summary or level could not stand in the files.
    """
    if not re.fullmatch(rf"(?=.{{1,64}}$){authored.ID}", asked.id):
        raise FileInvalid(
            f"tasks/{asked.id}",
            f"expected an id of lower-case letters, digits and single dashes, at most 64 characters, "
            f"got {asked.id!r}",
        )
    for name, text in (("title", asked.title), ("summary", asked.summary)):
        if len(text.splitlines()) != 1:
            raise FileInvalid(f"tasks/{asked.id}/task.yaml", f"{name}: expected one line, got {text!r}")
    skill, call = _WORDS[asked.kind]
    values = {
        "id": asked.id,
        "kind": asked.kind.value,
        "title": asked.title,
        "summary": asked.summary,
        "level": asked.level,
        "minutes": asked.minutes,
        "skill": skill,
        "call": call,
    }
    templates = resources.files("assessor.authoring") / "templates"
    found = {f"tasks/{asked.id}/{path}": text for path, text in _below(templates / asked.kind.value, "")}
    found[f"tasks/{asked.id}/task.yaml"] = (templates / f"task.yaml{_SUFFIX}").read_text("utf-8")
    found[f"rubrics/{asked.id}.yaml"] = (templates / f"rubric.yaml{_SUFFIX}").read_text("utf-8")
    return {
        path: _environment().from_string(text).render(values).encode() for path, text in sorted(found.items())
    }


def write(tasks: catalog.Catalog, asked: Asked) -> list[Path]:
    """Write a new task into the catalog, all of it or nothing; the files that were made, by path.

    Args:
        tasks: where it goes; read again afterwards, since a catalog reads its files once.
        asked: what it is to be.

    Raises:
        FileInvalid: there is a task or a rubric of this id, the catalog has no such sandbox, or a file
            cannot be written; or as for `draft`.
    """
    files = draft(asked)
    root = tasks.root
    folder, judged_by = f"tasks/{asked.id}", f"rubrics/{asked.id}.yaml"
    for taken in (folder, judged_by):
        if os.path.lexists(root / taken):
            raise FileInvalid(taken, f"expected an id that is not taken yet, got {asked.id!r}")
    # Read by the rules that it will be read by: what could not be used is not written.
    scored = rubric.load(files[judged_by], rubric_id=asked.id)
    task.load(
        {path.removeprefix(f"{folder}/"): data for path, data in files.items() if path != judged_by},
        task_id=asked.id,
        rubric=lambda _: scored,
        profile=tasks.profile,
    )
    staged = root / "tasks" / f".{asked.id}.{os.getpid()}"  # a leading dot: no catalog sees it
    rubric_written = False
    try:
        for path, data in files.items():
            if path != judged_by:
                target = staged / path.removeprefix(f"{folder}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        with (root / judged_by).open("xb") as file:
            rubric_written = True
            file.write(files[judged_by])
        made = schemas.write(root / schemas.FOLDER, missing=True)
        staged.rename(root / folder)
    except (OSError, FileInvalid) as error:
        shutil.rmtree(staged, ignore_errors=True)
        if rubric_written:
            (root / judged_by).unlink(missing_ok=True)
        if isinstance(error, FileInvalid):
            raise
        raise FileInvalid(
            folder, f"expected to write the task, got: {error.strerror} ({error.filename})"
        ) from error
    return sorted([root / path for path in files] + made)


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    """Path, without the templates' suffix, and text of each template in a folder."""
    for child in folder.iterdir():
        if child.is_dir():
            yield from _below(child, f"{prefix}{child.name}/")
        elif child.name.endswith(_SUFFIX):
            yield f"{prefix}{child.name.removesuffix(_SUFFIX)}", child.read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701  what it makes is YAML, Markdown and code, never HTML
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    # A JSON text is a YAML text in double quotes.
    environment.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)
    return environment
