"""The pages of what is published: issuer, achievements, credentials; HTML that needs nothing else.

Comes in: the issuer, authored achievements, and signed credentials as the documents that they are. Goes out:
HTML without script, that fetches nothing and links to the files beside it. A page is a reading of a file;
none holds what its file does not say, but whether an award was revoked. Which page goes where is left to
`site`; the page of an evidence record is `page`'s.

Nothing here asks what time it is: a page of the same files is the same page.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from assessor import digest, page
from assessor.achievement import Achievement
from assessor.issuer import Issuer
from assessor.page import moment
from assessor.requirement import AchievementRequired, CompetencyRequired, Requirement, TaskRequired
from assessor.rubric import Rubric
from assessor.task import Task


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An award that a page lists.

    Attributes:
        id: of the award.
        name: of its credential.
        awarded_at, valid_until: as the award has them.
    """

    id: str
    name: str
    awarded_at: datetime
    valid_until: datetime | None

    @property
    def awarded(self) -> str:
        """The day, for people."""
        return day(self.awarded_at)

    @property
    def until(self) -> str | None:
        """The last day, for people."""
        return day(self.valid_until) if self.valid_until else None


@dataclass(frozen=True, kw_only=True)
class Pictured:
    """An achievement and its picture, for a list of them."""

    achievement: Achievement
    svg: bytes


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where an award stands.

    Attributes:
        id: of the award.
        achievement_id: of what it was awarded for.
        attempts: ids of the attempts whose evidence is published.
        withheld: ids of those whose evidence the learner keeps to themselves.
        listed: whether it may be found by people who were not given its link.
        revoked_at: when it was revoked, or None.
        as_of: when its status list was signed, or None where there is none.
    """

    id: str
    achievement_id: str
    attempts: frozenset[str]
    withheld: frozenset[str]
    listed: bool
    revoked_at: datetime | None
    as_of: datetime | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a list: words, and where they lead."""

    words: str
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What came out for one criterion; `value` in percent."""

    name: str
    value: str
    level: str | None


@dataclass(frozen=True, kw_only=True)
class Backing:
    """One piece of evidence; `withheld` where the learner keeps it to themselves."""

    name: str
    narrative: str
    link: str | None
    withheld: bool
    digest: str | None


@dataclass(frozen=True, kw_only=True)
class Skill:
    """A competency that a credential names."""

    name: str
    framework: str | None
    code: str | None
    url: str | None


def issuer(
    who: Issuer,
    achievements: Sequence[Pictured],
    *,
    did_path: str | None,
    log: str | None,
    picture: bytes | None,
) -> str:
    """The issuer's own page, `index.html`.

    Args:
        who: the issuer.
        achievements: all that it awards.
        did_path: where its DID document is, below the root, or None where it needs none.
        log: the log's public key, as tools take it, or None where there is none.
        picture: the issuer's own, SVG or PNG.
    """
    return page.render(
        "issuer.html",
        issuer=who,
        title=who.name,
        summary=who.description or f"Badges of {who.name}, and how to check them.",
        path="index.html",
        listed=not who.trial,
        picture_path=None,
        picture=None if picture is None else data_uri(picture),
        achievements=[
            {
                "id": one.achievement.id,
                "name": one.achievement.name,
                "description": one.achievement.description,
                "picture": data_uri(one.svg),
            }
            for one in achievements
        ],
        command=f"assessor verify --online {who.url}/credentials/…",
        did_path=did_path,
        log=log,
    )


def achievement(
    one: Achievement, who: Issuer, *, svg: bytes, requirements: Sequence[Line], awards: Sequence[Listed]
) -> str:
    """The page of an achievement.

    Args:
        one: the achievement.
        who: the issuer.
        svg: its picture.
        requirements: what it takes, as `takes` says it.
        awards: those that may be listed.
    """
    return page.render(
        "achievement.html",
        issuer=who,
        title=one.name,
        summary=one.description,
        path=f"achievements/{one.id}.html",
        listed=not who.trial,
        picture_path=f"achievements/{one.id}.png",
        picture=data_uri(svg),
        achievement=one,
        criteria=page.markdown(one.criteria),
        requirements=requirements,
        awards=awards,
        competencies_of_esco=any(each.framework == "ESCO" for each in one.competencies),
    )


def credential(
    document: Mapping[str, Any],
    data: bytes,
    who: Issuer,
    status: Status,
    *,
    did_path: str | None,
    verifier: str | None = None,
    pack: str | None = None,
) -> str:
    """The page of a credential.

    Args:
        document: the credential.
        data: its bytes.
        who: the issuer.
        status: where the award stands.
        did_path: where the issuer's DID document is, below the root.
        verifier: where it can be checked in a browser, or None.
        pack: where it is with all that it takes to check it, beside the page, or None.
    """
    subject = document["credentialSubject"]
    earned = subject["achievement"]
    title = str(document.get("name") or earned["name"])
    valid_from, awarded = (
        _time(document["validFrom"]),
        _time(document.get("awardedDate", document["validFrom"])),
    )
    return page.render(
        "credential.html",
        issuer=who,
        title=title,
        summary=f"Awarded by {who.name}. {earned['description']}",
        path=f"credentials/{status.id}.html",
        listed=status.listed and not who.trial,
        picture_path=f"credentials/{status.id}.png",
        picture=earned["image"]["id"],
        award=status,
        achievement=earned,
        criteria=page.markdown(earned["criteria"].get("narrative", "")),
        competencies=[_skill(each) for each in earned.get("alignment", ())],
        results=_results(subject, earned),
        evidence=[_backing(each, status, who) for each in document.get("evidence", ())],
        revoked=day(status.revoked_at) if status.revoked_at else None,
        as_of=moment(status.as_of) if status.as_of else None,
        awarded=day(awarded),
        reissued=day(valid_from) if valid_from > awarded else None,
        until=day(_time(document["validUntil"])) if "validUntil" in document else None,
        command=f"assessor verify --online {who.url}/credentials/{status.id}.json",
        did_path=None if did_path is None else f"../{did_path}",
        verifier=verifier,
        pack=pack,
        document_id=document["id"],
        digest=digest.sha256(data),
    )


def folder(name: str, who: Issuer, *, title: str, summary: str, awards: Sequence[Listed] = ()) -> str:
    """The page in place of a folder's list, which no server is to show."""
    return page.render(
        "folder.html",
        issuer=who,
        title=title,
        summary=summary,
        path=f"{name}/index.html",
        listed=False,
        picture_path=None,
        awards=awards,
    )


def takes(
    one: Achievement,
    *,
    tasks: Mapping[str, Task],
    rubrics: Mapping[str, Rubric],
    achievements: Mapping[str, Achievement],
) -> tuple[Line, ...]:
    """What an achievement requires, in words.

    Args:
        one: the achievement.
        tasks: those that can be named, by id.
        rubrics: that of each task, by the task's id.
        achievements: those that have a page, by id.
    """
    return tuple(_takes(required, one, tasks, rubrics, achievements) for required in one.requires)


def day(at: datetime | date) -> str:
    """A day as people read it."""
    return f"{at.day} {at:%B %Y}"


def data_uri(picture: bytes) -> str:
    """A picture as an address of its own, so that a page fetches nothing."""
    media = "image/png" if picture.startswith(b"\x89PNG\r\n\x1a\n") else "image/svg+xml"
    return f"data:{media};base64,{base64.b64encode(picture).decode()}"


def _takes(
    required: Requirement,
    one: Achievement,
    tasks: Mapping[str, Task],
    rubrics: Mapping[str, Rubric],
    achievements: Mapping[str, Achievement],
) -> Line:
    match required:
        case TaskRequired(task=name, level=level):
            title = tasks[name].title if name in tasks else name
            if level is None:
                return Line(words=f"Pass the task “{title}”.")
            levels = rubrics[name].levels if name in rubrics else ()
            known = next((each.title for each in levels if each.id == level), level)
            return Line(words=f"Pass the task “{title}” at the level “{known}” or a higher one.")
        case CompetencyRequired(framework=framework, code=code, level=level, tasks=number):
            named = next(
                (each.name for each in one.competencies if (each.framework, each.code) == (framework, code)),
                code,
            )
            where = "in one task" if number == 1 else f"in {number} different tasks"
            titles = {
                each.id: each.title
                for rubric in rubrics.values()
                for criterion in rubric.criteria
                if criterion.competency is not None and criterion.competency.code == code
                for each in criterion.levels
            }
            reached = "" if level is None else f" at the level “{titles.get(level, level)}” or a higher one"
            return Line(words=f"Show “{named}” ({framework} {code}){reached} {where}.")
        case AchievementRequired(achievement=other):
            if other in achievements:
                return Line(words=f"Hold the badge “{achievements[other].name}”.", link=f"{other}.html")
            return Line(words=f"Hold the badge “{other}”.")


def _results(subject: Mapping[str, Any], earned: Mapping[str, Any]) -> list[Shown]:
    described = {one["id"]: one for one in earned.get("resultDescription", ())}
    found = []
    for result in subject.get("result", ()):
        description = described.get(result.get("resultDescription"), {})
        levels = {one["id"]: one["name"] for one in description.get("rubricCriterionLevel", ())}
        found.append(
            Shown(
                name=description.get("name", ""),
                value=result.get("value", ""),
                level=levels.get(result.get("achievedLevel")),
            )
        )
    return found


def _backing(one: Mapping[str, Any], status: Status, who: Issuer) -> Backing:
    name = str(one.get("id", ""))
    attempt = next((each for each in status.attempts if f"/evidence/{each}/" in name), None)
    link = None
    if attempt is not None:
        link = f"../evidence/{attempt}/index.html"
    elif name.startswith(f"{who.url}/credentials/") and name.endswith(".json"):
        link = name.removeprefix(f"{who.url}/credentials/").removesuffix(".json") + ".html"
    return Backing(
        name=str(one.get("name", "")),
        narrative=str(one.get("narrative", "")),
        link=link,
        withheld=any(f"/evidence/{each}/" in name for each in status.withheld),
        digest=one.get("digestSRI"),
    )


def _skill(one: Mapping[str, Any]) -> Skill:
    url = str(one.get("targetUrl", ""))
    return Skill(
        name=str(one.get("targetName", "")),
        framework=one.get("targetFramework"),
        code=one.get("targetCode"),
        url=url if url.startswith(("https://", "http://")) else None,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
