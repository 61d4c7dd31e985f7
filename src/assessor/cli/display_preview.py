"""What the command line shows of a preview: the three moments of a task as its learners see them.

Comes in: a `Preview`. Goes out: a rich renderable. The same as pages is left to `authoring.preview`.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from assessor import report
from assessor.authoring.preview import Preview, rules
from assessor.cli import display


def preview(found: Preview) -> RenderableType:
    """The brief, the rules and the starter, then feedback on work that fails and on a reference."""
    frozen = found.frozen
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for name, words in rules(frozen):
        table.add_row(Text(name, style="dim"), Text(report.shown(words)))
    parts: list[RenderableType] = [_heading("Before"), Markdown(report.shown(frozen.task.brief)), "", table]
    for path, data in sorted(found.starter.items()):
        parts += [Text(f"\nstarter/{report.shown(path)}", style="bold"), Text(report.shown(_text(data)))]
    for moment, judged in (("After a failure", found.failed), ("After a pass", found.passed)):
        parts.append(_heading(moment))
        if judged is None:
            parts.append(Text("no work beside the task fails", style="yellow"))
            continue
        folder, graded = judged
        parts.append(Text(f"feedback on {report.shown(folder)}", style="dim"))
        parts.append(display.outcome(graded.feedback(), frozen))
    return Group(*parts)


def _heading(words: str) -> Text:
    return Text(f"\n━━ {words} ━━\n", style="bold cyan")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\n")
