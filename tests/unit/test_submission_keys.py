"""A client's word for a submission: the same again is the same submission, something else is a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assessor import catalog, pipeline
from assessor.errors import KeyReused, RateLimited
from assessor.rows.admission import KEYS_LAST, Key
from assessor.rows.learnerrows import Seed
from assessor.rows.users import Role
from assessor.store import Store, Submission
from assessor.waiting import Rate
from tests import people, small
from tests.people import NOW, act, add

KEY = Key(user_id="ada", key="k", digest="sha256:one")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = people.open_store(tmp_path)
    add(opened)
    add(opened, "ben")
    yield opened
    opened.close()


def submit(
    store: Store,
    name: str,
    key: Key | None,
    *,
    learner: str = "ada-learner",
    rate: Rate | None = None,
    now: datetime = NOW,
) -> tuple[Submission, str]:
    submission, attempt, _ = store.submit(
        id=f"s-{name}",
        attempt_id=name,
        learner_id=learner,
        task_id="median",
        task_version="1",
        task_digest="t",
        snapshot="t",
        bundle="b",
        tries=1,
        cooldown_s=0,
        now=now,
        rate=rate,
        key=key,
    )
    return submission, attempt.id


def test_same_key_is_the_same_submission_whatever_the_limits_say(store: Store) -> None:
    first = submit(store, "one", KEY)
    again = submit(store, "two", KEY, rate=Rate(count=1, per_s=60))
    assert again == first
    assert len(store.submissions()) == 1
    with pytest.raises(RateLimited):
        submit(store, "three", None, rate=Rate(count=1, per_s=60))


def test_key_with_another_request_is_refused_and_nothing_kept(store: Store) -> None:
    submit(store, "one", KEY)
    with pytest.raises(KeyReused, match="idempotency key 'k': expected the request that it came with first"):
        submit(store, "two", Key(user_id="ada", key="k", digest="sha256:other"))
    assert [one.id for one in store.submissions()] == ["s-one"]


def test_keys_of_two_users_have_nothing_to_do_with_each_other(store: Store) -> None:
    submit(store, "one", KEY)
    other = Key(user_id="ben", key="k", digest="sha256:other")
    assert submit(store, "two", other, learner="ben-learner")[1] == "two"


def test_submission_that_was_refused_leaves_its_key_free(store: Store) -> None:
    submit(store, "one", None)
    with pytest.raises(RateLimited):
        submit(store, "two", KEY, rate=Rate(count=1, per_s=60))
    assert submit(store, "three", Key(user_id="ada", key="k", digest="sha256:new"))[1] == "three"


def test_key_is_free_again_after_a_week(store: Store) -> None:
    submit(store, "one", KEY)
    assert submit(store, "two", KEY, now=NOW + KEYS_LAST - timedelta(seconds=1))[1] == "one"
    assert submit(store, "three", KEY, now=NOW + KEYS_LAST)[1] == "three"


def test_key_holds_through_the_whole_intake(tmp_path: Path) -> None:
    small.write_catalog(tmp_path)
    bench = small.make_bench(tmp_path, None, tasks=catalog.load(tmp_path))
    bench.parts.store.add_user(
        id="ada",
        email="ada@example.org",
        name="Ada",
        roles=[Role.LEARNER],
        password=None,
        seed=Seed(id="l", salt=b"salt"),
        act=act(),
    )
    (tmp_path / "work").mkdir()

    def hand_in(digest: str, content: str) -> Submission:
        (tmp_path / "work" / "solution.py").write_text(content)
        return pipeline.submit(
            tmp_path / "work",
            task_id="sum",
            learner="ada@example.org",
            tasks=bench.tasks,
            spool=tmp_path / "spool",
            parts=bench.parts,
            ring=lambda _attempt, _epoch: None,
            key=Key(user_id="ada", key="k", digest=digest),
        )[0]

    first = hand_in("sha256:one", small.RIGHT)
    assert hand_in("sha256:one", small.RIGHT) == first
    other = "def total(numbers): return 0"
    with pytest.raises(KeyReused):
        hand_in("sha256:other", other)
    # Its files are kept for nobody.
    assert bench.parts.blobs.names() == {first.bundle, first.snapshot}
    bench.parts.store.close()
