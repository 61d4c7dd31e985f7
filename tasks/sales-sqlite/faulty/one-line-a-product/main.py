"""Reports from a sales database: python3 main.py FILE COMMAND ..."""

import argparse
import csv
import os
import sqlite3
import sys

REVENUE = """
SELECT substr(ordered_on, 1, 7) AS month, COUNT(DISTINCT orders.id), SUM(quantity * unit_cents)
FROM orders
JOIN lines ON lines.order_id = orders.id
JOIN products ON products.id = lines.product_id
WHERE status = 'paid'
GROUP BY month
ORDER BY month
"""

CUSTOMERS = """
SELECT customers.name, COUNT(DISTINCT orders.id), COALESCE(SUM(quantity * unit_cents), 0) AS cents
FROM customers
LEFT JOIN orders ON orders.customer_id = customers.id AND orders.status = 'paid'
LEFT JOIN lines ON lines.order_id = orders.id
LEFT JOIN products ON products.id = lines.product_id
WHERE :country IS NULL OR customers.country = :country
GROUP BY customers.id
ORDER BY cents DESC, customers.name, customers.id
"""

TOP = """
SELECT products.name, SUM(quantity) AS pieces
FROM products
JOIN lines ON lines.product_id = products.id
JOIN orders ON orders.id = lines.order_id
WHERE status = 'paid'
GROUP BY products.id
ORDER BY pieces DESC, products.name
LIMIT :count
"""


class Refused(Exception):
    """A request that the data does not allow."""


def count(text):
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def report(header, rows):
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def cancel(connection, order_id):
    # All of it or nothing: the block is one transaction, rolled back by any exception.
    with connection:
        changed = connection.execute(
            "UPDATE orders SET status = 'cancelled' WHERE id = ? AND status = 'open'", (order_id,)
        )
        if changed.rowcount != 1:
            raise Refused(f"there is no open order {order_id}")
        lines = connection.execute("SELECT product_id, quantity FROM lines WHERE order_id = ?", (order_id,))
        for product_id, quantity in dict(lines.fetchall()).items():
            changed = connection.execute(
                "UPDATE products SET stock = stock + ? WHERE id = ?", (quantity, product_id)
            )
            if changed.rowcount != 1:
                raise Refused(f"order {order_id} names product {product_id}, which is not there")


def main():
    parser = argparse.ArgumentParser(prog="sales")
    parser.add_argument("file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("revenue")
    commands.add_parser("customers").add_argument("--country")
    commands.add_parser("top").add_argument("count", type=count)
    commands.add_parser("cancel").add_argument("id", type=int)
    options = parser.parse_args()

    if not os.path.exists(options.file):
        print(f"sales: there is no database {options.file}", file=sys.stderr)
        return 1
    connection = sqlite3.connect(options.file)
    if options.command == "revenue":
        report(["month", "orders", "cents"], connection.execute(REVENUE))
    elif options.command == "customers":
        report(["name", "orders", "cents"], connection.execute(CUSTOMERS, {"country": options.country}))
    elif options.command == "top":
        report(["product", "quantity"], connection.execute(TOP, {"count": options.count}))
    else:
        try:
            cancel(connection, options.id)
        except Refused as refused:
            print(f"sales: {refused}", file=sys.stderr)
            return 1
        print(f"cancelled {options.id}")
    connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
