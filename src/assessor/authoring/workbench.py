"""A locked task on the bench: everything that gates need to run work against it, and the runs so far.

Comes in: a task, a sandbox. Goes out: trials; one of a folder as learners' work is run is made once and kept,
so that several gates can look at the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from assessor import inspector, results
from assessor.authoring import trial
from assessor.authoring.trial import Trial
from assessor.catalog import Frozen
from assessor.inspection import CheckResult
from assessor.results import TestResult
from assessor.sandbox.protocol import Event, Sandbox
from assessor.task import Task

Step = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """A task that can be run.

    Attributes:
        task: from a catalog, so that its folder is known.
        frozen: the same with what judging it needs.
        sandbox: runs the work.
        label: what containers are labelled with, in place of an attempt's id.
        step: told how many of how many steps of a gate are done, and what is being done.
        runs: trials so far, by folder.
    """

    task: Task
    frozen: Frozen
    sandbox: Sandbox
    label: str
    step: Step = lambda _done, _total, _what: None
    runs: dict[str, Trial] = field(default_factory=dict)

    def trial(self, folder: str) -> Trial:
        """The run of a folder as a learner's work is run.

        Raises:
            FileInvalid: its files could not be handed in.
            SandboxFault, ImageFault, EngineMissing: the run could not be made.
        """
        if folder not in self.runs:
            self.runs[folder] = self.run(trial.work(self.task, folder), where=self.where(folder))
        return self.runs[folder]

    def run(
        self,
        files: Mapping[str, bytes],
        *,
        where: str,
        hash_seed: int = 0,
        seed: int | None = None,
        shuffle: int | None = None,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> Trial:
        """A fresh run of these files; see `trial.run`."""
        return trial.run(
            self.frozen,
            files,
            where=where,
            sandbox=self.sandbox,
            label=self.label,
            hash_seed=hash_seed,
            seed=seed,
            shuffle=shuffle,
            on_event=on_event,
        )

    def checks(self, folder: str) -> tuple[CheckResult, ...]:
        """What static checks come to for a folder's work.

        Raises:
            FileInvalid: its files could not be handed in.
            ToolMissing: sources cannot be looked at here.
        """
        looked = inspector.inspect(self.frozen.rubric, trial.work(self.task, folder))
        return () if looked is None else looked.results

    def results(self, made: Trial) -> tuple[TestResult, ...]:
        """What each test of the lock did in a run."""
        return results.fold(self.frozen.manifest, made.events, made.end)

    def where(self, folder: str) -> str:
        """The folder as the author knows it."""
        return f"tasks/{self.task.id}/{folder}"

    @property
    def references(self) -> tuple[str, ...]:
        """The folders of the references."""
        return tuple(f"solutions/{name}" for name in self.task.solutions)

    @property
    def others(self) -> tuple[str, ...]:
        """The starter's folder, if there is one, and those of known-bad work."""
        starter = ("starter",) if self.task.starter else ()
        return (*starter, *(f"faulty/{name}" for name in self.task.faulty))
