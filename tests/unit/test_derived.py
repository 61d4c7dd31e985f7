"""What is kept of contexts is what pyld would make anew: with and without, every document reads the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyld import jsonld
from pyld.context_resolver import ContextResolver

from assessor.openbadges import contexts, credential, graph
from assessor.openbadges.derived import Derived
from tests import awarded

SAMPLES = Path(__file__).parents[3] / "shared" / "standards" / "samples"


def load(url: str, options: object = None) -> dict[str, Any]:
    return {"contextUrl": None, "documentUrl": url, "document": contexts.known().documents[url]}


def plainly(document: dict[str, Any]) -> list[Any]:
    """As pyld reads it with nothing kept from before."""
    options = {"base": graph.BASE, "documentLoader": load, "contextResolver": ContextResolver({}, load)}
    return list(jsonld.expand(document, options))


def documents() -> list[dict[str, Any]]:
    found = [credential.build(awarded.award())]
    for path in sorted(SAMPLES.rglob("*.json")):
        document = json.loads(path.read_text())
        named = document.get("@context", []) if isinstance(document, dict) else []
        if isinstance(named, list) and all(one in contexts.known().documents for one in map(str, named)):
            found.append(document)
    return found


def test_document_reads_as_it_does_with_nothing_kept() -> None:
    tried = 0
    # Twice, and one after the other: what one left must serve the next, and itself.
    for document in documents() * 2:
        try:
            wanted = plainly(document)
        except jsonld.JsonLdError:
            continue
        assert graph.expand(document, known=contexts.known()) == wanted
        tried += 1
    assert tried >= 2


def test_nothing_is_derived_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    define = jsonld.JsonLdProcessor._create_term_definition

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        made.append(args)
        return define(self, *args, **kwargs)

    known = contexts.known()
    monkeypatch.setattr(jsonld.JsonLdProcessor, "_create_term_definition", counted)
    object.__setattr__(known, "derived", Derived())
    document = credential.build(awarded.award())
    graph.expand(document, known=known)
    first = len(made)
    graph.expand(document, known=known)
    assert 0 == len(made) - first < first
