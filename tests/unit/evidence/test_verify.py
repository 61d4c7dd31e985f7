"""Verification: what holds is let through, and whatever was tampered with fails where it should."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assessor import bundle, digest, evidence, proof, signer, verify
from assessor.errors import VerificationFailed, exit_code
from assessor.sandbox.protocol import End, Reason

FAILED = {3: Reason.TIMEOUT}


def check(folder: Any, **given: Any) -> None:
    values: dict[str, Any] = {
        "record": folder.record,
        "run": folder.run,
        "envelope": folder.envelope,
        "keys": folder.keys,
    }
    verify.evidence(**{**values, **given})


def refused(folder: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(VerificationFailed) as caught:
        check(folder, **given)
    assert exit_code(caught.value) == 1
    assert caught.value.check in {one.name for one in verify.CHECKS}
    return caught.value.check, caught.value.problem


def flips(data: bytes) -> list[bytes]:
    flipped = []
    for at in range(len(data)):
        one = bytearray(data)
        one[at] ^= 1 << at % 8
        flipped.append(bytes(one))
    return flipped


def edited(data: bytes, change: Callable[[Any], Any]) -> bytes:
    value = json.loads(data)
    change(value)
    return digest.canonical(value)


# What holds


def test_checks_are_numbered_and_told_in_order_as_they_hold(make, snapshot):
    told: list[verify.Check] = []
    check(
        make.folder(),
        submission="submission-1",
        bundle=make.bundle.data,
        snapshot=snapshot.data,
        included=lambda record: None,
        on_check=told.append,
    )
    assert tuple(told) == verify.CHECKS
    assert [one.number for one in told] == list(range(1, 14))
    assert all(one.sentence.endswith(".") for one in told)


def test_record_is_looked_up_in_the_log_by_its_digest_where_a_proof_came(make):
    folder, asked = make.folder(), []
    check(folder, included=asked.append)
    assert asked == [digest.sha256(folder.record)]

    def missing(record: str) -> None:
        raise VerificationFailed("log", f"expected {record}, got another")

    named, problem = refused(folder, included=missing)
    assert (named, problem) == ("inclusion", f"expected {digest.sha256(folder.record)}, got another")


def test_checks_that_were_not_asked_for_are_not_told(make):
    told: list[verify.Check] = []
    check(make.folder(), on_check=told.append)
    assert [one.name for one in told][-1] == "arithmetic"
    assert len(told) == 9


def test_failing_check_is_not_told_as_held(make):
    told: list[verify.Check] = []
    refused(make.folder(), run=b"{}", on_check=told.append)
    assert [one.name for one in told] == ["envelope", "signature", "statement", "record"]


@pytest.mark.parametrize("failed", [{}, FAILED, dict.fromkeys(range(1, 8), Reason.CRASH)])
@pytest.mark.parametrize("style", [0, 3, 4])
def test_every_honest_record_holds(make, failed, style):
    check(make.folder(make.record(failed, style=style)))


# Tampering


def test_every_flipped_bit_of_the_record_is_noticed(make):
    folder = make.folder()
    assert {refused(folder, record=data)[0] for data in flips(folder.record)} == {"record"}


def test_every_flipped_bit_of_the_run_is_noticed(make):
    folder = make.folder()
    assert {refused(folder, run=data)[0] for data in flips(folder.run)} == {"run"}


def test_every_flipped_bit_of_the_envelope_is_noticed(make):
    folder = make.folder()
    assert {refused(folder, envelope=data)[0] for data in flips(folder.envelope)} == {"envelope", "signature"}


def test_changed_file_is_told_by_both_digests(make):
    folder = make.folder()
    worse = make.record(FAILED)
    assert refused(folder, record=worse) == (
        "record",
        f"expected the record.json that was signed ({digest.sha256(folder.record)}), "
        f"got {digest.sha256(worse)}",
    )


def test_empty_or_missing_parts_prove_nothing(make):
    folder = make.folder()
    assert refused(folder, record=b"")[0] == "record"
    assert refused(folder, run=b"")[0] == "run"
    assert refused(folder, envelope=b"")[0] == "envelope"
    assert refused(folder, keys={})[0] == "signature"


def test_wrong_key_is_refused(make):
    other = signer.LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    check_name, problem = refused(make.folder(), keys=proof.keys([other.public_key]))
    assert check_name == "signature"
    assert problem == f"expected a signature by one of {other.key_id}, got only {make.signer.key_id}"


def test_revoked_key_is_refused(make):
    check_name, problem = refused(make.folder(), revoked=[make.signer.key_id])
    assert check_name == "signature"
    assert "which is revoked" in problem


def test_two_signatures_hold(make):
    folder = make.folder()
    other = signer.LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    statement = evidence.statement(folder.record, folder.run)
    check(folder, envelope=proof.seal(statement, other, make.signer))


def test_files_of_two_envelopes_do_not_mix(make):
    mine, other = make.folder(), make.folder(make.record(FAILED), make.run(attempt="attempt-2"))
    assert refused(mine, record=other.record)[0] == "record"
    assert refused(mine, run=other.run)[0] == "run"
    assert refused(mine, envelope=other.envelope)[0] == "record"


# What was signed says something else


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda said: said.__setitem__("_type", "https://in-toto.io/Statement/v0.1"),
            "expected https://in-toto.io/Statement/v1, got 'https://in-toto.io/Statement/v0.1'",
        ),
        (
            lambda said: said.__setitem__("predicateType", "https://slsa.dev/provenance/v1"),
            "expected the predicate urn:assessor:evidence:v1, got 'https://slsa.dev/provenance/v1'",
        ),
        (
            lambda said: said["subject"].pop(),
            "expected record.json and run.json, once each, got ['record.json']",
        ),
        (
            lambda said: said["subject"].append(said["subject"][0]),
            "once each, got ['record.json', 'run.json', 'record.json']",
        ),
        (
            lambda said: said["subject"][0]["digest"].__setitem__("md5", "0"),
            "record.json: expected one sha256 digest, got ['md5', 'sha256']",
        ),
        (lambda said: said.__setitem__("extra", 1), "extra: Extra inputs are not permitted"),
    ],
)
def test_signed_statement_of_another_kind_is_refused(make, change, text):
    folder = make.folder()
    statement = edited(evidence.statement(folder.record, folder.run), change)
    name, problem = refused(folder, envelope=proof.seal(statement, make.signer))
    assert name == "statement"
    assert text in problem


def test_signed_statement_that_is_none_is_refused(make):
    assert refused(make.folder(), envelope=proof.seal(b"hello", make.signer))[0] == "statement"


def test_signed_record_with_a_name_twice_is_refused(make):
    twice = make.record(FAILED).replace(b'"total":[9,10]', b'"total":[9,10],"\\u0074otal":[1,1]')
    name, problem = refused(make.folder(twice))
    assert (name, problem) == ("record-form", "expected each name once in an object, got 'total' twice")


@pytest.mark.parametrize(
    "data",
    [
        b'{"score": 1.0, "score\\u0000": 2, "\\u0073core": 3}',
        b'{"score":1,"score\\u0000":2}',
    ],
)
def test_signed_json_that_plays_with_names_is_refused(make, data):
    assert refused(make.folder(data))[0] == "record-form"
    assert refused(make.folder(run=data))[0] == "run-form"


def test_signed_record_in_another_spelling_is_refused(make):
    spaced = json.dumps(json.loads(make.record()), indent=1).encode()
    name, problem = refused(make.folder(spaced))
    assert name == "record-form"
    assert problem.startswith("expected the canonical form (RFC 8785), got another from byte 1 on")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: r["decision"].update(verdict="failed"), "verdict: expected passed, got failed"),
        (lambda r: r["decision"].update(total=[1, 1]), "total: expected 9/10, got 1"),
        (lambda r: r["decision"].update(gates_missed=["style"]), "gates missed: expected (), got ('style',)"),
        (lambda r: r["rubric"].update(pass_from=91), "verdict: expected failed, got passed"),
        (
            lambda r: r["tests"][2].update(passed=True, reason=None),
            "criterion correctness, tests passed: expected 5, got 4",
        ),
        (
            lambda r: r["tests"][0].update(passed=False),
            "test 1: expected a reason if and only if it failed",
        ),
        (
            lambda r: r["tests"][0].update(criterion="style"),
            "test 1: expected it to feed a criterion scored by tests, got 'style'",
        ),
        (
            lambda r: r["tests"][0].update(criterion="nothing"),
            "test 1: expected it to feed a criterion scored by tests, got 'nothing'",
        ),
        (lambda r: r["tests"].pop(), "criterion robustness, tests: expected 1, got 2"),
        (
            lambda r: r["tests"][0].update(position=2),
            "positions of tests: expected [1, 2, 3, 4, 5, 6, 7], got [2",
        ),
        (
            lambda r: r["tests"][2].update(points=[1, 5]),
            "criterion correctness, fraction: expected 55/58, got 11/12",
        ),
        (
            lambda r: r["criteria"][2]["given_by"].update(marks=4),
            "criterion style, fraction: expected 1, got 3/4",
        ),
        (
            lambda r: r["criteria"][2]["given_by"].update(marks=5),
            "criterion style: expected at most all marks, got 5 of 4",
        ),
        (
            lambda r: r["criteria"][2]["given_by"].update(marks=0, of=0),
            "criterion style: expected at most all marks, got 0 of 0",
        ),
        (
            lambda r: r["criteria"][1].update(points=[21, 1]),
            "criterion robustness, points: expected 20, got 21",
        ),
        (lambda r: r["criteria"][1].update(weight=21), "weights together: expected 100, got 101"),
        (lambda r: r["criteria"][1].update(id="style"), "criteria, each once: expected 3, got 2"),
        (lambda r: r["criteria"][0].update(gate=95), "gates missed: expected ('correctness',), got ()"),
    ],
)
def test_signed_record_that_does_not_add_up_is_refused(make, change, text):
    name, problem = refused(make.folder(edited(make.record(FAILED), change)))
    assert name == "arithmetic"
    assert problem.startswith(text)


# What was asked about


def test_evidence_of_another_submission_is_refused(make):
    assert refused(make.folder(), submission="submission-2") == (
        "submission",
        "expected evidence of submission submission-2, got evidence of submission-1",
    )


def test_other_files_than_the_judged_are_refused(make):
    other = bundle.pack({"solution.py": b""})
    assert refused(make.folder(), bundle=other.data) == (
        "bundle",
        f"expected bytes of digest {make.bundle.digest}, got {other.digest}",
    )


def test_another_task_than_the_one_judged_by_is_refused(make, snapshot):
    name, problem = refused(make.folder(), snapshot=make.bundle.data)
    assert (name, problem) == (
        "snapshot",
        f"expected bytes of digest {snapshot.digest}, got {make.bundle.digest}",
    )


# Comparing with a re-run


def test_same_record_is_the_same(make):
    assert verify.compare(make.record(), make.record()) == verify.Comparison(same=True, causes=(), tests=())


def test_differing_package_list_is_named_as_the_cause(make):
    old = evidence.parse(make.record()).sandbox
    packages = "sha256:" + "9" * 64
    new = replace(old, learner=replace(old.learner, packages=packages))
    compared = verify.compare(make.record(), make.record({2: Reason.ERROR}, identity=new))
    assert not compared.same
    assert compared.tests == (2,)
    assert compared.causes == (
        f"the package list of the learner's image: {old.learner.packages} then, {packages} now",
        "test 2: passed then, failed (error) now",
    )


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"runtime": "runsc"}, "the runtime: runc then, runsc now"),
        ({"isolation": "none"}, "the isolation: container then, none now"),
        ({"seccomp": None}, f"the filter of system calls: sha256:{'c' * 64} then, None now"),
        ({"profile": "node"}, "the sandbox's profile: python then, node now"),
    ],
)
def test_differing_sandbox_is_named_as_the_cause(make, change, cause):
    new = replace(evidence.parse(make.record()).sandbox, **change)
    assert verify.compare(make.record(), make.record(identity=new)).causes == (cause,)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"seed": 1}, f"the seed: {2**64 - 1} then, 1 now"),
        ({"bundle_digest": "sha256:" + "1" * 64}, "the submitted files: "),
        ({"learner": "sha256:" + "1" * 64}, "the learner's commitment: "),
        ({"end": End.WALL}, "the end of the run: complete then, wall now; no test differs"),
        ({"style": 4}, "the judging of the same results: style"),
    ],
)
def test_other_difference_is_named(make, change, cause):
    (came,) = verify.compare(make.record(), make.record(**change)).causes
    assert came.startswith(cause)


def test_random_submission_is_told_by_its_tests(make):
    compared = verify.compare(
        make.record({2: Reason.ASSERTION}), make.record({3: Reason.TIMEOUT, 2: Reason.ERROR})
    )
    assert compared.tests == (2, 3)
    assert compared.causes == (
        "test 2: failed (assertion) then, failed (error) now; test 3: passed then, failed (timeout) now. "
        "All that was run is the same, so the submission is random or depends on time, or it came near a "
        "limit",
    )


def test_comparing_with_what_is_no_record_is_refused(make):
    with pytest.raises(VerificationFailed, match="record-form: expected JSON"):
        verify.compare(make.record(), b"?")
