"""Listening: all that browsers are answered, kept whatever it is packed in, and looked through."""

from __future__ import annotations

import html
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator

import httpx

from tests import webbed


class Listener:
    """Keeps all that a browser was answered, whatever it was packed in."""

    def __init__(self, browser: webbed.Browser) -> None:
        self.heard: list[tuple[str, str]] = []
        browser.client.event_hooks["response"] = [self._hear]

    def _hear(self, answer: httpx.Response) -> None:
        content = answer.read()
        for text in unpacked(content):
            self.heard.append((str(answer.request.url), html.unescape(text)))
        self.heard.append((str(answer.request.url), str(answer.headers)))


def unpacked(content: bytes) -> Iterator[str]:
    """The text of some content, and of what is packed in it."""
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name
                yield from unpacked(archive.read(name))
        return
    if content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for entry in tar:
                file = tar.extractfile(entry)
                assert file is not None
                yield from unpacked(file.read())
        return
    yield content.decode(errors="replace")


def crawl(browser: webbed.Browser, *begin: str) -> set[str]:
    """Go wherever links of this site lead; the paths."""
    left, seen = list(begin), set()
    while left:
        path = left.pop().partition("#")[0]
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code < 500, path
        if answer.headers.get("content-type", "").startswith("text/html"):
            found = re.findall(r'(?:href|src|sse-connect)="(/[^"]*)"', answer.text)
            left += [html.unescape(one) for one in found]
    return seen
