"""Databases for the tests: made in memory, handed over as the bytes of a file, read back the same way."""

import sqlite3
from collections import namedtuple

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit_cents INTEGER NOT NULL, stock INTEGER NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, ordered_on TEXT NOT NULL, status TEXT NOT NULL
);
CREATE TABLE lines (order_id INTEGER NOT NULL, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL);
"""

Shop = namedtuple("Shop", "customers products orders lines")

SMALL = Shop(
    customers=[(1, "Ada", "DK"), (2, "Bo", "SE"), (3, "Cy", "DK"), (4, "Di", None)],
    products=[(1, "Lamp", 1999, 10), (2, "Soap", 99, 50), (3, "Desk", 45000, 2), (4, "Vase", 700, 3)],
    orders=[
        (1, 1, "2026-01-31", "paid"),
        (2, 2, "2026-02-01", "paid"),
        (3, 1, "2026-02-28", "paid"),
        (4, 3, "2026-02-10", "cancelled"),
        (5, 1, "2026-03-02", "open"),
        (6, 4, "2025-12-24", "paid"),
        (7, 3, "2026-03-05", "open"),
    ],
    lines=[
        (1, 1, 1), (1, 2, 3),
        (2, 2, 10), (2, 2, 5),
        (3, 1, 2),
        (4, 3, 1),
        (5, 1, 3), (5, 2, 4), (5, 1, 1),
        (6, 3, 1), (6, 2, 1),
        (7, 4, 1), (7, 99, 2), (7, 2, 6),
    ],
)  # fmt: skip


def make(shop):
    """The bytes of a database file."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    for table in Shop._fields:
        rows = getattr(shop, table)
        if rows:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.commit()
    return connection.serialize()


def read(data):
    """The shop in the bytes of a database file."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    rows = {table: connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall() for table in Shop._fields}
    return Shop(**rows)
