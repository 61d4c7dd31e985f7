"""Cleans an export of bike rides and counts it: python3 main.py rides.csv

Values are cleaned one at a time by small functions; pandas reads, groups and writes.
"""

import re
import sys
from datetime import datetime

import pandas as pd

STYLES = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M")
WEEK = {"Mon": 0, "Tue": 1, "Wed": 2, "Thu": 3, "Fri": 4, "Sat": 5, "Sun": 6}
CLEAN = ["ride_id", "station", "started", "minutes", "member", "fee_cents"]


class Rejected(Exception):
    """A row that cannot be used; its text is the reason."""


def text(field):
    stripped = field.strip()
    return None if stripped.lower() in {"", "-", "n/a"} else stripped


def moment(field):
    for style in STYLES:
        try:
            return datetime.strptime(field, style)
        except ValueError:
            continue
    raise Rejected("no start")


def minutes(field):
    if field is None:
        return None
    found = re.fullmatch(r"(\d+)(\.0)?", field)
    if not found or not 1 <= int(found[1]) <= 1440:
        raise Rejected("bad minutes")
    return int(found[1])


def member(field):
    said = (field or "").lower()
    if said in {"yes", "y", "true", "1"}:
        return "yes"
    return "no" if said in {"no", "n", "false", "0"} else "unknown"


def cents(field):
    found = re.fullmatch(r"(?:€\s*)?(\d+)(?:[.,](\d\d?))?", field or "")
    if not found:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def ride(fields):
    """The clean ride of a row; raises Rejected."""
    if fields["ride_id"] is None:
        raise Rejected("no id")
    if fields["station"] is None:
        raise Rejected("no station")
    return {
        "ride_id": fields["ride_id"].upper(),
        "station": " ".join(word.capitalize() for word in fields["station"].split()),
        "started": moment(fields["started"] or ""),
        "minutes": minutes(fields["minutes"]),
        "member": member(fields["member"]),
        "fee_cents": cents(fields["fee"]),
    }


def sort_out(path):
    """The rides that can be used, and the rows that cannot, by number."""
    last = {}
    for number, row in enumerate(
        pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records"), start=1
    ):
        fields = {name: text(field) for name, field in row.items()}
        last[fields["ride_id"].upper() if fields["ride_id"] else number] = (number, fields)
    rides, rejected = [], []
    for number, fields in sorted(last.values(), key=lambda one: one[0]):
        try:
            rides.append(ride(fields))
        except Rejected as reason:
            rejected.append((number, str(reason)))
    return rides, rejected


def frame(rides):
    made = pd.DataFrame(rides, columns=CLEAN)
    made = made.astype({"minutes": "Int64", "fee_cents": "Int64", "started": "datetime64[ns]"})
    return made.sort_values(["started", "ride_id"])


def stations(rides):
    keys = [rides["station"], rides["started"].dt.strftime("%Y-%m").rename("month")]
    groups = rides.groupby(keys)
    return pd.DataFrame(
        {
            "rides": groups["ride_id"].count(),
            "member_rides": (rides["member"] == "yes").groupby(keys).sum(),
            "median_minutes": groups["minutes"].median(),
            "fee_cents": groups["fee_cents"].sum(),
        }
    )


def weekdays(rides):
    day = rides["started"].dt.dayofweek
    marks = pd.DataFrame({name: (day == number).astype(int) for name, number in WEEK.items()})
    return marks.groupby(rides["station"]).sum()


def main():
    rides, rejected = sort_out(sys.argv[1])
    cleaned = frame(rides)
    cleaned.to_csv("clean.csv", index=False, date_format="%Y-%m-%d %H:%M")
    pd.DataFrame(rejected, columns=["row", "reason"]).to_csv("rejected.csv", index=False)
    stations(cleaned).to_csv("stations.csv")
    weekdays(cleaned).to_csv("weekdays.csv")


if __name__ == "__main__":
    main()
