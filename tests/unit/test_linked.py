"""Proofs over linked data: official vectors, and every way to show other JSON for the same graph."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyoxigraph
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3 import ldp
from pyld import jsonld

from assessor.errors import VerificationFailed
from assessor.openbadges import contexts, form, graph, linked, multibase, screen
from tests.credentials import BADGE, KEY, METHOD, NOW, RAW, badge, check, signed, standard, standard_json

KNOWN = contexts.known()
PEM = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
CREDENTIALS = "https://www.w3.org/2018/credentials#"
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
DATA_INTEGRITY_V1 = "https://w3id.org/security/data-integrity/v1"
UNVERSIONED = "https://purl.imsglobal.org/spec/ob/v3p0/context.json"
VOCABULARY = "https://purl.imsglobal.org/spec/vc/ob/vocab.html#"
SAMPLES = ("samples", "1edtech-validator")


def by_pyld(document: dict[str, Any]) -> str:
    """The canonical text, by pyld from beginning to end."""

    def load(url: str, options: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": KNOWN.documents[url]}

    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load}
    return str(jsonld.normalize(document, options))


def refused(document: dict[str, Any], name: str, says: str = "") -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says) or None) as caught:
        check(document)
    assert caught.value.check == name


# Vectors and samples


def test_w3c_vector_gives_its_texts_and_its_signature() -> None:
    folder = ("vectors", "vc-di-eddsa", "eddsa-rdfc-2022")
    known = KNOWN.with_more({EXAMPLES: standard_json("contexts", "credentials-examples-v2.jsonld")})
    document = standard_json("vectors", "vc-di-eddsa", "unsigned.json")
    expected = standard_json(*folder, "signedDataInt.json")
    keys = standard_json("vectors", "vc-di-eddsa", "keyPair.json")
    key = Ed25519PrivateKey.from_private_bytes(multibase.read_base58(keys["privateKeyMultibase"])[2:])
    options = standard_json(*folder, "proofConfigDataInt.json")

    assert linked.canonical(document, known=known) == standard(*folder, "canonDocDataInt.txt").read_bytes()
    assert linked.canonical(options, known=known) == standard(*folder, "proofCanonDataInt.txt").read_bytes()
    made = linked.sign(
        document,
        signer=key,
        verification_method=options["verificationMethod"],
        created=datetime.fromisoformat(options["created"]),
        known=known,
    )
    assert made["proof"] == [expected["proof"]]
    check(expected, key=key.public_key().public_bytes_raw(), known=known)


def test_w3c_jcs_vector_verifies() -> None:
    document = standard_json("vectors", "vc-di-eddsa", "eddsa-jcs-2022", "signedJCS.json")
    keys = standard_json("vectors", "vc-di-eddsa", "keyPair.json")
    raw = multibase.read_base58(keys["publicKeyMultibase"])[2:]
    (proof,) = linked.proofs(document)
    linked.verify(document, proof, key=raw)
    document["name"] += "!"
    with pytest.raises(VerificationFailed, match="changed since"):
        linked.verify(document, proof, key=raw)


def test_open_badges_vector_gives_its_texts_and_its_signature() -> None:
    page = standard("vectors", "obv3-impl", "linked-data-proof-ob.html").read_text()
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(re.findall(r"\b[0-9a-f]{128}\b", page)[0][:64]))
    signed_text = page[page.index("Signed credential") :]
    expected = json.loads(signed_text[signed_text.index("{") : signed_text.rindex("}") + 1])
    document = {name: value for name, value in expected.items() if name != "proof"}
    text = standard("vectors", "obv3-impl", "document-canon.txt").read_bytes()

    assert linked.canonical(document).split() == text.split()
    made = linked.sign(
        document,
        signer=key,
        verification_method=expected["proof"]["verificationMethod"],
        created=datetime(2010, 1, 1, 19, 23, 24, tzinfo=UTC),
    )
    assert made["proof"][0]["proofValue"] == expected["proof"]["proofValue"]
    check(expected, key=key.public_key().public_bytes_raw())


@pytest.mark.parametrize(
    "name",
    [
        "complete.json",
        "simple.json",
        "simple-context-alias.json",
        "simple-context-version.json",
        "simple-did-key-method.json",
        "simple-did-web-method.json",
        "endorsement-valid.json",
        "credential-status-revoked.json",
        "bit-string-list/credential-status-revoked.json",
        "bit-string-list/credential-status-revoked-blank-nodes.json",
        "bit-string-list/testlist",
    ],
)
def test_official_sample_verifies_and_one_changed_letter_does_not(name: str) -> None:
    document = standard_json(*SAMPLES, *name.split("/"))
    (proof,) = linked.proofs(document)
    raw = multibase.read_base58(re.split("[#:]", proof["verificationMethod"])[-1])[2:]
    check(document, key=raw)
    document["validFrom" if "validFrom" in document else "issuanceDate"] = "1999-01-01T00:00:00Z"
    with pytest.raises(VerificationFailed, match="changed since"):
        check(document, key=raw)


@pytest.mark.parametrize(
    ("name", "url", "context"),
    [
        ("simple-eddsa-2022.json", DATA_INTEGRITY_V1, "data-integrity-v1.jsonld"),
        ("simple_v1.json", UNVERSIONED, "ob-v3p0-context.json"),
    ],
)
def test_older_sample_verifies_once_the_operator_gives_its_context(name: str, url: str, context: str) -> None:
    document = standard_json(*SAMPLES, name)
    (proof,) = linked.proofs(document)
    raw = multibase.read_base58(proof["verificationMethod"].partition("#")[2])[2:]
    with pytest.raises(VerificationFailed):
        check(document, key=raw)
    check(document, key=raw, known=KNOWN.with_more({url: standard_json("contexts", context)}))
    # What was read with other contexts at the same URL has left nothing behind.
    with pytest.raises(VerificationFailed):
        check(document, key=raw)


def test_proof_of_unknown_kind_is_refused_in_words() -> None:
    document = standard_json(*SAMPLES, "simple-multiple-proofs.json")
    unknown, proof = linked.proofs(document)
    raw = multibase.read_base58(proof["verificationMethod"].partition("#")[2])[2:]
    linked.verify(document, proof, key=raw)
    with pytest.raises(VerificationFailed, match=r"'SomeProofType'.*cannot check"):
        linked.verify(document, unknown, key=raw)


@pytest.mark.parametrize("name", ["complete.json", "simple.json", "endorsement-valid.json"])
def test_fast_and_slow_canonical_texts_are_equal_over_samples(name: str) -> None:
    document = {key: value for key, value in standard_json(*SAMPLES, name).items() if key != "proof"}
    assert linked.canonical(document).decode() == by_pyld(document)


# What the libraries are relied on for

letters = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn")) | st.sampled_from("\t\n\r\\\"'tnr"), max_size=12
)


def plain(number: float) -> bool:
    with contextlib.suppress(VerificationFailed):
        screen.check({"number": number})
        return True
    return False


numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15).map(
    lambda number: round(number, 6)
).filter(plain)


@st.composite
def badges(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(0, 4))
    return badge(
        name=draw(letters),
        evidence=[
            {"type": ["Evidence"], "name": draw(letters), "narrative": draw(letters)} for _ in range(count)
        ],
        credentialSubject={
            "type": ["AchievementSubject"],
            "creditsEarned": draw(numbers),
            "result": [
                {"type": ["Result"], "value": draw(st.sampled_from(["1", "2"]))}
                for _ in range(draw(st.integers(0, 3)))
            ],
            "achievement": BADGE["credentialSubject"]["achievement"],
        },
    )


@given(badges())
def test_canonical_text_is_pylds_for_any_badge(document: dict[str, Any]) -> None:
    assert linked.canonical(document).decode() == by_pyld(document)


@given(badges())
def test_what_is_signed_passes_every_check_here_and_in_openbadgeslib(document: dict[str, Any]) -> None:
    made = signed(document)
    check(made)
    pem = KEY.public_key().public_bytes(*PEM)
    ldp.verify_data_integrity_proof(made, pem)


def test_many_equal_results_are_ordered_as_pyld_does() -> None:
    results = [{"type": ["Result"], "value": "same"} for _ in range(5)]
    document = badge(credentialSubject={"type": ["AchievementSubject"], "result": results})
    assert linked.canonical(document).decode() == by_pyld(document)


def test_text_that_looks_like_a_keyword_is_text() -> None:
    for text in ("_:", "_:a", "@id", "cred:x", "https://www.w3.org/2018/credentials#validUntil"):
        check(signed(badge(name=text)))


def test_order_of_keys_and_of_sets_is_not_signed() -> None:
    turned = dict(reversed(badge().items()))
    assert linked.canonical(turned) == linked.canonical(badge())


# Signing


def test_signed_badge_carries_one_proof_in_a_list() -> None:
    made = signed()
    (proof,) = made["proof"]
    assert {name: value for name, value in proof.items() if name != "proofValue"} == {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": "2020-01-02T03:04:05Z",
        "verificationMethod": METHOD,
        "proofPurpose": "assertionMethod",
    }
    assert linked.times(proof) == (NOW, None)
    check(made)
    assert "proof" not in BADGE


def test_second_proof_is_added_and_each_holds_by_itself() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    twice = linked.sign(signed(), signer=other, verification_method="did:example:b#k", created=NOW)
    first, second = linked.proofs(twice)
    linked.verify(twice, first, key=RAW)
    linked.verify(twice, second, key=other.public_key().public_bytes_raw())
    with pytest.raises(VerificationFailed, match="did:example:b#k"):
        linked.verify(twice, second, key=RAW)


@pytest.mark.parametrize(
    ("changes", "check_name"),
    [
        ({"nickname": "M"}, "terms"),
        ({"type": ["VerifiableCredential", "OpenBadge"]}, "terms"),
        ({"id": "badge-1"}, "terms"),
        ({"description": "bell \x07"}, "limits"),
        ({"@context": [contexts.CREDENTIALS_V2, {"nickname": "urn:nickname"}]}, "contexts"),
        ({"https://schema.org/name": "Median"}, "contexts"),
    ],
)
def test_signer_refuses_what_a_verifier_would(changes: dict[str, Any], check_name: str) -> None:
    with pytest.raises(VerificationFailed) as caught:
        signed(badge(**changes))
    assert caught.value.check == check_name


# One changed byte

LEAVES = [
    ("name",),
    ("issuer", "id"),
    ("issuer", "name"),
    ("validFrom",),
    ("validUntil",),
    ("credentialStatus", "statusListIndex"),
    ("credentialSubject", "achievement", "criteria", "narrative"),
    ("proof", 0, "created"),
    ("proof", 0, "verificationMethod"),
]


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: "-".join(map(str, path)))
def test_one_changed_letter_is_refused(path: tuple[str | int, ...]) -> None:
    document = signed()
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    text = place[path[-1]]
    place[path[-1]] = text.replace("20", "30") if "20" in text else text[:-1] + chr(ord(text[-1]) ^ 1)
    assert place[path[-1]] != text
    refused(document, "proof", "changed since, or another key signed it")


def test_removed_member_is_refused() -> None:
    for key in BADGE.keys() - {"@context", "type"}:
        document = signed()
        del document[key]
        refused(document, "proof")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"proofPurpose": "authentication"}, "expected the purpose assertionMethod"),
        ({"cryptosuite": "ecdsa-rdfc-2019"}, "got 'DataIntegrityProof' with 'ecdsa-rdfc-2019'"),
        ({"proofValue": "z" + "1" * 63 + "2"}, "changed since"),
        ({"proofValue": "u" + "A" * 86}, "expected base58 that begins with z"),
        ({"proofValue": "z1"}, "expected a signature of 64 bytes, got 1"),
        ({"proofValue": None}, "expected base58 that begins with z"),
        ({"previousProof": "urn:uuid:1"}, "one that builds on another"),
        ({"created": "yesterday"}, "created: expected a time, got 'yesterday'"),
        ({"created": "2020-01-02T03:04:05"}, "expected a time with a zone"),
        ({"expires": "soon"}, "expires: expected a time"),
    ],
)
def test_proof_with_other_options_is_refused(change: dict[str, Any], says: str) -> None:
    document = signed()
    document["proof"][0].update(change)
    refused(document, "proof", says)


def test_proof_with_an_undefined_option_is_refused() -> None:
    document = signed()
    document["proof"][0]["comment"] = "not signed"
    refused(document, "contexts")


@pytest.mark.parametrize("proof", ["text", ["text"], 1, [None]])
def test_proof_that_is_no_object_is_refused(proof: Any) -> None:
    with pytest.raises(VerificationFailed, match="expected proofs as objects"):
        linked.proofs(badge(proof=proof))


def test_more_proofs_than_anybody_needs_are_refused() -> None:
    with pytest.raises(VerificationFailed, match="at most 8 proofs, got 9"):
        linked.proofs(badge(proof=signed()["proof"] * 9))


# Other JSON for the same graph

Change = Callable[[dict[str, Any]], object]


def node(document: dict[str, Any]) -> dict[str, Any]:
    return {"id": document["id"], "type": document["type"]}


def move(document: dict[str, Any], name: str, to: str) -> None:
    document[to] = document.pop(name)


def typed_date(document: dict[str, Any]) -> None:
    value = document.pop("validUntil")
    document[CREDENTIALS + "validUntil"] = {
        "@value": value,
        "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
    }


def aliased(document: dict[str, Any]) -> None:
    document["@context"].append(
        {"until": {"@id": CREDENTIALS + "validUntil", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}}
    )
    move(document, "validUntil", "until")


def by_vocabulary(document: dict[str, Any]) -> None:
    document["@context"].append({"@vocab": CREDENTIALS + "credential"})
    move(document, "credentialStatus", "Status")


def moved_aside(document: dict[str, Any]) -> None:
    document["credentialSubject"]["achievement"]["related"] = [
        {**node(document), "validUntil": document.pop("validUntil")}
    ]


def included(document: dict[str, Any]) -> None:
    document["@included"] = [{**node(document), "validUntil": document.pop("validUntil")}]


def nested(document: dict[str, Any]) -> None:
    document["@nest"] = {"validUntil": document.pop("validUntil")}


def in_a_graph(document: dict[str, Any]) -> None:
    context, proof = document.pop("@context"), document.pop("proof", None)
    inside = dict(document)
    document.clear()
    document.update({"@context": context, "@graph": [inside], "proof": proof})


def status_elsewhere(document: dict[str, Any]) -> None:
    status = document["credentialStatus"]
    document["credentialStatus"] = {"id": status["id"]}
    document["credentialSubject"]["achievement"]["related"] = [status]


def status_split(document: dict[str, Any]) -> None:
    status = document["credentialStatus"]
    index = {"id": status["id"], "statusListIndex": status.pop("statusListIndex"), "type": status["type"]}
    document["credentialStatus"] = [status, index]


def reversed_in(document: dict[str, Any]) -> None:
    status = document.pop("credentialStatus")
    status["@reverse"] = {CREDENTIALS + "credentialStatus": {"@id": document["id"]}}
    document["@included"] = [status]


def labelled(document: dict[str, Any]) -> None:
    document["credentialSubject"]["id"] = "_:subject"


def inner_context(document: dict[str, Any]) -> None:
    document["credentialStatus"]["@context"] = contexts.CREDENTIALS_V2


ATTACKS: dict[str, Change] = {
    "validUntil-by-iri": typed_date,
    "validUntil-by-alias": aliased,
    "validUntil-moved-to-another-description": moved_aside,
    "validUntil-in-included": included,
    "validUntil-in-nest": nested,
    "status-by-iri": lambda one: move(one, "credentialStatus", CREDENTIALS + "credentialStatus"),
    "status-by-vocabulary": by_vocabulary,
    "status-described-elsewhere": status_elsewhere,
    "status-split": status_split,
    "status-reversed": reversed_in,
    "status-in-a-list-of-lists": lambda one: one.update(credentialStatus=[[one["credentialStatus"]]]),
    "status-type-by-iri": lambda one: one["credentialStatus"].update(
        type="https://www.w3.org/ns/credentials/status#BitstringStatusListEntry"
    ),
    "graph": in_a_graph,
    "type-by-keyword": lambda one: move(one, "type", "@type"),
    "id-by-keyword": lambda one: move(one, "id", "@id"),
    "blank-node-label": labelled,
    "null": lambda one: one.update(description=None),
    "inner-context": inner_context,
    "context-of-others-first": lambda one: one["@context"].reverse(),
    "context-twice": lambda one: one["@context"].append(one["@context"][0]),
    "context-unknown": lambda one: one["@context"].append("https://evil.example/context"),
    "no-context": lambda one: one.pop("@context"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_other_json_for_the_same_graph_is_refused(name: str) -> None:
    document = signed()
    ATTACKS[name](document)
    with pytest.raises(VerificationFailed) as caught:
        linked.check_contexts(document)
    assert caught.value.check == "contexts"


SAME_GRAPH = [
    "validUntil-by-iri",
    "validUntil-by-alias",
    "validUntil-in-included",
    "validUntil-in-nest",
    "status-reversed",
    "graph",
    "status-by-iri",
    "status-by-vocabulary",
    "status-in-a-list-of-lists",
    "status-split",
    "type-by-keyword",
    "id-by-keyword",
    "blank-node-label",
    "null",
]


@pytest.mark.parametrize("name", SAME_GRAPH)
def test_attack_leaves_the_graph_as_it_was(name: str) -> None:
    """Else the signature alone would stop it, and the test above would show nothing."""
    document = badge()
    ATTACKS[name](document)
    assert by_pyld(document) == by_pyld(badge())


def test_what_a_verifier_relies_on_may_be_described_twice_in_the_same_words() -> None:
    status = copy.deepcopy(BADGE["credentialStatus"])
    linked.check_contexts(badge(credentialStatus=[status, status]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"description": None}, "/description: expected a value, got null, which is not signed"),
        (
            {"issuer": {"id": "urn:i", "type": [VOCABULARY + "Profile"]}},
            "/issuer/type: expected the word that",
        ),
        ({"issuer": {"id": ["urn:i"]}}, "/issuer/id: expected one IRI, got"),
        ({"type": [1]}, "/type: expected names, got 1"),
        ({"evidence": [[]]}, "/evidence/0: expected no list directly in a list"),
        ({"@id": "urn:x"}, "expected a plain word as key, got '@id'"),
        ({"cred:name": "x"}, "expected a plain word as key, got 'cred:name'"),
    ],
)
def test_refusal_says_where_and_what_was_expected(change: dict[str, Any], says: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says)):
        linked.check_contexts({**badge(), **change})


def test_context_inside_is_not_read_whatever_is_asked() -> None:
    document = badge()
    document["evidence"][0]["@context"] = {"nickname": "https://schema.org/name"}
    for ask in (linked.check_contexts, linked.check_terms, linked.canonical):
        with pytest.raises(VerificationFailed, match=r"^contexts: /evidence/0/"):
            ask(document)


@pytest.mark.parametrize("undefined", ["badgeColour", "valid_until"])
def test_word_that_nothing_defines_is_refused(undefined: str) -> None:
    document = signed()
    document[undefined] = "2999-01-01T00:00:00Z"
    with pytest.raises(VerificationFailed, match=rf"^terms: .*{undefined}.*nothing of what stands under"):
        linked.check_terms(document)


def test_relative_and_shortened_iris_are_refused() -> None:
    for spoilt in ("median", "//school.example/x", "https://school.example/a b", "https://school.example/<"):
        document = badge(evidence=[{"id": spoilt, "type": ["Evidence"], "name": "x"}])
        with pytest.raises(VerificationFailed, match=r"^terms"):
            linked.check_terms(document)


def test_short_form_of_an_iri_is_refused() -> None:
    document = {
        "@context": [contexts.CREDENTIALS_V1],
        "id": "urn:uuid:1",
        "type": ["VerifiableCredential"],
        "evidence": {"id": "cred:x"},
    }
    with pytest.raises(VerificationFailed, match=f"every IRI written in full, got .*{CREDENTIALS}x"):
        linked.check_terms(document)


def test_embedded_endorsement_may_have_a_context_and_its_words_are_checked() -> None:
    endorsement = {
        "@context": [contexts.CREDENTIALS_V2, contexts.OPEN_BADGES],
        "id": "urn:uuid:e",
        "type": ["VerifiableCredential", "EndorsementCredential"],
        "issuer": "did:example:b",
        "validFrom": "2020-01-01T00:00:00Z",
        "name": "Good",
        "credentialSubject": {"id": BADGE["id"], "type": ["EndorsementSubject"], "endorsementComment": "Yes"},
    }
    document = badge(endorsement=[endorsement])
    check(signed(document))
    assert [one["id"] for one in form.embedded(document)] == ["urn:uuid:e"]

    endorsement["credentialSubject"]["validUntil"] = document.pop("validUntil")
    refused(document, "contexts", "described once")
    endorsement["credentialSubject"].pop("validUntil")
    endorsement["@context"].append({"x": "urn:x"})
    refused(document, "contexts", "/endorsement/0/@context: expected URLs alone")


# Limits


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ('{"id": "a", "id": "b"}', "json", "expected each key once, got id several times"),
        ('{"a": {"b": 1, "b": 2}}', "json", "got b several times"),
        ("[1]", "json", "expected a JSON object, got list"),
        ("{", "json", "expected JSON"),
        ('{"a": NaN}', "json", "got NaN"),
        ('{"a": 1e400}', "limits", "expected a number that has one short form, got inf"),
        ('{"a": 0.30000000000000004}', "limits", "expected a number that has one short form"),
        ('{"a": 0.0671648907}', "limits", "expected a number that has one short form"),
        ('{"a": 5e-324}', "limits", "expected a number that has one short form"),
        ('{"a": -0.0}', "limits", "expected a number that has one short form"),
        ('{"a": 9007199254740992}', "limits", "expected whole numbers up to 2**53 - 1"),
        ('{"a": "\\ud800"}', "limits", "got U+D800"),
        ('{"a": "\\u0000"}', "limits", "got U+0000"),
        ("[" * 100_000, "limits", "expected at most 24 levels"),
        ('{"a":' * 30 + "1" + "}" * 30, "limits", "expected at most 24 levels of nesting"),
        (
            '{"a": "' + "x" * screen.LIMIT_BYTES + '"}',
            "limits",
            f"expected at most {screen.LIMIT_BYTES} bytes",
        ),
        ('{"a": [' + "{}," * 2000 + "{}]}", "limits", "expected at most 2000 objects"),
        ('{"a": [' + "1," * 20_000 + "1]}", "limits", "expected at most 20000 values"),
        ('{"type": [' + '"a",' * 12 + '"a"]}', "limits", "expected at most 12 types of one object"),
    ],
)
def test_text_beyond_the_limits_is_refused(text: str, name: str, says: str) -> None:
    with pytest.raises(VerificationFailed, match=re.escape(says)) as caught:
        screen.check(screen.read(text))
    assert caught.value.check == name


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(VerificationFailed, match=r"^json"):
        screen.read(b'{"a": "\xff"}')


def poison(size: int, says: int = 0) -> list[Any]:
    """Blank nodes that each know all others: the worst there is to put in order."""
    return [
        {
            "@id": f"_:n{one}",
            "urn:says": [{"@value": f"word {word}"} for word in range(says)],
            "urn:knows": [{"@id": f"_:n{other}"} for other in range(size) if other != one],
        }
        for one in range(size)
    ]


def test_poison_graph_is_refused_before_work_is_done_on_it() -> None:
    with pytest.raises(VerificationFailed, match="expected at most 6 nodes without an id that look alike"):
        graph.canonical(poison(7))
    with pytest.raises(VerificationFailed, match="could take hours"):
        graph.canonical(poison(6, says=200))
    twins = [{"type": ["Result"], "alignment": [{"type": ["Alignment"]}] * 9} for _ in range(2)]
    document = badge(credentialSubject={"type": ["AchievementSubject"], "result": twins})
    with pytest.raises(VerificationFailed, match=r"^limits: .*could take hours"):
        linked.canonical(document)


def test_small_poison_graph_is_ordered_as_pyld_does() -> None:
    options = {"algorithm": "URDNA2015", "format": "application/n-quads"}
    given = poison(4, says=3)
    assert graph.canonical(given).decode() == jsonld.normalize(given, options)


def test_pyoxigraph_orders_alike_nodes_wrongly() -> None:
    """Why two libraries put graphs in order; once this fails, one is enough."""
    document = standard_json(*SAMPLES, "complete.json")
    document.pop("proof")
    quads = pyoxigraph.parse(json.dumps(form.expand(document, known=KNOWN)), pyoxigraph.RdfFormat.JSON_LD)
    dataset = pyoxigraph.Dataset(quads)
    dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    assert "".join(sorted(f"{quad} .\n" for quad in dataset)) != by_pyld(document)


KEYS = [
    *("@context", "@id", "@type", "@value", "@list", "@graph", "@reverse", "@json", "@index", "@nest"),
    *("id", "type", "proof", "name", "issuer", "evidence", "credentialSubject", "endorsement", "cred:x"),
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["x", "_:b", "urn:x", "cred:x", "", "@id"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_reading_anything_raises_only_what_it_says(value: Any, named: bool) -> None:
    document = dict(value) if isinstance(value, dict) else {"evidence": value}
    if named:
        document["@context"] = BADGE["@context"]
    for one in (linked.check_contexts, linked.check_terms, linked.canonical):
        with contextlib.suppress(VerificationFailed):
            one(document)
