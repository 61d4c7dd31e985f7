"""The one Debian base that every image stands on.

Made in one of two ways that end alike: Debian's slim image, pulled where a registry answers, with python3
added; or the same minimal system made here by debootstrap. Either is trimmed by one script, flattened into
one layer, and tagged by its recipe, so that two versions of this system can share an engine. Packages may
still differ by a point release between the two ways; that is why an image's package list has a digest of its
own in evidence.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import docker.errors
import requests.exceptions

from assessor import digest
from assessor.errors import ImageFault
from assessor.sandbox import engine

SUITE = "bookworm"
LABEL_RECIPE = "assessor.recipe"

_PULLED = "debian:bookworm-slim"
_PULL_S = 10
_MAKE_S = 900
_CHUNK = 1 << 20

#: What the system holds beside the minimum: the runner's interpreter; the library that compiles filters of
#: system calls, so that a process can shut itself in; and what knows `localhost` without a file of names,
#: which the engine writes only for what it connects to a network.
_PACKAGES = ("libnss-myhostname", "libseccomp2", "python3")

#: Programs whose whole use is to become somebody else, to mount, to enter namespaces, to make or mend file
#: systems, or to write to other people's terminals. Without privilege they do nothing; nothing here needs
#: them either.
_USELESS = """
    chage chfn chsh expiry gpasswd login newgrp passwd sg su unix_chkpwd unix_update wall
    chroot debugfs losetup mount nsenter pivot_root setpriv sulogin swapoff swapon switch_root umount unshare
    runuser mke2fs mkfs mkfs.bfs mkfs.cramfs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.minix mkswap dmesg
"""

#: Run inside the new system as its root. What goes: documentation and package lists, as in Debian's slim
#: image; what the making left of this machine; setuid and setgid bits, so that no program gains anything; the
#: right of anyone but root to write anywhere, `/tmp` too, where a sandbox mounts its own. `images` looks at
#: every image once more, whatever its Dockerfile did on top. `localhost` is 127.0.0.1 before it is ::1: there
#: the tests look for a service.
TRIM = rf"""set -eu
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* /var/tmp/*
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/lintian
echo 'precedence ::ffff:0:0/96 100' >/etc/gai.conf
rm -f /etc/resolv.conf /etc/hostname /etc/machine-id /etc/*- /var/lib/dpkg/*-old
for name in {" ".join(_USELESS.split())}; do rm -f /usr/bin/$name /usr/sbin/$name; done
find / -xdev -name __pycache__ -prune -exec rm -rf {{}} +
python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3.11
find / -xdev \( -type f -o -type d \) -perm /6022 -exec chmod a-s,go-w {{}} +
find / -xdev -type d -perm /1000 -exec chmod -t {{}} +
"""

RECIPE = digest.sha256(digest.canonical([SUITE, "minbase", *_PACKAGES, TRIM]))
TAG = f"assessor/base:{SUITE}-{RECIPE.removeprefix('sha256:')[:16]}"


def ensure(
    api: docker.APIClient, *, fresh: bool = False, say: Callable[[str], None] = lambda line: None
) -> None:
    """See that the base is there.

    Args:
        api: the engine.
        fresh: make it anew, with the packages of today, even where it is there.
        say: told what is done, in one line each.

    Raises:
        ImageFault: it can be neither pulled nor made.
    """
    if not fresh:
        try:
            if (api.inspect_image(TAG)["Config"].get("Labels") or {}).get(LABEL_RECIPE) == RECIPE:
                return
        except docker.errors.ImageNotFound:
            pass  # made below
    say(f"{TAG}: asking for {_PULLED}")
    missed = _pull()
    if missed is None:
        _grow(api)
        return
    say(f"{TAG}: making it with debootstrap ({missed})")
    _bootstrap(api, missed)


def _pull() -> str | None:
    """Pull the slim image; why not, or None where it is there now."""
    try:
        with engine.connect(timeout_s=_PULL_S) as short:
            short.pull(_PULLED)
    except (docker.errors.APIError, requests.exceptions.RequestException) as error:
        return f"no registry answers: {str(error).splitlines()[0][:160]}"
    return None


def _grow(api: docker.APIClient) -> None:
    """Add python3 to the pulled image and flatten it."""
    install = f"apt-get install -y --no-install-recommends {' '.join(_PACKAGES)}"
    script = f"apt-get update && {install}\n{TRIM}"
    made = api.create_container_from_config(
        {
            "Image": _PULLED,
            "Cmd": ["sh", "-c", script],
            "Env": ["DEBIAN_FRONTEND=noninteractive"],
            "Labels": {"assessor.role": "builder"},
        }
    )["Id"]
    try:
        api.start(made)
        status = api.wait(made, timeout=_MAKE_S)["StatusCode"]
        if status != 0:
            last = api.logs(made, tail=8).decode(errors="replace")
            raise ImageFault(
                f"{TAG}: expected python3 to be installed in {_PULLED}, got status {status}: {last}"
            )
        _import(api, api.export(made))
    finally:
        api.remove_container(made, force=True, v=True)


def _bootstrap(api: docker.APIClient, missed: str) -> None:
    """Make the same system here and hand it to the engine."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise ImageFault(
            f"{TAG}: expected a registry that answers, or root and debootstrap to make it here, "
            f"got: {missed}; run `script/setup` as root once, or load the image from a machine that has it"
        )
    with tempfile.TemporaryDirectory(prefix="assessor-base-") as spot:
        root = Path(spot) / "root"
        mirror = [url] if (url := os.environ.get("ASSESSOR_DEBIAN_MIRROR")) else []
        included = f"--include={','.join(_PACKAGES)}"
        _run(["debootstrap", "--variant=minbase", included, SUITE, str(root), *mirror])
        _run(["chroot", str(root), "sh", "-c", TRIM])
        # /dev is the engine's to fill, and device nodes have no place in an image.
        shutil.rmtree(root / "dev")
        (root / "dev").mkdir()
        pack = ["tar", "--create", "--sort=name", "--numeric-owner", "--directory", str(root), "."]
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
            assert tar.stdout is not None
            _import(api, iter(functools.partial(tar.stdout.read, _CHUNK), b""))


def _import(api: docker.APIClient, archive: Iterator[bytes]) -> None:
    repository, tag = TAG.split(":")
    answer = api.import_image_from_stream(
        archive, repository=repository, tag=tag, changes=[f"LABEL {LABEL_RECIPE}={RECIPE}"]
    )
    if '"error"' in answer:
        raise ImageFault(f"{TAG}: expected the engine to import it, got: {answer[-400:]}")


def _run(command: list[str]) -> None:
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    environment |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_MAKE_S, check=False, env=environment
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise ImageFault(f"{TAG}: expected {command[0]} to succeed, got status {done.returncode}: {last}")
