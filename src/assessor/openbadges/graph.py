"""A document as a graph: its one canonical text, which is what is signed.

Comes in: a JSON-LD document whose contexts are known. Goes out: its expanded form, or its N-Quads in
canonical order. Whether the document may look like that is left to `form`, what is done with the text to
`linked`.

One library reads JSON-LD (pyld), for the reading that is judged and the one that is signed must not differ.
Two can order the graph. pyoxigraph is the faster, but as of 0.5.13 it names blank nodes wrongly where
several look alike from their own statements; pyld is right there, and slow. So blank nodes are compared
first: where all differ, the fast one does it; where some are alike, pyld does, if few enough hang together,
since the work grows with the factorial of their number and nothing can stop it half way.

Source: JSON-LD 1.1 API; RDF Dataset Canonicalization 1.0 (RDFC-1.0), sections 4.4, 4.6 and 7.1.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyoxigraph
from pyld import jsonld
from pyld.canon import URDNA2015

from assessor.errors import VerificationFailed
from assessor.openbadges import contexts

#: What ordering a group of alike blank nodes that hang together costs at worst, by its size: about as many
#: milliseconds as a clique of them takes. A group that is not listed is too large.
_COST = {1: 0, 2: 1, 3: 1, 4: 10, 5: 60, 6: 600}
LIMIT_COST = 1000

#: What relative IRIs, and types that no context defines, end up under; nothing may stay there.
BASE = "https://undefined.invalid/"

#: pyld keeps what it derives from contexts in caches that threads must not share.
_lock = threading.Lock()


def expand(
    document: Mapping[str, Any], *, known: contexts.Contexts, dropped: list[str] | None = None
) -> list[Any]:
    """The document with every term replaced by what it stands for.

    Args:
        document: within the limits of `screen`, without `proof`.
        known: the contexts that it may name.
        dropped: gets each key that no context defines; the expanded form leaves these out.

    Raises:
        VerificationFailed: `contexts` for a context that is not known or clashes with another, `terms` for
            what is no JSON-LD.
    """
    lost = [] if dropped is None else dropped
    with _lock:
        try:
            return list(jsonld.expand(document, _options(known), on_property_dropped=lost.append))
        except _BROKEN as error:
            raise _told(error) from error


def compact(expanded: list[Any], context: Any, *, known: contexts.Contexts) -> dict[str, Any]:
    """The expanded form with the terms of `context` put back wherever they fit.

    Raises:
        VerificationFailed: as `expand` does.
    """
    with _lock:
        try:
            return dict(jsonld.compact(expanded, context, {**_options(known), "skipExpansion": True}))
        except _BROKEN as error:
            raise _told(error) from error


def canonical(expanded: list[Any]) -> bytes:
    """The N-Quads of an expanded document, canonical, one statement a line.

    Raises:
        VerificationFailed: `terms` where it is no RDF, `limits` where too many blank nodes look alike.
    """
    try:
        quads = set(pyoxigraph.parse(json.dumps(expanded), pyoxigraph.RdfFormat.JSON_LD))
    except (SyntaxError, ValueError) as error:
        raise VerificationFailed("terms", f"expected a document that is RDF, got: {error}") from error
    groups = _alike(quads)
    if not groups:
        dataset = pyoxigraph.Dataset(quads)
        dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0)
        return "".join(sorted(f"{quad} .\n" for quad in dataset)).encode()
    sizes = [len(group) for group in groups]
    # Each step looks at all that is said about a node.
    weight = 1 + len(quads) // 1000
    if max(sizes) not in _COST or weight * sum(_COST[size] for size in sizes) > LIMIT_COST:
        raise VerificationFailed(
            "limits",
            f"expected at most {max(_COST)} nodes without an id that look alike and hang together, got "
            f"{max(sizes)}, {sum(sizes)} in all: putting them in order could take hours",
        )
    # Its name before it was called RDFC-1.0.
    return str(URDNA2015().main(_dataset(quads), {"format": "application/n-quads"})).encode()


def _dataset(quads: Iterable[pyoxigraph.Quad]) -> dict[str, list[dict[str, Any]]]:
    """The statements as pyld holds them, by graph."""
    graphs: dict[str, list[dict[str, Any]]] = {}
    for quad in quads:
        default = isinstance(quad.graph_name, pyoxigraph.DefaultGraph)
        triples = graphs.setdefault("@default" if default else _part(quad.graph_name)["value"], [])
        triples.append({name: _part(getattr(quad, name)) for name in ("subject", "predicate", "object")})
    return graphs


def _part(part: Any) -> dict[str, str]:
    if isinstance(part, pyoxigraph.NamedNode):
        return {"type": "IRI", "value": part.value}
    if isinstance(part, pyoxigraph.BlankNode):
        return {"type": "blank node", "value": str(part)}
    literal = {"type": "literal", "value": part.value, "datatype": part.datatype.value}
    return literal if part.language is None else {**literal, "language": part.language}


def _alike(quads: Iterable[pyoxigraph.Quad]) -> list[set[str]]:
    """The blank nodes whose own statements do not tell them apart, as sets of those that hang together."""
    statements: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    neighbours: dict[str, set[str]] = defaultdict(set)
    for quad in quads:
        parts = [str(part) for part in (quad.subject, quad.predicate, quad.object, quad.graph_name)]
        blank = {part for part in parts if part.startswith("_:")}
        for node in blank:
            statements[node].append(
                tuple("_:a" if part == node else "_:z" if part in blank else part for part in parts)
            )
            neighbours[node] |= blank - {node}
    looks: dict[tuple[tuple[str, ...], ...], list[str]] = defaultdict(list)
    for node, said in statements.items():
        looks[tuple(sorted(said))].append(node)
    left = {node for nodes in looks.values() if len(nodes) > 1 for node in nodes}
    groups = []
    while left:
        group: set[str] = set()
        edge = {left.pop()}
        while edge:
            group |= edge
            edge = {other for node in edge for other in neighbours[node] if other in left}
            left -= edge
        groups.append(group)
    return groups


class _Unknown(Exception):
    """A context that is not among those that are known."""


#: What pyld raises on documents that nobody foresaw, besides its own error.
_BROKEN = (jsonld.JsonLdError, TypeError, ValueError, LookupError, AttributeError, RecursionError)


def _options(known: contexts.Contexts) -> dict[str, Any]:
    def load(url: str, options: object = None) -> dict[str, Any]:
        if url not in known.documents:
            raise _Unknown(url)
        return {"contextUrl": None, "documentUrl": url, "document": known.documents[url], "tag": "static"}

    return {"base": BASE, "documentLoader": load, "contextResolver": known.derived.resolver(load)}


def _told(error: Exception) -> VerificationFailed:
    inner: BaseException = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    if isinstance(inner, _Unknown):
        return VerificationFailed(
            "contexts", f"expected contexts that are known, got {inner}; none is ever fetched"
        )
    code = str(getattr(inner, "code", ""))
    check = "contexts" if "context" in code or "term" in code else "terms"
    return VerificationFailed(check, f"expected JSON-LD, got: {str(inner.args[:1])[:200]}")
