"""Records, runs and statements as bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessor import digest, evidence, scoring
from assessor.errors import VerificationFailed
from assessor.sandbox.protocol import End, Outcome, Reason


def leaves(value):
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def refused(data: bytes) -> str:
    with pytest.raises(VerificationFailed) as caught:
        evidence.parse(data)
    assert caught.value.check == "record-form"
    return caught.value.problem


def test_record_is_the_same_bytes_each_time(make):
    assert make.record() == make.record()


def test_record_names_all_that_it_was_made_of(make, frozen):
    record = json.loads(make.record({3: Reason.TIMEOUT}))
    assert record["schema_version"] == 1
    assert record["media_type"] == "application/vnd.assessor.record+json"
    assert record["submission"]["bundle"] == make.bundle.digest
    assert record["task"] == {
        "id": "median",
        "version": "1.0",
        "digest": frozen.task.digest,
        "tests": frozen.task.tests_digest,
        "manifest": frozen.manifest.digest,
        "snapshot": frozen.digest,
    }
    assert record["rubric"]["digest"] == frozen.rubric.digest
    assert record["sandbox"]["learner"].keys() == {"recipe", "packages"}
    assert record["sandbox"]["runtime"] == "runc"
    assert record["limits"]["wall_s"] == 30
    assert record["seed"] == str(2**64 - 1)
    assert record["end"] == "complete"
    assert record["tests"][2] == {
        "position": 3,
        "criterion": "correctness",
        "points": [1, 3],
        "passed": False,
        "reason": "timeout",
    }
    assert record["criteria"][0] == {
        "id": "correctness",
        "weight": 60,
        "gate": 50,
        "fraction": [11, 12],
        "points": [55, 1],
        "level": "proficient",
        "given_by": {"kind": "tests", "passed": 4, "of": 5},
    }
    assert record["criteria"][2]["given_by"] == {
        "kind": "review",
        "marks": 3,
        "of": 4,
        "reviewer": make.marks()[0].reviewer,
    }
    assert record["decision"] == {
        "total": [9, 10],
        "level": "distinction",
        "gates_missed": [],
        "verdict": "passed",
    }


def test_record_holds_no_float_no_test_text_no_name(make, frozen):
    tests = tuple(
        replace(
            one, message="M3SSAGE", detail="D3TAIL", output="OUTPU7", example="EX4MPLE", duration_ms=987654
        )
        for one in make.results({3: Reason.ASSERTION})
    )
    data = make.record(results=tests, assessment=scoring.score(frozen.rubric, tests, make.marks()))
    assert not any(isinstance(one, float) for one in leaves(json.loads(data)))
    secrets = [test.id for test in frozen.manifest.tests]
    secrets += [
        "test_",
        "M3SSAGE",
        "D3TAIL",
        "OUTPU7",
        "EX4MPLE",
        "987654",
        "Ada",
        "private words",
        "learner-1",
    ]
    secrets += ["2026", "machine", "duration"]
    assert [one for one in secrets if one.encode() in data] == []


def test_record_does_not_depend_on_time_host_or_order_of_results(make):
    assert make.record(results=make.results()[::-1]) == make.record()
    assert make.run() != make.run(host="elsewhere")


@pytest.mark.parametrize("verdict", [scoring.Verdict.AWAITING_REVIEW, scoring.Verdict.UNJUDGED])
def test_nothing_is_recorded_before_the_verdict(make, frozen, verdict):
    judged = replace(scoring.score(frozen.rubric, make.results(), make.marks()), verdict=verdict)
    with pytest.raises(ValueError, match=f"expected the verdict passed or failed, got '{verdict.value}'"):
        make.record(assessment=judged)


def test_name_in_place_of_a_commitment_is_refused(make):
    with pytest.raises(ValueError, match="reviewer"):
        make.record(marks=[replace(make.marks()[0], reviewer="Ada Reviewer")])
    with pytest.raises(ValueError, match="learner"):
        make.record(learner="Grace")


def test_fraction_beyond_doubles_is_kept_exactly(make, frozen):
    huge = Fraction(2**70 + 1, 3**50)
    tests = tuple(replace(one, points=huge) if one.position == 1 else one for one in make.results())
    data = make.record(results=tests, assessment=scoring.score(frozen.rubric, tests, make.marks()))
    assert evidence.parse(data).tests[0].points == huge
    assert json.loads(data)["tests"][0]["points"] == [str(2**70 + 1), str(3**50)]


def test_parsed_record_writes_the_same_bytes(make):
    data = make.record({1: Reason.CRASH})
    assert digest.canonical(evidence.parse(data).model_dump(mode="json")) == data


REASONS = st.dictionaries(st.integers(1, 7), st.sampled_from(Reason))


@settings(max_examples=40)
@given(REASONS, st.integers(0, 4), st.integers(0, 2**64 - 1), st.sampled_from(End))
def test_any_record_round_trips(make, failed, marks, seed, end):
    data = make.record(failed, style=marks, seed=seed, end=end)
    record = evidence.parse(data)
    assert digest.canonical(record.model_dump(mode="json")) == data
    assert {one.position: one.reason for one in record.tests if not one.passed} == failed
    assert (record.seed, record.end) == (str(seed), end)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_canonical_bytes_round_trip(value):
    data = digest.canonical(value)
    assert digest.read(data, limit_bytes=10**6) == value
    assert digest.canonical(digest.read(data, limit_bytes=10**6)) == data


@given(JSON)
def test_other_spelling_of_the_same_value_is_refused(value):
    data = json.dumps(value, indent=1, ensure_ascii=True).encode()
    if data != digest.canonical(value):
        with pytest.raises(digest.NotCanonical):
            digest.read(data, limit_bytes=10**6)


@given(st.binary(max_size=200) | JSON.map(digest.canonical))
def test_parsing_raises_only_its_own_error(data):
    for parse in (evidence.parse, evidence.parse_run, evidence.parse_statement):
        with pytest.raises(VerificationFailed):
            parse(data)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            b'"end":"complete"',
            b'"end":"complete","end":"wall"',
            "expected each name once in an object, got 'end' twice",
        ),
        (b'"verdict"', b'"\\u0076erdict"', "expected the canonical form (RFC 8785), got another from byte"),
        (b'"seed":"1', b'"seed": "1', "expected the canonical form"),
        (b'"wall_s":30', b'"wall_s":30.0', "expected the canonical form"),
        (b'"wall_s":30', b'"wall_s":3e1', "expected the canonical form"),
        (b'"wall_s":30', b'"wall_s":NaN', "expected JSON, got the number NaN"),
        (
            b'"wall_s":30',
            b'"wall_s":"30"',
            "limits.wall_s: Input should be a valid integer",
        ),
        (b'"wall_s":30', b'"wall_s":30,"x":1', "limits.x: Unexpected keyword argument"),
        (b'"weight":20', b'"weight":20.5', "criteria.1.weight: Input should be a valid integer"),
        (
            b'"total":[9,10]',
            b'"total":[18,20]',
            "decision.total: Value error, expected a fraction of 0 or more",
        ),
        (b'"total":[9,10]', b'"total":["9",10]', "expected nothing but the known fields"),
        (b'"total":[9,10]', b'"total":[9,0]', "decision.total: Value error, expected a fraction"),
        (b'"total":[9,10]', b'"total":0.9', "decision.total: Value error, expected [numerator, denominator]"),
        (b'"total":[9,10]', b'"total":[true,1]', "whole numbers"),
        (
            b'"verdict":"passed"',
            b'"verdict":"unjudged"',
            "decision.verdict: Input should be 'passed' or 'failed'",
        ),
        (b'"schema_version":1', b'"schema_version":2', "schema_version: Input should be 1"),
        (b'"reason":"timeout"', b'"reason":"unlucky"', "tests.2.reason: Input should be"),
        (b'"seed":"1', b'"seed":"01', "seed: String should match pattern"),
        (
            b'"verdict":"passed"}',
            b'"verdict":"passed","zest":1}',
            "decision.zest: Extra inputs are not permitted",
        ),
    ],
)
def test_record_of_another_form_is_refused(make, old, new, text):
    data = make.record({3: Reason.TIMEOUT})
    assert old in data
    assert text in refused(data.replace(old, new))


def test_empty_record_proves_nothing(make):
    value = json.loads(make.record())
    assert "tests: " in refused(digest.canonical({**value, "tests": []}))
    assert "criteria: " in refused(digest.canonical({**value, "criteria": []}))


def test_run_holds_times_host_versions_and_facts(make):
    run = json.loads(make.run())
    assert run["received_at"] == "2026-11-24T09:00:00.000000Z"
    assert (run["host"], run["versions"]) == ("machine", {"assessor": "0.1.0"})
    assert run["facts"] == {"engine": "20.10", "warm": True, "memory_bytes": str(2**60), "load": 0.5}
    assert evidence.parse_run(make.run()).submission == "submission-1"


def test_time_is_written_in_utc_and_one_without_zone_is_refused(make):
    east = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert make.run(received_at=east) == make.run(received_at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
    with pytest.raises(ValueError, match="run: expected started_at with a time zone, got 2026-11-24T09"):
        make.run(started_at=datetime(2026, 11, 24, 9, 0))


def test_fact_that_json_cannot_say_is_refused(make, frozen):
    outcome = Outcome(end=End.COMPLETE, identity=evidence.parse(make.record()).sandbox, facts={"x": {1, 2}})
    with pytest.raises(TypeError, match="run: expected facts of JSON values, got set"):
        make.run(outcome=outcome)


def test_statement_names_both_files_by_digest(make):
    record, run = make.record(), make.run()
    said = json.loads(evidence.statement(record, run))
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [
        {"name": "record.json", "digest": {"sha256": hashlib.sha256(record).hexdigest()}},
        {"name": "run.json", "digest": {"sha256": hashlib.sha256(run).hexdigest()}},
    ]


def test_commitment_needs_its_salt():
    salt = b"s" * 16
    assert evidence.commitment(salt, "Ada") == "sha256:" + hmac.new(salt, b"Ada", "sha256").hexdigest()
    assert evidence.commitment(salt, "Ada") != evidence.commitment(b"t" * 16, "Ada")
    with pytest.raises(ValueError, match="expected a salt of 16 bytes or more, got 3"):
        evidence.commitment(b"abc", "Ada")


def test_schema_describes_the_record():
    schema = evidence.schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) >= {"submission", "task", "tests", "criteria", "decision"}
