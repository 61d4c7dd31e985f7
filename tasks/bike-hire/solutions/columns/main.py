"""Cleans an export of bike rides and counts it: python3 main.py rides.csv"""

import sys

import pandas as pd

MISSING = ["", "-", "n/a"]
STYLES = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M"]
MEMBER = {
    "yes": "yes",
    "y": "yes",
    "true": "yes",
    "1": "yes",
    "no": "no",
    "n": "no",
    "false": "no",
    "0": "no",
}
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def read(path):
    """The export as text, its rows numbered from 1; what is missing is missing."""
    rides = pd.read_csv(path, dtype=str, keep_default_na=False)
    rides.index += 1
    for name in rides:
        text = rides[name].str.strip()
        rides[name] = text.mask(text.str.lower().isin(MISSING))
    return rides


def latest(rides):
    """The rows that count: the last of each id, and all that have none."""
    ids = rides["ride_id"].str.upper()
    return rides.assign(ride_id=ids)[ids.isna() | ~ids.duplicated(keep="last")]


def moments(text):
    found = pd.to_datetime(text, format=STYLES[0], errors="coerce")
    for style in STYLES[1:]:
        found = found.fillna(pd.to_datetime(text, format=style, errors="coerce"))
    return found


def numbers(text):
    return pd.to_numeric(text.str.extract(r"^(\d+)(?:\.0)?$", expand=False)).astype("Int64")


def cents(text):
    euros = text.str.extract(r"^(?:€\s*)?(\d+(?:[.,]\d\d?)?)$", expand=False).str.replace(
        ",", ".", regex=False
    )
    return (pd.to_numeric(euros) * 100).round().astype("Int64")


def clean(rides):
    return pd.DataFrame(
        {
            "ride_id": rides["ride_id"],
            "station": rides["station"].str.split().str.join(" ").str.title(),
            "started": moments(rides["started"]),
            "minutes": numbers(rides["minutes"]),
            "member": rides["member"].str.lower().map(MEMBER).fillna("unknown"),
            "fee_cents": cents(rides["fee"]),
        }
    )


def reasons(rides, cleaned):
    """Why each row is rejected, missing where it is not."""
    usable = cleaned["minutes"].between(1, 1440).fillna(False)
    reason = pd.Series(None, index=rides.index, dtype=object)
    # The first reason wins: it is written last.
    reason[rides["minutes"].notna() & ~usable] = "bad minutes"
    reason[cleaned["started"].isna()] = "no start"
    reason[cleaned["station"].isna()] = "no station"
    reason[cleaned["ride_id"].isna()] = "no id"
    return reason


def by_station(rides):
    groups = rides.assign(month=rides["started"].dt.strftime("%Y-%m"), is_member=rides["member"] == "yes")
    return groups.groupby(["station", "month"]).agg(
        rides=("ride_id", "size"),
        member_rides=("is_member", "sum"),
        median_minutes=("minutes", "median"),
        fee_cents=("fee_cents", "sum"),
    )


def by_weekday(rides):
    counts = pd.crosstab(rides["station"], rides["started"].dt.dayofweek).reindex(
        columns=range(7), fill_value=0
    )
    return counts.set_axis(DAYS, axis=1).rename_axis(index="station")


def main():
    counted = latest(read(sys.argv[1]))
    cleaned = clean(counted)
    reason = reasons(counted, cleaned)
    rides = cleaned[reason.isna()].sort_values(["started", "ride_id"])
    rides.to_csv("clean.csv", index=False, date_format="%Y-%m-%d %H:%M")
    reason.dropna().rename_axis("row").rename("reason").to_csv("rejected.csv")
    by_station(rides).to_csv("stations.csv")
    by_weekday(rides).to_csv("weekdays.csv")


if __name__ == "__main__":
    main()
