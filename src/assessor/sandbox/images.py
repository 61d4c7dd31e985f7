"""Images by the content of their recipe: there, or built here, offline.

Comes in: `sandboxes/<name>/` (Dockerfile, `requirements.lock`, `debian.txt`, any other files). Goes out:
`Built` images, tagged `assessor/<name>:<first 16 hex digits of the recipe's digest>`. A recipe is everything
that an image is made from: its folder's files (limits apart), the harness, the base's recipe, the kind of
machine. Bytes may differ between two builds of one recipe (times, the archive's packages of the day), so
evidence names the recipe and the package list by digest, and never the image id.

Whatever a Dockerfile did, no image is used in which a file gains privilege, or may be changed by anyone but
root.

    python -m assessor.sandbox.images [--sandboxes FOLDER] [--fresh] NAME...
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import io
import os
import platform
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import docker
import docker.errors
import structlog

from assessor import digest
from assessor import harness as harness_package
from assessor.errors import AssessorError, ImageFault, exit_code
from assessor.sandbox import base, debian, engine, protocol, wheels

log = structlog.get_logger(__name__)

#: Files of a sandbox's folder that its image does not depend on.
_ASIDE = ("sandbox.yaml", "requirements.in")
_BUILD_S = 900
_LISTING = r"""python3 -IS -c "$LOOK" && dpkg-query -W -f='${Package} ${Version} ${Architecture}\n' \
&& cat /opt/assessor/wheels.txt"""

#: Run inside an image as its root: names each file that gains privilege, or that others than root may change.
#: Sockets and devices count as files; what the engine mounts over the image is not looked at.
_LOOK = """
import os, stat, sys
top, wrong = os.lstat("/").st_dev, []
def look(path, status):
    why = []
    if not stat.S_ISLNK(status.st_mode):
        why += ["set-user-id"] * bool(status.st_mode & stat.S_ISUID)
        why += ["set-group-id"] * bool(status.st_mode & stat.S_ISGID)
        why += ["open to writing"] * bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        why += ["a capability"] * ("security.capability" in os.listxattr(path))
    why += ["owner " + str(status.st_uid)] * (status.st_uid != 0)
    wrong.extend([path + " (" + ", ".join(why) + ")"] * bool(why))
def walk(folder):
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        within = entry.is_dir(follow_symlinks=False)
        if not within or status.st_dev == top and entry.path != "/dev":
            look(entry.path, status)
            if within:
                walk(entry.path)
walk("/")
if wrong:
    print(*sorted(wrong)[:20], *["..."] * (len(wrong) > 20), sep="; ", file=sys.stderr)
    sys.exit(9)
"""
_UNSAFE = 9


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image that is there.

    Attributes:
        name: the sandbox's folder.
        tag: what the engine knows it by.
        id: the engine's id of it.
        image: as evidence names it.
        packages: its package list, one package a line.
    """

    name: str
    tag: str
    id: str
    image: protocol.Image
    packages: str


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what can be fetched or read again is kept: shared by all installations of this user."""
    named = environ.get("ASSESSOR_CACHE")
    if named:
        return Path(named).absolute()
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assessor"


class Images:
    """The images of one folder of sandboxes.

    Args:
        api: the engine.
        sandboxes: folder that holds one folder for each sandbox.
        cache: folder for wheels and package lists.
        say: told what is done, in one line each.
    """

    def __init__(
        self,
        api: docker.APIClient,
        *,
        sandboxes: Path,
        cache: Path,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._api = api
        self._sandboxes = sandboxes
        self._cache = cache
        self._say = say
        self._known: dict[str, tuple[frozenset[tuple[str, int, int]], Built]] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Built:
        """The image of a sandbox, built first where it is not there.

        Kept in mind until a file of its folder changes. A changed recipe that does not build is told, and
        what was there before is used on: whoever edits it is not done.

        Raises:
            ImageFault: it is not there and does not build.
            EngineMissing: the engine does not answer.
        """
        with self._lock:
            stamp = _stamp(self._sandboxes / name)
            known = self._known.get(name)
            if known is None:
                known = self._known[name] = stamp, self.ensure(name)
            elif known[0] != stamp:
                try:
                    known = self._known[name] = stamp, self.ensure(name)
                except ImageFault as error:
                    log.warning("image used as it was before", sandbox=name, problem=str(error))
                    known = self._known[name] = stamp, known[1]
            return known[1]

    def ensure(self, name: str, *, fresh: bool = False) -> Built:
        """See that a sandbox's image is there.

        Args:
            name: the sandbox's folder.
            fresh: build it anew even where it is there.

        Raises:
            ImageFault: it does not build; the text ends with the builder's last lines.
        """
        files = _files(self._sandboxes / name)
        recipe = recipe_digest(files)
        tag = f"assessor/{name}:{recipe.removeprefix('sha256:')[:16]}"
        try:
            found = None if fresh else self._find(tag)
            if found is None:
                with _alone(self._cache / "build.lock"):
                    found = None if fresh else self._find(tag)
                    if found is None:
                        base.ensure(self._api, say=self._say)
                        self._say(f"{tag}: building")
                        self._build(name, tag, files, recipe)
                        found = self._find(tag)
            if found is None:
                raise ImageFault(f"image {tag}: expected it after its build, got none")
            packages = self._packages(found)
        except engine.TROUBLE as error:
            raise ImageFault(f"image {tag}: expected the engine to find or build it, got: {error}") from error
        image = protocol.Image(recipe=recipe, packages=digest.sha256(packages.encode()))
        return Built(name=name, tag=tag, id=found, image=image, packages=packages)

    def _find(self, tag: str) -> str | None:
        try:
            return str(self._api.inspect_image(tag)["Id"])
        except docker.errors.ImageNotFound:
            return None

    def _build(self, name: str, tag: str, files: Mapping[str, bytes], recipe: str) -> None:
        lock = self._sandboxes / name / "requirements.lock"
        resolved = wheels.resolve(lock, cache=self._cache) if lock.exists() else None
        arguments = {"BASE": self._base(name, files)}
        if resolved is not None:
            arguments["WHEELS"] = self._wheels(resolved)
        listing = (resolved.listing if resolved else "").encode()
        with tempfile.TemporaryFile() as context:
            _pack(context, {**files, "wheels.txt": listing})
            self._run(context, f"{name}/Dockerfile", tag, arguments=arguments, recipe=recipe)

    def _base(self, name: str, files: Mapping[str, bytes]) -> str:
        """What an image stands on: the common base, with the Debian packages that its folder names."""
        named = files.get(debian.FILE)
        if named is None:
            return base.TAG
        packages = debian.names(named, f"sandboxes/{name}/{debian.FILE}")
        return debian.ensure(self._api, packages, say=self._say)

    def _wheels(self, resolved: wheels.Wheels) -> str:
        """An image of unpacked packages alone: they are large, and change less often than the rest."""
        tag = f"assessor/wheels:{resolved.name}"
        if self._find(tag) is None:
            self._say(f"{tag}: building")
            with tempfile.TemporaryFile() as context:
                _pack(context, {"Dockerfile": b"FROM scratch\nCOPY wheels/ /\n"}, tree=resolved.tree)
                self._run(
                    context, "packages", tag, arguments={}, recipe=digest.sha256(resolved.listing.encode())
                )
        return tag

    def _run(
        self, context: IO[bytes], what: str, tag: str, *, arguments: Mapping[str, str], recipe: str
    ) -> None:
        context.seek(0)
        last: list[str] = []
        # The classic builder: BuildKit is missing on some engines, and nothing here needs it.
        for step in self._api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            buildargs=dict(arguments),
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
            timeout=_BUILD_S,
            labels={base.LABEL_RECIPE: recipe},
        ):
            line = (step.get("stream") or step.get("error") or "").strip()
            if line:
                last = [*last[-9:], line]
            if "error" in step:
                raise ImageFault(f"image {tag}: expected {what} to build, got: " + "\n".join(last))

    def _packages(self, image: str) -> str:
        """The package list of an image, asked of the image itself once and kept by its id.

        Raises:
            ImageFault: the image holds a file that no sandbox may hold, or it does not list its packages.
        """
        kept = self._cache / "packages" / (image.removeprefix("sha256:") + ".txt")
        if kept.exists():
            return kept.read_text()
        made = self._api.create_container_from_config(
            {
                "Image": image,
                "Cmd": ["sh", "-c", _LISTING],
                "User": "0:0",
                "Env": ["LC_ALL=C", f"LOOK={_LOOK}"],
                "Labels": {protocol.LABEL_ROLE: "packages"},
                "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "json-file"}},
            }
        )["Id"]
        try:
            self._api.start(made)
            status = self._api.wait(made)["StatusCode"]
            text = self._api.logs(made, stdout=True, stderr=status != 0).decode(errors="replace")
        finally:
            self._api.remove_container(made, force=True, v=True)
        if status == _UNSAFE:
            raise ImageFault(
                f"image {image}: expected no file in it that gains privilege or that anyone but root may "
                f"change, got: {text.strip()[-2000:]}"
            )
        if status != 0 or not text.strip():
            raise ImageFault(
                f"image {image}: expected it to list its packages, got status {status}: {text[-400:]}"
            )
        listing = "".join(sorted(text.splitlines(keepends=True)))
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as half:
            half.write(listing)
        os.replace(half.name, kept)
        return listing


def recipe_digest(files: Mapping[str, bytes], *, machine: str | None = None) -> str:
    """The digest of an image's recipe.

    Args:
        files: what the image is built from, by path in its build context.
        machine: kind of machine (`x86_64`); this one's by default.
    """
    return digest.sha256(
        digest.canonical(
            {
                "base": base.RECIPE,
                "files": {path: hashlib.sha256(content).hexdigest() for path, content in files.items()},
                "machine": machine or platform.machine(),
                "version": 1,
            }
        )
    )


def _files(folder: Path) -> dict[str, bytes]:
    """What an image is built from, by path: its folder, and the harness."""
    if not (folder / "Dockerfile").is_file():
        raise ImageFault(f"{folder}: expected a folder with a Dockerfile, got none")
    try:
        files = _walk(folder, "")
        files |= _walk(Path(next(iter(harness_package.__path__))), "harness/")
    except OSError as error:
        raise ImageFault(f"{folder}: expected files that can be read, got: {error}") from error
    for name in _ASIDE:
        files.pop(name, None)
    return files


def _stamp(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What is seen of a folder's files without reading them: another stamp, another look."""
    found = [(path, path.stat()) for path in folder.rglob("*")]
    return frozenset((str(path), status.st_mtime_ns, status.st_size) for path, status in found)


def _walk(folder: Path, prefix: str) -> dict[str, bytes]:
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _pack(sink: IO[bytes], files: Mapping[str, bytes], *, tree: Path | None = None) -> None:
    """Write a build context without times or owners: files, and a folder's content as `wheels/`."""
    with tarfile.open(fileobj=sink, mode="w") as archive:

        def add(path: str, size: int, mode: int, content: IO[bytes]) -> None:
            entry = tarfile.TarInfo(path)
            entry.size = size
            entry.mode = mode
            archive.addfile(entry, content)

        for path in sorted(files):
            add(path, len(files[path]), 0o644, io.BytesIO(files[path]))
        for found in sorted(tree.rglob("*")) if tree else ():
            if found.is_file():
                status = found.stat()
                with found.open("rb") as content:
                    relative = found.relative_to(tree or found).as_posix()
                    add(f"wheels/{relative}", status.st_size, status.st_mode & 0o755, content)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that all builders of this user share; the system lets go of it if this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Build the images that are named; one line of talk for each that is not there yet."""
    parser = argparse.ArgumentParser(prog="python -m assessor.sandbox.images", description="Build images.")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a folder of the sandboxes' folder")
    parser.add_argument("--sandboxes", type=Path, default=Path("sandboxes"), help="the sandboxes' folder")
    parser.add_argument("--fresh", action="store_true", help="build anew, with the packages of today")
    asked = parser.parse_args(arguments)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        api = engine.connect()
        known = Images(api, sandboxes=asked.sandboxes, cache=cache_folder(), say=say)
        if asked.fresh:
            base.ensure(api, fresh=True, say=say)
        for name in asked.names:
            print(known.ensure(name, fresh=asked.fresh).tag)
    except AssessorError as error:
        say(str(error))
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
