"""Where documents come from that a credential only names: its issuer's keys, status lists, evidence.

Comes in: an address. Goes out: its document and how it came to us, which decides what it can prove: a file
that the verifier named, or one that was fetched from its address, speaks for that address; one that came
along with the credential was put there by whoever sent it, and proves what a signature or a digest in it
proves, nothing else.

    a site or a pack          address that is looked for
        did.json              https://host/did.json, https://host/.well-known/did.json
        keys.json             .../keys.json
        status/<id>.json      .../status/<id>.json
        evidence/<attempt>/   .../evidence/<attempt>/record.json and the files beside it
        log/                  .../log/checkpoint, .../log/tile/...
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from assessor.errors import RemoteFault
from assessor.openbadges import reading
from assessor.openbadges.remote import Remote

#: What the log's proof of a document is called, in place of `.json`.
PROOF = ".tlog-proof"


class Came(StrEnum):
    """How a document came."""

    GIVEN = "given"  #: the verifier named the file, or the copy of the site that it lies in
    FETCHED = "fetched"  #: from its own address, over https
    ALONG = "along"  #: with the credential, in one pack


@dataclass(frozen=True, kw_only=True)
class Found:
    """A document, and how it came."""

    data: bytes
    came: Came


class Tree(Protocol):
    """Files by relative path."""

    @property
    def names(self) -> Mapping[str, str]:
        """Paths of what has a name that is no address."""
        ...

    def file(self, path: str) -> bytes | None:
        """The content of a file, or None where there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Files:
    """A tree in memory.

    Attributes:
        files: content by path.
        names: paths of what has a name that is no address, such as a trial's evidence.
    """

    files: Mapping[str, bytes]
    names: Mapping[str, str] = field(default_factory=dict)

    def file(self, path: str) -> bytes | None:
        """The content of a file, or None."""
        return self.files.get(path)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A tree on the disk; nothing outside its root is read, by a link neither."""

    root: Path

    @property
    def names(self) -> Mapping[str, str]:
        """None: what is published has addresses."""
        return {}

    def file(self, path: str) -> bytes | None:
        """The content of a file, or None where there is none, or one that is too large to be a document."""
        root = self.root.resolve()
        try:
            target = (root / path).resolve()
            if not target.is_relative_to(root) or not target.is_file():
                return None
            with target.open("rb") as file:
                data = file.read(reading.FILE_BYTES + 1)
        except (OSError, ValueError):
            return None
        return data if len(data) <= reading.FILE_BYTES else None


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All places that are looked in, in this order.

    Attributes:
        named: documents that the verifier named, by the address that each stands for.
        site: a copy of what an issuer publishes, named by the verifier.
        along: what came in one pack with the credential.
        remote: the network, or None where it must not be asked.
        withheld: names of evidence that its learner keeps to themselves, as its issuer knows.
    """

    named: Mapping[str, bytes]
    site: Tree | None = None
    along: Tree | None = None
    remote: Remote | None = None
    withheld: frozenset[str] = frozenset()

    def find(self, url: str) -> Found | None:
        """The document of an address, or None where nobody has it and the network may not be asked.

        Raises:
            RemoteFault: it was asked, and gave none.
        """
        if url in self.named:
            return Found(data=self.named[url], came=Came.GIVEN)
        for tree, came in ((self.site, Came.GIVEN), (self.along, Came.ALONG)):
            data = None if tree is None else _in(tree, url)
            # What is along comes last: the network's answer says more than it.
            if data is not None and (came is Came.GIVEN or self.remote is None):
                return Found(data=data, came=came)
        if self.remote is None:
            return None
        try:
            return Found(data=self.remote.get(url), came=Came.FETCHED)
        except RemoteFault:
            data = None if self.along is None else _in(self.along, url)
            if data is None:
                raise
            return Found(data=data, came=Came.ALONG)

    def beside(self, url: str, name: str) -> Found | None:
        """The file of this name in the folder of another document.

        Raises:
            RemoteFault: as for `find`.
        """
        for tree, came in ((self.site, Came.GIVEN), (self.along, Came.ALONG)):
            if tree is not None and url in tree.names:
                data = tree.file(f"{tree.names[url].rpartition('/')[0]}/{name}")
                return None if data is None else Found(data=data, came=came)
        return self.find(f"{url.rpartition('/')[0]}/{name}") if "/" in url else None

    def twin(self, url: str) -> Found | None:
        """The log's proof of a document: beside it, under its name with another ending.

        Raises:
            RemoteFault: as for `find`.
        """
        for tree in (self.site, self.along):
            if tree is not None and url in tree.names:
                return self.beside(url, f"{tree.names[url].rpartition('/')[2].removesuffix('.json')}{PROOF}")
        return self.find(url.removesuffix(".json") + PROOF)

    def published(self, base: str | None, path: str) -> Found | None:
        """A file of an issuer's site: below its address, or where it has none, in a tree that we have.

        Raises:
            RemoteFault: as for `find`.
        """
        if base is not None:
            return self.find(f"{base}/{path}")
        for tree, came in ((self.site, Came.GIVEN), (self.along, Came.ALONG)):
            data = None if tree is None else tree.file(path)
            if data is not None:
                return Found(data=data, came=came)
        return None


def _in(tree: Tree, url: str) -> bytes | None:
    """The file that ends as the address does; where several do, the one that agrees the longest.

    Nothing rests on which one it is: what is in it must be signed, or have the digest that was asked for.
    """
    if url in tree.names:
        return tree.file(tree.names[url])
    try:
        if urlsplit(url).scheme not in ("https", "http"):  # the second of a trial on this machine
            return None
        segments = [unquote(one) for one in urlsplit(url).path.split("/") if one]
    except ValueError:
        return None
    if not segments or len(segments) > 32 or any(one in (".", "..") or "/" in one for one in segments):
        return None
    for start in range(len(segments)):
        data = tree.file("/".join(segments[start:]))
        if data is not None:
            return data
    return None
