"""Merit: what a judged record says of its learner, in the words in which achievements ask for it.

Comes in: a record and the rubric that it was made with. Goes out: a `Passed`, or None for work that did not
pass. Whether that is enough for an achievement is left to `requirement`.
"""

from __future__ import annotations

from collections.abc import Sequence

from assessor.record import Record
from assessor.requirement import Ability, Passed
from assessor.rubric import Level, Rubric


def passed(record: Record, rubric: Rubric, *, attempt: str) -> Passed | None:
    """What the attempt shows, or None where it failed: failed work counts for nothing, whatever its parts.

    Args:
        record: of the attempt, its signature checked or its bytes our own.
        rubric: the frozen one that the record names.
        attempt: the attempt's id.

    Raises:
        ValueError: the rubric is another one than the record's.
    """
    if rubric.digest != record.rubric.digest:
        raise ValueError(
            f"attempt {attempt}: expected the rubric {record.rubric.digest}, got {rubric.digest}"
        )
    if record.decision.verdict != "passed":
        return None
    judged = {one.id: one for one in record.criteria}
    return Passed(
        attempt=attempt,
        task=record.task.id,
        levels=_reached(rubric.levels, record.decision.level),
        total=record.decision.total,
        competencies=tuple(
            Ability(
                framework=criterion.competency.framework,
                code=criterion.competency.code,
                levels=_reached(criterion.levels, judged[criterion.id].level),
                passed=judged[criterion.id].fraction * 100 >= rubric.pass_from,
            )
            for criterion in rubric.criteria
            if criterion.competency is not None
        ),
    )


def _reached(levels: Sequence[Level], highest: str | None) -> tuple[str, ...]:
    """The ids of the levels up to the highest, which are all that were reached; none for a level unknown."""
    ids = [level.id for level in levels]
    return tuple(ids[: ids.index(highest) + 1]) if highest in ids else ()
