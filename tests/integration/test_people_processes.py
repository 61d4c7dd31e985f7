"""Several real processes on one store: the last use of a link is one person's, and a kill leaves no half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assessor import backup
from assessor.blobs import Blobs
from assessor.rows.tokens import Scope
from assessor.rows.users import Role
from assessor.rows.webhooks import Event
from assessor.store import Store
from tests import people
from tests.people import NOW, act, add

COUNT = 8

OPEN = """
    import sys
    from assessor.rows.audit import Act
    from assessor.errors import AccountRefused, KeyReused
    from assessor.rows.learnerrows import Seed
    from assessor.store import Store
    from assessor.rows.users import Role
    from tests.people import NOW, act

    store = Store.open(sys.argv[1])
    me = sys.argv[2]
    print("ready", flush=True)
    sys.stdin.readline()  # all start at once
"""

JOIN = (
    OPEN
    + """
    try:
        store.join("invitation", f"user-{me}", act=act(user_id=f"user-{me}"))
        print("in")
    except AccountRefused:
        print("refused")
"""
)

SIGN_IN = (
    OPEN
    + """
    made = store.sign_in_by_link("link", session_secret=f"cookie {me}", csrf="c", now=NOW)
    print("refused" if made is None else "in")
"""
)

SIGN_UP = (
    OPEN
    + """
    try:
        store.add_user(id=f"new-{me}", email="Same@example.org", name="N", roles=[Role.LEARNER],
            password=None, seed=Seed(id=f"seed-{me}", salt=b"s"), act=act())
        print("in")
    except AccountRefused:
        print("refused")
"""
)

HAND_IN = (
    OPEN
    + """
    from assessor.rows.admission import Key

    submission, attempt, _ = store.submit(id=f"s-{me}", attempt_id=f"a-{me}", learner_id="user-0-learner",
        task_id="median", task_version="1", task_digest="t", snapshot="t", bundle="b", tries=None,
        cooldown_s=0, now=NOW, key=Key(user_id="user-0", key="k", digest="d"))
    print(submission.id)
"""
)

TAKE = (
    OPEN
    + """
    print(" ".join(one.id for one in store.due_deliveries(NOW, limit=3)))
"""
)

#: Killed when everything of it is written but the end of the transaction.
KILLED = (
    OPEN
    + """
    import os, signal
    from contextlib import contextmanager

    real = store.writing

    @contextmanager
    def writing():
        with real() as connection:
            yield connection
            os.kill(os.getpid(), signal.SIGKILL)

    store.writing = writing
    if me == "join":
        store.join("invitation", "user-0", act=act())
    elif me == "link":
        store.sign_in_by_link("link", session_secret="cookie", csrf="c", now=NOW)
    else:
        store.set_active("user-0", False, act=act())
"""
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = people.open_store(tmp_path)
    opened.add_cohort(id="c", name="Spring", act=act())
    for number in range(COUNT):
        add(opened, f"user-{number}")
    yield opened
    opened.close()


def start(script: str, store: Store, name: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), f"sqlite:///{store.file}", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def together(script: str, store: Store, count: int = COUNT) -> list[str]:
    """What each of so many processes printed, all let go at once."""
    processes = [start(script, store, str(number)) for number in range(count)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return said


def test_no_more_join_at_once_than_an_invitation_has_uses(store: Store) -> None:
    store.invite(secret="invitation", cohort_id="c", uses=3, act=act())
    said = together(JOIN, store)
    assert sorted(said) == ["in"] * 3 + ["refused"] * (COUNT - 3)
    members = {user.id for user, _ in store.members("c")}
    assert members == {f"user-{number}" for number, word in enumerate(said) if word == "in"}
    assert {row.user_id for row in store.audit() if row.act == "cohort.join"} == members
    assert store.invitation("invitation", now=NOW) is None


def test_link_signs_in_one_of_all_who_use_it_at_once(store: Store) -> None:
    store.add_sign_in_link(secret="link", user_id="user-0", expires_at=NOW + timedelta(days=1), act=act())
    said = together(SIGN_IN, store)
    assert sorted(said) == ["in"] + ["refused"] * (COUNT - 1)
    assert store.session(f"cookie {said.index('in')}", now=NOW) is not None
    assert len(store.sessions("user-0", now=NOW)) == 1


def test_one_address_that_signs_up_several_times_at_once_has_one_account(store: Store) -> None:
    said = together(SIGN_UP, store, 4)
    assert sorted(said) == ["in"] + ["refused"] * 3
    found = store.user_by_email("same@example.org")
    assert found is not None
    assert found.id == f"new-{said.index('in')}"


def test_one_key_that_comes_several_times_at_once_is_one_submission(store: Store) -> None:
    (kept,) = set(together(HAND_IN, store, 4))
    assert [one.id for one in store.submissions()] == [kept]


def test_no_two_senders_are_given_one_message(store: Store) -> None:
    store.add_endpoint(id="e", url="https://example.org/", secret="s", events=[Event.AWARD_MADE], act=act())
    names = [f"m{number}" for number in range(10)]
    for name in names:
        store.tell(Event.AWARD_MADE, b"p", new_id=iter([name]).__next__, learner_id=None, now=NOW)
    taken = [name for said in together(TAKE, store, 4) for name in said.split()]
    assert sorted(taken) == sorted(names)


@pytest.mark.parametrize("what", ["join", "link", "off"])
def test_kill_before_the_end_leaves_all_as_it_was(store: Store, what: str) -> None:
    store.invite(secret="invitation", cohort_id="c", uses=1, act=act())
    store.add_sign_in_link(secret="link", user_id="user-0", expires_at=NOW + timedelta(days=1), act=act())
    before = store.audit()
    process = start(KILLED, store, what)
    process.communicate("go\n", timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert store.audit() == before
    assert store.user("user-0").active
    assert store.members("c") == ()
    assert store.sign_in_link("link", now=NOW) == "user-0"
    assert store.sessions("user-0", now=NOW) == ()
    # Nothing is held by who is gone.
    assert store.join("invitation", "user-0", act=act()).role is Role.LEARNER


def test_restored_home_has_its_people(store: Store, tmp_path: Path) -> None:
    store.enrol("c", "user-0", Role.LEARNER, act=act())
    store.set_password("user-0", "hash", act=act())
    store.add_token(
        id="t", secret="asr_x", user_id="user-0", name="n", scopes=[Scope.READ], expires_at=None, act=act()
    )
    backup.create(store, Blobs.open(tmp_path / "blobs"), tmp_path / "backup", keys=None)
    backup.restore(tmp_path / "backup", home=tmp_path / "second")
    again = Store.open(f"sqlite:///{tmp_path / 'second' / backup.DATABASE}")
    assert again.users() == store.users()
    assert again.password_of("user-0") == "hash"
    assert again.members("c") == store.members("c")
    assert again.audit() == store.audit()
    found = again.token("asr_x", now=NOW)
    assert found is not None
    assert found.user_id == "user-0"
    again.close()
