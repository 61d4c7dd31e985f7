"""Freezing: a task with all that judging it depends on, as one bundle under one digest, and back.

Comes in: a task, its rubric, its sandbox and what that is made from. Goes out: a snapshot, and from a
snapshot a `Frozen`, read by the same rules as the files that it was made from. Where the files lie is left to
`catalog`.

    snapshot/tasks/<id>/...                   all but solutions/ and faulty/
             rubrics/<rubric>.yaml
             sandboxes/<sandbox>/sandbox.yaml
                                 recipe.json  digests of the files that its image is made from
             sandboxes/<grader>/recipe.json   the same of the tests' side; older snapshots have neither

What is not in it, and is named by each record instead: this system's own version, and the packages that an
image came to when it was built. Neither is an author's to change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assessor import bundle, digest, profile, rubric, task
from assessor.bundle import Bundle
from assessor.errors import FileInvalid, NotFound
from assessor.manifest import Manifest
from assessor.profile import Profile
from assessor.rubric import Rubric
from assessor.task import Task

#: What a sandbox's recipe is called in a snapshot.
RECIPE = "recipe.json"
#: Files of a sandbox's folder that no run depends on: `requirements.lock` is made from it.
_ASIDE = ("requirements.in",)


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What a snapshot holds, parsed.

    Attributes:
        task: as it was, without folder, solutions and faulty work.
        rubric: as it was.
        profile: as it was, without folder.
        manifest: the task's, checked against its tests and rubric.
        digest: of the snapshot.
    """

    task: Task
    rubric: Rubric
    profile: Profile
    manifest: Manifest
    digest: str


def pack(
    found: Task, judged_by: Rubric, ran_in: Profile, *, recipes: Mapping[str, Mapping[str, str]]
) -> Bundle:
    """The snapshot of a task.

    Args:
        found: the task.
        judged_by: its rubric.
        ran_in: the profile of its sandbox.
        recipes: for each sandbox of a run, the digest of each file that its image is made from.
    """
    return bundle.pack(
        {
            **{f"tasks/{found.id}/{path}": data for path, data in found.files.items()},
            f"rubrics/{judged_by.id}.yaml": judged_by.source,
            f"sandboxes/{ran_in.name}/sandbox.yaml": ran_in.source,
            **{
                f"sandboxes/{name}/{RECIPE}": (json.dumps(made, indent=1, sort_keys=True) + "\n").encode()
                for name, made in recipes.items()
            },
        }
    )


def recipe(folder: Path) -> dict[str, str]:
    """The digest of each file that a sandbox is made from, by path in its folder, sorted.

    Raises:
        FileInvalid: a file cannot be read.
    """
    try:
        # As the images are made: hidden files are part of the build's context too.
        return {
            name: digest.sha256(path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
            if (name := path.relative_to(folder).as_posix()) not in _ASIDE
        }
    except OSError as error:
        raise FileInvalid(
            f"sandboxes/{folder.name}", f"expected files that can be read, got: {error.strerror}"
        ) from error


def parsed(snapshot: Bundle) -> tuple[Task, Rubric, Profile]:
    """What a snapshot holds, without a look at its lock.

    Raises:
        FileInvalid: it is not a snapshot of one task, or today's rules refuse its files.
    """
    ids = {path.split("/")[1] for path in snapshot.files if path.startswith("tasks/") and path.count("/") > 1}
    if len(ids) != 1:
        raise FileInvalid(f"snapshot {snapshot.digest}", f"expected one task, got {len(ids)}")
    task_id = ids.pop()

    def rubric_of(rubric_id: str) -> Rubric:
        return rubric.load(_file(snapshot, f"rubrics/{rubric_id}.yaml"), rubric_id=rubric_id)

    def profile_of(name: str) -> Profile:
        return profile.load(_file(snapshot, f"sandboxes/{name}/sandbox.yaml"), name=name)

    root = f"tasks/{task_id}/"
    files = {path.removeprefix(root): data for path, data in snapshot.files.items() if path.startswith(root)}
    found = task.load(files, task_id=task_id, rubric=rubric_of, profile=profile_of)
    return found, rubric_of(found.rubric_id), profile_of(found.sandbox)


def thaw(snapshot: Bundle) -> Frozen:
    """What a snapshot holds, read by the same rules as the files that it was made from.

    Raises:
        FileInvalid: it is not a snapshot of one task, or today's rules refuse its files.
        ManifestStale: its lock does not fit its tests.
    """
    found, judged_by, ran_in = parsed(snapshot)
    return Frozen(
        task=found,
        rubric=judged_by,
        profile=ran_in,
        manifest=task.check(found, judged_by),
        digest=snapshot.digest,
    )


def _file(snapshot: Bundle, path: str) -> bytes:
    if path not in snapshot.files:
        raise NotFound(f"snapshot {snapshot.digest}: expected {path}, got nothing")
    return snapshot.files[path]
