"""Evidence that learners keep to themselves: what is kept, what stays so, what goes with the learner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor import pack, settling
from assessor.errors import NotFound
from assessor.rows.awards import AwardRow, Visibility
from tests import badges, honours
from tests.small import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = badges.logged(honours.make_bench(tmp_path))
    yield made
    made.parts.store.close()


@pytest.fixture
def row(bench: Bench) -> AwardRow:
    return honours.earn(bench)["adder"]


def show(bench: Bench, row: AwardRow, shown: bool, **more: Visibility) -> AwardRow:
    return bench.parts.store.show_evidence(row.id, {row.attempts[0]: shown}, now=bench.clock(), **more)


def test_evidence_is_shown_until_its_learner_keeps_it(bench: Bench, row: AwardRow) -> None:
    store, (attempt,) = bench.parts.store, row.attempts
    other = honours.earn(bench, learner="bob")["adder"]
    assert store.withheld() == frozenset()
    for _ in range(2):
        assert show(bench, row, False) == row, "the award is as it was"
        assert store.withheld() == store.withheld([attempt, "another"]) == {attempt}
        assert store.withheld(other.attempts) == store.withheld([]) == frozenset()
    for _ in range(2):
        show(bench, row, True)
        assert store.withheld() == frozenset()


def test_award_and_evidence_are_kept_at_once_or_not_at_all(bench: Bench, row: AwardRow) -> None:
    store = bench.parts.store
    assert show(bench, row, False, visibility=Visibility.PUBLIC).visibility is Visibility.PUBLIC
    show(bench, row, True)
    given = {row.attempts[0]: False, "another": True}
    with pytest.raises(NotFound) as caught:
        store.show_evidence(row.id, given, visibility=Visibility.PRIVATE, now=bench.clock())
    rests = f"expected an attempt that it rests on ({row.attempts[0]}), got 'another'"
    assert str(caught.value) == f"award {row.id}: {rests}"
    assert store.withheld() == frozenset()
    assert store.award(row.id).visibility is Visibility.PUBLIC
    with pytest.raises(NotFound, match="expected the id of an award, got 'none'"):
        store.show_evidence("none", {}, now=bench.clock())
    apprentice = honours.held(bench)["apprentice"]
    with pytest.raises(NotFound, match="none: it rests on other awards"):
        store.show_evidence(apprentice.id, {row.attempts[0]: False}, now=bench.clock())


def test_work_that_is_judged_again_stays_withheld_and_better_work_is_another_piece(bench: Bench) -> None:
    store = bench.parts.store
    row = honours.earn(bench, 2)["adder"]
    show(bench, row, False)
    store.rescore(row.attempts[0], new_id="again", now=bench.clock())
    assert store.withheld() == {row.attempts[0], "again"}
    better = honours.judge(bench, 3)
    settling.follow_up(better, bench.parts)
    assert store.award(row.id).attempts == (better,)
    assert better not in store.withheld()


def test_what_decides_is_another_one_after_each_change(bench: Bench, row: AwardRow) -> None:
    store, attempt = bench.parts.store, row.attempts[0]
    first = store.evidence_as_kept(row.id, attempt)
    honours.earn(bench, learner="bob")
    assert first is not None
    assert store.evidence_as_kept(row.id, attempt) == first
    show(bench, row, False)
    withheld = store.evidence_as_kept(row.id, attempt)
    store.show_award(row.id, Visibility.PRIVATE)
    assert len({first, withheld, store.evidence_as_kept(row.id, attempt)}) == 3
    assert store.evidence_as_kept("none", attempt) is None


def test_it_is_exported_with_its_learner_and_goes_with_them(bench: Bench, row: AwardRow) -> None:
    store = bench.parts.store
    other = honours.earn(bench, learner="bob")["adder"]
    show(bench, row, False)
    show(bench, other, False)
    (submission,) = store.export_learner("ada")["submissions"]
    assert submission["withheld"]["submission_id"] == submission["id"]
    assert submission["withheld"]["since"].startswith("20")
    store.erase_learner("ada", now=bench.clock())
    assert store.withheld() == set(other.attempts)
    with pytest.raises(NotFound, match="its learner was erased"):
        show(bench, row, False)


def test_pack_of_an_award_is_without_what_is_withheld(bench: Bench, row: AwardRow) -> None:
    show(bench, row, False)
    for with_work in (False, True):
        made = pack.of(row.id, bench.parts, with_work=with_work)
        assert (made.attempts, made.withheld) == ((), row.attempts)
        assert [name for name in made.files if row.attempts[0] in name] == []
        assert f"credentials/{row.id}.json" in made.files
        assert pack.read(made.dump()).attempts == ()
    assert pack.of(row.attempts[0], bench.parts, with_work=False).attempts == row.attempts
