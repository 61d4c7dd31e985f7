"""Trying from inside what a sandbox promises: a submission that attacks, and tests of what must come of it.

inside/probe.py        handed in like any submission: what is tried
inside/test_*.py       run by the grader like any task's tests: what must come of it, one guarantee a test
examine.py             orders the runs, and tells each guarantee as held or not
"""
