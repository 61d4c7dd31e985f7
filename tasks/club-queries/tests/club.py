"""Clubs for the tests, the program that runs a query on one, and the answers that are right for any of them."""

import sqlite3
from collections import defaultdict, namedtuple

SCHEMA = """
CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL, coach_id INTEGER REFERENCES members (id));
CREATE TABLE races (id INTEGER PRIMARY KEY, name TEXT NOT NULL, day TEXT NOT NULL, metres INTEGER NOT NULL);
CREATE TABLE results (
    race_id INTEGER NOT NULL REFERENCES races (id), member_id INTEGER NOT NULL REFERENCES members (id),
    seconds INTEGER, PRIMARY KEY (race_id, member_id)
);
"""

#: Runs on the learner's side: a learner's SQL must never run in the tests' own process.
RUNNER = """
import json, sqlite3, sys
query = open(sys.argv[1], encoding="utf-8").read()
with sqlite3.connect("file:club.sqlite?mode=ro", uri=True) as connection:
    cursor = connection.execute(query)
    print(json.dumps({"columns": [one[0] for one in cursor.description], "rows": cursor.fetchall()}))
"""

#: Members are (id, name, coach), races (id, name, day, metres), results (race, member, seconds).
Club = namedtuple("Club", "members races results")
EMPTY = Club([], [], [])

COLUMNS = {
    "turnout": ["race", "starters", "finishers", "percent"],
    "podium": ["race", "place", "name", "seconds"],
    "no_trainees": ["name"],
    "progress": ["name", "metres", "day", "seconds", "change"],
    "months": ["name", "month", "metres", "total"],
    "coaches": ["coach", "trainees", "best"],
}


def database(club):
    """The bytes of a database file."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    connection.executemany("INSERT INTO members VALUES (?, ?, ?)", club.members)
    connection.executemany("INSERT INTO races VALUES (?, ?, ?, ?)", club.races)
    connection.executemany("INSERT INTO results VALUES (?, ?, ?)", club.results)
    connection.commit()
    return connection.serialize()


def finishes(club):
    """Finished results in the order in which they were run: (race, member, seconds), the first two as rows."""
    races = {race[0]: race for race in club.races}
    members = {member[0]: member for member in club.members}
    done = [
        (races[race], members[who], seconds) for race, who, seconds in club.results if seconds is not None
    ]
    return sorted(done, key=lambda one: (one[0][2], one[0][0], one[1][0]))


def turnout(club):
    rows = []
    for race, name, _, _ in sorted(club.races, key=lambda race: (race[2], race[0])):
        times = [seconds for started, _, seconds in club.results if started == race]
        finished = len(times) - times.count(None)
        rows.append((name, len(times), finished, finished * 100 // len(times) if times else None))
    return rows


def podium(club):
    fields = defaultdict(list)
    for race, member, seconds in finishes(club):
        fields[race].append((seconds, member[1]))
    rows = []
    for race, field in fields.items():
        times = [seconds for seconds, _ in field]
        placed = sorted((1 + sum(time < seconds for time in times), name, seconds) for seconds, name in field)
        rows += [(race[1], *one) for one in placed if one[0] <= 3]
    return rows


def no_trainees(club):
    coaches = {coach for _, _, coach in club.members}
    return sorted((name,) for who, name, _ in club.members if who not in coaches)


def progress(club):
    before, rows = {}, []
    for (race, _, day, metres), (who, name, _), seconds in finishes(club):
        last = before.get((who, metres))
        change = None if last is None else seconds - last
        rows.append(((name, who, metres, day, race), (name, metres, day, seconds, change)))
        before[who, metres] = seconds
    return [row for _, row in sorted(rows, key=lambda one: one[0])]


def months(club):
    sums = defaultdict(int)
    for (_, _, day, metres), (who, name, _), _ in finishes(club):
        sums[name, who, day[:7]] += metres
    total, rows = defaultdict(int), []
    for (name, who, month), metres in sorted(sums.items()):
        total[who] += metres
        rows.append((name, month, metres, total[who]))
    return rows


def coaches(club):
    fives = defaultdict(list)
    for race, member, seconds in finishes(club):
        if race[3] == 5000:
            fives[member[2]].append(seconds)
    rows = []
    for who, name, _ in club.members:
        count = sum(coach == who for _, _, coach in club.members)
        if count:
            rows.append(((-count, name, who), (name, count, min(fives[who], default=None))))
    return [row for _, row in sorted(rows, key=lambda one: one[0])]


ANSWERS = {
    "turnout": turnout,
    "podium": podium,
    "no_trainees": no_trainees,
    "progress": progress,
    "months": months,
    "coaches": coaches,
}
