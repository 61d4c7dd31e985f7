"""Imported tasks, locked and proven: their references pass, everything else fails, in a sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assessor import catalog
from assessor.authoring import exercism, imported, kattis, lock, prove, quixbugs
from assessor.authoring.imported import Imported
from assessor.errors import FileInvalid
from assessor.sandbox.protocol import Sandbox
from assessor.sandbox.unsafe_local import UnsafeLocal
from tests import boxes, quix

ROOT = Path(__file__).parents[2]
CHECKER = """import sys

answer = int(open(sys.argv[2]).read())
said = sys.stdin.read().split()
open(sys.argv[3] + "judgemessage.txt", "w").write("not the square")
sys.exit(42 if len(said) == 1 and abs(int(said[0])) == answer and sys.argv[4:] == ["strict"] else 43)
"""
CHECKER_CPP = """#include <fstream>
#include <iostream>
int main(int argc, char **argv) {
    std::ifstream answers(argv[2]);
    long answer = 0, said = 0;
    answers >> answer;
    return (std::cin >> said) && std::abs(said) == answer && argc == 5 ? 42 : 43;
}
"""
PACKAGE = {
    "problem.yaml": "name: Square\nvalidation: custom\nvalidator_flags: strict\nlicense: cc0\n",
    ".timelimit": "2",
    "problem_statement/problem.en.md": "Print the square.\n",
    "data/sample/1.in": "2\n",
    "data/sample/1.ans": "4\n",
    "data/secret/1.in": "30\n",
    "data/secret/1.ans": "900\n",
}
PYTHON = {
    "submissions/accepted/plain.py": "print(int(input()) ** 2)\n",
    "submissions/accepted/minus.py": "print(-int(input()) ** 2)\n",
    "submissions/wrong_answer/twice.py": "print(int(input()) * 2)\n",
    "submissions/run_time_error/raises.py": "print(int(input()) ** 2)\nraise SystemExit(1)\n",
    "submissions/time_limit_exceeded/sleeps.py": "import time\ntime.sleep(9)\n",
}
CPP = {
    "submissions/accepted/plain.cc": "#include <iostream>\n"
    "int main() { long n; std::cin >> n; std::cout << n * n; }\n",
    "submissions/wrong_answer/one.cc": "#include <iostream>\nint main() { std::cout << 1; }\n",
    "submissions/run_time_error/aborts.cc": "#include <cstdlib>\nint main() { std::abort(); }\n",
    "submissions/compiler_error/no.cc": "int main( {\n",
}
JAVA = {
    "submissions/accepted/Square.java": "import java.util.Scanner;\npublic class Square {\n"
    "    public static void main(String[] a) {\n"
    "        long n = new Scanner(System.in).nextLong();\n        System.out.println(n * n);\n    }\n}\n",
    "submissions/wrong_answer/Zero.java": "class Zero {\n    public static void main(String[] a) {\n"
    "        System.out.println(0);\n    }\n}\n",
}


def made_of(folder: Path, *parts: dict[str, str]) -> Path:
    for part in parts:
        for path, text in part.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalog of no tasks, with this repository's sandboxes."""
    root = tmp_path / "catalog"
    shutil.copytree(ROOT / "sandboxes", root / "sandboxes")
    (root / "tasks").mkdir()
    (root / "rubrics").mkdir()
    return root


def proven(root: Path, made: Imported, sandbox: Sandbox) -> prove.Proof:
    """The proof of an imported task, which holds."""
    imported.parsed(made, root)
    imported.write(made, root)
    tasks = catalog.load(root)
    lock.write(tasks.task(made.task_id), lock.lock(tasks, made.task_id, sandbox))
    proof = prove.prove(catalog.load(root), made.task_id, sandbox)
    proof.require()
    return proof


def test_exercise_holds_with_its_tests_unchanged_and_all_visible(root: Path, tmp_path: Path) -> None:
    tests = (
        "import unittest\nfrom leap import leap_year\n\nclass LeapTest(unittest.TestCase):\n"
        "    def test_four(self):\n        self.assertIs(leap_year(1996), True)\n"
        '    @unittest.skip("extra")\n    def test_long(self):\n        self.fail()\n'
    )
    folder = made_of(
        tmp_path / "leap",
        {
            ".meta/config.json": '{"blurb": "b", "files": {"solution": ["leap.py"], '
            '"test": ["leap_test.py"], "example": [".meta/example.py"]}}',
            ".meta/example.py": "def leap_year(year):\n    return year % 4 == 0\n",
            ".docs/instructions.md": "# Instructions\n\nTell leap years.\n",
            "leap.py": "def leap_year(year):\n    pass\n",
            "leap_test.py": tests,
        },
    )
    proven(root, exercism.read(folder), UnsafeLocal())
    manifest = catalog.load(root).task("exercism-leap").manifest
    assert manifest is not None
    assert [(one.id, one.visible) for one in manifest.tests] == [("leap_test.py::LeapTest::test_four", True)]


def test_package_with_a_validator_in_python_holds(root: Path, tmp_path: Path) -> None:
    checker = {"output_validators/check/check.py": CHECKER}
    (made,) = kattis.read(made_of(tmp_path / "square", PACKAGE, PYTHON, checker))
    proof = proven(root, made, UnsafeLocal())
    assert [one.folder for one in proof.tried if not one.failed] == ["solutions/minus", "solutions/plain"]


def test_reference_that_its_validator_refuses_stops_the_lock(root: Path, tmp_path: Path) -> None:
    checker = {"output_validators/check/check.py": CHECKER.replace("strict", "lenient")}
    (made,) = kattis.read(made_of(tmp_path / "square", PACKAGE, PYTHON, checker))
    imported.write(made, root)
    with pytest.raises(FileInvalid, match=r"failed .*: assertion: Failed: wrong answer: not the square"):
        lock.lock(catalog.load(root), made.task_id, UnsafeLocal())


@pytest.mark.docker
@pytest.mark.parametrize(
    ("work", "checker"),
    [(CPP, {"output_validators/c.cc": CHECKER_CPP}), (JAVA, {"output_validators/c.py": CHECKER})],
    ids=["cpp", "java"],
)
def test_package_of_a_compiled_language_holds_in_its_profile(
    root: Path, tmp_path: Path, work: dict[str, str], checker: dict[str, str]
) -> None:
    # A virtual machine starts slowly on a machine that has other things to do.
    patient = {".timelimit": "15"}
    (made,) = kattis.read(made_of(tmp_path / "square", PACKAGE, patient, work, checker))
    with boxes.box() as sandbox:
        proof = proven(root, made, sandbox)
    assert [one.folder for one in proof.tried if not one.failed] == [one.folder for one in proof.tried[:1]]


@pytest.mark.docker
def test_mistakes_of_a_collection_fail_and_what_is_mended_passes(root: Path, tmp_path: Path) -> None:
    double, last = quixbugs.programs(quix.written(tmp_path / "copy"))
    with boxes.box() as sandbox:
        proofs = [proven(root, quixbugs.read(program), sandbox) for program in (double, last)]
    assert [{one.folder: len(one.failed) for one in proof.tried} for proof in proofs] == [
        # Of 0 and 3 doubled, 3 never comes to its end; the case that takes long does not count.
        {"solutions/fixed": 0, "starter": 1, "faulty/nothing": 2},
        {"solutions/fixed": 0, "starter": 1, "faulty/nothing": 2},
    ]


def test_refactoring_exercise_holds_with_a_stub_that_passes_everything(root: Path, tmp_path: Path) -> None:
    works = "def one():\n    return 1\n"
    folder = made_of(
        tmp_path / "one",
        {
            ".meta/config.json": '{"blurb": "Refactor it.", "files": {"solution": ["one.py"], '
            '"test": ["one_test.py"], "example": [".meta/example.py"]}}',
            ".meta/example.py": works,
            ".docs/instructions.md": "# Instructions\n\nMake it better.\n",
            "one.py": works,
            "one_test.py": "from one import one\n\n\ndef test_one():\n    assert one() == 1\n",
        },
    )
    proof = proven(root, exercism.read(folder), UnsafeLocal())
    assert [one.folder for one in proof.tried if not one.failed] == ["solutions/example", "starter"]


def test_submission_that_fails_in_another_way_than_its_folder_says_is_found(
    root: Path, tmp_path: Path
) -> None:
    wrong = {"submissions/run_time_error/wrong.py": "print(7)\n"}
    plain = PACKAGE | {"problem.yaml": "name: Square\nlicense: cc0\n"}
    work = {path: text for path, text in PYTHON.items() if "minus" not in path}
    (made,) = kattis.read(made_of(tmp_path / "square", plain, work | wrong))
    with pytest.raises(FileInvalid) as caught:
        proven(root, made, UnsafeLocal())
    assert "faulty/run-time-error-wrong: expected the first failure to be" in str(caught.value)
    assert "got test_cases.py::test_sample[1]: assertion: Failed: wrong answer: token 1" in str(caught.value)
