"""Exports for the tests: rides as they were, and the same rides as somebody wrote them down."""

import csv
import io
import random
import statistics
from collections import defaultdict
from datetime import datetime, timedelta

INPUT = ["ride_id", "station", "started", "minutes", "member", "fee"]
CLEAN = ["ride_id", "station", "started", "minutes", "member", "fee_cents"]
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
STATIONS = ["Harbour", "Old Town", "East Gate", "Mill Hill North"]


def export(rows):
    """The text of an export; a row is its six fields."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(INPUT)
    writer.writerows(rows)
    return text.getvalue()


def table(text):
    """A written file as a list of its rows: numbers as numbers, missing as None."""
    header, *rows = csv.reader(io.StringIO(text))
    return [dict(zip(header, map(_value, row), strict=True)) for row in rows]


def _value(field):
    if field == "":
        return None
    try:
        return float(field)
    except ValueError:
        return field


def header(text):
    return next(csv.reader(io.StringIO(text)))


def stations(rides):
    """What stations.csv must hold for clean rides, each a dict by CLEAN with `started` as a datetime."""
    groups = defaultdict(list)
    for ride in rides:
        groups[ride["station"], ride["started"].strftime("%Y-%m")].append(ride)
    return [
        {
            "station": station,
            "month": month,
            "rides": len(group),
            "member_rides": sum(ride["member"] == "yes" for ride in group),
            "median_minutes": statistics.median(known) if (known := _known(group, "minutes")) else None,
            "fee_cents": sum(_known(group, "fee_cents")),
        }
        for (station, month), group in sorted(groups.items())
    ]


def weekdays(rides):
    """What weekdays.csv must hold."""
    counts = defaultdict(lambda: dict.fromkeys(DAYS, 0))
    for ride in rides:
        counts[ride["station"]][DAYS[ride["started"].weekday()]] += 1
    return [{"station": station, **counts[station]} for station in sorted(counts)]


def clean(rides):
    """What clean.csv must hold."""
    ordered = sorted(rides, key=lambda ride: (ride["started"], ride["ride_id"]))
    return [{**ride, "started": ride["started"].strftime("%Y-%m-%d %H:%M")} for ride in ordered]


def _known(rides, key):
    return [ride[key] for ride in rides if ride[key] is not None]


def random_month(seed):
    """Rides of some weeks, as they were and as they were written down.

    Returns:
        the clean rides; (row, reason) of those that cannot be used; the rows of the export.
    """
    chance = random.Random(seed)
    rides, rejected, rows = [], [], []
    for count in range(chance.randint(25, 45)):
        ride, reason, spoilt = _ride(chance, count), None, {}
        if chance.random() < 0.2:
            reason, spoilt = chance.choice(
                [
                    ("no id", {0: chance.choice(["", "-"])}),
                    ("no station", {1: chance.choice(["", "N/A"]), 2: "?"}),
                    (
                        "no start",
                        {2: chance.choice(["", "31/02/2026 10:00", "2026-13-01 10:00", "soon"]), 3: "0"},
                    ),
                    ("bad minutes", {3: chance.choice(["0", "1441", "ten", "12.5", "-3"])}),
                ]
            )
        # Sent before, and wrong; a row without an id replaces nothing.
        for _ in range(0 if reason == "no id" else chance.choice([0, 0, 0, 1, 2])):
            rows.append(_written(chance, {**_ride(chance, count), "ride_id": ride["ride_id"]}))
        row = [spoilt.get(at, field) for at, field in enumerate(_written(chance, ride))]
        rows.append(row)
        if reason is None:
            rides.append(ride)
        else:
            rejected.append((len(rows), reason))
    return rides, rejected, rows


def _ride(chance, count):
    started = datetime(2026, 1, 28) + timedelta(minutes=chance.randrange(0, 40 * 24 * 60))
    return {
        "ride_id": f"{chance.choice('ABC')}{100 + count}",
        "station": chance.choice(STATIONS),
        "started": started,
        "minutes": chance.choice([None, 1, 1440, *range(5, 60)]),
        "member": chance.choice(["yes", "no", "unknown"]),
        "fee_cents": chance.choice([None, 0, 5, 435, 110, 2090, *range(100, 400)]),
    }


def _written(chance, ride):
    """One of the ways in which somebody may write down a ride."""
    started, cents = ride["started"], ride["fee_cents"]
    missing = ["", "-", "n/a", "N/A", " "]
    fields = [
        chance.choice([ride["ride_id"], ride["ride_id"].lower()]),
        chance.choice([" ", "  "]).join(
            chance.choice([word, word.lower(), word.upper()]) for word in ride["station"].split()
        ),
        chance.choice(
            [f"{started:%Y-%m-%d %H:%M}", f"{started:%Y-%m-%dT%H:%M:%S}", f"{started:%d/%m/%Y %H:%M}"]
        ),
        chance.choice(missing)
        if ride["minutes"] is None
        else f"{ride['minutes']}{chance.choice(['', '.0'])}",
        chance.choice(
            {
                "yes": ["yes", "Y", "TRUE", "1"],
                "no": ["No", "n", "false", "0"],
                "unknown": ["", "-", "maybe", "2"],
            }[ride["member"]]
        ),
        chance.choice([*missing, "free", "3.505"]) if cents is None else _euros(chance, cents),
    ]
    return [f"{chance.choice(['', ' '])}{field}{chance.choice(['', ' '])}" for field in fields]


def _euros(chance, cents):
    whole, part = divmod(cents, 100)
    styles = [f"{whole}.{part:02}", f"{whole},{part:02}"]
    if part % 10 == 0:
        styles.append(f"{whole}.{part // 10}")
    if part == 0:
        styles.append(str(whole))
    return chance.choice(["", "€", "€ "]) + chance.choice(styles)
