"""Lines that are right, lines that are broken, and files that cannot be read."""

import gzip

import pytest


@pytest.mark.criterion("parsing", points=4)
@pytest.mark.parametrize(
    "change",
    [
        {"when": "31/Apr/2026:12:00:00 +0000"},
        {"when": "31/Mrz/2026:12:00:00 +0000"},
        {"when": "31/Mar/2026:24:00:00 +0000"},
        {"when": "31/Mar/2026:12:00:00"},
        {"when": "31/Mar/2026:12:00 +0000"},
        {"when": "Mar/2026:12:00:00 +0000"},
        {"when": "31/Mar/2026:12:00:00 00000"},
        {"status": 600},
        {"status": 99},
        {"status": "-"},
        {"size": "-1"},
        {"size": "10k"},
        {"request": "GET /"},
        {"request": "GET / HTTP/1.1 again"},
        {"request": "-"},
        {"request": " / HTTP/1.1"},
        {"request": "GET / "},
        {"client": "192.0.2.1 192.0.2.2"},
        {"user": ""},
    ],
    ids=[
        *("day", "month", "hour", "zone", "seconds", "date", "sign", "over", "under", "none", "minus", "unit"),
        *("short", "long", "dash", "method", "protocol", "two", "user"),
    ],
)
def test_a_broken_line_is_counted_and_passed_over(report, line, change):
    found = report(line() + line(**change) + line())
    assert (found["requests"], found["broken"], found["bytes"]) == (2, 1, 20)


@pytest.mark.criterion("parsing", points=1)
def test_a_request_without_its_quotes_is_broken(report, line):
    found = report(line() + line().replace('"', "'") + line().replace('"', ""))
    assert (found["requests"], found["broken"]) == (1, 2)


@pytest.mark.criterion("parsing", points=2)
def test_bytes_that_are_no_text_break_their_line_alone(report, line):
    log = line().encode() + line(client="caf\xe9").encode("latin-1") + b"\x00\xff\n" + line(client="café").encode()
    found = report(log)
    assert (found["requests"], found["broken"], found["clients"]) == (2, 2, 2)


@pytest.mark.criterion("parsing", points=1)
def test_empty_lines_are_nothing(report, line):
    found = report("\n" + line() + "  \n\t\n" + line() + "\n\n")
    assert (found["requests"], found["broken"]) == (2, 0)


@pytest.mark.criterion("parsing", points=1)
def test_the_last_line_may_lack_its_end(report, line):
    assert report(line() + line().rstrip("\n"))["requests"] == 2


@pytest.mark.criterion("parsing", points=2)
def test_a_dash_for_bytes_is_none(report, line):
    found = report(line(size="-") + line(size=0) + line(size=7))
    assert (found["requests"], found["bytes"]) == (3, 7)


@pytest.mark.criterion("parsing", points=2)
def test_compressed_logs_are_read_beside_others(program, line):
    done = program("a.log", "b.log.gz", files={"a.log": line(), "b.log.gz": gzip.compress(line().encode() * 3)})
    assert (done.stdout, done.returncode) == ("4 requests, 0 broken\n", 0)


@pytest.mark.criterion("parsing", points=3)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.log", None),
        ("folder", None),
        ("cut.log.gz", gzip.compress(b"x" * 10_000, mtime=0)[:-12]),
        ("lie.log.gz", b"this is not compressed"),
    ],
    ids=["missing", "folder", "cut", "plain"],
)
def test_a_log_that_cannot_be_read_ends_without_a_report(program, line, name, content):
    files = {"a.log": line(), "folder/x": ""}
    if content is not None:
        files[name] = content
    done = program("a.log", name, files=files)
    assert (done.stdout, done.returncode) == ("", 1)
    assert name in done.stderr
    assert "report.json" not in done.files


@pytest.mark.criterion("parsing", points=1)
def test_no_log_is_a_mistake_in_use(program):
    done = program()
    assert (done.stdout, done.returncode) == ("", 2)
    assert "report.json" not in done.files
