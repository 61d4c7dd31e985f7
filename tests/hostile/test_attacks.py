"""Every hostile submission, through the real path, held against what its file says must come of it."""

from __future__ import annotations

import ast
import csv
import dataclasses
import io
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
import structlog

from assessor import (
    catalog,
    digest,
    gradebook,
    jobs,
    logs,
    page,
    proof,
    publish,
    queueserver,
    signer,
    svg,
    verify,
)
from assessor.errors import AuthorError, UploadRefused, VerificationFailed
from assessor.openbadges import checks
from assessor.openbadges.asked import Asked
from assessor.openbadges.sources import Sources
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role
from assessor.settings import LogFormat
from assessor.web import gitsource
from tests import badges, people
from tests.hostile.conftest import (
    HERE,
    ROOT,
    Attack,
    Bench,
    Benches,
    Outcome,
    Refused,
    Seal,
    host,
    read_attacks,
)

pytestmark = pytest.mark.docker

# What the texts of `expect` mean -------------------------------------------------------------------------


def judged(outcome: Outcome | Refused) -> Outcome:
    assert isinstance(outcome, Outcome), outcome
    return outcome


def not_above_honest(outcome: Outcome, attack: Attack) -> None:
    assert float(outcome.score) <= float(attack.honest_score) + 0.0005


def exactly_honest(outcome: Outcome, attack: Attack) -> None:
    assert float(outcome.score) == pytest.approx(float(attack.honest_score), abs=0.0005)


def failed_for(*reasons: str) -> Callable[[Outcome, Attack], None]:
    def check(outcome: Outcome, attack: Attack) -> None:
        not_above_honest(outcome, attack)
        assert outcome.reasons & set(reasons), outcome.reasons

    return check


def failed_test(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    assert outcome.reasons
    # The grader lives: it told the end of every test itself.
    assert outcome.judged.run.outcome.end.value == "complete"


def no_escape(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    assert re.search(r"ESCAPE:.*:ok", json.dumps(outcome.private)) is None


def flagged(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    assert outcome.received.flags


def syntax_error(outcome: Outcome, attack: Attack) -> None:
    failed_test(outcome, attack)
    messages = {test.message for test in outcome.judged.results}
    assert any("null bytes" in message or "SyntaxError" in message for message in messages), messages


def no_core_file(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    assert not list(Path("/").glob("core*"))


def escaped(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    assert not set(outcome.learner_sees) & set("\x1b\x00\x07\u202e")
    assert "<script>alert" not in outcome.learner_sees


def coarse(outcome: Outcome, attack: Attack) -> None:
    """The evidence has no id and the learner's view no reason of a hidden test."""
    not_above_honest(outcome, attack)
    assert "crash" not in outcome.learner_sees.split("</html>")[0].split("criterion")[0]
    assert outcome.judged.frozen.task.policy.tries is not None


def nothing_survives(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    first = next(test for test in outcome.judged.results if "OLD" in test.output)
    assert first.output.splitlines()[0].strip() == "OLD []"


def bounded_output(outcome: Outcome, attack: Attack) -> None:
    failed_for("output")(outcome, attack)
    assert len(outcome.judged.report) < 1_000_000


def no_priority(outcome: Outcome, attack: Attack) -> None:
    exactly_honest(outcome, attack)
    assert "RT ok" not in json.dumps(outcome.private)


def no_secret(outcome: Outcome, attack: Attack) -> None:
    not_above_honest(outcome, attack)
    told = {test.message for test in outcome.judged.results if "LEAK" in test.message}
    assert told
    for text in told:
        assert not re.search(r"(?i)pytest|hidden|nonce|token|secret|password|ASSESSOR", text), text


def hidden_source(outcome: Outcome) -> str:
    """The hidden tests: files that do not say visible in their name, up to their first visible test."""
    return "\n".join(
        source.decode().partition("@pytest.mark.visible")[0]
        for path, source in outcome.judged.frozen.task.test_files.items()
        if "visible" not in path
    )


def hidden_inputs_stay_hidden(outcome: Outcome, attack: Attack) -> None:
    """What a visible test prints is shown, and says nothing of what hidden tests passed."""
    not_above_honest(outcome, attack)
    assert "STASH" in outcome.learner_sees
    shown = outcome.learner_sees + "".join(
        f"{test.message} {test.detail} {test.output}" for test in outcome.judged.results if test.visible
    )
    hidden = re.findall(r"median\((\[.+?\])\)", hidden_source(outcome))
    assert len(hidden) > 5
    for values in hidden:
        assert values not in shown


JUDGED: dict[str, Callable[[Outcome, Attack], None]] = {
    "score: 0": not_above_honest,
    "not above honest score": not_above_honest,
    "score exactly the honest score": exactly_honest,
    'not above honest score; no line "ESCAPE:...:ok"': no_escape,
    "flagged": flagged,
    "sandbox does not rely on a word filter": not_above_honest,
    "failed cleanly: syntax error": syntax_error,
    "escaped in every rendering": escaped,
    "finishes within the limit; score: 0": not_above_honest,
    "failed test; grader alive": failed_test,
    "failed test": failed_test,
    "failed test (crash)": failed_for("crash"),
    "score: 0; no core file": no_core_file,
    "score: 0; hidden inputs absent from learner-visible feedback": not_above_honest,
    "score: 0; stdout of hidden tests not shown": not_above_honest,
    "hidden inputs absent from learner-visible feedback": hidden_inputs_stay_hidden,
    "score: 0; no secret readable": no_secret,
    "score: 0; nothing survives": nothing_survives,
    "not above honest score; verdict kinds of hidden tests coarse, submissions rate-limited": coarse,
    "verdict: timeout": failed_for("timeout"),
    "verdict: timeout (deadline per call and per run)": failed_for("timeout"),
    "verdict: pids (or timeout)": failed_for("processes", "timeout"),
    "verdict: timeout|memory": failed_for("timeout", "memory"),
    "verdict: memory": failed_for("memory"),
    "verdict: memory|output or failed test": failed_test,
    "verdict: disk|timeout or failed test": failed_test,
    "verdict: disk or failed test; host unaffected": failed_test,
    "verdict: output; log storage bounded": bounded_output,
    "EPERM; honest score": no_priority,
    "cleanup succeeds": not_above_honest,
}

#: Texts after which an upload may be, or must be, refused.
AT_UPLOAD = {
    "rejected at upload": (True, False, False),
    "rejected at upload or these files dropped with a message": (True, True, False),
    "rejected at upload or read as zip only": (True, False, True),
}


def test_attack_comes_out_as_its_file_says(attack: Attack, seal: Seal, benches: Benches) -> None:
    outcome = benches.outcome(attack, seal)
    if attack.expect in AT_UPLOAD:
        refused, dropped, read = AT_UPLOAD[attack.expect]
        if isinstance(outcome, Refused):
            assert refused
            assert re.search(r"upload .+: .+", outcome.message), outcome.message
            assert not benches.of(attack, seal).store.submissions(learner=f"{attack.group}-{attack.name}")
        else:
            not_above_honest(outcome, attack)
            assert read or (dropped and outcome.received.dropped)
        return
    JUDGED[attack.expect](judged(outcome), attack)


def test_learner_sees_nothing_of_hidden_tests(attack: Attack, seal: Seal, benches: Benches) -> None:
    outcome = benches.outcome(attack, seal)
    if isinstance(outcome, Refused):
        return
    hidden = [test for test in outcome.judged.results if not test.visible]
    assert hidden
    # What a visible test said too is no news of a hidden one; a cut text has another end.
    told = " ".join(
        f"{test.message} {test.detail} {test.output} {test.example}"
        for test in outcome.judged.results
        if test.visible
    )
    for test in hidden:
        assert test.id not in outcome.learner_sees
        for text in (test.message, test.detail, test.output, test.example or ""):
            for line in text.splitlines():
                if len(line.strip()) > 12 and line.strip() not in told:
                    assert line.strip() not in outcome.learner_sees
    for line in hidden_source(outcome).splitlines():
        if len(line.strip()) > 24:
            assert line.strip() not in outcome.learner_sees


def test_evidence_of_an_attack_verifies_and_binds_its_submission(
    attack: Attack, seal: Seal, benches: Benches
) -> None:
    outcome = benches.outcome(attack, seal)
    if isinstance(outcome, Refused):
        return
    bench = benches.of(attack, seal)
    folder = bench.parts.publisher.folder(outcome.attempt.id)
    verify.evidence(
        record=(folder / publish.RECORD).read_bytes(),
        run=(folder / publish.RUN).read_bytes(),
        envelope=(folder / publish.ENVELOPE).read_bytes(),
        keys=proof.keys([signer.load_public(bench.parts.signer.public_pem, name="engine")]),
        submission=outcome.submission.id,
    )


# Attacks that reach the engine another way -----------------------------------------------------------------


def test_pipeline_attack_comes_out_as_its_file_says(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    PIPELINE[attack.expect](attack, tmp_path, benches)


def _task_with(tmp_path: Path, text: str) -> catalog.Catalog:
    for name in ("tasks", "rubrics"):
        shutil.copytree(HERE / name, tmp_path / name)
    shutil.copytree(ROOT / "sandboxes", tmp_path / "sandboxes")
    (tmp_path / "tasks" / "median" / "task.yaml").write_text(text, encoding="utf-8")
    return catalog.load(tmp_path)


def refused_by_the_parser(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    with pytest.raises(AuthorError, match=r"tasks/median/task\.yaml:\d+"):
        _task_with(tmp_path, attack.content()).task("median")


def printed_as_text(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    control = next(one for one in read_attacks() if one.group == "control" and one.name == "correct")
    outcome = judged(benches.of(control).judge(control.upload, "median", attack.content()))
    frozen = dataclasses.replace(
        outcome.judged.frozen, task=dataclasses.replace(outcome.judged.frozen.task, title=attack.content())
    )
    folder = benches.of(control).parts.publisher.folder(outcome.attempt.id)
    html = page.evidence_page(
        (folder / publish.RECORD).read_bytes(),
        (folder / publish.RUN).read_bytes(),
        frozen=frozen,
        key_id="sha256:" + "0" * 64,
    )
    assert "cycler.__init__" in html
    assert "uid=" not in html


def one_log_line(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    with Path(attack.folder, "submission", "name.txt").open(encoding="utf-8", newline="") as file:
        name = file.read()
    for form in LogFormat:
        logs.configure(form)
        sink = io.StringIO()
        structlog.configure(
            logger_factory=structlog.PrintLoggerFactory(file=sink), cache_logger_on_first_use=False
        )
        structlog.get_logger().info("submitted", learner=name)
        assert sink.getvalue().count("\n") == 1
        assert "\x1b[31m" not in sink.getvalue()
    structlog.reset_defaults()


def pickle_is_refused(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    (file,) = (attack.folder / "submission").iterdir()
    url = queueserver.ensure(tmp_path)
    calls: list[tuple[str, int]] = []
    try:
        ring = jobs.Ring(url)
        ring.ring("abc", 1)
        with redis.Redis.from_url(url) as server:
            (name,) = server.lrange(ring._queue.key, 0, -1)
            server.hset(b"rq:job:" + name, "data", file.read_bytes())
        ring.close()
        jobs.work(url=lambda: url, assess=lambda one, epoch: calls.append((one, epoch)), burst=True)
    finally:
        queueserver.stop(tmp_path)
    assert calls == []


def published(outcome: Outcome, bench: Bench) -> SimpleNamespace:
    """What was published of an attack that was judged."""
    folder = bench.parts.publisher.folder(outcome.attempt.id)
    record, run, envelope = (
        (folder / name).read_bytes() for name in (publish.RECORD, publish.RUN, publish.ENVELOPE)
    )
    return SimpleNamespace(record=record, run=run, envelope=envelope, signer=bench.parts.signer)


def bound_to_its_submission(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    control = next(one for one in read_attacks() if one.group == "control" and one.name == "correct")
    bench = benches.of(control)
    old, new = (judged(bench.judge(control.upload, "median", f"replay-{n}")) for n in (1, 2))
    folder = bench.parts.publisher.folder(old.attempt.id)
    with pytest.raises(VerificationFailed, match="submission: expected evidence of submission"):
        verify.evidence(
            record=(folder / publish.RECORD).read_bytes(),
            run=(folder / publish.RUN).read_bytes(),
            envelope=(folder / publish.ENVELOPE).read_bytes(),
            keys=proof.keys([signer.load_public(bench.parts.signer.public_pem, name="engine")]),
            submission=new.submission.id,
        )
    # Nor does it stand in for the evidence of a credential that was awarded for the new one.
    awarded, replayed = (badges.world(published(one, bench)) for one in (new, old))
    awarded.check()
    for check, names in (("record", ("run.json", "evidence.dsse")), ("evidence", ("record.json",))):
        awarded.files |= {f"evidence/a1/{name}": replayed.files[f"evidence/a1/{name}"] for name in names}
        with pytest.raises(VerificationFailed, match=rf"\A{check}: "):
            awarded.check()


def other_bytes_fail(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    content = attack.content().encode()
    with pytest.raises(digest.NotCanonical):
        digest.read(content, limit_bytes=1_000_000)
    control = next(one for one in read_attacks() if one.group == "control" and one.name == "correct")
    bench = benches.of(control)
    folder = bench.parts.publisher.folder(judged(benches.outcome(control)).attempt.id)
    record = (folder / publish.RECORD).read_bytes()
    for changed in (content, json.dumps(json.loads(record)).encode(), record + b"\n"):
        with pytest.raises(VerificationFailed, match=r"record: expected the record\.json that was signed"):
            verify.evidence(
                record=changed,
                run=(folder / publish.RUN).read_bytes(),
                envelope=(folder / publish.ENVELOPE).read_bytes(),
                keys=proof.keys([signer.load_public(bench.parts.signer.public_pem, name="engine")]),
            )
    # A credential may be written in other bytes that mean the same, and in none that mean another thing.
    awarded = badges.world(published(judged(benches.outcome(control)), bench))
    awarded.check(json.dumps(awarded.document, indent=2).encode())
    inside = json.dumps(awarded.document)[1:-1]
    tricks = re.findall(r'"[^"]+": [0-9.]+', attack.content())
    assert len(tricks) == 3
    tricks += [r'"\u006eame": "Other"', r'"valid\u0055ntil": "2099-01-01T00:00:00Z"']
    for trick in tricks:
        for changed in (f"{{{trick}, {inside}}}", f"{{{inside}, {trick}}}"):
            with pytest.raises(VerificationFailed):
                awarded.check(changed.encode())
    with pytest.raises(VerificationFailed, match=r"\Abytes: "):
        awarded.check(content)


def hashed_once(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    wrong = next(one for one in read_attacks() if one.group == "control" and one.name == "wrong")
    correct = next(one for one in read_attacks() if one.group == "control" and one.name == "correct")
    upload = tmp_path / "upload"
    shutil.copytree(wrong.upload, upload)
    bench = benches.of(wrong)
    handed_in = bench.submit(upload, "median", "swapper")
    shutil.copy(correct.upload / "solution.py", upload / "solution.py")
    assert bench.finish(*handed_in).score == 0


def document_types_are_refused(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    """XML is read where a picture is: of a badge that an author draws, and of one that anybody brings."""
    content = attack.content().encode()
    assert b"<!ENTITY" in content
    picture = content[: content.index(b"]>") + 2] + b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    for bomb in (content, picture):
        with pytest.raises(AuthorError):
            svg.check(bomb, path="badges/bomb.svg")
        with pytest.raises(VerificationFailed, match=r"\Abytes: "):
            checks.credential(bomb, Asked(now=badges.NOW, sources=Sources(named={})))
    # And by a parser that refuses it alone: of the usual modules only what writes is there.
    harmless = {"ParseError", "escape", "quoteattr", "Element", "SubElement", "indent", "tostring"}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(one.name.split(".")[0] in ("xml", "lxml") for one in node.names), path
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("xml", "lxml"):
                assert {one.name for one in node.names} <= harmless, path


def no_cell_is_a_formula(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    """Each line of the file is what somebody calls themselves."""
    store = people.open_store(tmp_path)
    store.add_cohort(id="c", name="Spring", act=people.act())
    store.add_assignment(id="g", cohort_id="c", task_id="median", act=people.act())
    names = attack.content().splitlines()
    for number, name in enumerate(names):
        made = store.add_user(
            id=f"u{number}",
            email=f"u{number}@example.org",
            name=name,
            roles=[Role.LEARNER],
            password=None,
            seed=Seed(id=f"l{number}", salt=b"salt"),
            act=people.act(),
        )
        store.enrol("c", made.id, Role.LEARNER, act=people.act())
    text = gradebook.as_csv(store.gradebook("g"))
    store.close()
    _, *lines = csv.reader(io.StringIO(text, newline=""))
    assert sorted(line[0] for line in lines) == sorted("'" + name.strip() for name in names)


def nothing_is_fetched(attack: Attack, tmp_path: Path, benches: Benches) -> None:
    """Neither where no host is allowed, nor where the very host is: it is no address of a repository."""
    for url in attack.content().splitlines():
        for hosts in (
            (),
            ("github.com",),
            ("169.254.169.254", "[::ffff:127.0.0.1]:6379", "::ffff:127.0.0.1"),
        ):
            with pytest.raises(UploadRefused, match=r"^git: expected"):
                gitsource.fetch(url, hosts=hosts, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


PIPELINE: dict[str, Callable[[Attack, Path, Benches], None]] = {
    "rejected": refused_by_the_parser,
    "schema error": refused_by_the_parser,
    "printed as text": printed_as_text,
    "escaped": one_log_line,
    "JSON serializer; worker refuses pickle": pickle_is_refused,
    "rejected: bound to submission id, hash and nonce": bound_to_its_submission,
    "signature fails": other_bytes_fail,
    "content-addressed copy, hashed once": hashed_once,
    "refused: no DTD": document_types_are_refused,
    "cell neutralised": no_cell_is_a_formula,
    "rejected: no remote URL or allow-list": nothing_is_fetched,
}


# The table itself, and what is left at the end --------------------------------------------------------------


def test_every_expectation_is_known() -> None:
    for attack in read_attacks():
        known = PIPELINE if attack.group == "pipeline" else JUDGED.keys() | AT_UPLOAD.keys()
        assert attack.expect in known, f"{attack.group}/{attack.name}: {attack.expect!r}"


def test_nothing_is_left_running(benches: Benches) -> None:
    for bench in benches.all():
        label = f"label=assessor.owner={bench.sandbox._owner}"
        for what in (["ps", "--all"], ["volume", "ls"]):
            left = subprocess.run(
                ["docker", *what, "--quiet", "--filter", label], capture_output=True, text=True, check=True
            )
            assert left.stdout == ""


def test_host_has_its_memory_and_disk_back(benches: Benches) -> None:
    benches.all()
    free_before, used_before = benches.before
    # A bomb or a fill that got out is far above this, and stays; what other tests take beside these, and
    # what this process has grown by, is below it at one time or another.
    slack, deadline = 2 * 2**30, time.monotonic() + 300
    free, used = host()
    while (free < free_before - slack or used > used_before + slack) and time.monotonic() < deadline:
        time.sleep(1)
        free, used = host()
    assert free > free_before - slack
    assert used < used_before + slack
