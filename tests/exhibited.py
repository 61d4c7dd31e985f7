"""An installation that awards and shows, as the web application serves it to everybody."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from assessor.errors import RemoteFault
from assessor.openbadges.remote import Remote
from assessor.rows.log import Log
from assessor.signer import Purpose
from tests import honours, webbed
from tests.small import Bench


def make(root: Path) -> Bench:
    """The installation of `honours`, with a log; its store is the caller's to close."""
    return logged(honours.make_bench(root), root)


def logged(bench: Bench, root: Path) -> Bench:
    """The same installation, with a log."""
    log = Log(
        database=bench.parts.store,
        signer=bench.parts.keyring.signer(Purpose.LOG),
        origin="bench.example",
        folder=root / "log",
        clock=bench.clock,
    )
    bench.parts = replace(bench.parts, open_log=lambda: log)
    return bench


@contextlib.contextmanager
def served(root: Path, environ: dict[str, str] | None = None, **changes: Any) -> Iterator[webbed.Web]:
    """The same, served until the block ends."""
    with webbed.served(root, environ, make=make, throttle=webbed.unlimited(), **changes) as found:
        yield found


class Elsewhere(Remote):
    """The network, as far as these files are it.

    Args:
        files: by address.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []

    def get(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.files:
            raise RemoteFault(f"{url}: expected a document, got 10.9.8.7")
        return self.files[url]
