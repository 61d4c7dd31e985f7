"""Debian packages for an image, put on the common base before its build, which has no network.

Comes in: `sandboxes/<name>/debian.txt`, names of packages, one a line. Goes out: an image of the base with
these and what they need, trimmed as the base is, tagged by the names and the base's
recipe. Versions are those of the archive's day: the package list that evidence names has its own digest.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence

import docker
import docker.errors

from assessor import digest
from assessor.errors import ImageFault
from assessor.sandbox import base

#: What names the packages, in a sandbox's folder.
FILE = "debian.txt"
_MAKE_S = 900
#: The base's trimming, but for what the engine mounts over every container: it is in no image anyway.
_TRIM = base.TRIM.replace(" /etc/resolv.conf /etc/hostname", "")
#: apt checks signatures as a user of its own, who needs a folder to write to; the trimming closes it again.
_INSTALL = (
    "set -e\nexport DEBIAN_FRONTEND=noninteractive\nchmod 1777 /tmp\napt-get update\n"
    "apt-get install -y --no-install-recommends {names}\n{trim}"
)


def names(data: bytes, path: str) -> tuple[str, ...]:
    """The packages that a file names, sorted.

    Raises:
        ImageFault: a line is no name of a package, or there is none.
    """
    lines = [line.strip() for line in data.decode(errors="replace").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    for line in found:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", line):
            raise ImageFault(f"{path}: expected the name of a Debian package, one a line, got {line!r}")
    if not found:
        raise ImageFault(f"{path}: expected the names of Debian packages, got none")
    return tuple(sorted(set(found)))


def tag(packages: Sequence[str]) -> str:
    """What the engine knows the image of these packages by."""
    recipe = digest.sha256(digest.canonical([base.RECIPE, _INSTALL, _TRIM, list(packages)]))
    return f"assessor/debian:{base.SUITE}-{recipe.removeprefix('sha256:')[:16]}"


def ensure(
    api: docker.APIClient,
    packages: Sequence[str],
    *,
    fresh: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """See that the image of these packages is there; its tag.

    Args:
        api: the engine; it has the base.
        packages: sorted names.
        fresh: make it anew, with the packages of today, even where it is there.
        say: told what is done.

    Raises:
        ImageFault: the packages cannot be had.
    """
    made = tag(packages)
    if not fresh:
        try:
            api.inspect_image(made)
        except docker.errors.ImageNotFound:
            pass  # made below
        else:
            return made
    say(f"{made}: installing {', '.join(packages)}")
    # In the command, which the image does not keep, as it would the environment.
    proxies = "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in os.environ.items()
        if name.lower().endswith("_proxy")
    )
    container = api.create_container_from_config(
        {
            "Image": base.TAG,
            "Cmd": ["sh", "-c", proxies + _INSTALL.format(names=" ".join(packages), trim=_TRIM)],
            "User": "0:0",
            "Labels": {"assessor.role": "builder"},
            # Where this process reaches the archive, so does its container.
            "HostConfig": {"NetworkMode": "host", "LogConfig": {"Type": "json-file"}},
        }
    )["Id"]
    try:
        api.start(container)
        status = api.wait(container, timeout=_MAKE_S)["StatusCode"]
        if status != 0:
            last = api.logs(container, tail=8).decode(errors="replace").strip()
            raise ImageFault(
                f"{made}: expected {', '.join(packages)} to install, got status {status}: {last}"
            )
        repository, _, name = made.partition(":")
        # Nothing of the container's command is the image's.
        api.commit(container, repository=repository, tag=name, changes=['CMD ["sh"]'])
    finally:
        api.remove_container(container, force=True, v=True)
    return made
