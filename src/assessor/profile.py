"""A sandbox's profile: which image an attempt runs in and the most that it may use.

Comes in: `sandboxes/<name>/sandbox.yaml`. Goes out: a `Profile`. Images and containers are left to
`sandbox/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from assessor import authored
from assessor.limits import Limits


class Role(StrEnum):
    """Whose side of an attempt an image serves."""

    LEARNER = "learner"  #: holds the submission and nothing of the tests
    GRADER = "grader"  #: holds pytest and the tests and nothing of the submission


class Isolation(StrEnum):
    """How an attempt is sealed."""

    CELL = "cell"  #: in a fresh cell of a waiting container: namespaces, mounts and filter of its own
    CONTAINER = "container"  #: in two containers of its own


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A kind of sandbox.

    Attributes:
        name: the folder's name.
        summary: one line for authors.
        languages: what can be run in it; empty for a grader.
        role: whose side it serves.
        grader: name of the profile of the other side; None for a grader.
        isolation: how it is sealed; a cell where nothing is said.
        runtime: the engine's runtime, or None for the installation's.
        preload: modules that are imported while it waits for work.
        compiled: whether programs that were made in the work folder may be run.
        ceiling: no task may ask for more.
        folder: where the recipe lies, or None where only the file was kept.
        source: the bytes of sandbox.yaml.
    """

    name: str
    summary: str
    languages: tuple[str, ...]
    role: Role
    grader: str | None
    isolation: Isolation
    runtime: str | None
    preload: tuple[str, ...]
    ceiling: Limits
    folder: Path | None
    source: bytes
    compiled: bool = False


_Seconds = Annotated[authored.Number, Field(ge=1, le=3600)]
_Kib = Annotated[authored.Number, Field(ge=1, le=1024**2)]
_Mib = Annotated[authored.Number, Field(ge=1, le=64 * 1024)]


class LimitsModel(authored.Strict):
    """Limits as authors write them: each may be left out, sizes in MiB and KiB."""

    wall_s: _Seconds | None = Field(
        default=None, description=f"The whole run, seconds. Without it {Limits.wall_s}."
    )
    call_s: _Seconds | None = Field(
        default=None,
        description="One call of the work, one run of a program or one answer of a service, seconds. "
        f"Without it {Limits.call_s}.",
    )
    cpu_percent: Annotated[authored.Number, Field(ge=10, le=6400)] | None = Field(
        default=None, description=f"Processor time, percent of one core. Without it {Limits.cpu_percent}."
    )
    memory_mib: Annotated[authored.Number, Field(ge=16, le=64 * 1024)] | None = Field(
        default=None,
        description="Memory of all processes of the work together, MiB; there is no swap. Without it "
        f"{Limits.memory_bytes // 1024**2}.",
    )
    pids: Annotated[authored.Number, Field(ge=4, le=4096)] | None = Field(
        default=None, description=f"Processes and threads of the work. Without it {Limits.pids}."
    )
    output_kib: _Kib | None = Field(
        default=None,
        description=f"What the work prints in one test, KiB. Without it {Limits.output_bytes // 1024}.",
    )
    reply_kib: _Kib | None = Field(
        default=None,
        description="One value that a call returns, or one file that a test collects, KiB. Without it "
        f"{Limits.reply_bytes // 1024}.",
    )
    disk_mib: _Mib | None = Field(
        default=None, description=f"The work folder, MiB. Without it {Limits.disk_bytes // 1024**2}."
    )
    files: Annotated[authored.Number, Field(ge=16, le=1_000_000)] | None = Field(
        default=None, description=f"Files and folders in the work folder. Without it {Limits.files}."
    )

    def limits(self) -> Limits:
        """The limits in bytes and seconds, with the defaults of `Limits` for what was left out."""
        found = {
            field: getattr(self, key) * factor
            for key, (field, factor) in KEYS.items()
            if getattr(self, key) is not None
        }
        return Limits(**found)


#: What an authored key says: field of `Limits` and factor to its unit.
KEYS = {
    "wall_s": ("wall_s", 1),
    "call_s": ("call_s", 1),
    "cpu_percent": ("cpu_percent", 1),
    "memory_mib": ("memory_bytes", 1024**2),
    "pids": ("pids", 1),
    "output_kib": ("output_bytes", 1024),
    "reply_kib": ("reply_bytes", 1024),
    "disk_mib": ("disk_bytes", 1024**2),
    "files": ("files", 1),
}


class ProfileModel(authored.Strict):
    """sandbox.yaml."""

    name: authored.Id = Field(description="Its name in task.yaml: that of its folder.")
    summary: authored.Text = Field(description="What is installed in it, one line.")
    languages: tuple[authored.Id, ...] = Field(
        default=(), description="What can be run in it; at least one, a grader's own sandbox apart."
    )
    role: Annotated[Literal["learner", "grader"], authored.one_of("learner", "grader")] = Field(
        default="learner",
        description="Whose side its image serves: `learner` holds the work and nothing of the tests, "
        "`grader` the reverse.",
    )
    grader: authored.Id | None = Field(
        default=None,
        description="The sandbox that holds the tests of this one; needed where `role` is `learner`, and "
        "only there.",
    )
    isolation: Annotated[Literal["cell", "container"], authored.one_of("cell", "container")] = Field(
        default="cell",
        description="How an attempt is sealed: `cell` is a fresh place inside a container that waits, "
        "`container` two containers of its own.",
    )
    runtime: Annotated[Literal["runc", "crun", "runsc"], authored.one_of("runc", "crun", "runsc")] | None = (
        Field(default=None, description="The engine's runtime. Without it that of the installation.")
    )
    preload: tuple[authored.Text, ...] = Field(
        default=(),
        description="Modules that are imported while it waits for work, so that no attempt waits for them.",
    )
    compiled: authored.Truth = Field(
        default=False,
        description="Whether programs that were made in the work folder may be run, as a compiler's are.",
    )
    ceiling: LimitsModel = Field(description="The most that a task may ask for; every limit is named.")


def load(data: bytes, *, name: str, folder: Path | None = None) -> Profile:
    """The profile in `sandboxes/<name>/sandbox.yaml`.

    Raises:
        FileInvalid: the file is wrong, or names another sandbox than its folder does.
    """
    document = authored.read(data, f"sandboxes/{name}/sandbox.yaml")
    model = document.parse(ProfileModel)
    if model.name != name:
        raise document.invalid(("name",), f'expected the folder\'s name "{name}", got "{model.name}"')
    missing = [key for key in KEYS if getattr(model.ceiling, key) is None]
    if missing:
        raise document.invalid(("ceiling",), f"expected every limit, missing: {', '.join(missing)}")
    role = Role(model.role)
    if role is Role.LEARNER and model.grader is None:
        raise document.invalid((), 'expected the key "grader": which sandbox holds the tests of this one')
    if role is Role.GRADER and model.grader is not None:
        raise document.invalid(("grader",), "expected none in a grader's own sandbox")
    if role is Role.GRADER and model.compiled:
        raise document.invalid(("compiled",), "expected false in a grader's own sandbox, got true")
    if role is Role.LEARNER and not model.languages:
        raise document.invalid((), 'expected the key "languages" with at least one, it is missing or empty')
    return Profile(
        name=name,
        summary=model.summary,
        languages=model.languages,
        role=role,
        grader=model.grader,
        isolation=Isolation(model.isolation),
        runtime=model.runtime,
        preload=model.preload,
        ceiling=model.ceiling.limits(),
        folder=folder,
        source=data,
        compiled=model.compiled,
    )


def schema() -> dict[str, Any]:
    """JSON Schema of sandbox.yaml."""
    return authored.schema(ProfileModel, title="sandbox.yaml")
