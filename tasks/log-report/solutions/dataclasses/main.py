"""A report from web server logs: python3 main.py LOG..."""

import gzip
import json
import re
import sys
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone

LINE = re.compile(
    r"(?P<client>\S+) - (?P<user>\S+) "
    r"\[(?P<when>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\] "
    r'"(?P<method>\S+) (?P<path>\S+) (?P<protocol>\S+)" '
    r"(?P<status>[1-5][0-9]{2}) (?P<size>[0-9]+|-)"
)
MOST_WANTED = 5


@dataclass(frozen=True)
class Request:
    """One request that the server answered; the time is in UTC."""

    client: str
    user: str | None
    when: datetime
    path: str
    status: int
    size: int


def parse(line):
    """The request in a line of bytes, or None if the line is broken."""
    try:
        match = LINE.fullmatch(line.decode("utf-8"))
        if match is None:
            return None
        when = datetime.strptime(match["when"], "%d/%b/%Y:%H:%M:%S %z").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return Request(
        client=match["client"],
        user=None if match["user"] == "-" else match["user"],
        when=when,
        path=match["path"].partition("?")[0],
        status=int(match["status"]),
        size=0 if match["size"] == "-" else int(match["size"]),
    )


def read(name):
    """The lines of a log, without their ends and without empty ones."""
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "rb") as log:
        data = log.read()
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return [line for line in lines if line.strip()]


def moment(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def summary(requests, broken):
    """The report."""
    moments = [request.when for request in requests]
    paths = Counter(request.path for request in requests)
    hours = Counter(when.strftime("%Y-%m-%dT%H") for when in moments)
    return {
        "requests": len(requests),
        "broken": broken,
        "bytes": sum(request.size for request in requests),
        "first": moment(min(moments)) if moments else None,
        "last": moment(max(moments)) if moments else None,
        "statuses": Counter(f"{request.status // 100}xx" for request in requests),
        "paths": sorted(paths.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_WANTED],
        "clients": len({request.client for request in requests}),
        "users": sorted({request.user for request in requests if request.user is not None}),
        "busiest_hour": min(hours, key=lambda hour: (-hours[hour], hour), default=None),
    }


def main(names):
    if not names:
        print("usage: main.py LOG...", file=sys.stderr)
        return 2
    lines = []
    for name in names:
        try:
            lines += read(name)
        except (OSError, EOFError, zlib.error) as error:
            print(f"log-report: {name}: {error}", file=sys.stderr)
            return 1
    parsed = [parse(line) for line in lines]
    requests = [request for request in parsed if request is not None]
    broken = len(parsed) - len(requests)
    with open("report.json", "w", encoding="utf-8") as file:
        json.dump(summary(requests, broken), file, indent=2)
    print(f"{len(requests)} requests, {broken} broken")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
