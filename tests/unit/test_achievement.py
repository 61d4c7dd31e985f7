"""Achievements as they are written, as they rest on each other, and how long they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assessor import achievement, catalog, cli
from assessor.achievement import (
    Achievement,
    AchievementRequired,
    CompetencyRequired,
    Requirement,
    TaskRequired,
)
from assessor.errors import FileInvalid, NotFound
from tests.unit.test_catalog import FILES, change, write

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "badges").glob("*.yaml"))

BADGE = """id: b
version: "1.0"
name: B
description: D
criteria: C
requires:
  - task: t
    level: merit
"""
SKILL = "competency: {framework: own, code: care, name: Care}, levels: [{id: some, title: Some, from: 40}]"


def made(
    name: str = "b",
    *requires: Requirement,
    valid_months: int | None = None,
    source: bytes = BADGE.encode(),
) -> Achievement:
    return Achievement(
        id=name,
        version="1.0",
        name=name,
        description="D",
        criteria="C",
        image=None,
        competencies=(),
        requires=requires or (TaskRequired(task="t", level=None),),
        valid_months=valid_months,
        renew_days=None,
        tags=(),
        digest="sha256:" + "0" * 64,
        source=source,
    )


def no_image(path: str) -> bytes:
    raise AssertionError(f"no picture was asked for, got {path}")


def load(text: str, image: Callable[[str], bytes] = no_image) -> Achievement:
    return achievement.load(text.encode(), achievement_id="b", image=image)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        write(tmp_path, path, text)
    # A second task, whose rubric ties its one criterion to a skill.
    for path, text in FILES.items():
        if path.startswith("tasks/t/"):
            write(tmp_path, path.replace("tasks/t/", "tasks/u/"), text)
    change(tmp_path, "tasks/u/task.yaml", "id: t", "id: u")
    change(tmp_path, "tasks/u/task.yaml", "rubric: r", "rubric: s")
    write(
        tmp_path,
        "rubrics/s.yaml",
        'id: s\nversion: "1"\ntitle: S\ndefault: it\npass: {from: 60}\n'
        f"criteria: [{{id: it, title: It, weight: 100, scored_by: tests, {SKILL}}}]\n",
    )
    # The other shows the same skill, but has no levels of it.
    change(
        tmp_path,
        "rubrics/r.yaml",
        "gate: 50}",
        "gate: 50, competency: {framework: own, code: care, name: Care}}",
    )
    write(tmp_path, "badges/b.yaml", BADGE)
    return tmp_path


# As they are written


def test_badge_is_read_with_its_picture() -> None:
    picture = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    text = BADGE + "image: art/b.svg\nvalid_months: 12\nrenewal: {window_days: 30}\ntags: [one two]\n"
    found = load(text, {"art/b.svg": picture}.__getitem__)
    assert found.requires == (TaskRequired(task="t", level="merit"),)
    assert (found.image, found.valid_months, found.renew_days, found.tags) == (picture, 12, 30, ("one two",))


def test_digest_covers_file_and_picture() -> None:
    text = BADGE + "image: b.svg\n"
    plain, other = b'<svg xmlns="http://www.w3.org/2000/svg"/>', b'<svg xmlns="http://www.w3.org/2000/svg" />'
    one = load(text, lambda _: plain).digest
    assert load(text, lambda _: plain).digest == one
    assert load(text, lambda _: other).digest != one
    assert load(text + "tags: [x]\n", lambda _: plain).digest != one


def test_each_kind_of_requirement_is_read() -> None:
    text = BADGE.replace(
        "    level: merit\n",
        "  - {competency: {framework: own, code: care}, level: some, tasks: 2}\n"
        "  - {competency: {framework: own, code: love}}\n  - {achievement: other}\n",
    )
    assert load(text).requires == (
        TaskRequired(task="t", level=None),
        CompetencyRequired(framework="own", code="care", level="some", tasks=2),
        CompetencyRequired(framework="own", code="love", level=None, tasks=1),
        AchievementRequired(achievement="other"),
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: b", "id: c", 'badges/b.yaml:1:1: id: expected the file\'s name "b", got "c"'),
        ("name: B\n", "", 'badges/b.yaml:1:1: expected the key "name", it is missing'),
        ("name: B", "nmae: B", 'badges/b.yaml:3:1: unknown key "nmae"'),
        ("name: B", "name: B\nname: C", 'badges/b.yaml:4:1: expected each key once, got "name" again'),
        (
            "name: B",
            f"name: {'x' * 121}",
            "badges/b.yaml:3:1: name: expected a name in one line, at most 120",
        ),
        ("criteria: C", 'criteria: " "', "badges/b.yaml:5:1: criteria: expected text"),
        (
            "  - task: t\n    level: merit\n",
            "  []",
            "badges/b.yaml:6:1: requires: expected at least 1, got 0",
        ),
        (
            "task: t\n    level: merit",
            "level: merit",
            "badges/b.yaml:7:5: requires.0: expected one of the keys "
            '"task", "competency" and "achievement", got none of them',
        ),
        (
            "level: merit",
            "achievement: c",
            'requires.0: expected one of the keys "task", "competency" and "achievement", '
            'got "task" and "achievement"',
        ),
        (
            "level: merit",
            "tasks: 2",
            'badges/b.yaml:8:5: requires.0.tasks: expected none beside "task"',
        ),
        (
            "task: t",
            "achievement: c",
            'badges/b.yaml:8:5: requires.0.level: expected none beside "achievement"',
        ),
        (
            "level: merit\n",
            "level: merit\n  - {task: t, level: merit}\n",
            "badges/b.yaml:9:5: requires.1: expected each once, got that of requires.0 again",
        ),
        ("level: merit\n", "level: merit\ntags: [a, a]\n", "tags.1: expected each once, got that of tags.0"),
        (
            "level: merit\n",
            "level: merit\nrenewal: {window_days: 3}\n",
            'badges/b.yaml:9:1: renewal: expected the key "valid_months" beside it, it is missing',
        ),
        (
            "level: merit\n",
            "level: merit\nvalid_months: 1\nrenewal: {window_days: 29}\n",
            "renewal.window_days: expected at most 28, the days of valid_months, got 29",
        ),
        ("level: merit\n", "level: merit\nvalid_months: 0\n", 'valid_months: expected at least 1, got "0"'),
        (
            "level: merit\n",
            "level: merit\nimage: ../b.svg\n",
            'badges/b.yaml:9:1: image: expected the path of an .svg file in badges/, got "../b.svg"',
        ),
        ("level: merit\n", "level: merit\nimage: a/../b.svg\n", "expected the path of an .svg file"),
        ("level: merit\n", "level: merit\nimage: /b.svg\n", "expected the path of an .svg file"),
        ("level: merit\n", "level: merit\nimage: b.png\n", "expected the path of an .svg file"),
    ],
)
def test_mistake_is_told_with_its_place(old: str, new: str, expected: str) -> None:
    assert old in BADGE
    with pytest.raises(FileInvalid) as caught:
        load(BADGE.replace(old, new))
    assert expected in str(caught.value)


def test_two_spellings_of_one_skill_are_refused() -> None:
    text = "competencies:\n  - {framework: own, code: c, name: C}\n  - {framework: own, code: c, name: D}\n"
    with pytest.raises(
        FileInvalid, match=r"competencies\.1: expected each once, got that of competencies\.0"
    ):
        load(BADGE + text)


def test_picture_that_is_missing_or_unsafe_is_refused(root: Path) -> None:
    change(root, "badges/b.yaml", "requires:", "image: art/b.svg\nrequires:")
    with pytest.raises(FileInvalid, match=r"^badges/art/b\.svg: expected a file, got nothing$"):
        catalog.load(root).achievement("b")
    write(root, "badges/art/b.svg", '<svg xmlns="http://www.w3.org/2000/svg">\n <script/>\n</svg>')
    with pytest.raises(FileInvalid, match=r"^badges/art/b\.svg:2:2: expected a still picture in plain SVG"):
        catalog.load(root).achievement("b")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_badge_fits_the_schema_for_editors(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), achievement.schema())


@pytest.mark.parametrize(
    "required",
    [
        {},
        {"task": "t", "achievement": "b"},
        {"task": "t", "tasks": 2},
        {"achievement": "b", "level": "merit"},
        {"competency": {"framework": "own"}},
    ],
)
def test_schema_for_editors_refuses_what_the_parser_refuses(required: dict[str, Any]) -> None:
    document = yaml.safe_load(BADGE) | {"requires": [required]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, achievement.schema())


# As they rest on the rest of the catalog


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (
            "task: word-count",
            "badges/b.yaml:7:5: requires.0.task: expected a task of tasks/ that can be used, "
            'got "word-count"; known: t, u',
        ),
        (
            "{task: t, level: mreit}",
            'requires.0.level: expected a level of rubrics/r.yaml, got "mreit"; did you mean "merit"?',
        ),
        ("{task: u, level: pass}", 'expected a level of rubrics/s.yaml, got "pass"; there are none'),
        (
            "achievement: a",
            "badges/b.yaml:7:5: requires.0.achievement: "
            'expected an achievement in badges/, got "a"; known: b',
        ),
        (
            "competency: {framework: ESCO, code: care}",
            "requires.0.competency: expected a competency that a criterion of some task's rubric shows, "
            'got "care" of "ESCO"',
        ),
        (
            "{competency: {framework: own, code: care}, level: som}",
            'requires.0.level: expected a level of the criteria that show the competency, got "som"; '
            'did you mean "some"?',
        ),
        (
            "{competency: {framework: own, code: care}, level: some, tasks: 2}",
            "requires.0.tasks: expected at most 1, the tasks that can show it so (u), got 2",
        ),
        (
            "{competency: {framework: own, code: care}, tasks: 3}",
            "requires.0.tasks: expected at most 2, the tasks that can show it so (t, u), got 3",
        ),
    ],
)
def test_what_nobody_can_fulfil_is_refused(root: Path, requirement: str, expected: str) -> None:
    change(root, "badges/b.yaml", "task: t\n    level: merit", requirement)
    with pytest.raises(FileInvalid) as caught:
        catalog.load(root).achievement("b")
    assert expected in str(caught.value)


def test_catalog_without_badges_has_none(root: Path) -> None:
    (root / "badges/b.yaml").unlink()
    (root / "badges").rmdir()
    loaded = catalog.load(root)
    assert loaded.achievements() == ()
    assert loaded.sound_achievements() == ((), ())
    with pytest.raises(NotFound, match='expected a badge in badges/, got "b"; there are none'):
        loaded.achievement("b")


def test_mistake_in_one_badge_holds_back_no_other(root: Path) -> None:
    write(root, "badges/c.yaml", BADGE.replace("id: b", "id: c").replace("merit", "mreit"))
    for one, other in (("x", "y"), ("y", "x"), ("v", "w"), ("w", "v")):
        text = BADGE.replace("id: b", f"id: {one}").replace(
            "task: t\n    level: merit", f"achievement: {other}"
        )
        write(root, f"badges/{one}.yaml", text)
    loaded = catalog.load(root)
    sound, problems = loaded.sound_achievements()
    assert [one.id for one in sound] == ["b"]
    assert [str(one).split(":")[0] for one in problems] == ["badges/c.yaml", "badges/v.yaml", "badges/x.yaml"]
    with pytest.raises(FileInvalid, match="mreit"):
        loaded.achievements()


def test_broken_task_breaks_its_own_badge_alone(root: Path) -> None:
    write(root, "badges/c.yaml", BADGE.replace("id: b", "id: c").replace("t\n    level: merit", "u"))
    change(root, "tasks/u/task.yaml", "id: u", "id: w")
    sound, problems = catalog.load(root).sound_achievements()
    assert [one.id for one in sound] == ["b"]
    assert [str(one) for one in problems] == [
        'badges/c.yaml:7:5: requires.0.task: expected a task of tasks/ that can be used, got "u"; known: t'
    ]


# Order


def test_circle_is_refused_with_the_way_round() -> None:
    source = BADGE.replace("task: t\n    level: merit", "task: t\n  - achievement: {}")
    ring = [
        made(
            one,
            TaskRequired(task="t", level=None),
            AchievementRequired(achievement=other),
            source=source.format(other).encode(),
        )
        for one, other in (("c", "a"), ("b", "c"), ("a", "b"))
    ]
    with pytest.raises(FileInvalid) as caught:
        achievement.order(ring)
    assert str(caught.value) == (
        "badges/a.yaml:8:5: requires.1.achievement: expected no way back to where it starts, "
        "got a -> b -> c -> a"
    )


def test_circle_begins_with_the_least_wherever_it_was_entered() -> None:
    graph = {"a": frozenset[str](), "b": frozenset("c"), "c": frozenset("ab")}
    assert achievement.cycle(stack(graph)) == ("b", "c")


def test_badge_that_requires_itself_is_refused() -> None:
    one = made("b", AchievementRequired(achievement="b"), source=BADGE.encode())
    with pytest.raises(FileInvalid, match=r"got b -> b$"):
        achievement.order([one])


graphs = st.dictionaries(
    st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdefg"), max_size=3), min_size=1
)


def stack(graph: dict[str, frozenset[str]]) -> list[Achievement]:
    return [
        made(one, *(AchievementRequired(achievement=other) for other in sorted(others)))
        for one, others in graph.items()
    ]


@given(graphs)
def test_each_stands_after_what_it_requires_or_there_is_a_circle(graph: dict[str, frozenset[str]]) -> None:
    circle = achievement.cycle(stack(graph))
    if circle:
        assert circle[0] == min(circle)
        for one, following in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert following in graph[one]
        with pytest.raises(FileInvalid, match=" -> ".join(circle)):
            achievement.order(stack(graph))
        return
    ordered = [one.id for one in achievement.order(stack(graph))]
    assert sorted(ordered) == sorted(graph)
    for at, one in enumerate(ordered):
        assert graph[one] & graph.keys() <= set(ordered[:at])
    assert [one.id for one in achievement.order(reversed(stack(graph)))] == ordered


def test_long_chain_is_no_circle() -> None:
    chain = [made(f"b{at}", AchievementRequired(achievement=f"b{at + 1}")) for at in range(3000)]
    assert [one.id for one in achievement.order(chain)][::-1] == [one.id for one in chain]


# How long they hold


def test_award_ends_on_the_last_day_of_a_month_that_is_too_short() -> None:
    one = made(valid_months=13)
    since = datetime(2027, 1, 31, 12, 30, tzinfo=UTC)
    assert achievement.valid_until(one, since) == datetime(2028, 2, 29, 12, 30, tzinfo=UTC)
    assert achievement.valid_until(made(valid_months=12), datetime(2026, 12, 1, tzinfo=UTC)) == datetime(
        2027, 12, 1, tzinfo=UTC
    )


def test_award_of_a_badge_without_months_has_no_end() -> None:
    assert achievement.valid_until(made(), datetime(2026, 1, 1, tzinfo=UTC)) is None


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 1000),
    st.integers(1, 600),
)
def test_later_award_never_ends_earlier(since: datetime, hours: int, months: int) -> None:
    one = made(valid_months=months)
    first = achievement.valid_until(one, since)
    second = achievement.valid_until(one, since + timedelta(hours=hours))
    assert first is not None
    assert second is not None
    assert since + timedelta(days=28 * months) <= first <= since + timedelta(days=31 * months)
    # The last days of a month may share an end; the time of day is all that can then tell them apart.
    assert first.date() <= second.date()


# What is shipped, and the command line


def test_shipped_badges_hold_together() -> None:
    found = catalog.load(ROOT).achievements()
    assert len(found) == len(SHIPPED) >= 4
    stacked = [one for one in found if any(isinstance(r, AchievementRequired) for r in one.requires)]
    assert len(stacked) >= 2


def test_shipped_badges_name_skills_as_the_rubrics_do() -> None:
    loaded = catalog.load(ROOT)
    known = {
        criterion.competency
        for task in loaded.tasks()
        for criterion in loaded.rubric(task.rubric_id).criteria
        if criterion.competency is not None
    }
    for one in loaded.achievements():
        assert one.competencies
        assert set(one.competencies) <= known


def test_example_in_the_docs_can_be_awarded() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/badges.md").read_text(), re.DOTALL)
    found = achievement.load(text.encode(), achievement_id="web-services", image=no_image)
    loaded = catalog.load(ROOT)
    rubrics = {task.id: loaded.rubric(task.rubric_id) for task in loaded.tasks()}
    achievement.check(found, rubrics=rubrics, achievements=loaded.achievement_ids())


def test_docs_name_every_shipped_badge() -> None:
    said = (ROOT / "docs/badges.md").read_text()
    assert [path.stem for path in SHIPPED if f"`{path.stem}`" not in said] == []


def run(root: Path, *words: str) -> Any:
    return CliRunner().invoke(
        cli.main, ["--home", str(root / "home"), "--catalog", str(root), "badge", *words]
    )


def test_check_counts_and_tells(root: Path) -> None:
    right = run(root, "check")
    assert (right.exit_code, right.stdout) == (0, "1 badges can be awarded, 0 problems\n")
    change(root, "badges/b.yaml", "merit", "mreit")
    wrong = run(root, "check")
    assert (wrong.exit_code, wrong.stdout) == (2, "0 badges can be awarded, 1 problems\n")
    assert (
        'badges/b.yaml:8:5: requires.0.level: expected a level of rubrics/r.yaml, got "mreit"' in wrong.stderr
    )


def test_list_says_what_each_requires(root: Path) -> None:
    change(
        root,
        "badges/b.yaml",
        "requires:\n",
        "valid_months: 6\ncompetencies: [{framework: own, code: care, name: Care}]\nrequires:\n"
        "  - {competency: {framework: own, code: care}}\n",
    )
    (one,) = json.loads(run(root, "list", "--json").stdout)["badges"]
    assert (one["id"], one["valid_months"]) == ("b", 6)
    assert one["requires"] == ["skill Care", "task t, merit"]
    assert "skill Care" in run(root, "list").stdout


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<svg "), (".png", b"\x89PNG\r\n")])
def test_picture_is_written_once(root: Path, suffix: str, start: bytes) -> None:
    target = root / f"b{suffix}"
    assert run(root, "image", "b", str(target), "--level", "Merit").exit_code == 0
    assert target.read_bytes().startswith(start)
    assert run(root, "image", "b", str(target)).exit_code == 3


def test_picture_of_another_kind_is_refused(root: Path) -> None:
    refused = run(root, "image", "b", str(root / "b.gif"))
    assert refused.exit_code == 2
    assert 'expected a TARGET that ends with .svg or .png, got ".gif"' in refused.stderr
