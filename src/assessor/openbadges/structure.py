"""What an Open Badges 3.0 credential must have, and of which kind: the rules of the standard, as one table.

Comes in: a document. Goes out: nothing, or `VerificationFailed` naming the place, what was expected and what
came. What it means is left to the other checks.

The official JSON Schema is 1EdTech's and is not part of this project: a verifier may name a copy of it, and
then it is asked as well (`official`). These rules are what it says in its strict edition of 2024, without
that edition's lists where JSON-LD allows one value alone: the later edition lets any object pass for
evidence, a profile or a result, whatever its type.

Source: Open Badges 3.0, clauses B.1 and B.2 (classes and their properties); VC Data Model 2.0, clause 4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Never

from assessor.errors import OperatorError, VerificationFailed
from assessor.openbadges.reading import many

#: `xsd:dateTimeStamp`: a time with its zone. Source: VC Data Model 2.0, clause 4.9.
_TIME = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+")
#: Source: Subresource Integrity, clause 3.5.
_SRI = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+={0,2}( +sha(256|384|512)-[A-Za-z0-9+/]+={0,2})*")
#: A multihash in base58 (z) or base64url (u).
_MULTIBASE = re.compile(r"(z[1-9A-HJ-NP-Za-km-z]+|u[A-Za-z0-9_-]+)")


@dataclass(frozen=True, kw_only=True)
class _Class:
    """What an object of one class has.

    Attributes:
        type: the word that its `type` must contain; None where there is no `type`.
        must: properties without which it is none.
        has: kind of each property that is looked at: of others nothing is said.
        also: other words that its `type` may contain in place of `type`.
    """

    type: str | None
    must: str = ""
    has: str = ""
    also: tuple[str, ...] = ()


#: The data model's own context, by version, and what says from when on a credential is valid.
_BASES = {
    "https://www.w3.org/ns/credentials/v2": "validFrom",
    "https://www.w3.org/2018/credentials/v1": "issuanceDate",
}

#: The type of a learner record, which holds credentials of one person.
RECORD = "ClrCredential"
#: Credentials of other types than a badge's, and the class of each.
_OTHERS = {"EndorsementCredential": "Endorsement", RECORD: "Record"}

#: `name:kind` of each property; a kind with a capital is a class, `*` allows several. Kinds in small letters
#: are those of `_KINDS`.
_CLASSES: Mapping[str, _Class] = {
    "Credential": _Class(
        type="OpenBadgeCredential",
        also=("AchievementCredential",),
        must="@context id type issuer credentialSubject",
        has="id:uri name:text description:text image:Image awardedDate:time credentialSubject:Subject "
        "endorsement:Endorsement* endorsementJwt:jwt* evidence:Evidence* issuer:profile validFrom:time "
        "validUntil:time issuanceDate:time expirationDate:time proof:Proof* credentialSchema:Typed* "
        "credentialStatus:Status* refreshService:Typed* termsOfUse:Terms* relatedResource:Resource*",
    ),
    # Of what may stand in one, credentials alone are looked at. Source: Comprehensive Learner Record 2.0.
    "Record": _Class(
        type="ClrCredential",
        must="@context id type issuer credentialSubject",
        has="id:uri name:text description:text awardedDate:time credentialSubject:Holder issuer:profile "
        "validFrom:time validUntil:time proof:Proof* credentialSchema:Typed* credentialStatus:Status*",
    ),
    "Holder": _Class(
        type="ClrSubject",
        must="verifiableCredential",
        has="id:uri identifier:Identity* verifiableCredential:Credential*",
    ),
    "Endorsement": _Class(
        type="EndorsementCredential",
        must="@context type issuer name credentialSubject",
        has="id:uri name:text credentialSubject:Endorsed* evidence:Evidence* issuer:profile validFrom:time "
        "validUntil:time issuanceDate:time expirationDate:time proof:Proof* credentialStatus:Status* "
        "relatedResource:Resource*",
    ),
    "Endorsed": _Class(type=None, must="id", has="id:uri identifier:Identity* source:Profile"),
    "Subject": _Class(
        type="AchievementSubject",
        must="achievement",
        has="id:uri activityEndDate:time activityStartDate:time achievement:Achievement "
        "identifier:Identity* image:Image narrative:text result:Result* role:text source:Profile term:text "
        "licenseNumber:text creditsEarned:number",
    ),
    "Identity": _Class(
        type="IdentityObject",
        must="hashed identityHash identityType",
        has="hashed:truth identityHash:text identityType:text salt:text",
    ),
    "Achievement": _Class(
        type="Achievement",
        must="id criteria description name",
        has="id:uri alignment:Alignment* achievementType:text creator:Profile criteria:Criteria "
        "description:text endorsement:Endorsement* fieldOfStudy:text humanCode:text image:Image name:text "
        "otherIdentifier:Identifier* related:Related* resultDescription:Description* specialization:text "
        "tag:text* version:text creditsAvailable:number",
    ),
    "Criteria": _Class(type=None, has="id:uri narrative:text"),
    "Alignment": _Class(
        type="Alignment",
        must="targetName targetUrl",
        has="targetName:text targetUrl:uri targetCode:text targetDescription:text targetFramework:text "
        "targetType:text",
    ),
    "Evidence": _Class(
        type="Evidence",
        has="id:uri narrative:text name:text description:text genre:text audience:text digestSRI:sri "
        "digestMultibase:multibase mediaType:word",
    ),
    "Resource": _Class(
        type=None, must="id", has="id:uri digestSRI:sri digestMultibase:multibase mediaType:word"
    ),
    "Result": _Class(
        type="Result",
        has="achievedLevel:uri alignment:Alignment* resultDescription:uri status:text value:text",
    ),
    "Description": _Class(
        type="ResultDescription",
        must="id name resultType",
        has="id:uri name:text resultType:text alignment:Alignment* allowedValue:text* requiredLevel:uri "
        "requiredValue:text rubricCriterionLevel:Level* valueMax:text valueMin:text",
    ),
    "Level": _Class(
        type="RubricCriterionLevel",
        must="id name",
        has="id:uri name:text alignment:Alignment* description:text level:text points:text",
    ),
    "Profile": _Class(
        type="Profile",
        must="id",
        has="id:uri name:text url:uri description:text email:text phone:text image:Image address:Address "
        "otherIdentifier:Identifier* parentOrg:Profile official:text endorsement:Endorsement* "
        "familyName:text givenName:text",
    ),
    "Address": _Class(type="Address", has="addressCountry:text addressLocality:text postalCode:text"),
    "Identifier": _Class(
        type="IdentifierEntry", must="identifier identifierType", has="identifier:text identifierType:text"
    ),
    "Image": _Class(type="Image", must="id", has="id:uri caption:text"),
    "Related": _Class(type="Related", must="id", has="id:uri version:text"),
    "Proof": _Class(
        type="DataIntegrityProof",
        also=("*",),
        has="type:word created:time verificationMethod:word cryptosuite:word proofPurpose:word "
        "proofValue:word expires:time",
    ),
    "Status": _Class(
        type="BitstringStatusListEntry",
        also=("*",),
        has="id:uri statusPurpose:text statusListCredential:uri",
    ),
    "Typed": _Class(type="*", must="id", has="id:uri"),
    "Terms": _Class(type="*", has="id:uri"),
}


def check(document: Mapping[str, Any]) -> None:
    """Whether the document has what a credential of Open Badges 3.0 must have.

    Raises:
        VerificationFailed: `structure`: the first thing that is missing or of another kind.
    """
    context = many(document.get("@context"))
    # A list: what a stranger puts there need not be hashable.
    if not context or context[0] not in [*_BASES]:
        _refuse("@context", " or ".join(_BASES) + " first", document.get("@context"))
    types = many(document.get("type"))
    if "VerifiableCredential" not in types:
        _refuse("type", "VerifiableCredential among others", document.get("type"))
    # One that says it is several must be all of them: the rules of one are no way around those of another.
    found = [kind for name, kind in _OTHERS.items() if name in types]
    badge = _CLASSES["Credential"]
    is_badge = any(name in types for name in (badge.type, *badge.also))
    if RECORD in types and is_badge:
        # Its award would be looked at by no check: those of a record are in it.
        _refuse("type", f"{RECORD} or a badge, not both", document.get("type"))
    for kind in [*found, *(["Credential"] if is_badge or not found else [])]:
        _object(document, kind, "")
    start = _BASES[str(context[0])]
    if start not in document:
        _refuse("the whole", f"the property {start}", "an object without it")
    for path, value in _empty(document):
        _refuse(path, "a value", value)


def official(document: Mapping[str, Any], schema: Mapping[str, Any], *, name: str) -> None:
    """Whether the document fits a JSON Schema that the verifier named.

    Raises:
        VerificationFailed: `schema`: the schema is none, or the document does not fit it.
        OperatorError: the package that reads schemas is not installed.
    """
    # A check that few ask for, and a library that nothing else here needs.
    try:
        import jsonschema  # type: ignore[import-untyped]
        from referencing import Registry
    except ImportError as error:
        raise OperatorError(f"--schema: expected the package jsonschema, got: {error}") from error
    try:
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        # An empty registry: a schema that refers to an address fetches nothing.
        found = next(iter(kind(schema, registry=Registry()).iter_errors(document)), None)
    except Exception as error:  # what is wrong with a schema, its library tells in many ways
        raise VerificationFailed("schema", f"{name}: expected a JSON Schema, got: {error!s:.300}") from error
    if found is not None:
        where = ".".join(str(part) for part in found.absolute_path) or "the whole"
        raise VerificationFailed("schema", f"{where}: {found.message[:300]}")


def time(value: Any, where: str, check: str = "structure") -> datetime:
    """The moment in a document's text.

    Raises:
        VerificationFailed: `check`: it is none, or has no zone.
    """
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise VerificationFailed(check, f"{where}: expected a time with its zone, got {_shown(value)}")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise VerificationFailed(check, f"{where}: expected a time, got {_shown(value)}: {error}") from error


def _object(value: Any, name: str, path: str) -> None:
    rules = _CLASSES[name]
    if not isinstance(value, Mapping):
        _refuse(path, f"an object with the properties of {name}", value)
    if rules.type is not None:
        types = many(value.get("type"))
        if not types or not all(isinstance(one, str) and one for one in types):
            _refuse(_at(path, "type"), "a type", value.get("type"))
        known = {rules.type, *rules.also}
        if "*" not in known and not known & set(types):
            _refuse(_at(path, "type"), " or ".join(sorted(known)), value.get("type"))
    for one in rules.must.split():
        if one not in value:
            _refuse(path or "the whole", f"the property {one}", "an object without it")
    for said in rules.has.split():
        key, _, kind = said.partition(":")
        if key not in value:
            continue
        several = kind.endswith("*")
        inside = value[key]
        # Plain text in a list of its own is the same graph, so the same signature, and other text to whoever
        # compares it: the media type of a record, written so, would hide that it is one.
        if isinstance(inside, list) and (several or (len(inside) == 1 and kind[0].isupper())):
            for position, one in enumerate(inside):
                _value(one, kind.removesuffix("*"), f"{_at(path, key)}.{position}")
        else:
            _value(inside, kind.removesuffix("*"), _at(path, key))


def _value(value: Any, kind: str, path: str) -> None:
    if kind[0].isupper():
        _object(value, kind, path)
        return
    if kind == "profile":  # the issuer: an address alone, or the profile itself
        if not isinstance(value, str):
            _object(value, "Profile", path)
            return
        kind = "uri"
    expected, holds = _KINDS[kind]
    if not holds(value):
        _refuse(path, expected, value)


def _is_text(value: Any) -> bool:
    if isinstance(value, Mapping):  # the same in several languages
        return bool(value) and all(isinstance(one, str) for one in value.values())
    return isinstance(value, str)


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_time(value: Any) -> bool:
    try:
        time(value, "")
    except VerificationFailed:
        return False
    return True


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("text", _is_text),
    "word": ("one word", lambda value: isinstance(value, str) and bool(value)),
    "uri": ("an absolute address", _matches(_URI)),
    "time": ("a time with its zone", _is_time),
    "truth": ("true or false", lambda value: isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "jwt": ("a compact token", _matches(_JWT)),
    "sri": ("an integrity value such as sha256-...", _matches(_SRI)),
    "multibase": ("a multihash in multibase (u... or z...)", _matches(_MULTIBASE)),
}


def _empty(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Places of nothing: readers disagree on whether a null is there. `reading` has bounded the depth."""
    if value is None:
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _empty(one, _at(path, key))
    elif isinstance(value, list):
        for position, one in enumerate(value):
            yield from _empty(one, f"{path}.{position}")


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _refuse(path: str, expected: str, came: Any) -> Never:
    raise VerificationFailed("structure", f"{path or 'the whole'}: expected {expected}, got {_shown(came)}")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
