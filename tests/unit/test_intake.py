"""Uploads: what is kept, what is left out, what is refused and with which words."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import socket
import stat
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import intake
from assessor.entry import IntakeLimits
from assessor.errors import BlobFault, UploadRefused
from assessor.rules import SubmissionRules

RULES = SubmissionRules(required=("solution.py",), allow=("*.py", "*.md"))
CODE = b"def f():\n    return 1\n"


def receive(source: Path, *, rules: SubmissionRules = RULES, **limits: int) -> intake.Received:
    spool = source.parent / "spool"
    try:
        return intake.receive(source, rules=rules, spool=spool, limits=IntakeLimits(**limits))
    finally:
        assert not spool.exists() or list(spool.iterdir()) == []


def refused(source: Path, *, rules: SubmissionRules = RULES, **limits: int) -> str:
    with pytest.raises(UploadRefused) as caught:
        receive(source, rules=rules, **limits)
    return str(caught.value)


def upload(folder: Path, data: bytes, name: str = "s.bin") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice: here on purpose
        for name, data in entries:
            made.writestr(name, data, compress_type=method)
    return buffer.getvalue()


def tarred(*entries: tuple[tarfile.TarInfo | str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as made:
        for name, data in entries:
            entry = tarfile.TarInfo(name) if isinstance(name, str) else name
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def unix(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


TREE = {"solution.py": CODE, "pkg/é.py": b"x = 1\n", "pkg/" + "n" * 110 + ".py": b"y = 2\n"}


def as_zip(path: Path) -> Path:
    return upload(path, zipped(*TREE.items()))


def as_stored_zip(path: Path) -> Path:
    return upload(path, zipped(*TREE.items(), method=zipfile.ZIP_STORED))


def as_streamed_zip(path: Path) -> Path:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    buffer = Pipe()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in TREE.items():
            made.writestr(name, data)
    assert b"PK\x07\x08" in buffer.getvalue()
    return upload(path, buffer.getvalue())


def as_pax(path: Path) -> Path:
    return upload(path, tarred(*TREE.items()))


def as_gnu(path: Path) -> Path:
    return upload(path, tarred(*TREE.items(), form=tarfile.GNU_FORMAT))


def as_gzip(path: Path) -> Path:
    return upload(path, gzip.compress(tarred(*TREE.items())))


def as_dotted(path: Path) -> Path:
    top = special(".", tarfile.DIRTYPE)
    return upload(path, tarred((top, b""), *((f"./{name}", data) for name, data in TREE.items())))


def as_folder(path: Path) -> Path:
    return folder(path / "work", TREE)


FORMS = [as_zip, as_stored_zip, as_streamed_zip, as_pax, as_gnu, as_gzip, as_dotted, as_folder]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_upload_gives_the_same_bundle(tmp_path: Path, form: Callable[[Path], Path]) -> None:
    got = receive(form(tmp_path))
    assert dict(got.bundle.files) == TREE
    assert (got.dropped, got.flags) == ((), ())


def test_composed_and_decomposed_names_give_the_same_bundle(tmp_path: Path) -> None:
    decomposed = upload(tmp_path, zipped(("solution.py", CODE), ("e\u0301.py", b"")), "a.zip")
    assert "é.py" in receive(decomposed).bundle.files


def test_files_beside_the_rules_are_left_out_with_a_reason(tmp_path: Path) -> None:
    names = ["data.csv", ".env", "conftest.py", "sub/sitecustomize.py", "x.pth", "x.so", "__MACOSX/a.py"]
    got = receive(upload(tmp_path, zipped(("solution.py", CODE), *((name, b"1") for name in names))))
    assert list(got.bundle.files) == ["solution.py"]
    assert dict(got.dropped) == {
        "data.csv": "not among what the task takes: *.py, *.md",
        ".env": "not among what the task takes: *.py, *.md",
        "conftest.py": "runs or is obeyed by its name alone; kept only where the task names it",
        "sub/sitecustomize.py": "runs or is obeyed by its name alone; kept only where the task names it",
        "x.pth": "a .pth file, which nobody can read; kept only where the task names that ending",
        "x.so": "a .so file, which nobody can read; kept only where the task names that ending",
        "__MACOSX/a.py": "in __MACOSX/, which tools fill",
    }


def test_a_wildcard_never_keeps_what_runs_by_itself(tmp_path: Path) -> None:
    rules = SubmissionRules(required=("solution.py",), allow=("*",))
    got = receive(
        upload(tmp_path, zipped(("solution.py", CODE), ("conftest.py", b""), ("a.pyc", b""))), rules=rules
    )
    assert list(got.bundle.files) == ["solution.py"]


def test_a_task_may_name_what_runs_by_itself(tmp_path: Path) -> None:
    rules = SubmissionRules(required=("solution.py",), allow=("*.py", "pyproject.toml", ".github/*.yml"))
    files = {"solution.py": CODE, "pyproject.toml": b"", ".github/ci.yml": b""}
    assert dict(receive(folder(tmp_path / "w", files), rules=rules).bundle.files) == files


def test_tools_folders_are_not_even_looked_into(tmp_path: Path) -> None:
    work = folder(tmp_path / "w", {"solution.py": CODE, ".git/config": b"", "__pycache__/x.py": b""})
    (work / ".git/link").symlink_to("/etc/passwd")
    got = receive(work)
    assert list(got.bundle.files) == ["solution.py"]
    assert [path for path, _ in got.dropped] == [".git/", "__pycache__/"]


def entry(name: str) -> Callable[[], bytes]:
    return lambda: zipped(("solution.py", CODE), (name, b"1"))


def changed(data: bytes, old: bytes, new: bytes, *, last: bool = False) -> bytes:
    assert old in data
    at = data.rfind(old) if last else data.find(old)
    return data[:at] + new + data[at + len(old) :]


def encrypted() -> bytes:
    data = bytearray(zipped(("solution.py", CODE)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def lying_size(delta: int) -> bytes:
    data = bytearray(zipped(("solution.py", CODE * 9)))
    for at in (22, data.index(b"PK\x01\x02") + 24):
        struct.pack_into("<L", data, at, len(CODE * 9) + delta)
    return bytes(data)


def lying_directory() -> bytes:
    data = bytearray(zipped(("solution.py", CODE)))
    struct.pack_into("<L", data, data.index(b"PK\x01\x02") + 24, 5)
    return bytes(data)


def damaged() -> bytes:
    return changed(zipped(("solution.py", CODE), method=zipfile.ZIP_STORED), b"return 1", b"return 2")


def overlapping() -> bytes:
    """Two directory entries that share one local entry: how small zips unpack to petabytes."""
    data = zipped(("solution.py", CODE))
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    record = data[start:end]
    return (
        data[:start] + record * 2 + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(record) * 2, start, 0)
    )


def sixty_four() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made, made.open("solution.py", "w", force_zip64=True) as one:
        one.write(CODE)
    return buffer.getvalue()


def two_ends() -> bytes:
    inner = zipped(("solution.py", CODE))
    data = bytearray(zipped(("solution.py", CODE)))
    struct.pack_into("<H", data, len(data) - 2, len(inner))
    return bytes(data) + inner


def other_name_inside() -> bytes:
    info = zipfile.ZipInfo("solution.py")
    info.extra = struct.pack("<2HBL", 0x7075, 5 + 4, 1, 0) + b"x.py"
    return zipped((info, CODE))


def compressed_otherwise() -> bytes:
    return zipped(("solution.py", CODE), method=zipfile.ZIP_BZIP2)


def sparse() -> bytes:
    info = tarfile.TarInfo("solution.py")
    info.pax_headers = {"GNU.sparse.major": "1"}
    return tarred((info, CODE))


def pax_size() -> bytes:
    info = tarfile.TarInfo("solution.py")
    info.pax_headers = {"size": "3"}
    return tarred((info, CODE))


def pax_path() -> bytes:
    info = tarfile.TarInfo("solution.py")
    info.pax_headers = {"path": "../x.py"}
    return tarred((info, CODE))


def links(kind: bytes) -> Callable[[], bytes]:
    return lambda: tarred(("solution.py", CODE), (special("a", kind, "/etc/passwd"), b""))


REFUSED: list[tuple[Callable[[], bytes], str]] = [
    (entry("../x.py"), '"../x.py": expected a path inside the upload, got one that leaves it ("..")'),
    (entry("a/../../x.py"), 'got one that leaves it ("..")'),
    (entry("/etc/x.py"), '"/etc/x.py": expected a path inside the upload, got an absolute one'),
    (entry("C:/x.py"), "got a drive letter"),
    (entry("a\\b.py"), "expected slashes between folders, got a backslash"),
    (entry("a//b.py"), "expected folder and file names between slashes"),
    (entry("a/./b.py"), "expected folder and file names between slashes"),
    (entry("a\nb.py"), '"a\\nb.py": expected a printable name, got character U+000A'),
    (entry("\x1b[2J.py"), '"\\x1b[2J.py": expected a printable name, got character U+001B'),
    (entry("a\u202eyp.py"), "expected a printable name, got character U+202E"),
    (entry("-rf"), "expected no name that begins with -"),
    (entry("a .py /b.py"), "ends with a space"),
    (entry("a/nul.tar.py"), "a device's of Windows"),
    (entry("Com1 .py"), "a device's of Windows"),
    (entry("x" * 300 + ".py"), "expected a path of at most 240 bytes"),
    (entry("x/" * 20 + "x.py"), "expected at most 16 folders within each other, got 20"),
    (
        entry("SOLUTION.py"),
        '"SOLUTION.py": expected names that differ in more than case or accents, got "solution.py"',
    ),
    (entry("\uff53olution.py"), "expected names that differ in more than case or accents"),
    (entry("solution.py/x.py"), 'expected "solution.py" once, got it as a file and as a folder'),
    (lambda: zipped(("Pkg/a.py", b""), ("pkg/b.py", b"")), 'got "Pkg" too'),
    (lambda: zipped(("stra\u00dfe.py", b""), ("strasse.py", b"")), "differ in more than case"),
    (lambda: tarred(("solution.py", CODE), ("solution.py", b"")), '"solution.py": expected each file once'),
    (lambda: zipped((unix("solution.py", stat.S_IFLNK | 0o777), b"/etc/passwd")), "got a symbolic link"),
    (
        lambda: zipped((unix("solution.py", stat.S_IFIFO | 0o777), b"")),
        "got a device or another special file",
    ),
    (lambda: zipped((unix("solution.py/", stat.S_IFREG | 0o777), CODE)), "got a file under a folder's name"),
    (encrypted, '"solution.py": expected plain content, got an encrypted entry'),
    (lambda: lying_size(-1), "expected 197 bytes, got 198"),
    (lambda: lying_size(1), "expected 199 bytes, got 198"),
    (lying_directory, "expected the entry's header to say the same as the zip's directory"),
    (damaged, "expected content that fits its checksum, got damaged data"),
    (overlapping, "expected the entry at byte"),
    (sixty_four, "got zip64"),
    (two_ends, "expected one end record where the zip ends, got two ends"),
    (other_name_inside, "expected one name, got another one in its extra field"),
    (compressed_otherwise, "expected stored or deflated content, got compression method 12"),
    (lambda: b"#!/bin/sh\n" + zipped(("solution.py", CODE)), "got other data in front of it"),
    (lambda: zipped(("solution.py", CODE)) + b"more", "expected one end record where the zip ends"),
    (lambda: zipped(("solution.py", CODE))[:-30], "expected one end record where the zip ends"),
    (
        lambda: changed(zipped(("solution.py", CODE)), b"solution", b"evilevil"),
        'got "evilevil.py" in the entry\'s own',
    ),
    (lambda: zipped(("a.py", b"0" * 5_000_000)), "expected at most 100 times its packed size"),
    (lambda: gzip.compress(tarred(("a.py", b"0" * 5_000_000))), "100 times the packed size, got more"),
    (links(tarfile.SYMTYPE), '"a": expected a regular file, got a symbolic link'),
    (links(tarfile.LNKTYPE), '"a": expected a regular file, got a hard link'),
    (links(tarfile.CHRTYPE), '"a": expected a regular file, got a character device'),
    (links(tarfile.BLKTYPE), '"a": expected a regular file, got a block device'),
    (links(tarfile.FIFOTYPE), '"a": expected a regular file, got a FIFO'),
    (links(tarfile.CONTTYPE), '"a": expected a regular file, got an entry of type'),
    (sparse, "got a sparse file"),
    (pax_size, "its extension header says otherwise"),
    (pax_path, '"../x.py": expected a path inside the upload'),
    (lambda: tarred(("solution.py", CODE)) + b"more", "expected nothing behind the tar's end, got more data"),
    (lambda: tarred(("solution.py", CODE))[:600], "cut short"),
    (
        lambda: changed(tarred(("solution.py", CODE)), b"solution", b"evilevil"),
        "expected a header that fits its",
    ),
    (lambda: gzip.compress(tarred(("solution.py", CODE))) + b"more", "expected nothing behind the gzip"),
    (lambda: gzip.compress(tarred(("solution.py", CODE)))[:-4], "expected a whole gzip"),
    (lambda: gzip.compress(zipped(("solution.py", CODE))), "expected a tar inside the gzip"),
    (lambda: b"hello", "expected a folder, a .zip, a .tar or a .tar.gz"),
    (lambda: b"", "expected a folder, a .zip, a .tar or a .tar.gz"),
    (lambda: zipped(), "expected files, got none"),
    (
        lambda: zipped(("work/solution.py", CODE)),
        'got none at the top, but "work/solution.py": hand in what is inside',
    ),
    (lambda: zipped(("soluton.py", CODE)), 'expected solution.py, got none, but "soluton.py"'),
]


@pytest.mark.parametrize(
    ("make", "expected"), REFUSED, ids=lambda value: value[:40] if isinstance(value, str) else ""
)
def test_bad_archive_is_refused_with_entry_and_reason(
    tmp_path: Path, make: Callable[[], bytes], expected: str
) -> None:
    text = refused(upload(tmp_path, make()))
    assert text.startswith('upload "s.bin": ')
    assert expected in text


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"archive_bytes": 50}, "expected at most 50 bytes, got more"),
        ({"files": 2}, "expected at most 2 entries, got 3"),
        ({"total_bytes": 30}, "expected at most 30 bytes in all files together"),
        ({"depth": 0}, "expected at most 0 folders within each other, got 1"),
    ],
)
def test_limit_refuses_the_upload(tmp_path: Path, limits: dict[str, int], expected: str) -> None:
    assert expected in refused(as_zip(tmp_path), **limits)


@pytest.mark.parametrize("form", [as_pax, as_gzip, as_folder])
def test_limits_hold_for_every_form(tmp_path: Path, form: Callable[[Path], Path]) -> None:
    source = form(tmp_path)
    assert "expected at most 2 entries, got more" in refused(source, files=2)
    assert "expected at most 30 bytes" in refused(source, total_bytes=30)


def test_rules_of_the_task_hold(tmp_path: Path) -> None:
    few = SubmissionRules(required=("solution.py",), allow=("*.py",), max_files=2)
    small = SubmissionRules(required=("solution.py",), allow=("*.py",), max_bytes=10)
    assert "expected at most 2 files, got 3" in refused(as_zip(tmp_path), rules=few)
    assert "expected at most 10 bytes, got 34" in refused(as_zip(tmp_path), rules=small)


# Folders


def test_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    work = folder(tmp_path / "w", {"a.py": b""})
    (work / "solution.py").symlink_to("/etc/passwd")
    assert '"solution.py": expected a regular file, got a symbolic link' in refused(work)


def test_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    work = folder(tmp_path / "w", {"solution.py": CODE})
    (work / "d").symlink_to("/etc")
    assert '"d": expected a regular file, got a symbolic link' in refused(work)
    (tmp_path / "alias").symlink_to(work)
    assert "expected a folder or an archive, got a symbolic link" in refused(tmp_path / "alias")


def test_fifo_and_socket_in_a_folder_are_refused(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", {"solution.py": CODE})
    os.mkfifo(first / "p.py")
    assert '"p.py": expected a regular file, got a device, a FIFO or a socket' in refused(first)
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"{short}/s.py")
        assert "got a device, a FIFO or a socket" in refused(Path(short))
    assert "got a special file" in refused(first / "p.py")


def test_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    work = folder(tmp_path / "w", {"solution.py": CODE})
    Path(os.fsdecode(os.fsencode(work) + b"/\xff.py")).write_bytes(b"")
    assert "expected a printable name" in refused(work)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    assert "expected a readable folder or archive, got: No such file" in refused(tmp_path / "gone")


def test_file_swapped_for_a_link_after_the_look_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = folder(tmp_path / "w", {"solution.py": CODE})
    real = os.open

    def swap(path: str, flags: int, **rest: int) -> int:
        if path == "solution.py":
            (work / "solution.py").unlink()
            (work / "solution.py").symlink_to("/etc/passwd")
        return real(path, flags, **rest)

    monkeypatch.setattr(os, "open", swap)
    assert '"solution.py": expected a readable file, got: ' in refused(work)


def test_file_changed_after_intake_changes_nothing(tmp_path: Path) -> None:
    work = folder(tmp_path / "w", {"solution.py": CODE})
    got = receive(work)
    (work / "solution.py").write_bytes(b"evil")
    assert got.bundle.files["solution.py"] == CODE
    assert CODE in got.bundle.data


def test_spool_that_cannot_be_written_is_the_operators_fault(tmp_path: Path) -> None:
    upload(tmp_path, b"", "spool")
    with pytest.raises(BlobFault, match=r"spool .* expected to write an upload"):
        intake.receive(as_zip(tmp_path), rules=RULES, spool=tmp_path / "spool")


# Flags


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = '\u202e'", "solution.py:1: bidirectional control U+202E"),
        ("ok\nx\u200b = 1", "solution.py:2: invisible character U+200B"),
        ("\x00", "solution.py:1: NUL byte"),
        ("\x1b[2J", "solution.py:1: control character U+001B"),
        ("a\rb", "solution.py:1: control character U+000D"),
        ("\uff4f\uff53.system", 'solution.py:1: word in look-alike letters, which Python reads as "os"'),
        ("p\u0430ss = 1", "solution.py:1: word that mixes scripts: cyrillic, latin"),
    ],
)
def test_what_misleads_a_reader_is_flagged(tmp_path: Path, source: str, expected: str) -> None:
    work = folder(tmp_path / "w", {"solution.py": source.encode()})
    assert receive(work).flags == (expected,)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"# -*- coding: utf-7 -*-\n", "utf-7"),
        (b"#!/usr/bin/python3\r# vim: set fileencoding=unicode_escape :\n", "unicode_escape"),
        (b"\xef\xbb\xbf\x0c# coding=rot13\n", "rot13"),
        (b"# coding: no-such\n", "no-such"),
    ],
)
def test_an_encoding_in_which_code_looks_like_a_comment_is_flagged(
    tmp_path: Path, head: bytes, name: str
) -> None:
    got = receive(folder(tmp_path / "w", {"solution.py": head + b"x = 1\n"})).flags
    said = f"solution.py: declares the encoding {name}, in which code can look like a comment"
    assert said in got


@pytest.mark.parametrize(
    "head", ["# coding: utf-8", "# -*- coding: Latin-1 -*-", "x = 1\ny = 2\n# coding: utf-7"]
)
def test_an_ordinary_encoding_is_not_flagged(tmp_path: Path, head: str) -> None:
    assert receive(folder(tmp_path / "w", {"solution.py": f"{head}\n".encode()})).flags == ()


@pytest.mark.parametrize(
    "source", ["größe = 1\r\n", "\ufeffx = 1\n", "# Привет, мир\n", "s = '👩\u200d💻'\n"]
)
def test_honest_text_in_any_language_is_not_flagged(tmp_path: Path, source: str) -> None:
    assert receive(folder(tmp_path / "w", {"solution.py": source.encode()})).flags == ()


def test_flags_are_bounded(tmp_path: Path) -> None:
    assert len(receive(folder(tmp_path / "w", {"solution.py": b"\x00\n" * 5000})).flags) == 101


# Whatever comes

NAMES = st.sampled_from(
    [
        "solution.py",
        "../up.py",
        "/abs.py",
        "a/b.py",
        "A/b.py",
        "a",
        "..",
        ".",
        "",
        "a/../../x",
        "C:\\x",
        "é.py",
        "x\0y",
    ]
) | st.text(max_size=12)
ENTRIES = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=4)
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, b"x", b"L", b"S", b"g"]
)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    entries = draw(ENTRIES)
    form = draw(st.sampled_from(["zip", "stored", "tar", "gzip", "bytes"]))
    data = draw(st.binary(max_size=600))
    with contextlib.suppress(ValueError):  # names that Python's own writers refuse
        if form in ("zip", "stored"):
            method = zipfile.ZIP_STORED if form == "stored" else zipfile.ZIP_DEFLATED
            data = zipped(*((zipfile.ZipInfo(name), one) for name, one in entries), method=method)
        elif form != "bytes":
            data = tarred(*((special(name, draw(KINDS), "/etc/passwd"), one) for name, one in entries))
    changed_at = draw(
        st.lists(st.tuples(st.integers(0, max(len(data) - 1, 0)), st.integers(0, 255)), max_size=3)
    )
    spoilt = bytearray(data)
    for at, value in changed_at:
        if at < len(spoilt):
            spoilt[at] = value
    data = bytes(spoilt[: draw(st.integers(0, len(spoilt)))] if draw(st.booleans()) else spoilt)
    return gzip.compress(data) if form == "gzip" else data


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@given(archives())
def test_whatever_the_archive_nothing_is_written_outside_and_only_refusals_come_out(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        (root / "deep").mkdir()
        source = upload(root / "deep", data)
        before = everything(root)
        with contextlib.suppress(UploadRefused):
            anything = SubmissionRules(required=(), allow=("**",))
            got = intake.receive(source, rules=anything, spool=root / "deep/spool")
            for path in got.bundle.files:
                assert ".." not in path.split("/")
                assert not path.startswith("/")
        assert everything(root) - {"deep/spool"} == before
