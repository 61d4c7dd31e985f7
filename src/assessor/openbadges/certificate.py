"""Certificates: a credential as one page to print, with the credential itself attached to the file.

Comes in: the bytes of a signed credential that was made here, the learner's name, and where it can be
checked. Goes out: a PDF (PDF/A-3a, tagged), one page of A4 across. All that the page says stands in the
credential, the learner's name apart: that is part of no credential. Whoever wants to be sure of it asks the
learner for the address that fits the recipient's hash.

Nothing is fetched to make it: pictures come from the credential's own data. WeasyPrint and its libraries are
loaded by the first call, since loading them is slow and not every machine has them.
"""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import jinja2
import segno
from markupsafe import Markup

from assessor import digest, report
from assessor.errors import OperatorError

#: What the credential is called among the file's attachments.
ATTACHMENT = "credential.json"

#: What fits the page; the credential has the whole.
CRITERIA_CHARACTERS = 330
DESCRIPTION_CHARACTERS = 200
COMPETENCIES = 8


@dataclass(frozen=True, kw_only=True)
class Skill:
    """A competency as the page shows it; `framework` is empty where no framework is told."""

    name: str
    framework: str


def pdf(credential: bytes, *, learner: str, address: str | None) -> bytes:
    """The certificate of a credential.

    Args:
        credential: the signed credential, as it is handed out.
        learner: name of the learner, as they want it on the page.
        address: where anybody can look at the credential or check it, or None; told as a QR code.

    Raises:
        OperatorError: the libraries that draw it are missing; the text has the command that installs them.
    """
    document = json.loads(credential)
    page = _page(document, credential, learner=learner, address=address)
    return _draw(page, credential, made_at=document["validFrom"])


def short(credential: bytes) -> str:
    """The start of a credential's digest, for people who compare two: `1a2b 3c4d 5e6f 7a8b`."""
    digits = digest.sha256(credential).removeprefix("sha256:")[:16]
    return " ".join(textwrap.wrap(digits, 4))


def _page(document: Mapping[str, Any], credential: bytes, *, learner: str, address: str | None) -> str:
    subject, issuer = document["credentialSubject"], document["issuer"]
    achievement = subject["achievement"]
    environment = _environment()
    assert environment.loader is not None
    style = environment.loader.get_source(environment, "certificate.css")[0]
    return environment.get_template(
        "certificate.html"
    ).render(
        style=Markup(style),  # noqa: S704  our own file, never input
        title=document["name"],
        learner=learner,
        issuer=issuer,
        achievement=achievement,
        description=_cut(achievement["description"], DESCRIPTION_CHARACTERS),
        criteria=_cut(_plain(achievement["criteria"]["narrative"]), CRITERIA_CHARACTERS),
        skills=_skills(achievement)[:COMPETENCIES],
        awarded=_day(document["awardedDate"]),
        until=_day(document["validUntil"]) if "validUntil" in document else None,
        made_at=document["validFrom"],
        id=document["id"],
        short=short(credential),
        address=address,
        code=segno.make(address, error="m", micro=False).svg_data_uri(border=0) if address else None,
        attachment=ATTACHMENT,
        sized=_sized,
    )


def _skills(achievement: Mapping[str, Any]) -> list[Skill]:
    """What the achievement is aligned with, then its other words, each name once."""
    aligned = [
        Skill(name=one["targetName"], framework=one.get("targetFramework", ""))
        for one in achievement.get("alignment", ())
    ]
    others = [Skill(name=one, framework="") for one in achievement.get("tag", ())]
    found: dict[str, Skill] = {}
    for one in (*aligned, *others):
        found.setdefault(one.name, one)
    return list(found.values())


def _plain(markdown: str) -> str:
    """Markdown as one paragraph of plain text: marks that only shape it are left out."""
    words = markdown.replace("**", "").replace("`", "").split()
    return " ".join(word for word in words if word.strip("#>*-"))


def _cut(text: str, most: int) -> str:
    return textwrap.shorten(report.shown(text), most, placeholder=" …")


def _sized(text: str, fits: int) -> str:
    """A class beside the first, for words that are too long for the size they would have."""
    return "" if len(text) <= fits else " long" if len(text) <= 2 * fits else " longest"


def _day(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{at.day} {at:%B %Y}"


def _draw(page: str, credential: bytes, *, made_at: str) -> bytes:
    weasyprint = _weasyprint()
    # Pictures are data in the page; whatever else is asked for is not fetched.
    fetcher = weasyprint.URLFetcher(allowed_protocols=["data"])
    at = datetime.fromisoformat(made_at)
    attachment = weasyprint.Attachment(
        string=credential,
        name=ATTACHMENT,
        description="The signed credential: Open Badges 3.0",
        created=at,
        modified=at,
        relationship="Source",
        url_fetcher=fetcher,
    )
    with warnings.catch_warnings():
        # It leaves its own file of colours open, and Python closes it at once.
        warnings.simplefilter("ignore", ResourceWarning)
        drawn = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf(
            attachments=[attachment], pdf_variant="pdf/a-3a"
        )
    return bytes(drawn)


def _weasyprint() -> Any:
    try:
        # It prints advice where a library is missing; what we say stands in the error.
        with contextlib.redirect_stdout(io.StringIO()):
            import weasyprint
    except (ImportError, OSError) as error:
        raise OperatorError(
            "certificate: expected Pango and HarfBuzz, which WeasyPrint draws with, got: "
            f"{error}; install them (Debian, Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0 "
            f"libharfbuzz-subset0 fonts-dejavu-core), or run script/setup"
        ) from error
    return weasyprint


def _finalize(value: object) -> object:
    """Every value that meets the page goes through here, before it is escaped."""
    return value if isinstance(value, Markup) else report.shown(str(value))


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("assessor"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
