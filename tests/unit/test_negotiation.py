"""Which form is sent: by weight, then by how closely it was named, then by our own order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor.web import negotiation

OFFERS = ("text/html", "application/ld+json", "application/json", "image/png")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/json;q=0.5, text/html;q=0.4", "application/json"),
        ("application/json;q=0.4, text/html;q=0.5", "text/html"),
        ("text/html;q=0.5, */*;q=0.9", "application/ld+json"),
        ("application/*", "application/ld+json"),
        ("application/*, application/ld+json;q=0.1", "application/json"),
        ("text/*;q=0.3, text/html;q=0, */*;q=0.2", "application/ld+json"),
        ("image/*", "image/png"),
        ("text/html;q=0", None),
        ("image/webp", None),
        ("*/*;q=0", None),
        ("application/json;q=0.000, */*", "text/html"),
        ("application/json;Q=1", "application/json"),
        ("application/json ; q=0.9 , text/html;q=0.1", "application/json"),
        # No weights: that range is left out.
        ("application/json;q=2, text/html;q=0.1", "text/html"),
        ("application/json;q=-1, text/html;q=0.1", "text/html"),
        ("application/json;q=0.12345, text/html;q=0.1", "text/html"),
        ("*/html, application/json", "application/json"),
        # Nothing that can be read: as if nothing had been asked.
        ("nonsense", "text/html"),
        (";;;,,,", "text/html"),
    ],
)
def test_form_that_is_liked_best_is_sent(accept: str | None, chosen: str | None) -> None:
    assert negotiation.choose(accept, OFFERS) == chosen


@given(st.text())
def test_any_header_is_answered(accept: str) -> None:
    assert negotiation.choose(accept, OFFERS) in (*OFFERS, None)


def test_header_without_an_end_is_read_up_to_a_bound() -> None:
    assert len(negotiation.read("text/html," * 100_000)) == negotiation.RANGES
