"""What is signed here holds with verifiers that were not written here, offline; one changed letter does not.

They are `@digitalbazaar/vc` with its cryptosuite and status lists (tests/interop) and openbadgeslib.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import ldp

from assessor.openbadges import contexts, did, linked, statuslist
from tests.credentials import BADGE, ISSUER, KEY, METHOD, NOW, RAW, badge

VERIFIER = Path(__file__).parents[1] / "interop"
WEB = "did:web:school.example"
WEB_METHOD = f"{WEB}#{did.multikey(RAW)}"
LIST = BADGE["credentialStatus"]["statusListCredential"]
PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A credential, what its verifier may look up, and what it should say (None: that it holds)."""

    credential: dict[str, Any]
    problem: str | None = None
    revoked: tuple[int, ...] = ()
    list_until: datetime = datetime(2090, 1, 1, tzinfo=UTC)
    key_until: datetime | None = None
    changed: Callable[[dict[str, Any]], None] = lambda document: None

    def for_node(self) -> dict[str, Any]:
        issuer = self.credential["issuer"]["id"]
        method = WEB_METHOD if issuer == WEB else METHOD
        documents: dict[str, Any] = {LIST: sign(listed(issuer, self.revoked, self.list_until), method)}
        if issuer == WEB:
            key = did.Method(id=WEB_METHOD, controller=WEB, raw=RAW, until=self.key_until)
            documents[WEB] = did.document(WEB, [key])
        return {"credential": self.signed(), "documents": documents, "now": "2020-06-01T00:00:00Z"}

    def signed(self) -> dict[str, Any]:
        made = sign(self.credential, WEB_METHOD if self.credential["issuer"]["id"] == WEB else METHOD)
        self.changed(made)
        return made


def sign(document: dict[str, Any], method: str) -> dict[str, Any]:
    return linked.sign(copy.deepcopy(document), signer=KEY, verification_method=method, created=NOW)


def listed(issuer: str, revoked: tuple[int, ...], until: datetime) -> dict[str, Any]:
    return statuslist.credential(
        id=LIST, issuer=issuer, revoked=revoked, valid_from=NOW - timedelta(days=7), valid_until=until
    )


def of_web(**changes: Any) -> dict[str, Any]:
    return badge(issuer={"id": WEB, "type": ["Profile"], "name": "School"}, **changes)


def alike() -> dict[str, Any]:
    """Parts without an id that only their parts tell apart, and some that nothing does."""
    results = [
        {"type": ["Result"], "value": "2", "alignment": [{"type": ["Alignment"], "targetName": name}]}
        for name in "ab"
    ] + [{"type": ["Result"], "value": "1"}] * 3
    subject = {**BADGE["credentialSubject"], "creditsEarned": 0.3, "result": results}
    for one in results:
        for alignment in one.get("alignment", []):
            alignment["targetUrl"] = "https://school.example/framework"
    return badge(credentialSubject=subject)


CASES = {
    "did-key": Case(credential=badge()),
    "did-web": Case(credential=of_web()),
    "no-status": Case(credential=badge(credentialStatus=None)),
    "alike": Case(credential=alike()),
    "key-retired-later": Case(credential=of_web(), key_until=NOW + timedelta(days=1)),
    "another-is-revoked": Case(credential=badge(), revoked=(6, 8)),
    "revoked": Case(credential=badge(), revoked=(7,), problem="revoked"),
    "stale-list": Case(credential=badge(), list_until=NOW, problem='is after "validUntil"'),
    "changed-name": Case(
        credential=badge(), changed=lambda one: one.update(name="Mediam"), problem="Invalid signature"
    ),
    "changed-narrative": Case(
        credential=badge(),
        changed=lambda one: one["evidence"][0].update(narrative="."),
        problem="Invalid signature",
    ),
    "changed-date": Case(
        credential=badge(),
        changed=lambda one: one.update(validUntil="2090-01-01T00:00:01Z"),
        problem="Invalid signature",
    ),
    "changed-proof": Case(
        credential=badge(),
        changed=lambda one: one["proof"][0].update(created="2020-01-02T03:04:06Z"),
        problem="Invalid signature",
    ),
    "other-issuer": Case(
        credential=badge(),
        changed=lambda one: one["issuer"].update(
            id="did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
        ),
        problem="",
    ),
}


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    """What the JavaScript verifier says to each case."""
    if shutil.which("node") is None or not (VERIFIER / "node_modules").is_dir():
        pytest.fail("expected node and the packages of tests/interop, got none: run script/setup")
    question = {
        "cases": [case.for_node() for case in CASES.values()],
        "contexts": dict(contexts.known().documents),
    }
    ended = subprocess.run(
        ["node", "verify.mjs"],
        cwd=VERIFIER,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(zip(CASES, json.loads(ended.stdout), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_javascript_verifier_says_what_it_should(name: str, answers: dict[str, dict[str, Any]]) -> None:
    answer, case = answers[name], CASES[name]
    if case.problem in (None, "revoked"):
        assert answer["verified"] is True, answer["problem"]
        assert answer["revoked"] is (None if name == "no-status" else case.problem is not None)
    else:
        assert answer["verified"] is False
        assert case.problem.lower() in answer["problem"].lower()


@pytest.mark.parametrize("name", ["did-key", "no-status", "alike"])
def test_openbadgeslib_accepts_what_is_signed_here(name: str) -> None:
    document = CASES[name].signed()
    ldp.verify_data_integrity_proof(document, PEM)
    ldp.OB3LdpVerifier(pubkey_pem=PEM).verify(json.dumps(document))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("changed")])
def test_openbadgeslib_refuses_one_changed_letter(name: str) -> None:
    with pytest.raises(LibOpenBadgesException, match="signature mismatch"):
        ldp.verify_data_integrity_proof(CASES[name].signed(), PEM)


def test_badge_of_openbadgeslib_is_accepted_here() -> None:
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    document = ldp.add_data_integrity_proof(badge(), private, verification_method=METHOD)
    (proof,) = linked.proofs(document)
    linked.check_contexts(document)
    linked.check_terms(document)
    linked.verify(document, proof, key=did.resolve_key(ISSUER).raw)
