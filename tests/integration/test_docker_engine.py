"""The engine itself is killed in the middle of a run: a second engine, which the test starts for itself."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from assessor.errors import SandboxFault
from assessor.limits import Limits
from assessor.sandbox import protocol
from assessor.sandbox.docker import Docker
from assessor.sandbox.protocol import End, Event, Finished, Order
from tests import engines

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[engines.SecondEngine]:
    with engines.second_engine() as made:
        monkeypatch.setenv("DOCKER_HOST", made.url)
        yield made


def order(solution: str) -> Order:
    return Order(
        attempt=uuid.uuid4().hex,
        epoch=1,
        profile="python",
        limits=Limits(wall_s=30, call_s=20),
        bundle={"solution.py": solution.encode()},
        tests={
            "test_solution.py": b"import solution\n\n\ndef test_a():\n    assert solution.f(0) == 0\n\n\n"
            b"def test_b():\n    assert solution.f(5) == 5\n"
        },
        modules=("solution",),
        seed=1,
    )


# The client library leaves its socket to the collector where nobody listens; collected at a known time.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_engine_killed_in_a_run_is_a_fault_of_ours_and_the_same_sandbox_goes_on_after_its_restart(
    second: engines.SecondEngine,
) -> None:
    sandbox = Docker(root=ROOT, owner="second")
    events: list[Event] = []

    def kill(event: Event) -> None:
        events.append(event)
        if isinstance(event, Finished):
            second.kill()

    what = order("import time\n\n\ndef f(x):\n    time.sleep(x)\n    return x\n")
    with pytest.raises(SandboxFault, match="engine"):
        sandbox.run(what, on_event=kill)
    assert any(isinstance(event, Finished) and event.passed for event in events), "what came before is kept"

    second.start()
    events.clear()
    outcome = sandbox.run(order("def f(x):\n    return x\n"), on_event=events.append)
    assert outcome.end is End.COMPLETE
    assert [event.passed for event in events if isinstance(event, Finished)] == [True, True]
    sandbox.close()
    # What could not be removed while the engine was away is left for the sweep.
    sweeper = Docker(root=ROOT, owner="second")
    sweeper.sweep(alive=lambda holder: False)
    sweeper.close()
    mine = {"label": f"{protocol.LABEL_OWNER}=second"}
    client = docker.APIClient(base_url=second.url, version="auto")
    assert client.containers(all=True, filters=mine) == []
    assert not client.volumes(filters=mine)["Volumes"]
    client.close()
    gc.collect()
