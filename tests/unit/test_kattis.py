"""Problem packages as tasks and back: what comes along, what is named, what is refused and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assessor import catalog
from assessor.authoring import imported, kattis, kattis_export, kattis_programs, kattis_statement
from assessor.authoring.imported import Imported
from assessor.cli import main
from assessor.errors import FileInvalid
from tests.unit.test_authoring import CEILING, write

PACKAGE = {
    "problem.yaml": "name: Odd\nlicense: cc by\nsource: Here\nauthor: Ada\n"
    "validator_flags: float_tolerance 1e-6\n",
    ".timelimit": "3\n",
    "problem_statement/problem.en.tex": "\\problemname{Odd}\n"
    "Add \\emph{one} to \\(n\\).\n\\section*{Input}\n$n$.\n",
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "2\n",
    "data/secret/a.in": "2\n",
    "data/secret/a.ans": "3\n",
    "data/secret/b.in": "3\n",
    "data/secret/b.ans": "4\n",
    "submissions/accepted/one.py": "print(int(input()) + 1)\n",
    "submissions/wrong_answer/two.py": "print(2)\n",
    "submissions/accepted/one.kt": "fun main() {}\n",
    "input_validators/check.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "odd"
    for path, text in PACKAGE.items():
        write(folder, path, text)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "catalog"
    ceiling = CEILING.replace("wall_s: 60", "wall_s: 120").replace("memory_mib: 256", "memory_mib: 1024")
    for name, language in (("python", "python"), ("c-cpp", "cpp"), ("java", "java")):
        write(
            root,
            f"sandboxes/{name}/sandbox.yaml",
            f"name: {name}\nsummary: s\nlanguages: [{language}]\ngrader: grader\n{ceiling}",
        )
    write(root, "sandboxes/grader/sandbox.yaml", f"name: grader\nsummary: s\nrole: grader\n{ceiling}")
    (root / "tasks").mkdir()
    (root / "rubrics").mkdir()
    return root


def one(folder: Path) -> Imported:
    (made,) = kattis.read(folder)
    return made


def plan(made: Imported) -> dict[str, object]:
    return dict(json.loads(made.files["tests/plan.json"]))


def test_package_becomes_a_task_of_the_catalog(folder: Path, root: Path) -> None:
    imported.write(one(folder), root)
    task = catalog.load(root).task("kattis-odd-python3")
    assert (task.sandbox, task.limits.call_s, task.solutions) == ("python", 3, ("one",))
    assert task.faulty == ("starter", "wrong-answer-two")
    assert task.test_files["data/secret/b.ans"] == b"4\n"
    assert "Add *one* to $n$.\n\n## Input\n\n$n$." in task.brief
    assert "## Example 1\n\nInput:\n\n```text\n1\n```\n\nOutput:\n\n```text\n2\n```" in task.brief


def test_samples_are_visible_and_secret_cases_are_not(folder: Path) -> None:
    source = one(folder).files["tests/test_cases.py"].decode()
    sample, secret = source.split("def test_sample")
    assert "visible" in sample
    assert "visible" not in secret
    compile(source, "test_cases.py", "exec")


def test_what_is_left_out_is_named(folder: Path) -> None:
    assert one(folder).notes == (
        "submissions/accepted/one.kt: left out, written in Kotlin, which no profile has",
        "left out, for the package's own tools: input_validators",
    )


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("problem.yaml", "validation: custom interactive\n", r'problem\.yaml:1:1: .* got "interactive"'),
        (
            "problem.yaml",
            "name: O\ntype: [pass-fail, multi-pass]\n",
            r'problem\.yaml:2:1: .* got "multi-pass"',
        ),
        ("problem.yaml", "validation: custom score\n", r'problem\.yaml:1:1: .* got "score"'),
        ("problem.yaml", "problem_format_version: '2031'\n", 'expected one of legacy, .* got "2031"'),
        ("problem.yaml", "validator_flags: colour\n", r'problem\.yaml:1:1: .*: sample/1: .* got "colour"'),
        ("include/cpp/x.h", "", "include/cpp/x.h: expected a package that puts no files beside submissions"),
        ("graders/g.py", "", "graders/g.py: expected the default grader"),
        ("data/secret/c.in", "", r"data/secret/c\.ans: expected the answer to secret/c\.in, got nothing"),
        ("data/secret/c.files/x", "", "expected cases without files of their own"),
        (
            "data/secret/testdata.yaml",
            "grading: custom\n",
            r"testdata\.yaml:1:1: grading: .* got a custom one",
        ),
        ("data/secret/testdata.yaml", "a: b\nb:\n", r"testdata\.yaml:2:1: b: expected a value"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_its_place(
    folder: Path, path: str, text: str, problem: str
) -> None:
    write(folder, path, text)
    with pytest.raises(FileInvalid, match=problem):
        kattis.read(folder)


def test_package_without_a_reference_that_runs_is_refused(folder: Path) -> None:
    (folder / "submissions/accepted/one.py").unlink()
    with pytest.raises(FileInvalid, match="submissions/accepted: expected a reference in python3"):
        kattis.read(folder)


def test_link_out_of_the_package_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (folder / "data/secret/x.in").symlink_to(tmp_path / "secret")
    with pytest.raises(
        FileInvalid, match=r"odd/data/secret/x\.in: expected a link that stays in the package"
    ):
        kattis.read(folder)


def test_compiled_validator_takes_the_profile_that_has_compilers(folder: Path) -> None:
    write(folder, "problem.yaml", "name: Odd\nvalidation: custom\n")
    write(folder, "output_validators/v/v.cc", "int main() { return 42; }\n")
    made = one(folder)
    assert b"sandbox: c-cpp" in made.files["task.yaml"]
    assert made.files["tests/validator/main.cpp"] == b"int main() { return 42; }\n"


def scored(folder: Path) -> Path:
    write(folder, "problem.yaml", "name: Odd\ntype: scoring\n")
    for path in ("data/secret/a", "data/secret/b"):
        for end in (".in", ".ans"):
            (folder / f"{path}{end}").rename(folder / f"data/{path[-1]}{end}")
    group = "on_reject: break\ngrader_flags: min\naccept_score: "
    for name, score in (("g1", 30), ("g2", 70)):
        write(folder, f"data/secret/{name}/testdata.yaml", f"{group}{score}\n")
        for case in "ab":
            for end in (".in", ".ans"):
                write(folder, f"data/secret/{name}/{case}{end}", (folder / f"data/{case}{end}").read_text())
    return folder


def test_group_that_counts_as_a_whole_becomes_one_test_with_its_points(folder: Path) -> None:
    source = one(scored(folder)).files["tests/test_cases.py"].decode()
    found = [line for line in source.splitlines() if line.startswith(("@pytest.mark.crit", "def "))]
    assert found == [
        '@pytest.mark.criterion("correct", points=100)',
        "def test_sample(judge, case):",
        '@pytest.mark.criterion("correct", points=2970)',
        "def test_secret_g1(judge):",
        '@pytest.mark.criterion("correct", points=6930)',
        "def test_secret_g2(judge):",
    ]


@pytest.mark.parametrize("scoring", [False, True])
def test_export_is_imported_as_the_same_task(folder: Path, root: Path, tmp_path: Path, scoring: bool) -> None:
    first = one(scored(folder) if scoring else folder)
    imported.write(first, root)
    out = tmp_path / "out" / "odd"
    kattis_export.write(kattis_export.export(catalog.load(root).task(first.task_id)), out)
    again = one(out)
    assert plan(again)["cases"] == plan(first)["cases"]
    assert again.files["tests/test_cases.py"] == first.files["tests/test_cases.py"]
    assert {p for p in again.files if p.startswith(("solutions/", "faulty/wrong-answer-two"))} == {
        p for p in first.files if p.startswith(("solutions/", "faulty/wrong-answer-two"))
    }


def test_task_of_another_kind_is_not_exported(root: Path) -> None:
    tasks = catalog.load(Path(__file__).parents[2])
    with pytest.raises(FileInvalid, match=r"tests/plan\.json: expected tests that are cases of data"):
        kattis_export.export(tasks.task("median-stats"))


def test_statement_keeps_formulas_and_names_what_it_does_not_know() -> None:
    text, unknown = kattis_statement.from_tex(
        "\\begin{itemize}\n\\item 5\\% of $a_1$\n\\item \\textbf{x}\n\\end{itemize}\n\\foo{y} % gone\n"
    )
    assert text == "- 5% of $a_1$\n- **x**\n\n\\foo{y}"
    assert unknown == ("\\foo{y}",)


def test_entry_of_several_files_is_the_one_that_starts() -> None:
    found = kattis_programs.read({"a.cc": b"int f();", "b.cc": b"int main() {}", "f.h": b""})
    assert isinstance(found, kattis_programs.Program)
    assert found.files["main.cpp"] == b"int main() {}"
    assert (
        kattis_programs.read({"a.py": b"", "b.py": b""})
        == "expected to know by which of a.py, b.py it starts"
    )
    assert (
        kattis_programs.read({"a.py": b"#!/usr/bin/python2\n"}) == "written in Python 2, which no profile has"
    )


def test_command_line_imports_names_what_is_left_out_and_exports(
    folder: Path, root: Path, tmp_path: Path
) -> None:
    start = ["--home", str(tmp_path / "home"), "--catalog", str(root), "tasks"]
    done = CliRunner().invoke(main, [*start, "import", "kattis", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    (made,) = json.loads(done.stdout)["tasks"]
    assert made["task"] == "kattis-odd-python3"
    assert made["notes"][0] in done.stderr
    done = CliRunner().invoke(main, [*start, "import", "kattis", str(folder)])
    assert done.exit_code == 2
    assert "refused: tasks/kattis-odd-python3: expected nothing there before the import" in done.stderr
    done = CliRunner().invoke(main, [*start, "export", "kattis", made["task"], str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/submissions/wrong_answer/two.py").read_text() == "print(2)\n"
