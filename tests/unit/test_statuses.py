"""A revoked award has its bit set in a signed list; a list that cannot be signed is an alarm, not silence."""

from __future__ import annotations

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
from structlog.testing import capture_logs

from assessor import awarding, digest, health, statuses
from assessor.errors import AwardOvertaken, KeyFault, NotFound
from assessor.keyring import Keyring, Place
from assessor.openbadges import linked, statuslist
from assessor.rows import ledger, revocations
from assessor.rows.revocations import BITS, StatusList
from assessor.signer import Purpose
from assessor.statuses import LIFE, PATIENCE, RENEWED
from tests.honours import document, earn, make_bench
from tests.small import Bench, Clock


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    yield made
    made.parts.store.close()


def listed(bench: Bench, list_id: str = "1") -> StatusList:
    return bench.parts.store.status_list(list_id)


def signed(bench: Bench, list_id: str = "1") -> dict[str, Any]:
    body = listed(bench, list_id).body
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def leaves(bench: Bench) -> list[tuple[str, str]]:
    with bench.parts.store.reading() as connection:
        found = connection.execute(sa.select(ledger.leaves).order_by(ledger.leaves.c.index))
        return [(row.subject, row.digest) for row in found if row.kind == "status"]


def break_key(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(purpose: Purpose) -> Any:
        raise KeyFault("issuer.pem: expected a key, got no file")

    monkeypatch.setattr(bench.parts.keyring, "signer", gone)


def test_first_award_makes_a_signed_list_for_a_week(bench: Bench) -> None:
    began = bench.clock.now + timedelta(seconds=1)
    row = earn(bench)["adder"]
    found = signed(bench)
    (proof,) = linked.proofs(found)
    linked.verify(found, proof, key=bench.parts.keyring.signer(Purpose.ISSUER).public_raw)
    linked.check_terms(found)
    assert found["id"] == "https://bench.example/status/1.json"
    assert found["validFrom"] == began.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert listed(bench).valid_until == began + LIFE
    assert not statuslist.revoked(found, document(bench, row)["credentialStatus"])
    assert leaves(bench) == [("1", digest.sha256(listed(bench).body or b""))]


def test_revoked_award_has_its_bit_set_and_no_other(bench: Bench) -> None:
    rows = earn(bench)
    awarding.revoke(bench.parts, rows["adder"].id, reason="copied")
    found = signed(bench)
    assert statuslist.revoked(found, document(bench, rows["adder"])["credentialStatus"])
    assert not statuslist.revoked(found, document(bench, rows["master"])["credentialStatus"])
    assert bench.parts.store.revoked_bits("1") == {rows["adder"].status_index}
    revoked = bench.parts.store.award(rows["adder"].id)
    assert (revoked.revoked_at, revoked.reason) == (bench.clock.now, "copied")
    # The change itself is in the log, and so is each list that says so.
    assert leaves(bench)[1:] == [
        (revoked.id, digest.sha256(revocations.revocation(revoked))),
        ("1", digest.sha256(listed(bench).body or b"")),
    ]


def test_between_revocation_and_signature_there_is_no_list(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = earn(bench)["adder"]
    with monkeypatch.context() as patched:
        break_key(bench, patched)
        with pytest.raises(KeyFault):
            awarding.revoke(bench.parts, row.id, reason="copied")
        assert bench.parts.store.award(row.id).revoked_at is not None
        assert listed(bench).body is None
        assert statuses.late([listed(bench)], bench.clock.now) == ()
        bench.clock.move(minutes=6)
        (late,) = statuses.late([listed(bench)], bench.clock.now)
        assert "since 2026-11-24T09:00:0" in statuses.told(late)
        with capture_logs() as logged:
            assert statuses.republish(bench.parts, now=bench.clock.now) == ()
        assert [one["log_level"] for one in logged] == ["error"]
    assert statuses.republish(bench.parts, now=bench.clock.now) == ("1",)
    assert statuslist.revoked(signed(bench), document(bench, row)["credentialStatus"])
    assert statuses.late([listed(bench)], bench.clock.now) == ()


def test_list_is_signed_again_when_half_its_time_is_over(bench: Bench) -> None:
    earn(bench)
    first = listed(bench)
    bench.clock.move(days=3)
    assert statuses.republish(bench.parts, now=bench.clock.now) == ()
    bench.clock.move(days=1)
    assert statuses.republish(bench.parts, now=bench.clock.now) == ("1",)
    assert listed(bench).valid_until == bench.clock.now + LIFE
    assert listed(bench).body != first.body
    assert statuses.republish(bench.parts, now=bench.clock.now) == ()
    # One that was made before the clock was set back.
    bench.clock.move(days=-2)
    assert statuses.republish(bench.parts, now=bench.clock.now) == ("1",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minutes=st.integers(min_value=-30_000, max_value=30_000), unsigned=st.booleans())
def test_list_that_is_late_is_due_and_one_that_ran_out_is_late(minutes: int, unsigned: bool) -> None:
    now = Clock().now
    found = StatusList(
        id="1",
        bits=BITS,
        body=None if unsigned else b"{}",
        valid_until=None if unsigned else now + timedelta(minutes=minutes),
        changed_at=now - timedelta(minutes=abs(minutes)),
    )
    is_late = statuses.late([found], now) != ()
    if is_late:
        assert statuses.due(found, now)
    if not unsigned:
        assert is_late == (timedelta(minutes=minutes) < RENEWED - PATIENCE)
    else:
        assert is_late == (timedelta(minutes=abs(minutes)) > PATIENCE)


def test_list_that_a_replaced_key_signed_is_signed_anew_at_once(bench: Bench) -> None:
    places = {purpose: Place(file=bench.root / "own" / f"{purpose.value}.pem") for purpose in Purpose}
    own = Keyring(bench.parts.store, places, passphrase=None, clock=bench.clock)
    bench.parts = replace(bench.parts, keyring=own)
    earn(bench)
    before = signed(bench)
    assert statuses.republish(bench.parts, now=bench.clock()) == ()
    bench.parts.keyring.rotate(Purpose.ISSUER, now=bench.clock())
    assert statuses.republish(bench.parts, now=bench.clock()) == ("1",)
    now = signed(bench)
    methods = [one["proof"][0]["verificationMethod"] for one in (before, now)]
    assert methods[0] != methods[1]
    assert now["issuer"] == before["issuer"]
    assert methods[1] == statuses.method(*statuses.issuing(bench.parts))
    assert statuses.republish(bench.parts, now=bench.clock()) == ()


def test_fresh_list_is_no_error_while_the_key_is_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bench.root / "own" / "issuer.pem"
    places = {purpose: Place(file=file.with_name(f"{purpose.value}.pem")) for purpose in Purpose}
    own = Keyring(bench.parts.store, places, passphrase=None, clock=bench.clock)
    bench.parts = replace(bench.parts, keyring=own)
    earn(bench)
    file.rename(file.with_suffix(".away"))
    own = Keyring(bench.parts.store, places, passphrase=None, clock=bench.clock)
    bench.parts = replace(bench.parts, keyring=own)
    with pytest.raises(KeyFault):
        statuses.issuing(bench.parts)
    with capture_logs() as lines:
        assert statuses.republish(bench.parts, now=bench.clock()) == ()
    assert lines == []
    bench.clock.move(days=5)
    with capture_logs() as lines:
        assert statuses.republish(bench.parts, now=bench.clock()) == ()
    assert [line["event"] for line in lines] == ["status list not signed; nobody can check its badges"]


def test_signature_over_bits_that_changed_meanwhile_is_not_kept(bench: Bench) -> None:
    rows = earn(bench)
    store = bench.parts.store
    store.revoke(rows["adder"].id, reason="x", salt=bytes(16), now=bench.clock.now)
    named = {
        "body": b"{}",
        "valid_until": bench.clock.now,
        "key_id": bench.parts.keyring.signer(Purpose.ISSUER).key_id,
        "salt": bytes(range(16)),
    }
    with pytest.raises(AwardOvertaken, match="revoked while it was signed"):
        store.keep_list("1", revoked=frozenset(), **named)
    assert listed(bench).body is None
    with pytest.raises(NotFound, match="expected the id of a status list, got '7'"):
        store.keep_list("7", revoked=frozenset(), **named)
    with pytest.raises(AwardOvertaken, match="first of this id"):
        store.add_list("1", **named)


def test_list_that_is_half_full_is_followed_by_another(bench: Bench) -> None:
    store = bench.parts.store
    first = earn(bench)["adder"]
    with store.writing() as connection:
        connection.execute(ledger.status_lists.update().values(bits=6))
    assert store.open_list() is None
    second = earn(bench, learner="ben")["adder"]
    assert (first.status_list, second.status_list) == ("1", "2")
    assert signed(bench, "2")["id"].endswith("/status/2.json")
    assert [one.id for one in store.status_lists()] == ["1", "2"]


def test_lists_are_counted_as_numbers(bench: Bench) -> None:
    store = bench.parts.store
    key_id = bench.parts.keyring.signer(Purpose.ISSUER).key_id
    for number in range(1, 12):
        assert store.next_list() == str(number)
        salt = number.to_bytes(16, "big")
        store.add_list(str(number), body=b"{}", valid_until=bench.clock.now, key_id=key_id, salt=salt)
    assert store.open_list() == "11"


def test_bit_that_is_taken_is_not_given_twice(bench: Bench) -> None:
    row = earn(bench)["adder"]
    picked = iter([row.status_index, row.status_index, 5])
    assert bench.parts.store.free_index("1", lambda below: next(picked)) == 5


def test_health_tells_of_a_late_list_as_of_a_part_that_is_missing(bench: Bench) -> None:
    late = statuses.Late(list_id="1", problem="it has run out", since=bench.clock.now)
    (line,) = [
        one for one in health.report(health.Facts(late=[late], unsettled=2)).lines if one.name == "awards"
    ]
    assert line.state is health.State.MISSING
    assert line.found == (
        "status list 1: it has run out, since 2026-11-24T09:00:00+00:00; "
        "2 passed attempts were not looked at for awards"
    )
    (line,) = [one for one in health.report(health.Facts()).lines if one.name == "awards"]
    assert line.state is health.State.WELL
