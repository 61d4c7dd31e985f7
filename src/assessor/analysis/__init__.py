"""What reads the text of submissions without running it: the inside of the analyser's process.

    child        the process: limits, one fork a file, the answer
    apart        a piece of work in a fork that may die of it
    fence        what the process gives up before it reads anything
    sources      bytes -> text and tree, or why not
    constructs   required and forbidden constructs
    complexity   decisions in a function
    docstrings   public things that say nothing of themselves
    duplication  lines that are written twice
    linter       ruff

Imports the standard library alone, as it runs without site-packages; `inspector` starts it and `inspection`
reads its answer. Nothing of a submission is ever executed or imported here.
"""
