"""Zip archives in one strict form: a directory that says all, entries that fill the file without a gap.

Comes in: a file that begins like a zip. Goes out: its entries. Zip64, encryption and parts are refused.

Source: PKWARE APPNOTE 6.3.10, clauses 4.3 and 4.4.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from assessor.entry import RATIO_FROM_BYTES, Entry, IntakeLimits, read_at, refuse, shown
from assessor.errors import UploadRefused

LOCAL, _CENTRAL, END, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"
_LOCATOR64 = b"PK\x06\x07"
_END_HEADER = struct.Struct("<4s4H2LH")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
TAIL = _END_HEADER.size + 0xFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_LATER, _UTF8 = 1 << 3, 1 << 11
_KNOWN_FLAGS = 1 << 1 | 1 << 2 | _LATER | _UTF8


@dataclass(frozen=True, kw_only=True)
class _Record:
    """What the central directory says of one entry."""

    raw: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int


def entries(file: BinaryIO, size: int, limits: IntakeLimits) -> Iterator[Entry]:
    """The entries of a zip.

    1. Find the one end record. 2. Read the whole directory. 3. Hold every local header to it and see that
    entries and directory fill the file without a gap. 4. Only then give the entries.

    Raises:
        UploadRefused: before the first entry is given, or by its `read`.
    """
    # 1.
    count, directory, offset = _end(file, size)
    if count > limits.files:
        raise UploadRefused(f"expected at most {limits.files} entries, got {count}")
    # 2.
    records = _directory(read_at(file, offset, directory), count)
    # 3.
    starts: dict[int, int] = {}
    expected = 0
    for record in sorted(records, key=lambda one: one.offset):
        if record.offset != expected:
            refuse(record.name, f"expected the entry at byte {expected} of the zip, got {record.offset}")
        starts[record.offset], expected = _local(file, record, limits)
    if expected != offset:
        raise UploadRefused(f"expected the zip's directory at byte {expected}, got {offset}")
    # 4.
    for record in records:
        folder = record.name.endswith("/")
        yield Entry(
            name=record.name.removesuffix("/"),
            folder=folder,
            size=record.size,
            read=lambda one=record: _content(file, one, starts[one.offset]),  # type: ignore[misc]
        )


def _end(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """How many entries, and size and place of the directory."""
    tail = read_at(file, max(0, size - TAIL), TAIL)
    base, found, at = size - len(tail), [], tail.find(END)
    while at >= 0:
        if at + _END_HEADER.size <= len(tail):
            fields = _END_HEADER.unpack_from(tail, at)
            if at + _END_HEADER.size + fields[7] == len(tail):
                found.append((base + at, fields))
        at = tail.find(END, at + 1)
    if len(found) != 1:
        problem = "two ends" if found else "none: it is cut short, or other data follows it"
        raise UploadRefused(f"expected one end record where the zip ends, got {problem}")
    at, (_, disk, first_disk, here, count, directory, offset, _) = found[0]
    if (
        0xFFFF in (here, count)
        or 0xFFFFFFFF in (directory, offset)
        or (at >= 20 and read_at(file, at - 20, 4) == _LOCATOR64)
    ):
        raise UploadRefused("expected a plain zip, got zip64, which is for larger archives")
    if disk or first_disk or here != count:
        raise UploadRefused("expected a zip in one piece, got a part of one")
    if offset + directory != at:
        raise UploadRefused(f"expected the zip's directory to end at byte {at}, got {offset + directory}")
    return count, directory, offset


def _directory(data: bytes, count: int) -> list[_Record]:
    records, at = [], 0
    for number in range(1, count + 1):
        fixed = data[at : at + _CENTRAL_HEADER.size]
        if len(fixed) < _CENTRAL_HEADER.size or not fixed.startswith(_CENTRAL):
            raise UploadRefused(f"expected {count} entries in the zip's directory, got {number - 1}")
        (_, made_by, _, flags, method, _, _, crc, packed, size, name_size, extra_size, comment_size, disk, _,
         attributes, offset) = _CENTRAL_HEADER.unpack(fixed)  # fmt: skip
        at += _CENTRAL_HEADER.size
        raw, extra = data[at : at + name_size], data[at + name_size : at + name_size + extra_size]
        at += name_size + extra_size + comment_size
        if at > len(data):
            raise UploadRefused(
                "expected the zip's directory to hold whole entries, got one that is cut short"
            )
        record = _Record(
            raw=raw,
            name=_name(raw, extra, flags),
            flags=flags,
            method=method,
            crc=crc,
            packed=packed,
            size=size,
            attributes=attributes,
            offset=offset,
        )
        if disk:
            refuse(record.name, "expected a zip in one piece, got an entry on another disk")
        _check(record, unix=made_by >> 8 == 3)
        records.append(record)
    if at != len(data):
        raise UploadRefused(f"expected {count} entries in the zip's directory, got more")
    return records


def _name(raw: bytes, extra: bytes, flags: int) -> str:
    """The entry's name. Old zips do not say in which code page it is: read as UTF-8 or not at all."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        refuse(raw.decode("latin-1"), "expected a name in UTF-8")
    for tag, value in _extra(name, extra):
        if tag == 0x0001:
            refuse(name, "expected a plain zip, got zip64, which is for larger archives")
        if tag == 0x7075 and value[5:] != raw:
            refuse(name, "expected one name, got another one in its extra field")
    return name


def _extra(name: str, extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(extra):
        if at + 4 > len(extra):
            refuse(name, "expected whole extra fields, got one that is cut short")
        tag, size = struct.unpack_from("<2H", extra, at)
        value = extra[at + 4 : at + 4 + size]
        if len(value) != size:
            refuse(name, "expected whole extra fields, got one that is cut short")
        yield tag, value
        at += 4 + size


def _check(record: _Record, *, unix: bool) -> None:
    if record.flags & _ENCRYPTED:
        refuse(record.name, "expected plain content, got an encrypted entry")
    if record.flags & ~_KNOWN_FLAGS:
        refuse(record.name, f"expected an ordinary entry, got flags {record.flags:#06x}")
    if record.method not in (_STORED, _DEFLATED):
        refuse(record.name, f"expected stored or deflated content, got compression method {record.method}")
    if 0xFFFFFFFF in (record.packed, record.size, record.offset):
        refuse(record.name, "expected a plain zip, got zip64, which is for larger archives")
    mode = record.attributes >> 16
    if stat.S_ISLNK(mode) or (not unix and record.attributes & 0x400):
        refuse(record.name, "expected a regular file, got a symbolic link")
    kind, folder = stat.S_IFMT(mode), record.name.endswith("/")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refuse(record.name, "expected a regular file, got a device or another special file")
    if folder and (record.size or kind == stat.S_IFREG):
        refuse(record.name, "expected a folder without content, got a file under a folder's name")
    if not folder and kind == stat.S_IFDIR:
        refuse(record.name, "expected a folder's name to end with a slash")


def _local(file: BinaryIO, record: _Record, limits: IntakeLimits) -> tuple[int, int]:
    """Where the entry's content starts, and where the next entry must."""
    fixed = read_at(file, record.offset, _LOCAL_HEADER.size)
    if len(fixed) < _LOCAL_HEADER.size or not fixed.startswith(LOCAL):
        refuse(record.name, "expected an entry where the zip's directory says, got none")
    _, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL_HEADER.unpack(fixed)
    raw, extra = file.read(name_size), file.read(extra_size)
    if raw != record.raw:
        other = shown(raw.decode("utf-8", "replace"))
        refuse(record.name, f"expected one name, got {other} in the entry's own header")
    _name(raw, extra, flags)
    sizes = (record.crc, record.packed, record.size)
    later = bool(flags & _LATER)
    if (flags, method) != (record.flags, record.method) or not (
        (crc, packed, size) == sizes or (later and (crc, packed, size) == (0, 0, 0))
    ):
        refuse(record.name, "expected the entry's header to say the same as the zip's directory, it differs")
    if record.size > RATIO_FROM_BYTES and record.size > record.packed * limits.ratio:
        refuse(record.name, f"expected at most {limits.ratio} times its packed size, got {record.size} bytes")
    if record.method == _STORED and record.packed != record.size:
        refuse(record.name, f"expected {record.size} stored bytes, got {record.packed}")
    start = record.offset + _LOCAL_HEADER.size + name_size + extra_size
    end = start + record.packed
    if later:
        said = struct.pack("<3L", *sizes)
        after = read_at(file, end, 16)
        if after == _DESCRIPTOR + said:
            end += 16
        elif after[:12] == said:
            end += 12
        else:
            refuse(record.name, "expected its sizes behind its content, got something else")
    return start, end


def _content(file: BinaryIO, record: _Record, start: int) -> bytes:
    data = read_at(file, start, record.packed)
    if record.method == _DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = stream.decompress(data, record.size + 1)
        except zlib.error as error:
            refuse(record.name, f"expected deflated content, got damaged data ({error})")
        if not stream.eof and len(data) <= record.size:
            # The stream's last bits may be unread although every byte of content is out.
            try:
                data += stream.decompress(stream.unconsumed_tail, 1)
            except zlib.error as error:
                refuse(record.name, f"expected deflated content, got damaged data ({error})")
        if not stream.eof or stream.unused_data:
            refuse(record.name, f"expected {record.size} bytes, got content that does not end there")
    if len(data) != record.size:
        refuse(record.name, f"expected {record.size} bytes, got {len(data)}")
    if zlib.crc32(data) != record.crc:
        refuse(record.name, "expected content that fits its checksum, got damaged data")
    return data
