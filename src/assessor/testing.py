"""Stand-ins for unit tests: a sandbox that follows a script instead of running anything, and known keys.

A fake's identity says `isolation: fake`, so that nothing signed with it can be taken for the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor.issuer import Issuer
from assessor.keyring import Keyring, Place
from assessor.rows.database import Database
from assessor.sandbox.protocol import (
    Collected,
    CollectedTest,
    End,
    Ended,
    Event,
    Finished,
    Identity,
    Image,
    Order,
    Outcome,
    Reason,
)
from assessor.signer import LocalSigner, Purpose

FAKE_DIGEST = "sha256:" + "0" * 64

Script = Callable[[Order], Iterable[Event | End | BaseException]]


#: Who awards in a test.
ISSUER = Issuer(name="Bench", url="https://bench.example", did="did:web:bench.example")


def signer(number: int = 1) -> LocalSigner:
    """A key that anybody knows: for tests alone."""
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def keys(database: Database, *, folder: Path, clock: Callable[[], datetime]) -> Keyring:
    """A keyring of such keys, given as settings give them: 1 for the engine, 2 for issuer, 3 for log."""
    return Keyring(
        database,
        {
            purpose: Place(
                file=folder / f"{purpose.value}.pem",
                given=signer(number).dump(None).decode(),
                setting=f"ASSESSOR_{purpose.name}_KEY",
            )
            for number, purpose in enumerate(Purpose, start=1)
        },
        passphrase=None,
        clock=clock,
    )


def collected(*ids: str, criterion: str | None = None, visible: bool = False) -> Collected:
    """A collection of plain tests."""
    return Collected(
        tests=tuple(
            CollectedTest(
                id=name, group=name.split("[")[0], criterion=criterion, points=None, visible=visible
            )
            for name in ids
        ),
        errors=(),
    )


def finished(name: str, *, passed: bool = True, reason: Reason | None = None, message: str = "") -> Finished:
    """One test's event; a failed one is an assertion unless told otherwise."""
    return Finished(
        id=name,
        passed=passed,
        reason=None if passed else reason or Reason.ASSERTION,
        message=message,
        detail="",
        output="",
        example=None,
        duration_ms=1,
    )


def all_pass(ids: Sequence[str]) -> Script:
    """A script in which every test passes."""

    def script(_order: Order) -> Iterable[Event | End | BaseException]:
        yield collected(*ids)
        for name in ids:
            yield finished(name)
        yield Ended(wall_ms=len(ids), processes=1)

    return script


@dataclass
class FakeSandbox:
    """Follows `script`: events are passed on, an `End` ends the run, an exception is raised."""

    script: Script
    isolation: str = "fake"
    orders: list[Order] = field(default_factory=list)
    shrunk: int = 0

    def identity(self, profile: str, *, service: bool = False) -> Identity:
        """An identity that nobody can take for a real one."""
        image = Image(recipe=FAKE_DIGEST, packages=FAKE_DIGEST)
        return Identity(
            profile=profile,
            learner=image,
            grader=image,
            isolation=self.isolation,
            runtime="none",
            seccomp=None,
        )

    def run(self, order: Order, *, on_event: Callable[[Event], None]) -> Outcome:
        """Follow the script."""
        self.orders.append(order)
        end = End.COMPLETE
        for step in self.script(order):
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, End):
                end = step
                break
            on_event(step)
        return Outcome(end=end, identity=self.identity(order.profile), phases_ms={"tests": 1})

    def prepare(self, order: Order) -> None:
        """Nothing has to be ready."""

    def shrink(self) -> None:
        """Count that it was asked for."""
        self.shrunk += 1

    def sweep(self) -> list[str]:
        """Nothing is ever left."""
        return []

    def close(self) -> None:
        """Nothing is held."""
