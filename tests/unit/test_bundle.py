"""Bundles: one form for the same files, and nothing but its own error for any other bytes."""

from __future__ import annotations

import contextlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import bundle, digest
from assessor.errors import BlobFault

PATHS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\x00"), min_size=1, max_size=120)
    .filter(lambda name: name not in (".", "..")),
    min_size=1,
    max_size=3,
).map("/".join)  # fmt: skip


@given(files=st.dictionaries(PATHS, st.binary(max_size=50), max_size=4))
def test_files_come_back_and_order_does_not_count(files: dict[str, bytes]) -> None:
    packed = bundle.pack(files)
    assert bundle.pack(dict(reversed(files.items()))) == packed
    assert bundle.unpack(packed.data, expected=packed.digest) == packed
    assert packed.digest == digest.sha256(packed.data)


def test_known_files_have_a_known_digest() -> None:
    # Evidence names bundles by digest for ever: this one may never change.
    packed = bundle.pack({"solution.py": b"x = 1\n", "a/b.txt": b""})
    assert packed.digest == "sha256:5f4d5d83312400ce72ffbe29098d937756d79b39aa3ced7b68aa01b1b6b0b9b2"


def test_entries_tell_nothing_of_the_machine() -> None:
    with tarfile.open(fileobj=io.BytesIO(bundle.pack({"a": b"1", "b/" + "c" * 200: b""}).data)) as archive:
        entries = archive.getmembers()
    assert {(e.mode, e.uid, e.gid, e.uname, e.gname, e.mtime) for e in entries} == {(0o644, 0, 0, "", "", 0)}


def test_other_bytes_than_named_are_refused() -> None:
    one, other = bundle.pack({"a": b"1"}), bundle.pack({"a": b"2"})
    with pytest.raises(BlobFault, match=f"expected bytes of digest {one.digest}, got {other.digest}"):
        bundle.unpack(other.data, expected=one.digest)


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for entry, content in entries:
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, **values: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in values.items():
        setattr(made, key, value)
    return made


def huge() -> bytes:
    """An entry whose size is a number of 88 bits."""
    header = bytearray(archive((entry("a"), b"1"))[:1024])
    header[124:136] = b"\x80" + b"\xff" * 11
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


SPARSE = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**50), "GNU.sparse.name": "bomb"}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "expected a tar"),
        (b"no tar at all" * 100, "expected a tar"),
        (archive((entry("a"), b"1" * 2000))[:1000], "expected a tar"),
        (archive((entry("a", tarfile.SYMTYPE, linkname="/etc/passwd"), b"")), "regular files only, got 'a'"),
        (archive((entry("a", tarfile.DIRTYPE), b"")), "regular files only, got 'a'"),
        (archive((entry("a"), b"1"), (entry("a"), b"2")), "expected each path once, got 'a' twice"),
        (archive((entry("a", pax_headers=SPARSE), b"")), "regular files only"),
        (
            archive((entry("a", pax_headers=SPARSE | {"GNU.sparse.map": "a,b"}), b"")),
            "invalid literal for int",
        ),
        (huge(), "expected a tar"),
    ],
    ids=["empty", "text", "cut", "link", "folder", "twice", "sparse", "no number", "huge"],
)
def test_what_is_no_bundle_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(BlobFault, match=text):
        bundle.unpack(data, expected=digest.sha256(data))


@given(data=st.data())
def test_damaged_bundle_raises_its_own_error_alone(data: st.DataObject) -> None:
    good = bytearray(archive((entry("a" * 150), b"1" * 600), (entry("b"), b"2")))
    for _ in range(data.draw(st.integers(1, 5))):
        good[data.draw(st.integers(0, 3 * 512))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BlobFault):
        bundle.unpack(bytes(good), expected=digest.sha256(bytes(good)))
