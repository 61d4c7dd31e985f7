"""The catalog: every task, rubric, sandbox and badge that authors wrote, and snapshots of what a task needs.

Comes in: a folder with `tasks/`, `rubrics/` and `sandboxes/`, and `badges/` where there are any. Goes out:
`Task`, `Rubric`, `Profile` and `Achievement` values, and for each submission a snapshot: one bundle that
holds all that judging it depends on (drawn in `freezing`), so that later edits of the files change nothing of
it. Files are read when they are asked for, once.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assessor import achievement, authored, freezing, issuer, profile, rubric, task
from assessor.achievement import Achievement
from assessor.bundle import Bundle
from assessor.errors import AuthorError, FileInvalid, NotFound
from assessor.freezing import Frozen, thaw
from assessor.profile import Profile, Role
from assessor.rubric import Rubric
from assessor.task import Task

__all__ = [
    "FOLDER_BYTES",
    "FOLDER_FILES",
    "SCHEMAS",
    "Catalog",
    "Frozen",
    "freeze",
    "gather",
    "load",
    "read_folder",
    "schema",
    "thaw",
]

#: The largest folder of authored files, and how many files it may hold.
FOLDER_BYTES = 64 * 1024**2
FOLDER_FILES = 2000

#: JSON Schemas by kind of file.
SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "task": task.schema,
    "rubric": rubric.schema,
    "sandbox": profile.schema,
    "badge": achievement.schema,
    "issuer": issuer.schema,
}


class Catalog:
    """Everything that authors wrote under one folder.

    Args:
        root: holds tasks/, rubrics/ and sandboxes/, and may hold badges/.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tasks: dict[str, Task] = {}
        self._rubrics: dict[str, Rubric] = {}
        self._profiles: dict[str, Profile] = {}
        self._recipes: dict[str, dict[str, str]] = {}
        self._achievements: dict[str, Achievement] = {}

    def ids(self) -> tuple[str, ...]:
        """The ids of all tasks, sorted, whether their files are right or not."""
        return tuple(_children(self.root, "tasks", folders=True))

    def task(self, task_id: str) -> Task:
        """The task of this id.

        Raises:
            NotFound: there is none; the text has the nearest id.
            FileInvalid: its files, its rubric or its sandbox are wrong.
        """
        if task_id not in self._tasks:
            folder = self.root / "tasks" / task_id
            # Listing them all for each one takes minutes where there are thousands. No file system has longer
            # names: asked for one, it fails.
            if not (len(task_id) <= 255 and re.fullmatch(authored.ID, task_id) and folder.is_dir()):
                _known("task", task_id, "tasks", self.ids())
            self._tasks[task_id] = task.load(
                read_folder(folder, shown=f"tasks/{task_id}"),
                task_id=task_id,
                rubric=self.rubric,
                profile=self.profile,
                folder=folder,
            )
        return self._tasks[task_id]

    def tasks(self) -> tuple[Task, ...]:
        """All tasks by id.

        Raises:
            FileInvalid: as for `task`; `problems` has those of every task.
        """
        return tuple(self.task(task_id) for task_id in self.ids())

    def rubric(self, rubric_id: str) -> Rubric:
        """The rubric of this id.

        Raises:
            NotFound: there is none; the text has the nearest id.
            FileInvalid: its file is wrong.
        """
        if rubric_id not in self._rubrics:
            names = _children(self.root, "rubrics", folders=False)
            _known(
                "rubric",
                rubric_id,
                "rubrics",
                [n.removesuffix(".yaml") for n in names if n.endswith(".yaml")],
            )
            data = _bytes(self.root / "rubrics" / f"{rubric_id}.yaml", f"rubrics/{rubric_id}.yaml")
            self._rubrics[rubric_id] = rubric.load(data, rubric_id=rubric_id)
        return self._rubrics[rubric_id]

    def profile(self, name: str) -> Profile:
        """The profile of this name, whose grader is there too.

        Raises:
            NotFound: there is none; the text has the nearest name.
            FileInvalid: its file is wrong, or names no grader.
        """
        if name not in self._profiles:
            found = self._load_profile(name)
            if found.grader is not None:
                try:
                    other = self._load_profile(found.grader)
                except NotFound as error:
                    raise FileInvalid(f"sandboxes/{name}/sandbox.yaml", f"grader: {error}") from error
                if other.role is not Role.GRADER:
                    raise FileInvalid(
                        f"sandboxes/{name}/sandbox.yaml",
                        f'grader: expected a sandbox with "role: grader", got "{found.grader}"',
                    )
            self._profiles[name] = found
        return self._profiles[name]

    def profiles(self) -> tuple[Profile, ...]:
        """All profiles by name.

        Raises:
            FileInvalid: as for `profile`.
        """
        return tuple(self.profile(name) for name in _children(self.root, "sandboxes", folders=True))

    def recipes(self, found: Task) -> dict[str, dict[str, str]]:
        """What the images of a task's two sides are made from: by sandbox, the digest of each file by path.

        Raises:
            NotFound, FileInvalid: as for `profile`; or a file cannot be read.
        """
        learner = self.profile(found.sandbox)
        names = [learner.name] if learner.grader is None else [learner.name, learner.grader]
        for name in names:
            if name not in self._recipes:
                self._recipes[name] = freezing.recipe(self.root / "sandboxes" / name)
        return {name: self._recipes[name] for name in names}

    def problems(self) -> tuple[AuthorError, ...]:
        """What is wrong, one error for each task that cannot be used, locks that do not fit included."""
        found: list[AuthorError] = []
        for task_id in self.ids():
            try:
                freeze(self, task_id)
            except AuthorError as error:
                found.append(error)
        return tuple(found)

    def achievement_ids(self) -> tuple[str, ...]:
        """The ids of all achievements, sorted, whether their files are right or not."""
        if not (self.root / "badges").exists():
            return ()
        names = _children(self.root, "badges", folders=False)
        return tuple(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))

    def achievement(self, achievement_id: str) -> Achievement:
        """The achievement of this id.

        Raises:
            NotFound: there is none; the text has the nearest id.
            FileInvalid: its file or its picture is wrong, or it requires what the catalog does not have.
        """
        if achievement_id not in self._achievements:
            ids = self.achievement_ids()
            _known("badge", achievement_id, "badges", ids)
            folder = self.root / "badges"
            found = achievement.load(
                _bytes(folder / f"{achievement_id}.yaml", f"badges/{achievement_id}.yaml"),
                achievement_id=achievement_id,
                image=lambda path: _bytes(folder / path, f"badges/{path}"),
            )
            achievement.check(found, rubrics=self._rubrics_of_tasks(), achievements=ids)
            self._achievements[achievement_id] = found
        return self._achievements[achievement_id]

    def achievements(self) -> tuple[Achievement, ...]:
        """All achievements, each after those that it requires.

        Raises:
            FileInvalid: one is wrong, or some require each other in a circle; `sound_achievements` has the
                others and what is wrong.
        """
        return achievement.order(self.achievement(one) for one in self.achievement_ids())

    def sound_achievements(self) -> tuple[tuple[Achievement, ...], tuple[AuthorError, ...]]:
        """The achievements that can be awarded, each after those that it requires, and what is wrong with the
        others: a mistake in one must not hold back the rest."""
        found: dict[str, Achievement] = {}
        problems: list[AuthorError] = []
        for name in self.achievement_ids():
            try:
                found[name] = self.achievement(name)
            except AuthorError as error:
                problems.append(error)
        while circle := achievement.cycle(found.values()):
            try:
                achievement.order([found.pop(name) for name in circle])
            except FileInvalid as error:
                problems.append(error)
        return achievement.order(found.values()), tuple(problems)

    def _rubrics_of_tasks(self) -> dict[str, Rubric]:
        """The rubric of each task that can be used; `problems` tells of the others."""
        found = {}
        for task_id in self.ids():
            try:
                found[task_id] = self.rubric(self.task(task_id).rubric_id)
            except AuthorError:
                continue
        return found

    def _load_profile(self, name: str) -> Profile:
        _known("sandbox", name, "sandboxes", _children(self.root, "sandboxes", folders=True))
        folder = self.root / "sandboxes" / name
        data = _bytes(folder / "sandbox.yaml", f"sandboxes/{name}/sandbox.yaml")
        return profile.load(data, name=name, folder=folder)


def load(root: Path) -> Catalog:
    """The catalog in this folder.

    Raises:
        FileInvalid: it is no folder, or one of tasks/, rubrics/ and sandboxes/ is missing or unreadable.
            badges/ may be missing: then nothing is awarded.
    """
    for name in ("tasks", "rubrics", "sandboxes"):
        _children(root, name, folders=True)
    return Catalog(root)


def freeze(catalog: Catalog, task_id: str) -> Bundle:
    """The snapshot of a task: all that judging a submission depends on, under one digest.

    Raises:
        NotFound: there is no such task.
        FileInvalid: a file is wrong.
        ManifestStale: the lock of test ids is missing or does not fit; nothing can be judged without it.
    """
    found = catalog.task(task_id)
    task.check(found, catalog.rubric(found.rubric_id))
    return gather(catalog, task_id)


def gather(catalog: Catalog, task_id: str) -> Bundle:
    """The same without a look at the lock: what a task that is being worked on would be judged by.

    Raises:
        NotFound, FileInvalid: as for `freeze`.
    """
    found = catalog.task(task_id)
    return freezing.pack(
        found, catalog.rubric(found.rubric_id), catalog.profile(found.sandbox), recipes=catalog.recipes(found)
    )


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of `task`, `rubric`, `sandbox`, `badge` or `issuer` files.

    Raises:
        NotFound: there is no such kind.
    """
    if kind not in SCHEMAS:
        raise NotFound(f"schema: expected one of {', '.join(SCHEMAS)}, got {kind!r}")
    return SCHEMAS[kind]()


def read_folder(folder: Path, *, shown: str) -> dict[str, bytes]:
    """The files of an authored folder by relative POSIX path, sorted; names with a leading dot, `__pycache__`
    and everything in such folders are left out.

    Args:
        folder: where it lies.
        shown: how the author knows it, for errors (`tasks/median`).

    Raises:
        FileInvalid: it is missing, empty, unreadable, too large, or holds a link or a special file.
    """
    found: dict[str, bytes] = {}
    _walk(folder, shown, "", found)
    if not found:
        raise FileInvalid(shown, "expected files, got an empty folder")
    return dict(sorted(found.items()))


def _walk(folder: Path, shown: str, prefix: str, found: dict[str, bytes]) -> None:
    try:
        children = sorted(folder.iterdir())
    except NotADirectoryError as error:
        raise FileInvalid(shown, "expected a folder, got a file") from error
    except FileNotFoundError as error:
        raise FileInvalid(shown, "expected a folder, got nothing") from error
    except OSError as error:
        raise FileInvalid(shown, f"expected a readable folder, got: {error.strerror}") from error
    for child in children:
        if child.name.startswith(".") or child.name == "__pycache__":
            continue
        name = f"{shown}/{child.name}"
        try:
            mode = child.lstat().st_mode
            if stat.S_ISDIR(mode):
                _walk(child, name, f"{prefix}{child.name}/", found)
                continue
            if not stat.S_ISREG(mode):
                kind = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
                raise FileInvalid(name, f"expected a regular file, got {kind}")
            child.name.encode()
            held = sum(map(len, found.values()))
            if len(found) >= FOLDER_FILES or held + child.lstat().st_size > FOLDER_BYTES:
                raise FileInvalid(
                    name, f"expected at most {FOLDER_FILES} files of {FOLDER_BYTES} bytes, got more"
                )
            found[f"{prefix}{child.name}"] = child.read_bytes()
        except UnicodeEncodeError as error:
            raise FileInvalid(ascii(name)[1:-1], "expected a file name in UTF-8") from error
        except OSError as error:
            raise FileInvalid(name, f"expected a readable file, got: {error.strerror}") from error


def _known(what: str, name: str, folder: str, names: list[str] | tuple[str, ...]) -> None:
    if name not in names:
        raise NotFound(f'expected a {what} in {folder}/, got "{name}"{authored.nearest(name, names)}')


def _children(root: Path, name: str, *, folders: bool) -> list[str]:
    """The names of the folders, or of the files, in one of the catalog's folders, sorted."""
    try:
        return sorted(
            child.name
            for child in (root / name).iterdir()
            if not child.name.startswith((".", "__")) and child.is_dir() is folders
        )
    except OSError as error:
        raise FileInvalid(
            str(root / name), f"expected a readable folder of {name}, got: {error.strerror}"
        ) from error


def _bytes(path: Path, shown: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileInvalid(shown, "expected a file, got nothing") from error
    except OSError as error:
        raise FileInvalid(shown, f"expected a readable file, got: {error.strerror}") from error
