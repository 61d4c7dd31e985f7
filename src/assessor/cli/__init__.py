"""The command line: `main` runs it.

Nothing else has a name here, where it would hide the file of that name.
"""

from __future__ import annotations

from assessor.cli.root import main

__all__ = ["main"]
