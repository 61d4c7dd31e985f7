"""The JSON-LD contexts that are known: what their URLs stand for, for good.

Comes in: nothing; the documents are data of installed packages. Goes out: a context by its URL, and what
all of them together have a word for. Nothing is ever fetched: a URL that is not here is refused, since
whoever serves it could change what a signature covers.

`context.json` without a version has changed over the years and is read as its edition 3.0.3; a badge that
was signed under an older edition does not verify, unless the operator gives that edition (`with_more`).

Source: Verifiable Credentials Data Model 2.0, section 5.2; Open Badges 3.0, appendix on contexts.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from assessor.openbadges.derived import Derived

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
CREDENTIALS_V1 = "https://www.w3.org/2018/credentials/v1"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
CLR = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"
DATA_INTEGRITY = "https://w3id.org/security/data-integrity/v2"
MULTIKEY = "https://w3id.org/security/multikey/v1"
DID = "https://www.w3.org/ns/did/v1"

#: One of these comes first in every credential.
FIRST = (CREDENTIALS_V2, CREDENTIALS_V1)

_OPENBADGESLIB = "openbadgeslib.ob3.contexts"
_PYLD = "pyld.documentloader.frozen.bundled"
_FILES = {
    CREDENTIALS_V2: (_OPENBADGESLIB, "credentials-v2.json"),
    CREDENTIALS_V1: (_PYLD, "credentials-v1.jsonld"),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json": (
        _OPENBADGESLIB,
        "ob-v3p0-context-3.0.1.json",
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.2.json": (
        _OPENBADGESLIB,
        "ob-v3p0-context-3.0.2.json",
    ),
    OPEN_BADGES: (_OPENBADGESLIB, "ob-v3p0-context-3.0.3.json"),
    "https://purl.imsglobal.org/spec/ob/v3p0/context.json": (_OPENBADGESLIB, "ob-v3p0-context-3.0.3.json"),
    EXTENSIONS: (_OPENBADGESLIB, "ob-v3p0-extensions.json"),
    CLR: (_OPENBADGESLIB, "clr_context_2.0.1.json"),
    DATA_INTEGRITY: (_OPENBADGESLIB, "security-data-integrity-v2.json"),
    MULTIKEY: (_OPENBADGESLIB, "security-multikey-v1.json"),
    DID: (_PYLD, "did-v1.jsonld"),
    "https://w3id.org/security/suites/ed25519-2020/v1": (_PYLD, "security-ed25519-2020-v1.jsonld"),
}


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """Contexts by URL.

    Attributes:
        documents: each URL's document, as it would be served.
        words: every term that any of them defines, at whatever depth.
        meanings: every IRI that any of them has a term for.
        tied: the terms that a context ties to a datatype, by the IRI that they stand for.
        vocabularies: where words go that none of them defines; none of those that come with packages has one.
        derived: what `graph` makes of these, kept here so that it never serves others with the same URLs.
    """

    documents: Mapping[str, Mapping[str, Any]]
    words: frozenset[str]
    meanings: frozenset[str]
    tied: Mapping[str, frozenset[str]]
    vocabularies: tuple[str, ...]
    derived: Derived = field(default_factory=Derived, repr=False, compare=False)

    def with_more(self, more: Mapping[str, Mapping[str, Any]]) -> Contexts:
        """These and others that an operator vouches for; theirs wins where both have a URL."""
        return _make({**self.documents, **more})


@functools.cache
def known() -> Contexts:
    """The contexts that come with the installed packages."""
    documents = {
        url: json.loads(resources.files(package).joinpath(name).read_text("utf-8"))
        for url, (package, name) in _FILES.items()
    }
    return _make(documents)


def _make(documents: Mapping[str, Mapping[str, Any]]) -> Contexts:
    tops = [document.get("@context") for document in documents.values()]
    defined = [pair for top in tops for pair in _definitions(top)]
    tied: dict[str, frozenset[str]] = {}
    for term, meaning, kind in defined:
        if kind is not None:
            tied[meaning] = tied.get(meaning, frozenset()) | {term}
    return Contexts(
        documents=documents,
        words=frozenset(term for term, _, _ in defined),
        meanings=frozenset(meaning for _, meaning, _ in defined),
        tied=tied,
        vocabularies=tuple(top["@vocab"] for top in tops if isinstance(top, dict) and "@vocab" in top),
    )


def _definitions(context: Any) -> Iterator[tuple[str, str, str | None]]:
    """Each term with its IRI and the datatype of its values, or None; those of scoped contexts too.

    A compact IRI counts under both spellings.
    """
    if isinstance(context, list):
        for one in context:
            yield from _definitions(one)
    if not isinstance(context, dict):
        return
    for term, definition in context.items():
        if term.startswith("@"):
            continue
        inside = definition if isinstance(definition, dict) else {"@id": definition}
        meaning = inside.get("@id", term)
        kind = inside.get("@type")
        kind = kind if isinstance(kind, str) and not kind.startswith("@") else None
        if isinstance(meaning, str):
            yield term, meaning, kind
            prefix, _, rest = meaning.partition(":")
            stands_for = context.get(prefix)
            if isinstance(stands_for, dict):
                stands_for = stands_for.get("@id")
            if isinstance(stands_for, str):
                yield term, stands_for + rest, kind
        yield from _definitions(inside.get("@context"))
