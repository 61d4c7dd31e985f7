"""Who is trusted to issue, and by which keys: a list that the verifier keeps, never one that a badge brings.

Comes in: a file of the verifier's, a DID document, or the file `keys.json` that an issuer publishes: it has
the form of such a list, so that downloading it once from the issuer's site is all that trusting an issuer
takes. Goes out: `Trusted`. Whether a credential is by one of them is left to `checks`.

    issuers:
      - id: did:web:badges.example.org
        name: Example School              # for people, optional
        keys:                             # optional: without them, its document must be fetched
          issuer: [{key: z6Mk..., until: "2027-01-01T00:00:00Z"}]
          engine: [{key: z6Mk...}]        # signs evidence
          log: [{key: z6Mk...}]           # signs checkpoints; a C2SP verifier key will do, too
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import pydantic

from assessor import authored, digest
from assessor.errors import FileInvalid, VerificationFailed
from assessor.openbadges import did, reading, structure

#: Name of the file in which an issuer publishes its own keys.
KEYS = "keys.json"


@dataclass(frozen=True, kw_only=True)
class Key:
    """One public key.

    Attributes:
        text: a Multikey; of the log, a C2SP verifier key will do, too.
        until: when it was retired, or None: what it signed before stays valid.
    """

    text: str
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """One issuer, and its keys by purpose.

    Attributes:
        id: its DID or address, as credentials name it.
        name: for people.
        issuer, engine, log: its keys; all empty where only the name was given.
    """

    id: str
    name: str | None = None
    issuer: tuple[Key, ...] = ()
    engine: tuple[Key, ...] = field(default=())
    log: tuple[Key, ...] = field(default=())


def read(data: bytes, *, name: str) -> tuple[Trusted, ...]:
    """The list in a file: one of ours (YAML or JSON), or a DID document, which trusts that issuer alone.

    Raises:
        FileInvalid: it is neither, with the line.
    """
    if data.lstrip().startswith(b"{"):
        try:
            document = reading.strict(data, name=name)
            if "verificationMethod" in document:
                return (_document(document),)
        except VerificationFailed as error:
            raise FileInvalid(name, error.problem.removeprefix(f"{name}: ")) from error
    listed = authored.load(data, name, _List)
    ids = [one.id for one in listed.issuers]
    if len(set(ids)) != len(ids):
        raise FileInvalid(name, "expected each issuer once, got one twice")
    return tuple(
        Trusted(
            id=one.id,
            name=one.name,
            issuer=_keys(one.keys.issuer, name),
            engine=_keys(one.keys.engine, name),
            log=_keys(one.keys.log, name),
        )
        for one in listed.issuers
    )


def dump(trusted: Iterable[Trusted]) -> bytes:
    """The list as a file that `read` takes."""
    return digest.canonical({"issuers": [_issuer(one) for one in trusted]})


def _document(document: dict[str, Any]) -> Trusted:
    methods = did.read(document)
    own = str(document["id"])
    return Trusted(
        id=own,
        issuer=tuple(
            Key(text=did.multikey(method.raw), until=method.until)
            for method in methods
            if method.controller == own
        ),
    )


def _issuer(one: Trusted) -> dict[str, Any]:
    purposes = (("issuer", one.issuer), ("engine", one.engine), ("log", one.log))
    keys = {purpose: [_key(key) for key in given] for purpose, given in purposes if given}
    said: dict[str, Any] = {"id": one.id}
    if one.name is not None:
        said["name"] = one.name
    return said | ({"keys": keys} if keys else {})


def _key(key: Key) -> dict[str, str]:
    return {"key": key.text} | ({} if key.until is None else {"until": key.until.isoformat()})


class _Key(authored.Strict):
    key: authored.Text
    until: authored.Text | None = None


class _Keys(authored.Strict):
    issuer: tuple[_Key, ...] = ()
    engine: tuple[_Key, ...] = ()
    log: tuple[_Key, ...] = ()


_Id = Annotated[
    str,
    *authored.matching(
        r"(did:[a-z0-9]+:|https://)[^\s]{1,500}", "a DID, or an https address as issuers have"
    ),
]


class _One(authored.Strict):
    id: _Id
    name: authored.Text | None = None
    keys: _Keys = _Keys()


class _List(authored.Strict):
    issuers: Annotated[tuple[_One, ...], pydantic.Field(min_length=1)]


def _keys(given: tuple[_Key, ...], name: str) -> tuple[Key, ...]:
    return tuple(
        Key(text=one.key, until=None if one.until is None else _time(one.until, name)) for one in given
    )


def _time(text: str, name: str) -> datetime:
    try:
        return structure.time(text, "until")
    except VerificationFailed as error:
        raise FileInvalid(name, error.problem) from error
