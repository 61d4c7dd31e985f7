"""A job's check: what a bell writes is taken, all else is refused, and no bytes make the check fail."""

from __future__ import annotations

import json
import zlib

import pytest
import rq.serializers
from hypothesis import given
from hypothesis import strategies as st

from assessor import payload

ATTEMPTS = st.from_regex(r"[A-Za-z0-9-]{1,100}", fullmatch=True)
EPOCHS = st.integers(1, 999_999_999)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def rung(attempt: str, epoch: int) -> dict[bytes, bytes]:
    """What lies on the server after a ring."""
    job = payload.Job.create(
        payload.FUNCTION,
        args=(attempt, epoch),
        id=payload.job_id(attempt, epoch),
        connection=object(),
        serializer=rq.serializers.JSONSerializer,
        timeout=-1,
        result_ttl=60,
        failure_ttl=600,
    )
    return {
        key.encode(): value if isinstance(value, bytes) else str(value).encode()
        for key, value in job.to_dict().items()
    }


@given(ATTEMPTS, EPOCHS)
def test_what_a_bell_writes_is_taken(attempt: str, epoch: int) -> None:
    name = payload.job_id(attempt, epoch)
    assert payload.named(name) == (attempt, epoch)
    assert payload.refusal(name, rung(attempt, epoch)) is None


@given(ATTEMPTS, EPOCHS, JSON)
def test_any_other_call_is_refused(attempt: str, epoch: int, body: object) -> None:
    fields = rung(attempt, epoch) | {b"data": zlib.compress(json.dumps(body).encode())}
    assert payload.refusal(payload.job_id(attempt, epoch), fields) is not None


@given(st.text(), st.dictionaries(st.binary(), st.binary()), st.binary())
def test_no_bytes_make_the_check_fail(name: str, fields: dict[bytes, bytes], data: bytes) -> None:
    assert isinstance(payload.refusal(name, fields), str)
    assert isinstance(payload.refusal("a_1", fields | {b"data": data}), str)
    assert isinstance(payload.refusal("a_1", rung("a", 1) | {b"data": zlib.compress(data)}), str)


@given(st.text())
def test_any_id_is_ours_or_none(name: str) -> None:
    call = payload.named(name)
    assert call is None or payload.job_id(*call) == name


@given(st.binary(min_size=1).filter(lambda name: name.decode(errors="replace") not in payload._FIELDS))
def test_any_field_more_is_refused_unless_it_is_empty(name: bytes) -> None:
    assert payload.refusal("a_1", rung("a", 1) | {name: b""}) is None
    refused = payload.refusal("a_1", rung("a", 1) | {name: b"x"})
    assert refused is not None
    assert refused.startswith("field ")


@pytest.mark.parametrize("cut", [0, 1, 10])
def test_cut_payload_is_refused(cut: int) -> None:
    fields = rung("a", 1)
    fields[b"data"] = fields[b"data"][:cut]
    assert payload.refusal("a_1", fields) is not None
