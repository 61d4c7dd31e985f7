"""Counts words: python3 main.py [--top N] [--ignore-case] [FILE...]"""

import argparse
import re
import sys
from collections import Counter

# [^\W_] is a letter or digit: \w without the underscore.
WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def whole_number(text):
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, got {text!r}")
    return int(text)


def read(name):
    if name == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(name, "rb") as file:
            data = file.read()
    return data.decode("utf-8", errors="replace")


def main():
    parser = argparse.ArgumentParser(prog="word-count")
    parser.add_argument("--top", type=whole_number, metavar="N")
    parser.add_argument("--ignore-case", action="store_true")
    parser.add_argument("files", nargs="*", metavar="FILE")
    options = parser.parse_args()

    counts = Counter()
    status = 0
    for name in options.files or ["-"]:
        try:
            text = read(name)
        except OSError as error:
            print(f"word-count: {name}: {error.strerror}", file=sys.stderr)
            continue
        if options.ignore_case:
            text = text.lower()
        counts.update(WORD.findall(text))

    ranking = sorted(counts, key=lambda word: (-counts[word], word))
    for word in ranking[: options.top]:
        print(counts[word], word)
    return status


if __name__ == "__main__":
    sys.exit(main())
