import csv
import sqlite3
import sys
from collections import defaultdict
from pathlib import Path


def fail(text, status):
    print(text, file=sys.stderr)
    sys.exit(status)


def number(text):
    if not text.isdecimal():
        fail(f"not a whole number: {text}", 2)
    return int(text)


def write(*rows):
    csv.writer(sys.stdout, lineterminator="\n").writerows(rows)


def paid_totals(db):
    """order id -> (customer, month, cents) of paid orders"""
    prices = dict(db.execute("SELECT id, unit_cents FROM products"))
    totals = {
        order_id: [customer, day[:7], 0]
        for order_id, customer, day in db.execute(
            "SELECT id, customer_id, ordered_on FROM orders WHERE status = 'paid'"
        )
    }
    for order_id, product, quantity in db.execute("SELECT order_id, product_id, quantity FROM lines"):
        if order_id in totals:
            totals[order_id][2] += quantity * prices.get(product, 0)
    return totals


if len(sys.argv) < 3:
    fail("usage: main.py FILE COMMAND ...", 2)
file, command, *rest = sys.argv[1:]
if (command, len(rest)) not in [("revenue", 0), ("customers", 0), ("customers", 2), ("top", 1), ("cancel", 1)]:
    fail("usage: main.py FILE revenue | customers [--country XX] | top N | cancel ID", 2)
if command in ("top", "cancel"):
    argument = number(rest[0])
if command == "customers" and rest and rest[0] != "--country":
    fail("only --country is known", 2)

try:
    db = sqlite3.connect(Path(file).absolute().as_uri() + "?mode=rw", uri=True)
    db.execute("SELECT 1 FROM orders")
except sqlite3.Error as error:
    fail(f"{file}: {error}", 1)

if command == "revenue":
    months = defaultdict(lambda: [0, 0])
    for _, month, cents in paid_totals(db).values():
        months[month][0] += 1
        months[month][1] += cents
    write(("month", "orders", "cents"), *((month, *months[month]) for month in sorted(months)))

elif command == "customers":
    spent = defaultdict(list)
    for customer, _, cents in paid_totals(db).values():
        spent[customer].append(cents)
    if rest:
        people = db.execute("SELECT id, name FROM customers WHERE country = ?", (rest[1],))
    else:
        people = db.execute("SELECT id, name FROM customers")
    rows = sorted((-sum(spent[id]), name, id) for id, name in people)
    write(("name", "orders", "cents"), *((name, len(spent[id]), -minus) for minus, name, id in rows))

elif command == "top":
    rows = db.execute(
        """
        SELECT name, (SELECT SUM(quantity) FROM lines WHERE product_id = products.id
                      AND order_id IN (SELECT id FROM orders WHERE status = 'paid')) AS pieces
        FROM products WHERE pieces > 0 ORDER BY pieces DESC, name LIMIT ?
        """,
        (argument,),
    )
    write(("product", "quantity"), *rows)

else:
    status = db.execute("SELECT status FROM orders WHERE id = ?", (argument,)).fetchone()
    if status is None:
        fail(f"no order {argument}", 1)
    if status[0] != "open":
        fail(f"order {argument} is {status[0]}", 1)
    lost = db.execute(
        "SELECT 1 FROM lines WHERE order_id = ? AND product_id NOT IN (SELECT id FROM products)", (argument,)
    )
    if lost.fetchone():
        fail(f"order {argument} has lines without a product", 1)
    db.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (argument,))
    db.execute(
        """
        UPDATE products SET stock = stock + (
            SELECT SUM(quantity) FROM lines WHERE order_id = ? AND product_id = products.id
        ) WHERE id IN (SELECT product_id FROM lines WHERE order_id = ?)
        """,
        (argument, argument),
    )
    db.commit()
    print("cancelled", argument)
