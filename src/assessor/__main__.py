"""`python -m assessor` is `assessor`."""

from __future__ import annotations

from assessor.cli import main

main()
