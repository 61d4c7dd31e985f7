"""Reports from a sales database: python3 main.py FILE COMMAND ..."""

import csv
import sqlite3
import sys


def main():
    path, command = sys.argv[1:3]
    connection = sqlite3.connect(path)
    if command == "revenue":
        rows = connection.execute("SELECT substr(ordered_on, 1, 7), 0, 0 FROM orders")
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["month", "orders", "cents"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
