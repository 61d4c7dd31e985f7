"""A small issuer for tests: keys, a credential with everything that can be checked of one, and its site."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from assessor import digest, merkle, note
from assessor.openbadges import checks, did, linked, multibase, recipient, statuslist, trust
from assessor.openbadges.asked import Asked, Told
from assessor.openbadges.sources import Files, Sources
from assessor.record import RECORD_MEDIA_TYPE
from assessor.rows.log import Log
from assessor.signer import Purpose
from assessor.verify import Check
from tests import small

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
URL = "https://badges.example.org"
ISSUER = "did:web:badges.example.org"
ORIGIN = "badges.example.org/log"
AWARD = "3f1f4a3e-6c0a-4d4b-9c39-0a4d2c8f7e11"
CREDENTIAL = f"{URL}/credentials/{AWARD}.json"
RECORD = f"{URL}/evidence/a1/record.json"
STATUS = f"{URL}/status/1.json"
EMAIL = "ada@example.org"

Change = Callable[[dict[str, Any]], Any]


class Key:
    """An Ed25519 key that is the same in each run."""

    def __init__(self, seed: int) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
        self.raw = self._private.public_key().public_bytes_raw()
        self.text = did.multikey(self.raw)

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


ISSUER_KEY, LOG_KEY, OTHER_KEY = Key(1), Key(2), Key(3)


def log_node(leaves: Sequence[bytes]) -> merkle.Node:
    """The nodes of a tree of these entries."""
    hashes = [merkle.leaf_hash(one) for one in leaves]
    return lambda height, index: merkle.fold(hashes[index << height : (index + 1) << height])


def log_checkpoint(leaves: Sequence[bytes], *, key: Key = LOG_KEY, origin: str = ORIGIN) -> note.Checkpoint:
    """A signed tree of these entries."""
    root = merkle.root(len(leaves), log_node(leaves))
    text = note.text(origin, len(leaves), root)
    signed = note.signed(text, name=origin, raw=key.raw, signature=key.sign(text))
    return note.Checkpoint(origin=origin, size=len(leaves), root=root, note=signed)


def log_tiles(leaves: Sequence[bytes]) -> dict[str, bytes]:
    """The tiles of a tree of up to 256 of these entries, by path."""
    edge, full = merkle.Edge().extended(merkle.leaf_hash(one) for one in leaves)
    return {f"log/{tile.path}": tile.data for tile in (*full, *edge.tiles())}


@dataclass
class World:
    """What there is to check.

    Attributes:
        files: the issuer's site.
        document: the credential, signed.
        leaves: entries of the log.
    """

    files: dict[str, bytes]
    document: dict[str, Any]
    leaves: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        return digest.canonical(self.document)

    def log(self, credential: bytes) -> None:
        """Publish a log that has the evidence, and these bytes as the award."""
        salt = bytes(range(16))
        record = digest.sha256(self.files["evidence/a1/record.json"])
        self.leaves = [
            *(note.entry(note.Kind.STATUS, f"sha256:{number:064x}", salt) for number in range(3)),
            note.entry(note.Kind.EVIDENCE, record, salt),
            note.entry(note.Kind.AWARD, digest.sha256(credential), salt),
            note.entry(note.Kind.STATUS, f"sha256:{9:064x}", salt),
        ]
        latest = log_checkpoint(self.leaves)
        for name, kind, index in (
            ("evidence/a1/record.tlog-proof", note.Kind.EVIDENCE, 3),
            (f"credentials/{AWARD}.tlog-proof", note.Kind.AWARD, 4),
        ):
            hashes = merkle.inclusion(index, len(self.leaves), log_node(self.leaves))
            self.files[name] = note.proof(kind=kind, salt=salt, index=index, hashes=hashes, checkpoint=latest)
        self.files |= {"log/checkpoint": latest.note, **log_tiles(self.leaves)}

    def asked(self, **given: Any) -> Asked:
        """What a verifier asks who has all of the site and trusts the issuer."""
        values: dict[str, Any] = {
            "now": NOW,
            "sources": Sources(named={}, site=Files(files=self.files)),
            "trust": (trust.Trusted(id=ISSUER),),
            "email": EMAIL,
            "seen": log_checkpoint(self.leaves[:2]).note,
        }
        return Asked(**{**values, **given})

    def check(self, data: bytes | None = None, **given: Any) -> list[tuple[Check, Told]]:
        """Every check that was told."""
        told: list[tuple[Check, Told]] = []
        checks.credential(
            self.data if data is None else data,
            self.asked(**given),
            on_check=lambda check, one: told.append((check, one)),
        )
        return told

    def changed(self, change: Change, *, sign: bool = True) -> bytes:
        """The credential with a change, signed again or not."""
        document = copy.deepcopy(self.document)
        if sign:
            del document["proof"]
        change(document)
        return json.dumps(signed(document) if sign else document).encode()


def signed(
    document: Mapping[str, Any], *, key: Key = ISSUER_KEY, method: str | None = None, at: datetime = NOW
) -> dict[str, Any]:
    """A document with a proof by the issuer."""
    return linked.sign(
        document,
        signer=key,
        verification_method=method or f"{ISSUER}#{key.text}",
        created=at - timedelta(hours=1),
    )


def did_document(*keys: Key, until: Mapping[str, datetime] | None = None) -> bytes:
    """The issuer's document with these keys."""
    methods = [
        did.Method(
            id=f"{ISSUER}#{key.text}", controller=ISSUER, raw=key.raw, until=(until or {}).get(key.text)
        )
        for key in keys
    ]
    return digest.canonical(did.document(ISSUER, methods))


def status_list(*positions: int, at: datetime = NOW, days: float = 7, **given: Any) -> bytes:
    """The signed list in which these bits are set."""
    made = statuslist.credential(
        id=given.pop("url", STATUS),
        issuer=given.pop("issuer", ISSUER),
        revoked=positions,
        valid_from=at - timedelta(hours=2),
        valid_until=at + timedelta(days=days),
    )
    return digest.canonical(signed(made, **given))


def world(folder: Any) -> World:
    """An award that rests on this evidence.

    Args:
        folder: its record, run and envelope, and the signer of these.
    """
    pem = serialization.load_pem_public_key(folder.signer.public_pem)
    assert isinstance(pem, Ed25519PublicKey)
    engine = did.did_key(pem.public_bytes_raw())
    record_digest = digest.sha256(folder.record)
    document = signed(
        {
            "@context": [
                "https://www.w3.org/ns/credentials/v2",
                "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
                "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
            ],
            "id": CREDENTIAL,
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "name": "Median",
            "issuer": {"id": ISSUER, "type": ["Profile"], "name": "Example School", "url": URL},
            "awardedDate": "2026-11-01T00:00:00Z",
            "validFrom": "2026-11-01T00:00:00Z",
            "validUntil": "2027-11-01T00:00:00Z",
            "credentialSubject": {
                "type": ["AchievementSubject"],
                "identifier": [recipient.hashed("emailAddress", EMAIL, salt=bytes(16))],
                "achievement": {
                    "id": f"{URL}/achievements/median.json",
                    "type": ["Achievement"],
                    "name": "Median",
                    "description": "Can write a function.",
                    "criteria": {"narrative": "Pass the task."},
                },
                "source": {"id": engine, "type": ["Profile"], "name": "Assessor"},
            },
            "credentialStatus": statuslist.entry(STATUS, 7),
            "evidence": [
                {
                    "id": RECORD,
                    "type": ["Evidence"],
                    "name": "Signed record",
                    "digestSRI": sri(record_digest),
                    "digestMultibase": multibase_of(record_digest),
                    "mediaType": RECORD_MEDIA_TYPE,
                }
            ],
        }
    )
    made = World(files={}, document=document)
    made.files = {
        "did.json": did_document(ISSUER_KEY),
        "keys.json": trust.dump([trust.Trusted(id=ISSUER, log=(trust.Key(text=LOG_KEY.text),))]),
        "status/1.json": status_list(),
        "evidence/a1/record.json": folder.record,
        "evidence/a1/run.json": folder.run,
        "evidence/a1/evidence.dsse": folder.envelope,
    }
    made.log(made.data)
    return made


def sri(known: str) -> str:
    """`sha256:<hex>` as subresource integrity."""
    return "sha256-" + base64.b64encode(bytes.fromhex(known.removeprefix("sha256:"))).decode()


def multibase_of(known: str) -> str:
    """`sha256:<hex>` as a multihash in base64url."""
    return multibase.base64url(b"\x12\x20" + bytes.fromhex(known.removeprefix("sha256:")))


def logged(bench: small.Bench) -> small.Bench:
    """The same bench, with a log, and with the achievements of its catalog."""
    parts, folder = bench.parts, bench.root

    def open_log() -> Log:
        return Log(
            database=parts.store,
            signer=parts.keyring.signer(Purpose.LOG),
            origin="bench.example/log",
            folder=folder / "log",
            clock=bench.clock,
        )

    bench.parts = replace(parts, open_log=open_log, achievements=bench.tasks.achievements)
    return bench
