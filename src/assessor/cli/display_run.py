"""What the command line shows of one run while it goes on: a line for each test, and a bar on a terminal.

Comes in: events as they come. Goes out: text on a console. Of hidden tests no more is told than that another
one is done, unless everything is asked for.
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from assessor import report
from assessor.catalog import Frozen
from assessor.sandbox.protocol import Event, Finished


class Run:
    """Shows a run; a context manager, whose end takes the bar away.

    Args:
        console: where to show it; without a bar where that is no terminal.
        frozen: the task: its manifest says which tests count, and which are visible.
        everything: whether hidden tests are told by name and outcome.
    """

    def __init__(self, console: Console, frozen: Frozen, *, everything: bool = False) -> None:
        self._console = console
        self._tests = {test.id: test.visible or everything for test in frozen.manifest.tests}
        self._done: set[str] = set()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._at = self._bar.add_task(report.shown(frozen.task.id), total=len(self._tests))

    def __enter__(self) -> Run:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def heard(self, event: Event) -> None:
        """One more event; what is no test of the manifest, and a second report of one, is not told."""
        if not isinstance(event, Finished) or event.id not in self._tests or event.id in self._done:
            return
        self._done.add(event.id)
        self._bar.update(self._at, completed=len(self._done))
        if not self._tests[event.id]:
            if not self._console.is_terminal:
                self._console.print(Text(f"· hidden test ({self._count()})", style="dim"), soft_wrap=True)
            return
        mark, style = ("✓", "green") if event.passed else ("✗", "red")
        line = Text.assemble((f"{mark} ", style), report.shown(event.id))
        if event.reason is not None:
            line.append(f", {event.reason.value}", style=style)
        line.append(f" ({self._count()}, {event.duration_ms} ms)", style="dim")
        self._console.print(line, soft_wrap=True)

    def again(self) -> None:
        """The run begins anew: what was told counts no more."""
        self._done.clear()
        self._bar.update(self._at, completed=0)
        self._console.print(
            "the sandbox went, unexplained; once more in a fresh one", style="yellow", soft_wrap=True
        )

    def _count(self) -> str:
        return f"{len(self._done)} of {len(self._tests)}"
