"""JSON Schemas of every kind of file that authors write, for editors that complete and check.

Goes out: one document a kind, from the models that parse the files, so that the two never differ. An editor
finds it by the first line of a file, which `assessor tasks new` writes:

    # yaml-language-server: $schema=../../schemas/task.json

    schemas/task.json  rubric.json  sandbox.json  badge.json  issuer.json  expect.json

Source: JSON Schema 2020-12; the modeline is that of the YAML language server, which most editors run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assessor import catalog
from assessor.authoring import expect
from assessor.errors import FileInvalid, NotFound

#: By kind of file: those of the catalog, and what only authors' tools read.
SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {**catalog.SCHEMAS, "expect": expect.schema}
#: Where generated files look for them, beside tasks/ and rubrics/.
FOLDER = "schemas"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of file.

    Raises:
        NotFound: there is no such kind.
    """
    if kind not in SCHEMAS:
        raise NotFound(f"schema: expected one of {', '.join(sorted(SCHEMAS))}, got {kind!r}")
    return SCHEMAS[kind]()


def dump(kind: str) -> str:
    """The same as the text of a file.

    Raises:
        NotFound: there is no such kind.
    """
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path, *, missing: bool = False) -> list[Path]:
    """Write `<kind>.json` of every kind, each whole or not at all; those written, by name.

    Args:
        folder: made if it is not there.
        missing: write those alone that are not there yet.

    Raises:
        FileInvalid: one cannot be written.
    """
    written = []
    for kind in sorted(SCHEMAS):
        path = folder / f"{kind}.json"
        draft = folder / f".{kind}.json.{os.getpid()}"
        if missing and path.exists():
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(dump(kind), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise FileInvalid(path, f"expected to write it, got: {error.strerror}") from error
        finally:
            if folder.is_dir():
                draft.unlink(missing_ok=True)
        written.append(path)
    return written
