"""Runs a query on club.sqlite and prints its rows: python3 run_sql.py turnout.sql"""

import sqlite3
import sys
from pathlib import Path

database = Path("club.sqlite")
if not database.exists():
    with sqlite3.connect(database) as connection:
        connection.executescript(Path("schema.sql").read_text() + Path("example.sql").read_text())

with sqlite3.connect("file:club.sqlite?mode=ro", uri=True) as connection:
    cursor = connection.execute(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(*(column[0] for column in cursor.description), sep=" | ")
    for row in cursor:
        print(*("NULL" if value is None else value for value in row), sep=" | ")
