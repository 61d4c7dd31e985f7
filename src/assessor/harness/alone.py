"""The first process of a container that is an attempt's own: gets one side ready, once, and serves it.

Comes in: which side. What that side is stands in `learner` and `grader`; the first process of a container
that makes cells for many attempts is `hangar`.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any


def main(side: str) -> None:
    """Import `learner` or `grader`, and wait for its work; ends the process."""
    # What is imported stays: to look for garbage meanwhile takes a tenth of the time until work can come.
    gc.disable()
    module: Any = importlib.import_module(f"{__package__}.{side}")
    module.main()


if __name__ == "__main__":
    main(sys.argv[1])
