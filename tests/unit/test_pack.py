"""Packs: everything that it takes to check an award offline, or to judge its work again, in one file."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assessor import catalog, digest, pack, pipeline, settling, testing, wiring
from assessor.cli import main
from assessor.errors import NotFound, StoreFault, VerificationFailed, VerificationOpen
from assessor.openbadges import checks, trust
from assessor.openbadges.asked import Asked, State
from assessor.openbadges.sources import Files, Sources
from assessor.pack import Pack
from tests import badges, small

BADGE = """id: sums
version: "1.0"
name: Sums
description: Adds numbers up.
criteria: Passes the task on sums.
requires:
  - {task: sum}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[small.Bench]:
    root = tmp_path / "catalog"
    (root / "badges").mkdir(parents=True)
    (root / "badges" / "sums.yaml").write_text(BADGE)
    small.write_catalog(root)
    sandbox = testing.FakeSandbox(script=testing.all_pass(small.IDS), isolation="cell")
    made = badges.logged(small.make_bench(tmp_path, sandbox, tasks=catalog.load(root)))
    with structlog.testing.capture_logs():
        yield made
    made.parts.store.close()


def awarded(bench: small.Bench) -> tuple[str, str]:
    """Ids of an award and of the attempt behind it."""
    _, attempt = bench.submit()
    pipeline.assess(attempt.id, 1, bench.parts)
    settling.settle(bench.parts)
    (row,) = bench.parts.store.awards()
    return row.id, attempt.id


def check(made: Pack, bench: small.Bench, *, known: bool = True) -> dict[str, State]:
    """What each check of its credential comes to, offline."""
    told: dict[str, State] = {}
    assert made.credential is not None
    own = pack.trusted(bench.parts.keyring, bench.parts.issuer)
    asked = Asked(
        now=bench.clock(),
        sources=Sources(named={}, along=Files(files=made.files, names=made.names)),
        trust=(own if known else trust.Trusted(id=own.id),),
    )
    checks.credential(
        made.files[made.credential], asked, on_check=lambda one, said: told.update({one.name: said.state})
    )
    return told


def test_pack_of_an_award_holds_offline_by_itself(bench: small.Bench) -> None:
    award, attempt = awarded(bench)
    data = pack.of(award, bench.parts, with_work=False).dump()
    made = pack.read(data)
    assert made.attempts == (attempt,)
    told = check(made, bench)
    assert {name for name, state in told.items() if state is not State.HELD} == {
        "schema",
        "recipient",
        "checkpoint",
    }
    assert pack.of(award, bench.parts, with_work=False).dump() == data, "the same bytes each time"


def test_pack_shows_nothing_of_whose_keys_came_in_it(bench: small.Bench) -> None:
    award, _ = awarded(bench)
    made = pack.of(award, bench.parts, with_work=False)
    with pytest.raises(VerificationOpen) as caught:
        check(made, bench, known=False)
    assert set(caught.value.checks) == {"controller", "status", "inclusion"}
    # What an issuer publishes is what a verifier takes.
    (read,) = trust.read(made.files[trust.KEYS], name="keys.json")
    assert read == pack.trusted(bench.parts.keyring, bench.parts.issuer)


def test_work_is_in_a_pack_only_where_it_was_asked_for(bench: small.Bench) -> None:
    award, attempt = awarded(bench)
    lean, whole = (pack.of(award, bench.parts, with_work=one) for one in (False, True))
    assert lean.evidence(attempt).task is None
    assert not [path for path in lean.files if path.startswith("work/")]
    assert b"assert total([1]) == 1" not in b"".join(lean.files.values())
    again = pack.read(whole.dump()).evidence(attempt)
    assert again.task is not None
    assert b"assert total([1]) == 1" in again.task
    assert check(whole, bench)["evidence"] is State.HELD


def test_swapped_work_in_a_pack_is_refused(bench: small.Bench) -> None:
    award, attempt = awarded(bench)
    whole = pack.of(award, bench.parts, with_work=True)
    for name in (pack.TASK, pack.SUBMISSION):
        files = {**whole.files, f"work/{attempt}/{name}": b"another"}
        with pytest.raises(VerificationFailed, match=r"evidence: ni:///sha-256;.* they were swapped"):
            check(dataclasses.replace(whole, files=files), bench)


def test_pack_of_an_attempt_has_its_evidence_alone(bench: small.Bench) -> None:
    _, attempt = bench.submit()
    pipeline.assess(attempt.id, 1, bench.parts)
    made = pack.of(attempt.id, bench.parts, with_work=True)
    assert (made.credential, made.attempts) == (None, (attempt.id,))
    assert pack.read(made.dump()) == made


def test_what_is_not_there_has_no_pack(bench: small.Bench) -> None:
    with pytest.raises(NotFound):
        pack.of("nothing", bench.parts, with_work=False)
    _, attempt = bench.submit()
    with pytest.raises(NotFound, match="expected one with evidence, it is queued"):
        pack.of(attempt.id, bench.parts, with_work=False)


# Packs of anybody -----------------------------------------------------------------------------------------


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return target.getvalue()


def index(**said: object) -> bytes:
    values = {
        "media_type": "application/vnd.assessor.pack+json",
        "schema_version": 1,
        "credential": None,
        "attempts": [],
        "names": {},
    }
    return digest.canonical(values | said)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9._-]{0,20}(/[a-z][a-z0-9._-]{0,20}){0,3}", fullmatch=True),
        st.binary(max_size=200),
        max_size=8,
    )
)
def test_pack_reads_back_as_it_was_written(files: dict[str, bytes]) -> None:
    files.pop(pack.INDEX, None)
    made = Pack(files=files, attempts=("a1",), names={f"urn:{path}": path for path in files})
    data = made.dump()
    assert pack.read(data) == made
    assert pack.is_pack(data)
    assert pack.read(data).dump() == data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "expected one end record"),
        (b"PK\x03\x04" + b"x" * 100, "expected one end record"),
        (zipped(), r"expected pack\.json in it"),
        (zipped(other=b""), r"expected pack\.json in it"),
        (zipped(**{"pack.json": b"{}"}), "media_type|credential|Field required"),
        (zipped(**{"pack.json": b'{"a": 1}'}), "expected the canonical form"),
        (zipped(**{"pack.json": index(more=1)}), "more: Extra inputs"),
        (zipped(**{"pack.json": index(attempts=["../x"])}), "attempts.0"),
        (zipped(**{"pack.json": index(credential="credentials/x.json")}), "which pack.json names"),
        (zipped(**{"pack.json": index(names={"urn:x": "y"})}), "which pack.json names"),
        (zipped(**{"pack.json": index(), "../x": b""}), "expected plain paths"),
        (zipped(**{"pack.json": index(), "/etc/passwd": b""}), "expected plain paths"),
        (zipped(**{"pack.json": index(), "a/../b": b""}), "expected plain paths"),
        (zipped(**{"pack.json": index(), ".hidden": b""}), "expected plain paths"),
        (zipped(**{"pack.json": index(), "a\\b": b""}), "expected plain paths"),
        (zipped(**{"pack.json": index()}) + b"more", "expected one end record"),
    ],
)
def test_file_that_is_no_pack_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(VerificationFailed, match=text) as caught:
        pack.read(data)
    assert caught.value.check == "pack"


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pack.json", index())
        archive.writestr("zeros", bytes(300 * 1024**2))
    with pytest.raises(VerificationFailed, match="expected at most 200 times its packed size"):
        pack.read(target.getvalue())


def test_pack_with_part_of_the_evidence_says_what_is_missing() -> None:
    made = Pack(files={"evidence/a1/record.json": b"{}"}, attempts=("a1",))
    with pytest.raises(VerificationFailed, match=r"evidence/a1 with run\.json, evidence\.dsse"):
        made.evidence("a1")


def test_any_bytes_are_read_or_refused_in_words() -> None:
    good = Pack(files={"a": b"text" * 20}, attempts=()).dump()
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 0xFF
        with contextlib.suppress(VerificationFailed):
            # Times and the like mean nothing: what is read is what was written.
            assert pack.read(bytes(changed)).files == {"a": b"text" * 20}


def test_pack_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "pack.zip"
    pack.write(target, b"data")
    assert target.read_bytes() == b"data"
    with pytest.raises(StoreFault, match="File exists"):
        pack.write(target, b"other")
    assert target.read_bytes() == b"data"

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFault, match="No space left"):
        pack.write(tmp_path / "full.zip", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["pack.zip"]


def test_index_says_where_a_trials_evidence_is(bench: small.Bench) -> None:
    award, attempt = awarded(bench)
    made = pack.of(award, bench.parts, with_work=False)
    document = json.loads(made.files[str(made.credential)])
    assert made.names[document["id"]] == made.credential
    assert made.names[document["evidence"][0]["id"]] == f"evidence/{attempt}/record.json"


def test_installation_knows_its_own_badges(bench: small.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    award, _ = awarded(bench)
    target = bench.root / "badge.zip"
    pack.write(target, pack.of(award, bench.parts, with_work=False).dump())
    (bench.root / "catalog" / "issuer.yaml").write_text('name: Bench\nurl: "https://bench.example"\n')
    monkeypatch.setattr(wiring, "now", bench.clock)
    here = ["--home", str(bench.root), "--catalog", str(bench.root / "catalog"), "verify", str(target)]
    said = CliRunner().invoke(main, here, catch_exceptions=False)
    assert said.exit_code == 0, said.stderr
    assert "Bench (did:web:bench.example), whose installation this is" in said.stderr
    elsewhere = CliRunner().invoke(main, ["--home", str(bench.root / "none"), *here[2:]])
    assert elsewhere.exit_code == 3
