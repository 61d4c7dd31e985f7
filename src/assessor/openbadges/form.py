"""The one form that a document may have, so that what is read is what was signed.

Comes in: a credential, within the limits of `screen`. Goes out: nothing, or `VerificationFailed`. A proof
covers the graph that the JSON stands for, while every check after it reads the JSON. The two can be made to
differ without touching the graph: `validUntil` under its full IRI, under another name, inside `@included`,
or moved to a second description of the same node; a term that nothing defines is not signed at all. So:

1. `@context` is a list of known URLs, the base of credentials first; only a credential inside a credential
   (`endorsement`, `verifiableCredential`) has one of its own.
2. Every key is a plain word: no IRI, no prefix, no keyword. No blank node has a label, no value is null, no
   list stands directly in a list.
3. A type is a word, or an IRI that no known context has a word for.
4. Nothing is dropped: each word is defined, and each IRI is absolute and written in full.
5. What a verifier relies on (the credential, its status, evidence, schema) is described once, or each time
   in the same words.
6. Reading it and writing it again with the words of its contexts gives the same document.

Source: Data Integrity 1.0, section 2.4.1 (Validating Contexts); JSON-LD 1.1, section 4.2 on safe mode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assessor.errors import VerificationFailed
from assessor.openbadges import contexts, graph, screen

#: Keys whose values are credentials with contexts of their own.
EMBEDDING = ("endorsement", "verifiableCredential")
LIMIT_EMBEDDED = 64
LIMIT_CONTEXTS = 8

#: What another description of a node may say without hiding anything: it names it, or comments on it.
_ASIDE = frozenset({"id", "type", "endorsementComment"})

#: Values of a credential's own keys that may be described elsewhere: others say things about people too.
_PEOPLE = frozenset({"credentialSubject", "issuer"})

#: What RDF can hold; the rest is dropped by some implementations and kept by others.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]+")

#: What an expanded document consists of, besides IRIs.
_KEYWORDS = frozenset({"@id", "@type", "@value", "@language", "@list", "@graph"})


def check_contexts(document: Mapping[str, Any], *, known: contexts.Contexts) -> None:
    """Nothing, where the words of the document are those that its graph was made of (1, 2, 3, 5, 6).

    Raises:
        VerificationFailed: `contexts` and the place; `limits`; `terms` where it is no JSON-LD.
    """
    screen.check(document)
    check_words(document, known=known)
    for where, credential in _credentials(document):
        alone = {**_alone(credential), "@context": _in_place(document, credential)}
        expanded = graph.expand(alone, known=known)
        for iri in _iris(expanded):
            if iri.startswith("_:"):
                raise VerificationFailed(
                    "contexts",
                    f"{where}: expected no label of a blank node, got {iri!r}: what was signed about it "
                    "could be moved out of sight",
                )
        again = graph.compact(expanded, alone["@context"], known=known)
        place = _difference(alone, again, where, known)
        if place is not None:
            raise VerificationFailed(
                "contexts",
                f"{place}: expected the words that its @context has for what was signed, got others: a "
                "reader of the JSON would see something else than was signed",
            )


def check_words(document: Mapping[str, Any], *, known: contexts.Contexts) -> None:
    """The part of `check_contexts` that reads no graph and so costs little (1, 2, 3, 5), for who signs.

    Raises:
        VerificationFailed: `contexts` and the place; `limits`.
    """
    for where, credential in _credentials(document):
        _contexts(credential.get("@context"), where, known)
        _keys(_alone(credential), where, known)
        _described_once(credential)


def check_terms(document: Mapping[str, Any], *, known: contexts.Contexts) -> None:
    """Nothing, where all that the document says becomes part of its graph (4).

    Raises:
        VerificationFailed: `terms` with what is not defined; `contexts` for a context that is not known;
            `limits`.
    """
    screen.check(document)
    expand({key: value for key, value in document.items() if key != "proof"}, known=known)


def expand(document: Mapping[str, Any], *, known: contexts.Contexts) -> list[Any]:
    """The expanded form of a document of which nothing is dropped on the way.

    Raises:
        VerificationFailed: as `check_terms` does.
    """
    _known_only(document, known)
    dropped: list[str] = []
    expanded = graph.expand(document, known=known, dropped=dropped)
    if dropped:
        raise VerificationFailed(
            "terms",
            f"expected words that the contexts define, got {', '.join(sorted(set(map(str, dropped))))}: "
            "nothing of what stands under them is signed",
        )
    if len(expanded) != 1 or "@graph" in expanded[0]:
        raise VerificationFailed("terms", f"expected one thing described, got {len(expanded)}")
    written = set(_strings(document))
    for iri in _iris(expanded):
        if iri.startswith(graph.BASE) or not _ABSOLUTE.fullmatch(iri):
            came = iri.removeprefix(graph.BASE)
            raise VerificationFailed(
                "terms", f"expected words that the contexts define and whole IRIs, got {came!r}"
            )
        if not (iri in written or iri in known.meanings or iri.startswith(known.vocabularies)):
            raise VerificationFailed(
                "terms", f"expected every IRI written in full, got a short form of {iri}"
            )
    return expanded


def _known_only(value: Any, known: contexts.Contexts) -> None:
    """No context but those that are known reaches the library that reads them."""
    for where, one in _objects(value, "", everywhere=True):
        if "@context" in one:
            for url in _listed(one["@context"]):
                _known_url(url, f"{where}/@context", known)


def embedded(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The credentials inside a credential, at whatever depth, outer ones first."""
    return tuple(credential for _, credential in _credentials(document))[1:]


def _credentials(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The document and each credential inside it, with its place."""
    found = 0
    waiting: list[tuple[str, Any, bool]] = [("", document, True)]
    while waiting:
        where, value, entry = waiting.pop(0)
        if isinstance(value, list):
            waiting.extend((f"{where}/{index}", one, entry) for index, one in enumerate(value))
        elif isinstance(value, Mapping):
            if entry and (where == "" or "@context" in value):
                found += 1
                if found > LIMIT_EMBEDDED:
                    raise VerificationFailed(
                        "limits", f"expected at most {LIMIT_EMBEDDED} credentials in one"
                    )
                yield where, value
            for key, one in value.items():
                if key != "@context":
                    waiting.append((f"{where}/{key}", one, key in EMBEDDING))


def _in_place(document: Mapping[str, Any], credential: Mapping[str, Any]) -> Any:
    """The contexts in effect for a credential: those of the one around it come first."""
    if credential is document:
        return document["@context"]
    return [*_listed(document["@context"]), *_listed(credential["@context"])]


def _alone(value: Any) -> Any:
    """A credential without its proof and without those inside it; the latter are judged by themselves."""
    return _without(value, top=True)


def _without(value: Any, *, top: bool = False) -> Any:
    if isinstance(value, list):
        return [_without(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for key, one in value.items():
        if top and key == "proof":
            continue
        if key in EMBEDDING:
            entries = one if isinstance(one, list) else [one]
            one = [entry for entry in entries if not (isinstance(entry, Mapping) and "@context" in entry)]
            if not one:
                continue
        kept[key] = _without(one)
    return kept


def _contexts(named: Any, where: str, known: contexts.Contexts) -> None:
    urls = _listed(named)
    place = f"{where}/@context"
    for url in urls:
        _known_url(url, place, known)
    if not urls or urls[0] not in contexts.FIRST:
        raise VerificationFailed(
            "contexts", f"{place}: expected {' or '.join(contexts.FIRST)} first, got {urls[:1]}"
        )
    if len(urls) > LIMIT_CONTEXTS or len(set(urls)) != len(urls):
        raise VerificationFailed(
            "contexts", f"{place}: expected at most {LIMIT_CONTEXTS} URLs, each once, got {len(urls)}"
        )


def _known_url(url: Any, place: str, known: contexts.Contexts) -> None:
    if not isinstance(url, str):
        raise VerificationFailed(
            "contexts",
            f"{place}: expected URLs alone, got {json.dumps(url)[:80]}, which could give any word any "
            "meaning",
        )
    if url not in known.documents:
        raise VerificationFailed(
            "contexts", f"{place}: expected contexts that are known, got {url!r}; none is ever fetched"
        )


def _keys(value: Any, where: str, known: contexts.Contexts, *, top: bool = True) -> None:
    if isinstance(value, list):
        for index, one in enumerate(value):
            if isinstance(one, list):
                raise VerificationFailed("contexts", f"{where}/{index}: expected no list directly in a list")
            _keys(one, f"{where}/{index}", known, top=False)
    elif value is None:
        raise VerificationFailed("contexts", f"{where}: expected a value, got null, which is not signed")
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key == "@context" and top:
                continue
            if key.startswith("@") or ":" in key or not key:
                raise VerificationFailed(
                    "contexts",
                    f"{where}/{key}: expected a plain word as key, got {key!r}: readers of the JSON would "
                    "pass over it",
                )
            if key == "type":
                _types(one, f"{where}/type", known)
            elif key == "id" and not isinstance(one, str):
                raise VerificationFailed(
                    "contexts", f"{where}/id: expected one IRI, got {json.dumps(one)[:40]}"
                )
            _keys(one, f"{where}/{key}", known, top=False)


def _types(value: Any, where: str, known: contexts.Contexts) -> None:
    for name in value if isinstance(value, list) else [value]:
        if not isinstance(name, str):
            raise VerificationFailed("contexts", f"{where}: expected names, got {json.dumps(name)[:40]}")
        if ":" not in name:
            continue
        prefix, _, rest = name.partition(":")
        if name in known.meanings or (prefix in known.words and not rest.startswith("//")):
            raise VerificationFailed(
                "contexts", f"{where}: expected the word that a context has for it, got {name!r}"
            )


def _described_once(credential: Mapping[str, Any]) -> None:
    """Statements about a node count wherever they stand; a reader looks in one place."""
    name = credential.get("id")
    said: dict[object, str] = {}
    for where, value in _relied_on(credential):
        node = value.get("id")
        if isinstance(node, str) and not (node == name and value.keys() <= _ASIDE):
            _same(said.setdefault(node, _words(value)), value, where)
    for where, value in _objects(credential, ""):
        if value.get("id") in said and not value.keys() <= _ASIDE:
            _same(said[value["id"]], value, where)


def _relied_on(credential: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects that a verifier decides by, with their places; the credential itself is the first."""
    yield "", credential
    for key, value in credential.items():
        if key not in _PEOPLE and key not in EMBEDDING and key != "proof":
            for one in _listed(value):
                if isinstance(one, Mapping):
                    yield f"/{key}", one


def _same(text: str, value: Mapping[str, Any], where: str) -> None:
    if text != _words(value):
        raise VerificationFailed(
            "contexts",
            f"{where}: expected {value['id']} described once, or in the same words each time, got other "
            "words: what was signed about it could be moved out of sight",
        )


def _words(value: Mapping[str, Any]) -> str:
    return json.dumps(_without(value, top=True), sort_keys=True)


def _objects(value: Any, where: str, *, everywhere: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _objects(one, f"{where}/{index}", everywhere=everywhere)
    elif isinstance(value, Mapping):
        yield where, value
        for key, one in value.items():
            # Proofs stand in graphs of their own.
            if key not in ("@context", "proof") or everywhere:
                yield from _objects(one, f"{where}/{key}", everywhere=everywhere)


def _difference(ours: Any, theirs: Any, where: str, known: contexts.Contexts) -> str | None:
    """The first place where two documents differ in more than `[x]` for `x` and `{"id": x}` for `x`."""
    ours, theirs = _folded(ours), _folded(theirs)
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        # Old contexts have two words for some things (`criteria` and `Criteria`); the small one is a key.
        theirs = {_word(key, value, ours, theirs, known): value for key, value in theirs.items()}
        for key in sorted(ours.keys() | theirs.keys()):
            if key not in ours or key not in theirs:
                return f"{where}/{key}"
            if key == "@context":
                continue
            if key == "type":
                # Some types have two words; which types they are, the graph says.
                if len(_listed(ours[key])) != len(_listed(theirs[key])):
                    return f"{where}/{key}"
                continue
            place = _difference(ours[key], theirs[key], f"{where}/{key}", known)
            if place is not None:
                return place
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        places = (
            _difference(one, other, f"{where}/{index}", known)
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True))
        )
        return next((place for place in places if place is not None), None)
    return None if json.dumps(ours) == json.dumps(theirs) else where


def _word(
    key: str, value: Any, ours: Mapping[str, Any], theirs: Mapping[str, Any], known: contexts.Contexts
) -> str:
    """The key under which our document has what the library put under this one."""
    if key in ours:
        return key
    # A word that is tied to a datatype (CLR's `identifier`) is not put back for an object, which has none: it
    # stays an IRI. Only that word can be meant, and what stands under both is compared.
    if all(isinstance(one, Mapping) for one in _listed(value)):
        words = [word for word in known.tied.get(key, ()) if word in ours and word not in theirs]
        if len(words) == 1:
            return words[0]
    return key[:1].lower() + key[1:]


def _folded(value: Any) -> Any:
    while True:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, Mapping) and value.keys() == {"id"}:
            value = value["id"]
        else:
            return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield key
            yield from _strings(one)


def _iris(value: Iterable[Any] | Mapping[str, Any]) -> Iterator[str]:
    """Every IRI of an expanded document; refuses what badges have no use for and graphs do not keep."""
    if isinstance(value, Mapping):
        if value.get("@type") == "@json":
            raise VerificationFailed("terms", "expected no JSON literal, which nothing in a badge is")
        for key, one in value.items():
            if key.startswith("@") and key not in _KEYWORDS:
                raise VerificationFailed(
                    "terms", f"expected no {key}: graphs do not keep it or readers do not follow it"
                )
            if key == "@id" or (key == "@type" and "@value" not in value):
                yield from _listed(one)
            elif key not in ("@value", "@language", "@type"):
                if not key.startswith("@"):
                    yield key
                yield from _iris(one)
    else:
        for one in value:
            yield from _iris(one)
