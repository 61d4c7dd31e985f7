"""Properties made repeatable: hypothesis with the same settings and seed in every run of a test.

Comes in: collected tests. Goes out: the same tests, settled. hypothesis is imported by who has properties to
try: it takes longer than all the rest of a small suite.
"""

from __future__ import annotations

from typing import Any

import pytest

#: What every property is tried with; the profile's name is ours.
_PROFILE = "assessor"


def prepare() -> None:
    """Make our settings those of every test that brings none."""
    import hypothesis

    hypothesis.settings.register_profile(_PROFILE, parent=None, **_settings())
    hypothesis.settings.load_profile(_PROFILE)


def settle(item: pytest.Item, seed: int) -> None:
    """Force the settings that make a property repeatable, whatever the test set itself.

    Args:
        item: a collected test; one that is no property stays as it is.
        seed: where its examples begin, unless the test says so itself.
    """
    function: Any = getattr(item, "obj", None)
    function = getattr(function, "__func__", function)
    if not getattr(function, "is_hypothesis_test", False):
        return
    import hypothesis

    own: Any = getattr(function, "_hypothesis_internal_use_settings", None) or hypothesis.settings.default
    checks = {*own.suppress_health_check, hypothesis.HealthCheck.too_slow}
    function._hypothesis_internal_use_settings = hypothesis.settings(
        own, **{**_settings(), "suppress_health_check": sorted(checks, key=lambda check: check.name)}
    )
    if getattr(function, "_hypothesis_internal_use_seed", None) is None:
        function._hypothesis_internal_use_seed = seed


def _settings() -> dict[str, Any]:
    import hypothesis

    return {
        "derandomize": False,
        "database": None,
        "deadline": None,
        "print_blob": False,
        "suppress_health_check": [hypothesis.HealthCheck.too_slow],
    }
