"""Rows of awards: whole or not there, newer only in turn, exported with their learner, erased with them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assessor import awarding, personal, settling
from assessor.errors import AwardOvertaken, AwardRefused, KeyRetired, NotFound
from assessor.rows import ledger, schema
from assessor.rows.awards import AwardRow, Change, Grant
from assessor.signer import Purpose
from tests import people
from tests.honours import earn, held, judge, make_bench
from tests.small import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path, "adder")
    yield made
    made.parts.store.close()


def grant(bench: Bench, row: AwardRow, **changed: Any) -> Grant:
    """A next revision of this award, its credential put and doomed as it should be."""
    new = replace(row, revision=row.revision + 1, credential=bench.parts.blobs.put(b"a newer one"))
    new = replace(new, **changed)
    assert new.credential is not None
    bench.parts.store.doom(new.credential)
    return Grant(row=new, kind=Change.REISSUE, reason=None, salt=bytes(range(16)))


def everything(bench: Bench) -> list[Any]:
    with bench.parts.store.reading() as connection:
        return [connection.execute(sa.select(table)).all() for table in ledger.metadata.sorted_tables]


@pytest.mark.parametrize(
    "changed",
    [
        {"revision": 1, "id": "another"},
        {"revision": 1, "id": "another", "achievement_id": "another"},
        {"revision": 3},
        {"revision": 1},
        {"learner_id": "id0004"},
    ],
)
def test_award_that_does_not_follow_on_what_is_there_is_not_kept(
    bench: Bench, changed: dict[str, Any]
) -> None:
    row = earn(bench)["adder"]
    judge(bench, 1, learner="ben")
    ben = bench.parts.store.learner_named("ben").id
    if "learner_id" in changed:
        changed = {"learner_id": ben}
    tried = grant(bench, row, **changed)
    before = everything(bench)
    with pytest.raises(AwardOvertaken):
        bench.parts.store.keep_awards([tried], now=bench.clock.now)
    assert everything(bench) == before


def test_revoked_award_gets_no_newer_revision(bench: Bench) -> None:
    row = earn(bench)["adder"]
    awarding.revoke(bench.parts, row.id, reason="copied")
    with pytest.raises(AwardOvertaken, match="not revoked; it has changed meanwhile"):
        bench.parts.store.keep_awards([grant(bench, row)], now=bench.clock.now)


def test_award_whose_file_was_removed_meanwhile_is_not_kept(bench: Bench) -> None:
    tried = grant(bench, earn(bench)["adder"])
    personal.sweep(bench.parts.store, bench.parts.blobs)
    with pytest.raises(AwardOvertaken, match="removed before it was kept"):
        bench.parts.store.keep_awards([tried], now=bench.clock.now)


def test_award_under_a_key_that_was_retired_meanwhile_is_not_kept(bench: Bench) -> None:
    row = earn(bench)["adder"]
    key_id = bench.parts.keyring.signer(Purpose.ISSUER).key_id
    with bench.parts.store.writing() as connection:
        keys = schema.keys
        connection.execute(keys.update().where(keys.c.key_id == key_id).values(until=bench.clock.now))
    with pytest.raises(KeyRetired):
        bench.parts.store.keep_awards([grant(bench, row)], key_id=key_id, now=bench.clock.now)
    assert held(bench)["adder"] == row


def test_what_nobody_knows_is_said(bench: Bench) -> None:
    with pytest.raises(NotFound, match="expected the id of an award, got 'x'"):
        bench.parts.store.award("x")
    with pytest.raises(NotFound, match="expected the id of an award, got 'x'"):
        bench.parts.store.revoke("x", reason="y", salt=bytes(16), now=bench.clock.now)
    with pytest.raises(NotFound, match="expected an e-mail address, got 'ada'"):
        bench.parts.store.set_email("ada", "ada", act=people.act())
    with pytest.raises(NotFound, match="expected the name of a learner, got 'ada'"):
        bench.parts.store.set_email("ada", "ada@example.org", act=people.act())


def test_export_holds_awards_with_all_their_credentials(bench: Bench, tmp_path: Path) -> None:
    first, second = earn(bench, 2)["adder"], earn(bench, 3)["adder"]
    bench.parts.store.set_email("ada", "ada@example.org", act=people.act())
    rows = personal.export(bench.parts.store, bench.parts.blobs, "ada", target=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "learner.json").read_text()) == rows
    assert rows["learner"]["email"] == "ada@example.org"
    (award,) = rows["awards"]
    assert (award["id"], award["revision"], award["level"]) == (second.id, 2, "top")
    assert [(one["kind"], one["credential"]) for one in award["changes"]] == [
        ("award", first.credential),
        ("reissue", second.credential),
    ]
    files = {path.name for path in (tmp_path / "out" / "blobs").iterdir()}
    assert {str(row.credential).removeprefix("sha256:") for row in (first, second)} <= files


def test_erasing_takes_credentials_and_reasons_and_leaves_the_bit(bench: Bench) -> None:
    store = bench.parts.store
    first, second = earn(bench, 2)["adder"], earn(bench, 3)["adder"]
    awarding.revoke(bench.parts, second.id, reason="Ada copied")
    store.set_email("ada", "ada@example.org", act=people.act())
    other = earn(bench, learner="ben")["adder"]
    due = judge(bench, 3)
    personal.erase(store, bench.parts.blobs, "ada", now=bench.clock.now)
    row = store.award(first.id)
    assert (row.learner_id, row.credential, row.reason) == (None, None, None)
    assert {one.reason for one in store.award_changes(row.id)} == {None}
    assert store.revoked_bits("1") == {row.status_index}
    kept = bench.parts.blobs.names()
    assert not kept & {first.credential, second.credential}
    assert other.credential in kept
    assert store.blob_digests() <= kept
    assert not store.is_unsettled(due)
    for path in bench.root.glob("assessor.db*"):
        assert b"ada@example.org" not in path.read_bytes()
        assert b"Ada copied" not in path.read_bytes()


def test_backup_names_every_credential(bench: Bench) -> None:
    first, second = earn(bench, 2)["adder"], earn(bench, 3)["adder"]
    assert {first.credential, second.credential} <= set(bench.parts.store.blob_digests())


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    done=st.lists(
        st.sampled_from(["fail", "pass", "top", "settle", "reissue", "renew", "revoke", "months", "back"]),
        min_size=1,
        max_size=9,
    )
)
def test_whatever_is_done_there_is_one_award_and_it_only_gets_newer(
    tmp_path_factory: pytest.TempPathFactory, done: list[str]
) -> None:
    bench = make_bench(tmp_path_factory.mktemp("bench"), "adder")
    parts, numbers = bench.parts, {"fail": 1, "pass": 2, "top": 3}
    seen: list[AwardRow] = []
    try:
        for step in [*done, "settle"]:
            before = held(bench).get("adder") if seen else None
            if step in numbers:
                judge(bench, numbers[step])
            elif step == "settle":
                settling.settle(parts)
            elif step in ("months", "back"):
                bench.clock.move(days=170 if step == "months" else -2)
            elif before is not None:
                try:
                    if step == "revoke":
                        awarding.revoke(parts, before.id, reason="any")
                    else:
                        getattr(awarding, step)(parts, before.id)
                except AwardRefused:
                    assert held(bench)["adder"] == before
            seen += [row for row in parts.store.awards(learner="ada") if row not in seen]
        with parts.store.reading() as connection:
            leaves = connection.execute(sa.select(ledger.leaves).order_by(ledger.leaves.c.index)).all()
            assert connection.execute(sa.select(ledger.due)).all() == []
        signed = [row for row in seen if row.revoked_at is None]
        assert {row.id for row in seen} == ({seen[0].id} if seen else set())
        assert [row.digest for row in leaves if row.kind == "award"] == [row.credential for row in signed]
        for earlier, later in itertools.pairwise(seen):
            assert earlier.revoked_at is None
            assert later.awarded_at == earlier.awarded_at
            assert (later.status_list, later.status_index) == (earlier.status_list, earlier.status_index)
            if later.revoked_at is None:
                assert later.revision == earlier.revision + 1
                assert later.valid_from >= earlier.valid_from + timedelta(seconds=1)
        if seen:
            revoked = seen[-1].revoked_at is not None
            assert parts.store.revoked_bits("1") == ({seen[-1].status_index} if revoked else set())
    finally:
        parts.store.close()
