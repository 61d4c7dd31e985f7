"""A report from web server logs: python3 main.py LOG..."""

import json
import sys


def main():
    requests = 0
    for name in sys.argv[1:]:
        with open(name) as log:
            for line in log:
                requests += 1
    with open("report.json", "w") as file:
        json.dump({"requests": requests}, file)


if __name__ == "__main__":
    main()
