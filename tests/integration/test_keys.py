"""Keys that are rotated, lost or away while work is judged, and by several processes at once."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from assessor import (
    backup,
    digest,
    judging,
    note,
    pipeline,
    proof,
    publish,
    settings,
    testing,
    verify,
    wiring,
)
from assessor.errors import KeyFault, VerificationFailed
from assessor.keyring import Keyring, Place
from assessor.rows import ledger
from assessor.signer import Purpose, load_public
from assessor.store import AttemptState, Store
from tests import small
from tests.badges import logged

ENGINE = Purpose.ENGINE


@pytest.fixture(autouse=True)
def _lines() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    """A bench whose keys are files."""
    tasks = small.write_catalog(tmp_path / "catalog")
    script = testing.all_pass(small.IDS)
    made = small.make_bench(tmp_path, testing.FakeSandbox(script=script), tasks=tasks)
    places = {purpose: Place(file=tmp_path / "keys" / f"{purpose.value}.pem") for purpose in Purpose}
    keys = Keyring(made.parts.store, places, passphrase=None, clock=made.clock)
    made.parts = dataclasses.replace(made.parts, keyring=keys)
    yield made
    made.parts.store.close()


def assess(bench: small.Bench, learner: str = "ada") -> str:
    """Hand in and judge; the attempt's id."""
    _, attempt = bench.submit(learner=learner)
    assert pipeline.assess(attempt.id, 1, bench.parts) is AttemptState.JUDGED
    return attempt.id


def check(bench: small.Bench, attempt_id: str, keys: Any = None) -> None:
    """Verify the evidence folder by the keys that the installation knows."""
    folder = bench.parts.publisher.folder(attempt_id)
    verify.evidence(
        record=(folder / publish.RECORD).read_bytes(),
        run=(folder / publish.RUN).read_bytes(),
        envelope=(folder / publish.ENVELOPE).read_bytes(),
        keys=proof.keys(bench.parts.keyring.keys(ENGINE) if keys is None else keys),
    )


def signed_by(bench: small.Bench, attempt_id: str) -> str:
    row = bench.parts.store.evidence(attempt_id)
    assert row is not None
    return row.key_id


def test_evidence_keeps_the_key_that_signed_it_through_rotations(bench: small.Bench) -> None:
    first = assess(bench)
    old = bench.parts.signer.public_pem
    bench.clock.move(hours=1)
    bench.parts.keyring.rotate(ENGINE, now=bench.clock())
    second = assess(bench, "ben")
    assert signed_by(bench, first) != signed_by(bench, second) == bench.parts.signer.key_id
    shutil.rmtree(bench.parts.publisher.folder(first))
    assert judging.republish(bench.parts) == 1
    for attempt_id in (first, second):
        check(bench, attempt_id)
        folder = bench.parts.publisher.folder(attempt_id)
        pem = (folder / publish.SIGNER).read_bytes()
        assert load_public(pem, name="signer.pem").key_id == signed_by(bench, attempt_id)
        assert signed_by(bench, attempt_id) in (folder / publish.PAGE).read_text()
    assert (bench.parts.publisher.folder(first) / publish.SIGNER).read_bytes() == old


def test_proof_of_the_log_comes_beside_each_record_and_again_where_it_went(bench: small.Bench) -> None:
    logged(bench)
    found = [assess(bench), assess(bench, "ben")]
    assert judging.prove(bench.parts, limit=1) == 1
    assert judging.prove(bench.parts) == 1
    assert judging.prove(bench.parts) == 0
    for attempt_id in found:
        folder = bench.parts.publisher.folder(attempt_id)
        record = digest.sha256((folder / publish.RECORD).read_bytes())
        text = (folder / publish.PROOF).read_bytes()
        keys = [bench.parts.log.key]
        assert note.verify_proof(text, digest=record, kind=note.Kind.EVIDENCE, keys=keys).size <= 2
        with pytest.raises(VerificationFailed, match="log"):
            note.verify_proof(text, digest=digest.sha256(b""), kind=note.Kind.EVIDENCE, keys=keys)
        check(bench, attempt_id)
    shutil.rmtree(bench.parts.publisher.folder(found[0]))
    assert judging.republish(bench.parts) == judging.prove(bench.parts) == 1


def test_record_that_the_log_does_not_have_keeps_no_other_from_its_proof(bench: small.Bench) -> None:
    logged(bench)
    found = sorted([assess(bench), assess(bench, "ben")])
    (bench.parts.publisher.root / "0000").mkdir()  # somebody else's
    with bench.parts.store.writing() as connection:
        connection.execute(
            ledger.leaves.update().where(ledger.leaves.c.subject == found[0]).values(subject="x")
        )
    with structlog.testing.capture_logs() as lines:
        assert judging.prove(bench.parts) == 1
    assert [line["attempt"] for line in lines if line["log_level"] == "warning"] == [found[0]]
    assert (bench.parts.publisher.folder(found[1]) / publish.PROOF).exists()


def test_folder_that_is_asked_for_has_the_proof_of_the_log_and_is_shown_without_where_none_can_be(
    bench: small.Bench,
) -> None:
    attempt_id = assess(bench)
    assert not (judging.shown(attempt_id, bench.parts) / publish.PROOF).exists()  # wired without a log
    logged(bench)
    signer, bench.parts.keyring.signer = bench.parts.keyring.signer, refuse  # type: ignore[method-assign]
    assert not (judging.shown(attempt_id, bench.parts) / publish.PROOF).exists()
    bench.parts.keyring.signer = signer  # type: ignore[method-assign]
    assert (judging.shown(attempt_id, bench.parts) / publish.PROOF).exists()


def refuse(purpose: Purpose) -> Any:
    raise KeyFault(f"{purpose.value}: away")


def test_run_that_ended_after_its_key_was_retired_does_not_hold(bench: small.Bench) -> None:
    found = assess(bench)
    (key,) = bench.parts.keyring.keys(ENGINE)
    check(bench, found, [dataclasses.replace(key, until=bench.clock())])
    bench.clock.move(hours=-1)
    retired = dataclasses.replace(key, until=bench.clock())
    with pytest.raises(VerificationFailed) as caught:
        check(bench, found, [retired])
    assert caught.value.check == "key"
    assert caught.value.problem == (
        "expected a key that was in use when the run ended (2026-11-24T09:00:00.000000Z), "
        f"got {key.key_id}, retired 2026-11-24T08:00:00+00:00"
    )


def test_key_that_is_rotated_between_signature_and_verdict_makes_another_signature(
    bench: small.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, said = Store.conclude, []

    def overtaken(self: Store, *given: Any, **named: Any) -> None:
        if not said:
            said.append(bench.parts.signer.key_id)
            bench.parts.keyring.rotate(ENGINE, now=bench.clock())
        real(self, *given, **named)

    monkeypatch.setattr(Store, "conclude", overtaken)
    found = assess(bench)
    assert signed_by(bench, found) == bench.parts.signer.key_id != said[0]
    check(bench, found)


def test_key_that_is_away_gives_no_attempt_up(bench: small.Bench, tmp_path: Path) -> None:
    bench.parts.signer.sign(b"")
    key = tmp_path / "keys" / "engine.pem"
    key.rename(tmp_path / "away.pem")
    bench.parts = dataclasses.replace(
        bench.parts,
        keyring=Keyring(bench.parts.store, {ENGINE: Place(file=key)}, passphrase=None, clock=bench.clock),
    )
    _, attempt = bench.submit()
    gate = wiring.gate(bench.parts)
    for _ in range(5):  # more often than faults that count may be
        assert pipeline.assess(attempt.id, 1, bench.parts) is AttemptState.QUEUED
        bench.clock.move(minutes=1)
    found = bench.parts.store.attempt(attempt.id)
    assert (found.faults, found.state) == (0, AttemptState.QUEUED)
    assert found.problem is not None
    assert "expected the key that has signed before" in found.problem
    assert gate() == "the engine's key cannot be used here; assessor doctor says more"
    (tmp_path / "away.pem").rename(key)
    assert gate() is None
    assert pipeline.assess(attempt.id, 1, bench.parts) is AttemptState.JUDGED
    assert len(bench.fake.orders) == 1, "the run was kept"


# --- backups


def test_backup_holds_the_keys_in_use_and_those_that_were_kept(bench: small.Bench, tmp_path: Path) -> None:
    first = assess(bench)
    bench.parts.keyring.rotate(ENGINE, now=bench.clock(), keep=True)
    (tmp_path / "keys" / ".engine.pem.draft").write_text("half a key")
    target = tmp_path / "backup"
    contents = backup.create(bench.parts.store, bench.parts.blobs, target, keys=tmp_path / "keys")
    name = f"keys/retired/{signed_by(bench, first).removeprefix('sha256:')}.pem"
    assert sorted(path for path in contents.files if path.startswith("keys/")) == ["keys/engine.pem", name]
    backup.restore(target, home=tmp_path / "second")
    config = settings.read({"ASSESSOR_SANDBOX": "unsafe_local"}, home=tmp_path / "second")
    with wiring.parts(config, boxed=False) as parts:
        assert parts.signer.key_id == bench.parts.signer.key_id
        assert {key.key_id for key in wiring.public_keys(config)} == set(contents.keys)


def test_backup_that_a_rotation_overtakes_is_refused(
    bench: small.Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assess(bench)
    real = backup._read

    def overtaken(database: Path) -> Any:
        found = real(database)
        bench.parts.keyring.rotate(ENGINE, now=bench.clock())
        return found

    monkeypatch.setattr(backup, "_read", overtaken)
    with pytest.raises(backup.StoreFault, match="a key came into use while it was made; make it once more"):
        backup.create(bench.parts.store, bench.parts.blobs, tmp_path / "backup", keys=tmp_path / "keys")
    assert not (tmp_path / "backup").exists()


# --- processes


CODE = """
import os, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from assessor import keyfile
from assessor.rows import keyrows
from assessor.keyring import Keyring, Place
from assessor.signer import Purpose
from assessor.store import Store

home, what, dies = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = Store.open(f"sqlite:///{home}/store.db")
keys = Keyring(
    store,
    {Purpose.ENGINE: Place(file=home / "keys" / "engine.pem")},
    passphrase=None,
    clock=lambda: datetime.now(UTC),
)
if dies != "never":
    name, when = dies.split()
    owner = keyrows if hasattr(keyrows, name) else keyfile
    real = getattr(owner, name)
    def killed(*given, **named):
        if when == "after":
            real(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, killed)
print("ready", flush=True)
sys.stdin.readline()
if what == "rotate":
    keys.rotate(Purpose.ENGINE, now=datetime.now(UTC))
print(keys.signer(Purpose.ENGINE).key_id)
store.close()
"""


def start(home: Path, what: str = "sign", dies: str = "never") -> subprocess.Popen[str]:
    """A process that waits for a line, then does what it was told."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(home), what, dies], stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    return out.strip()


def test_processes_that_start_at_once_end_with_one_key(tmp_path: Path) -> None:
    waiting = [start(tmp_path) for _ in range(4)]
    for process in waiting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert len({finish(process) for process in waiting}) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["engine.pem"]


def test_processes_that_rotate_at_once_end_with_one_key_in_use(tmp_path: Path) -> None:
    finish(start(tmp_path))
    waiting = [start(tmp_path, "rotate") for _ in range(3)]
    for process in waiting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done = [process.wait(timeout=60) for process in waiting]
    assert 0 in done
    for process in waiting:
        process.communicate()
    assert finish(start(tmp_path)) == finish(start(tmp_path))
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["engine.pem"]


@pytest.mark.parametrize(
    "dies",
    ["make before", "make after", "retire before", "retire after", "add after", "move before", "move after"],
)
def test_process_that_is_killed_while_it_rotates_leaves_one_key_in_use(tmp_path: Path, dies: str) -> None:
    old = finish(start(tmp_path))
    process = start(tmp_path, "rotate", dies)
    process.communicate("\n", timeout=60)
    assert process.returncode == -signal.SIGKILL
    began = time.monotonic()
    found = finish(start(tmp_path))
    assert time.monotonic() - began < 30
    assert (found == old) is (not dies.startswith("move"))
    assert finish(start(tmp_path, "rotate")) not in (old, found)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["engine.pem"]
