"""What a package expects of its submissions: folders, tags and submissions.yaml, legacy and later."""

from __future__ import annotations

import pytest

from assessor.authoring import kattis_submissions
from assessor.authoring.kattis_submissions import Submission
from assessor.errors import FileInvalid

WRONG = "assertion: Failed: wrong answer*"
LATE = ("timeout*", "output*", "processes*")
CRASHED = ("assertion: Failed: run-time error*", "memory*", "processes*", "disk*", "crash*")


def read(
    files: dict[str, str], *, version: str = "2025-09", scoring: bool = False
) -> tuple[dict[str, Submission], tuple[str, ...]]:
    found, notes = kattis_submissions.read(
        {path: text.encode() for path, text in files.items()}, shown="p", version=version, scoring=scoring
    )
    return {one.name: one for one in found}, notes


def one(path: str, *, yaml: str = "", text: str = "pass\n", version: str = "2025-09") -> Submission:
    files = {path: text} | ({"submissions.yaml": yaml} if yaml else {})
    (found,) = read(files, version=version)[0].values()
    return found


@pytest.mark.parametrize(
    ("folder", "failures"),
    [
        ("accepted", {}),
        ("wrong_answer", {"first": (WRONG,)}),
        ("time_limit_exceeded", {"first": LATE}),
        ("run_time_error", {"first": CRASHED}),
        ("rejected", {}),
    ],
)
def test_legacy_submission_fails_first_in_its_folders_way(
    folder: str, failures: dict[str, tuple[str, ...]]
) -> None:
    found = one(f"{folder}/a.py", version="legacy")
    assert (found.verdict, found.failures) == (folder, failures)


@pytest.mark.parametrize(
    ("folder", "failures"),
    [
        ("accepted", {}),
        ("wrong_answer", {"every": (WRONG,)}),
        ("time_limit_exceeded", {"every": LATE}),
        ("run_time_error", {"every": CRASHED}),
        ("brute_force", {"every": (*CRASHED, "timeout*", "output*")}),
        ("rejected", {}),
    ],
)
def test_later_submission_fails_in_its_folders_way_alone(
    folder: str, failures: dict[str, tuple[str, ...]]
) -> None:
    found = one(f"{folder}/a.py")
    assert (found.verdict, found.failures) == (folder, failures)


def test_brute_force_means_nothing_in_the_legacy_format() -> None:
    found, notes = read({"brute_force/a.py": ""}, version="legacy")
    assert (found, notes) == (
        {},
        ("submissions/brute_force/a.py: left out, since brute_force does not say how it must end",),
    )


@pytest.mark.parametrize(
    ("yaml", "verdict", "failures"),
    [
        # A folder's own key replaces what the folder means, another pattern adds to it.
        (
            "wrong_answer: {permitted: [AC, WA, TLE]}",
            "wrong_answer",
            {"every": (*LATE, WRONG), "some": (WRONG,)},
        ),
        ("wrong_answer/*: {permitted: [AC, WA, TLE]}", "wrong_answer", {"every": (WRONG,)}),
        ("wrong_answer/b.py: {permitted: [AC]}", "wrong_answer", {"every": (WRONG,)}),
        ("wrong_answer/{b,a}.py: {message: x}", "wrong_answer", {"every": (WRONG,)}),
        ("wrong_answer: {permitted: [AC, WA, TLE, RTE]}", "wrong_answer", {"some": (WRONG,)}),
        (
            "wrong_answer: {permitted: [AC, WA, TLE], required: [WA, TLE]}\n"
            "wrong_answer/a.*: {permitted: [TLE, AC, RTE], required: [TLE]}",
            "wrong_answer",
            {"every": LATE},
        ),
        ("wrong_answer: {permitted: [AC], required: [AC]}", "accepted", {}),
    ],
)
def test_submissions_yaml_says_it_anew(yaml: str, verdict: str, failures: dict[str, tuple[str, ...]]) -> None:
    found = one("wrong_answer/a.py", yaml=yaml)
    assert (found.verdict, found.failures) == (verdict, failures)


def test_folder_of_ones_own_is_known_by_submissions_yaml_alone() -> None:
    files = {"slow/a.py": "", "slow/b/main.py": "", "odd/c.py": ""}
    yaml = "slow: {permitted: [AC, TLE], required: [TLE]}\n"
    found, notes = read(files | {"submissions.yaml": yaml})
    assert {name: (each.verdict, each.failures) for name, each in found.items()} == {
        "a.py": ("rejected", {"every": LATE}),
        "b": ("rejected", {"every": LATE}),
    }
    assert notes == ("submissions/odd/c.py: left out, since odd does not say how it must end",)


def test_star_stays_in_one_name() -> None:
    yaml = "sl*: {permitted: [AC, TLE], required: [TLE]}\n'*.py': {permitted: [AC]}\n"
    assert one("slow/a.py", yaml=yaml).failures == {"every": LATE}


def test_pattern_that_means_no_submission_is_named() -> None:
    yaml = "wrong_answer/a.py: {permitted: [WA]}\n'wrong_anser/*': {permitted: [AC]}\n"
    _, notes = read({"wrong_answer/a.py": "", "submissions.yaml": yaml})
    assert notes == ("submissions/submissions.yaml: wrong_anser/*: left out, it means no submission",)


def test_what_is_required_of_a_part_of_the_cases_is_named() -> None:
    yaml = "wrong_answer/a.py:\n  authors: Ada\n  message: no\n  secret/group1: {permitted: [AC]}\n"
    _, notes = read({"wrong_answer/a.py": "", "submissions.yaml": yaml})
    assert notes == (
        "submissions/submissions.yaml: wrong_answer/a.py: message is left out",
        "submissions/submissions.yaml: wrong_answer/a.py: secret/group1 is left out",
    )


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("wrong_answer: WA\n", "1:1: wrong_answer: expected keys and values"),
        (
            "accepted: {permitted: [OK]}\n",
            "1:12: accepted.permitted: expected some of AC, RTE, TLE, WA, got OK",
        ),
        (
            "accepted: {permitted: []}\n",
            "1:12: accepted.permitted: expected some of AC, RTE, TLE, WA, got none",
        ),
        (
            "wrong_answer/*: {permitted: [TLE, RTE]}\n",
            "1:1: wrong_answer/*: expected outcomes of wrong_answer/a.py that can be, got permitted nothing, "
            "required WA",
        ),
        (
            "wrong_answer: {permitted: [AC]}\n",
            "1:1: wrong_answer: expected outcomes of wrong_answer/a.py that can be, got permitted AC, "
            "required WA",
        ),
    ],
)
def test_wrong_submissions_yaml_is_refused_with_its_place(yaml: str, problem: str) -> None:
    with pytest.raises(FileInvalid) as caught:
        one("wrong_answer/a.py", yaml=yaml)
    assert str(caught.value) == f"p/submissions/submissions.yaml:{problem}"


def test_tag_says_more_than_the_folder_and_several_mean_any_of_them() -> None:
    tag = "# @EXPECTED_RESULTS@: {}\n"
    late = one("accepted/a.py", text=tag.format("TIMELIMIT"), version="legacy")
    assert (late.verdict, late.failures) == ("time_limit_exceeded", {"first": LATE})
    either = one("accepted/a.py", text=tag.format("WRONG-ANSWER, TIMELIMIT"), version="legacy")
    assert (either.verdict, either.failures) == ("wrong_answer", {"first": (WRONG, *LATE)})
    found, notes = read({"a/a.py": tag.format("CORRECT, TIMELIMIT")}, version="legacy")
    assert (found, notes) == (
        {},
        ("submissions/a/a.py: left out, since accepted or time_limit_exceeded does not say how it must end",),
    )


def test_part_of_the_points_is_expected_of_scoring_problems_alone() -> None:
    found, _ = read({"partially_accepted/a.py": ""}, scoring=True)
    assert (found["a.py"].verdict, found["a.py"].failures) == ("partially_accepted", {})
    assert read({"partially_accepted/a.py": ""})[0] == {}
