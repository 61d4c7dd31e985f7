"""Places made ready ahead of need: for what was handed in last, else for what the catalog offers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assessor import ahead
from assessor.sandbox.protocol import Order
from assessor.testing import FakeSandbox, all_pass
from tests import small


class Noting(FakeSandbox):
    """Notes what it was to have ready."""

    def prepare(self, order: Order) -> None:
        self.orders.append(order)


@pytest.fixture
def sandbox() -> Noting:
    return Noting(all_pass(small.IDS))


@pytest.fixture
def bench(tmp_path: Path, sandbox: Noting) -> Iterator[small.Bench]:
    tasks = small.write_catalog(tmp_path / "catalog")
    made = small.make_bench(tmp_path, sandbox, tasks=tasks)
    yield made
    made.parts.store.close()


def test_new_installation_has_the_catalogs_first_tasks_ready(bench: small.Bench, sandbox: Noting) -> None:
    ahead.prepare(bench.parts, bench.tasks, most=2)
    assert [(order.profile, order.limits) for order in sandbox.orders] == [
        ("python", bench.tasks.task("sum").limits)
    ]
    assert not any(order.bundle for order in sandbox.orders)


def test_what_was_handed_in_last_comes_before_the_catalog(bench: small.Bench, sandbox: Noting) -> None:
    bench.submit(small.RIGHT)
    bench.submit(small.RIGHT + "\n")
    ahead.prepare(bench.parts, bench.tasks, most=2)
    assert len(sandbox.orders) == 1, "two submissions of one task need one kind of place"
    assert sandbox.orders[0].tests


def test_snapshot_that_is_gone_keeps_nobody_waiting(bench: small.Bench, sandbox: Noting) -> None:
    submission, _ = bench.submit(small.RIGHT)
    bench.parts.blobs.remove(submission.snapshot)
    ahead.prepare(bench.parts, bench.tasks, most=2)
    assert sandbox.orders == []


def test_none_is_made_ready_where_none_is_kept(bench: small.Bench, sandbox: Noting) -> None:
    ahead.prepare(bench.parts, bench.tasks, most=0)
    assert sandbox.orders == []
