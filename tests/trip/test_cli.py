"""The whole trip through the command line: real processes, queue, containers, evidence."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assessor import digest
from tests.trip.shop import ROOT, Forker, Said, Shop, until

pytestmark = [pytest.mark.docker, pytest.mark.slow]

#: Three of the five functions are missing: the tests of those fail, the rest counts.
PARTLY = """
def mean(values):
    if not values:
        raise ValueError("no values")
    return sum(values) / len(values)


def mode(values):
    if not values:
        raise ValueError("no values")
    return max(values, key=values.count)
"""


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    made = Forker(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("shop"), forker)
    made.up(workers=2)
    try:
        yield made
    finally:
        status = made.down(signal.SIGTERM)
    assert status == 0, made.log()
    assert made.processes() == [], "SIGTERM ends all children and the queue server"
    assert made.containers() == []


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What `submit --follow` said of four uploads, handed in at once."""

    right: Said
    partly: Said
    hostile: Said
    reviewed: Said


@pytest.fixture(scope="module")
def judged(shop: Shop) -> Judged:
    hand_in = ("submit", "--follow", "--json", "--learner")
    waiting = {
        "right": shop.start(*hand_in, "Ada", "median-stats", shop.own("median-stats", "solutions/plain")),
        "partly": shop.start(*hand_in, "Ben", "median-stats", shop.upload("partly", stats_py=PARTLY)),
        "hostile": shop.start(*hand_in, "Mallory", "median-stats", ROOT / "script" / "demo-hostile"),
        "reviewed": shop.start(*hand_in, "Rosa", "log-report", shop.own("log-report", "solutions/counters")),
    }
    return Judged(**{name: finish() for name, finish in waiting.items()})


@pytest.fixture(scope="module")
def right(judged: Judged) -> Any:
    return judged.right.json


@pytest.fixture(scope="module")
def pack(shop: Shop, right: Any) -> Path:
    target = shop.folder / "right.zip"
    shop.done("export-pack", right["attempt"], target, "--with-work")
    return target


# --- handing in and looking


def test_exit_status_tells_how_it_came_out(judged: Judged) -> None:
    said = (judged.right, judged.partly, judged.hostile, judged.reviewed)
    assert [one.status for one in said] == [0, 1, 1, 4], said
    assert [one.json["verdict"] for one in said] == ["passed", "failed", "failed", "awaiting review"]


def test_score_tells_how_much_of_it_was_right(judged: Judged) -> None:
    assert judged.right.json["score"] == [1, 1]
    above, below = judged.partly.json["score"]
    assert 0 < above < below
    assert judged.hostile.json["score"] == [0, 1]


def test_refused_upload_keeps_nothing(shop: Shop) -> None:
    upload = shop.upload("linked", stats_py="x = 1\n")
    if not (upload / "more.py").is_symlink():
        (upload / "more.py").symlink_to("/etc/passwd")
    before = sorted((shop.home / "blobs" / "sha256").rglob("*"))
    said = shop.run("submit", "median-stats", upload, "--learner", "Eve", "--follow")
    assert said.status == 1
    assert said.out == ""
    assert "more.py" in said.err
    assert sorted((shop.home / "blobs" / "sha256").rglob("*")) == before
    assert shop.values("status", "--learner", "Eve")["attempts"] == []
    assert shop.run("export", "Eve", shop.folder / "eve").status == 2


def test_unknown_task_names_the_nearest(shop: Shop) -> None:
    said = shop.run("submit", "median-stat", shop.folder, "--learner", "Ada")
    assert said.status == 2
    assert "median-stats" in said.err


def test_status_tells_queue_workers_sandboxes_and_medians(shop: Shop, judged: Judged) -> None:
    values = shop.values("status")
    assert values["queue"]["awaiting_review"] >= 0
    assert values["queue"]["judged"] >= 3
    assert values["queue"]["unjudged"] == 0
    assert len(values["workers"]) == 2
    assert isinstance(values["sandboxes"], list)
    assert {"waiting", "take", "run"} <= set(values["medians_ms"])
    text = shop.done("status").out
    assert judged.right.json["attempt"] in text
    assert "sandboxes:" in text


def test_status_of_one_attempt_and_of_an_unknown_one(shop: Shop, right: Any) -> None:
    (row,) = shop.values("status", right["attempt"])["attempts"]
    assert row == {name: right[name] for name in row}
    said = shop.run("status", "nothing")
    assert said.status == 2
    assert "expected the id of an attempt, got 'nothing'" in said.err


def test_show_tells_the_learner_of_visible_tests_alone(shop: Shop, judged: Judged) -> None:
    attempt = judged.partly.json["attempt"]
    manifest = json.loads((shop.catalog / "tasks/median-stats/manifest.json").read_text())
    hidden = [test["id"] for test in manifest["tests"] if not test["visible"]]
    visible = [test["id"] for test in manifest["tests"] if test["visible"]]
    shown = shop.run("show", attempt, COLUMNS="300")
    assert shown.status == 1
    assert any(name in shown.out for name in visible)
    said = shown.out + shop.run("show", attempt, "--json").out
    assert [name for name in hidden if name in said] == []
    private = shop.run("show", attempt, "--private")
    assert private.status == 1
    assert {name for name in hidden if name in private.out} == set(hidden)
    json.loads(private.out)


def test_javascript_is_judged_as_python_is(shop: Shop) -> None:
    values = shop.values(
        "submit", "slugify-js", shop.own("slugify-js", "solutions/loop"), "--learner", "Joan", "--follow"
    )
    assert (values["verdict"], values["score"]) == ("passed", [1, 1])


# --- review, rescore, regrade


def test_reviewed_task_signs_nothing_before_the_review(shop: Shop, judged: Judged) -> None:
    attempt = judged.reviewed.json["attempt"]
    folder = shop.home / "evidence" / attempt
    assert judged.reviewed.json["evidence"] is None
    assert not folder.exists()
    assert shop.run("export-pack", attempt, shop.folder / "early.zip").status == 2
    refused = shop.run("review", attempt, "clarity", "--marks", "9", "--reviewer", "Vera")
    assert refused.status == 2
    assert "9" in refused.err
    assert shop.run("review", attempt, "parsing", "--marks", "1", "--reviewer", "Vera").status == 2
    assert not folder.exists()
    waiting = shop.values("status", "--state", "awaiting-review")["attempts"]
    assert [one["attempt"] for one in waiting] == [attempt]
    given = shop.values("review", attempt, "clarity", "--marks", "3", "--reviewer", "Vera", "--comment", "ok")
    assert given["verdict"] == "passed"
    assert given["score"] == [15, 16]
    assert Path(given["evidence"]) == folder
    shop.done("verify", folder)
    assert b"Vera" not in (folder / "record.json").read_bytes()
    better = shop.values("review", attempt, "clarity", "--marks", "4", "--reviewer", "Vera")
    assert (better["attempt"] != attempt, better["number"], better["score"]) == (True, 2, [1, 1])
    shop.done("verify", folder)
    # The marks go along, and so does the review in a reproduction.
    rescored = shop.values("rescore", attempt)
    assert rescored["score"] == [15, 16]


def test_rescore_is_a_new_attempt_with_the_same_record(shop: Shop, right: Any) -> None:
    new = shop.values("rescore", right["attempt"])
    assert (new["attempt"] != right["attempt"], new["kind"]) == (True, "rescore")
    assert new["submission"] == right["submission"]
    records = [(shop.home / "evidence" / one["attempt"] / "record.json").read_bytes() for one in (right, new)]
    assert records[0] == records[1]
    (old,) = shop.values("status", right["attempt"])["attempts"]
    assert (old["state"], old["number"]) == ("judged", 1)


def test_regrade_runs_again_to_the_same_record(shop: Shop, right: Any) -> None:
    new = shop.values("regrade", right["submission"], "--follow")
    assert (new["kind"], new["score"]) == ("regrade", [1, 1])
    records = [(shop.home / "evidence" / one["attempt"] / "record.json").read_bytes() for one in (right, new)]
    assert records[0] == records[1]


# --- verify, reproduce, pack


def test_evidence_holds_as_a_folder_and_as_a_pack(shop: Shop, right: Any, pack: Path) -> None:
    folder = Path(right["evidence"])

    def held(*arguments: object) -> list[str]:
        told = shop.values("verify", *arguments)["checks"]
        return [check["name"] for check in told if check["state"] == "held"]

    assert "bundle" not in held(folder)
    assert (
        held(folder)[-1] == "inclusion"
    )  # whoever followed the submission was shown a folder with its proof
    assert held(pack)[-3:] == ["bundle", "snapshot", "inclusion"]
    assert "submission" in held(folder, "--submission", right["submission"])
    shop.done("verify", folder, "--key", folder / "signer.pem")


def test_evidence_is_not_trusted_by_an_installation_that_does_not_know_the_key(
    shop: Shop, forker: Forker, right: Any
) -> None:
    said = forker.start("--home", shop.folder / "stranger", "verify", right["evidence"])()
    assert said.status == 1
    assert "--key" in said.err
    assert not (shop.folder / "stranger").exists(), "verifying makes no installation"


@pytest.mark.parametrize(
    ("file", "check"),
    [
        ("record.json", "record"),
        ("run.json", "run"),
        ("evidence.dsse", "envelope"),
    ],
)
def test_tampered_file_is_refused_by_the_name_of_its_check(
    shop: Shop, right: Any, tmp_path: Path, file: str, check: str
) -> None:
    folder = tmp_path / "evidence"
    shutil.copytree(right["evidence"], folder)
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data.replace(b'"', b"'", 1))
    said = shop.run("verify", folder)
    assert said.status == 1
    assert f"error: {check}: " in said.err
    assert said.out == ""


def test_evidence_of_another_submission_or_without_a_file_is_refused(
    shop: Shop, right: Any, tmp_path: Path
) -> None:
    said = shop.run("verify", right["evidence"], "--submission", "another")
    assert said.status == 1
    assert "error: submission: expected evidence of submission another" in said.err
    folder = tmp_path / "evidence"
    shutil.copytree(right["evidence"], folder)
    (folder / "run.json").unlink()
    said = shop.run("verify", folder)
    assert said.status == 1
    assert "error: files: expected" in said.err


def test_pack_differs_later_in_the_log_alone_and_overwrites_nothing(
    shop: Shop, right: Any, pack: Path
) -> None:
    again = shop.folder / "again.zip"
    shop.done("export-pack", right["attempt"], again, "--with-work")
    with zipfile.ZipFile(again) as new, zipfile.ZipFile(pack) as old:
        assert new.namelist() == old.namelist()
        differ = {name for name in new.namelist() if new.read(name) != old.read(name)}
    # Other attempts were judged meanwhile.
    assert differ <= {"log/checkpoint", f"evidence/{right['attempt']}/record.tlog-proof"}
    data = again.read_bytes()
    said = shop.run("export-pack", right["attempt"], again)
    assert said.status == 3
    assert "expected a file that can be made" in said.err
    assert again.read_bytes() == data


def test_attempt_and_pack_are_reproduced_to_the_byte(
    shop: Shop, forker: Forker, right: Any, pack: Path
) -> None:
    here = shop.start("reproduce", right["attempt"], "--json")
    # A stranger has the pack, the sandboxes, and nothing else.
    there = forker.start(
        *("--home", shop.folder / "elsewhere", "--catalog", shop.catalog, "reproduce", pack, "--json")
    )
    for said in (here(), there()):
        assert said.status == 0, said
        assert (said.json["same"], said.json["causes"]) == (True, [])
        assert said.json["record"] == digest.sha256((Path(right["evidence"]) / "record.json").read_bytes())


def test_other_sandbox_is_named_as_the_cause(shop: Shop, forker: Forker, pack: Path, tmp_path: Path) -> None:
    shutil.copytree(shop.catalog / "sandboxes", tmp_path / "sandboxes")
    profile = tmp_path / "sandboxes" / "seccomp.json"
    filters = json.loads(profile.read_text())
    filters["syscalls"][0]["names"].remove("vfork")
    profile.write_text(json.dumps(filters))
    said = forker.start("--home", tmp_path / "home", "--catalog", tmp_path, "reproduce", pack, "--json")()
    assert said.status == 1
    assert not said.json["same"]
    (cause,) = said.json["causes"]
    assert cause.startswith("the filter of system calls: sha256:")


def test_other_packages_are_named_as_the_cause_where_the_images_are_built_anew(
    shop: Shop, forker: Forker, pack: Path, tmp_path: Path
) -> None:
    # Another machine: another home, and images of its own, which hold one package more.
    shutil.copytree(shop.catalog / "sandboxes", tmp_path / "sandboxes")
    recipe = tmp_path / "sandboxes" / "python" / "Dockerfile"
    copy = "COPY wheels.txt /opt/assessor/wheels.txt\n"
    assert copy in recipe.read_text()
    more = f"{copy}RUN echo extra==1.0 >> /opt/assessor/wheels.txt\n"
    recipe.write_text(recipe.read_text().replace(copy, more))
    said = forker.start("--home", tmp_path / "home", "--catalog", tmp_path, "reproduce", pack, "--json")()
    assert said.status == 1, said
    assert (said.json["same"], said.json["tests"]) == (False, [])
    causes = [cause.partition(":")[0] for cause in said.json["causes"]]
    assert causes == ["the package list of the learner's image", "the recipe of the learner's image"]


def test_file_that_is_no_pack_is_refused(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"PK\x03\x04 not a zip" * 1000)
    for command in ("verify", "reproduce"):
        said = shop.run(command, tmp_path / "pack.zip")
        assert said.status == 1
        assert "error: pack: " in said.err


def test_pack_without_work_is_checked_and_not_judged_again(shop: Shop, right: Any, tmp_path: Path) -> None:
    lean = tmp_path / "lean.zip"
    shop.done("export-pack", right["attempt"], lean)
    shop.done("verify", lean)
    said = shop.run("reproduce", lean)
    assert said.status == 1
    assert "make it with --with-work" in said.err


# --- keeping


def test_backup_of_a_running_home_comes_back_whole(shop: Shop, forker: Forker, right: Any) -> None:
    target, new = shop.folder / "backup", shop.folder / "restored"
    assert shop.values("backup", target)["backup"] == str(target)
    attempts = shop.values("status")["attempts"]
    there = ("--home", new, "--catalog", shop.catalog)
    said = forker.start(*there, "restore", target, "--json")()
    assert said.status == 0, said
    assert said.json["published"] >= 3
    assert forker.start(*there, "status", "--json")().json["attempts"] == attempts
    old, back = Path(right["evidence"]), new / "evidence" / right["attempt"]
    # The log's proof comes with the first sweep: a home that was just brought back signs nothing unasked.
    assert {path.name: path.read_bytes() for path in back.iterdir()} == {
        path.name: path.read_bytes() for path in old.iterdir() if path.suffix != ".tlog-proof"
    }
    assert forker.start(*there, "verify", back)().status == 0
    said = forker.start(*there, "restore", target)()
    assert said.status == 3
    assert "expected nothing at" in said.err


def test_learner_takes_all_away_and_is_erased(shop: Shop) -> None:
    name = "Zoe Zaphod-Unmistakable"
    one = shop.values(
        "submit", "median-stats", shop.own("median-stats", "solutions/plain"), "--learner", name, "--follow"
    )
    target = shop.folder / "zoe"
    assert shop.values("export", name, target)["submissions"] == 1
    assert name in (target / "learner.json").read_text()
    assert shop.run("erase", name).status == 1, "asks first, and nobody answers"
    assert shop.values("erase", name, "--yes")["removed"] > 0
    assert shop.run("export", name, shop.folder / "zoe-again").status == 2
    assert shop.values("status", "--learner", name)["attempts"] == []
    shown = shop.run("show", one["attempt"])
    assert shown.status == 2
    assert "its learner was erased" in shown.err
    (left,) = shop.values("status", one["attempt"])["attempts"]
    assert left["verdict"] == "passed"
    shop.done("verify", one["evidence"])
    with sqlite3.connect(shop.home / "assessor.db") as database:
        assert name not in "\n".join(database.iterdump())
    for path in shop.home.glob("assessor.db*"):
        assert name.encode() not in path.read_bytes(), path


# --- authors


def test_tasks_are_listed_locked_and_proven(shop: Shop) -> None:
    listed = shop.values("tasks", "list")
    assert [task["id"] for task in listed["tasks"]] == ["log-report", "median-stats", "slugify-js"]
    assert listed["problems"] == []
    assert "median-stats" in shop.done("tasks", "list").out
    manifest = shop.catalog / "tasks/median-stats/manifest.json"
    before = manifest.read_bytes()
    locking = shop.start("tasks", "lock", "median-stats", "--json")
    proving = shop.start("tasks", "prove", "median-stats", "--json")
    locked, proven = locking(), proving()
    assert (locked.status, proven.status) == (0, 0), (locked, proven)
    assert locked.json[0]["manifest"] == str(manifest)
    assert manifest.read_bytes() == before
    assert proven.json[0]["problems"] == []
    assert "faulty/upper-median" in proven.err
    assert shop.run("tasks", "lock").status == 2


@pytest.mark.parametrize("kind", ["task", "rubric", "sandbox"])
def test_schema_is_json_for_editors(shop: Shop, kind: str) -> None:
    assert "properties" in shop.done("schema", kind).out


def test_broken_task_is_told_by_file_line_and_column_and_hides_no_other(
    shop: Shop, forker: Forker, tmp_path: Path
) -> None:
    for name in ("tasks", "rubrics", "sandboxes"):
        shutil.copytree(shop.catalog / name, tmp_path / name)
    file = tmp_path / "tasks/median-stats/task.yaml"
    file.write_text(file.read_text().replace("minutes: 60", "minutes: much"))
    (tmp_path / "tasks/empty").mkdir()
    there = ("--home", tmp_path / "home", "--catalog", tmp_path)
    listed = forker.start(*there, "tasks", "list", "--json", COLUMNS="40")()
    assert listed.status == 2
    assert [task["id"] for task in listed.json["tasks"]] == ["log-report", "slugify-js"]
    expected = 'tasks/median-stats/task.yaml:7:1: minutes: expected a number, got "much"'
    assert expected in listed.json["problems"]
    assert expected in listed.err, "on one line, however narrow the terminal"
    assert any(problem.startswith("tasks/empty") for problem in listed.json["problems"])
    for task, told in (("median-stats", expected), ("empty", "tasks/empty")):
        said = forker.start(*there, "submit", task, shop.folder, "--learner", "Ada")()
        assert said.status == 2
        assert f"error: {told}" in said.err


# --- operators


def test_doctor_finds_all_in_order(shop: Shop) -> None:
    found = shop.values("doctor")
    assert [check["name"] for check in found if not check["ok"]] == []
    names = {check["name"] for check in found}
    keys = {f"{purpose} key" for purpose in ("engine", "issuer", "log")}
    assert {"images", "catalog", "database", "blobs", "queue", *keys} < names
    assert "seccomp" in shop.done("doctor").out


def test_doctor_tries_the_sandbox_from_inside(shop: Shop) -> None:
    said = shop.run("doctor", "--sandbox", "python", "--json")
    (told,) = said.json
    assert [one for one in told["guarantees"] if not one["held"]] == []
    assert (said.status, told["profile"], told["runtime"]) == (0, "python", "runc")
    assert len(told["guarantees"]) >= 60


LEARNERS = "sandbox: expected a learner's, one of c-cpp, java, node, python, python-data"


@pytest.mark.parametrize(
    ("profile", "environment", "words"),
    [
        ("cobol", {}, f"{LEARNERS}, got 'cobol'"),
        ("grader", {}, f"{LEARNERS}, got 'grader'"),
        ("python", {"ASSESSOR_SANDBOX": "unsafe_local"}, "expected a sandbox that isolates"),
    ],
)
def test_doctor_attacks_nothing_but_a_learners_sandbox(
    shop: Shop, profile: str, environment: dict[str, str], words: str
) -> None:
    said = shop.run("doctor", "--sandbox", profile, **environment)
    assert said.status != 0
    assert words in said.err


def test_doctor_says_what_to_do_without_an_engine(shop: Shop) -> None:
    said = shop.run("doctor", "--json", DOCKER_HOST=f"unix://{shop.folder}/nobody.sock")
    assert said.status == 3
    bad = {check["name"]: check for check in said.json if not check["ok"]}
    assert set(bad) == {"engine", "images", "engine (containers)"}
    assert "script/setup" in bad["engine"]["found"]
    said = shop.run("reproduce", "whatever.zip", DOCKER_HOST=f"unix://{shop.folder}/nobody.sock")
    assert said.status in (2, 3)
    status = shop.run("status", "--json", DOCKER_HOST=f"unix://{shop.folder}/nobody.sock")
    assert (status.status, status.json["sandboxes"]) == (0, None)


def test_flags_have_their_variables(shop: Shop, forker: Forker, right: Any) -> None:
    environ = {"ASSESSOR_HOME": str(shop.home), "ASSESSOR_CATALOG": str(shop.catalog)}
    said = forker.start("status", right["attempt"], "--json", **environ)()
    assert said.json["attempts"][0]["attempt"] == right["attempt"]
    said = forker.start("status", **environ, ASSESSOR_LEASE_S="soon")()
    assert said.status == 2
    assert "ASSESSOR_LEASE_S: expected a number, got 'soon'" in said.err


def test_key_that_was_used_and_is_gone_is_refused_and_none_is_made(
    shop: Shop, forker: Forker, judged: Judged, tmp_path: Path
) -> None:
    shop.done("backup", tmp_path / "backup")
    there = ("--home", tmp_path / "home", "--catalog", shop.catalog)
    assert forker.start(*there, "restore", tmp_path / "backup")().status == 0
    key = tmp_path / "home" / "keys" / "engine.pem"
    key.unlink()
    for command in (["status"], ["up"], ["rescore", judged.right.json["attempt"]]):
        said = forker.start(*there, *command)()
        assert said.status == 3
        assert "expected the key that has signed before" in said.err
    assert not key.exists()


def test_interrupted_up_finishes_the_job_at_hand_and_leaves_nothing(tmp_path: Path, forker: Forker) -> None:
    made = Shop(tmp_path, forker)
    # Handed in before anything runs: no server is started for it, and nothing is lost.
    upload = made.own("median-stats", "solutions/plain")
    said = made.run("submit", "median-stats", upload, "--learner", "Ada", "--class", "exam", "--json")
    assert (said.status, said.json["state"], said.json["class"]) == (0, "queued", "exam")
    assert said.json["place"] == {"position": 1, "workers": 0, "expected_s": None}
    assert "assessor up" in said.err
    told = made.done("status", said.json["attempt"]).out
    assert "place 1 in the queue, no worker takes any now" in told
    assert made.processes() == []
    made.up(workers=1)
    until(lambda: bool(made.containers()), made.log)
    assert made.down(signal.SIGINT) == 0, made.log()
    assert made.processes() == []
    assert made.containers() == []
    (row,) = made.values("status")["attempts"]
    assert (row["state"], row["epoch"]) == ("judged", 1)


def test_up_that_is_told_twice_ends_at_once_and_the_next_one_cleans_up_and_judges_once(
    tmp_path: Path, forker: Forker
) -> None:
    made = Shop(tmp_path, forker)
    upload = made.own("median-stats", "solutions/plain")
    attempt = made.values("submit", "median-stats", upload, "--learner", "Ada")["attempt"]
    made.up(workers=1, ASSESSOR_LEASE_S="3")
    until(lambda: bool(made.containers()), made.log)
    made.down(signal.SIGINT, signal.SIGTERM)
    assert made.processes() == []
    made.up(workers=1, ASSESSOR_LEASE_S="3")
    try:
        said = made.run("status", attempt, "--follow", "--json")
        assert (said.status, said.json["score"]) == (0, [1, 1]), made.log()
    finally:
        assert made.down(signal.SIGTERM) == 0
    assert made.containers() == []
