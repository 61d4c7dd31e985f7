"""Versions of a task: what differs between two of them, and whether it can change a result.

Comes in: two snapshots, of one task or of two. Goes out: a `Diff`. Pure; which results are stored is left to
`versioning`.

What a change can do is told by what reads the file: tests, limits, how the tests reach the work, the rubric's
numbers and the sandbox decide results; the brief, the starter, the policy and the settings of
`assessor tasks check` do not. One thing reads all of the task's folder: the seed that hypothesis draws
examples by comes from the digest. So a new brief alone has property tests try other examples
(`Diff.redraws`).
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assessor import freezing
from assessor.bundle import Bundle
from assessor.freezing import RECIPE
from assessor.manifest import Manifest, ManifestTest
from assessor.profile import Profile
from assessor.rubric import Rubric
from assessor.task import Task

#: The largest text that is compared line by line, bytes.
TEXT_BYTES = 256 * 1024


class Effect(StrEnum):
    """What a change can do, the most first."""

    RESULT = "result"  #: another verdict, total or level for the same work
    AWARD = "award"  #: the same result, and another competency shown by it
    NONE = "none"  #: nothing of either


class Kind(StrEnum):
    """How something differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file that differs.

    Attributes:
        path: in the snapshot, `tasks/<id>/` left out where it tells nothing: `tests/test_sum.py`,
            `rubrics/sum.yaml`.
        sizes: before and after, bytes; None where it is not there, or where only its digest was kept.
        lines: a unified diff, or nothing for what is not text, or too long to compare.
    """

    path: str
    kind: Kind
    effect: Effect
    sizes: tuple[int | None, int | None]
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """A value of task.yaml or of the rubric that differs.

    Attributes:
        name: where it stands: `limits.wall_s`, `rubric.criteria.care.weight`.
        before, after: JSON values; None where there is none.
    """

    name: str
    before: Any
    after: Any
    effect: Effect


@dataclass(frozen=True, kw_only=True)
class TestChange:
    """A test that differs by the lock.

    Attributes:
        before, after: criterion, points and whether it is visible; None where there is no such test.
    """

    __test__ = False

    id: str
    kind: Kind
    before: ManifestTest | None
    after: ManifestTest | None


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two versions.

    Attributes:
        lock: whether it has a lock of test ids that was made from its tests.
    """

    id: str
    version: str
    digest: str
    snapshot: str
    lock: bool


@dataclass(frozen=True, kw_only=True)
class Diff:
    """What differs between two versions.

    Attributes:
        redraws: whether property tests are given other examples, though nothing else may have changed.
    """

    before: Side
    after: Side
    files: tuple[FileChange, ...]
    values: tuple[ValueChange, ...]
    tests: tuple[TestChange, ...]
    redraws: bool

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.files or self.values or self.tests)

    @property
    def effects(self) -> frozenset[Effect]:
        """All that the changes can do."""
        found = {one.effect for one in self.files} | {one.effect for one in self.values}
        return frozenset(found | ({Effect.RESULT} if self.tests else set()))

    @property
    def can_change(self) -> bool:
        """Whether a stored result could come out otherwise."""
        return self.redraws or Effect.RESULT in self.effects

    @property
    def words(self) -> str:
        """What changed, in one line: the values, then the files, three of each at most."""
        values = [one.name for one in self.values]
        files = [
            f"{one.path} {one.kind}"
            for one in self.files
            if not (one.path == "task.yaml" and values)
            and not (one.path == "manifest.json" and len(self.files) > 1)
        ]
        told = [*values[:3], *files[:3]]
        more = len(values) + len(files) - len(told)
        return ", ".join([*told, f"{more} more"] if more else told)


def compare(before: Bundle, after: Bundle) -> Diff:
    """What differs between two snapshots.

    What an older snapshot does not say of its sandbox is not compared.

    Raises:
        FileInvalid: one of them is no snapshot of a task, or today's rules refuse its files.
    """
    (a, rubric_a, profile_a), (b, rubric_b, profile_b) = freezing.parsed(before), freezing.parsed(after)
    values = (
        *_values(_task_values(a), _task_values(b), _TASK_EFFECTS),
        *_values(_rubric_values(rubric_a), _rubric_values(rubric_b), _RUBRIC_EFFECTS),
    )
    tests = _tests(a.manifest, b.manifest)
    effects = {
        "task.yaml": _most(one.effect for one in values if not one.name.startswith("rubric.")),
        "rubrics": _most(one.effect for one in values if one.name.startswith("rubric.")),
        "manifest.json": Effect.RESULT if tests else Effect.NONE,
    }
    files = (
        *_files(_own(before, a), _own(after, b), effects),
        *_recipes(before, after, profile_a, profile_b),
    )
    properties = any(b"hypothesis" in data for one in (a, b) for data in one.test_files.values())
    return Diff(
        before=_side(a, before),
        after=_side(b, after),
        files=files,
        values=values,
        tests=tests,
        redraws=properties and a.digest != b.digest,
    )


def _side(found: Task, snapshot: Bundle) -> Side:
    fits = found.manifest is not None and found.manifest.tests_digest == found.tests_digest
    return Side(id=found.id, version=found.version, digest=found.digest, snapshot=snapshot.digest, lock=fits)


def _own(snapshot: Bundle, found: Task) -> dict[str, bytes]:
    """The files of a snapshot under the names that a person knows them by; what is told of images apart."""
    root = f"tasks/{found.id}/"
    # A task's own folder of that name keeps its whole path: it would hide the rubric that judges.
    own = tuple(f"{root}{name}/" for name in ("rubrics", "sandboxes"))
    return {
        path if path.startswith(own) else path.removeprefix(root): data
        for path, data in snapshot.files.items()
        if not path.endswith(f"/{RECIPE}") or path.startswith(root)
    }


def _files(
    before: Mapping[str, bytes], after: Mapping[str, bytes], effects: Mapping[str, Effect]
) -> Iterator[FileChange]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        first = path.split("/")[0]
        if path in effects or first in effects:
            effect = effects.get(path, effects.get(first, Effect.NONE))
        else:
            effect = Effect.RESULT if first in ("tests", "sandboxes") else Effect.NONE
        yield FileChange(
            path=path,
            kind=_kind(old, new),
            effect=effect,
            sizes=(None if old is None else len(old), None if new is None else len(new)),
            lines=_lines(path, old, new),
        )


def _recipes(before: Bundle, after: Bundle, a: Profile, b: Profile) -> Iterator[FileChange]:
    """What differs between the files that images are made from, where both snapshots tell of them."""
    for one, other in ((a.name, b.name), (a.grader, b.grader)):
        old, new = (
            before.files.get(f"sandboxes/{one}/{RECIPE}"),
            after.files.get(f"sandboxes/{other}/{RECIPE}"),
        )
        if old is None or new is None:
            continue
        was, is_ = json.loads(old), json.loads(new)
        for path in sorted({*was, *is_}):
            # The profile of the learner's side is a file of the snapshot itself.
            if was.get(path) != is_.get(path) and (path, one) != ("sandbox.yaml", a.name):
                yield FileChange(
                    path=f"sandboxes/{other}/{path}",
                    kind=_kind(was.get(path), is_.get(path)),
                    effect=Effect.RESULT,
                    sizes=(None, None),
                    lines=(),
                )


def _kind(old: object, new: object) -> Kind:
    if old is None:
        return Kind.ADDED
    return Kind.REMOVED if new is None else Kind.CHANGED


def _lines(path: str, old: bytes | None, new: bytes | None) -> tuple[str, ...]:
    if max(len(old or b""), len(new or b"")) > TEXT_BYTES:
        return ()
    try:
        texts = [b"" if data is None else data for data in (old, new)]
        first, second = (data.decode("utf-8").splitlines() for data in texts)
    except UnicodeDecodeError:
        return ()
    if any("\0" in line for line in (*first, *second)):
        return ()
    return tuple(difflib.unified_diff(first, second, f"a/{path}", f"b/{path}", lineterm=""))


def _tests(before: Manifest | None, after: Manifest | None) -> tuple[TestChange, ...]:
    old = {test.id: test for test in before.tests} if before else {}
    new = {test.id: test for test in after.tests} if after else {}
    return tuple(
        TestChange(
            id=name, kind=_kind(old.get(name), new.get(name)), before=old.get(name), after=new.get(name)
        )
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    )


#: What values can do, by the beginning of their name; the longest that fits counts, and without one nothing.
_TASK_EFFECTS = {
    "sandbox": Effect.RESULT,
    "limits": Effect.RESULT,
    "tests": Effect.RESULT,
    "rubric_id": Effect.RESULT,
    "competencies": Effect.AWARD,
}
_RUBRIC_EFFECTS = {
    "rubric.id": Effect.RESULT,
    "rubric.criteria": Effect.RESULT,
    "rubric.default": Effect.RESULT,
    "rubric.levels": Effect.RESULT,
    "rubric.pass_from": Effect.RESULT,
}
#: The same by how a name ends: what people read.
_READ = {"title": Effect.NONE, "description": Effect.NONE, "competency": Effect.AWARD}

#: What of a task is told by its files, or by where it lies.
_LEFT_OUT = ("brief", "folder", "files", "starter", "test_files", "manifest", "digest", "tests_digest")


def _task_values(found: Task) -> dict[str, Any]:
    plain = {
        one.name: getattr(found, one.name)
        for one in dataclasses.fields(found)
        if one.name not in (*_LEFT_OUT, "solutions", "faulty")
    }
    made: dict[str, Any] = {}
    for name, value in plain.items():
        made |= _flat(name, value)
    return made


def _rubric_values(found: Rubric) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in ("id", "version", "title", "default", "pass_from"):
        made[f"rubric.{name}"] = getattr(found, name)
    for criterion in found.criteria:
        for name, value in _flat(f"rubric.criteria.{criterion.id}", criterion).items():
            made[name] = value
    for level in found.levels:
        made |= _flat(f"rubric.levels.{level.id}", level)
    made["rubric.criteria.order"] = [criterion.id for criterion in found.criteria]
    return made


def _flat(name: str, value: Any) -> dict[str, Any]:
    """A value as JSON values by name; lists, and a competency, stay whole."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not name.endswith("competency"):
        made: dict[str, Any] = {}
        for one in dataclasses.fields(value):
            made |= _flat(f"{name}.{one.name}", getattr(value, one.name))
        return made
    return {name: _plain(value)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, StrEnum) else value


def _values(
    before: Mapping[str, Any], after: Mapping[str, Any], effects: Mapping[str, Effect]
) -> Iterator[ValueChange]:
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old != new and name != "version":
            yield ValueChange(name=name, before=old, after=new, effect=_effect(name, effects))


def _effect(name: str, effects: Mapping[str, Effect]) -> Effect:
    fits = [start for start in effects if name == start or name.startswith(f"{start}.")]
    found = effects[max(fits, key=len)] if fits else Effect.NONE
    return _READ.get(name.rsplit(".", 1)[-1], found) if found is Effect.RESULT else found


def _most(effects: Iterator[Effect]) -> Effect:
    """The first of what several changes can do."""
    found = set(effects)
    return next((one for one in Effect if one in found), Effect.NONE)
