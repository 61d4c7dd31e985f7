"""Loads a submission's modules from source only: never a `.pyc`, never a shared library.

So what runs is what a reviewer reads. Runs in the learner's process.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterable
from types import CodeType
from typing import Any

#: Modules that every interpreter has loaded before a script's first line; a file of that name does not
#: replace them in plain Python either.
_EARLY = frozenset(
    {
        *(
            "sys",
            "builtins",
            "_frozen_importlib",
            "_imp",
            "_thread",
            "_warnings",
            "_weakref",
            "_io",
            "marshal",
        ),
        *("posix", "_frozen_importlib_external", "time", "zipimport", "_codecs", "codecs", "encodings"),
        *("_signal", "_abc", "abc", "io", "__main__", "_stat", "stat", "_collections_abc", "posixpath"),
        *("genericpath", "os", "_sitebuiltins", "site"),
    }
)


class SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles the source each time; a cached byte code file is neither read nor written."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the module, from its source."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Nothing is ever written."""


def install(folder: str, names: Iterable[str]) -> None:
    """Let imports find the modules in `folder`, ahead of everything else.

    Args:
        folder: the submission's folder.
        names: top-level modules of the submission. A library module of the same name that this process
            happens to have loaded makes room for it.
    """
    hook = importlib.machinery.FileFinder.path_hook((SourceLoader, [".py"]))

    def find(path: str) -> Any:
        if path != folder and not path.startswith(folder + "/"):
            raise ImportError(path)
        return hook(path)

    sys.path_hooks.insert(0, find)
    sys.path.insert(0, folder)
    sys.path_importer_cache.clear()
    sys.dont_write_bytecode = True
    for name in names:
        if name not in _EARLY:
            for loaded in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
                del sys.modules[loaded]
