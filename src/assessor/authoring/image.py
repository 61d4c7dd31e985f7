"""Whether a task's sandbox can be made: its images are built once, before anything is run in them.

Comes in: a sandbox and the catalog's folder. Goes out: findings that name the Dockerfile and, where the
builder told which step failed, its line.
"""

from __future__ import annotations

import re
from pathlib import Path

from assessor.authoring.finding import Finding
from assessor.errors import ImageFault
from assessor.sandbox.protocol import Sandbox
from assessor.task import Task

_NAME = re.compile(r"image assessor/([a-z0-9-]+):")
_STEP = re.compile(r"^Step \d+/\d+ : (.+)$", re.MULTILINE)


def findings(task: Task, sandbox: Sandbox, root: Path) -> tuple[Finding, ...]:
    """What keeps the images of a task's sandbox from being there; empty where they are.

    Args:
        task: names the sandbox.
        sandbox: builds them.
        root: the catalog's folder.

    Raises:
        EngineMissing: nothing can be built.
    """
    try:
        sandbox.identity(task.sandbox, service=task.tests.service is not None)
    except ImageFault as error:
        text = str(error)
        named = _NAME.search(text)
        name = named[1] if named else task.sandbox
        first, _, rest = text.partition("\n")
        if rest:  # the builder tells what stopped it last
            first = f"{first.partition(', got: ')[0]}, got: {rest.splitlines()[-1]}"
        return (
            Finding(
                path=f"sandboxes/{name}/Dockerfile",
                line=_line(root / "sandboxes" / name / "Dockerfile", text),
                problem=first,
                mend="mend the step that the builder stopped at, or name another sandbox in task.yaml",
                detail=text if rest else "",
            ),
        )
    return ()


def _line(dockerfile: Path, text: str) -> int | None:
    """The line of the last step that the builder began, or None where that cannot be told."""
    steps = _STEP.findall(text)
    if not steps or not dockerfile.is_file():
        return None
    words = steps[-1].split()
    for number, line in enumerate(dockerfile.read_text("utf-8", "replace").splitlines(), start=1):
        # The builder joins lines that go on and may cut a comment: the first words are what stays.
        said = line.rstrip("\\").split()
        if said and said == words[: len(said)]:
            return number
    return None
