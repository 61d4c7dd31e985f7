"""Counts words: python3 main.py [--top N] [--ignore-case] [FILE...]"""

import sys


def main():
    text = sys.stdin.read()
    for word in text.split():
        print(word)


if __name__ == "__main__":
    main()
