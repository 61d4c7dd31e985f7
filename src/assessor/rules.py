"""What may be handed in for a task: which paths, how many, how large.

Applying the rules to an upload is left to `intake`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class SubmissionRules:
    """What may be handed in.

    Attributes:
        required: paths that must be there.
        allow: patterns of paths that are kept; one without a slash is matched with the file's name in any
            folder, one with a slash with the whole path (`*` within one folder, `**` across).
        max_files: the most files that are kept.
        max_bytes: the most bytes that are kept, all together.
    """

    required: tuple[str, ...]
    allow: tuple[str, ...]
    max_files: int = 50
    max_bytes: int = 512 * 1024

    def patterns(self, path: str) -> list[str]:
        """The patterns of `allow` that keep this path; empty means that it is not kept."""
        return [pattern for pattern, matcher in self._matchers if matcher.fullmatch(path)]

    @cached_property
    def _matchers(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(pattern, _matcher(pattern)) for pattern in self.allow]


def _matcher(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern; as in a shell, a wildcard never matches a leading dot."""
    parts = ["**", pattern] if "/" not in pattern else pattern.split("/")
    made = ""
    for part in parts[:-1]:
        made += r"(?:[^/.][^/]*/)*" if part == "**" else _part(part) + "/"
    return re.compile(
        made + (r"[^/.][^/]*(?:/[^/.][^/]*)*" if parts[-1] == "**" else _part(parts[-1])), re.DOTALL
    )


def _part(part: str) -> str:
    guard = r"(?!\.)" if part[:1] in "*?" else ""
    return guard + "".join({"*": "[^/]*", "?": "[^/]"}.get(one, re.escape(one)) for one in part)
