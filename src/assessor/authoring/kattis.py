"""A Kattis problem package as tasks: one for each language that has an accepted submission.

Comes in: a `Package`. Goes out: `Imported` tasks. Accepted submissions become references, the others
known-bad work; each case becomes a test, those of sample/ visible; `kattis_judge` goes along as the tests'
helper.

    tasks/<prefix>-<package>-<language>/
        tests/test_cases.py plan.json kattis_judge.py
              data/sample/*.in *.ans  data/secret/...
              validator/              the package's own, if it has one
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from assessor.authoring import imported, kattis_data, kattis_package, kattis_submissions
from assessor.authoring.imported import Imported
from assessor.authoring.kattis_data import Unit
from assessor.authoring.kattis_package import Package
from assessor.authoring.kattis_programs import BY_ID, LANGUAGES, Language
from assessor.authoring.kattis_submissions import Submission
from assessor.errors import FileInvalid

PREFIX = "kattis"
#: The profile that has compilers, and Python beside them.
NATIVE = "c-cpp"
_HEAD = '''"""One test for each case of the package. Made by `assessor tasks import kattis`."""

import pytest
from kattis_judge import judge as judge
'''
#: Seconds that a run of all tests may take: as long as any profile allows.
_WALL_S = 120
_CALL_S = 20
_MEMORY_MIB = 1024
_OUTPUT_KIB = 4096


def read(folder: Path, *, prefix: str = PREFIX, languages: Iterable[str] = ()) -> list[Imported]:
    """The tasks that a package becomes, in the order of `kattis_programs.LANGUAGES`.

    Args:
        folder: the package.
        prefix: first words of the ids; may be empty.
        languages: ids of languages to make tasks for; all that have an accepted submission if empty.

    Raises:
        FileInvalid: the package is wrong, cannot be imported, or has no accepted submission in such a
            language.
    """
    package = kattis_package.read(folder)
    wanted = tuple(languages)
    accepted = {one.program.language.id for one in package.submissions if one.verdict == "accepted"}
    chosen = [one for one in LANGUAGES if one.id in accepted and (not wanted or one.id in wanted)]
    if not chosen:
        among = ", ".join(wanted) or ", ".join(BY_ID)
        raise FileInvalid(
            f"{package.name}/submissions/accepted",
            f"expected a reference in {among}, got none that can be run",
        )
    able = [one for one in chosen if _sandbox(package, one) is not None]
    if not able:
        raise FileInvalid(
            f"{package.name}/output_validators",
            f"expected a validator in Python for tasks in {', '.join(one.name for one in chosen)}, "
            "got one that must be compiled, which their sandboxes cannot",
        )
    return [_task(package, language, prefix, able) for language in able]


def _sandbox(package: Package, language: Language) -> str | None:
    """The profile that can run both the work and the package's validator, or None."""
    if package.validator is None or not package.validator["native"]:
        return language.sandbox
    return NATIVE if language.sandbox in (NATIVE, "python") else None


def _task(package: Package, language: Language, prefix: str, chosen: list[Language]) -> Imported:
    task_id = imported.identifier(prefix, package.name, language.id)
    notes = list(package.notes)
    for other in {one.program.language.id for one in package.submissions} - {one.id for one in chosen}:
        notes.append(
            f"submissions in {BY_ID[other].name}: left out, no task is made for that language "
            "(no accepted submission, or a validator that its sandbox cannot compile)"
        )
    if package.languages and language.id not in package.languages:
        notes.append(f"problem.yaml: languages does not name {language.id}; the task is made all the same")
    made = {
        "task.yaml": _yaml(task_id, package, language, notes),
        "README.md": _brief(package, language),
        **package.pictures,
        f"starter/{language.entry}": language.nothing.encode(),
        **{f"starter/attachments/{path}": data for path, data in package.attachments.items()},
        **{f"tests/{path}": data for path, data in _tests(package, language).items()},
        f"faulty/starter/{language.entry}": language.nothing.encode(),
        "faulty/starter/expect.yaml": imported.expectation("a program that prints nothing"),
    }
    if package.attachments:
        notes.append("attachments: in starter/attachments; they cannot be handed in")
    made |= _work(package, language)
    return Imported(
        task_id=task_id,
        files=made,
        rubric=imported.rubric(
            task_id,
            package.title,
            description="Each case is worth points." if package.scoring else "Every case must be right.",
            pass_from=50 if package.scoring else 100,
        ),
        notes=tuple(notes),
    )


def _work(package: Package, language: Language) -> dict[str, bytes]:
    """Submissions of one language, each in a folder of its own name."""
    found: dict[str, bytes] = {}
    taken = {"faulty/starter"}
    for one in package.submissions:
        if one.program.language != language:
            continue
        folder = _folder(one, taken)
        taken.add(folder)
        found |= {f"{folder}/{path}": data for path, data in one.program.files.items()}
        if one.verdict != "accepted":
            summary = f"{one.verdict}/{one.name}: {kattis_submissions.VERDICTS[one.verdict]}"
            found[f"{folder}/expect.yaml"] = imported.expectation(summary, one.failures)
    return found


def _folder(one: Submission, taken: set[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", one.name.rsplit(".", 1)[0].lower()).strip("-") or "program"
    kind = "solutions" if one.verdict == "accepted" else f"faulty/{one.verdict.replace('_', '-')}"
    plain = f"{kind}/{stem}" if kind == "solutions" else f"{kind}-{stem}"
    return next(name for name in (plain, *(f"{plain}-{n}" for n in range(2, 1000))) if name not in taken)


def _yaml(task_id: str, package: Package, language: Language, notes: list[str]) -> bytes:
    limits = {"wall_s": _WALL_S, "call_s": min(_CALL_S, max(1, math.ceil(package.time_s)))}
    for key, asked, most in (
        ("memory_mib", package.memory_mib or _MEMORY_MIB, _MEMORY_MIB),
        ("output_kib", (package.output_mib or 4) * 1024, _OUTPUT_KIB),
    ):
        limits[key] = min(asked, most)
        if asked > most:
            notes.append(
                f"problem.yaml: {key} is lowered from {asked} to {most}, the most that a profile gives"
            )
    if package.time_s > _CALL_S:
        notes.append(
            f"the time limit is lowered from {package.time_s:g} to {_CALL_S} s, the most that a profile gives"
        )
    return imported.document(
        {
            "id": task_id,
            "version": "1.0",
            "title": f"{package.title} ({language.name})",
            "summary": f"Write a program in {language.name} that reads standard input and prints the answer.",
            "level": "intermediate",
            "minutes": 60,
            "sandbox": _sandbox(package, language),
            "limits": limits,
            "submission": {"required": [language.entry], "allow": language.allow},
            "tests": {"command": list(language.run)},
            "rubric": task_id,
            "policy": {
                "tries": 100,
                "cooldown_s": 0,
                "class": "practice",
                "feedback": {"visible": "full", "hidden": "counts"},
            },
        }
    )


def _brief(package: Package, language: Language) -> bytes:
    parts = [f"# {package.title}", package.statement]
    samples = [case for name, case in package.data.cases.items() if name.startswith("sample/")]
    for number, case in enumerate(samples, 1):
        shown = [_fenced(data) for data in (case.stdin, case.answer)]
        parts.append(f"## Example {number}\n\nInput:\n\n{shown[0]}\n\nOutput:\n\n{shown[1]}")
    seconds = f"{package.time_s:g} second{'' if package.time_s == 1 else 's'}"
    parts.append(
        f"## How it is judged\n\nHand in `{language.entry}`, a program in {language.name} that reads "
        f"standard input and prints to standard output. Each run may take {seconds}. "
        + ("Each case is worth points." if package.scoring else "Every case must be right.")
    )
    parts.append("## Where it comes from\n\n" + "\n".join(_origin(package)))
    return ("\n\n".join(parts) + "\n").encode()


def _origin(package: Package) -> list[str]:
    rights = f" Rights: {package.owner}." if package.owner else ""
    return [
        *([f"Source: {package.source}."] if package.source else []),
        *([f"Authors: {', '.join(package.authors)}."] if package.authors else []),
        f"Licence: {package.licence}.{rights}",
    ]


def _fenced(data: bytes) -> str:
    text = data.decode(errors="replace").rstrip("\n")
    text = "".join(c if c == "\n" or c == "\t" or c.isprintable() else "\ufffd" for c in text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _tests(package: Package, language: Language) -> dict[str, bytes]:
    validator = package.validator
    plan = {
        "time_s": min(package.time_s, _CALL_S),
        "submission": language.plan(),
        "validator": None if validator is None else {key: validator[key] for key in ("build", "made", "run")},
        "units": [
            {
                "group": unit.group,
                "cases": list(unit.cases),
                "whole": unit.whole,
                "points": float(unit.points),
            }
            for unit in package.data.units
        ],
        "package": {
            "title": package.title,
            "licence": package.licence,
            "owner": package.owner,
            "source": package.source,
            "scoring": package.scoring,
        },
        "cases": {
            case.name: {"args": list(case.args), "flags": list(case.flags)}
            for case in package.data.cases.values()
        },
    }
    judge = resources.files("assessor.authoring").joinpath("kattis_judge.py").read_bytes()
    made = {
        "kattis_judge.py": judge,
        "plan.json": json.dumps(plan, indent=1, ensure_ascii=False).encode() + b"\n",
        "test_cases.py": _source(package).encode(),
    }
    for case in package.data.cases.values():
        made[f"data/{case.name}.in"] = case.stdin
        made[f"data/{case.name}.ans"] = case.answer
    if validator is not None:
        made |= {f"validator/{path}": data for path, data in validator["files"].items()}
    return made


def _source(package: Package) -> str:
    """The file of tests: one function for each unit."""
    points = kattis_data.whole(package.data.units) if package.scoring else {}
    names: set[str] = set()
    return _HEAD + "".join(_function(unit, points.get(unit.group), names) for unit in package.data.units)


def _function(unit: Unit, points: int | None, names: set[str]) -> str:
    plain = "test_" + re.sub(r"\W+", "_", unit.group, flags=re.ASCII)
    name = next(one for one in (plain, *(f"{plain}_{n}" for n in range(2, 1000))) if one not in names)
    names.add(name)
    marks = "@pytest.mark.visible\n" if unit.visible else ""
    if points is not None:
        marks += f'@pytest.mark.criterion("{imported.CRITERION}", points={points})\n'
    cases = "".join(f"    {json.dumps(case)},\n" for case in unit.cases)
    if unit.whole:
        body = f"    for case in [\n{_indented(cases)}    ]:\n        judge(case)\n"
        return f"\n\n{marks}def {name}(judge):\n{body}"
    ids = json.dumps([case.removeprefix(f"{unit.group}/") for case in unit.cases])
    marks += f'@pytest.mark.parametrize("case", [\n{cases}], ids={ids})\n'
    return f"\n\n{marks}def {name}(judge, case):\n    judge(case)\n"


def _indented(text: str) -> str:
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))
