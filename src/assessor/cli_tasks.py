"""The command line's part for authors: list, lock and prove tasks, and JSON Schemas for editors."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from assessor import catalog, display, wiring
from assessor.authoring import lock as locking
from assessor.authoring import prove as proving
from assessor.settings import Settings


@click.group(name="tasks")
def author() -> None:
    """List, lock and prove tasks."""
