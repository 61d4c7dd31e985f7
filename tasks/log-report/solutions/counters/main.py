"""A report from web server logs."""

import collections
import datetime
import gzip
import io
import json
import pathlib
import sys

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Broken(Exception):
    pass


def need(condition):
    if not condition:
        raise Broken


def digits(text, length=None):
    need(text.isascii() and text.isdigit() and length in (None, len(text)))
    return int(text)


def when(day, zone):
    """UTC of `[31/Mar/2026:23:59:07` and `+0000]`."""
    need(day.startswith("[") and zone.endswith("]"))
    date, *clock = day[1:].split(":")
    parts = date.split("/")
    need(len(parts) == 3 and len(clock) == 3 and parts[1] in MONTHS)
    hour, minute, second = (digits(part, 2) for part in clock)
    need(zone[0] in "+-")
    offset = datetime.timedelta(hours=digits(zone[1:3], 2), minutes=digits(zone[3:-1], 2))
    try:
        local = datetime.datetime(
            digits(parts[2], 4), MONTHS.index(parts[1]) + 1, digits(parts[0], 2), hour, minute, second
        )
        return local - offset if zone[0] == "+" else local + offset
    except (ValueError, OverflowError):
        raise Broken from None


def fields(line):
    """client, user, time, path, status, bytes"""
    try:
        parts = line.decode().split(" ")
    except UnicodeDecodeError:
        raise Broken from None
    need(len(parts) == 10)
    need(all(part and not any(char.isspace() for char in part) for part in parts))
    client, dash, user, day, zone, method, path, protocol, status, size = parts
    need(dash == "-")
    need(method.startswith('"') and len(method) > 1 and protocol.endswith('"') and len(protocol) > 1)
    need(100 <= digits(status, 3) <= 599)
    return client, user, when(day, zone), path.split("?")[0], status, 0 if size == "-" else digits(size)


class Report:
    def __init__(self):
        self.broken = self.bytes = 0
        self.first = self.last = None
        self.statuses, self.paths, self.hours = (collections.Counter() for _ in range(3))
        self.clients, self.users = set(), set()

    def take(self, line):
        try:
            client, user, moment, path, status, size = fields(line)
        except Broken:
            self.broken += 1
            return
        self.bytes += size
        self.first = min(self.first or moment, moment)
        self.last = max(self.last or moment, moment)
        self.statuses[status[0] + "xx"] += 1
        self.paths[path] += 1
        self.hours[moment.isoformat()[:13]] += 1
        self.clients.add(client)
        if user != "-":
            self.users.add(user)

    def as_dict(self):
        by_count = lambda counter: sorted(counter, key=lambda key: (-counter[key], key))
        return {
            "requests": self.paths.total(),
            "broken": self.broken,
            "bytes": self.bytes,
            "first": self.first and self.first.isoformat() + "Z",
            "last": self.last and self.last.isoformat() + "Z",
            "statuses": dict(self.statuses),
            "paths": [[path, self.paths[path]] for path in by_count(self.paths)[:5]],
            "clients": len(self.clients),
            "users": sorted(self.users),
            "busiest_hour": by_count(self.hours)[0] if self.hours else None,
        }


def lines(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    for line in io.BytesIO(data):
        line = line.rstrip(b"\r\n")
        if line.strip():
            yield line


if len(sys.argv) < 2:
    sys.exit((print("which logs?", file=sys.stderr), 2)[1])
report = Report()
for name in sys.argv[1:]:
    try:
        for line in lines(pathlib.Path(name)):
            report.take(line)
    except Exception as error:
        sys.exit(f"cannot read {name}: {error}")
result = report.as_dict()
pathlib.Path("report.json").write_text(json.dumps(result))
print(f"{result['requests']} requests, {result['broken']} broken")
