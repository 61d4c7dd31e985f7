"""The example of the brief."""

import json

import pytest

pytestmark = pytest.mark.visible

LOG = """\
192.0.2.7 - ada [31/Mar/2026:23:59:07 +0000] "GET /shop/lamp?colour=red HTTP/1.1" 200 5120
192.0.2.7 - ada [31/Mar/2026:23:59:30 +0000] "GET /shop/lamp HTTP/1.1" 200 5120
192.0.2.8 - - [01/Apr/2026:00:10:00 +0000] "GET /missing HTTP/1.1" 404 -
what is this?
192.0.2.7 - ada [31/Mar/2026:23:59:59 +0000] "POST /shop/lamp HTTP/1.1" 201 0
"""


@pytest.mark.criterion("figures", points=2)
def test_the_example(report):
    assert report(LOG) == {
        "requests": 4,
        "broken": 1,
        "bytes": 10240,
        "first": "2026-03-31T23:59:07Z",
        "last": "2026-04-01T00:10:00Z",
        "statuses": {"2xx": 3, "4xx": 1},
        "paths": [["/shop/lamp", 3], ["/missing", 1]],
        "clients": 2,
        "users": ["ada"],
        "busiest_hour": "2026-03-31T23",
    }


@pytest.mark.criterion("figures", points=1)
def test_one_line_is_printed(program):
    done = program("a.log", files={"a.log": LOG})
    assert done.stdout == "4 requests, 1 broken\n"
    assert list(json.loads(done.files["report.json"])["statuses"]) != []
