"""Tar archives, plain or inside a gzip, in one strict form: header after header, zeros to the end.

Comes in: a file that begins like one. Goes out: its entries. Sparse files, links and special files are
refused.

Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; RFC 1952.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from assessor.entry import CHUNK, RATIO_FROM_BYTES, Entry, IntakeLimits, read_at, refuse, shown
from assessor.errors import UploadRefused

#: The largest extension header of a tar: long names and times fit many times over.
EXTENSION_BYTES = 64 * 1024
_BLOCK = 512
_LINKS = {b"1": "a hard link", b"2": "a symbolic link", b"K": "a link"}
_SPECIAL = {b"3": "a character device", b"4": "a block device", b"6": "a FIFO", b"S": "a sparse file"}


def gunzip(file: BinaryIO, scratch: BinaryIO, packed: int, limits: IntakeLimits) -> int:
    """Unpack a gzip into `scratch`; the size there, bytes.

    Raises:
        UploadRefused: it is damaged, followed by anything, or larger than the limits.
    """
    most = limits.total_bytes + limits.files * 4 * _BLOCK + 20 * _BLOCK
    stream, size = zlib.decompressobj(16 + zlib.MAX_WBITS), 0
    file.seek(0)
    while not stream.eof:
        chunk = stream.unconsumed_tail or file.read(CHUNK)
        try:
            # Without a chunk, what is left of the last one may still come out.
            data = stream.decompress(chunk, CHUNK)
        except zlib.error as error:
            raise UploadRefused(f"expected a gzip, got damaged data ({error})") from error
        if not (chunk or data or stream.eof):
            raise UploadRefused("expected a whole gzip, got one that is cut short")
        size += len(data)
        if size > most or (size > RATIO_FROM_BYTES and size > packed * limits.ratio):
            most_said = f"{limits.total_bytes} bytes and {limits.ratio} times the packed size"
            raise UploadRefused(f"expected at most {most_said}, got more")
        scratch.write(data)
    if stream.unused_data or file.read(1):
        raise UploadRefused("expected nothing behind the gzip, got more data")
    return size


def is_tar(block: bytes) -> bool:
    """Whether a block looks like the header of a tar's entry."""
    return block[257:263] in (b"ustar\0", b"ustar ")


def entries(file: BinaryIO, size: int) -> Iterator[Entry]:
    """The entries: headers one after the other; extension headers speak for the next one; zeros to the end.

    Raises:
        UploadRefused: while iterating; until the end, nothing is sure.
    """
    at, long_name, extended = 0, None, None
    while True:
        block = read_at(file, at, _BLOCK)
        if len(block) < _BLOCK:
            raise UploadRefused("expected a whole tar, got one that is cut short")
        if not any(block):
            _end(file, pending=long_name is not None or extended is not None)
            return
        name, kind, length = _header(block, at)
        content, after = at + _BLOCK, at + _BLOCK + -(-length // _BLOCK) * _BLOCK
        if after > size:
            refuse(name, f"expected {length} bytes, got a tar that is cut short")
        at = after
        if kind in (b"x", b"g", b"L"):
            if length > EXTENSION_BYTES:
                refuse(name, f"expected an extension header of at most {EXTENSION_BYTES} bytes, got {length}")
            data = read_at(file, content, length)
            if kind == b"L" and long_name is None:
                long_name = _text(data.removesuffix(b"\0"))
            elif kind == b"x" and extended is None:
                extended = _pax(name, data)
            elif kind == b"g":
                if _pax(name, data).keys() & {"path", "size", "linkpath"}:
                    refuse(name, "expected a global header without names and sizes")
            else:
                refuse(name, "expected one extension header for an entry, got two")
            continue
        if extended is not None and "path" in extended:
            if long_name is not None:
                refuse(name, "expected one long name for an entry, got two")
            name = _text(extended["path"])
        elif long_name is not None:
            name = long_name
        if extended is not None and extended.get("size", b"%d" % length) != b"%d" % length:
            refuse(name, f"expected {length} bytes as its header says, its extension header says otherwise")
        long_name = extended = None
        if kind in _LINKS:
            refuse(name, f"expected a regular file, got {_LINKS[kind]}")
        if kind not in (b"0", b"\0", b"5"):
            refuse(name, f"expected a regular file, got {_SPECIAL.get(kind, f'an entry of type {kind!r}')}")
        folder = kind == b"5" or name.endswith("/")
        if folder and length:
            refuse(name, "expected a folder without content, got a file under a folder's name")
        yield Entry(
            name=name.removesuffix("/"),
            folder=folder,
            size=length,
            read=lambda start=content, length=length: read_at(file, start, length),  # type: ignore[misc]
        )


def _header(block: bytes, at: int) -> tuple[str, bytes, int]:
    """Name, type and size that a header block says."""
    if not is_tar(block):
        raise UploadRefused(f"expected a tar header at byte {at}, got something else")
    raw = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    name = _text(prefix + b"/" + raw if prefix else raw)
    summed = sum(block[:148]) + sum(block[156:]) + 8 * 0x20
    if _octal(name, block[148:156]) != summed:
        refuse(name, "expected a header that fits its checksum, got damaged data")
    return name, block[156:157], _octal(name, block[124:136])


def _octal(name: str, field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        refuse(name, f"expected an octal number in its header, got {field!r}")
    return int(digits, 8)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        refuse(raw.decode("latin-1"), "expected a name in UTF-8")


def _pax(name: str, data: bytes) -> dict[str, bytes]:
    """The records of a pax extension header; each is `<length> <key>=<value>\\n`."""
    records: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        digits = data[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end <= space + 1 or end > len(data) or data[end - 1 : end] != b"\n" or not equals:
            refuse(name, "expected an extension header of whole records, got a damaged one")
        word = key.decode("utf-8", "replace")
        if word.startswith("GNU.sparse"):
            refuse(name, "expected a regular file, got a sparse file")
        if word == "hdrcharset" or word in records:
            refuse(name, f"expected an ordinary extension header, got {shown(word)} in it")
        records[word] = value
        at = end
    return records


def _end(file: BinaryIO, *, pending: bool) -> None:
    while chunk := file.read(CHUNK):
        if any(chunk):
            raise UploadRefused("expected nothing behind the tar's end, got more data")
    if pending:
        raise UploadRefused("expected an entry behind the last extension header, got the tar's end")
