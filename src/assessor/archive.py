"""Reading archives that a stranger made: zip, tar and tar.gz, in one strict form.

Comes in: the bytes of an upload, in a file of ours. Goes out: entries, one after the other, their content
read on demand into memory; nothing is ever extracted to disk. Which names and how much are allowed is left
to `intake`.

Two programs that read one archive must see the same files, so whatever two readers may take in two ways is
refused: data before, between or behind the entries, a header that contradicts another, sizes that lie, zip64
and sparse files (no upload is that large), links and special files. The standard library's readers are
lenient by design, which is why the formats are read here. An archive inside an archive is a file like any
other and never opened.

Source: PKWARE APPNOTE 6.3.10, clauses 4.3 and 4.4; POSIX.1-2017, pax, "ustar Interchange Format" and "pax
Header Block"; RFC 1952.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Never

from assessor.errors import UploadRefused

CHUNK = 64 * 1024
#: Below this size, how well something is compressed says nothing.
RATIO_FROM_BYTES = 1024**2
#: The largest extension header of a tar: long names and times fit many times over.
EXTENSION_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class IntakeLimits:
    """The most that an upload may be, whatever its task.

    Attributes:
        archive_bytes: the archive as it comes.
        total_bytes: all its files together.
        files: entries, folders and what is dropped included.
        depth: folders within folders.
        name_bytes: one path, in UTF-8.
        ratio: unpacked size in terms of packed size, counted from 1 MiB on.
    """

    archive_bytes: int = 32 * 1024**2
    total_bytes: int = 64 * 1024**2
    files: int = 2000
    depth: int = 16
    name_bytes: int = 240
    ratio: int = 100


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: as written in the archive, unchecked; of a folder, without the slash at its end.
        folder: whether it is a folder.
        size: bytes of its content, as the archive says; `read` holds it to that.
        read: gives the content, or raises UploadRefused.
    """

    name: str
    folder: bool
    size: int
    read: Callable[[], bytes]


def entries(file: BinaryIO, scratch: BinaryIO, limits: IntakeLimits) -> Iterator[Entry]:
    """The entries of an archive, in its order. What the archive is, its content says, never its name.

    Args:
        file: the archive, seekable.
        scratch: an empty file of ours, for a compressed tar's plain form.
        limits: the most that it may be.

    Raises:
        UploadRefused: from here or while iterating; until the iterator is exhausted, nothing is sure.
    """
    size = file.seek(0, 2)
    start = _at(file, 0, 512)
    if start[:4] in (_LOCAL, _END):
        return _zip(file, size, limits)
    if start[:2] == b"\x1f\x8b":
        size = _gunzip(file, scratch, size, limits)
        if not _is_tar(_at(scratch, 0, 512)):
            raise UploadRefused("expected a tar inside the gzip, got something else")
        return _tar(scratch, size)
    if _is_tar(start):
        return _tar(file, size)
    if _END in _at(file, max(0, size - _TAIL), _TAIL):
        raise UploadRefused("expected the zip to begin at the first byte, got other data in front of it")
    raise UploadRefused("expected a folder, a .zip, a .tar or a .tar.gz, got a file of another kind")


def refuse(name: str, reason: str) -> Never:
    """Refuse the upload because of one entry."""
    raise UploadRefused(f"{shown(name)}: {reason}")


def shown(name: str) -> str:
    """A name that a stranger chose, quoted, cut, and with everything unprintable escaped."""
    cut = name if len(name) <= 80 else f"{name[:60]}...{name[-17:]}"
    escaped = cut.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in escaped) + '"'


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


# zip

_LOCAL, _CENTRAL, _END, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"
_LOCATOR64 = b"PK\x06\x07"
_END_HEADER = struct.Struct("<4s4H2LH")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_TAIL = _END_HEADER.size + 0xFFFF
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


def _zip(file: BinaryIO, size: int, limits: IntakeLimits) -> Iterator[Entry]:
    """1. Find the one end record. 2. Read the whole directory. 3. Hold every local header to it and see that
    entries and directory fill the file without a gap. 4. Only then give the entries."""
    # 1.
    count, directory, offset = _zip_end(file, size)
    if count > limits.files:
        raise UploadRefused(f"expected at most {limits.files} entries, got {count}")
    # 2.
    records = _zip_directory(_at(file, offset, directory), count)
    # 3.
    starts: dict[int, int] = {}
    expected = 0
    for record in sorted(records, key=lambda one: one.offset):
        if record.offset != expected:
            refuse(record.name, f"expected the entry at byte {expected} of the zip, got {record.offset}")
        starts[record.offset], expected = _zip_local(file, record, limits)
    if expected != offset:
        raise UploadRefused(f"expected the zip's directory at byte {expected}, got {offset}")
    # 4.
    for record in records:
        folder = record.name.endswith("/")
        yield Entry(
            name=record.name.removesuffix("/"),
            folder=folder,
            size=record.size,
            read=lambda one=record: _zip_content(file, one, starts[one.offset]),  # type: ignore[misc]
        )


def _zip_end(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """How many entries, and size and place of the directory."""
    tail = _at(file, max(0, size - _TAIL), _TAIL)
    base, found, at = size - len(tail), [], tail.find(_END)
    while at >= 0:
        if at + _END_HEADER.size <= len(tail):
            fields = _END_HEADER.unpack_from(tail, at)
            if at + _END_HEADER.size + fields[7] == len(tail):
                found.append((base + at, fields))
        at = tail.find(_END, at + 1)
    if len(found) != 1:
        problem = "two ends" if found else "none: it is cut short, or other data follows it"
        raise UploadRefused(f"expected one end record where the zip ends, got {problem}")
    at, (_, disk, first_disk, here, count, directory, offset, _) = found[0]
    if (
        0xFFFF in (here, count)
        or 0xFFFFFFFF in (directory, offset)
        or (at >= 20 and _at(file, at - 20, 4) == _LOCATOR64)
    ):
        raise UploadRefused("expected a plain zip, got zip64, which is for larger archives")
    if disk or first_disk or here != count:
        raise UploadRefused("expected a zip in one piece, got a part of one")
    if offset + directory != at:
        raise UploadRefused(f"expected the zip's directory to end at byte {at}, got {offset + directory}")
    return count, directory, offset


def _zip_directory(data: bytes, count: int) -> list[_Record]:
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
            name=_zip_name(raw, extra, flags),
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
        _zip_kind(record, unix=made_by >> 8 == 3)
        records.append(record)
    if at != len(data):
        raise UploadRefused(f"expected {count} entries in the zip's directory, got more")
    return records


def _zip_name(raw: bytes, extra: bytes, flags: int) -> str:
    """The entry's name. Old zips do not say in which code page it is: read as UTF-8 or not at all."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        refuse(raw.decode("latin-1"), "expected a name in UTF-8")
    for tag, value in _zip_extra(name, extra):
        if tag == 0x0001:
            refuse(name, "expected a plain zip, got zip64, which is for larger archives")
        if tag == 0x7075 and value[5:] != raw:
            refuse(name, "expected one name, got another one in its extra field")
    return name


def _zip_extra(name: str, extra: bytes) -> Iterator[tuple[int, bytes]]:
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


def _zip_kind(record: _Record, *, unix: bool) -> None:
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


def _zip_local(file: BinaryIO, record: _Record, limits: IntakeLimits) -> tuple[int, int]:
    """Where the entry's content starts, and where the next entry must."""
    fixed = _at(file, record.offset, _LOCAL_HEADER.size)
    if len(fixed) < _LOCAL_HEADER.size or not fixed.startswith(_LOCAL):
        refuse(record.name, "expected an entry where the zip's directory says, got none")
    _, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL_HEADER.unpack(fixed)
    raw, extra = file.read(name_size), file.read(extra_size)
    if raw != record.raw:
        other = shown(raw.decode("utf-8", "replace"))
        refuse(record.name, f"expected one name, got {other} in the entry's own header")
    _zip_name(raw, extra, flags)
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
        after = _at(file, end, 16)
        if after == _DESCRIPTOR + said:
            end += 16
        elif after[:12] == said:
            end += 12
        else:
            refuse(record.name, "expected its sizes behind its content, got something else")
    return start, end


def _zip_content(file: BinaryIO, record: _Record, start: int) -> bytes:
    data = _at(file, start, record.packed)
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


# tar

_BLOCK = 512
_LINKS = {b"1": "a hard link", b"2": "a symbolic link", b"K": "a link"}
_SPECIAL = {b"3": "a character device", b"4": "a block device", b"6": "a FIFO", b"S": "a sparse file"}


def _gunzip(file: BinaryIO, scratch: BinaryIO, packed: int, limits: IntakeLimits) -> int:
    """Unpack a gzip into `scratch`; the size there."""
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


def _is_tar(block: bytes) -> bool:
    return block[257:263] in (b"ustar\0", b"ustar ")


def _tar(file: BinaryIO, size: int) -> Iterator[Entry]:
    """Headers one after the other; extension headers speak for the next entry; zeros to the end."""
    at, long_name, extended = 0, None, None
    while True:
        block = _at(file, at, _BLOCK)
        if len(block) < _BLOCK:
            raise UploadRefused("expected a whole tar, got one that is cut short")
        if not any(block):
            _tar_end(file, pending=long_name is not None or extended is not None)
            return
        name, kind, length = _tar_header(block, at)
        content, after = at + _BLOCK, at + _BLOCK + -(-length // _BLOCK) * _BLOCK
        if after > size:
            refuse(name, f"expected {length} bytes, got a tar that is cut short")
        at = after
        if kind in (b"x", b"g", b"L"):
            if length > EXTENSION_BYTES:
                refuse(name, f"expected an extension header of at most {EXTENSION_BYTES} bytes, got {length}")
            data = _at(file, content, length)
            if kind == b"L" and long_name is None:
                long_name = _tar_text(data.removesuffix(b"\0"))
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
            name = _tar_text(extended["path"])
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
            read=lambda start=content, length=length: _at(file, start, length),  # type: ignore[misc]
        )


def _tar_header(block: bytes, at: int) -> tuple[str, bytes, int]:
    """Name, type and size that a header block says."""
    if not _is_tar(block):
        raise UploadRefused(f"expected a tar header at byte {at}, got something else")
    raw = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    name = _tar_text(prefix + b"/" + raw if prefix else raw)
    summed = sum(block[:148]) + sum(block[156:]) + 8 * 0x20
    if _octal(name, block[148:156]) != summed:
        refuse(name, "expected a header that fits its checksum, got damaged data")
    return name, block[156:157], _octal(name, block[124:136])


def _octal(name: str, field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        refuse(name, f"expected an octal number in its header, got {field!r}")
    return int(digits, 8)


def _tar_text(raw: bytes) -> str:
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


def _tar_end(file: BinaryIO, *, pending: bool) -> None:
    while chunk := file.read(CHUNK):
        if any(chunk):
            raise UploadRefused("expected nothing behind the tar's end, got more data")
    if pending:
        raise UploadRefused("expected an entry behind the last extension header, got the tar's end")
