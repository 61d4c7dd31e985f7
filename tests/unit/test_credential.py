"""Credentials: complete, without anything empty, and what the official schemas and contexts know."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3 import ldp
from openbadgeslib.ob3.verifier import OB3VerificationError

from assessor.achievement import TaskRequired
from assessor.errors import VerificationFailed
from assessor.openbadges import credential, linked, linkedin, outcomes, recipient, resources
from assessor.openbadges.credential import Held
from assessor.rubric import Competency
from tests import awarded

STANDARDS = Path(__file__).parents[3] / "shared" / "standards"
SCHEMAS = (
    "ob_v3p0_achievementcredential_schema.json",
    "ob_v3p0_achievementcredential_schema.strict-2024-09.json",
)
#: Every way in which an award can be: each is a document of its own.
AWARDS = {
    "whole": lambda: awarded.award(),
    "trial": lambda: awarded.award(
        issuer=awarded.issuer(trial=True, did=awarded.ENGINE, url="http://localhost:8000", email=None),
        status_list=None,
        status_index=None,
    ),
    "by hand": lambda: awarded.award(works=(), level=None, valid_until=None),
    "stacked": lambda: awarded.award(
        level=None,
        works=(awarded.work(), awarded.work("mode", failed=1)),
        held=(Held(id="https://badges.example.org/credentials/x.json", name="Small functions"),),
    ),
    "bare": lambda: awarded.award(
        achievement=awarded.achievement(competencies=(), tags=()),
        issuer=awarded.issuer(description=None, email=None, image=b"\x89PNG\r\n\x1a\nrest"),
        works=(),
        level=None,
        valid_until=None,
    ),
}


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from walk(one, f"{path}/{name}")


@pytest.fixture(params=AWARDS)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    return credential.build(AWARDS[request.param]())


def test_nothing_is_empty(document: dict[str, Any]) -> None:
    assert [path for path, value in walk(document) if value in (None, "", [], {})] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_document_is_what_the_schema_asks_for(document: dict[str, Any], name: str) -> None:
    path = STANDARDS / "schemas" / name
    if not path.exists():
        pytest.skip(f"the official schema is not here: {name}")
    checker = jsonschema.Draft201909Validator(
        json.loads(path.read_text()), format_checker=jsonschema.FormatChecker()
    )
    assert [error.message for error in checker.iter_errors(document)] == []


def test_every_term_is_defined(document: dict[str, Any]) -> None:
    linked.check_terms(document)
    linked.check_contexts(document)


def test_undefined_term_is_found() -> None:
    document = credential.build(awarded.award())
    document["evidence"][0]["proven"] = "yes"
    with pytest.raises(VerificationFailed, match="proven"):
        linked.check_terms(document)


def signed(document: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The credential with its proof, and the public key."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    method = f"{document['issuer']['id']}#key"
    return linked.sign(
        document, signer=key, verification_method=method, created=datetime(2025, 11, 25, tzinfo=UTC)
    ), key.public_key().public_bytes_raw()


def test_every_text_in_it_is_signed() -> None:
    document, key = signed(credential.build(awarded.award()))
    [proof] = linked.proofs(document)
    linked.verify(document, proof, key=key)
    for path, value in walk(document):
        if not isinstance(value, str) or "/type" in path or path.startswith(("/@context", "/proof")):
            continue
        changed = json.loads(json.dumps(document))
        *parents, last = path.strip("/").split("/")
        place = changed
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place[name]
        place[int(last) if isinstance(place, list) else last] = value + "x"
        with pytest.raises(VerificationFailed):
            linked.verify(changed, proof, key=key)


def test_verifier_of_others_accepts_it(document: dict[str, Any]) -> None:
    # Its clock is the machine's: nothing here may run out.
    document.pop("validUntil", None)
    made, key = signed(document)
    pem = Ed25519PublicKey.from_public_bytes(key).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    read = ldp.OB3LdpVerifier(pubkey_pem=pem).verify(made)
    assert read.id == document["id"]
    assert len(read.results) == len(document["credentialSubject"].get("result", ()))
    changed = {**made, "awardedDate": "2020-01-01T00:00:00Z"}
    with pytest.raises(OB3VerificationError):
        ldp.OB3LdpVerifier(pubkey_pem=pem).verify(changed)


def test_contexts_stand_in_their_order() -> None:
    assert credential.build(awarded.award())["@context"] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
    ]


def test_ids_point_at_what_there_is(document: dict[str, Any]) -> None:
    achievement = document["credentialSubject"]["achievement"]
    described = {one["id"]: one for one in achievement.get("resultDescription", ())}
    results = document["credentialSubject"].get("result", ())
    assert [one["resultDescription"] for one in results] == list(described)
    for one in results:
        levels = [
            level["id"] for level in described[one["resultDescription"]].get("rubricCriterionLevel", ())
        ]
        assert one.get("achievedLevel") is None or one["achievedLevel"] in levels
    named = [value["id"] for _, value in walk(achievement) if isinstance(value, dict) and "id" in value]
    assert len(set(named)) == len(named)


def test_results_say_what_the_record_says() -> None:
    [whole, correctness, style] = credential.build(
        awarded.award(works=(awarded.work(failed=2, marks=2),), level="pass")
    )["credentialSubject"]["result"]
    # 4 of 6 tests are 66.66 %, 2 of 3 marks too; never rounded up.
    assert whole["value"] == correctness["value"] == style["value"] == "66.66"
    assert whole["achievedLevel"].endswith("#median:pass")
    assert correctness["achievedLevel"].endswith("#median/correctness:developing")
    assert "achievedLevel" not in style


def test_descriptions_say_what_is_required() -> None:
    [whole, correctness, style] = credential.build(awarded.award())["credentialSubject"]["achievement"][
        "resultDescription"
    ]
    assert (whole["requiredValue"], whole["requiredLevel"].rpartition("#")[2]) == ("60", "median:distinction")
    assert correctness["requiredValue"] == "50"
    assert [one["points"] for one in correctness["rubricCriterionLevel"]] == ["40", "80"]
    assert (style["resultType"], "requiredValue" in style) == ("Percent", False)


def test_level_that_the_rubric_lacks_is_no_required_level() -> None:
    other = awarded.achievement(requires=(TaskRequired(task="median", level="unknown"),))
    [whole, *_] = credential.build(awarded.award(achievement=other))["credentialSubject"]["achievement"][
        "resultDescription"
    ]
    assert "requiredLevel" not in whole


def test_evidence_is_bound_by_digest() -> None:
    one = awarded.work()
    [evidence] = credential.build(awarded.award(works=(one,)))["evidence"]
    raw = hashlib.sha256(one.data).digest()
    assert base64.b64decode(evidence["digestSRI"].removeprefix("sha256-")) == raw
    multihash = base64.urlsafe_b64decode(evidence["digestMultibase"][1:] + "==")
    assert (evidence["digestMultibase"][0], multihash) == ("u", b"\x12\x20" + raw)
    assert evidence["mediaType"] == "application/vnd.assessor.record+json"
    assert evidence["id"] == "https://badges.example.org/evidence/attempt-median/record.json"


def test_evidence_tells_an_employer_what_was_asked_shown_and_judged() -> None:
    one = awarded.work(failed=1)
    [evidence] = credential.build(awarded.award(works=(one,)))["evidence"]
    assert evidence["narrative"] == (
        "Asked: Write a function that gives the median of a list of numbers. "
        "Shown: 87.5 % of the whole, where 60 % passes; the level “Pass”. "
        "Judged: the submitted work was run against 6 tests, sealed off from them, and a person marked what "
        "tests cannot judge; the rubric “Small functions” turned that into points. "
        "The same work gives the same record when it is run again."
    )


def test_rubric_task_and_submission_are_bound_once_each() -> None:
    one = awarded.work()
    related = credential.build(awarded.award(works=(one, awarded.work("mode"))))["relatedResource"]
    # The submission is the same for both tasks here, and an id must not stand there twice.
    assert len({each["id"] for each in related}) == len(related) == 5
    known = {each["digestSRI"] for each in related}
    record = one.record
    for digest in (record.rubric.digest, record.task.snapshot, record.submission.bundle):
        assert resources.sri(digest) in known


def test_engine_is_the_source_of_judged_work_alone() -> None:
    assert credential.build(awarded.award())["credentialSubject"]["source"]["id"] == awarded.ENGINE
    assert "source" not in credential.build(awarded.award(works=()))["credentialSubject"]


def test_dates_are_cut_to_whole_seconds() -> None:
    built = credential.build(awarded.award())
    assert built["awardedDate"] == "2025-11-24T09:00:00Z"
    assert (built["validFrom"], built["validUntil"]) == ("2025-11-25T09:00:00Z", "2027-11-24T09:00:00Z")


def test_organisation_names_things_by_their_address_and_a_trial_by_itself() -> None:
    ours, trial = awarded.issuer(), awarded.issuer(trial=True, did=awarded.ENGINE)
    assert credential.credential_id(ours, "x") == "https://badges.example.org/credentials/x.json"
    assert credential.credential_id(trial, awarded.AWARD) == f"urn:uuid:{awarded.AWARD}"
    names = {
        credential.achievement_id(trial, "a"),
        credential.achievement_id(trial, "b"),
        credential.achievement_id(replace(trial, did="did:key:z6MkOther"), "a"),
        credential.evidence_id(trial, "a"),
    }
    assert len(names) == 4
    assert all(name.startswith("urn:uuid:") for name in names)
    assert credential.achievement_id(trial, "a") == credential.achievement_id(trial, "a")


def test_nothing_of_the_learner_is_in_it(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert awarded.ADDRESS not in text
    assert "learner-1" not in text
    assert "Ada Reviewer" not in text


def test_alignments_are_competencies_with_an_address() -> None:
    alignments = credential.build(awarded.award())["credentialSubject"]["achievement"]["alignment"]
    assert [(one["targetFramework"], one["targetType"]) for one in alignments] == [
        ("CASE", "CFItem"),
        ("ESCO", "ext:ESCO"),
    ]
    own = Competency(framework="own", code="x", name="X", url="https://badges.example.org/x")
    assert credential.alignment(own, awarded.issuer())["targetFramework"] == "Example School"
    odd = replace(own, framework="Référentiel (n° 1)")
    assert credential.alignment(odd, awarded.issuer())["targetType"] == "ext:Rfrentieln1"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"id": "../../etc"}, "expected a UUID as the award's id, got '../../etc'"),
        ({"id": awarded.AWARD.upper()}, "expected a UUID as the award's id"),
        ({"status_index": None}, "expected both a status list and an index, or neither"),
        ({"valid_from": datetime(2026, 1, 1)}, "expected a date with a time zone, got 2026-01-01T00:00:00"),
        ({"works": (awarded.work(), awarded.work())}, "expected one attempt for each task"),
    ],
)
def test_award_that_makes_no_sense_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        credential.build(awarded.award(**given))


def test_failed_unsealed_and_foreign_work_is_refused() -> None:
    task = awarded.frozen()
    with pytest.raises(ValueError, match="attempt a: expected one that passed, got failed"):
        credential.work(attempt="a", data=awarded.record(task, failed=6), frozen=task)
    with pytest.raises(ValueError, match="expected a run in cell or container, got 'none'"):
        credential.work(attempt="a", data=awarded.record(task, isolation="none"), frozen=task)
    with pytest.raises(ValueError, match="attempt a: expected the frozen task sha256:"):
        credential.work(attempt="a", data=awarded.record(task), frozen=awarded.frozen("mode"))


@given(st.fractions(min_value=0, max_value=1))
def test_percent_never_claims_more_than_there_is(fraction: Fraction) -> None:
    told = Fraction(outcomes.percent(fraction)) / 100
    assert 0 <= fraction - told < Fraction(1, 10_000)


def test_recipient_is_hashed_as_the_standard_says() -> None:
    # The example of the standard: a@example.com with the salt Kosher.
    one = {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": "sha256$b5809d8a92f8858436d7e6b87c12ebc0ae1eac4baecc2c0b913aee2c922ef399",
        "identityType": "emailAddress",
        "salt": "Kosher",
    }
    assert recipient.matches(one, "a@example.com")
    assert recipient.matches(
        {**one, "identityHash": one["identityHash"].upper().replace("SHA", "sha")}, "a@example.com"
    )
    assert not recipient.matches(one, "b@example.com")
    assert not recipient.matches({**one, "salt": "kosher"}, "a@example.com")


@given(
    st.sampled_from(["emailAddress", "userName"]), st.text(min_size=1), st.binary(min_size=16, max_size=40)
)
def test_recipient_is_found_by_their_own_name_alone(kind: Any, value: str, salt: bytes) -> None:
    if not value.strip():
        return
    one = recipient.hashed(kind, value, salt=salt)
    assert recipient.matches(one, f"  {value} ")
    assert not recipient.matches(one, value + "x")


def test_address_is_found_in_whatever_case_it_is_written() -> None:
    one = recipient.hashed("emailAddress", "Ada@Example.org", salt=awarded.SALT)
    assert recipient.matches(one, "aDA@example.ORG ")
    assert not recipient.matches(recipient.hashed("userName", "Ada", salt=awarded.SALT), "ada")
    # Another issuer may have hashed it as it was written.
    foreign = {
        **one,
        "identityHash": "sha256$" + hashlib.sha256(b"Ada@Example.org" + one["salt"].encode()).hexdigest(),
    }
    assert recipient.matches(foreign, "Ada@Example.org")


def test_plain_recipient_is_compared() -> None:
    one = {
        "type": "IdentityObject",
        "hashed": False,
        "identityHash": "Ada@example.org",
        "identityType": "emailAddress",
    }
    assert recipient.matches(one, "ada@example.org")
    assert not recipient.matches(one, "")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"identityHash": "md5$0cc175b9c0f1b6a831c399e269772661"},
            "expected an identityHash that starts with sha256",
        ),
        ({"hashed": "true"}, "expected identityType and identityHash as text and hashed as true or false"),
        ({"salt": 5}, "expected the salt as text, got int"),
    ],
)
def test_identity_that_cannot_be_compared_is_refused(changed: dict[str, Any], problem: str) -> None:
    one = recipient.hashed("emailAddress", awarded.ADDRESS, salt=awarded.SALT)
    with pytest.raises(VerificationFailed, match=problem):
        recipient.matches({**one, **changed}, awarded.ADDRESS)


def test_short_salt_and_empty_name_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a salt of 16 bytes or more, got 15"):
        recipient.hashed("emailAddress", awarded.ADDRESS, salt=bytes(15))
    with pytest.raises(ValueError, match="expected emailAddress, got nothing"):
        recipient.hashed("emailAddress", "  ", salt=awarded.SALT)


def test_linkedin_form_is_filled_in() -> None:
    made = linkedin.add_url(
        name="Small functions & more",
        issuer="Example School",
        awarded_at=datetime(2026, 11, 24, tzinfo=UTC),
        valid_until=None,
        credential_url="https://badges.example.org/credentials/x.json",
        credential_id="x",
    )
    assert made == (
        "https://www.linkedin.com/profile/add?startTask=CERTIFICATION_NAME&name=Small%20functions%20%26%20more"
        "&organizationName=Example%20School&issueYear=2026&issueMonth=11"
        "&certUrl=https%3A%2F%2Fbadges.example.org%2Fcredentials%2Fx.json&certId=x"
    )


def test_linkedin_form_tells_the_end() -> None:
    made = linkedin.add_url(
        name="A",
        issuer="B",
        awarded_at=datetime(2026, 11, 24, tzinfo=UTC),
        valid_until=datetime(2028, 2, 1, tzinfo=UTC),
        credential_url=None,
        credential_id="x",
    )
    assert made.endswith("issueYear=2026&issueMonth=11&expirationYear=2028&expirationMonth=2&certId=x")
