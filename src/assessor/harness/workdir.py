"""The fixture `workdir`: a folder that the programs of one test share, as a test sees it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from . import asking


class Workdir:
    """A folder that starts as a copy of the submission and lasts for one test.

    `program` and `service` work in it when the test uses both.
    """

    def __init__(self, held: asking.Held) -> None:
        self._held = held

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file, with the folders that it needs; text as UTF-8.

        Raises:
            ValueError: the path is not a plain relative one.
            OSError: a folder or a link of the program's is in its place.
        """
        self._ask({"kind": "write", "path": asking.path(path), "content": asking.content(content)})

    def read(self, path: str) -> bytes:
        """The content of a regular file.

        Raises:
            ValueError: the path is not a plain relative one.
            OSError: there is none, or it is larger than a reply may be.
        """
        return asking.field(self._ask({"kind": "read", "path": asking.path(path)}), "content", bytes)

    def read_text(self, path: str) -> str:
        """The content of a regular file as UTF-8 text, wrong bytes replaced; raises as `read`."""
        return self.read(path).decode(errors="replace")

    def files(self, pattern: str = "**") -> list[str]:
        """The paths of all regular files that match, sorted.

        Args:
            pattern: parts between slashes as in a shell; `**` stands for any number of folders, and as
                the last part for everything below.

        Raises:
            OSError: there are more than allowed, or folders too deep.
        """
        found = asking.field(self._ask({"kind": "names"}), "paths", list)
        parts = pattern.split("/")
        return sorted(path for path in map(asking.reply_path, found) if _matches(path.split("/"), parts))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._held.ask({**request, "box": asking.WORKDIR}, timeout_s=asking.GRACE_S)


def _matches(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(_matches(path[skip:], pattern[1:]) for skip in range(len(path)))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
