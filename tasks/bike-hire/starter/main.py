"""Cleans an export of bike rides and counts it: python3 main.py rides.csv"""

import sys

import pandas as pd


def main():
    rides = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
    rides.to_csv("clean.csv", index=False)


if __name__ == "__main__":
    main()
