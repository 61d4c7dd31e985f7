"""Publishing: the folder of one piece of evidence, for anyone to read and check.

    <root>/<attempt id>/
        record.json     what was judged and what came out; RFC 8785, its SHA-256 is its id
        run.json        when, where and with which versions
        evidence.dsse   the signed envelope over both
        signer.pem      the public key that it is signed with
        index.html      the same for a person
        record.tlog-proof   that the transparency log has it; comes once a signed tree does, moments later

The attempt's id is random, so a folder cannot be guessed. A folder appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assessor.errors import BlobFault

RECORD = "record.json"
RUN = "run.json"
ENVELOPE = "evidence.dsse"
SIGNER = "signer.pem"
PAGE = "index.html"
PROOF = "record.tlog-proof"


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Writes evidence folders below one root."""

    root: Path

    def publish(self, attempt_id: str, files: Mapping[str, bytes]) -> Path:
        """The folder of this attempt's evidence, holding exactly `files`; publishing again replaces it.

        Raises:
            BlobFault: the folder cannot be written; the one that was there stays.
        """
        target = self.folder(attempt_id)
        draft = self.root / f".draft-{secrets.token_hex(8)}"
        old = self.root / f".old-{secrets.token_hex(8)}"
        try:
            draft.mkdir(parents=True)
            with contextlib.ExitStack() as stack:
                opened = []
                for name, data in files.items():
                    opened.append(stack.enter_context((draft / name).open("xb")))
                    opened[-1].write(data)
                    opened[-1].flush()
                # Written first, flushed then: the disk's first wait serves them all.
                for file in opened:
                    os.fsync(file.fileno())
            _swap(draft, target, old)
        except OSError as error:
            raise BlobFault(f"evidence folder {target}: expected to write it, got: {error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # gone already where all went well
            shutil.rmtree(old, ignore_errors=True)
        return target

    def add(self, attempt_id: str, name: str, data: bytes) -> None:
        """Put one more file into a folder that is there; published anew meanwhile, it may go without.

        Raises:
            BlobFault: it cannot be written.
        """
        target = self.folder(attempt_id) / name
        draft = target.with_name(f".{name}.{secrets.token_hex(8)}")
        try:
            draft.write_bytes(data)
            draft.rename(target)
        except OSError as error:
            raise BlobFault(f"{target}: expected to write it, got: {error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def lacking(self, name: str) -> list[str]:
        """The ids of the attempts whose folder has no file of this name, sorted."""
        return sorted(one for one in self.published() if not (self.root / one / name).exists())

    def published(self) -> frozenset[str]:
        """The ids of all attempts whose evidence has its folder."""
        if not self.root.exists():
            return frozenset()
        return frozenset(entry.name for entry in os.scandir(self.root) if not entry.name.startswith("."))

    def folder(self, attempt_id: str) -> Path:
        """Where this attempt's evidence is or would be."""
        return self.root / attempt_id


def _swap(draft: Path, target: Path, old: Path) -> None:
    """Put the draft in the target's place, and what was there in `old`."""
    # Not asked beforehand: another process may publish the same at this moment.
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        target.rename(old)
        try:
            draft.rename(target)
        except OSError:
            old.rename(target)
            raise
