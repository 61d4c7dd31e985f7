"""A task: what a learner is asked to do, how it is tested, and by which rules it may be handed in.

Comes in: the files of `tasks/<id>/`, from a folder or from a frozen snapshot. Goes out: a `Task`, checked
against its rubric and its sandbox. Running it is left to the pipeline.

    tasks/<id>/task.yaml       the rules
               README.md       the brief
               starter/        what a learner begins with; may be missing
               tests/          test_*.py and what they need
               manifest.json   the lock of test ids; missing until `assessor tasks lock` has run
               solutions/      references, never part of the digest
               faulty/         known-bad work, never part of the digest
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from assessor import authored, bundle, manifest
from assessor.errors import FileInvalid, NotFound
from assessor.limits import Limits
from assessor.manifest import Manifest
from assessor.profile import KEYS, Profile, Role
from assessor.rubric import Competency, Rubric
from assessor.rules import SubmissionRules
from assessor.taskfile import TaskModel, TestsModel
from assessor.waiting import Class

T = TypeVar("T")

#: Top-level folders that no learner's result depends on: outside the digest.
APART = ("solutions", "faulty")


class Feedback(StrEnum):
    """What a learner is told about tests."""

    FULL = "full"  #: name, outcome, message and output of each
    COUNTS = "counts"  #: how many passed, of how many, by criterion
    NONE = "none"  #: nothing


@dataclass(frozen=True, kw_only=True)
class TaskService:
    """A server that the learner's work starts.

    Attributes:
        command: what starts it; the port is in the environment variable `PORT`.
        ready_s: how long it may take until it listens, seconds.
    """

    command: tuple[str, ...]
    ready_s: int


@dataclass(frozen=True, kw_only=True)
class TestsPlan:
    """How the tests reach the work.

    Attributes:
        modules: top-level modules of the submission that tests import; may be empty.
        inplace: whether changes to arguments come back to the tests.
        command: what the `program` fixture runs, or empty.
        service: what the `service` fixture starts, or None.
    """

    __test__ = False

    modules: tuple[str, ...]
    inplace: bool
    command: tuple[str, ...]
    service: TaskService | None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """By which rules a learner may try.

    Attributes:
        tries: judged submissions that each learner has.
        cooldown_s: the least time between two, seconds.
        visible: what is told about visible tests.
        hidden: what is told about the others.
        queue_class: the class of the queue that attempts wait in.
    """

    tries: int
    cooldown_s: int
    visible: Feedback
    hidden: Feedback
    queue_class: Class = Class.NORMAL


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A mutant of a reference that need not be noticed.

    Attributes:
        file: path in the task's folder (`solutions/plain/stats.py`).
        line: 1-based line in it.
        mutation: in the words of `assessor tasks check`.
        reason: the author's.
    """

    file: str
    line: int
    mutation: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How strong the tests must be.

    Attributes:
        at_least: percent of the references' mutants, waived ones apart, that some test must notice.
        waived: mutants that need not be noticed.
    """

    at_least: int = 80
    waived: tuple[Waiver, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a learner is asked to do.

    Attributes:
        id: the folder's name.
        version: the author's.
        title: for people.
        summary: one line.
        level: beginner, intermediate or advanced.
        minutes: how long it should take.
        competencies: beside those of the rubric's criteria.
        sandbox: name of the profile that it runs in.
        limits: within the profile's ceiling.
        submission: what may be handed in.
        tests: how the tests reach the work.
        rubric_id: how it is judged.
        policy: by which rules a learner may try.
        strength: how strong its tests must be.
        starter_at_most: percent of the whole that the starter may earn as it stands, or None for anything
            less than full marks.
        brief: README.md.
        folder: where it lies, or None for one from a snapshot.
        files: everything that `digest` covers, by path in the folder.
        starter: what a learner begins with, by path in starter/.
        test_files: everything under tests/, by path in there.
        manifest: the lock of test ids, or None before `assessor tasks lock`.
        digest: of `files`, packed.
        tests_digest: of `test_files`, packed.
        solutions: names of the references; empty for one from a snapshot.
        faulty: names of known-bad solutions; empty for one from a snapshot.
    """

    id: str
    version: str
    title: str
    summary: str
    level: str
    minutes: int
    competencies: tuple[Competency, ...]
    sandbox: str
    limits: Limits
    submission: SubmissionRules
    tests: TestsPlan
    rubric_id: str
    policy: Policy
    strength: Strength
    starter_at_most: int | None
    brief: str
    folder: Path | None
    files: Mapping[str, bytes]
    starter: Mapping[str, bytes]
    test_files: Mapping[str, bytes]
    manifest: Manifest | None
    digest: str
    tests_digest: str
    solutions: tuple[str, ...]
    faulty: tuple[str, ...]

    @property
    def seed(self) -> int:
        """Hypothesis' seed, 0 to 2**64 - 1: the same for every learner and every re-run of this version."""
        return int(self.digest.removeprefix("sha256:")[:16], 16)


def load(
    files: Mapping[str, bytes],
    *,
    task_id: str,
    rubric: Callable[[str], Rubric],
    profile: Callable[[str], Profile],
    folder: Path | None = None,
) -> Task:
    """The task in these files.

    Args:
        files: by path in `tasks/<task_id>/`.
        task_id: the folder's name.
        rubric: gives the rubric of an id, or raises NotFound.
        profile: gives the profile of a name, or raises NotFound.
        folder: where the files lie, or None.

    Raises:
        FileInvalid: a file is missing or wrong, or they do not hold together.
    """
    root = f"tasks/{task_id}"
    for name, what in (("task.yaml", "the task's own file"), ("README.md", "the brief for learners")):
        if name not in files:
            raise FileInvalid(f"{root}/{name}", f"expected {what}, got nothing")
    document = authored.read(files["task.yaml"], f"{root}/task.yaml")
    model = document.parse(TaskModel)
    if model.id != task_id:
        raise document.invalid(("id",), f'expected the folder\'s name "{task_id}", got "{model.id}"')
    brief = authored.text(files["README.md"], f"{root}/README.md")
    kept = {path: data for path, data in files.items() if path.split("/")[0] not in APART}
    starter, test_files = _under("starter", kept), _under("tests", kept)
    _check_tests(root, test_files)
    _check_starter(root, starter, test_files)
    rules = _rules(document, model)
    _check_modules(document, model, [*starter, *rules.required])
    _find(document, "rubric", rubric, model.rubric)
    locked = files.get("manifest.json")
    return Task(
        id=model.id,
        version=model.version,
        title=model.title,
        summary=model.summary,
        level=model.level,
        minutes=model.minutes,
        competencies=tuple(one.competency() for one in model.competencies),
        sandbox=model.sandbox,
        limits=_limits(document, model, _find(document, "sandbox", profile, model.sandbox)),
        submission=rules,
        tests=_plan(model.tests),
        rubric_id=model.rubric,
        policy=Policy(
            tries=model.policy.tries,
            cooldown_s=model.policy.cooldown_s,
            queue_class=Class(model.policy.queue_class),
            visible=Feedback(model.policy.feedback.visible),
            hidden=Feedback(model.policy.feedback.hidden),
        ),
        strength=Strength(
            at_least=model.strength.at_least,
            waived=tuple(Waiver(**dict(one)) for one in model.strength.waived),
        ),
        starter_at_most=None if model.starter is None else model.starter.at_most,
        brief=brief,
        folder=folder,
        files=kept,
        starter=starter,
        test_files=test_files,
        manifest=None if locked is None else manifest.load(locked, f"{root}/manifest.json"),
        digest=bundle.pack(kept).digest,
        tests_digest=bundle.pack(test_files).digest,
        solutions=_names("solutions", files),
        faulty=_names("faulty", files),
    )


def check(task: Task, rubric: Rubric) -> Manifest:
    """The task's manifest, once it is sure that it fits the tests and the rubric.

    Raises:
        ManifestStale, FileInvalid: as for `manifest.check`.
    """
    return manifest.check(
        task.manifest, rubric, tests_digest=task.tests_digest, path=f"tasks/{task.id}/manifest.json"
    )


def schema() -> dict[str, Any]:
    """JSON Schema of task.yaml."""
    return authored.schema(TaskModel, title="task.yaml")


def is_test_file(path: str) -> bool:
    """Whether pytest collects this file."""
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def _under(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        path.removeprefix(f"{folder}/"): data for path, data in files.items() if path.startswith(f"{folder}/")
    }


def _names(folder: str, files: Mapping[str, bytes]) -> tuple[str, ...]:
    return tuple(sorted({path.split("/")[0] for path in _under(folder, files) if "/" in path}))


def _find(document: authored.Document, key: str, find: Callable[[str], T], name: str) -> T:
    try:
        return find(name)
    except NotFound as error:
        raise document.invalid((key,), str(error)) from error


def _check_tests(root: str, test_files: Mapping[str, bytes]) -> None:
    if not test_files:
        raise FileInvalid(f"{root}/tests", "expected tests, got nothing")
    if not any(is_test_file(path) for path in test_files):
        raise FileInvalid(
            f"{root}/tests", f"expected at least one test_*.py, got {', '.join(sorted(test_files)[:5])}"
        )


def _check_starter(root: str, starter: Mapping[str, bytes], test_files: Mapping[str, bytes]) -> None:
    """A starter must not give hidden tests away; a file whose tests are all visible may be in it."""
    hidden = {
        data.strip(): path
        for path, data in test_files.items()
        if is_test_file(path) and not _all_visible(data)
    }
    for path, data in starter.items():
        if data.strip() and data.strip() in hidden:
            raise FileInvalid(
                f"{root}/starter/{path}",
                f"expected nothing of the hidden tests, got the content of tests/{hidden[data.strip()]}",
            )


def _all_visible(source: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an author's odd escape sequence is not our news
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
        return False

    def marked(nodes: Sequence[ast.AST]) -> bool:
        found = (one for node in nodes for one in ast.walk(node))
        return any(isinstance(one, ast.Attribute) and one.attr == "visible" for one in found)

    def visible(node: ast.stmt) -> bool:
        if isinstance(node, ast.ClassDef):
            return marked(node.decorator_list) or all(visible(one) for one in node.body)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return not node.name.startswith("test") or marked(node.decorator_list)
        return True

    marks = [
        node.value
        for node in body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)
    ]
    return marked(marks) or all(visible(node) for node in body)


def _check_modules(document: authored.Document, model: TaskModel, paths: Sequence[str]) -> None:
    for at, name in enumerate(model.tests.modules):
        here: authored.Loc = ("tests", "modules", at)
        if name in sys.stdlib_module_names or name in ("pytest", "hypothesis", "harness"):
            raise document.invalid(
                here, f'expected a name of its own, got "{name}", which Python or pytest uses'
            )
        if not any(path == f"{name}.py" or path.startswith(f"{name}/") for path in paths):
            raise document.invalid(
                here, f"expected {name}.py or {name}/ in starter/ or in submission.required, got neither"
            )


def _rules(document: authored.Document, model: TaskModel) -> SubmissionRules:
    asked = model.submission
    rules = SubmissionRules(
        required=asked.required,
        allow=asked.allow or asked.required,
        max_files=asked.max_files,
        max_bytes=asked.max_kib * 1024,
    )
    for at, path in enumerate(asked.required):
        if not rules.patterns(path):
            raise document.invalid(
                ("submission", "required", at), f'expected a path that submission.allow keeps, got "{path}"'
            )
    if len(asked.required) > asked.max_files:
        raise document.invalid(
            ("submission", "max_files"),
            f"expected at least the {len(asked.required)} required files, got {asked.max_files}",
        )
    return rules


def _limits(document: authored.Document, model: TaskModel, profile: Profile) -> Limits:
    """What the task asks for; what it does not ask for is the default, lowered to the ceiling."""
    if profile.role is not Role.LEARNER:
        raise document.invalid(
            ("sandbox",), f'expected a sandbox for learners, got the grader "{profile.name}"'
        )
    asked, ceiling = asdict(model.limits.limits()), asdict(profile.ceiling)
    problems: list[tuple[authored.Loc, str]] = []
    for key, (name, factor) in KEYS.items():
        if getattr(model.limits, key) is None:
            asked[name] = min(asked[name], ceiling[name])
        elif asked[name] > ceiling[name]:
            most, came = ceiling[name] // factor, asked[name] // factor
            problems.append(
                (
                    ("limits", key),
                    f'expected at most {most}, the ceiling of sandbox "{profile.name}", got {came}',
                )
            )
    if problems:
        raise document.all_invalid(problems)
    if asked["call_s"] > asked["wall_s"]:
        if model.limits.call_s is not None:
            raise document.invalid(
                ("limits", "call_s"), f"expected at most wall_s, {asked['wall_s']}, got {asked['call_s']}"
            )
        asked["call_s"] = asked["wall_s"]
    return Limits(**asked)


def _plan(model: TestsModel) -> TestsPlan:
    service = model.service
    return TestsPlan(
        modules=model.modules,
        inplace=model.inplace,
        command=model.command or (),
        service=TaskService(command=service.command, ready_s=service.ready_s) if service else None,
    )
