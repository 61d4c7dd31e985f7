"""Credentials: what holds is let through, what does not is refused, what cannot be told is told."""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from assessor import digest, note
from assessor.errors import VerificationFailed, VerificationOpen, exit_code
from assessor.openbadges import baking, checks, clr, did, linked, multibase, reading, recipient, trust
from assessor.openbadges.asked import State
from assessor.openbadges.sources import Files, Sources
from tests import badges
from tests.badges import ISSUER_KEY, LOG_KEY, NOW, OTHER_KEY, World


@pytest.fixture
def world(make: Any) -> World:
    return badges.world(make.folder())


def refused(world: World, data: bytes | None = None, **given: Any) -> tuple[str, str]:
    """The check that refuses, and what it says."""
    with pytest.raises(VerificationFailed) as caught:
        world.check(data, **given)
    assert exit_code(caught.value) == 1
    assert checks.number(caught.value.check) >= 1
    return caught.value.check, caught.value.problem


def left_open(world: World, data: bytes | None = None, **given: Any) -> dict[str, str]:
    """The checks that could not be made."""
    with pytest.raises(VerificationOpen) as caught:
        world.check(data, **given)
    assert exit_code(caught.value) == 3
    return caught.value.checks


# What holds -----------------------------------------------------------------------------------------------


def test_every_check_is_told_in_its_order(world: World) -> None:
    told = world.check()
    assert [check.number for check, _ in told] == list(range(1, 16))
    assert {check.name: one.state for check, one in told if one.state is not State.HELD} == {
        "schema": State.UNASKED
    }
    assert all(one.words for _, one in told)


def test_evidence_that_is_withheld_is_not_looked_at_and_never_told_as_held(world: World) -> None:
    kept = "the learner keeps 1 piece of evidence to themselves: ask them"
    words = {
        "evidence": kept,
        "record": kept,
        "inclusion": f"{kept}; the log has the award",
    }

    def told(files: dict[str, bytes]) -> dict[str, tuple[State, str]]:
        sources = Sources(named={}, site=Files(files=files), withheld=frozenset({badges.RECORD}))
        return {check.name: (one.state, one.words) for check, one in world.check(sources=sources)}

    without = {name: data for name, data in world.files.items() if not name.startswith("evidence/")}
    # What lies there all the same is nobody's business: the learner did not give it.
    for files in (world.files, without, world.files | {"evidence/a1/record.json": b"swapped"}):
        found = told(files)
        assert {name: found[name] for name in words} == {
            name: (State.UNASKED, one) for name, one in words.items()
        }
        assert found["checkpoint"][0] is State.HELD
    del without[f"credentials/{badges.AWARD}.tlog-proof"]
    sources = Sources(named={}, site=Files(files=without), withheld=frozenset({badges.RECORD}))
    assert list(left_open(world, sources=sources)) == ["inclusion"], "the award is asked for all the same"


def test_evidence_beside_what_is_withheld_is_checked(world: World) -> None:
    other = f"{badges.URL}/evidence/a2/record.json"
    data = world.changed(lambda one: one["evidence"].append(one["evidence"][0] | {"id": other}))
    world.log(data)
    for withheld in (other, badges.RECORD):
        place = "a1" if withheld == other else "a2"
        files = {name.replace("/a1/", f"/{place}/"): one for name, one in world.files.items()}
        sources = Sources(named={}, site=Files(files=files), withheld=frozenset({withheld}))
        told = {check.name: one for check, one in world.check(data, sources=sources)}
        for name, rest in (
            ("evidence", "1 of its files are those"),
            ("record", "1 evidence records: signed by the engine"),
            ("inclusion", "the log has the award and 1 of its records"),
        ):
            assert told[name].state is State.UNASKED
            assert rest in told[name].words
        files[f"evidence/{place}/record.json"] += b" "
        assert refused(world, data, sources=sources)[0] == "evidence"
        del files[f"evidence/{place}/record.json"]
        assert set(left_open(world, data, sources=sources)) == {"evidence", "record", "inclusion"}


def test_what_was_not_asked_is_never_told_as_held(world: World) -> None:
    told = {check.name: one.state for check, one in world.check(trust=None, email=None, seen=None)}
    assert [name for name, state in told.items() if state is State.UNASKED] == [
        "schema",
        "issuer",
        "recipient",
        "checkpoint",
    ]


def test_nothing_in_a_lean_credential_is_told_as_held(world: World) -> None:
    def lean(document: dict[str, Any]) -> None:
        for name in ("credentialStatus", "evidence", "validUntil"):
            del document[name]

    del world.files[f"credentials/{badges.AWARD}.tlog-proof"]
    told = {check.name: one.state for check, one in world.check(world.changed(lean))}
    nothing = [name for name, state in told.items() if state is State.NOTHING]
    assert nothing == ["status", "evidence", "record", "inclusion", "checkpoint"]


def test_credential_holds_out_of_the_picture_that_carries_it(world: World) -> None:
    svg = baking.bake_svg(b'<svg xmlns="http://www.w3.org/2000/svg"/>', world.data)
    told = world.check(svg)
    assert told[0][1].words == "a credential as JSON, baked into SVG"


def test_credential_that_was_written_anew_is_still_the_one_in_the_log(world: World) -> None:
    world.check(json.dumps(world.document, indent=4).encode())


def test_key_in_the_trust_list_takes_the_place_of_a_document(world: World) -> None:
    del world.files["did.json"]
    own = trust.Trusted(id=badges.ISSUER, issuer=(trust.Key(text=ISSUER_KEY.text),))
    world.check(trust=(own,))


def test_two_good_proofs_hold(world: World) -> None:
    world.files["did.json"] = badges.did_document(ISSUER_KEY, OTHER_KEY)
    twice = badges.signed(world.document, key=OTHER_KEY)
    world.log(digest.canonical(twice))
    told = world.check(digest.canonical(twice))
    assert told[5][1].words.startswith("all 2 proofs hold")


# What is refused ------------------------------------------------------------------------------------------


def set_to(path: str, value: Any) -> badges.Change:
    """A change of one value, deep inside."""

    def change(document: Any) -> None:
        *above, last = [int(one) if one.isdigit() else one for one in path.split(".")]
        for step in above:
            document = document[step]
        document[last] = value

    return change


@pytest.mark.parametrize("start", range(20))
def test_one_byte_changed_is_refused(world: World, start: int) -> None:
    data = world.data
    for at in range(start, len(data), 240):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 7
        refused(world, bytes(changed))


@pytest.mark.parametrize(
    "path",
    [
        "name",
        "issuer.name",
        "validFrom",
        "validUntil",
        "credentialSubject.achievement.name",
        "credentialSubject.identifier.0.identityHash",
        "credentialStatus.statusListIndex",
        "evidence.0.digestSRI",
    ],
)
def test_one_value_changed_is_refused_by_its_proof(world: World, path: str) -> None:
    value = "2026-11-02T00:00:00Z" if path.startswith("valid") else "sha256-AAAA" if "SRI" in path else "8"
    check, problem = refused(world, world.changed(set_to(path, value), sign=False))
    assert (check, checks.number(check)) == ("proof", 6)
    assert "it was changed since, or another key signed it" in problem


def test_endorsement_inside_is_told_as_not_looked_at(world: World) -> None:
    """Its words are covered by the issuer's proof; whether its own author wrote them is another question."""

    def change(document: dict[str, Any]) -> None:
        document["endorsementJwt"] = ["a.b.c"]
        document["endorsement"] = [
            {
                "@context": document["@context"],
                "id": "https://eve.example.org/1",
                "type": ["VerifiableCredential", "EndorsementCredential"],
                "name": "Praise",
                "issuer": {"id": "did:web:university.example.org", "type": ["Profile"]},
                "validFrom": "2026-11-01T00:00:00Z",
                "credentialSubject": {"id": badges.ISSUER, "type": ["EndorsementSubject"]},
            }
        ]

    assert not any("endorsement" in one.words for _, one in world.check())
    data = world.changed(change)
    world.log(data)
    told = {check.name: one.words for check, one in world.check(data)}
    assert told["proof"].endswith("; whether the 2 endorsements in it hold was not looked at")


def test_one_broken_proof_of_two_is_refused(world: World) -> None:
    def broken(document: dict[str, Any]) -> None:
        other = badges.signed({**document, "name": "Other"})["proof"][-1]
        document["proof"].append(other)

    assert refused(world, world.changed(broken, sign=False))[0] == "proof"
    # The order is no matter.
    data = json.loads(world.changed(broken, sign=False))
    data["proof"].reverse()
    assert refused(world, json.dumps(data).encode())[0] == "proof"


def test_proof_that_is_missing_or_of_no_known_kind_is_not_taken_for_one(world: World) -> None:
    assert refused(world, world.changed(lambda one: one.pop("proof"), sign=False))[0] == "proof"
    assert refused(world, world.changed(set_to("proof", []), sign=False))[0] == "proof"
    strange = {"type": "SomeProof", "verificationMethod": f"{badges.ISSUER}#x"}
    both = world.changed(lambda one: one["proof"].append(strange), sign=False)
    assert "proof" in left_open(world, both, sources=without(world, "credentials/"))
    alone = left_open(
        world, world.changed(set_to("proof", strange), sign=False), sources=without(world, "credentials/")
    )
    assert "is of no kind known here" in alone["proof"]


@pytest.mark.parametrize("seconds", [0, 1, 3600])
def test_expired_credential_is_refused(world: World, seconds: int) -> None:
    end = NOW - timedelta(seconds=seconds)
    data = world.changed(set_to("validUntil", f"{end:%Y-%m-%dT%H:%M:%SZ}"))
    check, problem = refused(world, data)
    assert (check, checks.number(check)) == ("dates", 9)
    assert problem == f"expected one that is valid now, got one until {end.isoformat()}"


def test_credential_of_the_future_or_that_ends_before_it_begins_is_refused(world: World) -> None:
    assert refused(world, world.changed(set_to("validFrom", "2026-11-26T12:00:01Z")))[0] == "dates"
    ends = world.changed(set_to("validUntil", "2026-10-01T00:00:00Z"))
    assert "it was never valid" in refused(world, ends)[1]


def test_revoked_credential_is_refused_even_by_a_stale_list(world: World) -> None:
    for days in (7, -1):
        world.files["status/1.json"] = badges.status_list(7, days=days, at=NOW - timedelta(hours=3))
        check, problem = refused(world)
        assert (check, checks.number(check)) == ("status", 10)
        assert problem == f"it was revoked by its issuer (bit 7 of {badges.STATUS})"


def test_stale_status_list_is_refused(world: World) -> None:
    world.files["status/1.json"] = badges.status_list(at=NOW - timedelta(days=8))
    check, problem = refused(world)
    assert check == "status"
    assert "expected a list that is fresh, got a stale one: it said so until 2026-11-25" in problem


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (lambda: badges.status_list(key=OTHER_KEY), "does not hold: controller: expected a key of"),
        (lambda: badges.status_list(issuer="did:web:other.example.org"), "expected the list of did:web"),
        (lambda: badges.status_list(url="https://badges.example.org/status/2.json"), "expected the list"),
        (lambda: badges.status_list(at=NOW + timedelta(days=1)), "valid now, got one from"),
        (lambda: badges.status_list().replace(b"revocation", b"suspension"), "does not hold: proof"),
        (lambda: b"{}", "expected a BitstringStatusListCredential"),
        (lambda: b"no json", "expected JSON"),
        (lambda: badges.status_list()[:-1] + b',"id":"x"}', "several times"),
    ],
)
def test_status_list_that_proves_nothing_is_refused(
    world: World, made: Callable[[], bytes], problem: str
) -> None:
    world.files["status/1.json"] = made()
    check, said = refused(world)
    assert check == "status"
    assert problem in said


def test_credential_of_an_issuer_that_is_not_trusted_is_refused(world: World) -> None:
    check, problem = refused(world, trust=(trust.Trusted(id="did:web:other.example.org"),))
    assert (check, checks.number(check)) == ("issuer", 8)
    assert problem == f"expected an issuer that you trust, got Example School ({badges.ISSUER})"
    assert refused(world, trust=())[0] == "issuer"


def test_credential_of_somebody_else_is_refused(world: World) -> None:
    check, problem = refused(world, email="eve@example.org")
    assert (check, checks.number(check)) == ("recipient", 11)
    assert problem == "expected one of eve@example.org, got somebody else's"

    def nobody(document: dict[str, Any]) -> None:
        del document["credentialSubject"]["identifier"]

    assert "names no address" in refused(world, world.changed(nobody))[1]


def test_swapped_evidence_file_is_refused(world: World, make: Any) -> None:
    world.files["evidence/a1/record.json"] = make.record(style=4)
    check, problem = refused(world)
    assert (check, checks.number(check)) == ("evidence", 12)
    assert "they were swapped" in problem


@pytest.mark.parametrize("name", ["run.json", "evidence.dsse"])
def test_swapped_file_beside_the_record_is_refused(world: World, make: Any, name: str) -> None:
    other = make.folder(record=make.record(style=4), run=make.run(attempt="attempt-2"))
    world.files[f"evidence/a1/{name}"] = {"run.json": other.run, "evidence.dsse": other.envelope}[name]
    check, problem = refused(world)
    assert (check, checks.number(check)) == ("record", 13)
    assert "record: " in problem or "run: " in problem


def test_record_that_another_engine_signed_is_refused(world: World) -> None:
    data = world.changed(set_to("credentialSubject.source.id", did.did_key(OTHER_KEY.raw)))
    check, problem = refused(world, data)
    assert check == "record"
    assert "signature: expected a signature by one of" in problem


def test_award_that_is_not_in_the_log_is_refused(world: World) -> None:
    check, problem = refused(world, world.changed(set_to("name", "Forged by who has the issuer's key")))
    assert (check, checks.number(check)) == ("inclusion", 14)
    assert problem.startswith(badges.CREDENTIAL)


def record_of(*credentials: dict[str, Any], **given: Any) -> bytes:
    """A learner record of these credentials."""
    document = {
        "@context": [*clr.CONTEXTS],
        "id": "urn:uuid:0b1e52d0-7f5c-4e0b-9d06-2c9c34f1c001",
        "type": ["VerifiableCredential", "ClrCredential"],
        "name": "Learner record",
        "issuer": {"id": badges.ISSUER, "type": ["Profile"], "name": "Example School", "url": badges.URL},
        "validFrom": "2026-11-01T00:00:00Z",
        "credentialSubject": {
            "type": ["ClrSubject"],
            "identifier": [recipient.hashed("emailAddress", badges.EMAIL, salt=bytes(range(16)))],
            "verifiableCredential": [*credentials],
        },
        **given,
    }
    return json.dumps(badges.signed(document)).encode()


def test_learner_record_holds_where_each_credential_in_it_does(world: World) -> None:
    told = {check.number: one for check, one in world.check(record_of(world.document))}
    assert list(told) == list(range(1, 17))
    assert (told[16].state, told[16].words[:14]) == (State.HELD, "1 credentials,")
    listed = json.loads(record_of(world.document))["credentialSubject"]
    world.check(record_of(credentialSubject=[listed]))
    world.files["status/1.json"] = badges.status_list(7)
    check, problem = refused(world, record_of(world.document))
    assert (check, checks.number(check)) == ("members", 16)
    assert problem.startswith(f"credential 1 of 1, {badges.CREDENTIAL}: status: it was revoked by its issuer")
    del world.files["status/1.json"]
    left = left_open(world, record_of(world.document))
    assert left == {"members": f"credential 1 of 1, {badges.CREDENTIAL}: status"}


def test_learner_record_of_forged_or_no_credentials_is_refused(world: World) -> None:
    forged = copy.deepcopy(world.document)
    forged["name"] = "Forged"
    check, problem = refused(world, record_of(world.document, forged))
    assert (check, problem[:20]) == ("members", "credential 2 of 2, h")
    assert ": proof: expected a signature over this document" in problem
    assert refused(world, record_of()) == ("members", "expected a record of credentials, got one of none")
    somebody_elses = trust.Trusted(id="did:web:other.example.org")
    assert refused(world, record_of(world.document), trust=(somebody_elses,))[0] == "issuer"
    both = ["VerifiableCredential", "ClrCredential", "OpenBadgeCredential"]
    check, problem = refused(world, record_of(world.document, type=both))
    assert (check, problem[:42]) == ("structure", "type: expected ClrCredential or a badge, n")


def test_award_that_rests_on_other_badges_alone_is_looked_up_in_the_log(world: World) -> None:
    data = world.changed(lambda one: one.pop("evidence"))
    check, _ = refused(world, data)  # the proof beside it is of another award
    assert check == "inclusion"
    world.log(data)
    told = {check.name: one for check, one in world.check(data)}
    assert (told["inclusion"].state, told["inclusion"].words) == (State.HELD, "the log has the award")
    assert told["checkpoint"].state is State.HELD
    # Whoever has the issuer's key, and not the log's, can take the evidence away, and the proof with it.
    del world.files[f"credentials/{badges.AWARD}.tlog-proof"]
    known = trust.Trusted(id=badges.ISSUER, log=(trust.Key(text=LOG_KEY.text),))
    with pytest.raises(VerificationOpen, match="inclusion: there is no proof of the log here for https"):
        world.check(data, trust=(known,))


def test_log_of_another_key_is_refused(world: World) -> None:
    other = trust.Trusted(id=badges.ISSUER, log=(trust.Key(text=OTHER_KEY.text),))
    check, problem = refused(world, trust=(other,))
    assert check == "inclusion"
    assert "a signature by a trusted key" in problem


def test_log_that_was_rewritten_is_refused(world: World) -> None:
    fork = [note.entry(note.Kind.STATUS, "sha256:" + "e" * 64, bytes(16)), *world.leaves[1:]]
    for size in (1, 2, 5, len(fork)):
        check, problem = refused(world, seen=badges.log_checkpoint(fork[:size]).note)
        assert (check, checks.number(check)) == ("checkpoint", 15)
        assert "root" in problem or "two: each was shown to somebody else" in problem


def test_checkpoint_of_another_log_is_refused(world: World) -> None:
    seen = badges.log_checkpoint(world.leaves[:2], origin="other.example.org/log").note
    assert "expected a checkpoint of badges.example.org/log" in refused(world, seen=seen)[1]
    assert refused(world, seen=badges.log_checkpoint(world.leaves, key=OTHER_KEY).note)[0] == "checkpoint"
    assert refused(world, seen=b"nonsense")[0] == "checkpoint"


# Whose key it is ------------------------------------------------------------------------------------------


def test_key_that_the_issuer_does_not_name_is_refused(world: World) -> None:
    data = json.dumps(badges.signed(plain(world), key=OTHER_KEY)).encode()
    check, problem = refused(world, data)
    assert (check, checks.number(check)) == ("controller", 7)
    assert f"expected a key of {badges.ISSUER} for assertions" in problem


@pytest.mark.parametrize("method", ["did:web:eve.example.org#{}", "did:key:{0}#{0}", "https://e.org/x#{}"])
def test_key_of_somebody_else_is_refused(world: World, method: str) -> None:
    signed = badges.signed(plain(world), key=OTHER_KEY, method=method.format(OTHER_KEY.text))
    check, problem = refused(world, json.dumps(signed).encode())
    assert check == "controller"
    assert f"expected a key of the issuer {badges.ISSUER}, got " in problem


def test_retired_key_counts_for_what_it_signed_before(world: World) -> None:
    later, earlier = NOW, NOW - timedelta(days=1)
    world.files["did.json"] = badges.did_document(ISSUER_KEY, until={ISSUER_KEY.text: later})
    world.check()
    world.files["did.json"] = badges.did_document(ISSUER_KEY, until={ISSUER_KEY.text: earlier})
    check, problem = refused(world)
    assert check == "controller"
    assert "expected a proof made before its key was retired (2026-11-25" in problem
    undated = json.loads(world.data)
    del undated["proof"][0]["created"]
    assert refused(world, json.dumps(undated).encode())[0] == "proof"


def test_key_that_somebody_else_controls_is_refused(world: World) -> None:
    document = json.loads(world.files["did.json"])
    document["verificationMethod"][0]["controller"] = "did:web:eve.example.org"
    world.files["did.json"] = json.dumps(document).encode()
    assert refused(world)[0] == "controller"
    assert refused(world, trust=trust.read(world.files["did.json"], name="did.json"))[0] == "controller"


def test_proof_that_has_ended_is_refused(world: World) -> None:
    def ended(at: str) -> bytes:
        options = {
            "type": linked.TYPE,
            "cryptosuite": "eddsa-jcs-2022",
            "proofPurpose": linked.PURPOSE,
            "verificationMethod": f"{badges.ISSUER}#{ISSUER_KEY.text}",
            "expires": at,
        }
        digests = (digest.canonical(one) for one in (options, plain(world)))
        signature = ISSUER_KEY.sign(b"".join(hashlib.sha256(one).digest() for one in digests))
        made = {**options, "proofValue": multibase.base58(signature)}
        return digest.canonical({**plain(world), "proof": made})

    later, at_once = ended("2026-11-26T12:00:01Z"), ended("2026-11-26T12:00:00Z")
    world.log(later)
    world.check(later)
    check, problem = refused(world, at_once)
    assert (check, problem) == (
        "proof",
        "expected a proof that has not ended, got one until 2026-11-26T12:00:00Z",
    )


def test_key_that_has_ended_signs_no_token(world: World) -> None:
    def encoded(part: bytes | dict[str, Any]) -> bytes:
        data = part if isinstance(part, bytes) else json.dumps(part).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(encoded(one) for one in ({"alg": "EdDSA", "kid": f"{badges.ISSUER}#k"}, plain(world)))
    token = signed + b"." + encoded(OTHER_KEY.sign(signed))
    world.log(token)
    document = json.loads(world.files["did.json"])
    method = {
        "id": f"{badges.ISSUER}#k",
        "type": "JsonWebKey",
        "controller": badges.ISSUER,
        "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": encoded(OTHER_KEY.raw).decode()},
    }
    document["assertionMethod"].append(method)
    world.files["did.json"] = json.dumps(document).encode()
    world.check(token)
    method["expires"] = "2026-11-26T12:00:01Z"
    world.files["did.json"] = json.dumps(document).encode()
    world.check(token)
    method["expires"] = "2026-11-26T12:00:00Z"
    world.files["did.json"] = json.dumps(document).encode()
    assert refused(world, token)[0] == "proof"


def test_document_of_somebody_else_is_refused(world: World) -> None:
    world.files["did.json"] = world.files["did.json"].replace(b"badges.example", b"eve.example")
    check, problem = refused(world)
    assert check == "controller"
    assert f"expected the document of {badges.ISSUER}" in problem


def test_issuer_that_no_key_can_be_bound_to_is_refused(world: World) -> None:
    for name in ("urn:uuid:6f2e33e5-7a29-4155-840a-59483ba10164", "did:example:x", "http://example.org/x"):
        check, problem = refused(world, world.changed(set_to("issuer.id", name)))
        assert check == "controller"
        assert "expected an issuer that a key can be bound to" in problem


def plain(world: World) -> dict[str, Any]:
    return {name: value for name, value in world.document.items() if name != "proof"}


# What cannot be told --------------------------------------------------------------------------------------


def without(world: World, start: str) -> Sources:
    files = {path: data for path, data in world.files.items() if not path.startswith(start)}
    return Sources(named={}, site=Files(files=files))


@pytest.mark.parametrize(
    ("gone", "checks_left"),
    [
        ("did.json", ["controller", "status"]),
        ("status/", ["status"]),
        ("evidence/a1/record.json", ["evidence", "record", "inclusion"]),
        ("evidence/a1/run.json", ["record"]),
        ("evidence/a1/evidence.dsse", ["record"]),
        ("evidence/a1/record.tlog-proof", ["inclusion"]),
        ("credentials/", ["inclusion"]),
        ("keys.json", ["inclusion"]),
        ("log/tile", ["checkpoint"]),
        ("", ["controller", "status", "evidence", "record", "inclusion"]),
    ],
)
def test_what_is_not_here_is_told_and_is_no_pass(world: World, gone: str, checks_left: list[str]) -> None:
    found = left_open(world, sources=without(world, gone))
    assert list(found) == checks_left
    assert all(found.values())


def test_evidence_without_an_address_is_said_to_be_in_a_pack_alone(world: World) -> None:
    """As a trial's is, which publishes nothing."""

    def named(id: str) -> str:
        data = world.changed(lambda one: one["evidence"][0].update(id=id))
        world.log(data)
        return left_open(world, data)["evidence"]

    urn = "urn:uuid:498be2fb-a3a3-56e9-aed5-c7e9a60ed0e2"
    assert named(urn) == f"{urn} is not here (it has no address; a pack has it)"
    other = f"{badges.URL}/evidence/a2/record.json"
    assert named(other) == f"{other} is not here (--online fetches it, a pack has it)"


def test_keys_that_came_along_show_nothing_until_they_are_known(world: World) -> None:
    along = Sources(named={}, along=Files(files=world.files))
    found = left_open(world, sources=along)
    assert list(found) == ["controller", "status", "inclusion", "checkpoint"]
    assert "came along with the credential" in found["controller"]
    known = trust.Trusted(
        id=badges.ISSUER,
        issuer=(trust.Key(text=ISSUER_KEY.text),),
        log=(trust.Key(text=LOG_KEY.text),),
    )
    world.check(sources=along, trust=(known,))
    other = trust.Trusted(id=badges.ISSUER, issuer=(trust.Key(text=OTHER_KEY.text),))
    assert refused(world, sources=along, trust=(other,))[0] == "controller"


def test_list_without_an_end_counts_only_where_it_is_served(world: World) -> None:
    """Whoever sends a pack could put in the list as it was before they were revoked, for ever."""
    endless = json.loads(world.files["status/1.json"])
    del endless["validUntil"], endless["proof"]
    world.files["status/1.json"] = digest.canonical(badges.signed(endless))
    world.check()
    known = trust.Trusted(
        id=badges.ISSUER, issuer=(trust.Key(text=ISSUER_KEY.text),), log=(trust.Key(text=LOG_KEY.text),)
    )
    along = Sources(named={}, along=Files(files=world.files))
    told = left_open(world, sources=along, trust=(known,))
    assert list(told) == ["status"]
    assert "came along with the credential and has no end" in told["status"]


def test_unknown_kind_of_status_is_told(world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        document["credentialStatus"] = {
            "id": "https://badges.example.org/revocations",
            "type": "1EdTechRevocationList",
        }

    found = left_open(world, world.changed(change), sources=without(world, "credentials/"))
    assert (
        "expected a BitstringStatusListEntry, got a status of kind 1EdTechRevocationList" in found["status"]
    )


# Bad input ------------------------------------------------------------------------------------------------


def rekeyed(name: str, other: str) -> badges.Change:
    def change(document: dict[str, Any]) -> None:
        document[other] = document.pop(name)

    return change


@pytest.mark.parametrize("name", ["validUntil", "credentialStatus", "evidence"])
@pytest.mark.parametrize("base", ["https://www.w3.org/2018/credentials#{}", "cred:{}", "_:{}", "@nest"])
def test_value_under_another_name_is_refused_although_its_graph_may_be_the_same(
    world: World, name: str, base: str
) -> None:
    check, _ = refused(world, world.changed(rekeyed(name, base.format(name)), sign=False))
    assert check in ("contexts", "terms")


@pytest.mark.parametrize("name", ["validUntil", "credentialStatus"])
def test_value_that_a_context_of_its_own_renames_is_refused(world: World, name: str) -> None:
    def change(document: dict[str, Any]) -> None:
        document["@context"].append({"until": f"https://www.w3.org/2018/credentials#{name}"})
        document["until"] = document.pop(name)

    assert refused(world, world.changed(change, sign=False))[0] == "contexts"


@pytest.mark.parametrize("place", ["@included", "@graph", "@reverse"])
def test_value_moved_aside_is_refused(world: World, place: str) -> None:
    def change(document: dict[str, Any]) -> None:
        document[place] = [{"id": document["id"], "validUntil": document.pop("validUntil")}]

    assert refused(world, world.changed(change, sign=False))[0] in ("contexts", "terms")


def test_word_that_nothing_defines_is_refused(world: World) -> None:
    for change in (set_to("honours", "cum laude"), set_to("credentialSubject.honours", "cum laude")):
        check, problem = refused(world, world.changed(change, sign=False))
        assert (check, checks.number(check)) == ("terms", 4)
        assert "honours" in problem


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": 1, "a": 1}',
        b'{"a": ' + b"[" * 200_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a": ' + b"1" * 10_000 + b"}",
        b'{"a": "' + b"x" * 3_000_000 + b'"}',
        b"x" * (reading.FILE_BYTES + 1),
        b"PK\x03\x04",
        b"a.b.c",
        b"eyJhbGciOiJub25lIn0.e30.",
        b"<svg/>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><svg/>",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_bytes_that_are_no_credential_are_refused_at_once(world: World, data: bytes) -> None:
    start = time.monotonic()
    check, _ = refused(world, data)
    assert (check, checks.number(check)) == ("bytes", 1)
    assert time.monotonic() - start < 2


def test_poison_graph_is_refused_at_once(world: World) -> None:
    def clique(document: dict[str, Any]) -> None:
        names = [f"_:n{number}" for number in range(40)]
        document["credentialSubject"]["achievement"]["related"] = [
            {"id": name, "type": ["Related"], "related": [{"id": other} for other in names]} for name in names
        ]

    def alike(document: dict[str, Any]) -> None:
        document["evidence"] = [{"type": ["Evidence"]} for _ in range(5000)]

    def types(document: dict[str, Any]) -> None:
        document["type"] += [f"OpenBadgeCredential{number}" for number in range(1000)]

    for change in (clique, alike, types):
        start = time.monotonic()
        refused(world, world.changed(change, sign=False))
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("type", ["VerifiableCredential"], "expected AchievementCredential or OpenBadgeCredential"),
        ("type", "OpenBadgeCredential", "expected VerifiableCredential among others"),
        ("type", [], "expected VerifiableCredential"),
        ("issuer", None, "expected an object with the properties of Profile, got nothing"),
        ("issuer", "no address", "expected an absolute address"),
        ("validFrom", "2026-11-01", "expected a time with its zone, got 2026-11-01"),
        ("validFrom", "2026-11-01T00:00:00", "expected a time with its zone"),
        ("validUntil", "2026-13-01T00:00:00Z", "expected a time"),
        ("validUntil", 5, "expected a time"),
        ("validUntil", ["2027-11-01T00:00:00Z", "2030-11-01T00:00:00Z"], "expected a time"),
        ("credentialSubject", [], "expected an object"),
        ("credentialSubject.achievement", {"type": "Achievement"}, "expected the property id"),
        ("credentialSubject.identifier.0.hashed", "yes", "expected true or false"),
        ("evidence.0.digestSRI", "md5-x", "expected an integrity value"),
        ("evidence.0.id", None, "expected an absolute address"),
        ("credentialSubject.achievement.description", None, "expected text"),
        ("@context", "https://www.w3.org/2018/credentials/v3", "first, got"),
    ],
)
def test_document_of_another_structure_is_refused_with_the_place(
    world: World, path: str, value: Any, problem: str
) -> None:
    check, said = refused(world, world.changed(set_to(path, value), sign=False))
    assert (check, checks.number(check)) == ("structure", 2)
    assert problem in said
    assert said.startswith((path, "the whole"))


def test_given_schema_is_asked(world: World) -> None:
    schema = {"type": "object", "required": ["nickname"]}
    check, problem = refused(world, schema=("mine.json", schema))
    assert (check, checks.number(check)) == ("schema", 3)
    assert problem == "the whole: 'nickname' is a required property"
    assert refused(world, schema=("mine.json", {"type": 5}))[0] == "schema"
    away = {"$ref": "https://example.org/schema.json"}
    assert refused(world, schema=("mine.json", away))[0] == "schema"
    told = world.check(schema=("mine.json", {"type": "object"}))
    assert told[2][1].state is State.HELD


SCHEMAS = Path(__file__).parents[4] / "shared" / "standards" / "schemas"


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"there are no official schemas in {SCHEMAS}")
@pytest.mark.parametrize("edition", ["", ".strict-2024-09"])
def test_official_schema_is_asked_where_it_is_named(world: World, edition: str) -> None:
    name = f"ob_v3p0_achievementcredential_schema{edition}.json"
    schema = (name, json.loads((SCHEMAS / name).read_bytes()))
    assert world.check(schema=schema)[2][1].state is State.HELD
    # What our own rules take and this one does not.
    odd = world.changed(lambda one: one["credentialSubject"]["achievement"].update(achievementType="Odd"))
    check, problem = refused(world, odd, schema=schema)
    assert check == "schema"
    assert "achievement" in problem


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in inside for found in places(one, (*path, key)))]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whatever_stands_anywhere_is_told_in_words(world: World, data: st.DataObject) -> None:
    document = copy.deepcopy(world.document)
    at = data.draw(st.sampled_from(places(document)[1:]))
    value = data.draw(VALUES)
    above = document
    for step in at[:-1]:
        above = above[step]
    assume(above[at[-1]] != value)
    above[at[-1]] = value
    signed_again = data.draw(st.booleans())
    if signed_again:
        with contextlib.suppress(VerificationFailed):
            document = badges.signed({key: one for key, one in document.items() if key != "proof"})
    with contextlib.suppress(VerificationFailed, VerificationOpen):
        world.check(json.dumps(document).encode(), sources=without(world, "credentials/"))
        assert signed_again, at


def test_value_in_a_list_of_its_own_escapes_no_check(world: World) -> None:
    """The graph, and so the proof, is the same; who compares the JSON with a word sees another value."""
    for at in places(world.document)[1:]:
        document = copy.deepcopy(world.document)
        above = document
        for step in at[:-1]:
            above = above[step]
        above[at[-1]] = [above[at[-1]]]
        refused(world, json.dumps(document).encode())


ENDORSED = [
    {"credentialSubject": "https://example.org/x"},
    {"credentialSubject": {"id": "https://example.org/x", "type": "AchievementSubject", "identifier": "x:y"}},
    {"evidence": ["https://example.org/digestSRI"]},
    {"relatedResource": ["https://example.org/digestSRI"]},
]


@pytest.mark.parametrize("change", ENDORSED)
def test_endorsement_of_another_structure_is_told_in_words(world: World, change: dict[str, Any]) -> None:
    kinds = ["VerifiableCredential", "EndorsementCredential"]
    refused(world, world.changed(lambda one: one.update(type=kinds, **change)))


def test_second_type_does_not_loosen_what_the_first_requires(world: World) -> None:
    def change(document: dict[str, Any]) -> None:
        document["type"].append("EndorsementCredential")
        del document["credentialSubject"]["achievement"]["description"]

    assert refused(world, world.changed(change))[0] == "structure"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_in_any_place_are_told_in_words(world: World, data: bytes) -> None:
    for path in (
        "did.json",
        "status/1.json",
        "evidence/a1/run.json",
        "evidence/a1/record.tlog-proof",
        "keys.json",
    ):
        files = {**world.files, path: data}
        with pytest.raises((VerificationFailed, VerificationOpen)):
            world.check(sources=Sources(named={}, site=Files(files=files)))
    with pytest.raises(VerificationFailed):
        world.check(data)
