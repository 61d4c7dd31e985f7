"""What the report says."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


@pytest.mark.criterion("figures", points=2)
def test_moments_are_in_utc_whatever_the_lines_say(report, line):
    found = report(
        line(when="01/Jan/2026:00:30:00 +0200") + line(when="31/Dec/2025:20:00:00 -0500") + line(when="31/Dec/2025:23:00:00 +0000")
    )
    assert (found["first"], found["last"]) == ("2025-12-31T22:30:00Z", "2026-01-01T01:00:00Z")


@pytest.mark.criterion("figures", points=2)
def test_several_logs_make_one_report(report, line):
    found = report(line(when="02/Jan/2026:00:00:00 +0000"), line(when="01/Jan/2026:00:00:00 +0000", client="b"))
    assert (found["requests"], found["clients"]) == (2, 2)
    assert (found["first"], found["last"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


@pytest.mark.criterion("figures", points=1)
def test_statuses_by_their_first_digit(report, line):
    found = report("".join(line(status=status) for status in (100, 200, 204, 299, 301, 404, 500, 599)))
    assert found["statuses"] == {"1xx": 1, "2xx": 3, "3xx": 1, "4xx": 1, "5xx": 2}


@pytest.mark.criterion("figures", points=2)
def test_the_five_paths_asked_for_most(report, line):
    wanted = {"/f": 1, "/e": 2, "/d": 2, "/c": 3, "/b": 1, "/a": 1, "/z": 4}
    found = report("".join(line(request=f"GET {path} HTTP/1.1") * count for path, count in wanted.items()))
    assert found["paths"] == [["/z", 4], ["/c", 3], ["/d", 2], ["/e", 2], ["/a", 1]]


@pytest.mark.criterion("figures", points=1)
def test_a_query_is_no_part_of_the_path(report, line):
    found = report("".join(line(request=f"GET {path} HTTP/1.1") for path in ("/a?x=1", "/a", "/a?x=1?y", "/b?")))
    assert found["paths"] == [["/a", 3], ["/b", 1]]


@pytest.mark.criterion("figures", points=1)
def test_users_once_and_sorted(report, line):
    found = report("".join(line(user=user) for user in ("zoe", "-", "ada", "zoe", "Bo")))
    assert found["users"] == ["Bo", "ada", "zoe"]


@pytest.mark.criterion("figures", points=2)
def test_the_busiest_hour_is_the_earliest_of_equals(report, line):
    found = report(
        line(when="01/Jan/2026:15:10:00 +0000") * 2
        + line(when="01/Jan/2026:09:59:59 +0000") * 2
        + line(when="01/Jan/2026:10:00:00 +0000")
    )
    assert found["busiest_hour"] == "2026-01-01T09"


@pytest.mark.criterion("figures", points=2)
def test_the_busiest_hour_is_one_of_utc(report, line):
    found = report(
        line(when="01/Jan/2026:12:40:00 +0530") * 2
        + line(when="01/Jan/2026:07:50:00 +0000")
        + line(when="01/Jan/2026:12:10:00 +0000") * 2
    )
    assert found["busiest_hour"] == "2026-01-01T07"


@pytest.mark.criterion("figures", points=1)
@pytest.mark.parametrize("log", ["", "\n\n", "nonsense\n"], ids=["empty", "blank", "broken"])
def test_without_requests_there_are_no_moments(report, log):
    found = report(log)
    assert (found["requests"], found["bytes"], found["clients"]) == (0, 0, 0)
    assert (found["first"], found["last"], found["busiest_hour"]) == (None, None, None)
    assert (found["statuses"], found["paths"], found["users"]) == ({}, [], [])


entries = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.integers(0, 5), st.sampled_from([200, 302, 404])), min_size=1, max_size=25
)


@pytest.mark.criterion("figures", points=3)
@settings(
    max_examples=8,
    phases=[Phase.generate],  # each example starts a program: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(entries)
def test_any_log_adds_up(report, line, entries):
    found = report(
        "".join(
            line(client=name, when=f"05/May/2026:1{hour}:00:00 +0000", request=f"GET /{name} HTTP/1.1", status=status)
            for name, hour, status in entries
        )
    )
    names = Counter(name for name, _, _ in entries)
    hours = Counter(hour for _, hour, _ in entries)
    busiest = min(hours, key=lambda hour: (-hours[hour], hour))
    assert found["requests"] == len(entries)
    assert found["clients"] == len(names)
    assert found["statuses"] == Counter(f"{status // 100}xx" for _, _, status in entries)
    assert found["paths"] == [[f"/{name}", names[name]] for name in sorted(names, key=lambda n: (-names[n], n))[:5]]
    assert found["busiest_hour"] == f"2026-05-05T1{busiest}"
