"""The files of a Kattis problem package, and which of them make a program.

Comes in: a package's folder. Goes out: its files by path; programs by name; the verdicts that a
submission's tag allows. What the files say is left to `kattis_package`.

Source: Kattis problem package format, "General requirements" and "Programs"; DOMjudge's manual, "Verifying
jury solutions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from assessor import catalog
from assessor.errors import FileInvalid

#: Verdicts of DOMjudge's tags that a folder has another word for.
_TAGS = {"correct": "accepted", "timelimit": "time_limit_exceeded", "run_error": "run_time_error"}


def programs(files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Programs by name: each file, and each folder, is one."""
    found: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        top, _, rest = path.partition("/")
        found.setdefault(top, {})[rest or path] = data
    return found


def tagged(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The verdicts that DOMjudge's tag in a submission allows, in the folders' words; empty without one."""
    for data in files.values():
        found = re.search(rb"@EXPECTED_RESULTS@:\s*([A-Z_, -]+)", data)
        if found:
            words = [one.strip().lower().replace("-", "_") for one in found[1].decode().split(",")]
            return tuple(_TAGS.get(word, word) for word in words if word)
    return ()


def read(folder: Path, shown: str) -> dict[str, bytes]:
    """The package's files by path; names that the format ignores are left out, but for `.timelimit`."""
    found: dict[str, bytes] = {}
    size = 0
    top = folder.resolve()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith((".", "-")) for part in name.split("/")) and name != ".timelimit":
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(top):
            raise FileInvalid(
                f"{shown}/{name}", "expected a link that stays in the package, got one that leaves it"
            )
        if not path.is_file():
            continue
        try:
            size += path.stat().st_size
            if size > catalog.FOLDER_BYTES or len(found) >= catalog.FOLDER_FILES:
                raise FileInvalid(
                    shown,
                    f"expected at most {catalog.FOLDER_FILES} files of {catalog.FOLDER_BYTES} bytes, "
                    "got more",
                )
            found[name] = path.read_bytes()
        except OSError as error:
            raise FileInvalid(
                f"{shown}/{name}", f"expected a readable file, got: {error.strerror}"
            ) from error
    return found
