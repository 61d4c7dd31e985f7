"""A task as a Kattis problem package, in the legacy layout that every system of that family reads.

Comes in: a task whose tests are cases of data, such as `kattis` makes. Goes out: an `Exported`; `write` makes
the folder. A task whose tests are programs of their own has no data to export and is refused.

    <folder>/problem.yaml .timelimit
             problem_statement/problem.en.md
             data/sample/ data/secret/        *.in *.ans, testdata.yaml where a group has points or flags
             output_validators/validator/     the task's own, if it has one
             submissions/<verdict>/
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assessor import catalog
from assessor.authoring import imported, trial
from assessor.authoring.kattis_submissions import VERDICTS
from assessor.errors import FileInvalid
from assessor.task import Task

#: Verdicts, the longest names first, as `kattis` begins the names of known-bad work.
_PREFIXES = sorted(((name.replace("_", "-"), name) for name in VERDICTS), key=lambda pair: -len(pair[0]))


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A package.

    Attributes:
        files: by path.
        notes: what a package has and this one does not, or the other way round, one sentence each.
    """

    files: Mapping[str, bytes]
    notes: tuple[str, ...]


def export(task: Task) -> Exported:
    """The package of a task from a catalog.

    Raises:
        FileInvalid: its tests are no cases of data.
    """
    plan = _plan(task)
    notes = ["input_validators: a package needs one; write what checks the cases' input"]
    files: dict[str, bytes] = {}
    for case in plan["cases"]:
        for end in (".in", ".ans"):
            path = f"data/{case}{end}"
            if path not in task.test_files:
                raise FileInvalid(
                    f"tasks/{task.id}/tests/{path}", "expected what plan.json names, got nothing"
                )
            files[path] = task.test_files[path]
    files |= _groups(task, plan)
    files["problem.yaml"] = _problem(task, plan)
    files[".timelimit"] = f"{plan['time_s']:g}\n".encode()
    files["problem_statement/problem.en.md"] = re.sub(r"\A# .*\n+", "", task.brief).encode()
    if plan["validator"] is not None:
        files |= {
            f"output_validators/{path}": data
            for path, data in task.test_files.items()
            if path.startswith("validator/")
        }
    files |= _submissions(task, notes)
    for path in task.files:
        if path.startswith("starter/") and not path.startswith("starter/attachments/"):
            notes.append(f"{path}: left out, packages have no starter")
    attachments = "starter/attachments/"
    files |= {
        f"attachments/{path.removeprefix(attachments)}": data
        for path, data in task.files.items()
        if path.startswith(attachments)
    }
    pictures = {path: data for path, data in task.files.items() if "/" not in path and _is_picture(path)}
    files |= {f"problem_statement/{path}": data for path, data in pictures.items()}
    notes.append("task.yaml: level, minutes, tries and the sandbox are left out, packages have none")
    return Exported(files=dict(sorted(files.items())), notes=tuple(notes))


def write(made: Exported, folder: Path) -> None:
    """Make the folder, whole or not at all.

    Raises:
        FileInvalid: something lies there already, or it cannot be written.
    """
    if folder.exists():
        raise FileInvalid(folder, "expected nothing there before the export, got something")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".export-", dir=folder.parent))
        try:
            for name, data in made.files.items():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                (draft / name).write_bytes(data)
            draft.chmod(0o755)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise FileInvalid(folder, f"expected to write it, got: {error}") from error


def _plan(task: Task) -> dict[str, Any]:
    where = f"tasks/{task.id}/tests/plan.json"
    data = task.test_files.get("plan.json")
    if data is None or "kattis_judge.py" not in task.test_files:
        raise FileInvalid(
            where, "expected tests that are cases of data, as an import makes them, got tests of another kind"
        )
    try:
        plan: dict[str, Any] = json.loads(data)
        _ = plan["cases"], plan["validator"], plan["time_s"], plan["units"], plan["package"]
    except (ValueError, KeyError, TypeError) as error:
        raise FileInvalid(where, f"expected what an import writes, got: {error!r}") from error
    return plan


def _problem(task: Task, plan: Mapping[str, Any]) -> bytes:
    package = plan["package"]
    custom = plan["validator"] is not None
    values: dict[str, Any] = {
        "name": package["title"],
        "license": package["licence"],
        "type": "scoring" if package["scoring"] else "pass-fail",
        "validation": "custom" if custom else "default",
        "limits": {
            "memory": task.limits.memory_bytes >> 20,
            "output": max(1, task.limits.output_bytes >> 20),
        },
    }
    if package["owner"]:
        values["rights_owner"] = package["owner"]
    if package["source"]:
        values["source"] = package["source"]
    return imported.document(values)


def _groups(task: Task, plan: Mapping[str, Any]) -> dict[str, bytes]:
    """A testdata.yaml for each group that has points or arguments of its validator."""
    files = {}
    scoring = plan["package"]["scoring"]
    samples, secret = (
        sum(unit["points"] for unit in plan["units"] if unit["group"].split("/")[0] == top)
        for top in ("sample", "secret")
    )
    # A hundredth is what an import gives to samples that are worth nothing.
    ignored = samples * 99 < secret * 1.001
    for unit in plan["units"]:
        values: dict[str, Any] = {}
        same = {tuple(plan["cases"][case]["flags"]) for case in unit["cases"]}
        if len(same) > 1 or any(plan["cases"][case]["args"] for case in unit["cases"]):
            raise FileInvalid(
                f"tasks/{task.id}/tests/plan.json",
                f"expected cases of {unit['group']} that differ in their data alone, got other flags",
            )
        if words := same.pop():
            values["output_validator_flags"] = " ".join(words)
        if scoring and not (ignored and unit["group"].split("/")[0] == "sample"):
            points = unit["points"] if unit["whole"] else unit["points"] / len(unit["cases"])
            values |= {
                "grader_flags": "min" if unit["whole"] else "sum",
                "accept_score": int(points) if points == int(points) else round(points, 9),
                "on_reject": "break" if unit["whole"] else "continue",
            }
        if values:
            files[f"data/{unit['group']}/testdata.yaml"] = imported.document(values)
    if scoring:
        flags = "sum ignore_sample" if ignored else "sum"
        top = imported.document({"grader_flags": flags, "on_reject": "continue"})
        files["data/testdata.yaml"] = top
        files.setdefault("data/secret/testdata.yaml", top)
    return files


def _submissions(task: Task, notes: list[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for kind, names in (("solutions", task.solutions), ("faulty", task.faulty)):
        for name in names:
            assert task.folder is not None, f"task {task.id}: expected one from a catalog, not a snapshot"
            work = catalog.read_folder(task.folder / kind / name, shown=f"tasks/{task.id}/{kind}/{name}")
            work.pop(trial.EXPECT, None)
            verdict, plain = ("accepted", name) if kind == "solutions" else _verdict(name)
            if verdict == "rejected":
                notes.append(
                    f"faulty/{name}: in submissions/rejected/, since its name begins with no verdict"
                )
            if len(work) == 1:
                ((path, data),) = work.items()
                files[f"submissions/{verdict}/{plain}.{path.rpartition('.')[2]}"] = data
            else:
                files |= {f"submissions/{verdict}/{plain}/{path}": data for path, data in work.items()}
    return files


def _verdict(name: str) -> tuple[str, str]:
    for prefix, verdict in _PREFIXES:
        if name.startswith(f"{prefix}-"):
            return verdict, name.removeprefix(f"{prefix}-")
    return ("wrong_answer", name) if name == "starter" else ("rejected", name)


def _is_picture(path: str) -> bool:
    return path.lower().endswith((".png", ".jpg", ".jpeg", ".pdf", ".svg"))
