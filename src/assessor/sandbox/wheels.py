"""Python packages for an image, resolved outside of it: images are built without a network.

Comes in: a `requirements.lock` with hashes. Goes out: the unpacked packages as a folder, kept by the digest
of the lock and the machine, and never changed once it is there:

    <cache>/wheels/<16 hex>/
        tree/           what goes on the interpreter's path
        wheels.txt      `name version sha256`, one line each, sorted
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assessor.errors import ImageFault

#: The interpreter inside the images. Source: Debian 12, package python3.
PYTHON = "3.11"
#: The C library inside the images. Source: Debian 12, package libc6.
GLIBC = 36

_RESOLVE_S = 600


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """Unpacked packages.

    Attributes:
        name: of this very set, for this machine: 16 hex digits.
        tree: folder to be put on the interpreter's path.
        listing: `name version sha256`, one line each, sorted.
    """

    name: str
    tree: Path
    listing: str


def resolve(lock: Path, *, cache: Path) -> Wheels:
    """The packages that the lock names, fetched on first use.

    Args:
        lock: requirements with hashes; nothing but wheels is taken, so that nothing of them runs here.
        cache: folder for everything that can be fetched again.

    Raises:
        ImageFault: one cannot be had, or holds what does not belong there.
    """
    name = hashlib.sha256(f"{platform.machine()}\n{PYTHON}\n".encode() + lock.read_bytes()).hexdigest()[:16]
    home = cache / "wheels" / name
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        # Made beside its place and moved there whole: a second builder finds all of it or nothing.
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".making-") as spot:
            made = Path(spot) / "made"
            (made / "tree").mkdir(parents=True)
            lines = [_unpack(wheel, made / "tree") for wheel in _download(lock, Path(spot) / "fetched")]
            (made / "wheels.txt").write_text("".join(sorted(lines)))
            try:
                made.rename(home)
            except OSError:
                if not home.is_dir():
                    raise
    return Wheels(name=name, tree=home / "tree", listing=(home / "wheels.txt").read_text())


def _download(lock: Path, target: Path) -> list[Path]:
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)]
    platforms += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--abi={abi}" for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")]
    command += [f"--platform={name}" for name in platforms]
    command += ["--dest", str(target), "--requirement", str(lock)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_RESOLVE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ImageFault(f"{lock}: expected its packages within {_RESOLVE_S} s, got none") from error
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ImageFault(f"{lock}: expected pip to fetch its packages, got status {done.returncode}: {last}")
    return sorted(target.glob("*.whl"))


def _unpack(wheel: Path, tree: Path) -> str:
    """Unpack a wheel as an installer would, without its scripts; its line of the listing.

    Source: PyPA binary distribution format, "The .data directory".
    """
    name, version = wheel.name.split("-")[:2]
    data = f"{name}-{version}.data"
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename).parts
            if parts[:1] == (data,):
                if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):
                    continue
                parts = parts[2:]
            if not parts or ".." in parts or entry.filename.startswith("/"):
                raise ImageFault(f"{wheel.name}: expected relative paths, got {entry.filename!r}")
            if entry.is_dir():
                continue
            target = tree.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            os.chmod(target, 0o755 if (entry.external_attr >> 16) & 0o111 else 0o644)
    return f"{name} {version} {hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
