"""Uploads: streamed to disk within limits, before anything of them is parsed.

Comes in: the body of a request, a form with files or one bare file. Goes out: `Received`, files in a folder
that goes when the answer is made. What is over a limit stops being read at once, and nothing of it stays.

    <home>/spool/web/<random>/0  1  2 ...      bytes as they came; names are in `Received`, never on disk

The token of the form (`csrf`) must come before the first file, so that a page of another site fills no disk.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

from fastapi import Depends
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from assessor.errors import MediaUnsupported, RequestInvalid, RequestTooLarge, VisitorError
from assessor.web import context, csrf
from assessor.web.visitor import Via

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

#: The largest field of a form that is no file: what was typed into an editor.
FIELD_BYTES = 1024 * 1024
FIELDS = 100
FILES = 1000
#: Headers of one part.
HEADER_BYTES = 8192
#: Content types of a bare file.
BARE = frozenset({"application/zip", "application/x-tar", "application/gzip", "application/octet-stream"})


@dataclass(frozen=True, kw_only=True)
class File:
    """A file as it came.

    Attributes:
        field: of the form; empty for a bare one.
        name: what the visitor's machine called it: any text, never to be used as a path.
        path: where its bytes are.
        size: bytes.
    """

    field: str
    name: str
    path: Path
    size: int


@dataclass(frozen=True, kw_only=True)
class Received:
    """What was received.

    Attributes:
        fields: of the form, the last of each name.
        files: in the order in which they came; one that was left empty in the form is not among them.
        folder: where they are, and where the handler may put more.
    """

    fields: dict[str, str]
    files: tuple[File, ...]
    folder: Path


async def receive(request: Request) -> AsyncIterator[Received]:
    """A dependency: what was uploaded, on disk until the answer is made.

    Raises:
        RequestTooLarge: over a limit.
        MediaUnsupported: neither a form with files nor a bare file.
        RequestInvalid: a form that ends early, or does not parse.
        FormStale: its token is missing, wrong, or after the first file.
    """
    here = context.of(request)
    folder = await run_in_threadpool(_folder, here.uploads)
    try:
        yield await _read(request, folder)
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


Upload = Annotated[Received, Depends(receive)]


def _folder(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Path(tempfile.mkdtemp(dir=root))


async def _read(request: Request, folder: Path) -> Received:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    here = context.of(request)
    by_cookie = request.state.visitor.via is not Via.TOKEN
    if by_cookie and csrf.HEADER in request.headers:
        csrf.compare(request, request.headers[csrf.HEADER], here.site)
        by_cookie = False
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        checked = False

        def check() -> None:
            nonlocal checked
            if by_cookie and not checked:
                csrf.compare(request, form.fields.get(csrf.FIELD), here.site)
            checked = True

        form = _Form(folder=folder, check=check)
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async for chunk in request.stream():
            # In a thread: the disk may be slow, and everybody else waits for this loop.
            await run_in_threadpool(form.feed, parser, chunk)
        await run_in_threadpool(form.close)
        check()
        if not form.ended:
            raise RequestInvalid("expected a whole form, got one that ends early")
        return Received(fields=form.fields, files=tuple(form.files), folder=folder)
    if kind.decode("latin-1") in BARE:
        if by_cookie:
            csrf.compare(request, None, here.site)
        return Received(fields={}, files=(await _bare(request, folder),), folder=folder)
    raise MediaUnsupported(
        "expected a form with files (multipart/form-data) or a file (application/zip), got "
        f"{kind.decode('latin-1')[:100] or 'no content type'!r}"
    )


async def _bare(request: Request, folder: Path) -> File:
    path = folder / "0"
    with path.open("xb") as file:
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk)
    return File(field="", name="", path=path, size=path.stat().st_size)


@dataclass
class _Form:
    """A form while it comes in: fields are in memory within limits, files go to disk.

    Attributes:
        folder: for the files.
        check: raises unless the form may be taken; called before the first file is made.
    """

    folder: Path
    check: Callable[[], None]
    fields: dict[str, str] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    ended: bool = False
    _number: int = 0
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _name: str = ""
    _filename: str | None = None
    _file: BinaryIO | None = None
    _data: bytearray = field(default_factory=bytearray)

    def feed(self, parser: MultipartParser, chunk: bytes) -> None:
        """Take more of it."""
        try:
            parser.write(chunk)
        except VisitorError:
            self.close()
            raise
        except Exception as error:
            # The parser's own, whatever they are: bytes of a stranger are at fault, never this machine.
            self.close()
            raise RequestInvalid("expected a form with files, got one that does not parse") from error

    def close(self) -> None:
        """Let go of the file at hand."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def callbacks(self) -> MultipartCallbacks:
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._number += 1
        if self._number > FIELDS + FILES:
            raise RequestTooLarge(f"expected at most {FILES} files and {FIELDS} fields, got more")
        self._disposition = b""
        self._data.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._short(self._header)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._short(self._value)

    def _short(self, taken: bytearray) -> None:
        if len(taken) > HEADER_BYTES:
            raise RequestTooLarge(f"expected headers of a part of at most {HEADER_BYTES} bytes, got more")

    def _header_end(self) -> None:
        if bytes(self._header).strip().lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise RequestInvalid("expected a name for each part of the form, got one without")
        self._name = options[b"name"].decode(errors="replace")
        given = options.get(b"filename")
        self._filename = None if given is None else given.decode(errors="replace")
        if self._filename is None:
            if len(self.fields) >= FIELDS:
                raise RequestTooLarge(f"expected at most {FIELDS} fields, got more")
        else:
            if len(self.files) >= FILES:
                raise RequestTooLarge(f"expected at most {FILES} files, got more")
            self.check()
            self._file = (self.folder / str(len(self.files))).open("xb")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            return
        self._data += data[start:end]
        if len(self._data) > FIELD_BYTES:
            raise RequestTooLarge(f"expected a field of at most {FIELD_BYTES // 1024} KiB, got more")

    def _part_end(self) -> None:
        if self._file is None:
            self.fields[self._name] = self._data.decode(errors="replace")
            return
        path, size = Path(self._file.name), self._file.tell()
        self.close()
        if not self._filename and not size:
            path.unlink()  # what browsers send for a file field that was left empty
            return
        self.files.append(File(field=self._name, name=self._filename or "", path=path, size=size))

    def _end(self) -> None:
        self.ended = True
